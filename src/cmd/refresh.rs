//! `refresh`: new tokens now, for one connection or for all.

use clap::Args;
use serde_json::{Value, json};

use crate::cmd::{ConnectionArgument, Context};
use crate::connection::Connection;
use crate::error::{Error, Kind, Result};
use crate::moment::day;
use crate::session;
use crate::store::Store;

/// Refresh the tokens of a connection now, whatever the clock says
///
/// Webex prolongs a refresh token each time it is used, so a connection that
/// is refreshed now and then never needs a new sign-in. With --all, for cron
/// and timers, it goes on where one connection fails, tells each on stderr,
/// and ends with the highest exit code among them. Connections without a
/// refresh token are passed over. If there is no keyring and no other store
/// was chosen, --all exits with 6 and refreshes nothing.
///
///   $ webex-connect refresh work
///   $ webex-connect refresh --all --json
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Arguments {
    #[command(flatten)]
    connection: ConnectionArgument,
    /// Refresh every connection
    #[arg(long, conflicts_with = "name")]
    all: bool,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<()> {
    if arguments.all {
        // Without a keyring, success would hide that its connections were not refreshed.
        return refresh_all(context, &context.real_store()?);
    }
    let (store, connection) = context.open(arguments.connection.name.as_deref())?;
    let connection = session::refreshed(&store, connection, &context.wire)?;
    note(context, &connection);
    session::identify(&store, &connection, &context.wire)?;
    match context.output.json {
        true => context.output.result_json(&row(&connection, true, None)),
        false => Ok(()),
    }
}

/// Goes on after a failure. What can't be read is told first, for it has no place among the others.
fn refresh_all(context: &Context, store: &Store) -> Result<()> {
    let listing = context.listing(store)?;
    // Apps and the default can be unreadable too.
    let all = match listing.unreadable.is_empty() {
        true => listing.connections.len(),
        false => store.connection_names()?.len(),
    };
    let mut failures = listing.unreadable;
    failures
        .iter()
        .for_each(|error| context.output.error(error));
    let mut rows = Vec::new();
    let mut failed = all.saturating_sub(listing.connections.len());
    for (index, connection) in listing.connections.iter().enumerate() {
        let place = format!("{} of {}", index + 1, listing.connections.len());
        let outcome = refresh_one(context, store, connection, &place);
        rows.push(match &outcome {
            Ok(Some(refreshed)) => row(refreshed, true, None),
            Ok(None) => row(connection, false, None),
            Err(error) => row(connection, false, Some(error)),
        });
        let Err(error) = outcome else { continue };
        let is_over = matches!(error.kind, Kind::Interrupted(_));
        failures.push(error);
        failed += 1;
        if is_over {
            break;
        }
    }
    let untried = listing.connections.len() - rows.len();
    if context.output.json {
        context.output.result_json(&Value::Array(rows))?;
    } else if all == 0 && failures.is_empty() {
        context.output.note("there is no connection to refresh");
    }
    match failures.iter().max_by_key(|error| error.exit_code()) {
        None => Ok(()),
        Some(worst) => Err(Error::new(worst.kind, summary(failed, all, untried))
            .with_hint("`webex-connect list` shows the state of each")),
    }
}

/// What `--all` came to where something failed.
fn summary(failed: usize, all: usize, untried: usize) -> String {
    match (failed, untried) {
        (0, _) => "no connection failed, but another record in the store is unreadable".to_owned(),
        (_, 0) => format!("{failed} of {all} connections could not be refreshed"),
        (_, _) => format!(
            "{failed} of {all} connections could not be refreshed, and {untried} were not tried"
        ),
    }
}

/// Refreshes one of several and tells how it went; nothing comes of one that has no refresh token.
fn refresh_one(
    context: &Context,
    store: &Store,
    connection: &Connection,
    place: &str,
) -> Result<Option<Connection>> {
    let name = &connection.name;
    if connection.tokens.refresh_token.is_none() {
        context
            .output
            .note(&format!("{name} has no refresh token and was passed over"));
        return Ok(None);
    }
    // The wire, where it is shown, tells more than a line that it would run into.
    if context.wire.trace.is_none() {
        context
            .output
            .passing(&format!("refreshing {place}: {name}"));
    }
    let refreshed = session::refreshed(store, connection.clone(), &context.wire);
    context.output.end_passing();
    match refreshed {
        Ok(refreshed) => {
            note(context, &refreshed);
            session::identify(store, &refreshed, &context.wire)
                .inspect_err(|error| context.output.error(error))?;
            Ok(Some(refreshed))
        }
        Err(error) => {
            let message = format!("{name} was not refreshed: {}", error.message);
            let error = Error { message, ..error };
            context.output.error(&error);
            Err(error)
        }
    }
}

fn note(context: &Context, connection: &Connection) {
    context.output.note(&format!(
        "{} is refreshed, its token good until {}",
        connection.name,
        day(connection.tokens.expires_at)
    ));
}

fn row(connection: &Connection, refreshed: bool, error: Option<&Error>) -> Value {
    json!({
        "name": connection.name,
        "refreshed": refreshed,
        "access_token_expires_at": connection.tokens.expires_at,
        "refresh_token_expires_at": connection.tokens.refresh_token_expires_at,
        "error": error.map(|error| error.to_json()["error"].take()),
    })
}
