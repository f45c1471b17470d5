//! `list`: what is connected.

use clap::Args;
use comfy_table::ColumnConstraint;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::cmd::Context;
use crate::cmd::table::table;
use crate::connection::{Connection, Grant, GrantSource, State};
use crate::error::{Result, foreign};
use crate::moment::{distance, spoken_day};
use crate::output::Tone;
use crate::session;

/// What ends within so long is told of before: a fortnight, so that a person on holiday still finds it working.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// The column of the state, which is the last.
const STATE: usize = 7;

/// What a connection ready for use is called where it ends soon.
const ENDS_SOON: &str = "ends soon";

/// List the stored connections
///
/// Shows name, account, type, number of granted scopes (and of those that a
/// refresh lost), when the access token expires, by when a person must sign in
/// again at the latest, and the state.
/// What Webex did not tell is unknown. The default connection is marked with *.
/// Nothing is asked of Webex.
///
/// Each `refresh` moves the day to reconnect by. A connection that is ready
/// but ends within 14 days is said to end soon.
///
/// If a record can't be read, the others are still listed, that one is named,
/// and the exit code is 6.
///
///   $ webex-connect list --json | jq -r '.[].name'
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Arguments {}

pub fn run(context: &Context) -> Result<()> {
    let store = context.store()?;
    let mut listing = context.listing(&store)?;
    let default = listing.default.take();
    let is_default = |connection: &Connection| default.as_ref() == Some(&connection.name);
    if context.output.json {
        let rows = listing.connections.iter();
        let rows = rows.map(|connection| {
            connection.to_json(is_default(connection), store.name(), context.now)
        });
        context.output.result_json(&Value::Array(rows.collect()))?;
    } else if listing.connections.is_empty() {
        if listing.unreadable.is_empty() {
            let elsewhere = store.other_place();
            let elsewhere = elsewhere.map_or_else(String::new, |path| session::other_store(&path));
            context.output.note(&format!(
                "no connections yet; make one with `webex-connect login`{elsewhere}"
            ));
        }
    } else {
        let tones = [
            (ENDS_SOON, Tone::Warning),
            (word(State::Expired), Tone::Error),
            (word(State::ReconnectNeeded), Tone::Error),
        ];
        let table = rows(&listing.connections, is_default, context);
        context.output.result_with_tones(&table, &tones)?;
    }
    for key in &listing.unknown {
        let key = foreign(key);
        context.output.note(&format!(
            "skipped the record {key}: a newer version of webex-connect wrote it"
        ));
    }
    let last = listing.unreadable.pop();
    for error in &listing.unreadable {
        context.output.error(error);
    }
    last.map_or(Ok(()), Err)
}

fn rows(
    connections: &[Connection],
    is_default: impl Fn(&Connection) -> bool,
    context: &Context,
) -> String {
    let mut table = table(context.output.columns());
    table.set_header([
        "",
        "NAME",
        "ACCOUNT",
        "TYPE",
        "SCOPES",
        "EXPIRES",
        "RECONNECT BY",
        "STATE",
    ]);
    // Whole words, by which it is coloured.
    if let Some(column) = table.column_mut(STATE) {
        column.set_constraint(ColumnConstraint::ContentWidth);
    }
    for connection in connections {
        let state = connection.state(context.now);
        let reconnect_by = connection.tokens.reconnect_by();
        table.add_row([
            if is_default(connection) { "*" } else { "" }.to_owned(),
            connection.name.to_string(),
            connection.account(),
            connection.auth_type.phrase().to_owned(),
            match connection.grant.source {
                GrantSource::Unknown => "unknown".to_owned(),
                _ => scopes(&connection.grant),
            },
            told(connection.tokens.expires_at, |at| distance(at, context.now)),
            match state {
                State::Ready => told(reconnect_by, |at| spoken_day(at, context.now)),
                State::Expired | State::ReconnectNeeded => "now".to_owned(),
            },
            match reconnect_by {
                Some(end) if state == State::Ready && end.duration_since(context.now) < SOON => {
                    ENDS_SOON
                }
                _ => word(state),
            }
            .to_owned(),
        ]);
    }
    table.trim_fmt()
}

/// The number of granted scopes, and of those that a refresh lost.
fn scopes(grant: &Grant) -> String {
    let granted = grant.granted.len();
    match grant.lost.len() {
        0 => granted.to_string(),
        lost => format!("{granted}, {lost} lost"),
    }
}

fn told(moment: Option<Timestamp>, tell: impl Fn(Timestamp) -> String) -> String {
    moment.map_or_else(|| "unknown".to_owned(), tell)
}

fn word(state: State) -> &'static str {
    match state {
        State::Ready => "ready",
        State::Expired => "expired",
        State::ReconnectNeeded => "reconnect needed",
    }
}
