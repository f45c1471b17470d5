//! How the authorization URL reaches a browser, and the wait for it to come back.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior};
use url::Url;

use crate::app::{Environment, is_loopback};
use crate::browser;
use crate::client::{Client, Wire};
use crate::cmd::Context;
use crate::cmd::login::Arguments;
use crate::cmd::login::NOTHING_STORED;
use crate::cmd::login::countdown::{Countdown, minutes};
use crate::cmd::login::paste::Paste;
use crate::cmd::login::plan::Plan;
use crate::error::{Error, Kind, Result};
use crate::loopback::{Browser, Callback, Expected, Listener, Watch};
use crate::oauth::Authorization;
use crate::output::Output;
use crate::signals::Signals;

/// Redirects that are followed where the sandbox consents by itself: there are two, and a loop has to end.
const MAX_REDIRECTS: u32 = 8;

/// Who opens the authorization URL.
pub enum Way {
    /// A browser is opened here, by the program named or by the desktop's own opener.
    Open(Option<String>),
    /// The person opens the printed address.
    Print,
    /// The sandbox consents, and this program plays the browser.
    Approve,
}

/// What the person is asked for.
pub struct Asked<'a> {
    pub plan: &'a Plan,
    pub authorization: &'a Authorization,
    pub base: &'a Url,
    /// In seconds.
    pub timeout: u64,
    /// The wire, if it is shown.
    pub trace: Option<Output>,
    /// Whether a person sits at the terminal.
    pub may_ask: bool,
}

impl Way {
    /// # Errors
    /// Nobody could complete the login: no desktop, no terminal, and no flag that says otherwise.
    pub fn choose(context: &Context, arguments: &Arguments, plan: &Plan) -> Result<Way> {
        if arguments.approve {
            return Ok(Way::Approve);
        }
        if arguments.browser.is_some() {
            return Ok(Way::Open(arguments.browser.clone()));
        }
        if arguments.no_browser {
            return Ok(Way::Print);
        }
        if browser::is_desktop() {
            return Ok(Way::Open(None));
        }
        if context.may_ask() {
            return Ok(Way::Print);
        }
        Err(nobody(plan, arguments))
    }

    /// Shows the address and waits for the browser to come back, for a signal, or for the time to run out.
    ///
    /// # Errors
    /// [`Kind::TimedOut`] with what may be wrong, or [`Kind::Interrupted`]. The port is closed then.
    pub async fn ask(
        &self,
        output: Output,
        listener: Listener,
        asked: Asked<'_>,
        signals: &mut Signals,
    ) -> Result<(Callback, Browser)> {
        let start_address = listener.start_address();
        let Asked {
            plan,
            authorization,
            base,
            timeout,
            trace,
            may_ask,
        } = asked;
        let expected = Arc::new(Expected {
            authorization_url: authorization.url.clone(),
            state: authorization.state.clone(),
            environment: plan.app.environment.clone(),
            base: base.clone(),
        });
        output.event(&json!({"event": "authorize", "url": authorization.url.as_str()}));
        let mut opening = self.send_off(output, &start_address, &authorization.url)?;
        if matches!(
            (self, &plan.app.environment),
            (Way::Print, Environment::Sandbox)
        ) {
            output.note(&format!(
                "without a browser the sandbox consents by itself with `{} --approve`",
                plan.command()
            ));
        }
        let mut paste = match self {
            Way::Approve => Paste::none(output, listener.redirect_uri()),
            Way::Open(_) | Way::Print => {
                Paste::invite(output, may_ask, listener.redirect_uri(), &minutes(timeout))
            }
        };

        let deadline = Instant::now() + Duration::from_secs(timeout);
        let mut seconds = tokio::time::interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut countdown = Countdown::until(deadline, "the browser", output);
        let waiting = listener.wait(Arc::clone(&expected), Watch::new(output, trace));
        tokio::pin!(waiting);
        let came = loop {
            tokio::select! {
                biased;
                signal = signals.next() => break Err(signal.into_error(NOTHING_STORED)),
                callback = &mut waiting => break Ok(callback),
                () = tokio::time::sleep_until(deadline) => break Err(timed_out(plan, timeout)),
                why = opening.failed() => {
                    if matches!(self, Way::Approve) {
                        break Err(not_approved(plan, &why));
                    }
                    countdown.hide();
                    output.warning(&format!("could not open a browser: {why}"));
                    output.note(&format!("open this address yourself:\n{}", authorization.url));
                }
                pasted = paste.callback(&expected) => if let Some(callback) = pasted {
                    break Ok((callback, Browser::none()));
                },
                // A line that is redrawn would spoil what is being pasted.
                _ = seconds.tick(), if !paste.is_open() => countdown.tell(),
            }
        };
        countdown.hide();
        came
    }

    fn send_off(&self, output: Output, start_address: &str, url: &Url) -> Result<Opening> {
        match self {
            Way::Open(program) => {
                output.note("opening your browser to sign in; if nothing happens, open this address on this machine:");
                output.note(start_address);
                Ok(Opening(Some(browser::open(
                    start_address,
                    program.as_deref(),
                ))))
            }
            Way::Print => {
                output.note("open this address in a browser to sign in:");
                output.note(url.as_str());
                Ok(Opening(None))
            }
            Way::Approve => {
                output.note("the sandbox consents by itself");
                approve(start_address)
            }
        }
    }
}

/// Names every way that works without a person in front of this machine.
fn nobody(plan: &Plan, arguments: &Arguments) -> Error {
    let environment = &plan.app.environment;
    let sandbox = *environment == Environment::Sandbox;
    let mut ways = Vec::new();
    if sandbox {
        ways.push(match arguments.sandbox {
            true => "let the sandbox consent by itself with `--approve`",
            false => "let the sandbox consent by itself with `--sandbox --approve`",
        });
    }
    if *environment != Environment::WebexGov {
        ways.push("sign in from another device with `--device`");
    }
    ways.push("open the printed address yourself with `--no-browser`");
    ways.push("name a program that opens it with `--browser CMD`");
    // What a connection was made from never changes.
    if !sandbox && plan.existing.is_none() {
        ways.push("bring a token with `--token-stdin` or `--refresh-token-stdin`");
    }
    if !sandbox {
        ways.push("take a connection over from another machine with `webex-connect import`");
    }
    let last = ways.pop().unwrap_or_default();
    let message = "nobody could sign in here: there is no desktop and no terminal";
    Error::new(Kind::SignIn, message).with_hint(format!("{}, or {last}", ways.join(", ")))
}

/// Follows the redirects from the start address to the callback, as a browser would. The last answer comes only
/// when the login is over, so nobody waits for it.
fn approve(start_address: &str) -> Result<Opening> {
    let start = Url::parse(start_address)
        .map_err(|_| Error::new(Kind::Failure, "the start address is not a URL"))?;
    let client = Client::new(&start, &Wire::default())?;
    let (failed, failure) = oneshot::channel();
    tokio::spawn(async move {
        if let Err(error) = follow(&client, start).await {
            let _ = failed.send(error.to_string());
        }
    });
    Ok(Opening(Some(failure)))
}

async fn follow(client: &Client, start: Url) -> Result<()> {
    let failed = |message: &str| Error::new(Kind::Refused, message);
    let mut next = start;
    for _ in 0..=MAX_REDIRECTS {
        if !is_loopback(&next) {
            return Err(failed("it redirected off this machine"));
        }
        let mut request = http::Request::new(Vec::new());
        let uri = next.as_str().parse();
        *request.uri_mut() = uri.map_err(|_| failed("the address is too long"))?;
        let answer = client.send(request).await?;
        let location = answer.headers().get(http::header::LOCATION);
        match location.map(|location| location.to_str().unwrap_or_default()) {
            None if answer.status().is_success() => return Ok(()),
            None => return Err(failed(&format!("it answered {}", answer.status().as_u16()))),
            Some(location) => {
                let url = Url::parse(location);
                next = url.map_err(|_| failed("it redirected to what is no address"))?;
            }
        }
    }
    Err(failed("it redirected without end"))
}

fn not_approved(plan: &Plan, why: &str) -> Error {
    Error::new(Kind::Failure, "the sandbox could not consent by itself")
        .with_detail(why)
        .with_hint(format!(
            "run `{} --no-browser` and open the address that it prints",
            plan.command()
        ))
}

/// A browser on its way up.
struct Opening(Option<oneshot::Receiver<String>>);

impl Opening {
    /// Why no browser could be opened, once that is certain; otherwise it waits for ever.
    async fn failed(&mut self) -> String {
        if let Some(failure) = &mut self.0 {
            let failure = failure.await;
            self.0 = None;
            if let Ok(why) = failure {
                return why;
            }
        }
        std::future::pending().await
    }
}

/// Webex shows a page of its own, and never calls back, for the mistakes named here.
fn timed_out(plan: &Plan, timeout: u64) -> Error {
    let message = format!("timed out after {timeout} s waiting for the browser to come back");
    let again = format!("run `{}` again", plan.command());
    let hint = match plan.app.environment.portal() {
        None => again,
        Some(portal) => format!(
            "if Webex showed an error page of its own: check at {portal} that the client ID is right, that the app \
             has the redirect URI {} character for character, and that no administrator has blocked it; then {again}",
            plan.app.redirect_uri
        ),
    };
    Error::new(Kind::TimedOut, message).with_hint(hint)
}
