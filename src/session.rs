//! A usable token for a connection: load it, and where it is stale refresh and save it.

mod all;
mod cure;
mod identity;
mod locking;
mod refresh;
mod refusal;
mod renaming;
mod requirement;
mod save;

use std::sync::OnceLock;

use jiff::SignedDuration;
use tokio::runtime::Runtime;
use url::Url;

use crate::app::provided::provided;
use crate::app::{App, Environment, RedirectUri};
use crate::client::Wire;
use crate::connection::{AppRef, Connection};
use crate::duration;
use crate::error::{Error, Kind, Result};
use crate::moment::now;
use crate::name::Name;
use crate::sandbox::{self, Form, Options};
use crate::scope::ScopeSet;
use crate::secret::Secret;
use crate::signals;
use crate::store::Store;
use crate::variables;
pub use all::refresh_all;
use cure::missing;
pub use cure::{
    login_command, mend_client, more_scopes, more_scopes_command, none_yet, other_store,
    refused_before, sign_in, unseen,
};
use refresh::ensure;
use requirement::TokenRequirement;

pub use identity::{Live, Owner, ask_webex, identify, learn, owner};
pub use locking::lock;
pub use refresh::WRITE_STEP;
pub use renaming::{Rename, complete_rename, not_renamed, rename};
pub use save::{NotSaved, retry_save};

/// The connection with an access token that is good now, refreshed and saved if it has to be, and the reason where a
/// refresh failed but the old token still holds. Not to be called inside a runtime.
///
/// # Errors
/// [`Kind::SignIn`] if a person must sign in, [`Kind::App`] if the app is refused or gone, [`Kind::Temporary`] if
/// Webex can't be reached and the old token has expired, [`Kind::Store`] if new tokens can't be saved.
pub fn usable(
    store: &Store,
    connection: Connection,
    wire: &Wire,
) -> Result<(Connection, Option<Error>)> {
    ensure(store, connection, wire, TokenRequirement::Valid(None))
}

/// The same, with an access token that is good for so long.
///
/// # Errors
/// As for [`usable`], and [`Kind::Failure`] if even a new one is not good for so long.
pub fn valid_for(
    store: &Store,
    connection: Connection,
    wire: &Wire,
    least: SignedDuration,
) -> Result<(Connection, Option<Error>)> {
    let name = connection.name.clone();
    let short = |left: Option<SignedDuration>| {
        let left = left.map_or("an unknown time".to_owned(), duration::text);
        let least = duration::text(least);
        format!("the access token of {name} is valid for {left}, and {least} was asked for")
    };
    let before = connection.tokens.left(now());
    let (connection, warning) = ensure(
        store,
        connection,
        wire,
        TokenRequirement::Valid(Some(least)),
    )
    .map_err(|error| match error.kind {
        Kind::SignIn => Error {
            message: format!("{}; {}", short(before), error.message),
            ..error
        },
        _ => error,
    })?;
    match connection.tokens.left(now()) {
        Some(left) if left >= least => Ok((connection, warning)),
        left => {
            Err(Error::new(Kind::Failure, short(left)).with_hint("ask for less with `--min-valid`"))
        }
    }
}

/// The connection refreshed now, whatever the clock says, unless another process has put another access token there
/// since this one was loaded. Not to be called inside a runtime.
///
/// # Errors
/// As for [`usable`]; the tokens from before are no substitute.
pub fn refreshed(store: &Store, connection: Connection, wire: &Wire) -> Result<Connection> {
    let known = connection.tokens.access_token.clone();
    let (connection, _) = ensure(store, connection, wire, TokenRequirement::Other(&known))?;
    Ok(connection)
}

/// The client a connection's grant belongs to.
///
/// # Errors
/// [`Kind::App`] if it is gone or another, [`Kind::SignIn`] if there never was one.
pub fn app_of(store: &Store, connection: &Connection) -> Result<App> {
    let name = &connection.name;
    let Some(made_with) = &connection.app else {
        let message = format!("{name} was made from an access token, without an app");
        return Err(Error::new(Kind::SignIn, message).with_hint(sign_in(connection)));
    };
    let Some(app_name) = &made_with.name else {
        return match connection.environment {
            Environment::Sandbox => sandbox_app(made_with.redirect_uri.clone()),
            _ => provided_app(connection, made_with),
        };
    };
    match store.app(app_name)? {
        Some(app)
            if app.client_id == made_with.client_id
                && app.environment == connection.environment =>
        {
            Ok(app)
        }
        Some(_) => Err(Error::new(
            Kind::App,
            format!("the app {app_name} is no longer the one {name} was made with"),
        )
        .with_hint(another_app(name, app_name, made_with))),
        None => Err(Error::new(
            Kind::App,
            format!("the app {app_name} that {name} needs is not stored"),
        )
        .with_hint(format!("run `{}`", register_again(name, made_with)))),
    }
}

/// The cure where an app's name has gone to another one.
pub fn another_app(name: &Name, app_name: &Name, made_with: &AppRef) -> String {
    format!(
        "to keep that one, use another name: `webex-connect login NAME`; to have the old one again, run \
         `webex-connect app remove {app_name} --force` and `{}`",
        register_again(name, made_with)
    )
}

/// The command that registers a connection's own app again and signs in with it.
pub fn register_again(name: &Name, made_with: &AppRef) -> String {
    format!(
        "webex-connect login {name} --client-id {}",
        made_with.client_id
    )
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

/// The API base of a connection. Must be called inside a runtime: the sandbox's is brought up there.
pub fn base(connection: &Connection) -> Result<Url> {
    match connection.environment.api_base() {
        Some(base) => Ok(base),
        None => embedded_sandbox(Vec::new(), false),
    }
}

/// Brings up the sandbox inside this process, until that ends. Must be called inside a runtime. Gives its API base.
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
    .map_err(|error| Error::new(Kind::Failure, "could not start the sandbox").with_cause(&error))
}

/// The runtime for commands that need the network. Commands that don't never make one. It is never taken down: that
/// would wait for a look-up of a name under way, which nobody can call off, whatever a signal or a time-out says.
pub fn runtime() -> Result<&'static Runtime> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let runtime = signals::runtime().map_err(|error| {
        Error::new(Kind::Failure, "could not start the network runtime").with_cause(&error)
    })?;
    Ok(RUNTIME.get_or_init(|| runtime))
}

/// The connection of a name.
///
/// # Errors
/// [`Kind::SignIn`] if there is none, [`Kind::Store`] if there is none where it could be looked for.
pub fn stored(store: &Store, name: &Name) -> Result<Connection> {
    store
        .connection(name)?
        .ok_or_else(|| match store.is_sandbox_file() {
            true => unseen(store, name),
            false => missing(store, name),
        })
}
