//! A usable token for a connection: load it, and where it is stale refresh and save it.

use jiff::Timestamp;
use url::Url;

use crate::app::provided::provided;
use crate::app::{App, Environment, RedirectUri};
use crate::client::{Client, Wire};
use crate::connection::{AppRef, Connection, Freshness, Grant, GrantSource, Identity};
use crate::dirs;
use crate::error::{Error, Kind, Result};
use crate::name::Name;
use crate::oauth::{self, Granted};
use crate::sandbox::{self, Form, Options};
use crate::scope::ScopeSet;
use crate::secret::Secret;
use crate::store::Store;
use crate::variables;
use crate::webex;

/// The connection with an access token that is good now, refreshed and saved if it has to be, and the reason where a
/// refresh failed but the old token still holds. The clock is read again after each wait.
///
/// # Errors
/// [`Kind::SignIn`] if a person must sign in, [`Kind::App`] if the app is refused or gone, [`Kind::Temporary`] if
/// Webex can't be reached and the old token has expired.
pub fn usable(
    store: &Store,
    connection: Connection,
    wire: &Wire,
) -> Result<(Connection, Option<Error>)> {
    if connection.tokens.freshness(Timestamp::now()) == Freshness::Fresh {
        return Ok((connection, None));
    }
    let _alone = dirs::lock_connection(&connection.name)?;
    // Another process may have refreshed or removed it while this one waited.
    let connection = stored(store, &connection.name)?;
    if connection.tokens.freshness(Timestamp::now()) == Freshness::Fresh {
        return Ok((connection, None));
    }
    match refresh(store, &connection, wire) {
        Ok(refreshed) => Ok((refreshed, None)),
        Err(error) if error.kind == Kind::Store => Err(error),
        Err(error) => match connection.tokens.freshness(Timestamp::now()) {
            Freshness::Expired => Err(error),
            Freshness::Fresh | Freshness::Stale => Ok((connection, Some(error))),
        },
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
pub fn ask_webex(store: &Store, connection: Connection, wire: &Wire) -> Result<(Connection, Live)> {
    let (connection, _) = usable(store, connection, wire)?;
    let answer = runtime()?.block_on(async {
        let base = base(&connection)?;
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
fn refresh(store: &Store, connection: &Connection, wire: &Wire) -> Result<Connection> {
    let now = Timestamp::now();
    if !connection.tokens.can_refresh(now) {
        return Err(not_refreshable(connection));
    }
    let app = app_of(store, connection)?;
    let answer = runtime()?.block_on(async {
        let base = base(connection)?;
        let client = Client::new(&base, wire)?;
        oauth::refresh(&client, &base, &app, &connection.tokens, now).await
    });
    let mut connection = connection.clone();
    match answer {
        Ok(granted) => {
            take(&mut connection, granted);
            store.save_connection(&mut connection)?;
            Ok(connection)
        }
        Err(error) if error.kind == Kind::SignIn => {
            connection.reconnect_needed = Some(error.to_string());
            // The mark is a hint for later; that a person must sign in is what has to be told now.
            let _ = store.save_connection(&mut connection);
            Err(error.with_hint(sign_in(&connection)))
        }
        Err(error) => Err(error),
    }
}

/// A refresh keeps the scopes of the grant (RFC 6749 §6); an answer that names them is better knowledge.
fn take(connection: &mut Connection, granted: Granted) {
    connection.tokens = granted.tokens;
    connection.reconnect_needed = None;
    if let Some(scope) = granted.scope {
        let requested = connection.grant.requested.clone();
        connection.grant = Grant {
            requested,
            granted: scope,
            source: GrantSource::Reported,
        };
    }
}

fn not_refreshable(connection: &Connection) -> Error {
    let name = &connection.name;
    let message = match connection.tokens.refresh_token {
        None => format!("{name} can't be refreshed: Webex gave no refresh token"),
        Some(_) => format!("{name} can't be refreshed: its refresh token has expired"),
    };
    Error::new(Kind::SignIn, message).with_hint(sign_in(connection))
}

/// The client a connection's grant belongs to.
///
/// # Errors
/// [`Kind::App`] if it is gone or another, [`Kind::SignIn`] if there never was one.
pub fn app_of(store: &Store, connection: &Connection) -> Result<App> {
    let name = &connection.name;
    let Some(made_with) = &connection.app else {
        let message = format!("{name} was made without an app and can't be refreshed");
        return Err(Error::new(Kind::SignIn, message).with_hint(sign_in(connection)));
    };
    let Some(app_name) = &made_with.name else {
        return match connection.environment {
            Environment::Sandbox => sandbox_app(made_with.redirect_uri.clone()),
            _ => provided_app(connection, made_with),
        };
    };
    let problem = match store.app(app_name)? {
        Some(app)
            if app.client_id == made_with.client_id
                && app.environment == connection.environment =>
        {
            return Ok(app);
        }
        Some(_) => format!("the app {app_name} is no longer the one {name} was made with"),
        None => format!("the app {app_name} that {name} needs is not stored"),
    };
    let hint = format!(
        "run `webex-connect login {name} --client-id {}`",
        made_with.client_id
    );
    Err(Error::new(Kind::App, problem).with_hint(hint))
}

/// The error for a connection whose provided app is no longer on this machine.
pub fn no_provided_app(name: &Name) -> Error {
    let message =
        format!("{name} was made with an app provided to this machine, and there is none now");
    Error::new(Kind::App, message).with_hint(format!(
        "set {} and {} as they were, or ask the administrator of this machine for its app",
        variables::CLIENT_ID,
        variables::CLIENT_SECRET
    ))
}

/// The provided app, if it is still the client that the grant was given to.
fn provided_app(connection: &Connection, made_with: &AppRef) -> Result<App> {
    let name = &connection.name;
    let provided = provided()?.ok_or_else(|| no_provided_app(name))?;
    if provided.client_id != made_with.client_id {
        let message = format!(
            "{name} belongs to the client ID {}, and the app provided to this machine is another, {}",
            made_with.client_id, provided.client_id
        );
        return Err(Error::new(Kind::App, message).with_hint(sign_in(connection)));
    }
    provided.app(Some(&connection.environment))
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

/// The API base of a connection. Must be called inside a runtime: the sandbox's is brought up there, and ends with it.
pub fn base(connection: &Connection) -> Result<Url> {
    match connection.environment.api_base() {
        Some(base) => Ok(base),
        None => embedded_sandbox(Vec::new(), false),
    }
}

/// Brings up the sandbox inside this process, for as long as the runtime lives that this is called in. Gives its API
/// base.
///
/// # Errors
/// No port is free on 127.0.0.1.
pub fn embedded_sandbox(redirect_uris: Vec<String>, approve: bool) -> Result<Url> {
    sandbox::start(Options {
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

/// The cure where a person must sign in.
pub fn sign_in(connection: &Connection) -> String {
    format!("log in again with `{}`", login_command(connection))
}

/// The command that signs a person in again.
pub fn login_command(connection: &Connection) -> String {
    let sandbox = match connection.environment {
        Environment::Sandbox => " --sandbox",
        _ => "",
    };
    format!("webex-connect login {}{sandbox}", connection.name)
}

/// The connection of a name.
///
/// # Errors
/// [`Kind::SignIn`] if there is none.
pub fn stored(store: &Store, name: &Name) -> Result<Connection> {
    store.connection(name)?.ok_or_else(|| {
        Error::new(Kind::SignIn, format!("there is no connection {name}")).with_hint(format!(
            "`webex-connect list` shows what there is; `webex-connect login {name}` makes it"
        ))
    })
}

/// The connection with another access token than the one it comes with, which Webex refused: what another process
/// has stored since, or else a refresh.
///
/// # Errors
/// As for [`usable`].
pub fn refreshed(store: &Store, connection: Connection, wire: &Wire) -> Result<Connection> {
    let _alone = dirs::lock_connection(&connection.name)?;
    let now_stored = stored(store, &connection.name)?;
    if now_stored.tokens.access_token != connection.tokens.access_token {
        return Ok(now_stored);
    }
    refresh(store, &now_stored, wire)
}
