//! A usable token for a connection: load it, and where it is stale refresh and save it.

use jiff::Timestamp;
use url::Url;

use crate::app::{App, Environment, RedirectUri};
use crate::client::{Client, Wire};
use crate::connection::{AppRef, Connection, Freshness, Grant, GrantSource, Identity};
use crate::dirs;
use crate::error::{Error, Kind, Result};
use crate::name::Name;
use crate::oauth;
use crate::sandbox::{self, Form, Options, Sandbox};
use crate::scope::ScopeSet;
use crate::secret::Secret;
use crate::store::Store;
use crate::webex;

/// The connection with an access token that is good at `now`, refreshed and saved if it has to be, and a warning
/// where a refresh failed but the old token still holds.
///
/// # Errors
/// [`Kind::SignIn`] if a person must sign in, [`Kind::App`] if the app is refused or gone, [`Kind::Temporary`] if
/// Webex can't be reached and the old token has expired.
pub fn usable(
    store: &Store,
    connection: Connection,
    wire: &Wire,
    now: Timestamp,
) -> Result<(Connection, Option<Error>)> {
    if connection.tokens.freshness(now) == Freshness::Fresh {
        return Ok((connection, None));
    }
    let _alone = dirs::lock(&format!("connection-{}", connection.name.folded()))?;
    // Another process may have refreshed or removed it while this one waited.
    let connection = store
        .connection(&connection.name)?
        .ok_or_else(|| no_connection(connection.name.as_str()))?;
    if connection.tokens.freshness(now) == Freshness::Fresh {
        return Ok((connection, None));
    }
    let still_valid = connection.tokens.freshness(now) == Freshness::Stale;
    match refresh(store, &connection, wire, now) {
        Ok(refreshed) => Ok((refreshed, None)),
        Err(error) if still_valid && error.kind != Kind::Store => Ok((connection, Some(error))),
        Err(error) => Err(error),
    }
}

/// What Webex says of an access token.
pub enum Live {
    /// It works; who it belongs to, as far as its scopes tell.
    Works(Option<Identity>),
    /// Webex does not accept it.
    Refused,
}

/// Asks Webex whether the connection's token works, refreshing a stale one first.
///
/// # Errors
/// As for [`usable`]; Webex or the network failed.
pub fn ask_webex(
    store: &Store,
    connection: Connection,
    wire: &Wire,
    now: Timestamp,
) -> Result<(Connection, Live)> {
    let (connection, _) = usable(store, connection, wire, now)?;
    let answer = runtime()?.block_on(async {
        let (base, _sandbox) = base(&connection)?;
        let client = Client::new(&base, wire)?;
        webex::people_me(&client, &base, &connection.tokens.access_token).await
    });
    match answer {
        Ok(identity) => Ok((connection, Live::Works(identity))),
        Err(error) if error.kind == Kind::SignIn => Ok((connection, Live::Refused)),
        Err(error) => Err(error),
    }
}

/// Refreshes and saves. The caller holds the connection's lock.
fn refresh(
    store: &Store,
    connection: &Connection,
    wire: &Wire,
    now: Timestamp,
) -> Result<Connection> {
    if !connection.tokens.can_refresh(now) {
        let what = if connection.tokens.refresh_token.is_some() {
            "its refresh token has"
        } else {
            "it has"
        };
        let message = format!(
            "the access token of {} has expired and {what} no life left to renew it",
            connection.name
        );
        return Err(Error::new(Kind::SignIn, message).with_hint(sign_in(connection)));
    }
    let app = app_of(store, connection)?;
    let runtime = runtime()?;
    let answer = runtime.block_on(async {
        let (base, _sandbox) = base(connection)?;
        let client = Client::new(&base, wire)?;
        oauth::refresh(&client, &base, &app, &connection.tokens, now).await
    });
    match answer {
        Ok(granted) => {
            let mut connection = connection.clone();
            connection.tokens = granted.tokens;
            // A refresh keeps the scopes of the grant; an answer that names them is better knowledge.
            if let Some(scope) = granted.scope {
                connection.grant = Grant {
                    granted: scope,
                    source: GrantSource::Reported,
                    ..connection.grant
                };
            }
            connection.reconnect_needed = None;
            store.save_connection(&mut connection)?;
            Ok(connection)
        }
        Err(error) if error.kind == Kind::SignIn => {
            let mut marked = connection.clone();
            marked.reconnect_needed = Some(error.to_string());
            store.save_connection(&mut marked)?;
            Err(error.with_hint(sign_in(connection)))
        }
        Err(error) => Err(error),
    }
}

/// The client a connection's grant belongs to.
fn app_of(store: &Store, connection: &Connection) -> Result<App> {
    let AppRef {
        name,
        client_id,
        redirect_uri,
    } = connection.app.as_ref().ok_or_else(|| {
        Error::new(
            Kind::SignIn,
            format!(
                "{} was made without an app and can't be refreshed",
                connection.name
            ),
        )
    })?;
    match name {
        Some(name) => {
            let hint = format!(
                "run `webex-connect login {} --client-id {client_id}`",
                connection.name
            );
            let app = store.app(name)?.ok_or_else(|| {
                Error::new(
                    Kind::App,
                    format!(
                        "the app {name} that {} needs is not stored",
                        connection.name
                    ),
                )
                .with_hint(&hint)
            })?;
            if app.client_id == *client_id && app.environment == connection.environment {
                return Ok(app);
            }
            Err(Error::new(
                Kind::App,
                format!(
                    "the app {name} is no longer the one {} was made with",
                    connection.name
                ),
            )
            .with_hint(hint))
        }
        None => sandbox_app(RedirectUri::parse(redirect_uri)?),
    }
}

/// The client that the embedded sandbox knows.
pub fn sandbox_app(redirect_uri: RedirectUri) -> Result<App> {
    Ok(App {
        revision: 0,
        name: Name::parse("sandbox")?,
        client_id: sandbox::CLIENT_ID.to_owned(),
        client_secret: Secret::new(sandbox::CLIENT_SECRET),
        redirect_uri,
        scopes: ScopeSet::standard(),
        environment: Environment::Sandbox,
    })
}

/// The API base of a connection, and the sandbox that has to live for as long as it is used.
fn base(connection: &Connection) -> Result<(Url, Option<Sandbox>)> {
    match connection.environment.api_base() {
        Some(base) => Ok((base, None)),
        None => {
            let sandbox = embedded_sandbox(Vec::new(), false)?;
            Ok((sandbox.api_base().clone(), Some(sandbox)))
        }
    }
}

/// Brings up the sandbox inside this process. Must be called inside a runtime.
pub fn embedded_sandbox(redirect_uris: Vec<String>, approve: bool) -> Result<Sandbox> {
    Sandbox::start(Options {
        port: 0,
        expires_in: sandbox::DEFAULT_EXPIRES_IN,
        rotate: false,
        apps: vec![sandbox::default_app(redirect_uris)],
        form: Form::Embedded { approve },
        log: None,
    })
    .map_err(|error| {
        Error::new(Kind::Failure, "could not start the sandbox").with_detail(&error.to_string())
    })
}

/// The runtime for commands that need the network. Commands that don't never make one.
pub fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Error::new(Kind::Failure, "could not start the network runtime")
                .with_detail(&error.to_string())
        })
}

/// The command that signs a person in again.
pub fn sign_in(connection: &Connection) -> String {
    let sandbox = if connection.environment == Environment::Sandbox {
        " --sandbox"
    } else {
        ""
    };
    format!(
        "log in again with `webex-connect login {}{sandbox}`",
        connection.name
    )
}

/// There is no connection of this name.
pub fn no_connection(name: &str) -> Error {
    Error::new(Kind::SignIn, format!("there is no connection {name}")).with_hint(format!(
        "`webex-connect list` shows what there is; `webex-connect login {name}` makes it"
    ))
}
