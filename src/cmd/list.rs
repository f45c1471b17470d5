//! `list`: what is connected.

use clap::Args;
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value;

use crate::cmd::Context;
use crate::connection::{AuthType, Connection, State};
use crate::error::Result;
use crate::output::day;

/// List the stored connections
///
/// Shows name, account, type, number of granted scopes, when the access token
/// expires, by when a person must sign in again at the latest, and the state.
/// The default connection is marked with *. Nothing is asked of Webex.
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
    let mut listing = store.list()?;
    let default = listing.default.take();
    let is_default = |connection: &Connection| default.as_ref() == Some(&connection.name);
    if context.output.json {
        let rows = listing.connections.iter();
        let rows = rows.map(|connection| {
            connection.to_json(is_default(connection), store.name(), context.now)
        });
        context.output.result_json(&Value::Array(rows.collect()))?;
    } else if listing.connections.is_empty() {
        context
            .output
            .note("no connections yet; make one with `webex-connect login`");
    } else {
        context
            .output
            .result(&table(&listing.connections, is_default, context))?;
    }
    let last = listing.unreadable.pop();
    for error in &listing.unreadable {
        context.output.error(error);
    }
    last.map_or(Ok(()), Err)
}

fn table(
    connections: &[Connection],
    is_default: impl Fn(&Connection) -> bool,
    context: &Context,
) -> String {
    let mut table = Table::new();
    if let Some(columns) = context.output.columns() {
        table
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(columns);
    }
    table.load_preset(presets::NOTHING);
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
    for connection in connections {
        table.add_row([
            if is_default(connection) { "*" } else { "" }.to_owned(),
            connection.name.to_string(),
            connection.account(),
            kind(connection).to_owned(),
            connection.grant.granted.len().to_string(),
            day(connection.tokens.expires_at),
            day(connection.tokens.refresh_token_expires_at),
            state(connection.state(context.now)).to_owned(),
        ]);
    }
    table.trim_fmt()
}

fn kind(connection: &Connection) -> &'static str {
    match connection.auth_type {
        AuthType::AuthorizationCode => connection.environment.name(),
        AuthType::OwnApp => "own app",
        AuthType::AccessToken => "token",
    }
}

fn state(state: State) -> &'static str {
    match state {
        State::Ready => "ready",
        State::Expired => "expired",
        State::ReconnectNeeded => "reconnect needed",
    }
}
