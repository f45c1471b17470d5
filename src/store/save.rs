//! Saving records: each write replaces only the revision that it was made from, and is read back.

use crate::app::{App, Environment};
use crate::connection::Connection;
use crate::error::{Error, Kind, Result};
use crate::store::record::{self, Record};
use crate::store::{Home, Key, Store};

impl Store {
    /// Saves a connection as the next revision of the record it was read from (revision 0: there was none), and reads it
    /// back.
    ///
    /// # Errors
    /// [`Kind::Changed`] if the store holds another revision, [`Kind::Store`] if it does not take the record or gives
    /// something else back, [`Kind::Unreadable`] if a sealed file can't be opened to add to it.
    pub fn save_connection(&self, connection: &mut Connection) -> Result<()> {
        let mut next = connection.clone();
        next.revision = connection.revision.saturating_add(1);
        let label = format!("Webex connection {} ({})", next.name, next.account());
        let save = Save {
            key: Key::Connection(next.name.clone()),
            replaces: Some(connection.revision),
            label: &label,
            is_sandbox: next.environment == Environment::Sandbox,
        };
        let revision = next.revision;
        self.save(save, Record::Connection(Box::new(next)))?;
        connection.revision = revision;
        Ok(())
    }

    /// Saves an app as the next revision of the record it was read from, and reads it back.
    ///
    /// # Errors
    /// As for [`Store::save_connection`].
    pub fn save_app(&self, app: &mut App) -> Result<()> {
        let mut next = app.clone();
        next.revision = app.revision.saturating_add(1);
        let save = Save {
            key: Key::App(next.name.clone()),
            replaces: Some(app.revision),
            label: &format!("Webex app {}", next.name),
            is_sandbox: next.environment == Environment::Sandbox,
        };
        let revision = next.revision;
        self.save(save, Record::App(Box::new(next)))?;
        app.revision = revision;
        Ok(())
    }

    /// Makes a stored connection the default one, whatever the record holds now.
    ///
    /// # Errors
    /// As for [`Store::save_connection`].
    pub fn save_default(&self, connection: &Connection) -> Result<()> {
        self.clear_unreadable(&Key::Default)?;
        let name = connection.name.clone();
        retry_changed(|| {
            let save = Save {
                key: Key::Default,
                replaces: None,
                label: "Webex default connection",
                is_sandbox: connection.environment == Environment::Sandbox,
            };
            self.save(save, Record::Default { name: name.clone() })
        })
    }

    fn save(&self, save: Save, record: Record) -> Result<()> {
        if let Home::SandboxFile { no_keyring, .. } = &self.home
            && !save.is_sandbox
        {
            return Err(no_keyring.clone());
        }
        let key = &save.key;
        let current = self.read_text(key)?;
        if let Some(replaces) = save.replaces {
            let revision = match &current {
                Some(text) => record::revision(key, text)?,
                None => 0,
            };
            if revision != replaces {
                return Err(changed(key));
            }
        }
        let text = record::text(key, record, current.as_deref())?;
        match self.write(key, &text, current.as_deref(), save.label)? {
            true => Ok(()),
            false => Err(changed(key)),
        }
    }

    /// Writes a record if the stored one is still `expected`, and reads it back: only what can be read again is saved.
    /// Returns `false` if another process has changed it.
    pub(super) fn write(
        &self,
        key: &Key,
        text: &str,
        expected: Option<&str>,
        label: &str,
    ) -> Result<bool> {
        let name = key.to_string();
        let written = match &self.home {
            Home::Keyring(keyring) => keyring.write(&name, text, label, expected)?,
            Home::File(file) | Home::SandboxFile { file, .. } => {
                file.write(&name, text, expected)?
            }
        };
        if !written {
            return Ok(false);
        }
        if self.read_text(key)?.as_deref() == Some(text) {
            return Ok(true);
        }
        let place = self.place();
        let message = format!("could not save {key}: {place} gave something else back");
        Err(Error::new(Kind::Store, message)
            .with_hint("`webex-connect doctor` tests the store; `--store` chooses another one"))
    }

    /// Removes a record that cannot be read, before it is replaced: a write compares with the stored text, and such a record
    /// has none.
    pub(super) fn clear_unreadable(&self, key: &Key) -> Result<()> {
        match self.read_text(key) {
            Err(error) if error.kind == Kind::Unreadable => self.remove(key).map(drop),
            text => text.map(drop),
        }
    }
}

/// How a record is saved.
struct Save<'a> {
    key: Key,
    /// The revision it replaces, 0 if there must be none. `None` replaces any.
    replaces: Option<u64>,
    /// What a person sees in the desktop's keyring program.
    label: &'a str,
    is_sandbox: bool,
}

/// How often a change starts over because another process was faster. Locks make even the first time rare.
const MAX_ATTEMPTS: u32 = 5;

/// Retries a change if another process has changed the record since it was read.
///
/// # Errors
/// As for `change`; [`Kind::Changed`] if another process was faster each time.
pub fn retry_changed<T>(mut change: impl FnMut() -> Result<T>) -> Result<T> {
    for _ in 1..MAX_ATTEMPTS {
        match change() {
            Err(error) if error.kind == Kind::Changed => {}
            done => return done,
        }
    }
    change()
}

fn changed(key: &Key) -> Error {
    let message =
        format!("another process has changed {key} meanwhile, and nothing was overwritten");
    Error::new(Kind::Changed, message).with_hint("run the same command again")
}
