//! What a login will do, settled before anything is asked of anybody.

use crate::app::{App, DEFAULT_REDIRECT_URI, Environment, PORTAL, RedirectUri};
use crate::cmd::login::Arguments;
use crate::cmd::named;
use crate::connection::{AuthType, Connection};
use crate::error::{Error, Kind, Result};
use crate::name::Name;
use crate::scope::ScopeSet;
use crate::secret::Secret;
use crate::session;
use crate::store::Store;

/// The settled questions: which connection, which app, which scopes.
pub struct Plan {
    pub name: Name,
    pub auth_type: AuthType,
    /// Its secret is empty until [`Plan::needs_secret`] is answered.
    pub app: App,
    /// The name of the own app's record; none for the sandbox's client.
    pub app_name: Option<Name>,
    pub scopes: ScopeSet,
    /// The connection of this name, if this is a reconnect.
    pub existing: Option<Connection>,
    pub needs_secret: bool,
}

impl Plan {
    /// # Errors
    /// [`Kind::Refused`] for a login that would change what a connection is, [`Kind::App`] without an app.
    pub fn settle(arguments: &Arguments, store: &Store) -> Result<Plan> {
        let wanted = wanted_environment(arguments)?;
        let (name, existing) = target(arguments, store, wanted.as_ref())?;
        let scopes = scopes(arguments, existing.as_ref())?;
        let environment = match (&existing, wanted) {
            (Some(connection), Some(wanted)) if connection.environment != wanted => {
                return Err(other_environment(connection, &wanted));
            }
            (Some(connection), _) => connection.environment.clone(),
            (None, wanted) => wanted.unwrap_or(Environment::Webex),
        };
        if environment == Environment::Sandbox {
            // The real redirect URI is known once the listener has a port.
            let app = session::sandbox_app(RedirectUri::on_port(0))?;
            let auth_type = AuthType::AuthorizationCode;
            return Ok(Plan {
                name,
                auth_type,
                app,
                app_name: None,
                scopes,
                existing,
                needs_secret: false,
            });
        }
        let (app_name, stored) = stored_app(arguments, store, &name, existing.as_ref())?;
        let (app, needs_secret) =
            own_app(arguments, environment, &app_name, stored, existing.as_ref())?;
        let auth_type = AuthType::OwnApp;
        Ok(Plan {
            name,
            auth_type,
            app,
            app_name: Some(app_name),
            scopes,
            existing,
            needs_secret,
        })
    }
}

/// The environment the command line names, if it names one.
fn wanted_environment(arguments: &Arguments) -> Result<Option<Environment>> {
    if arguments.sandbox {
        return Ok(Some(Environment::Sandbox));
    }
    if let Some(base) = &arguments.api_base {
        return Environment::from_api_base(base).map(Some);
    }
    Ok(arguments.environment.map(|environment| match environment {
        super::PublicEnvironment::Webex => Environment::Webex,
        super::PublicEnvironment::WebexGov => Environment::WebexGov,
    }))
}

/// The connection to make or to make again. Without a name it is the default or the only one, and if there is none,
/// a new one called after its environment. The sandbox and the real thing are never taken for each other.
fn target(
    arguments: &Arguments,
    store: &Store,
    wanted: Option<&Environment>,
) -> Result<(Name, Option<Connection>)> {
    if let Some(name) = named(arguments.name.as_deref())? {
        let existing = store.connection(&name)?;
        let name = existing
            .as_ref()
            .map_or(name, |connection| connection.name.clone());
        return Ok((name, existing));
    }
    let fallback = wanted.map_or("webex", Environment::name);
    if wanted != Some(&Environment::Sandbox) {
        let listing = store.list()?;
        let default = listing.default.map(|name| name.folded());
        let mut real: Vec<Connection> = listing
            .connections
            .into_iter()
            .filter(|c| c.environment != Environment::Sandbox)
            .collect();
        let by_default = real.iter().position(|c| Some(c.name.folded()) == default);
        let chosen = by_default
            .or((real.len() == 1).then_some(0))
            .map(|at| real.swap_remove(at));
        if let Some(connection) = chosen {
            return Ok((connection.name.clone(), Some(connection)));
        }
    }
    let name = Name::parse(fallback)?;
    let existing = store.connection(&name)?;
    Ok((name, existing))
}

fn scopes(arguments: &Arguments, existing: Option<&Connection>) -> Result<ScopeSet> {
    let mut scopes = ScopeSet::default();
    for list in &arguments.scope {
        let parsed = ScopeSet::parse(list).map_err(|error| {
            Error::new(Kind::Usage, error.to_string())
                .with_hint("for example `--scope \"spark:people_read spark:rooms_read\"`")
        })?;
        scopes.extend(parsed);
    }
    Ok(match existing {
        _ if !scopes.is_empty() => scopes,
        Some(connection) => connection.grant.requested.clone(),
        None => ScopeSet::standard(),
    })
}

/// The record the app has or will have: the connection's own, the one named after the connection, or the only one.
fn stored_app(
    arguments: &Arguments,
    store: &Store,
    name: &Name,
    existing: Option<&Connection>,
) -> Result<(Name, Option<App>)> {
    let own = existing
        .and_then(|connection| connection.app.as_ref())
        .and_then(|app| app.name.clone());
    let app_name = own.unwrap_or_else(|| name.clone());
    let stored = store.app(&app_name)?;
    if stored.is_some() || arguments.client_id.is_some() {
        return Ok((app_name, stored));
    }
    let mut apps = store.list()?.apps;
    match (apps.pop(), apps.is_empty()) {
        (Some(only), true) => Ok((only.name.clone(), Some(only))),
        (Some(last), false) => {
            let names = apps
                .iter()
                .chain([&last])
                .map(|app| app.name.as_str())
                .collect::<Vec<_>>()
                .join(", ");
            Err(Error::new(
                Kind::Usage,
                format!("there are several apps and none is named: {names}"),
            )
            .with_hint(format!(
                "say which with `webex-connect login {name} --client-id ID`"
            )))
        }
        (None, _) => Err(
            Error::new(Kind::App, "there is no app to sign in with").with_hint(format!(
                "register one at {PORTAL} with the redirect URI {DEFAULT_REDIRECT_URI}, \
             then run `webex-connect login {name} --client-id ID`"
            )),
        ),
    }
}

/// The app as this login uses it, and whether its secret has yet to be asked for.
fn own_app(
    arguments: &Arguments,
    environment: Environment,
    app_name: &Name,
    stored: Option<App>,
    existing: Option<&Connection>,
) -> Result<(App, bool)> {
    let redirect_uri = arguments
        .redirect_uri
        .as_deref()
        .map(RedirectUri::parse)
        .transpose()?;
    if let Some(stored) = stored {
        return reuse(arguments, environment, app_name, stored, redirect_uri);
    }
    let client_id = arguments.client_id.clone().unwrap_or_default();
    let made_with = existing.and_then(|connection| connection.app.as_ref());
    if let Some(made_with) = made_with.filter(|app| app.client_id != client_id) {
        return Err(other_client(app_name, &made_with.client_id));
    }
    let app = App {
        revision: 0,
        name: app_name.clone(),
        client_id,
        client_secret: Secret::new(""),
        redirect_uri: match redirect_uri {
            Some(uri) => uri,
            None => RedirectUri::parse(DEFAULT_REDIRECT_URI)?,
        },
        scopes: ScopeSet::standard(),
        environment,
    };
    Ok((app, true))
}

/// A stored app keeps its client and its environment; a new secret or redirect URI may be given.
fn reuse(
    arguments: &Arguments,
    environment: Environment,
    app_name: &Name,
    mut app: App,
    redirect_uri: Option<RedirectUri>,
) -> Result<(App, bool)> {
    if app.environment != environment {
        let message = format!(
            "the app {app_name} belongs to the environment {}, not to {}",
            app.environment.name(),
            environment.name()
        );
        return Err(Error::new(Kind::Refused, message)
            .with_hint("use another name: `webex-connect login NAME --client-id ID`"));
    }
    if arguments
        .client_id
        .as_ref()
        .is_some_and(|client_id| *client_id != app.client_id)
    {
        return Err(other_client(app_name, &app.client_id));
    }
    if let Some(uri) = redirect_uri {
        app.redirect_uri = uri;
    }
    let gives_secret = arguments.client_secret_stdin
        || arguments.client_secret_file.is_some()
        || (arguments.client_id.is_some() && std::env::var_os(super::SECRET_VARIABLE).is_some());
    Ok((app, gives_secret))
}

fn other_client(app_name: &Name, client_id: &str) -> Error {
    let message = format!("the app {app_name} is registered with another client ID, {client_id}");
    Error::new(Kind::Refused, message)
        .with_hint("use another name: `webex-connect login NAME --client-id ID`")
}

fn other_environment(connection: &Connection, wanted: &Environment) -> Error {
    let message = format!(
        "the connection {} belongs to {}; a login can't move it to {}",
        connection.name,
        describe(&connection.environment),
        describe(wanted)
    );
    Error::new(Kind::Refused, message)
        .with_hint("to keep both, give the new one a name: `webex-connect login NAME …`")
}

fn describe(environment: &Environment) -> String {
    match environment {
        Environment::Custom(base) => base.to_string(),
        named => named.name().to_owned(),
    }
}
