//! A browser, sent to a page of this machine: does it come, and over which address family?

use std::net::IpAddr;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::app::RedirectUri;
use crate::browser;
use crate::cmd::Context;
use crate::cmd::doctor::Arguments;
use crate::cmd::doctor::finding::Finding;
use crate::error::{Error, Kind, Result};
use crate::loopback::{Listener, Watch};
use crate::signals::Signals;

const LOOPBACK: &str = "loopback";
const OTHERWISE: &str = "`webex-connect login --no-browser` prints the address to open yourself";

/// # Errors
/// [`Kind::Interrupted`], and then the port is closed. What goes wrong otherwise is a finding.
pub async fn examine(
    context: &Context,
    arguments: &Arguments,
    uri: &RedirectUri,
) -> Result<Finding> {
    let mut signals = Signals::catch()?;
    let failed = |error: Error| Finding::fail(LOOPBACK, &error, OTHERWISE);
    let opens = arguments.browser.is_some() || browser::is_desktop();
    if !opens && !context.may_ask() {
        let message = "no browser could come: there is no desktop and no terminal";
        let error = Error::new(Kind::SignIn, message);
        let hint = "name a program that opens an address with `--browser CMD`";
        return Ok(failed(error.with_hint(hint)));
    }
    let listener = match Listener::bind(uri) {
        Ok(listener) => listener,
        Err(error) => return Ok(failed(error)),
    };
    let mut opening = send_off(context, arguments, opens, &listener.start_address());
    let deadline = tokio::time::sleep(Duration::from_secs(arguments.timeout));
    let meeting = listener.meet(Watch::new(context.output, context.wire.trace));
    tokio::pin!(deadline, meeting);
    loop {
        tokio::select! {
            biased;
            signal = signals.next() => return Err(signal.into_error("nothing was stored")),
            (arrived_at, visitor) = &mut meeting => {
                visitor.show_seen().await;
                return Ok(Finding::ok(LOOPBACK, came(uri, arrived_at)));
            }
            () = &mut deadline => return Ok(failed(timed_out(uri, arguments.timeout))),
            why = failure(&mut opening) => {
                let message = format!("could not open a browser: {why}");
                if !context.may_ask() {
                    return Ok(failed(Error::new(Kind::SignIn, message)));
                }
                context.output.warning(&message);
            }
        }
    }
}

/// Opens the address where a browser can be opened, and tells it in any case.
fn send_off(
    context: &Context,
    arguments: &Arguments,
    opens: bool,
    address: &str,
) -> Option<oneshot::Receiver<String>> {
    let output = context.output;
    let told = match opens {
        true => {
            "opening your browser on a page of this machine; if nothing happens, open this address:"
        }
        false => "open this address in a browser:",
    };
    output.note(told);
    output.note(address);
    output.event(&serde_json::json!({"event": "open", "url": address}));
    opens.then(|| browser::open(address, arguments.browser.as_deref()))
}

/// Why no browser could be opened, once that is certain; otherwise it waits for ever.
async fn failure(opening: &mut Option<oneshot::Receiver<String>>) -> String {
    if let Some(receiver) = opening {
        let failure = receiver.await;
        *opening = None;
        if let Ok(why) = failure {
            return why;
        }
    }
    std::future::pending().await
}

fn came(uri: &RedirectUri, arrived_at: Option<IpAddr>) -> String {
    let origin = uri.origin();
    match arrived_at {
        Some(ip @ IpAddr::V4(_)) => format!("a browser sent to {origin} came to {ip}, over IPv4"),
        Some(ip @ IpAddr::V6(_)) => format!("a browser sent to {origin} came to {ip}, over IPv6"),
        None => {
            format!("a browser sent to {origin} came; the system does not tell over which address")
        }
    }
}

fn timed_out(uri: &RedirectUri, timeout: u64) -> Error {
    let message = format!("no browser came to {} within {timeout} s", uri.origin());
    Error::new(Kind::TimedOut, message).with_hint(
        "see that the browser runs on this machine and goes to it without a proxy; `webex-connect login --no-browser` \
         prints the address to open yourself",
    )
}
