//! Which stored connections a command is about. Renames that were interrupted are completed first.

use std::slice;

use crate::cmd::{Context, named};
use crate::connection::Connection;
use crate::error::{Error, Kind, Result};
use crate::name::Name;
use crate::session::{self, Rename};
use crate::store::{Listing, Store};

impl Context {
    /// The store, and the connection meant: by argument, by variable, the default, or the only one.
    ///
    /// # Errors
    /// As for [`Context::store_for`]; there is no connection, or several and no way to choose.
    pub fn open(&self, argument: Option<&str>) -> Result<(Store, Connection)> {
        let name = named(argument)?;
        let store = self.store_for(name.as_ref())?;
        let connection = match name {
            Some(name) => self.stored(&store, &name)?,
            None => self.default_or_only(&store)?,
        };
        Ok((store, connection))
    }

    fn default_or_only(&self, store: &Store) -> Result<Connection> {
        if let Some(name) = store.default_name()?
            && let Some(connection) = store.connection(&name)?
        {
            let completed = self.complete_renames(store, slice::from_ref(&connection));
            return match completed.first() {
                None => Ok(connection),
                Some(rename) => session::stored(store, &rename.new),
            };
        }
        let mut listing = self.listing(store)?;
        if let Some(error) = listing.unreadable.pop() {
            return Err(error);
        }
        match (listing.connections.pop(), listing.connections.is_empty()) {
            (Some(only), true) => Ok(only),
            (Some(_), false) => Err(Error::new(Kind::Usage, "there are several connections and none is the default")
                .with_hint("name one (`webex-connect list` shows them), or make it the default: `webex-connect default NAME`")),
            (None, _) => Err(session::none_yet(store)),
        }
    }

    /// The connection of a name.
    ///
    /// # Errors
    /// As for [`session::stored`] and [`Context::find`].
    pub fn stored(&self, store: &Store, name: &Name) -> Result<Connection> {
        match self.find(store, name)? {
            Some(connection) => Ok(connection),
            None => session::stored(store, name),
        }
    }

    /// The connection of a name, if it is stored.
    ///
    /// # Errors
    /// [`Kind::SignIn`] if an interrupted rename was completed and the connection now has another name.
    pub fn find(&self, store: &Store, name: &Name) -> Result<Option<Connection>> {
        let found = store.connection(name)?;
        let completed = found
            .as_ref()
            .and_then(|connection| session::complete_rename(store, connection));
        match completed {
            None => Ok(found),
            Some(rename) if rename.new == *name => store.connection(name),
            Some(rename) => Err(renamed(&rename)),
        }
    }

    /// Everything in the store.
    ///
    /// # Errors
    /// As for [`Store::list`].
    pub fn listing(&self, store: &Store) -> Result<Listing> {
        let listing = store.list()?;
        match self.complete_renames(store, &listing.connections)[..] {
            [] => Ok(listing),
            _ => store.list(),
        }
    }

    /// Completes the interrupted renames among these connections, and says so.
    pub fn complete_renames(&self, store: &Store, connections: &[Connection]) -> Vec<Rename> {
        let mut completed = Vec::new();
        for connection in connections {
            // The records of both names may be marked.
            match session::complete_rename(store, connection) {
                Some(rename) if !completed.contains(&rename) => {
                    let Rename { old, new } = &rename;
                    self.output.note(&format!(
                        "{old} is now called {new}: its rename was interrupted and is complete now"
                    ));
                    completed.push(rename);
                }
                _ => {}
            }
        }
        completed
    }
}

/// The error for a command that names a connection by the name it had before.
pub fn renamed(rename: &Rename) -> Error {
    let Rename { old, new } = rename;
    let message = format!("{old} is now called {new}: its rename was interrupted before");
    Error::new(Kind::SignIn, message).with_hint(format!(
        "give the same command with the new name, for example `webex-connect token {new}`"
    ))
}
