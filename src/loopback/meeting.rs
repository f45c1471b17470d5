//! A meeting with a browser that is not about a login: whether it comes at all, and over which address family.

use std::net::IpAddr;
use std::time::Duration;

use crate::http::{Held, Request, Verdict};
use crate::loopback::{Listener, Watch, turned_away};
use crate::page::{Forms, page};

/// How long a browser that keeps its connection open may hold up the end.
const GOODBYE_TIME: Duration = Duration::from_secs(1);

impl Listener {
    /// Serves until a browser asks for the start address. Gives the address of this machine that it came to, and the
    /// browser, which waits for its page. Programs of other users are turned away.
    pub async fn meet(self, watch: Watch) -> (Option<IpAddr>, Visitor) {
        let (uri, start) = (self.redirect_uri, self.start_path);
        let handler = move |request: &Request| match turned_away(request, &[&start], &uri, &watch) {
            Some(refusal) => Verdict::Answer(refusal),
            None => Verdict::Hold(request.ends.map(|(ours, _)| ours.ip())),
        };
        let (arrived_at, held) = self.server.serve(handler).await;
        (arrived_at, Visitor(held))
    }
}

/// A browser that came.
pub struct Visitor(Held);

impl Visitor {
    /// Shows that it was seen.
    pub async fn show_seen(self) {
        let content = "<h1 class=\"good\">Your browser reaches this machine</h1>\n\
             <p>The terminal says over which address it came. You can close this page.</p>";
        let page = page(200, "reached · webex-connect", content, Forms::None);
        let _ = tokio::time::timeout(GOODBYE_TIME, self.0.answer(page)).await;
    }
}
