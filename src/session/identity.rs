//! Whose connection it is: asks Webex who an access token belongs to, and stores the answer.

use std::time::Duration;

use crate::client::{Client, Wire};
use crate::connection::{Connection, Freshness, GrantSource, Identity};
use crate::error::{Error, Kind, Result};
use crate::moment::now;
use crate::name::Name;
use crate::secret::Secret;
use crate::session::{base, refreshed, runtime, usable};
use crate::signals::Signals;
use crate::store::{Key, Store};
use crate::webex;

/// How long a small change to a record waits for a refresh that is under way; what it adds can be learned again.
const AMEND_TIME: Duration = Duration::from_secs(2);
/// How long a command that does not need the answer waits for it.
const OWNER_TIME: Duration = Duration::from_secs(10);

/// What Webex says of an access token.
pub enum Live {
    /// It works; who it belongs to, as far as its scopes tell.
    Works(Option<Identity>),
    /// Webex does not accept it.
    Refused,
}

/// A connection and what Webex says of its token.
pub struct Asked {
    pub connection: Connection,
    pub live: Live,
    /// Why a stale token was not replaced before.
    pub not_refreshed: Option<Error>,
}

/// Asks Webex whether the connection's token works, refreshing a stale one first. One that Webex refuses is refreshed
/// too, once, and Webex asked again.
///
/// # Errors
/// As for [`usable`]; Webex or the network failed.
pub fn ask_webex(store: &Store, connection: Connection, wire: &Wire) -> Result<Asked> {
    let (name, before) = (
        connection.name.clone(),
        connection.tokens.access_token.clone(),
    );
    let (mut connection, not_refreshed) = usable(store, connection, wire)?;
    let mut live = accepts(&connection, wire)?;
    let is_new = connection.tokens.access_token != before;
    if matches!(live, Live::Refused) && !is_new && connection.tokens.can_refresh(now()) {
        connection = refreshed(store, connection, wire).inspect_err(|error| {
            if error.kind == Kind::SignIn {
                end(store, &name, &before);
            }
        })?;
        live = accepts(&connection, wire)?;
    }
    if let Live::Works(Some(identity)) = &live {
        connection = learn(store, connection, identity);
    }
    Ok(Asked {
        connection,
        live,
        not_refreshed,
    })
}

/// What is known of the account of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    Known(Identity),
    /// The scopes of the token do not allow asking.
    Hidden,
    /// The scopes may allow asking, but Webex was not asked or did not answer.
    Unknown,
}

impl Owner {
    /// The account, if it is known.
    pub fn into_known(self) -> Option<Identity> {
        match self {
            Owner::Known(identity) => Some(identity),
            Owner::Hidden | Owner::Unknown => None,
        }
    }
}

/// Returns the owner of a connection. If the record does not name one, asks Webex once, with the stored access token,
/// and stores the answer.
pub async fn owner(store: &Store, connection: &Connection, wire: &Wire) -> Owner {
    if let Some(identity) = &connection.identity {
        return Owner::Known(identity.clone());
    }
    if !connection.grant.may_identify() {
        return Owner::Hidden;
    }
    if connection.tokens.freshness(now()) == Freshness::Expired {
        return Owner::Unknown;
    }
    match tokio::time::timeout(OWNER_TIME, people_me(connection, wire)).await {
        Ok(Ok(Some(identity))) => {
            learn(store, connection.clone(), &identity);
            Owner::Known(identity)
        }
        // The scopes of a token that was made elsewhere are unknown until Webex refuses.
        Ok(Ok(None)) if connection.grant.source == GrantSource::Unknown => Owner::Hidden,
        _ => Owner::Unknown,
    }
}

/// Stores whose connection it is, if the record does not say and Webex tells. Not to be called inside a runtime.
///
/// # Errors
/// [`Kind::Interrupted`]. Webex may fail without an error: the owner is not needed for the connection.
pub fn identify(store: &Store, connection: &Connection, wire: &Wire) -> Result<()> {
    if connection.identity.is_some() || !connection.grant.may_identify() {
        return Ok(());
    }
    runtime()?.block_on(async {
        let mut signals = Signals::catch()?;
        let saved = format!("{} was refreshed and saved all the same", connection.name);
        let asking = owner(store, connection, wire);
        let outcome = signals.unless(asking, &saved).await.map(drop);
        signals.release_after(&outcome);
        outcome
    })
}

/// Webex refuses an access token and its refresh token too: it has ended, whatever its expiry said, and must not be
/// handed out any more. Another process may have saved other tokens meanwhile. A failure to write this down is not worth
/// an error of its own.
fn end(store: &Store, name: &Name, access_token: &Secret) {
    amend(store, name, access_token, |stored| {
        stored.tokens.expires_at = Some(now());
    });
}

/// Stores whose token this is, if the record does not say. Returns the connection with that identity.
pub fn learn(store: &Store, mut connection: Connection, identity: &Identity) -> Connection {
    if connection.identity.is_none() {
        connection.identity = Some(identity.clone());
        let token = &connection.tokens.access_token;
        amend(store, &connection.name, token, |stored| {
            stored.identity.get_or_insert_with(|| identity.clone());
        });
    }
    connection
}

/// Changes a record that still holds this access token, if no other process is at work on it.
fn amend(store: &Store, name: &Name, access_token: &Secret, change: impl FnOnce(&mut Connection)) {
    let Ok(_lock) = store
        .lock_name(&Key::Connection(name.clone()))
        .take(AMEND_TIME)
    else {
        return;
    };
    if let Ok(Some(mut stored)) = store.connection(name)
        && stored.tokens.access_token == *access_token
    {
        change(&mut stored);
        let _limit = store.limit_writes(AMEND_TIME);
        let _ = store.save_connection(&mut stored);
    }
}

fn accepts(connection: &Connection, wire: &Wire) -> Result<Live> {
    match runtime()?.block_on(people_me(connection, wire)) {
        Ok(identity) => Ok(Live::Works(identity)),
        Err(error) if error.kind == Kind::SignIn => Ok(Live::Refused),
        Err(error) => Err(error),
    }
}

async fn people_me(connection: &Connection, wire: &Wire) -> Result<Option<Identity>> {
    let base = base(connection)?;
    let client = Client::new(&base, wire)?;
    webex::people_me(&client, &base, &connection.tokens.access_token).await
}
