//! What travels: a connection's record, and the own app's where refreshing takes it.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::app::{App, Environment, is_credential, provided};
use crate::connection::{AppRef, AuthType, Connection, is_access_token, is_refresh_token};
use crate::error::{Error, Kind, Result};
use crate::name::Name;
use crate::session;
use crate::store::Store;

/// What a sealed text says it is.
const KIND: &str = "webex-connect export";
/// The layout this program writes. A newer one is refused.
const SCHEMA: u32 = 1;

/// An opened export, checked.
#[derive(Deserialize)]
pub struct Payload {
    pub connection: Connection,
    /// The own app, where the connection has one and a refresh token to use it with.
    pub app: Option<App>,
}

#[derive(Serialize)]
struct Written<'a> {
    kind: &'static str,
    schema: u32,
    connection: &'a Connection,
    app: Option<&'a App>,
}

#[derive(Deserialize)]
struct Head {
    kind: String,
    schema: u32,
}

impl Payload {
    /// All that keeps the connection usable elsewhere.
    ///
    /// # Errors
    /// [`Kind::App`] if its own app is gone.
    pub fn whole(store: &Store, connection: Connection) -> Result<Payload> {
        let app = match needs_app(&connection) {
            true => Some(session::app_of(store, &connection)?),
            false => None,
        };
        Ok(Payload { connection, app })
    }

    /// The access token and nothing to get another one with: elsewhere it is a token without an app.
    pub fn access_only(mut connection: Connection) -> Payload {
        connection.auth_type = AuthType::AccessToken;
        connection.app = None;
        connection.tokens.refresh_token = None;
        connection.tokens.refresh_token_expires_at = None;
        Payload {
            connection,
            app: None,
        }
    }

    /// Gives the own app another name.
    ///
    /// # Errors
    /// [`Kind::Usage`] if the connection has none.
    pub fn rename_app(&mut self, name: Name) -> Result<()> {
        if provided::is_taken(&name) {
            let message = format!("{name} is what the provided app is called");
            return Err(Error::new(Kind::Usage, message).with_hint("choose another `--app-name`"));
        }
        let Some(AppRef {
            name: Some(own), ..
        }) = &mut self.connection.app
        else {
            let message = "the connection in the export has no app of its own to be named";
            return Err(Error::new(Kind::Usage, message).with_hint("leave out `--app-name`"));
        };
        *own = name.clone();
        if let Some(app) = &mut self.app {
            app.name = name;
        }
        Ok(())
    }

    pub fn to_bytes(&self) -> Result<Zeroizing<Vec<u8>>> {
        let written = Written {
            kind: KIND,
            schema: SCHEMA,
            connection: &self.connection,
            app: self.app.as_ref(),
        };
        serde_json::to_vec(&written)
            .map(Zeroizing::new)
            .map_err(|_| Error::new(Kind::Failure, "could not put the connection into words"))
    }

    /// Reads what anybody may have sealed: nothing in it is taken for granted.
    ///
    /// # Errors
    /// [`Kind::Usage`]; what is in it is not shown.
    pub fn read(bytes: &[u8]) -> Result<Payload> {
        let head = serde_json::from_slice::<Head>(bytes).ok();
        let Some(head) = head.filter(|head| head.kind == KIND) else {
            return Err(
                Error::new(Kind::Usage, "what was sealed is no export of webex-connect")
                    .with_hint("make one with `webex-connect export NAME --to RECIPIENT`"),
            );
        };
        if head.schema == 0 {
            return Err(forged("its schema is none"));
        }
        if head.schema > SCHEMA {
            let message = "a newer version of webex-connect made this export";
            return Err(Error::new(Kind::Usage, message)
                .with_hint("install that version here, or export it with this one"));
        }
        // serde_json's own text quotes what it read.
        let payload: Payload =
            serde_json::from_slice(bytes).map_err(|_| forged("a record is incomplete"))?;
        match payload.fault() {
            Some(fault) => Err(forged(fault)),
            None => Ok(payload),
        }
    }

    /// What no export of ours would hold.
    fn fault(&self) -> Option<&'static str> {
        let connection = &self.connection;
        let environment = &connection.environment;
        let tokens = &connection.tokens;
        let refresh_token = tokens.refresh_token.as_ref();
        if !is_access_token(tokens.access_token.expose())
            || !refresh_token.is_none_or(|token| is_refresh_token(token.expose()))
        {
            return Some("a token is none");
        }
        if let Environment::Custom(base) = environment
            && Environment::from_api_base(base.as_str()).ok().as_ref() != Some(environment)
        {
            return Some("its API base is none");
        }
        let made_with = connection.app.as_ref();
        if made_with.is_some_and(|made_with| !is_credential(&made_with.client_id)) {
            return Some("its client ID is none");
        }
        let own = made_with.and_then(|made_with| made_with.name.as_ref());
        if own.is_some_and(|own| provided::is_taken(own) || *environment == Environment::Sandbox) {
            return Some("no app of one's own can be called so");
        }
        let typed = match connection.auth_type {
            AuthType::AuthorizationCode => made_with.is_some() && own.is_none(),
            AuthType::OwnApp => own.is_some(),
            AuthType::AccessToken => made_with.is_none() && refresh_token.is_none(),
        };
        if !typed {
            return Some("its type is another");
        }
        (!self.app_fits()).then_some("the app does not fit the connection")
    }

    /// Whether the app came along exactly where it is needed, and is the one.
    fn app_fits(&self) -> bool {
        let connection = &self.connection;
        match (&self.app, &connection.app) {
            (Some(app), Some(made_with)) => {
                needs_app(connection)
                    && Some(&app.name) == made_with.name.as_ref()
                    && app.client_id == made_with.client_id
                    && app.environment == connection.environment
                    && is_credential(app.client_secret.expose())
            }
            (Some(_), None) => false,
            (None, _) => !needs_app(connection),
        }
    }
}

/// Whether an own app has to travel along: its secret serves refreshing and nothing else.
fn needs_app(connection: &Connection) -> bool {
    let made_with = connection.app.as_ref();
    let own = made_with.is_some_and(|made_with| made_with.name.is_some());
    own && connection.tokens.refresh_token.is_some()
}

fn forged(fault: &str) -> Error {
    let message = format!("what was sealed is not as webex-connect exports it: {fault}");
    Error::new(Kind::Usage, message).with_hint("ask whoever sent it for a new export")
}
