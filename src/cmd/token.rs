//! `token`: a valid access token.

use std::io;

use clap::Args;
use jiff::SignedDuration;
use serde_json::json;

use crate::cmd::{ConnectionArgument, Context};
use crate::duration;
use crate::error::{Error, Kind, Result};
use crate::output::goes_nowhere;
use crate::session;
use crate::variables;

/// Print a valid access token
///
/// The token stands alone on stdout. One that is about to expire is refreshed
/// and saved first; however many ask at once, Webex is asked once. A browser
/// is never opened: where a person must sign in, the exit code is 4.
///
/// A token is replaced five minutes before it expires, or a tenth of its life
/// before if that is less. With --min-valid it is good for at least so long,
/// or there is none and an error.
///
///   $ webex-connect token work --header --min-valid 10m |
///       curl --fail -H @- https://webexapis.com/v1/people/me
///   $ echo "TOKEN=$(webex-connect token --github-mask)" >>"$GITHUB_ENV"
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Arguments {
    #[command(flatten)]
    connection: ConnectionArgument,
    /// How long the token must still be valid: 30s, 10m, 1h, 14d
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    min_valid: Option<SignedDuration>,
    /// Print it as an HTTP header, `Authorization: Bearer TOKEN`
    #[arg(long)]
    header: bool,
    /// In a job of GitHub Actions: have the token masked in the log before it is printed
    ///
    /// The runner reads `::add-mask::TOKEN` on stderr. Anywhere else that would only show the token, and is an error.
    #[arg(long)]
    github_mask: bool,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<()> {
    if arguments.header && context.output.json {
        let message = "`--header` and `--json` are two ways to print the token";
        return Err(Error::new(Kind::Usage, message).with_hint("give one of them"));
    }
    if arguments.github_mask {
        can_be_masked()?;
    }
    let (store, connection) = context.open(arguments.connection.name.as_deref())?;
    let (connection, not_refreshed) = match arguments.min_valid {
        None => session::usable(&store, connection, &context.wire)?,
        Some(least) => session::valid_for(&store, connection, &context.wire, least)?,
    };
    context.warn_stale(&connection.name, not_refreshed);
    let tokens = &connection.tokens;
    if arguments.github_mask {
        context.output.github_mask(&tokens.access_token)?;
    }
    if context.output.json {
        return context.output.result_json(&json!({
            "access_token": tokens.access_token,
            "token_type": "Bearer",
            "expires_at": tokens.expires_at,
            "scopes": connection.grant.granted,
        }));
    }
    let token = tokens.access_token.expose();
    match arguments.header {
        true => context
            .output
            .result(&format!("Authorization: Bearer {token}")),
        false => context.output.result(token),
    }
}

/// What hides the token in the log of a job would show it in any other, and hides nothing where nobody reads it.
fn can_be_masked() -> Result<()> {
    if variables::read(variables::GITHUB_ACTIONS)?.as_deref() == Some("true") {
        if !goes_nowhere(&io::stderr()) {
            return Ok(());
        }
        let message =
            "standard error goes nowhere, and the job's runner would not read the mask there";
        return Err(Error::new(Kind::Usage, message)
            .with_hint("let standard error go to the job's log, without `2>/dev/null`"));
    }
    let message = format!(
        "--github-mask is for jobs of GitHub Actions, where {} is true; elsewhere it would show the token",
        variables::GITHUB_ACTIONS
    );
    Err(Error::new(Kind::Usage, message).with_hint("leave it out"))
}
