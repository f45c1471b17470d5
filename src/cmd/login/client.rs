//! Which OAuth client a login uses. A grant belongs to its client, so a connection keeps the kind it was made with.

use crate::app::provided::{self, provided};
use crate::app::{App, Environment, RedirectUri, checked_client_id};
use crate::cmd::login::Arguments;
use crate::cmd::place;
use crate::connection::{AppRef, Connection};
use crate::error::{Error, Kind, Result};
use crate::name::Name;
use crate::scope::ScopeSet;
use crate::secret::Secret;
use crate::session;
use crate::store::Store;
use crate::variables;

const ANOTHER_NAME: &str = "to keep both, use another name: `webex-connect login NAME`";

/// The client of a login, settled but for a secret.
pub struct Client {
    /// Its secret is empty where [`Client::brings_secret`], until that comes.
    pub app: App,
    /// The name of the own app's record; none for a provided app and for the sandbox's.
    pub own: Option<Name>,
    /// Whether this login brings a client secret, from wherever.
    pub brings_secret: bool,
}

/// The connection's own client, else the one named, else the provided one, else the only own app; nothing where there
/// is no app at all, and a person can be led to one.
///
/// # Errors
/// [`Kind::Refused`] for another client than the connection's or another environment than the app's, [`Kind::App`]
/// for an app that is not there, [`Kind::Usage`] for several and none named.
pub fn choose(
    arguments: &Arguments,
    store: &Store,
    name: &Name,
    existing: Option<&Connection>,
    environment: Option<&Environment>,
) -> Result<Option<Client>> {
    if environment == Some(&Environment::Sandbox) {
        return sandbox(arguments, name).map(Some);
    }
    if let Some(made_with) = existing.and_then(|connection| connection.app.as_ref()) {
        return same_client(arguments, store, name, made_with, environment).map(Some);
    }
    if existing.is_some() {
        let message =
            format!("{name} was made from an access token, without an app; its type never changes");
        return Err(Error::new(Kind::Refused, message).with_hint(format!(
            "give it another token with `webex-connect login {name} --token-stdin`; {ANOTHER_NAME}"
        )));
    }
    if let Some(app) = &arguments.app {
        let app_name = Name::parse(app)?;
        let app = store
            .app(&app_name)?
            .ok_or_else(|| no_such_app(&app_name))?;
        return own(arguments, app, environment).map(Some);
    }
    if let Some(client_id) = &arguments.client_id {
        return named_after(arguments, store, name, client_id, environment).map(Some);
    }
    if let Some(app) = provided()? {
        refuse_own_details(arguments)?;
        let client = Client {
            app: app.app(environment)?,
            own: None,
            brings_secret: false,
        };
        return Ok(Some(client));
    }
    only_own_app(arguments, store, name, environment)
}

fn sandbox(arguments: &Arguments, name: &Name) -> Result<Client> {
    if arguments.app.is_some() || arguments.client_id.is_some() || arguments.redirect_uri.is_given()
    {
        let message = format!("{name} is a sandbox connection and takes no app of yours");
        return Err(Error::new(Kind::Refused, message).with_hint(ANOTHER_NAME));
    }
    Ok(Client {
        // A listener puts its own here; the device grant has none.
        app: session::sandbox_app(RedirectUri::default())?,
        own: None,
        brings_secret: false,
    })
}

/// A reconnect: with the app it was made with. A provided app may have changed since; it stays a provided one.
fn same_client(
    arguments: &Arguments,
    store: &Store,
    name: &Name,
    made_with: &AppRef,
    environment: Option<&Environment>,
) -> Result<Client> {
    let Some(app_name) = &made_with.name else {
        if arguments.app.is_some() || arguments.client_id.is_some() {
            let message = format!(
                "{name} was made with the app provided to this machine; its type never changes"
            );
            return Err(Error::new(Kind::Refused, message).with_hint(ANOTHER_NAME));
        }
        refuse_own_details(arguments)?;
        let app = provided()?.ok_or_else(|| session::no_provided_app(name))?;
        return Ok(Client {
            app: app.app(environment)?,
            own: None,
            brings_secret: false,
        });
    };
    let asked = arguments.app.as_deref().map(Name::parse).transpose()?;
    let other_app = asked.is_some_and(|asked| asked != *app_name);
    let other_id = arguments
        .client_id
        .as_ref()
        .is_some_and(|id| *id != made_with.client_id);
    if other_app || other_id {
        let message = format!(
            "{name} was made with the app {app_name} (client ID {}); a connection keeps its app",
            made_with.client_id
        );
        return Err(Error::new(Kind::Refused, message).with_hint(ANOTHER_NAME));
    }
    match store.app(app_name)? {
        Some(app) if app.client_id == made_with.client_id => own(arguments, app, environment),
        Some(_) => Err(Error::new(
            Kind::Refused,
            format!("the app {app_name} is no longer the one {name} was made with"),
        )
        .with_hint(session::another_app(name, app_name, made_with))),
        None if arguments.client_id.is_some() => {
            let uri = arguments
                .redirect_uri
                .given()?
                .unwrap_or_else(|| made_with.redirect_uri.clone());
            new_own_app(app_name, &made_with.client_id, uri, environment)
        }
        None => Err(Error::new(
            Kind::App,
            format!("the app {app_name} that {name} was made with is not stored"),
        )
        .with_hint(format!(
            "register it again with `{}`",
            session::register_again(name, made_with)
        ))),
    }
}

/// `--client-id` for a new connection: the app of the connection's name, registered now or before.
fn named_after(
    arguments: &Arguments,
    store: &Store,
    name: &Name,
    client_id: &str,
    environment: Option<&Environment>,
) -> Result<Client> {
    match store.app(name)? {
        None => {
            let uri = arguments.redirect_uri.given()?;
            let uri = uri.unwrap_or_default();
            new_own_app(name, client_id, uri, environment)
        }
        Some(app) if app.client_id == client_id => own(arguments, app, environment),
        Some(app) => Err(Error::new(
            Kind::Refused,
            format!("the app {name} is registered with another client ID, {}", app.client_id),
        )
        .with_hint(format!(
            "use it with `--app {name}`, or choose another name: `webex-connect login NAME --client-id {client_id}`"
        ))),
    }
}

fn only_own_app(
    arguments: &Arguments,
    store: &Store,
    name: &Name,
    environment: Option<&Environment>,
) -> Result<Option<Client>> {
    let mut apps = store.list()?.apps;
    // After a logout, the app that was registered for this name is the one meant.
    let namesake = apps.iter().position(|app| app.name == *name);
    if let Some(at) = namesake.or((apps.len() == 1).then_some(0)) {
        return own(arguments, apps.swap_remove(at), environment).map(Some);
    }
    if apps.is_empty() {
        return Ok(None);
    }
    let names: Vec<&str> = apps.iter().map(|app| app.name.as_str()).collect();
    let message = format!(
        "there are several apps and none is named: {}",
        names.join(", ")
    );
    let hint = format!("say which: `webex-connect login {name} --app {}`", names[0]);
    Err(Error::new(Kind::Usage, message).with_hint(hint))
}

/// A stored app as this login uses it: it keeps its environment; a new secret or redirect URI may be given.
fn own(arguments: &Arguments, mut app: App, environment: Option<&Environment>) -> Result<Client> {
    if let Some(wanted) = environment.filter(|wanted| **wanted != app.environment) {
        let message = format!(
            "the app {} belongs to {}, not to {wanted}",
            app.name, app.environment
        );
        return Err(Error::new(Kind::Refused, message).with_hint(format!(
            "register one for {wanted}: `webex-connect app add NAME --client-id ID{}`",
            place::option(wanted)
        )));
    }
    if let Some(uri) = arguments.redirect_uri.given()? {
        app.redirect_uri = uri;
    }
    // The variable counts where it is about this app and not about one that is provided.
    let provided_id = variables::read(variables::CLIENT_ID)?;
    let by_variable = arguments.client_id.is_some()
        && provided_id.is_none_or(|id| id == app.client_id)
        && variables::read(variables::CLIENT_SECRET)?.is_some();
    Ok(Client {
        own: Some(app.name.clone()),
        brings_secret: arguments.secret.is_given() || by_variable,
        app,
    })
}

/// An app that this login registers.
pub fn new_own_app(
    name: &Name,
    client_id: &str,
    redirect_uri: RedirectUri,
    environment: Option<&Environment>,
) -> Result<Client> {
    Ok(Client {
        app: App {
            revision: 0,
            name: provided::not_taken(name.clone())?,
            client_id: checked_client_id(client_id)?.to_owned(),
            client_secret: Secret::new(""),
            redirect_uri,
            scopes: ScopeSet::default(),
            environment: environment.cloned().unwrap_or(Environment::Webex),
        },
        own: Some(name.clone()),
        brings_secret: true,
    })
}

/// Client ID, secret and redirect URI come from one source and are never mixed.
fn refuse_own_details(arguments: &Arguments) -> Result<()> {
    if !arguments.secret.is_given() && !arguments.redirect_uri.is_given() {
        return Ok(());
    }
    let message = "the app provided to this machine has a secret and a redirect URI of its own; they are not mixed with others";
    Err(Error::new(Kind::Usage, message).with_hint(
        "leave these out, or use an app of your own: `webex-connect login NAME --client-id ID`",
    ))
}

fn no_such_app(name: &Name) -> Error {
    Error::new(Kind::App, format!("there is no app {name}")).with_hint(format!(
        "`webex-connect app list` shows what there is; `webex-connect app add {name} --client-id ID` registers it"
    ))
}
