//! The store tried out for `doctor`: as a login would, and left as it was.

use crate::error::{Error, Result};
use crate::store::{Home, Store};

/// How a trial went.
pub enum Trial {
    /// A record was written, read back and removed; where the sealed file's key comes from.
    Works { key: Option<String> },
    /// The first login makes the sealed file's key, so there was nothing to try.
    NoKeyYet,
}

impl Store {
    /// Tries the store as a login does, but makes no key, and takes away a file that the trial made.
    ///
    /// # Errors
    /// [`Kind::Store`](crate::error::Kind::Store) with what a login would meet.
    pub fn try_out(&self) -> Result<Trial> {
        let file = match &self.home {
            Home::Keyring(_) => {
                self.preflight(None)?;
                return Ok(Trial::Works { key: None });
            }
            // A real connection has no business there, so for a login this is no store.
            Home::SandboxFile { no_keyring, .. } => return Err(no_keyring.clone()),
            Home::File(file) => file,
        };
        let was_there = file.exists()?;
        let Some(key) = file.key().place()? else {
            return match was_there {
                true => Err(file.key_gone()),
                false if !file.key().can_be_made()? => Err(file.key().missing()),
                false => Ok(Trial::NoKeyYet),
            };
        };
        let tried = self.preflight(None);
        if !was_there {
            let removed = file.remove_if_empty();
            tried.and(removed)?;
        } else {
            tried?;
        }
        Ok(Trial::Works { key: Some(key) })
    }

    /// Why there is no keyring, where sandbox records are kept in a file of their own for that.
    pub fn no_keyring(&self) -> Option<&Error> {
        match &self.home {
            Home::SandboxFile { no_keyring, .. } => Some(no_keyring),
            Home::Keyring(_) | Home::File(_) => None,
        }
    }
}
