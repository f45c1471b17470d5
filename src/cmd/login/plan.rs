//! What a login will do, settled before anything is asked of anybody.

use crate::app::{App, DEFAULT_REDIRECT_URI, Environment, PORTAL, RedirectUri};
use crate::cmd::login::Arguments;
use crate::cmd::named;
use crate::connection::{AuthType, Connection};
use crate::error::{Error, Kind, Result};
use crate::name::Name;
use crate::output::Output;
use crate::scope::ScopeSet;
use crate::secret::Secret;
use crate::session;
use crate::store::Store;
use crate::variables;

const ANOTHER_NAME: &str =
    "to keep both, use another name: `webex-connect login NAME --client-id ID`";

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
    pub fn settle(arguments: &Arguments, store: &Store, output: Output) -> Result<Plan> {
        let wanted = wanted_environment(arguments)?;
        let (name, existing) = target(arguments, store, wanted.as_ref())?;
        if arguments.name.is_none() && existing.is_some() {
            output.note(&format!("reconnecting {name}"));
        }
        let scopes = scopes(arguments, existing.as_ref())?;
        if let (Some(connection), Some(wanted)) = (&existing, &wanted)
            && connection.environment != *wanted
        {
            return Err(other_environment(connection, wanted));
        }
        let known = existing
            .as_ref()
            .map(|connection| connection.environment.clone());
        let environment = known.or(wanted);
        if environment == Some(Environment::Sandbox) {
            if arguments.client_id.is_some() || arguments.redirect_uri.is_some() {
                let message = format!("{name} is a sandbox connection and takes no app of yours");
                return Err(Error::new(Kind::Refused, message).with_hint(ANOTHER_NAME));
            }
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
        same_client(arguments, &app_name, stored.as_ref(), existing.as_ref())?;
        let (app, needs_secret) = own_app(arguments, environment, &app_name, stored)?;
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
        let mut listing = store.list()?;
        if let Some(error) = listing.unreadable.pop() {
            return Err(error);
        }
        let default = listing.default;
        let mut real: Vec<Connection> = listing
            .connections
            .into_iter()
            .filter(|c| c.environment != Environment::Sandbox)
            .collect();
        let by_default = real.iter().position(|c| Some(&c.name) == default.as_ref());
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

/// A grant belongs to a client ID, and so do the connection and the app's record: neither is moved to another.
fn same_client(
    arguments: &Arguments,
    app_name: &Name,
    stored: Option<&App>,
    existing: Option<&Connection>,
) -> Result<()> {
    let made_with = existing.and_then(|connection| connection.app.as_ref());
    let ids = [
        arguments.client_id.as_ref(),
        stored.map(|app| &app.client_id),
        made_with.map(|app| &app.client_id),
    ];
    let mut known = ids.into_iter().flatten();
    let first = known.next();
    match known.find(|id| Some(*id) != first) {
        None => Ok(()),
        Some(other) => {
            let message =
                format!("the app {app_name} is registered with another client ID, {other}");
            Err(Error::new(Kind::Refused, message).with_hint(ANOTHER_NAME))
        }
    }
}

/// The app as this login uses it, and whether its secret has yet to be asked for. A stored app keeps its
/// environment; a new secret or redirect URI may be given.
fn own_app(
    arguments: &Arguments,
    environment: Option<Environment>,
    app_name: &Name,
    stored: Option<App>,
) -> Result<(App, bool)> {
    let redirect_uri = arguments
        .redirect_uri
        .as_deref()
        .map(RedirectUri::parse)
        .transpose()?;
    let Some(mut app) = stored else {
        let app = App {
            revision: 0,
            name: app_name.clone(),
            client_id: arguments.client_id.clone().unwrap_or_default(),
            client_secret: Secret::new(""),
            redirect_uri: redirect_uri
                .map_or_else(|| RedirectUri::parse(DEFAULT_REDIRECT_URI), Ok)?,
            scopes: ScopeSet::standard(),
            environment: environment.unwrap_or(Environment::Webex),
        };
        return Ok((app, true));
    };
    if let Some(environment) = environment.filter(|environment| *environment != app.environment) {
        let (is, wanted) = (describe(&app.environment), describe(&environment));
        let message = format!("the app {app_name} belongs to {is}, not to {wanted}");
        return Err(Error::new(Kind::Refused, message).with_hint(ANOTHER_NAME));
    }
    if let Some(uri) = redirect_uri {
        app.redirect_uri = uri;
    }
    let by_variable =
        arguments.client_id.is_some() && variables::read(variables::CLIENT_SECRET)?.is_some();
    let given =
        arguments.client_secret_stdin || arguments.client_secret_file.is_some() || by_variable;
    Ok((app, given))
}

fn other_environment(connection: &Connection, wanted: &Environment) -> Error {
    let message = format!(
        "the connection {} belongs to {}; a login can't move it to {}",
        connection.name,
        describe(&connection.environment),
        describe(wanted)
    );
    Error::new(Kind::Refused, message).with_hint(ANOTHER_NAME)
}

fn describe(environment: &Environment) -> String {
    match environment {
        Environment::Custom(base) => base.to_string(),
        named => named.name().to_owned(),
    }
}
