//! The sealed file as a home of records: the whole map, encrypted with age to a key of its own.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use age::secrecy::ExposeSecret;
use age::x25519::Identity;
use zeroize::Zeroizing;

use crate::dirs;
use crate::error::{Error, Kind, Result};

/// An age identity, `AGE-SECRET-KEY-1…`.
const KEY_VARIABLE: &str = "WEBEX_CONNECT_KEY";
/// A file that holds one.
const KEY_FILE_VARIABLE: &str = "WEBEX_CONNECT_KEY_FILE";
/// The largest sealed file read; a thousand connections have about 5 MB.
const MAX_FILE: u64 = 64 * 1024 * 1024;
/// The largest key file read: an identity is 74 characters, and age-keygen adds two comment lines.
const MAX_KEY_FILE: u64 = 64 * 1024;

/// A file of records and the key that opens it.
pub struct SealedFile {
    path: PathBuf,
    /// The key beside the file.
    key_path: PathBuf,
    /// Whether the environment may name the key.
    takes_variables: bool,
}

type Records = BTreeMap<String, String>;

impl SealedFile {
    /// `store.age`, chosen with `--store file`.
    pub fn store() -> Result<SealedFile> {
        SealedFile::named("store", true)
    }

    /// `sandbox.age`, whose key always lies beside it: it protects nothing and holds nothing of worth.
    pub fn sandbox() -> Result<SealedFile> {
        SealedFile::named("sandbox", false)
    }

    fn named(name: &str, takes_variables: bool) -> Result<SealedFile> {
        let directory = dirs::data()?;
        let (path, key_path) = (
            directory.join(format!("{name}.age")),
            directory.join(format!("{name}.key")),
        );
        Ok(SealedFile {
            path,
            key_path,
            takes_variables,
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn exists(&self) -> bool {
        self.path.symlink_metadata().is_ok()
    }

    pub fn read(&self, key: &str) -> Result<Option<String>> {
        Ok(self.load()?.remove(key))
    }

    pub fn all(&self) -> Result<Vec<(String, String)>> {
        Ok(self.load()?.into_iter().collect())
    }

    pub fn write(&self, key: &str, record: &str) -> Result<()> {
        self.change(|records| records.insert(key.to_owned(), record.to_owned()))
            .map(|_| ())
    }

    /// Removes a record; `false` if there was none.
    pub fn remove(&self, key: &str) -> Result<bool> {
        if !self.exists() {
            return Ok(false);
        }
        self.change(|records| records.remove(key))
            .map(|removed| removed.is_some())
    }

    /// Makes sure there is a key. `create` is asked only when no source has one.
    pub fn ensure_key(&self, create: impl FnOnce(&Path) -> Result<bool>) -> Result<()> {
        if self.find_key()?.is_some() {
            return Ok(());
        }
        if self.exists() || !create(&self.key_path)? {
            return Err(self.no_key());
        }
        let identity = Identity::generate();
        let text = Zeroizing::new(format!("{}\n", identity.to_string().expose_secret()));
        write_new(&self.key_path, text.as_bytes())
            .map_err(|error| dirs::cannot("save", &self.key_path, &error))
    }

    /// Read, change, replace; under a lock, so that no other process's change is lost.
    fn change<T>(&self, edit: impl FnOnce(&mut Records) -> T) -> Result<T> {
        let _alone = dirs::lock("store")?;
        let identity = self.find_key()?.ok_or_else(|| self.no_key())?;
        let mut records = self.load_with(&identity)?;
        let edited = edit(&mut records);
        let text = serde_json::to_vec(&records)
            .map_err(|_| Error::new(Kind::Failure, "could not put the records into words"))?;
        let sealed = age::encrypt(&identity.to_public(), &Zeroizing::new(text))
            .map_err(|_| Error::new(Kind::Failure, "could not encrypt the records"))?;
        replace(&self.path, &sealed).map_err(|error| dirs::cannot("save", &self.path, &error))?;
        Ok(edited)
    }

    fn load(&self) -> Result<Records> {
        if !self.exists() {
            return Ok(Records::new());
        }
        let identity = self.find_key()?.ok_or_else(|| self.no_key())?;
        self.load_with(&identity)
    }

    fn load_with(&self, identity: &Identity) -> Result<Records> {
        if !self.exists() {
            return Ok(Records::new());
        }
        let sealed = read_private(&self.path, MAX_FILE)?;
        let opened = age::decrypt(identity, &sealed).map_err(|error| match error {
            age::DecryptError::NoMatchingKeys => self.unreadable("it was sealed with another key"),
            _ => self.unreadable("it is corrupt"),
        })?;
        serde_json::from_slice(&Zeroizing::new(opened))
            .map_err(|_| self.unreadable("it is corrupt"))
    }

    /// The key from the first source that has one: variable, file named by a variable, file beside the store.
    fn find_key(&self) -> Result<Option<Identity>> {
        if self.takes_variables {
            if let Some(key) = variable(KEY_VARIABLE)? {
                return parse_key(&key, KEY_VARIABLE).map(Some);
            }
            if let Some(path) = variable(KEY_FILE_VARIABLE)? {
                return self.read_key(Path::new(path.as_str())).map(Some);
            }
        }
        if self.key_path.symlink_metadata().is_err() {
            return Ok(None);
        }
        self.read_key(&self.key_path).map(Some)
    }

    fn read_key(&self, path: &Path) -> Result<Identity> {
        // A key handed over by a secret manager may be a symbolic link or belong to root; the one beside the
        // store is ours.
        let bytes = if path == self.key_path {
            read_private(path, MAX_KEY_FILE)
        } else {
            read_named(path)
        }?;
        let bytes = Zeroizing::new(bytes);
        parse_key(
            &String::from_utf8_lossy(&bytes),
            &path.display().to_string(),
        )
    }

    fn unreadable(&self, why: &str) -> Error {
        let hint = format!(
            "give the key it was made with in {KEY_VARIABLE} or {KEY_FILE_VARIABLE}; the file was left as it is"
        );
        Error::new(
            Kind::Unreadable,
            format!("{} is unreadable: {why}", self.path.display()),
        )
        .with_hint(hint)
    }

    fn no_key(&self) -> Error {
        let message = format!("there is no key for {}", self.path.display());
        let beside = self.key_path.display();
        Error::new(Kind::Store, message).with_hint(format!(
            "make one with `age-keygen`, then name it in {KEY_FILE_VARIABLE}, give it in {KEY_VARIABLE}, or put it at {beside}"
        ))
    }
}

fn variable(name: &str) -> Result<Option<Zeroizing<String>>> {
    match std::env::var(name) {
        Ok(value) if value.is_empty() => Ok(None),
        Ok(value) => Ok(Some(Zeroizing::new(value))),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => {
            Err(Error::new(Kind::Usage, format!("{name} is not text")))
        }
    }
}

/// The identity in a text as age-keygen writes it: comment lines and one key.
fn parse_key(text: &str, source: &str) -> Result<Identity> {
    let key = text
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with('#'));
    key.and_then(|key| Identity::from_str(key).ok())
        .ok_or_else(|| {
            Error::new(Kind::Store, format!("{source} holds no age identity"))
                .with_hint("an identity is one line, AGE-SECRET-KEY-1…, as `age-keygen` writes it")
        })
}

/// Reads a file of ours: a regular file, not behind a link of either kind, owned by us.
fn read_private(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let file = open_private(path).map_err(|error| dirs::cannot("open", path, &error))?;
    read_bounded(file, path, limit)
}

fn read_named(path: &Path) -> Result<Vec<u8>> {
    let failed = |error: io::Error| dirs::cannot("open", path, &error);
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(failed(io::Error::other("it is not a regular file")));
    }
    read_bounded(File::open(path).map_err(failed)?, path, MAX_KEY_FILE)
}

fn read_bounded(file: File, path: &Path, limit: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| dirs::cannot("read", path, &error))?;
    if bytes.len() as u64 > limit {
        return Err(dirs::cannot(
            "read",
            path,
            &io::Error::other("it is too large"),
        ));
    }
    Ok(bytes)
}

#[cfg(unix)]
fn open_private(path: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags, open};
    use std::os::unix::fs::MetadataExt;

    // NONBLOCK: opening a FIFO must not wait for its writer.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(open(path, flags, Mode::empty())?);
    let metadata = file.metadata()?;
    let refused = if !metadata.is_file() {
        "it is not a regular file"
    } else if metadata.uid() != rustix::process::geteuid().as_raw() {
        "it belongs to another user"
    } else if metadata.nlink() != 1 {
        "it has a second name (hard link)"
    } else {
        return Ok(file);
    };
    Err(io::Error::other(refused))
}

#[cfg(not(unix))]
fn open_private(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Creates a file that only we can read, from its first byte, and that no link leads away from.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        dirs::private(directory)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if written.is_err() {
        // The name is ours since create_new; half a file helps nobody.
        let _ = fs::remove_file(path);
    }
    written
}

/// Replaces a file as a whole: the old one or the new one is there at any moment. The caller holds the lock, so a
/// temporary file found here is one that a killed process left.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if path.symlink_metadata().is_ok() {
        open_private(path)?;
    }
    let temporary = path.with_extension("age.new");
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    write_new(&temporary, bytes)?;
    let renamed = fs::rename(&temporary, path);
    if renamed.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    renamed?;
    #[cfg(unix)]
    if let Some(directory) = path.parent() {
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}
