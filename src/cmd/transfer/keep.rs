//! What of an import is stored, and what is refused. Sealing does not say who sealed it, so nothing changes here that
//! the command line has not allowed.

use jiff::Timestamp;

use crate::app::{App, Environment};
use crate::cmd::guard::Guard;
use crate::cmd::keep::{ANOTHER_NAME, Origin, save, unchanged};
use crate::cmd::transfer::payload::Payload;
use crate::connection::{Connection, State};
use crate::error::{Error, Kind, Result};
use crate::moment::now;
use crate::output::Output;
use crate::store::{Key, Store};

/// Stores the app, the connection and, for a first one, the default; under the connection's lock. Gives what is stored
/// afterwards.
///
/// # Errors
/// [`Kind::Refused`] by a guard; the store failed. What it held before is still there.
pub fn keep(output: Output, guard: &Guard, store: &Store, payload: Payload) -> Result<Connection> {
    let Payload {
        mut connection,
        app,
    } = payload;
    let _lock = store.lock(&Key::Connection(connection.name.clone()))?;
    let before = store.connection(&connection.name)?;
    let identity = connection.identity.as_ref();
    guard
        .identity(None, identity, &connection.grant.granted)
        .map_err(|error| error.with_hint("ask whoever sent it, or leave out `--expect-user`"))?;
    connection.revision = 0;
    connection.renaming_to = None;
    connection.renamed_from = None;
    if let Some(mut before) = before {
        replaceable(output, guard, &mut before, &connection)?;
        if is_older(&connection, &before) {
            let name = &before.name;
            output.warning(&format!(
                "{name} is newer here than in the export, and was kept as it is"
            ));
            return Ok(before);
        }
        connection.name = before.name;
        connection.revision = before.revision;
    }
    if let Some(app) = app {
        keep_app(store, app)?;
    }
    save(output, store, &mut connection)?;
    Ok(connection)
}

/// Tokens go to an API base that is not Webex's only where the command line says so too.
///
/// # Errors
/// [`Kind::Refused`] for another base than the one repeated, and for one that was not.
pub fn right_place(environment: &Environment, api_base: Option<&str>) -> Result<()> {
    let expected = api_base.map(Environment::from_api_base).transpose()?;
    match (environment, expected) {
        (environment, Some(expected)) if *environment != expected => {
            let message = format!(
                "the export belongs to {environment}, not to {expected}; nothing was stored"
            );
            Err(Error::new(Kind::Refused, message)
                .with_hint("ask whoever sent it; one that belongs to Webex needs no `--api-base`"))
        }
        (Environment::Custom(base), None) => {
            let message = format!(
                "the tokens in this export would be sent to {base}, which is not Webex; nothing was stored"
            );
            Err(Error::new(Kind::Refused, message).with_hint(format!(
                "if you know that server, give the same command with `--api-base {base}`"
            )))
        }
        _ => Ok(()),
    }
}

/// What an import does not do unasked to a connection that is there.
fn replaceable(
    output: Output,
    guard: &Guard,
    before: &mut Connection,
    new: &Connection,
) -> Result<()> {
    unchanged(before, new, Origin::Export)?;
    // Whatever a guard says of a sign-in that may be tried again, the text of an import stays the same.
    let another_name = |mut error: Error| {
        error.kind = Kind::Refused;
        error.with_hint(ANOTHER_NAME)
    };
    let now = now();
    if let Some(worse) = worse(before, new, now) {
        let message = format!("{} {worse}; nothing was stored", before.name);
        return Err(another_name(Error::new(Kind::Refused, message)));
    }
    // An older export replaces nothing.
    if !is_older(new, before) {
        guard.complete(before, ANOTHER_NAME)?;
        let warning = guard
            .identity(Some(before), new.identity.as_ref(), &new.grant.granted)
            .map_err(another_name)?;
        if let Some(warning) = warning {
            output.warning(&warning);
        }
    }
    guard
        .grant(output, before, &new.grant, now)
        .map_err(|error| {
            error.with_hint(format!(
                "{ANOTHER_NAME}; to accept fewer: `--allow-fewer-scopes`"
            ))
        })?;
    Ok(())
}

/// What makes an export worse than a connection that is in order; in words that follow its name.
fn worse(before: &Connection, new: &Connection, now: Timestamp) -> Option<&'static str> {
    if before.state(now) != State::Ready {
        None
    } else if new.state(now) != State::Ready {
        Some("is in order, and what the export holds needs a new sign-in")
    } else if before.tokens.can_refresh(now) && !new.tokens.can_refresh(now) {
        Some("can be refreshed, and what the export holds can't")
    } else {
        None
    }
}

/// Whether this is a grant that is stored already, with tokens that have been refreshed since: importing the same text
/// again does no harm. The account may have been learned after the export.
pub fn is_older(new: &Connection, before: &Connection) -> bool {
    let person = |connection: &Connection| connection.identity.as_ref().map(|who| who.id.clone());
    before.state(now()) == State::Ready
        && before.tokens.obtained_at >= new.tokens.obtained_at
        // A refresh in the second of the export looks as old.
        && before.tokens.access_token != new.tokens.access_token
        && before.grant.granted == new.grant.granted
        && (new.identity.is_none() || person(before) == person(new))
}

/// Stores the own app. One that is there is left as it is if it is the same client, and refused if it is not.
fn keep_app(store: &Store, mut app: App) -> Result<()> {
    let _lock = store.lock(&Key::App(app.name.clone()))?;
    let name = &app.name;
    let Some(stored) = store.app(name)? else {
        app.revision = 0;
        return store.save_app(&mut app);
    };
    let another = if stored.client_id != app.client_id || stored.environment != app.environment {
        "another app of that name"
    } else if stored.client_secret != app.client_secret {
        "that app with another client secret"
    } else {
        return Ok(());
    };
    let message = format!("there is already {another} here, {name}; nothing was stored");
    Err(Error::new(Kind::Refused, message).with_hint(format!(
        "give the new one another name with `--app-name NAME`; a secret that was regenerated goes to `webex-connect \
         app update {name}`"
    )))
}
