//! What a login will do, settled before anything is asked of Webex.

use crate::app::{App, DEFAULT_REDIRECT_URI, Environment, PORTAL};
use crate::client::Wire;
use crate::cmd::guard::{ANOTHER_LOGIN, Guard};
use crate::cmd::login::Arguments;
use crate::cmd::login::client::{self, Client};
use crate::cmd::login::{guide, scopes};
use crate::cmd::place;
use crate::cmd::{Context, named};
use crate::connection::{AuthType, Connection};
use crate::error::{Error, Kind, Result};
use crate::moment::now;
use crate::name::Name;
use crate::oauth::{Cures, Greeting};
use crate::scope::ScopeSet;
use crate::session;
use crate::store::Store;

/// The settled questions: which connection, which client, which scopes.
pub struct Plan {
    pub name: Name,
    /// Its secret is empty where [`Plan::brings_secret`], until that comes.
    pub app: App,
    /// The name of the own app's record; none for a provided app and for the sandbox's.
    pub own: Option<Name>,
    pub scopes: ScopeSet,
    /// The connection of this name, if this is a reconnect.
    pub existing: Option<Connection>,
    pub guard: Guard,
    /// Whether this login brings a client secret, from wherever.
    pub brings_secret: bool,
    /// Whether the command line names a redirect URI.
    pub brings_redirect_uri: bool,
    /// Whether the person signs in on another device.
    pub by_device: bool,
}

impl Plan {
    /// # Errors
    /// [`Kind::Refused`] for a login that would change what a connection is or lose scopes of it, [`Kind::App`]
    /// without an app and without a person who could register one.
    pub fn settle(context: &Context, arguments: &Arguments, store: &Store) -> Result<Plan> {
        let output = context.output;
        let wanted = wanted_environment(arguments)?;
        let (name, existing) = target(context, arguments, store, wanted.as_ref())?;
        if arguments.name.is_none() && existing.is_some() {
            output.note(&format!("reconnecting {name}"));
        }
        if let (Some(connection), Some(wanted)) = (&existing, &wanted)
            && connection.environment != *wanted
        {
            return Err(other_environment(connection, wanted));
        }
        let known = existing
            .as_ref()
            .map(|connection| connection.environment.clone());
        let environment = known.or(wanted);
        let asking = |apps_own: &ScopeSet| match arguments.refresh_token_stdin {
            // Whoever made the token asked for its scopes.
            true => Ok(ScopeSet::default()),
            false => scopes::wanted(arguments, existing.as_ref(), apps_own),
        };
        let known = client::choose(
            arguments,
            store,
            &name,
            existing.as_ref(),
            environment.as_ref(),
        )?;
        let client = match known {
            Some(client) => client,
            None => {
                let scopes = asking(&ScopeSet::default())?;
                guide::register(
                    context,
                    arguments,
                    store,
                    &name,
                    &scopes,
                    environment.as_ref(),
                )?
            }
        };
        let Client {
            app,
            own,
            brings_secret,
        } = client;
        let scopes = asking(&app.scopes)?;
        let guard = arguments.guard.clone();
        if let Some(existing) = existing.as_ref().filter(|_| scopes::is_stated(arguments)) {
            guard.request(existing, &scopes, now())?;
        }
        scopes::tell(output, arguments, &scopes);
        Ok(Plan {
            name,
            app,
            own,
            scopes,
            existing,
            guard,
            brings_secret,
            brings_redirect_uri: arguments.redirect_uri.is_given(),
            by_device: arguments.device,
        })
    }

    /// Finds out who owns the connection that this login replaces, so that another account does not take it over.
    ///
    /// # Errors
    /// [`Kind::Refused`] if that stays unknown although the scopes allow asking.
    pub async fn ask_owner(&mut self, store: &Store, wire: &Wire) -> Result<()> {
        let Some(existing) = &mut self.existing else {
            return Ok(());
        };
        self.guard.ask_owner(store, existing, wire).await;
        self.guard.complete(existing, ANOTHER_LOGIN)
    }

    pub fn auth_type(&self) -> AuthType {
        match self.own {
            Some(_) => AuthType::OwnApp,
            None => AuthType::AuthorizationCode,
        }
    }

    /// The command that signs in like this, but for its scopes: what to run again when it failed.
    pub fn command(&self) -> String {
        let device = if self.by_device { " --device" } else { "" };
        format!("{}{device}", self.browser_command())
    }

    /// The same through a browser that comes back to this machine.
    pub fn browser_command(&self) -> String {
        let Plan { name, own, app, .. } = self;
        let place = place::option(&app.environment);
        match own {
            Some(own) if self.existing.is_none() && self.is_stored() => {
                format!("webex-connect login {name} --app {own}")
            }
            Some(_) if self.existing.is_none() => {
                let (id, uri) = (&app.client_id, &app.redirect_uri);
                let uri = match uri.as_str() {
                    DEFAULT_REDIRECT_URI => String::new(),
                    other => format!(" --redirect-uri {other}"),
                };
                format!("webex-connect login {name} --client-id {id}{place}{uri}")
            }
            None if self.existing.is_none() || app.environment == Environment::Sandbox => {
                format!("webex-connect login {name}{place}")
            }
            _ => format!("webex-connect login {name}"),
        }
    }

    pub fn cures(&self) -> Cures {
        Cures {
            mend_client: self.mend_client(),
            again: self.command(),
        }
    }

    /// What to do about a client that Webex refuses.
    fn mend_client(&self) -> String {
        let again = format!("run `{}` again", self.command());
        match &self.own {
            Some(own) if self.is_stored() => {
                format!("{}; then {again}", session::mend_client(Some(own)))
            }
            Some(_) => format!("compare both with {PORTAL}, then {again}"),
            None => session::mend_client(None),
        }
    }

    /// Whether the own app was registered before this login.
    fn is_stored(&self) -> bool {
        self.app.revision > 0
    }

    /// A new name lets the person choose the account; a known or expected account is suggested.
    pub fn greeting(&self) -> Greeting {
        let identity = self
            .existing
            .as_ref()
            .and_then(|connection| connection.identity.as_ref());
        let expected = self.guard.expect_user().map(str::to_owned);
        Greeting {
            select_account: identity.is_none(),
            login_hint: expected.or_else(|| identity.and_then(|identity| identity.email.clone())),
        }
    }
}

/// The environment the command line names, if it names one.
pub fn wanted_environment(arguments: &Arguments) -> Result<Option<Environment>> {
    match arguments.sandbox {
        true => Ok(Some(Environment::Sandbox)),
        false => arguments.place.environment(),
    }
}

/// The connection to make or to make again. Without a name it is the default or the only one, and if there is none,
/// a new one called after its environment. The sandbox and the real thing are never taken for each other.
pub fn target(
    context: &Context,
    arguments: &Arguments,
    store: &Store,
    wanted: Option<&Environment>,
) -> Result<(Name, Option<Connection>)> {
    if let Some(name) = named(arguments.name.as_deref())? {
        let existing = context.find(store, &name)?;
        let name = existing
            .as_ref()
            .map_or(name, |connection| connection.name.clone());
        return Ok((name, existing));
    }
    let fallback = wanted.map_or("webex", Environment::name);
    if wanted != Some(&Environment::Sandbox) {
        let mut listing = context.listing(store)?;
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
    let existing = context.find(store, &name)?;
    Ok((name, existing))
}

fn other_environment(connection: &Connection, wanted: &Environment) -> Error {
    let message = format!(
        "the connection {} belongs to {}; a login can't move it to {wanted}",
        connection.name, connection.environment
    );
    Error::new(Kind::Refused, message)
        .with_hint("to keep both, use another name: `webex-connect login NAME`")
}
