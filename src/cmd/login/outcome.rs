//! What came of it: the callback's meaning, who signed in, what is stored and what is said.

use serde_json::json;
use url::Url;

use crate::app::App;
use crate::client::Client;
use crate::cmd::guard::{ANOTHER_LOGIN, Guard};
use crate::cmd::keep::{self, Origin};
use crate::cmd::login::plan::Plan;
use crate::connection::{AppRef, Connection, Grant, GrantSource, Identity, Mark};
use crate::error::{Error, Kind, Result};
use crate::loopback::Callback;
use crate::moment::{now, soon};
use crate::oauth::{self, Granted};
use crate::output::Output;
use crate::scope::{ScopeSet, counted};
use crate::secret::Secret;
use crate::store::{Key, Store};
use crate::webex;

/// The code in a callback, or what the callback says instead; `secrets` are not shown, should they come back in it.
pub fn accept(callback: Callback, plan: &Plan, secrets: &[Secret]) -> Result<Secret> {
    match callback {
        Callback::Code(code) => Ok(code),
        Callback::Refused { error, description } => Err(oauth::authorization_error(
            &error,
            description.as_deref(),
            &plan.scopes,
            &plan.command(),
            plan.app.environment.portal(),
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

/// A connection that was stored, and the one it took the place of.
pub struct Saved {
    pub connection: Connection,
    pub before: Option<Connection>,
}

/// The own app that a login was made with, and what of it the record is to have.
#[derive(Clone)]
pub struct OwnApp {
    app: App,
    requested: ScopeSet,
    brings_secret: bool,
    brings_redirect_uri: bool,
}

/// A connection that was made just now, and the own app that it registers or changes.
pub struct NewConnection {
    pub connection: Connection,
    pub own_app: Option<OwnApp>,
}

/// The connection that a sign-in made, and what guards it.
pub fn connection(
    plan: Plan,
    granted: Granted,
    identity: Option<Identity>,
) -> (NewConnection, Guard) {
    let auth_type = plan.auth_type();
    let Plan {
        name,
        app,
        own,
        scopes,
        guard,
        brings_secret,
        brings_redirect_uri,
        ..
    } = plan;
    let connection = Connection {
        revision: 0,
        name,
        auth_type,
        app: Some(AppRef {
            name: own.clone(),
            client_id: app.client_id.clone(),
            redirect_uri: app.redirect_uri.clone(),
        }),
        environment: app.environment.clone(),
        identity,
        grant: Grant::new(scopes.clone(), granted.scope),
        tokens: granted.tokens,
        mark: Mark::None,
        renaming_to: None,
        renamed_from: None,
    };
    let own_app = own.map(|_| OwnApp {
        app,
        requested: scopes,
        brings_secret,
        brings_redirect_uri,
    });
    let new = NewConnection {
        connection,
        own_app,
    };
    (new, guard)
}

/// Stores a connection that was made just now, past the guards, with the app that it registers, and for a first one
/// the default. The caller holds the connection's lock, so that a refresh that began with the old tokens can't follow
/// with its own. A save that fails may be tried again.
///
/// # Errors
/// [`Kind::Refused`] by the guards; the store failed. What it held before is still there.
pub fn keep(output: Output, store: &Store, guard: &Guard, new: &NewConnection) -> Result<Saved> {
    let mut connection = new.connection.clone();
    let mut before = store.connection(&connection.name)?;
    if let Some(before) = &mut before {
        keep::unchanged(before, &connection, Origin::SignIn)?;
        guard.complete(before, ANOTHER_LOGIN)?;
    }
    let grant = &connection.grant;
    let identity = connection.identity.as_ref();
    let warning = guard.identity(before.as_ref(), identity, &grant.granted)?;
    if let Some(before) = &before {
        guard.grant(output, before, grant, now())?;
        connection.revision = before.revision;
    }
    if let Some(own_app) = new.own_app.clone() {
        save_app(store, own_app)?;
    }
    keep::save(output, store, &mut connection)?;
    if let Some(warning) = warning {
        output.warning(&warning);
    }
    Ok(Saved { connection, before })
}

/// Stores the own app where this login registers it or brought something new of it; whatever else another process has
/// changed of it meanwhile stays. Its list of scopes is what it was registered with; a login that asks for others
/// leaves it.
fn save_app(store: &Store, own_app: OwnApp) -> Result<()> {
    let OwnApp {
        mut app,
        requested,
        brings_secret,
        brings_redirect_uri,
    } = own_app;
    let _lock = store.lock(&Key::App(app.name.clone()))?;
    let Some(mut stored) = store.app(&app.name)? else {
        app.revision = 0;
        if app.scopes.is_empty() {
            app.scopes = requested;
        }
        return store.save_app(&mut app);
    };
    if stored.client_id != app.client_id || stored.environment != app.environment {
        let name = &app.name;
        let message = format!(
            "the app {name} has become another one, with the client ID {}; nothing was stored",
            stored.client_id
        );
        return Err(Error::new(Kind::Refused, message).with_hint(format!(
            "to keep both, use another name: `webex-connect login NAME --client-id {}`",
            app.client_id
        )));
    }
    let brings_secret = brings_secret && stored.client_secret != app.client_secret;
    let brings_redirect_uri = brings_redirect_uri && stored.redirect_uri != app.redirect_uri;
    if brings_secret {
        stored.client_secret = app.client_secret;
    }
    if brings_redirect_uri {
        stored.redirect_uri = app.redirect_uri;
    }
    match brings_secret || brings_redirect_uri {
        true => store.save_app(&mut stored),
        false => Ok(()),
    }
}

/// What a finished login says: the connection as JSON, or in a few lines.
pub fn report(output: Output, store: &Store, saved: &Saved) -> Result<()> {
    let Saved { connection, before } = saved;
    let (name, grant) = (&connection.name, &connection.grant);
    let missing = grant.missing();
    if !missing.is_empty() {
        let portal = connection.environment.portal();
        let on_the_app =
            portal.map_or_else(String::new, |portal| format!("on the app at {portal} and "));
        output.warning(&format!(
            "Webex granted fewer scopes than asked; missing: {missing}; tick them {on_the_app}on the consent page, then \
             run `webex-connect login {name}` again"
        ));
    }
    let (gained, lost) = before.as_ref().map_or_else(Default::default, |before| {
        let old = &before.grant.granted;
        (
            grant.granted.missing_from(old),
            old.missing_from(&grant.granted),
        )
    });
    if output.json {
        let is_default = store.is_default(name);
        let mut json = connection.to_json(is_default, store.name(), now());
        if before.is_some() {
            json["scopes"]["gained"] = json!(gained);
            json["scopes"]["lost"] = json!(lost);
        }
        return output.result_json(&json);
    }
    output.note(&format!("connected {name} as {}", connection.account()));
    output.note(&match grant.source {
        GrantSource::Unknown => format!("scopes {}", grant.source.phrase()),
        source => format!(
            "{} asked for, {} granted ({})",
            counted(grant.requested.len()),
            grant.granted.len(),
            source.phrase()
        ),
    });
    for (what, scopes) in [("new", gained), ("no longer granted", lost)] {
        if !scopes.is_empty() {
            output.note(&format!("{what}: {scopes}"));
        }
    }
    let until = soon(connection.tokens.expires_at, now());
    output.note(&format!(
        "token good until {until}, kept in {}",
        store.place()
    ));
    output.note(&format!("next: `webex-connect token {name}`"));
    Ok(())
}
