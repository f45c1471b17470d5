//! Whether a browser opened here would come up in front of the person, and what to do where it would not.

use crate::app::RedirectUri;
use crate::browser::{Surroundings, missing_openers, surroundings};
use crate::cmd::doctor::finding::Finding;
use crate::cmd::login::tunnel;

const BROWSER: &str = "browser";

pub fn examine(redirect_uris: &[RedirectUri]) -> Finding {
    let elsewhere = "print the address with `webex-connect login --no-browser` and paste the one the browser ends on, \
                     or use `webex-connect login --device`";
    match surroundings() {
        Surroundings::Desktop => match missing_openers() {
            None => Finding::ok(BROWSER, "a desktop: a login opens your browser here"),
            Some(openers) => Finding::warning(
                BROWSER,
                format!("a desktop, but nothing that opens a browser: {openers}"),
                "install `xdg-utils`, or name a program with `webex-connect login --browser CMD`",
            ),
        },
        Surroundings::Ssh => {
            let message = "an SSH session: a browser opened here would not come up before you";
            let first = redirect_uris.first();
            let connect = first.map(|uri| format!("connect with `{}`, then ", tunnel(uri)));
            let cure = connect.unwrap_or_default() + elsewhere;
            Finding::warning(BROWSER, message, cure)
        }
        Surroundings::Container => {
            let message = "a container: a browser opened here would not come up before you";
            Finding::warning(BROWSER, message, elsewhere)
        }
        Surroundings::Wsl => {
            let message = "WSL: the browser runs in Windows, where this machine's loopback may not be reached";
            Finding::warning(BROWSER, message, elsewhere)
        }
        Surroundings::Headless => Finding::warning(BROWSER, "there is no desktop here", elsewhere),
    }
}
