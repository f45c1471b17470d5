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
    let same_record = old == new;
    // Locks are taken in the order of the names, so that two renames can't wait for each other.
    let mut names = [&old, &new];
    names.sort_by_key(|name| name.folded());
    let _first = dirs::lock_connection(names[0])?;
    let _second = (!same_record)
        .then(|| dirs::lock_connection(names[1]))
        .transpose()?;
    let mut connection = session::stored(&store, &old)?;
    if !same_record && store.connection(&new)?.is_some() {
        return Err(
            Error::new(Kind::Usage, format!("there is already a connection {new}")).with_hint(
                format!("choose another name, or remove it with `webex-connect logout {new}`"),
            ),
        );
    }
    let is_default = store.is_default(&old);
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
    let connection = session::stored(&store, &name)?;
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
    let _alone = dirs::lock_connection(name)?;
    let is_default = store.is_default(name);
    let removed = store.remove(&Key::Connection(name.clone()))?;
    if is_default {
        store.remove(&Key::Default)?;
    }
    Ok(removed)
}
