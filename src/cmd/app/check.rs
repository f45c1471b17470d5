//! `app check`: which part of an app Webex refuses.

use clap::Args;

use crate::app::provided::{self, provided};
use crate::app::{App, PORTAL};
use crate::client::Client;
use crate::cmd::Context;
use crate::cmd::app::missing;
use crate::cmd::report::{self, Line};
use crate::error::{Error, Kind, Result};
use crate::name::Name;
use crate::oauth::trial::{self, Verdict, Verdicts};
use crate::session;

/// Ask Webex which part of an app it refuses
///
/// Client ID, client secret, redirect URI and scopes are each reported as ok,
/// refused or "could not tell". Nobody signs in and nothing is stored: Webex
/// is given a code it never issued, and an authorization request that no
/// browser follows up. Much of what a redirect URI or a scope is refused for
/// shows only after a sign-in; then the report says so.
///
/// The exit code is 0 if nothing is refused, 8 if something is, and 7 if
/// Webex could not be reached. `provided` is the app that this machine's
/// packager or administrator provides.
///
///   $ webex-connect app check work
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Arguments {
    /// The app
    name: String,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<()> {
    let app = app(context, &Name::parse(&arguments.name)?)?;
    let base = app.environment.api_base().ok_or_else(|| {
        Error::new(Kind::App, "the sandbox's app needs no check")
            .with_hint("try it with `webex-connect login --sandbox`")
    })?;
    let (verdicts, unanswered) = session::runtime()?.block_on(async {
        let client = Client::new(&base, &context.wire)?;
        trial::examine(&client, &base, &app).await
    })?;
    show(context, &app, &verdicts)?;
    if verdicts.is_refused() {
        let message = format!("Webex refuses a part of the app {}", app.name);
        let hint = format!(
            "do as the report says, then run `webex-connect app check {}` again",
            app.name
        );
        return Err(Error::new(Kind::App, message).with_hint(hint));
    }
    unanswered.map_or(Ok(()), Err)
}

fn app(context: &Context, name: &Name) -> Result<App> {
    if provided::is_taken(name) {
        return provided()?.ok_or_else(provided::none)?.app(None);
    }
    context
        .real_store()?
        .app(name)?
        .ok_or_else(|| missing(name))
}

fn show(context: &Context, app: &App, verdicts: &Verdicts) -> Result<()> {
    let (id, uri) = (&app.client_id, &app.redirect_uri);
    let scopes = format!("all {} of them", app.scopes.len());
    let parts = [
        ("client_id", &verdicts.client_id, id.as_str()),
        (
            "client_secret",
            &verdicts.client_secret,
            "the one kept here",
        ),
        ("redirect_uri", &verdicts.redirect_uri, uri.as_str()),
        ("scopes", &verdicts.scopes, scopes.as_str()),
    ];
    let cures = parts.map(|(part, verdict, _)| cure(app, part, verdict));
    let lines: Vec<Line> = parts
        .iter()
        .zip(&cures)
        .map(|((part, verdict, value), cure)| {
            let (status, message) = match verdict {
                Verdict::Accepted => ("ok", *value),
                Verdict::Refused(why) => ("refused", why.as_str()),
                Verdict::Unknown(why) => ("could not tell", why.as_str()),
            };
            Line {
                check: part,
                status,
                message,
                cure: cure.as_deref(),
            }
        })
        .collect();
    report::print(context.output, &lines)
}

/// What mends a refused part.
fn cure(app: &App, part: &str, verdict: &Verdict) -> Option<String> {
    let App {
        name,
        client_id,
        redirect_uri,
        ..
    } = app;
    if !matches!(verdict, Verdict::Refused(_)) {
        return None;
    }
    let is_provided = provided::is_taken(name);
    Some(match part {
        "client_id" if is_provided => format!(
            "tell whoever provides it (`webex-connect app show {name}`) that {client_id} is not taken"
        ),
        "client_id" => format!(
            "compare {client_id} with {PORTAL}; another client ID is another app: `webex-connect app add NAME`"
        ),
        "client_secret" if is_provided => format!(
            "tell whoever provides it (`webex-connect app show {name}`) that its client secret is out of date"
        ),
        "client_secret" => format!(
            "make a new one on the app at {PORTAL} and give it to `webex-connect app update {name}`"
        ),
        "redirect_uri" => {
            format!("add {redirect_uri} to the app at {PORTAL}, character for character")
        }
        _ => format!(
            "tick on the app at {PORTAL} what `webex-connect app show {name}` lists, or ask for less with \
             `webex-connect login --scope SCOPES`"
        ),
    })
}
