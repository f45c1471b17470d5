//! What a login and an import do alike where they store a connection.

use crate::connection::{AppRef, Connection};
use crate::error::{Error, Kind, Result, foreign};
use crate::output::Output;
use crate::store::Store;

/// The cure where an import would take another connection's place.
pub const ANOTHER_NAME: &str = "to keep both, give the same command with `--name NAME`";

/// Where a connection comes from that takes another's place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    SignIn,
    Export,
}

/// The type, the environment and the app of a connection never change. Which app is provided may have, and a sign-in
/// goes to the one that is now.
///
/// # Errors
/// [`Kind::Refused`] with both.
pub fn unchanged(before: &Connection, new: &Connection, origin: Origin) -> Result<()> {
    let client = |connection: &Connection| {
        let app = connection.app.as_ref();
        let is_free = |app: &AppRef| app.name.is_none() && origin == Origin::SignIn;
        app.map(|app| {
            let client_id = (!is_free(app)).then(|| app.client_id.clone());
            (app.name.clone(), client_id)
        })
    };
    if before.auth_type == new.auth_type
        && before.environment == new.environment
        && client(before) == client(new)
    {
        return Ok(());
    }
    let (what, hint) = match origin {
        Origin::SignIn => (
            "this sign-in",
            "to keep both, use another name: `webex-connect login NAME`",
        ),
        Origin::Export => ("the export", ANOTHER_NAME),
    };
    let message = format!(
        "{} belongs to {}, and {what} to {}; nothing was stored",
        before.name,
        described(before),
        described(new)
    );
    Err(Error::new(Kind::Refused, message).with_hint(hint))
}

/// Saves a connection, and as the default one where there is none that can be used. The caller holds its lock.
///
/// # Errors
/// The connection could not be saved. That the default could not is only told.
pub fn save(output: Output, store: &Store, connection: &mut Connection) -> Result<()> {
    store.save_connection(connection)?;
    let name = &connection.name;
    match store.becomes_default(connection) {
        Ok(true) => {}
        Ok(false) => return Ok(()),
        Err(error) => {
            output.warning(&format!(
                "the default connection cannot be read, and stays the default: {error}; `webex-connect default {name}` \
                 changes it"
            ));
            return Ok(());
        }
    }
    let before = store.default_name().ok().flatten();
    match store.save_default(connection) {
        Err(error) => output.warning(&format!(
            "{name} is stored, but could not be made the default: {error}; `webex-connect default {name}` tries again"
        )),
        Ok(()) => {
            if let Some(before) = before.filter(|before| before != name) {
                output.note(&format!(
                    "{name} is the default now, in place of {before}; `webex-connect default {before}` takes that back"
                ));
            }
        }
    }
    Ok(())
}

fn described(connection: &Connection) -> String {
    let app = match &connection.app {
        None => "no app".to_owned(),
        Some(app) => {
            let client_id = foreign(&app.client_id);
            match &app.name {
                Some(name) => format!("the app {name} (client ID {client_id})"),
                None => format!("a provided app (client ID {client_id})"),
            }
        }
    };
    format!("{} and {app}", connection.environment)
}
