//! `refresh`: new tokens now, for one connection or for all.

use clap::Args;
use serde_json::{Value, json};

use crate::cmd::{ConnectionArgument, Context};
use crate::connection::Connection;
use crate::error::{Error, Result};
use crate::moment::day;
use crate::session;
use crate::store::Store;

/// Refresh the tokens of a connection now, whatever the clock says
///
/// Webex prolongs a refresh token each time it is used, so a connection that
/// is refreshed now and then never needs a new sign-in. With --all, for cron
/// and timers, it refreshes four at a time, goes on where one connection
/// fails, tells each on stderr, and ends with the highest exit code among
/// them. No refresh begins later than five minutes after the first, and after
/// a server did not answer in time, its other connections are not tried.
/// Connections without a refresh token are passed over. If there is no keyring
/// and no other store was chosen, --all exits with 6 and refreshes nothing.
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

/// Goes on after a failure. Records that cannot be read are reported first, because they have no place among the others.
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
    let mut failed = all.saturating_sub(listing.connections.len());
    let (can_refresh, passed_over): (Vec<_>, Vec<_>) = listing
        .connections
        .into_iter()
        .partition(|connection| connection.tokens.refresh_token.is_some());
    for connection in &passed_over {
        let name = &connection.name;
        context
            .output
            .note(&format!("{name} has no refresh token and was passed over"));
    }
    let outcomes = refresh_each(context, store, &can_refresh)?;
    let untried = can_refresh.len() - outcomes.len();
    let mut rows: Vec<_> = passed_over
        .iter()
        .map(|connection| row(connection, false, None))
        .collect();
    for (connection, outcome) in can_refresh.iter().zip(outcomes) {
        rows.push(match &outcome {
            Ok(refreshed) => row(refreshed, true, None),
            Err(error) => row(connection, false, Some(error)),
        });
        failed += usize::from(outcome.is_err());
        failures.extend(outcome.err());
    }
    rows.sort_by_key(|row| {
        row["name"]
            .as_str()
            .unwrap_or_default()
            .to_ascii_lowercase()
    });
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

/// Refreshes the connections and reports each. Returns an outcome for each one that was tried.
fn refresh_each(
    context: &Context,
    store: &Store,
    connections: &[Connection],
) -> Result<Vec<Result<Connection>>> {
    let output = context.output;
    let progress = |done: usize| {
        // With `-v` the lines of the requests show the progress.
        if context.wire.trace.is_none() && done < connections.len() {
            output.passing(&format!("refreshed {done} of {}", connections.len()));
        }
    };
    let mut done = 0;
    progress(done);
    let report = |connection: &Connection, outcome: &Result<Connection>| {
        output.end_passing();
        match outcome {
            Ok(refreshed) => note(context, refreshed),
            Err(error) => output.error(&named(connection, error)),
        }
        done += 1;
        progress(done);
    };
    let outcomes = session::refresh_all(store, connections, &context.wire, report)?;
    output.end_passing();
    Ok(connections
        .iter()
        .zip(outcomes)
        .map(|(connection, outcome)| outcome.map_err(|error| named(connection, &error)))
        .collect())
}

/// The error of one connection among several.
fn named(connection: &Connection, error: &Error) -> Error {
    let message = format!("{} was not refreshed: {}", connection.name, error.message);
    Error {
        message,
        ..error.clone()
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
