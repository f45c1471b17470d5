//! The redirect listener: which request counts, and what the browser sees.

mod callback;
mod watch;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::app::RedirectUri;
use crate::error::{Error, Kind, Result};
use crate::http::{Held, Request, Response, Server, Verdict};
use crate::page::{Forms, escape, page};

pub use callback::{Callback, Expected, Pasted};
pub use watch::Watch;

/// The start address's random part, in bytes: more than the 128 bits that can't be guessed.
const START_BYTES: usize = 24;

/// A bound listener that has told nobody its addresses yet.
pub struct Listener {
    server: Server,
    redirect_uri: RedirectUri,
    start_path: String,
}

impl Listener {
    /// Binds every address the redirect URI can mean on this machine.
    ///
    /// # Errors
    /// [`Kind::PortInUse`] if another program has one of them, before any browser is opened.
    pub fn bind(redirect_uri: &RedirectUri) -> Result<Listener> {
        let addresses: Vec<SocketAddr> = redirect_uri
            .addresses()
            .into_iter()
            .filter(|address| !is_missing_family(address))
            .collect();
        if addresses.is_empty() {
            let missing = io::Error::from(io::ErrorKind::AddrNotAvailable);
            return Err(not_bound(redirect_uri, &missing));
        }
        let server =
            Server::bind(&addresses, 0).map_err(|error| not_bound(redirect_uri, &error))?;
        Listener::new(server, redirect_uri.clone())
    }

    /// Binds a port of the system's choice, for the embedded sandbox.
    ///
    /// # Errors
    /// No port at all.
    pub fn bind_any() -> Result<Listener> {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let failed = |error: io::Error| {
            Error::new(Kind::Failure, "could not listen on 127.0.0.1").with_cause(&error)
        };
        let server = Server::bind(&[any], 0).map_err(failed)?;
        let redirect_uri = RedirectUri::on_port(server.port().map_err(failed)?);
        Listener::new(server, redirect_uri)
    }

    fn new(server: Server, redirect_uri: RedirectUri) -> Result<Listener> {
        let mut random = [0; START_BYTES];
        getrandom::getrandom(&mut random)
            .map_err(|_| Error::new(Kind::Failure, "the system has no random numbers to give"))?;
        let start_path = format!("/{}", BASE64_URL_SAFE_NO_PAD.encode(random));
        Ok(Listener {
            server,
            redirect_uri,
            start_path,
        })
    }

    pub fn redirect_uri(&self) -> &RedirectUri {
        &self.redirect_uri
    }

    /// The address a browser on this machine is opened with. It answers 302 to the authorization URL, so that
    /// neither `state` nor a long scope list ever stands in a process list.
    pub fn start_address(&self) -> String {
        format!("{}{}", self.redirect_uri.origin(), self.start_path)
    }

    /// Serves until the first valid callback, which is then held. Everything else is answered and forgotten.
    pub async fn wait(self, expected: Arc<Expected>, watch: Watch) -> (Callback, Browser) {
        let (uri, start) = (self.redirect_uri, self.start_path);
        let handler = move |request: &Request| judge(request, &uri, &start, &expected, &watch);
        let (callback, held) = self.server.serve(handler).await;
        (callback, Browser(Some(held)))
    }
}

/// The browser that brought the callback, waiting to be told how it ended; none where a person brought it.
pub struct Browser(Option<Held>);

impl Browser {
    /// For a callback that came by another way than the listener.
    pub fn none() -> Browser {
        Browser(None)
    }

    async fn answer(self, response: Response) {
        if let Some(held) = self.0 {
            held.answer(response).await;
        }
    }

    /// Shows that the connection is made and stored.
    pub async fn show_connected(self, name: &str) {
        let name = escape(name);
        let content = format!(
            "<h1 class=\"good\">You are connected</h1>\n<p>The connection <strong>{name}</strong> is stored and ready.</p>\n\
             <p class=\"faint\">You can close this page and go back to the terminal.</p>"
        );
        self.answer(page(
            200,
            "connected · webex-connect",
            &content,
            Forms::None,
        ))
        .await;
    }

    /// Shows what the terminal says, as far as the words are our own.
    pub async fn show_error(self, error: &Error) {
        let message = escape(&capitalised(&error.message));
        let hint = error
            .hint
            .as_deref()
            .map(|hint| format!("<p>{}</p>\n", code_spans(&escape(hint))))
            .unwrap_or_default();
        let content = format!(
            "<h1 class=\"bad\">Not connected</h1>\n<p>{message}.</p>\n{hint}\
             <p class=\"faint\">The terminal says more. You can close this page.</p>"
        );
        self.answer(page(
            400,
            "not connected · webex-connect",
            &content,
            Forms::None,
        ))
        .await;
    }
}

fn capitalised(phrase: &str) -> String {
    let mut chars = phrase.chars();
    chars
        .next()
        .map(|first| first.to_uppercase().chain(chars).collect())
        .unwrap_or_default()
}

/// Backticks become `<code>`.
fn code_spans(text: &str) -> String {
    let pieces = text.split('`').enumerate();
    pieces
        .map(|(n, piece)| {
            if n % 2 == 1 {
                format!("<code>{piece}</code>")
            } else {
                piece.to_owned()
            }
        })
        .collect()
}

/// `state` before anything else: without it nobody may end the wait, not even with an error.
fn judge(
    request: &Request,
    uri: &RedirectUri,
    start: &str,
    expected: &Expected,
    watch: &Watch,
) -> Verdict<Callback> {
    let refuse = |status, why| Verdict::Answer(Response::text(status, why));
    if let Some(refusal) = turned_away(request, start, uri, watch) {
        return Verdict::Answer(refusal);
    }
    if request.path() == start {
        return Verdict::Answer(Response::redirect(&expected.authorization_url));
    }
    let query = request.query();
    // A redirect URI without a path shares `/` with whatever a browser looks for there.
    if !callback::is_answer(&query) {
        return refuse(404, "nothing here\n");
    }
    match expected.answer(&query) {
        Some(callback) => Verdict::Hold(callback),
        None => refuse(400, "not the answer to this login\n"),
    }
}

/// The refusal of a request for another path or host, with another method than GET, from another user's program, or
/// for a page that is not opened yet.
fn turned_away(
    request: &Request,
    start: &str,
    uri: &RedirectUri,
    watch: &Watch,
) -> Option<Response> {
    let refuse = |status, why| Some(Response::text(status, why));
    if ![start, uri.path()].contains(&request.path()) {
        return refuse(404, "nothing here\n");
    }
    if !request.header("Host").is_some_and(|host| uri.is_host(host)) {
        return refuse(421, "not this host\n");
    }
    if request.method != "GET" {
        return refuse(405, "only GET\n");
    }
    if !watch.admits(request) {
        return refuse(403, "not this user\n");
    }
    // The page would be thrown away, and with it the one answer to a callback. The browser asks again when the person
    // opens the address.
    if request.is_prefetch() {
        return refuse(425, "not before the page is opened\n");
    }
    None
}

/// Whether this machine has no such address family, so that nobody else can listen there either.
pub fn is_missing_family(address: &SocketAddr) -> bool {
    let absent = |error: &io::Error| {
        error.kind() == io::ErrorKind::AddrNotAvailable || is_unsupported(error)
    };
    address.is_ipv6() && std::net::TcpListener::bind((address.ip(), 0)).is_err_and(|e| absent(&e))
}

/// The system was built or started without IPv6.
#[cfg(unix)]
fn is_unsupported(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
}

#[cfg(not(unix))]
fn is_unsupported(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported
}

fn not_bound(uri: &RedirectUri, error: &io::Error) -> Error {
    let port = uri.port();
    let failed = format!("could not listen on port {port} of {uri}");
    let (kind, message, first) = match error.kind() {
        io::ErrorKind::AddrInUse => (
            Kind::PortInUse,
            format!("port {port} of {uri} is in use by another program"),
            format!("end the program that has port {port}, "),
        ),
        // Below 1024, as a rule.
        io::ErrorKind::PermissionDenied => (
            Kind::App,
            failed,
            format!("port {port} is not for every user here: "),
        ),
        _ => (Kind::App, failed, String::new()),
    };
    Error::new(kind, message).with_detail(&error.to_string()).with_hint(format!(
        "{first}register another redirect URI on the app and give it with `--redirect-uri`, or sign in with `--device`, \
         which needs no port (but is not for webex-gov)"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_may_not_be_had_is_not_blamed_on_a_program() {
        let uri = RedirectUri::on_port(80);
        let hint = |kind| {
            let error = not_bound(&uri, &io::Error::from(kind));
            error.hint.unwrap_or_default()
        };
        assert!(hint(io::ErrorKind::AddrInUse).starts_with("end the program that has port 80, "));
        for kind in [
            io::ErrorKind::PermissionDenied,
            io::ErrorKind::AddrNotAvailable,
        ] {
            assert!(!hint(kind).contains("program"), "{kind}");
            assert!(hint(kind).contains("`--redirect-uri`"), "{kind}");
        }
    }
}
