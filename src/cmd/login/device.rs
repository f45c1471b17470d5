//! `login --device`: the person signs in on any other device, and this one asks Webex again and again.

use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, MissedTickBehavior};

use crate::app::Environment;
use crate::app::portal::DEVICE_REDIRECT_URIS;
use crate::client::Client;
use crate::cmd::Context;
use crate::cmd::login::NOTHING_STORED;
use crate::cmd::login::countdown::Countdown;
use crate::cmd::login::ending::Ending;
use crate::cmd::login::plan::Plan;
use crate::cmd::login::{Arguments, qr};
use crate::error::{Error, Kind, Result};
use crate::oauth::Granted;
use crate::oauth::device::{Device, Polled, begin};
use crate::output::Output;
use crate::session;
use crate::signals::Signals;
use crate::store::Store;

/// Seconds added to the interval each time Webex asks for it (RFC 8628 §3.5).
const SLOWER: Duration = Duration::from_secs(5);
/// The longest pause while the network fails; a sign-in lasts minutes.
const MAX_PAUSE: Duration = Duration::from_secs(60);
/// Scopes of OpenID Connect Core §5.4, which Webex's device grant does not take.
const OPENID: [&str; 5] = ["openid", "profile", "email", "address", "phone"];

/// Refuses what the device grant can't do, before anything is asked of Webex.
///
/// # Errors
/// [`Kind::Usage`]: the environment has no device grant, or a scope is none for it.
pub fn check(plan: &Plan) -> Result<()> {
    if plan.app.environment == Environment::WebexGov {
        let message =
            "--device is not for webex-gov: whether its Webex has the device grant is not known";
        return Err(Error::new(Kind::Usage, message).with_hint(format!(
            "`{}` opens a browser on this machine, and with `--no-browser` prints the address for one",
            plan.browser_command()
        )));
    }
    if let Some(scope) = OPENID.into_iter().find(|scope| plan.scopes.contains(scope)) {
        let message = format!("--device does not go with the OpenID scope {scope}");
        return Err(Error::new(Kind::Usage, message)
            .with_hint("leave it out with `--scope`, or sign in without `--device`"));
    }
    Ok(())
}

/// The whole sign-in, once it is settled what for.
///
/// # Errors
/// Whatever ended it; nothing was stored then.
pub async fn login(
    context: &Context,
    arguments: &Arguments,
    store: &Store,
    plan: Plan,
    mut signals: Signals,
) -> Result<()> {
    let output = context.output;
    let base = match plan.app.environment.api_base() {
        Some(base) => base,
        None => session::embedded_sandbox(Vec::new(), arguments.approve)?,
    };
    let client = Client::new(&base, &context.wire)?;
    let cures = plan.cures();
    let beginning = begin(&client, &base, &plan.app, &plan.scopes, &cures);
    let device = signals.unless(beginning, NOTHING_STORED).await??;
    show(output, &device, arguments.approve);
    let mut ending = Ending::new(output, store, &client, &base);
    let wait = Wait::new(&device, arguments.timeout);
    let granted = wait.run(&ending, &device, &plan, &mut signals).await;
    output.end_passing();
    let finished = ending.keep(plan, granted?, &mut signals).await;
    ending.tell(finished)
}

/// Both addresses and the digits; the QR code above them, where it may scroll away first.
fn show(output: Output, device: &Device, approve: bool) {
    let complete = device.verification_uri_complete.as_ref();
    output.event(&json!({
        "event": "device",
        "verification_uri": device.verification_uri,
        "verification_uri_complete": complete,
        "user_code": device.user_code,
        "expires_in": device.expires_in,
        "interval": device.interval,
    }));
    if approve {
        return output.note("the sandbox consents by itself");
    }
    let scanned = complete.unwrap_or(&device.verification_uri);
    let columns = output.talk_columns().unwrap_or_default();
    if let Some(lines) = qr::draw(scanned.as_str(), columns) {
        output.picture(&lines);
    }
    output.note(&format!(
        "open this address in a browser, on whatever device:\n\n  {}\n\nand type this code there:\n\n  {}\n",
        device.verification_uri, device.user_code
    ));
    if let Some(complete) = complete {
        output.note(&format!(
            "or open this one, which asks for no code:\n\n  {complete}\n"
        ));
    }
}

/// The pace of asking, and when to stop.
struct Wait {
    interval: Duration,
    /// Troubles since Webex last answered.
    troubles: u32,
    deadline: Instant,
    /// Seconds from the start to the deadline.
    seconds: u64,
}

impl Wait {
    /// Expiry is counted here: Webex promises no `expired_token`.
    fn new(device: &Device, timeout: u64) -> Wait {
        let seconds = device.expires_in.min(timeout);
        Wait {
            interval: Duration::from_secs(device.interval),
            troubles: 0,
            deadline: Instant::now() + Duration::from_secs(seconds),
            seconds,
        }
    }

    /// Asks until the person has decided, a signal comes or the time runs out.
    async fn run(
        mut self,
        ending: &Ending<'_>,
        device: &Device,
        plan: &Plan,
        signals: &mut Signals,
    ) -> Result<Granted> {
        let mut seconds = tokio::time::interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut countdown = Countdown::until(self.deadline, "the sign-in", ending.output);
        let mut pause = self.interval;
        let cures = &plan.cures();
        loop {
            let asking = async move {
                tokio::time::sleep(pause).await;
                device
                    .poll(ending.client, ending.base, &plan.app, cures)
                    .await
            };
            tokio::pin!(asking);
            let polled = loop {
                tokio::select! {
                    biased;
                    signal = signals.next() => return Err(signal.into_error(NOTHING_STORED)),
                    () = tokio::time::sleep_until(self.deadline) => return Err(timed_out(plan, self.seconds)),
                    polled = &mut asking => break polled,
                    _ = seconds.tick() => countdown.tell(),
                }
            };
            match polled.map_err(|error| with_cure(error, plan))? {
                Polled::Granted(granted) => return Ok(granted),
                other => pause = self.next(ending.output, &mut countdown, other),
            }
        }
    }

    /// How long to wait before the next poll.
    fn next(&mut self, output: Output, countdown: &mut Countdown, polled: Polled) -> Duration {
        let troubles = std::mem::take(&mut self.troubles);
        match polled {
            Polled::SlowDown => self.interval += SLOWER,
            Polled::Later(wait) => return wait.max(self.interval),
            Polled::Trouble(error) => {
                if troubles == 0 {
                    countdown.hide();
                    output.warning(&format!("{error}; asking again until the code expires"));
                }
                self.troubles = troubles.saturating_add(1);
                // RFC 8628 §3.5 wants the pause to grow; it is the interval again once Webex has answered.
                let doubled = self.interval.saturating_mul(1 << self.troubles.min(6));
                return doubled.min(MAX_PAUSE).max(self.interval);
            }
            Polled::Pending | Polled::Granted(_) => {}
        }
        self.interval
    }
}

fn timed_out(plan: &Plan, seconds: u64) -> Error {
    let message = format!("timed out after {seconds} s waiting for somebody to allow the sign-in");
    with_cure(Error::new(Kind::TimedOut, message), plan)
}

/// Says what to do, where the error does not yet.
fn with_cure(error: Error, plan: &Plan) -> Error {
    if error.hint.is_some() {
        return error;
    }
    let again = format!("run `{}` again", plan.command());
    let portal = plan.app.environment.portal();
    let Some(portal) = portal.filter(|_| matches!(error.kind, Kind::TimedOut | Kind::Denied))
    else {
        return error.with_hint(again);
    };
    error.with_hint(format!(
        "{again}; if the browser showed an error page after the sign-in, the app lacks a redirect URI of the device \
         grant: at {portal} it must have all of {}",
        DEVICE_REDIRECT_URIS.join(" ")
    ))
}
