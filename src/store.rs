//! The store: one map of named records, in the OS keyring or in a sealed file.

mod choice;
mod file;
mod key;
mod keyring;
mod parts;
mod private;
mod record;
mod seal;
mod text;
mod trial;

use crate::app::{App, Environment};
use crate::connection::Connection;
use crate::dirs;
use crate::error::{Error, Kind, Result};
use crate::name::Name;

pub use choice::Choice;
use file::SealedFile;
use key::KeySource;
use keyring::Keyring;
pub use record::Key;
use record::{Record, parse, unreadable};
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
}

/// The store in use.
pub struct Store(Home);

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
        match self.0 {
            Home::Keyring(_) => "keyring",
            Home::File(_) => "file",
            Home::SandboxFile { .. } => "sandbox-file",
        }
    }

    /// Whether this is the file for sandbox records on a machine without a keyring.
    pub fn is_sandbox_file(&self) -> bool {
        matches!(self.0, Home::SandboxFile { .. })
    }

    /// Where the records are, for people.
    pub fn place(&self) -> String {
        match &self.0 {
            Home::Keyring(_) => "the OS keyring".to_owned(),
            Home::File(file) | Home::SandboxFile { file, .. } => file.path().display().to_string(),
        }
    }

    /// Makes sure a first write will have a key; for the sealed file that may ask the person for a passphrase.
    ///
    /// # Errors
    /// There is no key and none can be made; the error names every source.
    pub fn ensure_key(&self) -> Result<()> {
        match &self.0 {
            Home::Keyring(_) => Ok(()),
            Home::File(file) => file.ensure_key(KeySource::create),
            Home::SandboxFile { file, .. } => file.ensure_key(KeySource::create_plain),
        }
    }

    /// Writes a record of real size, reads it back and removes it: proof, before anyone signs in, that what comes
    /// of it can be kept.
    ///
    /// # Errors
    /// [`Kind::Store`] with the cause.
    pub fn preflight(&self) -> Result<()> {
        let _alone = dirs::lock("preflight", "its trial of the store")?;
        self.write(
            &Key::Preflight,
            &"x".repeat(PREFLIGHT_SIZE),
            "Webex connection test, safe to remove",
        )?;
        self.remove(&Key::Preflight).map(|_| ())
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

    /// Whether this is the default connection. A default that can't be read is nobody's.
    pub fn is_default(&self, name: &Name) -> bool {
        matches!(self.default_name(), Ok(Some(default)) if default == *name)
    }

    /// Saves a connection as its next revision and reads it back.
    ///
    /// # Errors
    /// [`Kind::Store`] if the store does not take it or gives something else back, [`Kind::Unreadable`] if a sealed
    /// file can't be opened to add to it.
    pub fn save_connection(&self, connection: &mut Connection) -> Result<()> {
        connection.revision = connection.revision.saturating_add(1);
        let label = format!(
            "Webex connection {} ({})",
            connection.name,
            connection.account()
        );
        let is_sandbox = connection.environment == Environment::Sandbox;
        let key = Key::Connection(connection.name.clone());
        self.save(
            &key,
            Record::Connection(Box::new(connection.clone())),
            &label,
            is_sandbox,
        )
    }

    /// Saves an app as its next revision and reads it back.
    ///
    /// # Errors
    /// As for [`Store::save_connection`].
    pub fn save_app(&self, app: &mut App) -> Result<()> {
        app.revision = app.revision.saturating_add(1);
        let label = format!("Webex app {}", app.name);
        let is_sandbox = app.environment == Environment::Sandbox;
        self.save(
            &Key::App(app.name.clone()),
            Record::App(Box::new(app.clone())),
            &label,
            is_sandbox,
        )
    }

    /// Makes a stored connection the default one.
    ///
    /// # Errors
    /// As for [`Store::save_connection`].
    pub fn save_default(&self, connection: &Connection) -> Result<()> {
        let record = Record::Default {
            name: connection.name.clone(),
        };
        let is_sandbox = connection.environment == Environment::Sandbox;
        self.save(
            &Key::Default,
            record,
            "Webex default connection",
            is_sandbox,
        )
    }

    /// Whether a connection is to become the default: where there is none that can be used, and in place of the
    /// sandbox's.
    pub fn takes_over(&self, connection: &Connection) -> bool {
        let default = match self.default_name() {
            Ok(Some(name)) => self.connection(&name),
            _ => return true,
        };
        match default {
            Ok(Some(default)) => {
                let sandbox =
                    |connection: &Connection| connection.environment == Environment::Sandbox;
                sandbox(&default) && !sandbox(connection)
            }
            _ => true,
        }
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

    /// Removes a record; `false` if there was none.
    ///
    /// # Errors
    /// [`Kind::Store`] if the store does not do it, [`Kind::Unreadable`] if a sealed file can't be opened.
    pub fn remove(&self, key: &Key) -> Result<bool> {
        match &self.0 {
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
        for (key, text) in self.records()? {
            match parse(&key, &text) {
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
            .filter_map(|(key, _)| Name::parse(key.strip_prefix("connection/")?).ok())
            .collect())
    }

    fn records(&self) -> Result<Vec<(String, String)>> {
        match &self.0 {
            Home::Keyring(keyring) => keyring.all(),
            Home::File(file) | Home::SandboxFile { file, .. } => file.all(),
        }
    }

    fn save(&self, key: &Key, record: Record, label: &str, is_sandbox: bool) -> Result<()> {
        if let Home::SandboxFile { no_keyring, .. } = &self.0
            && !is_sandbox
        {
            return Err(no_keyring.clone());
        }
        let text = record::text(key, record)?;
        self.write(key, &text, label)
    }

    /// Writes and reads back: only what can be read again is saved.
    fn write(&self, key: &Key, text: &str, label: &str) -> Result<()> {
        let key = key.to_string();
        let read_back = match &self.0 {
            Home::Keyring(keyring) => {
                keyring.write(&key, text, label)?;
                keyring.read(&key)?
            }
            Home::File(file) | Home::SandboxFile { file, .. } => {
                file.write(&key, text)?;
                file.read(&key)?
            }
        };
        if read_back.as_deref() == Some(text) {
            return Ok(());
        }
        let place = self.place();
        let message = format!("could not save {key}: {place} gave something else back");
        Err(Error::new(Kind::Store, message)
            .with_hint("`webex-connect doctor` tries the store; another is chosen with `--store`"))
    }

    fn read(&self, key: &Key) -> Result<Option<Record>> {
        let key = key.to_string();
        let text = match &self.0 {
            Home::Keyring(keyring) => keyring.read(&key)?,
            Home::File(file) | Home::SandboxFile { file, .. } => file.read(&key)?,
        };
        text.map(|text| parse(&key, &text)).transpose()
    }
}
