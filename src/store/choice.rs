//! Which store a command opens: the one that the person chose, else the keyring.

use crate::dirs;
use crate::error::{Error, Result};
use crate::name::Name;
use crate::store::file::SealedFile;
use crate::store::keyring::{Keyring, OpenError};
use crate::store::{Home, Store};

/// Where the person wants records kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    Keyring,
    File,
}

impl Choice {
    /// What the command line and the variable call them.
    pub const NAMES: [&str; 2] = ["keyring", "file"];

    /// What the command line calls it.
    pub fn name(self) -> &'static str {
        match self {
            Choice::Keyring => "keyring",
            Choice::File => "file",
        }
    }

    /// The choice of this name, if it is one.
    pub fn from_name(name: &str) -> Option<Choice> {
        match name {
            "keyring" => Some(Choice::Keyring),
            "file" => Some(Choice::File),
            _ => None,
        }
    }
}

impl Store {
    /// Opens the store of the person's choice; without one, the keyring. On a machine that has no keyring at all,
    /// sandbox records are looked for in the sandbox file.
    ///
    /// # Errors
    /// [`Kind::Store`](crate::error::Kind::Store) if the keyring is absent, locked or hung.
    pub fn open(choice: Option<Choice>, may_ask: bool) -> Result<Store> {
        Store::open_or(choice, may_ask, || SealedFile::sandbox()?.exists())
    }

    /// Opens the store for a login. Without a keyring, a sandbox login may begin the sandbox file; a real one has
    /// no business there.
    ///
    /// # Errors
    /// As for [`Store::open`].
    pub fn open_for_login(choice: Option<Choice>, may_ask: bool, sandbox: bool) -> Result<Store> {
        Store::open_or(choice, may_ask, || Ok(sandbox))
    }

    /// Opens the store for a command about the connection of this name, or about any. Without a keyring the sandbox file
    /// stands in for it only if that cannot hide another connection: the file holds this one, or it holds some and there
    /// is no sealed file.
    ///
    /// # Errors
    /// As for [`Store::open`].
    pub fn open_for(choice: Option<Choice>, may_ask: bool, name: Option<&Name>) -> Result<Store> {
        let store = Store::open(choice, may_ask)?;
        let Home::SandboxFile { no_keyring, .. } = &store.home else {
            return Ok(store);
        };
        let has_sealed_file = SealedFile::store(false)?.exists()?;
        if has_sealed_file && name.is_none() {
            return Err(no_keyring.clone());
        }
        let names = store.connection_names()?;
        let is_here = name.is_some_and(|name| names.contains(name));
        if !is_here && (has_sealed_file || names.is_empty()) {
            return Err(no_keyring.clone());
        }
        Ok(store)
    }

    /// Opens the store for a command that needs more than sandbox connections: the sandbox file never stands in.
    ///
    /// # Errors
    /// As for [`Store::open`].
    pub fn open_real(choice: Option<Choice>, may_ask: bool) -> Result<Store> {
        Store::open_or(choice, may_ask, || Ok(false))
    }

    /// The path of the sealed file, if it exists and this is the keyring: a connection may be there instead.
    pub fn other_place(&self) -> Option<String> {
        match self.home {
            Home::Keyring(_) => sealed_file(),
            Home::File(_) | Home::SandboxFile { .. } => None,
        }
    }

    /// `takes_sandbox_file` is asked only where there is no keyring and the person has not chosen.
    fn open_or(
        choice: Option<Choice>,
        may_ask: bool,
        takes_sandbox_file: impl FnOnce() -> Result<bool>,
    ) -> Result<Store> {
        dirs::check()?;
        if choice == Some(Choice::File) {
            return Store::new(Home::File(SealedFile::store(may_ask)?));
        }
        let no_keyring = match Keyring::open() {
            Ok(keyring) => return Store::new(Home::Keyring(keyring)),
            Err(OpenError::Other(error)) => return Err(error),
            Err(OpenError::Absent(error)) => with_sealed_file(error),
        };
        if choice.is_none() && takes_sandbox_file()? {
            let file = SealedFile::sandbox()?;
            return Store::new(Home::SandboxFile { file, no_keyring });
        }
        Err(no_keyring)
    }

    fn new(home: Home) -> Result<Store> {
        let tightened = match &home {
            Home::Keyring(_) => Vec::new(),
            Home::File(file) | Home::SandboxFile { file, .. } => file.tighten()?,
        };
        Ok(Store { home, tightened })
    }
}

/// The path of the sealed file, if it exists. It is not opened.
fn sealed_file() -> Option<String> {
    let file = SealedFile::store(false).ok()?;
    let exists = file.exists().unwrap_or_default();
    exists.then(|| file.path().display().to_string())
}

/// The error for a missing keyring, with the sealed file as the way out if there is one.
fn with_sealed_file(no_keyring: Error) -> Error {
    match sealed_file() {
        Some(path) => no_keyring.with_hint(format!(
            "there is a sealed file here, {path}: use it with `--store file` or WEBEX_CONNECT_STORE=file"
        )),
        None => no_keyring,
    }
}
