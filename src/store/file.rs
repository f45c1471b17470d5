//! The sealed file as a home of records: the whole map, encrypted with age to a key of its own.
//!
//! age encrypts in chunks, each of which can be opened alone, and `text.rs` says where a record begins. So reading one
//! costs the same however many there are; a change writes the file anew.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use age::stream::StreamReader;
use age::x25519::Identity;
use age::{DecryptError, Decryptor};

use crate::dirs;
use crate::error::{Error, Kind, Result};
use crate::store::key::KeySource;
use crate::store::private;
use crate::store::text::{self, Records};

/// The largest sealed file read; a thousand connections have about 3 MB.
const MAX_FILE: u64 = 64 * 1024 * 1024;

const OTHER_KEY: &str =
    "give the key it was made with in WEBEX_CONNECT_KEY or WEBEX_CONNECT_KEY_FILE";
const BROKEN: &str =
    "restore it from a copy, or move it away and sign in again with `webex-connect login`";

/// A file of records and the key that opens it.
pub struct SealedFile {
    path: PathBuf,
    key: KeySource,
}

impl SealedFile {
    /// `store.age`, chosen with `--store file`.
    pub fn store(may_ask: bool) -> Result<SealedFile> {
        let directory = dirs::data()?;
        let key = KeySource::new(directory.join("store.key"), true, may_ask);
        Ok(SealedFile {
            path: directory.join("store.age"),
            key,
        })
    }

    /// `sandbox.age`, whose key always lies beside it: it protects nothing and holds nothing of worth.
    pub fn sandbox() -> Result<SealedFile> {
        let directory = dirs::data()?;
        let key = KeySource::new(directory.join("sandbox.key"), false, false);
        Ok(SealedFile {
            path: directory.join("sandbox.age"),
            key,
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is a file, whatever kind; a path that can't be looked at is an error and no absence.
    pub fn exists(&self) -> Result<bool> {
        private::exists(&self.path)
    }

    pub fn read(&self, key: &str) -> Result<Option<String>> {
        if !self.exists()? {
            return Ok(None);
        }
        let opened = self.open(self.identity()?)?;
        text::read_one(opened, key).map_err(|error| self.not_read(&error))
    }

    pub fn all(&self) -> Result<Vec<(String, String)>> {
        if !self.exists()? {
            return Ok(Vec::new());
        }
        Ok(self.load(self.identity()?)?.into_iter().collect())
    }

    pub fn write(&self, key: &str, record: &str) -> Result<()> {
        self.change(|records| records.insert(key.to_owned(), record.to_owned()))
            .map(|_| ())
    }

    /// Removes a record; `false` if there was none.
    pub fn remove(&self, key: &str) -> Result<bool> {
        if !self.exists()? {
            return Ok(false);
        }
        self.change(|records| records.remove(key))
            .map(|removed| removed.is_some())
    }

    /// Makes sure there is a key to write with; `create` makes one where no source has it.
    ///
    /// # Errors
    /// The file is there and its key is not, or none can be made.
    pub fn ensure_key(&self, create: impl FnOnce(&KeySource) -> Result<()>) -> Result<()> {
        if self.key.find()?.is_some() {
            return Ok(());
        }
        // Two first logins at once make one key.
        let _alone = dirs::lock("store-key", "the key of the sealed file")?;
        match self.key.find()? {
            Some(_) => Ok(()),
            None if self.exists()? => Err(self.key_gone()),
            None => create(&self.key),
        }
    }

    pub fn key(&self) -> &KeySource {
        &self.key
    }

    /// Removes the file if no record is in it.
    pub fn remove_if_empty(&self) -> Result<()> {
        let _alone = dirs::lock("store", "the sealed file")?;
        if !self.exists()? || !self.load(self.identity()?)?.is_empty() {
            return Ok(());
        }
        std::fs::remove_file(&self.path).map_err(|error| dirs::cannot("remove", &self.path, &error))
    }

    /// Read, change, replace; under a lock, so that no other process's change is lost.
    fn change<T>(&self, edit: impl FnOnce(&mut Records) -> T) -> Result<T> {
        let _alone = dirs::lock("store", "the sealed file")?;
        let identity = self.identity()?;
        let mut records = match self.exists()? {
            true => self.load(identity)?,
            false => Records::new(),
        };
        let edited = edit(&mut records);
        let text = text::write(&records)
            .map_err(|_| Error::new(Kind::Failure, "could not put the records into words"))?;
        let sealed = age::encrypt(&identity.to_public(), &text)
            .map_err(|_| Error::new(Kind::Failure, "could not encrypt the records"))?;
        private::replace(&self.path, &sealed)
            .map_err(|error| dirs::cannot("save", &self.path, &error))?;
        Ok(edited)
    }

    fn identity(&self) -> Result<&Identity> {
        match self.key.find()? {
            Some(identity) => Ok(identity),
            None if self.exists()? => Err(self.key_gone()),
            None => Err(self.key.missing()),
        }
    }

    /// A new key would not open what another one has sealed.
    pub fn key_gone(&self) -> Error {
        let message = format!(
            "there is no key for the sealed file {}",
            self.path.display()
        );
        Error::new(Kind::Store, message).with_hint(self.key.bring_back())
    }

    fn load(&self, identity: &Identity) -> Result<Records> {
        text::read_all(self.open(identity)?).map_err(|error| self.not_read(&error))
    }

    fn open(&self, identity: &Identity) -> Result<StreamReader<BufReader<File>>> {
        let file = private::open(&self.path, MAX_FILE)?;
        Decryptor::new_buffered(BufReader::new(file))
            .and_then(|sealed| sealed.decrypt(std::iter::once(identity as _)))
            .map_err(|error| match error {
                DecryptError::NoMatchingKeys => {
                    self.unreadable("it was sealed with another key", OTHER_KEY)
                }
                DecryptError::Io(error) => self.not_read(&error),
                _ => self.unreadable("it is corrupt", BROKEN),
            })
    }

    /// The system could not read the file, or what it read is no text of ours.
    fn not_read(&self, error: &io::Error) -> Error {
        match error.raw_os_error() {
            Some(_) => dirs::cannot("read", &self.path, error),
            None => self.unreadable("it is corrupt", BROKEN),
        }
    }

    fn unreadable(&self, why: &str, cure: &str) -> Error {
        Error::new(
            Kind::Unreadable,
            format!("{} is unreadable: {why}", self.path.display()),
        )
        .with_hint(format!("{cure}; the file was left as it is"))
    }
}
