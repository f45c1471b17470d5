//! What came of it: the callback's meaning, who signed in, what is stored and what is said.

use jiff::Timestamp;

use crate::app::{Environment, PORTAL};
use crate::client::Client;
use crate::cmd::list;
use crate::cmd::login::plan::Plan;
use crate::connection::{AppRef, Connection, Grant, Identity};
use crate::error::{Error, Kind, Result};
use crate::loopback::Callback;
use crate::oauth::{self, Granted};
use crate::output::Output;
use crate::secret::Secret;
use crate::store::Store;
use crate::webex;
use url::Url;

/// The code in a callback, or what the callback says instead.
pub fn accept(callback: Callback) -> Result<Secret> {
    match callback {
        Callback::Code(code) => Ok(code),
        Callback::Refused { error, description } => {
            Err(oauth::authorization_error(&error, description.as_deref()))
        }
        Callback::WrongIssuer(iss) => {
            let message = "the answer came from another issuer (iss) than the one that was asked";
            Err(Error::new(Kind::Refused, message)
                .with_detail(&iss)
                .with_hint(
                    "nothing was stored; check `--api-base` and what else is open in the browser",
                ))
        }
    }
}

/// Who signed in. Knowing it is not needed for a connection, so trouble here is only told.
pub async fn identify(
    output: Output,
    client: &Client,
    base: &Url,
    granted: &Granted,
) -> Option<Identity> {
    match webex::people_me(client, base, &granted.tokens.access_token).await {
        Ok(identity) => identity,
        Err(error) => {
            output.warning(&format!("could not ask Webex who signed in: {error}"));
            None
        }
    }
}

/// Stores the app, the connection and, for a first one, the default.
pub fn save(
    store: &Store,
    plan: Plan,
    granted: Granted,
    identity: Option<Identity>,
) -> Result<Connection> {
    let Plan {
        name,
        auth_type,
        mut app,
        app_name,
        scopes,
        existing,
        ..
    } = plan;
    let mut connection = Connection {
        revision: existing.map_or(0, |connection| connection.revision),
        name,
        auth_type,
        app: Some(AppRef {
            name: app_name.clone(),
            client_id: app.client_id.clone(),
            redirect_uri: app.redirect_uri.to_string(),
        }),
        environment: app.environment.clone(),
        identity,
        grant: Grant::new(scopes.clone(), granted.scope),
        tokens: granted.tokens,
        reconnect_needed: None,
    };
    if app_name.is_some() {
        app.scopes = scopes;
        store.save_app(&mut app)?;
    }
    store.save_connection(&mut connection)?;
    if takes_over(store, &connection)? {
        store.save_default(&connection)?;
    }
    Ok(connection)
}

/// Whether this connection becomes the default: where there is none, and in place of the sandbox's.
fn takes_over(store: &Store, connection: &Connection) -> Result<bool> {
    let Some(name) = store.default_name()? else {
        return Ok(true);
    };
    let Some(default) = store.connection(&name)? else {
        return Ok(true);
    };
    Ok(default.environment == Environment::Sandbox
        && connection.environment != Environment::Sandbox)
}

pub fn report(output: Output, store: &Store, connection: &Connection) -> Result<()> {
    let missing = connection.grant.missing();
    if !missing.is_empty() {
        output.warning(&format!(
            "Webex granted fewer scopes than asked; missing: {missing}. Tick them on the app at {PORTAL}, then run \
             `webex-connect login {}` again",
            connection.name
        ));
    }
    if output.json {
        let is_default = store
            .default_name()?
            .is_some_and(|name| name.folded() == connection.name.folded());
        return output.result_json(&connection.to_json(is_default, store.name(), Timestamp::now()));
    }
    let until = list::day(connection.tokens.expires_at);
    let scopes = connection.grant.granted.len();
    output.note(&format!(
        "connected {} as {}",
        connection.name,
        connection.account()
    ));
    output.note(&format!(
        "{scopes} scopes granted, token good until {until}, kept in {}",
        store.place()
    ));
    output.note(&format!("next: `webex-connect token {}`", connection.name));
    Ok(())
}
