//! `export`: a connection sealed to an age key.

use std::io;

use clap::Args;
use serde_json::json;

use crate::app::Environment;
use crate::cmd::Context;
use crate::cmd::transfer::payload::Payload;
use crate::connection::{Connection, State};
use crate::error::{Error, Kind, Result};
use crate::moment::day;
use crate::name::Name;
use crate::output::{Output, goes_nowhere, sync_stdout};
use crate::session;
use crate::store::{Key, Recipient, Store, seal};

/// Seal a connection to the age key of another machine
///
/// The sealed text goes to stdout; `webex-connect import` opens it with the
/// key, and `age -d` does too. With it travel the access token, the refresh
/// token and, for an app of your own, the client ID and the client secret,
/// which refreshing takes. stderr says what did.
///
/// Afterwards two machines hold one grant: where Webex replaces the refresh
/// token, a refresh by one can end the other's, and a logout by one ends it
/// for both. --move gives it away instead, and --access-only lends it until
/// the access token expires.
///
///   $ age-keygen -o ci.key
///   $ webex-connect export work --to age1… >work.age
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Arguments {
    /// The connection
    name: String,
    /// Whom to seal it to: an age recipient, age1…
    #[arg(long, value_name = "RECIPIENT")]
    to: String,
    /// Seal the access token alone, refreshed first if it is stale: no refresh token, no app
    #[arg(long)]
    access_only: bool,
    /// Remove the connection here once it is written; it is not revoked
    #[arg(long = "move", conflicts_with = "access_only")]
    moves: bool,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<()> {
    let output = context.output;
    let name = Name::parse(&arguments.name)?;
    let recipient = Recipient::parse(&arguments.to)?;
    if arguments.moves && goes_nowhere(&io::stdout()) {
        let message = format!("standard output goes nowhere, and {name} would be lost");
        return Err(
            Error::new(Kind::Usage, message).with_hint("write the export to a file: `>FILE`")
        );
    }
    let store = context.store_for(Some(&name))?;
    // Completes an interrupted rename before the lock is taken.
    context.stored(&store, &name)?;
    if arguments.access_only {
        context.usable(&store, session::stored(&store, &name)?)?;
    }
    // Until it is written, and with --move until it is gone here, nobody else refreshes it.
    let _lock = store.lock(&Key::Connection(name.clone()))?;
    let connection = session::stored(&store, &name)?;
    if connection.state(context.now) != State::Ready && !arguments.access_only {
        output.warning(&format!(
            "{name} needs a new sign-in; what is exported now may be of no use"
        ));
    }
    let payload = match arguments.access_only {
        true => Payload::access_only(connection),
        false => Payload::whole(&store, connection)?,
    };
    let sealed = seal(&payload.to_bytes()?, &recipient)?;
    if output.delivered(sealed.trim_end())? {
        if arguments.moves {
            // The export is now the only copy of the refresh token, so it must be on disk first.
            sync_stdout()?;
        }
        tell(output, &payload, &recipient, arguments.moves);
    } else if arguments.moves {
        let message = format!("the reader of standard output went away; {name} stays here");
        return Err(Error::new(Kind::Failure, message)
            .with_hint("write it to a file first, and pass that on"));
    }
    match arguments.moves {
        true => give_away(output, &store, &payload.connection),
        false => Ok(()),
    }
}

fn give_away(output: Output, store: &Store, connection: &Connection) -> Result<()> {
    let name = &connection.name;
    store.remove_connection(name).map_err(|mut error| {
        error.message = format!("{name} was exported and is still here: {}", error.message);
        error
    })?;
    output.event(&json!({"event": "removed", "name": name}));
    output.note(&format!(
        "removed {name} from {}; its grant lives on with whoever opens the export",
        store.place()
    ));
    Ok(())
}

/// Says what travels, and what that means.
fn tell(output: Output, payload: &Payload, recipient: &Recipient, moves: bool) {
    let Payload { connection, app } = payload;
    let (name, tokens) = (&connection.name, &connection.tokens);
    let refreshes = tokens.refresh_token.is_some();
    output.event(&json!({
        "event": "export",
        "name": name,
        "to": recipient.to_string(),
        "access_token": true,
        "refresh_token": refreshes,
        "client_secret": app.is_some(),
    }));
    output.note(&format!(
        "sealed {name} ({}) to {recipient}",
        connection.account()
    ));
    let until = day(tokens.expires_at);
    output.note(&match (refreshes, app) {
        (false, _) => format!("in it: the access token, good until {until}, and no way to get another"),
        (true, None) => format!("in it: the access token, good until {until}, and the refresh token"),
        (true, Some(app)) => format!(
            "in it: the access token, good until {until}, the refresh token, and the app {} with its client secret",
            app.name
        ),
    });
    if refreshes
        && app.is_none()
        && connection.environment != Environment::Sandbox
        && let Some(made_with) = &connection.app
    {
        output.note(&format!(
            "not in it: the app, which is provided to this machine; where it is opened the same one has to be \
             provided, client ID {}",
            made_with.client_id
        ));
    }
    if refreshes && !moves {
        output.note(
            "both machines now hold one grant: a refresh by one can end the other's, and a logout ends it for both",
        );
    }
}
