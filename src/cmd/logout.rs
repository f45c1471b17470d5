//! `logout`: forget a connection.

use clap::Args;
use serde_json::json;

use crate::cmd::Context;
use crate::dirs;
use crate::error::Result;
use crate::name::Name;
use crate::store::Key;

/// Remove a connection from this machine
///
/// Its tokens are removed from the store. Webex is not told: a copy of the
/// token stays valid until it expires. The app that the connection was made
/// with stays stored, for the next login.
///
///   $ webex-connect logout work
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Arguments {
    /// The connection to remove
    name: String,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<()> {
    let name = Name::parse(&arguments.name)?;
    let store = context.store()?;
    // A refresh that is under way elsewhere ends first, so that it can't bring the record back.
    let _alone = dirs::lock(&format!("connection-{}", name.folded()))?;
    // Unread: a record that can't be read can still be removed.
    let removed = store.remove(&Key::Connection(name.clone()))?;
    if store
        .default_name()?
        .is_some_and(|default| default.folded() == name.folded())
    {
        store.remove(&Key::Default)?;
    }
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
