//! `logout`: removes connections here, then tries to end their grants at Webex, and tells what stays valid.

use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::app::{Environment, GRANTS_PAGE};
use crate::client::{Client, Wire};
use crate::cmd::Context;
use crate::cmd::lookup::renamed;
use crate::connection::Connection;
use crate::error::{Error, Kind, Result};
use crate::moment::day;
use crate::name::Name;
use crate::oauth;
use crate::output::Output;
use crate::session;
use crate::store::{Key, Store};

/// How long all revocations of one run may take together: they are a courtesy, and what matters here is done.
const REVOKE_TIME: Duration = Duration::from_secs(30);

/// Remove a connection from this machine, and try to end it at Webex
///
/// Its tokens are removed from the store first. Then Webex is asked to
/// revoke them, unless another connection of the same person and app may
/// share the grant. What is said at the end is the truth: revoked, or still
/// valid until when, and where to end it. The exit code is 0 if it is gone
/// here, and the highest of all where several fail. The app stays, for the
/// next login; `webex-connect app remove` removes it. Removing what is
/// not there is no error.
///
///   $ webex-connect logout work
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Arguments {
    /// The connection to remove
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    name: Option<String>,
    /// Remove every connection
    #[arg(long)]
    all: bool,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<()> {
    let asked = match &arguments.name {
        Some(name) => Some(Name::parse(name)?),
        None => None,
    };
    let whose = asked.as_ref().map_or("anything", Name::as_str);
    let store = context.store_for(asked.as_ref());
    let store = store.map_err(|error| kept(whose, error))?;
    // Otherwise the other record of an interrupted rename would bring the connection back.
    if let Ok(listing) = store.list() {
        let completed = context.complete_renames(&store, &listing.connections);
        if let Some(rename) = completed.iter().find(|it| asked.as_ref() == Some(&it.old)) {
            return Err(kept(whose, renamed(rename)));
        }
    }
    let names = match asked {
        Some(name) => vec![name],
        None => store
            .connection_names()
            .map_err(|error| kept("anything", error))?,
    };
    let mut gone = Vec::new();
    let mut failure = None;
    for name in names {
        match remove(&store, &name) {
            Ok(removed) => gone.push(removed),
            Err(error) => {
                let error = kept(name.as_str(), error);
                failure = Some(match failure.take() {
                    Some(earlier) => worst(context.output, earlier, error),
                    None => error,
                });
            }
        }
    }
    // Where nothing could be removed there is nothing else to tell.
    if let Some(error) = failure.take_if(|_| gone.is_empty()) {
        return Err(error);
    }
    let fates = fates(&store, &gone, &context.wire);
    tell(context, arguments, &store, &gone, &fates)?;
    failure.map_or(Ok(()), Err)
}

/// Of two failures the one with the higher exit code, which the command ends with; the other is told now.
fn worst(output: Output, earlier: Error, later: Error) -> Error {
    let (worst, other) = match earlier.exit_code() > later.exit_code() {
        true => (earlier, later),
        false => (later, earlier),
    };
    output.error(&other);
    worst
}

/// A connection that is no longer stored.
struct Gone {
    name: Name,
    /// Whether it was stored at all.
    removed: bool,
    /// What was stored, where it could be read.
    connection: Option<Connection>,
}

/// Removes one connection, whether or not its record can be read.
fn remove(store: &Store, name: &Name) -> Result<Gone> {
    // A refresh that is under way elsewhere ends first, so that it can't bring the record back.
    let _lock = store.lock(&Key::Connection(name.clone()))?;
    let connection = store.connection(name).ok().flatten();
    // The other record of an interrupted rename would bring the connection back.
    if let Some(connection) = connection.as_ref().filter(|it| it.is_being_renamed()) {
        return Err(session::not_renamed(connection));
    }
    let removed = store.remove_connection(name)?;
    if !removed && store.is_sandbox_file() {
        return Err(session::unseen(store, name));
    }
    let name = connection
        .as_ref()
        .map_or_else(|| name.clone(), |connection| connection.name.clone());
    Ok(Gone {
        name,
        removed,
        connection,
    })
}

/// Who wants a secret gone has to be told that it is not, whatever failed.
fn kept(what: &str, error: Error) -> Error {
    Error {
        message: format!("could not remove {what}: {}", error.message),
        ..error
    }
}

/// What became of a grant at Webex.
enum Fate {
    /// There was nothing to revoke.
    Nothing,
    Revoked,
    /// It stays valid, and why.
    Valid(String),
}

fn fates(store: &Store, gone: &[Gone], wire: &Wire) -> Vec<Fate> {
    // A record that cannot be read may share a grant too.
    let others = match store.list() {
        Ok(listing) if listing.unreadable.is_empty() => Some(listing.connections),
        _ => None,
    };
    let deadline = std::time::Instant::now() + REVOKE_TIME;
    let fate = |gone: &Gone| {
        let Some(connection) = &gone.connection else {
            return match gone.removed {
                true => Fate::Valid("its record could not be read".to_owned()),
                false => Fate::Nothing,
            };
        };
        let shares = match &others {
            Some(others) => others
                .iter()
                .find(|other| connection.may_share_grant(other)),
            None => return Fate::Valid("what else is stored could not be read".to_owned()),
        };
        if let Some(other) = shares {
            let why = format!("not revoked, for {} may share the grant", other.name);
            return Fate::Valid(why);
        }
        let left = deadline.saturating_duration_since(std::time::Instant::now());
        match revoke(store, connection, wire, left) {
            Ok(()) => Fate::Revoked,
            Err(error) => Fate::Valid(format!("could not revoke it: {error}")),
        }
    };
    gone.iter().map(fate).collect()
}

fn revoke(store: &Store, connection: &Connection, wire: &Wire, left: Duration) -> Result<()> {
    let failure = |message: &str| Error::new(Kind::Failure, message);
    if connection.environment == Environment::Sandbox {
        // Its tokens describe themselves, and no sandbox outlives the command it runs in.
        return Err(failure(
            "the embedded sandbox forgets, and its tokens open nothing else",
        ));
    }
    let endpoint = connection
        .environment
        .revocation_endpoint()
        .ok_or_else(|| failure("this Webex has no known way to revoke"))?;
    let app = session::app_of(store, connection)?;
    let client = Client::new(&endpoint, wire)?;
    session::runtime()?.block_on(async {
        let revoking = oauth::revoke(&client, &endpoint, &app, &connection.tokens);
        tokio::time::timeout(left, revoking)
            .await
            .map_err(|_| failure("there was no time left"))?
    })
}

fn tell(
    context: &Context,
    arguments: &Arguments,
    store: &Store,
    gone: &[Gone],
    fates: &[Fate],
) -> Result<()> {
    let output = context.output;
    if output.json {
        let each: Vec<Value> = gone
            .iter()
            .zip(fates)
            .map(|(gone, fate)| as_json(gone, fate))
            .collect();
        let json = match (&arguments.name, each.first()) {
            (Some(_), Some(only)) => only.clone(),
            _ => json!({"connections": each}),
        };
        return output.result_json(&json);
    }
    let place = store.place();
    for (gone, fate) in gone.iter().zip(fates) {
        let name = &gone.name;
        if !gone.removed {
            output.note(&format!(
                "there is no connection {name} in {place}; nothing to remove"
            ));
            continue;
        }
        output.note(&format!("removed {name} from {place}"));
        match fate {
            Fate::Nothing => {}
            Fate::Revoked => output.note("its grant is revoked at Webex"),
            Fate::Valid(why) => {
                output.note(&format!(
                    "{why}; {}",
                    valid_until(gone.connection.as_ref(), context.now)
                ));
            }
        }
    }
    if gone.is_empty() {
        output.note(&format!(
            "there is no connection in {place}; nothing to remove"
        ));
    }
    Ok(())
}

/// What copies of the tokens are still good for, and where a person ends that.
fn valid_until(connection: Option<&Connection>, now: Timestamp) -> String {
    let end = connection.and_then(|connection| connection.tokens.reconnect_by());
    let until = match end {
        Some(end) if end <= now => return "its tokens have expired".to_owned(),
        Some(end) => format!("until {} at the latest", day(Some(end))),
        None => "until they expire".to_owned(),
    };
    let environment = connection.map(|connection| &connection.environment);
    let page = environment.map_or(Some(GRANTS_PAGE), Environment::grants_page);
    let page = page.map_or_else(String::new, |page| {
        format!("; a person ends them at {page}")
    });
    format!("copies of its tokens stay valid {until}{page}")
}

fn as_json(gone: &Gone, fate: &Fate) -> Value {
    let tokens = gone
        .connection
        .as_ref()
        .map(|connection| &connection.tokens);
    let (revoked, reason) = match fate {
        Fate::Nothing => (Value::Null, Value::Null),
        Fate::Revoked => (json!(true), Value::Null),
        Fate::Valid(why) => (json!(false), json!(why)),
    };
    json!({
        "name": gone.name,
        "removed": gone.removed,
        "revoked": revoked,
        "reason": reason,
        "access_token_expires_at": tokens.and_then(|tokens| tokens.expires_at),
        "refresh_token_expires_at": tokens.and_then(|tokens| tokens.refresh_token_expires_at),
    })
}
