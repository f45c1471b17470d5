//! Whether a browser opened here would come up in front of the person, and what to do where it would not.

use crate::app::RedirectUri;
use crate::browser::{Place, missing_openers};
use crate::cmd::doctor::finding::Finding;

const BROWSER: &str = "browser";

pub fn examine(redirect_uris: &[RedirectUri]) -> Finding {
    let elsewhere = "print the address with `webex-connect login --no-browser` and paste the one the browser ends on, \
                     or use `webex-connect login --device`";
    match Place::here() {
        Place::Desktop => match missing_openers() {
            None => Finding::ok(BROWSER, "a desktop: a login opens your browser here"),
            Some(openers) => Finding::warning(
                BROWSER,
                format!("a desktop, but nothing that opens a browser: {openers}"),
                "install `xdg-utils`, or name a program with `webex-connect login --browser CMD`",
            ),
        },
        Place::Ssh => {
            let message = "an SSH session: a browser opened here would not come up before you";
            Finding::warning(
                BROWSER,
                message,
                format!("{}{elsewhere}", tunnel(redirect_uris)),
            )
        }
        Place::Container => {
            let message = "a container: a browser opened here would not come up before you";
            Finding::warning(BROWSER, message, elsewhere)
        }
        Place::Wsl => {
            let message = "WSL: the browser runs in Windows, where this machine's loopback may not be reached";
            Finding::warning(BROWSER, message, elsewhere)
        }
        Place::Bare => Finding::warning(BROWSER, "there is no desktop here", elsewhere),
    }
}

/// What makes the redirect URI lead here from the machine the person sits at.
fn tunnel(redirect_uris: &[RedirectUri]) -> String {
    let Some(uri) = redirect_uris.first() else {
        return String::new();
    };
    let port = uri.port();
    let origin = uri.origin();
    let address = origin.trim_start_matches("http://");
    format!("connect with `ssh -L {port}:{address} USER@HOST`, then ")
}
