//! `rename` and `default`: what connections are called, and which is meant without a name.

use clap::Args;
use serde_json::json;

use crate::cmd::Context;
use crate::cmd::lookup::renamed;
use crate::error::Result;
use crate::name::Name;
use crate::session::{self, Rename};

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
    let store = context.store_for(Some(&old))?;
    let rename = Rename { old, new };
    let listing = store.list()?;
    let completed = context.complete_renames(&store, &listing.connections);
    match completed.iter().find(|it| it.old == rename.old) {
        None => session::rename(&store, &rename)?,
        Some(completed) if *completed == rename => {}
        Some(completed) => return Err(renamed(completed)),
    }
    let Rename { old, new } = rename;
    if context.output.json {
        return context.output.result_json(&json!({"old": old, "new": new}));
    }
    context.output.note(&format!("{old} is now {new}"));
    Ok(())
}

pub fn default(context: &Context, arguments: &DefaultArguments) -> Result<()> {
    let name = Name::parse(&arguments.name)?;
    let store = context.store_for(Some(&name))?;
    let connection = context.stored(&store, &name)?;
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
