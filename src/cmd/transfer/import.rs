//! `import`: takes in what another machine exported. Sealing does not say who sealed it, so nothing in it is believed
//! that the command line has not allowed.

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use zeroize::Zeroizing;

use crate::app::Environment;
use crate::cmd::Context;
use crate::cmd::guard::Guard;
use crate::cmd::transfer::keep::{is_older, keep, right_place};
use crate::cmd::transfer::payload::Payload;
use crate::connection::{Connection, GrantSource};
use crate::error::{Error, Kind, Result, foreign};
use crate::input;
use crate::moment::day;
use crate::name::Name;
use crate::output::Output;
use crate::scope::counted;
use crate::session;
use crate::store::{Store, unseal};

/// The largest export read. One with 199 scopes and JWT tokens has about 25 kB.
const MAX_EXPORT: u64 = 1024 * 1024;

/// Store a connection that another machine exported
///
/// Reads the sealed text from standard input and opens it with the age
/// identity in --identity, else in WEBEX_CONNECT_KEY, in the file that
/// WEBEX_CONNECT_KEY_FILE names or in the systemd credential
/// webex-connect-key. Input is read to its end. Whose connection it is and
/// where its tokens would be sent is shown before anything is stored.
///
/// An age key does not say who sealed something, and whose account it is
/// is the export's own word: import what you know the sender of. A
/// connection of the same name is replaced only by the same account, app and
/// environment, and by no less than it has; a newer one is kept. What can't
/// be opened or read is exit code 2, what is refused for safety 9.
///
///   $ webex-connect import --identity ci.key <work.age
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Arguments {
    /// What the connection is to be called here
    /// [default: its name where it was exported]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// What its app is to be called here, if one comes along
    /// [default: its name where it was exported]
    #[arg(long, value_name = "NAME")]
    app_name: Option<String>,
    /// The age identity it was sealed to
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// The API base its tokens may be sent to, where that is not Webex's own
    #[arg(long, value_name = "URL")]
    api_base: Option<String>,
    #[command(flatten)]
    guard: Guard,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<()> {
    let output = context.output;
    let payload = received(context, arguments)?;
    announce(output, &payload);
    show(output, &payload);
    right_place(
        &payload.connection.environment,
        arguments.api_base.as_deref(),
    )?;
    let sandbox = payload.connection.environment == Environment::Sandbox;
    let store = context.login_store(sandbox)?;
    store.ensure_key()?;
    context.tell_of_sandbox_file(&store);
    let mut guard = arguments.guard.clone();
    if let Some(before) = store.connection(&payload.connection.name)?
        && !is_older(&payload.connection, &before)
    {
        session::runtime()?.block_on(guard.ask_owner(&store, &before, &context.wire));
    }
    let connection = keep(output, &guard, &store, payload)?;
    report(context, &store, &connection)
}

/// What came, under the names it is to have here.
fn received(context: &Context, arguments: &Arguments) -> Result<Payload> {
    let name = arguments.name.as_deref().map(Name::parse).transpose()?;
    let app_name = arguments.app_name.as_deref().map(Name::parse).transpose()?;
    if io::stdin().is_terminal() {
        return Err(usage(
            "an export is read from standard input, and that is a terminal",
        ));
    }
    let opened = unseal(sealed, arguments.identity.as_deref(), context.may_ask())?;
    let mut payload = Payload::read(&opened)?;
    if let Some(name) = name {
        payload.connection.name = name;
    }
    if let Some(app_name) = app_name {
        payload.rename_app(app_name)?;
    }
    Ok(payload)
}

/// All of standard input.
fn sealed() -> Result<Zeroizing<Vec<u8>>> {
    let bytes = input::stdin(MAX_EXPORT)
        .map_err(|error| usage("could not read standard input").with_detail(&error.to_string()))?;
    if bytes.trim_ascii().is_empty() {
        return Err(usage("standard input is empty"));
    }
    if bytes.len() as u64 > MAX_EXPORT {
        return Err(usage("standard input is larger than any export"));
    }
    Ok(bytes)
}

fn usage(message: &str) -> Error {
    Error::new(Kind::Usage, message).with_hint("`webex-connect import <work.age` reads a file")
}

/// Whose it says it is, and where it would lead; all of it is foreign text.
fn show(output: Output, payload: &Payload) {
    let Payload { connection, app } = payload;
    let tokens = &connection.tokens;
    let line = |label: &str, value: String| output.note(&format!("{label:<12} {value}"));
    line("connection", connection.name.to_string());
    line("account", connection.account());
    let identity = connection.identity.as_ref();
    let organisation = identity.and_then(|identity| identity.org_id.as_deref());
    line(
        "organisation",
        organisation.map_or("unknown".to_owned(), foreign),
    );
    line("environment", place(&connection.environment));
    let client_id = connection.app.as_ref().map(|app| foreign(&app.client_id));
    line(
        "app",
        match (app, client_id) {
            (Some(app), Some(id)) => {
                format!("{}, client ID {id}, with its client secret", app.name)
            }
            (None, Some(id)) => format!("client ID {id}, without a client secret"),
            (_, None) => "none".to_owned(),
        },
    );
    line(
        "granted",
        match connection.grant.source {
            GrantSource::Unknown => connection.grant.source.phrase().to_owned(),
            _ => counted(connection.grant.granted.len()),
        },
    );
    line("access token", format!("until {}", day(tokens.expires_at)));
    line(
        "refresh",
        match tokens.refresh_token {
            Some(_) => format!("until {}", day(tokens.refresh_token_expires_at)),
            None => "none: the access token can't be replaced".to_owned(),
        },
    );
}

fn place(environment: &Environment) -> String {
    let base = environment.api_base();
    let base = base.map_or("embedded".to_owned(), |base| base.to_string());
    format!("{} ({base})", environment.name())
}

/// The same for programs.
fn announce(output: Output, payload: &Payload) {
    let Payload { connection, app } = payload;
    output.event(&json!({
        "event": "import",
        "name": connection.name,
        "identity": connection.identity,
        "environment": connection.environment.name(),
        "api_base": connection.environment.api_base(),
        "client_id": connection.app.as_ref().map(|app| &app.client_id),
        "client_secret": app.is_some(),
        "refresh_token": connection.tokens.refresh_token.is_some(),
    }));
}

fn report(context: &Context, store: &Store, connection: &Connection) -> Result<()> {
    let output = context.output;
    let name = &connection.name;
    if connection.tokens.refresh_token.is_some()
        && let Err(error) = session::app_of(store, connection)
    {
        output.warning(&format!("{name} can't be refreshed here: {error}"));
    }
    if output.json {
        let is_default = store.is_default(name);
        return output.result_json(&connection.to_json(is_default, store.name(), context.now));
    }
    output.note(&format!("{name} is kept in {}", store.place()));
    output.note(&format!("next: `webex-connect status {name} --live`"));
    Ok(())
}
