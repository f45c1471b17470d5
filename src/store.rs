//! The store: one map of named records, in the OS keyring or in a sealed file.

mod choice;
mod chunks;
mod file;
mod key;
mod keyring;
mod lock;
mod named;
mod private;
mod record;
mod save;
mod seal;
mod trial;

use std::path::PathBuf;
use std::time::Duration;

use crate::app::{App, Environment};
use crate::connection::Connection;
use crate::dirs::Loose;
use crate::error::{Error, Kind, Result};
use crate::name::Name;

pub use choice::Choice;
use file::SealedFile;
use key::KeySource;
use keyring::Keyring;
pub use lock::{LOCK_TIME, Lock, LockName};
pub use record::Key;
use record::{Record, Stored, parse, unreadable};
pub use save::retry_changed;
pub use seal::{Recipient, seal, unseal};
pub use trial::Trial;

/// The size of the record that tries out the store before a login: a connection with 98 scopes has 3.7 kB.
const PREFLIGHT_SIZE: usize = 4096;

/// Everything in the store that could be read, and why the rest could not. Connections and apps are sorted by name.
#[derive(Default)]
pub struct Listing {
    pub connections: Vec<Connection>,
    pub apps: Vec<App>,
    pub default: Option<Name>,
    pub unreadable: Vec<Error>,
    /// The keys of records whose kind this version does not know.
    pub unknown: Vec<String>,
}

/// A limit on the waits of writes. Dropping it restores the one from before.
pub struct WriteLimit<'a>(Option<(&'a SealedFile, Duration)>);

impl Drop for WriteLimit<'_> {
    fn drop(&mut self) {
        if let Some((file, before)) = self.0 {
            file.set_patience(before);
        }
    }
}

/// The store in use.
pub struct Store {
    home: Home,
    /// Files and directories that other users could access until the store was opened, with their modes from before.
    tightened: Vec<(PathBuf, Loose)>,
}

enum Home {
    Keyring(Keyring),
    File(SealedFile),
    /// Sandbox records on a machine without a keyring, with their key beside them: it takes nothing else.
    SandboxFile {
        file: SealedFile,
        no_keyring: Error,
    },
}

impl Store {
    /// The name in JSON.
    pub fn name(&self) -> &'static str {
        match self.home {
            Home::Keyring(_) => "keyring",
            Home::File(_) => "file",
            Home::SandboxFile { .. } => "sandbox-file",
        }
    }

    /// Whether this is the file for sandbox records on a machine without a keyring.
    pub fn is_sandbox_file(&self) -> bool {
        matches!(self.home, Home::SandboxFile { .. })
    }

    /// Where the records are, for people.
    pub fn place(&self) -> String {
        match &self.home {
            Home::Keyring(_) => "the OS keyring".to_owned(),
            Home::File(file) | Home::SandboxFile { file, .. } => file.path().display().to_string(),
        }
    }

    /// Makes sure a first write will have a key; for the sealed file that may ask the person for a passphrase.
    ///
    /// # Errors
    /// There is no key and none can be made; the error names every source.
    pub fn ensure_key(&self) -> Result<()> {
        match &self.home {
            Home::Keyring(_) => Ok(()),
            Home::File(file) => file.ensure_key(KeySource::create),
            Home::SandboxFile { file, .. } => file.ensure_key(KeySource::create_plain),
        }
    }

    /// The name of the lock that guards a record.
    pub fn lock_name(&self, key: &Key) -> LockName {
        let name = key.to_string().replace('/', "-");
        match &self.home {
            Home::Keyring(_) => LockName::in_keyring(name, key.what()),
            Home::File(file) | Home::SandboxFile { file, .. } => file.lock_name(name, key.what()),
        }
    }

    /// Limits how long a write waits while another process replaces the sealed file, until the result is dropped; without
    /// it, 75 s. A caller that has to listen for signals meanwhile waits in short steps.
    #[must_use]
    pub fn limit_writes(&self, patience: Duration) -> WriteLimit<'_> {
        let file = match &self.home {
            Home::Keyring(_) => None,
            Home::File(file) | Home::SandboxFile { file, .. } => Some(file),
        };
        WriteLimit(file.map(|file| (file, file.set_patience(patience))))
    }

    /// Takes the lock of a record. A process that changes a record holds its lock, reads it again, and writes it whole.
    /// An app's lock is taken after a connection's.
    ///
    /// # Errors
    /// As for [`LockName::take`], after 75 s.
    pub fn lock(&self, key: &Key) -> Result<Lock> {
        self.lock_name(key).take(LOCK_TIME)
    }

    /// Proves, before anyone signs in, that the store can keep the result: the lock of the connection can be used, and a
    /// record of real size is written, read back and removed.
    ///
    /// # Errors
    /// [`Kind::Store`] with the cause.
    pub fn preflight(&self, connection: Option<&Name>) -> Result<()> {
        if let Some(name) = connection {
            let lock = self.lock_name(&Key::Connection(name.clone()));
            match lock.take(Duration::ZERO) {
                // A lock that another process holds can be used.
                Err(error) if error.kind != Kind::LockHeld => return Err(error),
                _ => {}
            }
        }
        let key = Key::Preflight;
        let _lock = self.lock(&key)?;
        self.clear_unreadable(&key)?;
        // A process that was killed may have left its record.
        let left = self.read_text(&key)?;
        let text = "x".repeat(PREFLIGHT_SIZE);
        let label = "Webex connection test, safe to remove";
        self.write(&key, &text, left.as_deref(), label)?;
        self.remove(&key).map(drop)
    }

    /// The connection of a name, if it is stored.
    ///
    /// # Errors
    /// [`Kind::Store`] if the store does not answer, [`Kind::Unreadable`] if what it has is no such record.
    pub fn connection(&self, name: &Name) -> Result<Option<Connection>> {
        let key = Key::Connection(name.clone());
        match self.read(&key)? {
            None => Ok(None),
            Some(Record::Connection(connection)) => Ok(Some(*connection)),
            Some(_) => Err(unreadable(&key, "it is not a connection")),
        }
    }

    /// The own app of a name, if it is stored.
    ///
    /// # Errors
    /// As for [`Store::connection`].
    pub fn app(&self, name: &Name) -> Result<Option<App>> {
        let key = Key::App(name.clone());
        match self.read(&key)? {
            None => Ok(None),
            Some(Record::App(app)) => Ok(Some(*app)),
            Some(_) => Err(unreadable(&key, "it is not an app")),
        }
    }

    /// The default connection's name.
    ///
    /// # Errors
    /// As for [`Store::connection`].
    pub fn default_name(&self) -> Result<Option<Name>> {
        match self.read(&Key::Default)? {
            None => Ok(None),
            Some(Record::Default { name }) => Ok(Some(name)),
            Some(_) => Err(unreadable(&Key::Default, "it is not a name")),
        }
    }

    /// Whether this is the default connection. Returns `false` if the default cannot be read.
    pub fn is_default(&self, name: &Name) -> bool {
        matches!(self.default_name(), Ok(Some(default)) if default == *name)
    }

    /// Whether a connection becomes the default: if there is no default, and in place of the sandbox's.
    ///
    /// # Errors
    /// The default, or the connection it names, cannot be read; it stays the default.
    pub fn becomes_default(&self, connection: &Connection) -> Result<bool> {
        let Some(name) = self.default_name()? else {
            return Ok(true);
        };
        let is_sandbox = |connection: &Connection| connection.environment == Environment::Sandbox;
        Ok(match self.connection(&name)? {
            Some(default) => is_sandbox(&default) && !is_sandbox(connection),
            None => true,
        })
    }

    /// Removes a connection, and the default if it was that; `false` if there was none. The caller holds the
    /// connection's lock.
    ///
    /// # Errors
    /// As for [`Store::remove`].
    pub fn remove_connection(&self, name: &Name) -> Result<bool> {
        let is_default = self.is_default(name);
        let removed = self.remove(&Key::Connection(name.clone()))?;
        if is_default {
            self.remove(&Key::Default)?;
        }
        Ok(removed)
    }

    /// Files and directories that other users could access until the store was opened, with their modes from before.
    pub fn tightened(&self) -> &[(PathBuf, Loose)] {
        &self.tightened
    }

    /// Removes a record; `false` if there was none.
    ///
    /// # Errors
    /// [`Kind::Store`] if the store does not do it, [`Kind::Unreadable`] if a sealed file can't be opened.
    pub fn remove(&self, key: &Key) -> Result<bool> {
        match &self.home {
            Home::Keyring(keyring) => keyring.remove(&key.to_string()),
            Home::File(file) | Home::SandboxFile { file, .. } => file.remove(&key.to_string()),
        }
    }

    /// Everything there is, sorted by name as the records are.
    ///
    /// # Errors
    /// [`Kind::Store`] if the store does not answer, [`Kind::Unreadable`] if a sealed file can't be opened. One record
    /// that can't be read is no error.
    pub fn list(&self) -> Result<Listing> {
        let mut listing = Listing::default();
        for (key, stored) in self.records()? {
            let text = stored.into_text(&key);
            let is_unknown = |text: &String| record::is_unknown_kind(&key, text);
            if text.as_ref().is_ok_and(is_unknown) {
                listing.unknown.push(key);
                continue;
            }
            match text.and_then(|text| parse(&key, &text)) {
                Ok(Record::Connection(connection)) => listing.connections.push(*connection),
                Ok(Record::Default { name }) => listing.default = Some(name),
                Ok(Record::App(app)) => listing.apps.push(*app),
                // One that was killed in mid-preflight left nothing of worth.
                Err(_) if key == Key::Preflight.to_string() => {}
                Err(error) => listing.unreadable.push(error),
            }
        }
        Ok(listing)
    }

    /// The names of all connections, those whose records can't be read among them.
    ///
    /// # Errors
    /// As for [`Store::list`].
    pub fn connection_names(&self) -> Result<Vec<Name>> {
        let records = self.records()?.into_iter();
        Ok(records
            .filter_map(|(key, _)| Name::try_from(key.strip_prefix("connection/")?.to_owned()).ok())
            .collect())
    }

    fn records(&self) -> Result<Vec<(String, Stored)>> {
        match &self.home {
            Home::Keyring(keyring) => keyring.all(),
            Home::File(file) | Home::SandboxFile { file, .. } => {
                let records = file.all()?.into_iter();
                Ok(records
                    .map(|(key, text)| (key, Stored::Text(text)))
                    .collect())
            }
        }
    }

    fn read(&self, key: &Key) -> Result<Option<Record>> {
        let text = self.read_text(key)?;
        text.map(|text| parse(&key.to_string(), &text)).transpose()
    }

    fn read_text(&self, key: &Key) -> Result<Option<String>> {
        let key = key.to_string();
        match &self.home {
            Home::Keyring(keyring) => keyring.read(&key),
            Home::File(file) | Home::SandboxFile { file, .. } => file.read(&key),
        }
    }
}
