//! What came of it: the callback's meaning, who signed in, what is stored and what is said.

use jiff::Timestamp;
use url::Url;

use crate::app::{Environment, PORTAL};
use crate::client::Client;
use crate::cmd::login::plan::Plan;
use crate::connection::{AppRef, Connection, Grant, Identity, Mark};
use crate::dirs;
use crate::error::{Error, Kind, Result};
use crate::loopback::Callback;
use crate::oauth::{self, Granted};
use crate::output::{Output, day};
use crate::secret::Secret;
use crate::store::Store;
use crate::webex;

/// The code in a callback, or what the callback says instead; `secrets` are not shown, should they come back in it.
pub fn accept(callback: Callback, secrets: &[Secret]) -> Result<Secret> {
    match callback {
        Callback::Code(code) => Ok(code),
        Callback::Refused { error, description } => Err(oauth::authorization_error(
            &error,
            description.as_deref(),
            secrets,
        )),
        Callback::WrongIssuer(iss) => {
            let message = "the answer came from another issuer (iss) than the one that was asked";
            Err(Error::new(Kind::Refused, message)
                .with_detail(&oauth::redact(&iss, secrets))
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

/// Stores the app, the connection and, for a first one, the default; under the connection's lock, so that a refresh
/// that began with the old tokens can't follow with its own.
///
/// # Errors
/// The store failed; what it held before is still there.
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
        ..
    } = plan;
    let _alone = dirs::lock_connection(&name)?;
    let before = store.connection(&name)?;
    let mut connection = Connection {
        revision: before.map_or(0, |connection| connection.revision),
        name,
        auth_type,
        app: Some(AppRef {
            name: app_name.clone(),
            client_id: app.client_id.clone(),
            redirect_uri: app.redirect_uri.clone(),
        }),
        environment: app.environment.clone(),
        identity,
        grant: Grant::new(scopes.clone(), granted.scope),
        tokens: granted.tokens,
        mark: Mark::None,
    };
    if app_name.is_some() {
        app.scopes = scopes;
        store.save_app(&mut app)?;
    }
    store.save_connection(&mut connection)?;
    if takes_over(store, &connection) {
        store.save_default(&connection)?;
    }
    Ok(connection)
}

/// Whether this connection becomes the default: where there is none that can be used, and in place of the sandbox's.
fn takes_over(store: &Store, connection: &Connection) -> bool {
    let default = match store.default_name() {
        Ok(Some(name)) => store.connection(&name),
        _ => return true,
    };
    match default {
        Ok(Some(default)) => {
            let sandbox = |connection: &Connection| connection.environment == Environment::Sandbox;
            sandbox(&default) && !sandbox(connection)
        }
        _ => true,
    }
}

/// What a finished login says: the connection as JSON, or in three lines.
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
        let is_default = store.is_default(&connection.name);
        return output.result_json(&connection.to_json(is_default, store.name(), Timestamp::now()));
    }
    let until = day(connection.tokens.expires_at);
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
