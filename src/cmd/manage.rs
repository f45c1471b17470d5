//! `rename` and `default`: what connections are called, and which is meant without a name.

use clap::Args;
use serde_json::json;

use crate::cmd::Context;
use crate::error::{Error, Kind, Result};
use crate::name::Name;
use crate::session;
use crate::store::Key;

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

pub fn rename(context: &Context, arguments: &RenameArguments) -> Result<()> {
    let (old, new) = (Name::parse(&arguments.old)?, Name::parse(&arguments.new)?);
    let store = context.store()?;
    let same_record = old == new;
    // Locks are taken in the order of the names, so that two renames can't wait for each other.
    let mut names = [&old, &new];
    names.sort_by_key(|name| name.folded());
    let lock = |name: &Name| store.lock(&Key::Connection(name.clone()));
    let _first = lock(names[0])?;
    let _second = (!same_record).then(|| lock(names[1])).transpose()?;
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
    if !same_record {
        connection.revision = 0;
    }
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
