//! The keyring of each system, and where the three spell the same thing differently.

#[cfg(not(any(target_os = "macos", windows)))]
use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::Arc;

use keyring::api::CredentialStore;
use keyring::{Entry, Error, Result};

use crate::store::keyring::is_silence;
#[cfg(not(any(target_os = "macos", windows)))]
use crate::store::keyring::reader::Reader;

/// The `service` of every item.
pub const SERVICE: &str = "webex-connect";

/// An item's name and its secret; without one where it can't be read.
pub type Item = (String, Option<Vec<u8>>);

/// The longest secret one item takes. Windows' `CRED_MAX_CREDENTIAL_BLOB_SIZE` is 5 × 512 bytes; the others have no
/// limit that a record could meet.
pub const LIMIT: usize = if cfg!(windows) { 2560 } else { usize::MAX };

/// A session with the Secret Service over D-Bus: GNOME Keyring, KWallet, KeePassXC.
#[cfg(not(any(target_os = "macos", windows)))]
pub struct Session {
    /// For plain reads; none where it did not come to be, for reasons that the store can name.
    reader: Option<Reader>,
    /// For all else, opened at first use.
    store: OnceCell<Arc<CredentialStore>>,
}

#[cfg(not(any(target_os = "macos", windows)))]
impl Session {
    pub fn open() -> Result<Session> {
        let session = Session {
            reader: match Reader::open() {
                Ok(reader) => Some(reader),
                // The store would wait for it all over again.
                Err(error) if is_silence(&error) => return Err(error),
                Err(_) => None,
            },
            store: OnceCell::new(),
        };
        if session.reader.is_none() {
            session.store()?;
        }
        Ok(session)
    }

    /// For everything but plain reads.
    pub fn store(&self) -> Result<&CredentialStore> {
        if self.store.get().is_none() {
            // Nobody else sets it: the cell is not shared between threads.
            let _ = self
                .store
                .set(dbus_secret_service_keyring_store::Store::new()?);
        }
        self.store
            .get()
            .map(AsRef::as_ref)
            .ok_or(Error::NoDefaultStore)
    }

    /// The secret of an item of ours, if there is one.
    pub fn read(&self, item: &str) -> Result<Option<Vec<u8>>> {
        match self.quick(|reader| reader.read(SERVICE, item))? {
            Some(secret) => Ok(Some(secret)),
            None => read(self.store()?, item),
        }
    }

    /// Every item of ours.
    pub fn all(&self) -> Result<Vec<Item>> {
        match self.quick(|reader| reader.all(SERVICE))? {
            Some(items) => Ok(items
                .into_iter()
                .map(|(item, secret)| (item, Some(secret)))
                .collect()),
            None => all(self.store()?),
        }
    }

    /// Asks the reader. What it can't do is left to the store, which asks the person or names the trouble; a keyring
    /// that hangs would only do so again.
    fn quick<T>(&self, ask: impl FnOnce(&Reader) -> Result<Option<T>>) -> Result<Option<T>> {
        match self.reader.as_ref().map(ask) {
            Some(Err(error)) if is_silence(&error) => Err(error),
            Some(Ok(answer)) => Ok(answer),
            Some(Err(_)) | None => Ok(None),
        }
    }
}

/// A session with the keyring of the system.
#[cfg(any(target_os = "macos", windows))]
pub struct Session(Arc<CredentialStore>);

#[cfg(any(target_os = "macos", windows))]
impl Session {
    pub fn open() -> Result<Session> {
        open().map(Session)
    }

    pub fn store(&self) -> Result<&CredentialStore> {
        Ok(self.0.as_ref())
    }

    /// The secret of an item of ours, if there is one.
    pub fn read(&self, item: &str) -> Result<Option<Vec<u8>>> {
        read(self.store()?, item)
    }

    /// Every item of ours.
    pub fn all(&self) -> Result<Vec<Item>> {
        all(self.store()?)
    }
}

fn all(store: &CredentialStore) -> Result<Vec<Item>> {
    let mut found = Vec::new();
    for entry in search(store)? {
        let Some((_, item)) = entry.get_specifiers() else {
            continue;
        };
        match entry.get_secret() {
            Ok(secret) => found.push((item, Some(secret))),
            Err(error) if is_silence(&error) => return Err(error),
            Err(error @ Error::NoStorageAccess(_)) => return Err(error),
            // Another process removed it since the search; over D-Bus the object is gone then.
            Err(Error::NoEntry) => {}
            Err(Error::PlatformFailure(_)) if !cfg!(any(target_os = "macos", windows)) => {}
            Err(_) => found.push((item, None)),
        }
    }
    Ok(found)
}

fn read(store: &CredentialStore, item: &str) -> Result<Option<Vec<u8>>> {
    match store.build(SERVICE, item, None)?.get_secret() {
        Err(Error::NoEntry) => Ok(None),
        read => read.map(Some),
    }
}

/// The login keychain.
#[cfg(target_os = "macos")]
fn open() -> Result<Arc<CredentialStore>> {
    let store: Arc<CredentialStore> = apple_native_keyring_store::keychain::Store::new()?;
    Ok(store)
}

/// The Credential Manager. An item's target name is `webex-connect:KEY@webex-connect`.
#[cfg(windows)]
fn open() -> Result<Arc<CredentialStore>> {
    let configuration = HashMap::from([
        ("prefix", "webex-connect:"),
        ("divider", "@"),
        ("service_no_divider", "true"),
    ]);
    let store: Arc<CredentialStore> =
        windows_native_keyring_store::Store::new_with_configuration(&configuration)?;
    Ok(store)
}

/// Every item of ours.
pub fn search(store: &CredentialStore) -> Result<Vec<Entry>> {
    let ours = if cfg!(windows) {
        ("pattern", "^webex-connect:")
    } else {
        ("service", SERVICE)
    };
    store.search(&HashMap::from([ours]))
}

/// An item to write, with the label that people see. Windows shows the target name instead, and is told not to
/// carry the item to other machines; macOS shows service and account.
pub fn writable(store: &CredentialStore, item: &str, label: &str) -> Result<Entry> {
    let modifiers = if cfg!(windows) {
        HashMap::from([("persistence", "Local")])
    } else if cfg!(target_os = "macos") {
        HashMap::new()
    } else {
        HashMap::from([("label", label)])
    };
    store.build(SERVICE, item, Some(&modifiers))
}

/// Gives a replaced item its new label: it keeps the old one otherwise. A wrong label harms nobody, so a failure is
/// let pass.
#[cfg(not(any(target_os = "macos", windows)))]
pub fn relabel(entry: &Entry, label: &str) {
    if let Some(item) = entry
        .as_any()
        .downcast_ref::<dbus_secret_service_keyring_store::cred::Specifier>()
    {
        let _ = item.set_label(label);
    }
}

#[cfg(any(target_os = "macos", windows))]
pub fn relabel(_: &Entry, _: &str) {}
