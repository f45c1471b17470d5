//! The sealed file: all records in one JSON object of strings, encrypted with age to a key of its own.
//!
//! Every read decrypts the whole file, and every change replaces it.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use age::DecryptError;
use age::x25519::Identity;
use zeroize::Zeroizing;

use crate::dirs::{self, Loose, PrivateDir};
use crate::error::{Error, Kind, Result};
use crate::store::key::KeySource;
use crate::store::lock::{LOCK_TIME, Lock, LockName};
use crate::store::private::PrivateFile;

/// The largest sealed file read; a thousand connections have about 3 MB.
const MAX_FILE: u64 = 64 * 1024 * 1024;

/// Earlier versions wrote an index under this name. It is not a record.
const INDEX: &str = "";

const OTHER_KEY: &str =
    "give the key it was made with in WEBEX_CONNECT_KEY or WEBEX_CONNECT_KEY_FILE";
const BROKEN: &str =
    "restore it from a copy, or move it away and sign in again with `webex-connect login`";

/// Records by key, as they are stored.
type Records = BTreeMap<String, String>;

/// A file of records and the key that opens it.
pub struct SealedFile {
    file: PrivateFile,
    key: KeySource,
    /// How long a change waits for the lock of the file.
    patience: Cell<Duration>,
}

impl SealedFile {
    /// `store.age`, chosen with `--store file`.
    pub fn store(may_ask: bool) -> Result<SealedFile> {
        let directory = dirs::data()?;
        let key = PrivateFile::new(&directory, "store.key");
        Ok(SealedFile {
            file: PrivateFile::new(&directory, "store.age"),
            key: KeySource::new(key, true, may_ask),
            patience: Cell::new(LOCK_TIME),
        })
    }

    /// `sandbox.age`, whose key always lies beside it: it protects nothing and holds nothing of worth.
    pub fn sandbox() -> Result<SealedFile> {
        let directory = dirs::data()?;
        let key = PrivateFile::new(&directory, "sandbox.key");
        Ok(SealedFile {
            file: PrivateFile::new(&directory, "sandbox.age"),
            key: KeySource::new(key, false, false),
            patience: Cell::new(LOCK_TIME),
        })
    }

    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// The lock of this name, beside the file.
    pub fn lock_name(&self, name: String, what: String) -> LockName {
        LockName::beside(self.file.directory(), name, what)
    }

    /// Removes the permissions of other users from the directory, the file and a sealed key. Returns those that had any. A
    /// plain key that others can read is left as it is: opening it is refused.
    pub fn tighten(&self) -> Result<Vec<(PathBuf, Loose)>> {
        let Some(directory) = PrivateDir::open(self.file.directory())? else {
            return Ok(Vec::new());
        };
        let mut tightened = Vec::new();
        let mut keep = |path: &Path, mode: io::Result<Option<Loose>>| {
            let mode = mode.map_err(|error| dirs::cannot("look at", path, &error))?;
            tightened.extend(mode.map(|mode| (path.to_owned(), mode)));
            Ok::<_, Error>(())
        };
        keep(directory.path(), directory.tighten())?;
        keep(self.path(), self.file.tighten_in(&directory))?;
        if self.key.is_sealed()? {
            keep(self.key.path(), self.key.file().tighten_in(&directory))?;
        }
        Ok(tightened)
    }

    /// Whether there is a file, whatever kind; a path that can't be looked at is an error and no absence.
    pub fn exists(&self) -> Result<bool> {
        self.file.exists()
    }

    pub fn read(&self, key: &str) -> Result<Option<String>> {
        Ok(self.load()?.remove(key))
    }

    pub fn all(&self) -> Result<Vec<(String, String)>> {
        Ok(self.load()?.into_iter().collect())
    }

    /// Sets how long a change waits for another process to release the lock of the file. Returns the limit from before.
    pub fn set_patience(&self, patience: Duration) -> Duration {
        self.patience.replace(patience)
    }

    /// Writes a record if the stored one is still `expected`; `false` if it is another.
    pub fn write(&self, key: &str, record: &str, expected: Option<&str>) -> Result<bool> {
        let write = |records: &mut Records| {
            let is_expected = records.get(key).map(String::as_str) == expected;
            if is_expected {
                records.insert(key.to_owned(), record.to_owned());
            }
            is_expected
        };
        self.change(write)
    }

    /// Removes a record; `false` if there was none.
    pub fn remove(&self, key: &str) -> Result<bool> {
        if !self.exists()? {
            return Ok(false);
        }
        self.change(|records| records.remove(key).is_some())
    }

    /// Makes sure there is a key to write with; `create` makes one where no source has it.
    ///
    /// # Errors
    /// The file is there and its key is not, or none can be made.
    pub fn ensure_key(&self, create: impl FnOnce(&KeySource) -> Result<()>) -> Result<()> {
        if self.key.find()?.is_some() {
            return Ok(());
        }
        // Before the lock, whose file would be the first in a new directory.
        if !self.exists()? && !self.key.can_be_made()? {
            return Err(self.key.missing());
        }
        // Two first logins at once make one key.
        let name = self.lock_name(
            "store-key".to_owned(),
            "the key of the sealed file".to_owned(),
        );
        let _lock = name.take(LOCK_TIME)?;
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
        let _lock = self.lock()?;
        if !self.load()?.is_empty() {
            return Ok(());
        }
        match self.exists()? {
            true => self.file.remove(),
            false => Ok(()),
        }
    }

    /// Takes the lock of the whole file, which is held while it is replaced.
    fn lock(&self) -> Result<Lock> {
        self.lock_name("store".to_owned(), "the sealed file".to_owned())
            .take(self.patience.get())
    }

    /// Reads, changes and replaces the file under its lock, so that no other process's change is lost. Nothing is
    /// written if `edit` returns `false`.
    fn change(&self, edit: impl FnOnce(&mut Records) -> bool) -> Result<bool> {
        let _lock = self.lock()?;
        let mut records = self.load()?;
        if !edit(&mut records) {
            return Ok(false);
        }
        let text = serialize(&records)
            .map_err(|_| Error::new(Kind::Failure, "could not serialize the records"))?;
        let sealed = age::encrypt(&self.identity()?.to_public(), &text)
            .map_err(|_| Error::new(Kind::Failure, "could not encrypt the records"))?;
        self.file.replace(&sealed)?;
        Ok(true)
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
            self.path().display()
        );
        Error::new(Kind::Store, message).with_hint(self.key.bring_back())
    }

    /// Reads all records. Without a file there are none, and no key is needed.
    fn load(&self) -> Result<Records> {
        let Some(sealed) = self.file.read(MAX_FILE)? else {
            return Ok(Records::new());
        };
        let text = age::decrypt(self.identity()?, &sealed).map_err(|error| match error {
            DecryptError::NoMatchingKeys => {
                self.unreadable("it was sealed with another key", OTHER_KEY)
            }
            _ => self.unreadable("it is corrupt", BROKEN),
        })?;
        deserialize(&Zeroizing::new(text)).ok_or_else(|| self.unreadable("it is corrupt", BROKEN))
    }

    fn unreadable(&self, why: &str, hint: &str) -> Error {
        Error::new(
            Kind::Unreadable,
            format!("{} is unreadable: {why}", self.path().display()),
        )
        .with_hint(format!("{hint}; the file was left as it is"))
    }
}

/// Serializes the records, each on a line of its own for people who decrypt the file with `age`.
fn serialize(records: &Records) -> serde_json::Result<Zeroizing<Vec<u8>>> {
    serde_json::to_vec_pretty(records).map(Zeroizing::new)
}

/// Parses the records. The error of `serde_json` is dropped because it quotes what it read.
fn deserialize(text: &[u8]) -> Option<Records> {
    let mut records: Records = serde_json::from_slice(text).ok()?;
    records.remove(INDEX);
    Some(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serialized_records_are_read_back() {
        for number in [0, 1, 700] {
            let records: Records = (0..number)
                .map(|at| {
                    let record = format!("{{\"{at}\": \"\u{e9}\n\"}} ");
                    (format!("connection/c{at}"), record)
                })
                .collect();
            let text = serialize(&records).unwrap();
            assert_eq!(deserialize(&text).unwrap(), records);
            let lines = text.split(|byte| *byte == b'\n').count();
            assert_eq!(lines, if number == 0 { 1 } else { number + 2 });
        }
    }

    #[test]
    fn an_index_is_dropped() {
        let expected = Records::from([("b".to_owned(), "y".to_owned())]);
        for text in [
            r#"{"b":"y"}"#,
            "{\"\":\"{\\\"b\\\":7}\",\n\"b\":\"y\"\n}\n",
            "{\"\":\"\",\"b\":\"y\"}",
        ] {
            assert_eq!(
                deserialize(text.as_bytes()).as_ref(),
                Some(&expected),
                "{text}"
            );
        }
    }

    #[test]
    fn anything_but_an_object_of_strings_is_an_error() {
        for text in ["", "[]", "{", "{\"a\":1}", "{\"a\":\"x\"} {}", "null", "x"] {
            assert_eq!(deserialize(text.as_bytes()), None, "{text:?}");
        }
    }
}
