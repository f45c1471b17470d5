//! `check`: a yes or no for scripts.

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::cmd::scopes::listed;
use crate::cmd::{ConnectionArgument, Context};
use crate::connection::{Connection, GrantSource, State};
use crate::duration;
use crate::error::{Error, Kind, Result};
use crate::scope::ScopeSet;
use crate::session::{self, Live};
use crate::store::Store;

/// Say by the exit code whether a connection will do
///
/// Silent if it will. The exit code is 4 if a person must sign in or a token
/// lives too short, 5 if a scope is missing or nobody knows what was granted,
/// 7 if Webex was to be asked and could not be reached.
///
/// Nothing is asked of Webex and nothing is changed, but with --live: then
/// Webex says whether the token works, and one that is stale or that Webex
/// refuses is refreshed.
///
///   $ webex-connect check work --scope spark:messages_write --min-valid 1h
///   $ webex-connect check work --refresh-min-valid 14d || notify-someone
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Arguments {
    #[command(flatten)]
    connection: ConnectionArgument,
    /// Scopes that must all be granted, separated by spaces or commas;
    /// repeatable
    #[arg(long, value_name = "SCOPES")]
    scope: Vec<String>,
    /// How long the access token must still be good: 30s, 10m, 1h, 14d
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    min_valid: Option<SignedDuration>,
    /// How long the refresh token must still be good: by when a person must
    /// sign in again
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    refresh_min_valid: Option<SignedDuration>,
    /// Ask Webex whether the token works
    #[arg(long)]
    live: bool,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<()> {
    let required = listed(&arguments.scope)?;
    let (store, mut connection) = context.open(arguments.connection.name.as_deref())?;
    let mut problem = None;
    if arguments.live {
        (connection, problem) = ask_webex(context, &store, connection)?;
    }
    let problem = problem.or_else(|| self::problem(&connection, arguments, &required, context.now));
    if context.output.json {
        let verdict = json!({
            "ok": problem.is_none(),
            "name": connection.name,
            "state": connection.state(context.now),
            "missing_scopes": required.missing_from(&connection.grant.granted),
            "source": connection.grant.source,
            "access_token_expires_at": connection.tokens.expires_at,
            "refresh_token_expires_at": connection.tokens.refresh_token_expires_at,
            "next_command": problem.as_ref().map(|problem| &problem.next_command),
        });
        context.output.result_json(&verdict)?;
    }
    problem.map_or(Ok(()), |problem| Err(problem.error))
}

/// The connection as it is after Webex was asked, and why it will not do, if that is what came of it.
fn ask_webex(
    context: &Context,
    store: &Store,
    connection: Connection,
) -> Result<(Connection, Option<Problem>)> {
    let name = connection.name.clone();
    let error = match session::ask_webex(store, connection, &context.wire) {
        Ok(asked) => {
            context.warn_stale(&name, asked.not_refreshed);
            let connection = asked.connection;
            let message = format!("Webex refused the access token of {name}");
            let problem = match asked.live {
                Live::Works(_) => None,
                Live::Refused => Some(Problem::new(
                    Kind::SignIn,
                    message,
                    session::login_command(&connection),
                )),
            };
            return Ok((connection, problem));
        }
        // Without the store there is nothing to report on.
        Err(error) if matches!(error.kind, Kind::Store | Kind::Unreadable) => return Err(error),
        Err(error) => error,
    };
    // A failed refresh may have marked it.
    let connection = session::stored(store, &name)?;
    let next_command = match error.kind {
        Kind::SignIn | Kind::Denied => session::login_command(&connection),
        _ => format!("webex-connect check {name} --live"),
    };
    let problem = Problem {
        error,
        next_command,
    };
    Ok((connection, Some(problem)))
}

/// Why a connection will not do, and the command that mends it.
struct Problem {
    error: Error,
    next_command: String,
}

impl Problem {
    fn new(kind: Kind, message: String, next_command: String) -> Problem {
        Problem {
            error: Error::new(kind, message).with_hint(format!("`{next_command}`")),
            next_command,
        }
    }
}

/// The first thing that is wrong; what takes a person to sign in comes before what is only too short or too little.
fn problem(
    connection: &Connection,
    arguments: &Arguments,
    required: &ScopeSet,
    now: Timestamp,
) -> Option<Problem> {
    let name = &connection.name;
    let sign_in = || session::login_command(connection);
    let no = |message: String, next: String| Some(Problem::new(Kind::SignIn, message, next));
    match connection.state(now) {
        State::Expired => return no(format!("{name} has expired"), sign_in()),
        State::ReconnectNeeded => return no(format!("{name} needs a new sign-in"), sign_in()),
        State::Ready => {}
    }
    let tokens = &connection.tokens;
    let lasts = |left: Option<SignedDuration>, wanted| left.is_some_and(|left| left >= wanted);
    let short = |what: &str, wanted| {
        let wanted = duration::text(wanted);
        format!("the {what} token of {name} is not known to be good for another {wanted}")
    };
    if let Some(wanted) = arguments.refresh_min_valid
        && !lasts(tokens.refresh_left(now), wanted)
    {
        return no(short("refresh", wanted), sign_in());
    }
    if let (Some(wanted), Some(given)) = (arguments.min_valid, tokens.lifetime())
        && given < wanted
        && tokens.can_refresh(now)
    {
        let (given, wanted) = (duration::text(given), duration::text(wanted));
        let message = format!(
            "no access token of {name} is good for {wanted}: Webex gives {given} at a time"
        );
        return Some(Problem {
            error: Error::new(Kind::SignIn, message).with_hint("ask for less with `--min-valid`"),
            next_command: format!("webex-connect status {name}"),
        });
    }
    if let Some(wanted) = arguments.min_valid
        && !lasts(tokens.left(now), wanted)
    {
        return match tokens.can_refresh(now) {
            true => no(
                short("access", wanted),
                format!("webex-connect refresh {name}"),
            ),
            false => no(short("access", wanted), sign_in()),
        };
    }
    lacking(connection, required)
}

/// What is not known to be granted. A grant that nobody knows holds nothing for certain.
fn lacking(connection: &Connection, required: &ScopeSet) -> Option<Problem> {
    let name = &connection.name;
    let (lacking, message) = match connection.grant.source {
        GrantSource::Unknown => (
            required.clone(),
            format!(
                "what {name} was granted is unknown (the token was made elsewhere), so nobody can tell: {required}"
            ),
        ),
        GrantSource::Reported | GrantSource::Assumed => {
            let missing = required.missing_from(&connection.grant.granted);
            let message = format!("{name} lacks scopes: {missing}");
            (missing, message)
        }
    };
    let listed = format!("\"{lacking}\"");
    (!lacking.is_empty()).then(|| Problem {
        error: Error::new(Kind::Scope, message)
            .with_hint(session::more_scopes(connection, &listed)),
        next_command: session::more_scopes_command(connection, &listed),
    })
}
