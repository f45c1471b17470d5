//! `rename`, `default` and `logout`: which connections there are and what they are called.

use clap::Args;
use serde_json::json;

use crate::cmd::Context;
use crate::dirs;
use crate::error::{Error, Kind, Result};
use crate::name::Name;
use crate::session;
use crate::store::{Key, Store};

/// Give a connection another name
///
/// Names are 1 to 64 of A-Z a-z 0-9 . _ - and differ in more than case.
///
///   $ webex-connect rename webex work
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct RenameArguments {
    /// The connection as it is called now
    old: String,
    /// What it is to be called
    new: String,
}

/// Make a connection the one that commands without a name mean
///
///   $ webex-connect default work
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct DefaultArguments {
    /// The connection
    name: String,
}

/// Remove a connection from this machine
///
/// Its tokens are removed from the store. Webex is not told: a copy of the
/// token stays valid until it expires. The app that the connection was made
/// with stays stored, for the next login. To remove what is not there is no
/// error.
///
///   $ webex-connect logout work
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct LogoutArguments {
    /// The connection to remove
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    name: Option<String>,
    /// Remove every connection
    #[arg(long)]
    all: bool,
}

pub fn rename(context: &Context, arguments: &RenameArguments) -> Result<()> {
    let (old, new) = (Name::parse(&arguments.old)?, Name::parse(&arguments.new)?);
    let store = context.store()?;
    let same_record = old.folded() == new.folded();
    // Locks are taken in the order of the names, so that two renames can't wait for each other.
    let mut names = [old.folded(), new.folded()];
    names.sort();
    let _first = dirs::lock(&format!("connection-{}", names[0]))?;
    let _second = match same_record {
        true => None,
        false => Some(dirs::lock(&format!("connection-{}", names[1]))?),
    };
    let mut connection = store
        .connection(&old)?
        .ok_or_else(|| session::no_connection(old.as_str()))?;
    if !same_record && store.connection(&new)?.is_some() {
        return Err(
            Error::new(Kind::Usage, format!("there is already a connection {new}")).with_hint(
                format!("choose another name, or remove it with `webex-connect logout {new}`"),
            ),
        );
    }
    let is_default = is_default(&store, &old)?;
    connection.name = new.clone();
    store.save_connection(&mut connection)?;
    if is_default {
        store.save_default(&connection)?;
    }
    if !same_record {
        store.remove(&Key::Connection(old.clone()))?;
    }
    if context.output.json {
        return context.output.result_json(&json!({"old": old, "new": new}));
    }
    context.output.note(&format!("{old} is now {new}"));
    Ok(())
}

pub fn default(context: &Context, arguments: &DefaultArguments) -> Result<()> {
    let name = Name::parse(&arguments.name)?;
    let store = context.store()?;
    let connection = store
        .connection(&name)?
        .ok_or_else(|| session::no_connection(name.as_str()))?;
    store.save_default(&connection)?;
    if context.output.json {
        return context
            .output
            .result_json(&json!({"default": connection.name}));
    }
    context.output.note(&format!(
        "{} is now the default connection",
        connection.name
    ));
    Ok(())
}

pub fn logout(context: &Context, arguments: &LogoutArguments) -> Result<()> {
    let store = context.store()?;
    let Some(name) = &arguments.name else {
        return logout_all(context, &store);
    };
    let name = Name::parse(name)?;
    let removed = remove(&store, &name)?;
    if context.output.json {
        return context
            .output
            .result_json(&json!({"name": name, "removed": removed}));
    }
    let place = store.place();
    context.output.note(&match removed {
        true => format!("removed {name} from {place}; copies of its tokens stay valid at Webex until they expire"),
        false => format!("there is no connection {name} in {place}; nothing to remove"),
    });
    Ok(())
}

fn logout_all(context: &Context, store: &Store) -> Result<()> {
    let names = store.connection_names()?;
    for name in &names {
        remove(store, name)?;
        context.output.note(&format!("removed {name}"));
    }
    if context.output.json {
        return context.output.result_json(&json!({"removed": names}));
    }
    let place = store.place();
    context.output.note(&match names.len() {
        0 => format!("there is no connection in {place}; nothing to remove"),
        _ => format!(
            "nothing is left in {place}; copies of tokens stay valid at Webex until they expire"
        ),
    });
    Ok(())
}

/// Removes one connection, whether or not its record can be read.
fn remove(store: &Store, name: &Name) -> Result<bool> {
    // A refresh that is under way elsewhere ends first, so that it can't bring the record back.
    let _alone = dirs::lock(&format!("connection-{}", name.folded()))?;
    let is_default = is_default(store, name)?;
    let removed = store.remove(&Key::Connection(name.clone()))?;
    if is_default {
        store.remove(&Key::Default)?;
    }
    Ok(removed)
}

fn is_default(store: &Store, name: &Name) -> Result<bool> {
    Ok(store
        .default_name()?
        .is_some_and(|default| default.folded() == name.folded()))
}
