//! The keyring of each system, and where the three differ.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use keyring::api::CredentialStore;
use keyring::{Entry, Error, Result};

#[cfg(not(any(target_os = "macos", windows)))]
use crate::store::keyring::credential;

#[cfg(not(any(target_os = "macos", windows)))]
pub use crate::store::keyring::bus_lock::{KeyringLock, lock};
#[cfg(any(target_os = "macos", windows))]
pub use crate::store::keyring::lock_directory::{KeyringLock, lock};

/// The `service` of every item.
const SERVICE: &str = "webex-connect";

/// An item's name and its secret. `None`: the secret is damaged.
pub type Item = (String, Option<Vec<u8>>);

/// The longest secret one item takes. Windows' `CRED_MAX_CREDENTIAL_BLOB_SIZE` is 5 × 512 bytes; the other systems have
/// no limit that a record could reach.
pub const LIMIT: usize = if cfg!(windows) { 2560 } else { usize::MAX };
/// Whether the store limits the time of its calls itself.
pub const LIMITS_TIME: bool = !cfg!(any(target_os = "macos", windows));

/// The Secret Service of the session bus: GNOME Keyring, KWallet, KeePassXC.
#[cfg(not(any(target_os = "macos", windows)))]
pub fn open(patience: Duration, is_attended: bool) -> Result<Arc<CredentialStore>> {
    let store: Arc<CredentialStore> = credential::Store::open(patience, is_attended)?;
    Ok(store)
}

/// The login keychain.
#[cfg(target_os = "macos")]
pub fn open(_: Duration, _: bool) -> Result<Arc<CredentialStore>> {
    let store: Arc<CredentialStore> = apple_native_keyring_store::keychain::Store::new()?;
    Ok(store)
}

/// The Credential Manager. An item's target name is `webex-connect:KEY@webex-connect`.
#[cfg(windows)]
pub fn open(_: Duration, _: bool) -> Result<Arc<CredentialStore>> {
    let configuration = HashMap::from([
        ("prefix", "webex-connect:"),
        ("divider", "@"),
        ("service_no_divider", "true"),
    ]);
    let store: Arc<CredentialStore> =
        windows_native_keyring_store::Store::new_with_configuration(&configuration)?;
    Ok(store)
}

/// Every item of this program. Fails if the keyring does not give out one of them: an item whose secret is refused is
/// not damaged.
pub fn all(store: &CredentialStore) -> Result<Vec<Item>> {
    let mut found = Vec::new();
    for entry in search(store)? {
        let Some((_, item)) = entry.get_specifiers() else {
            continue;
        };
        match entry.get_secret() {
            Ok(secret) => found.push((item, Some(secret))),
            // Another process removed it since the search.
            Err(Error::NoEntry) => {}
            Err(error @ (Error::NoStorageAccess(_) | Error::PlatformFailure(_))) => {
                return Err(error);
            }
            Err(_) => found.push((item, None)),
        }
    }
    Ok(found)
}

/// The names of all items of this program; a name stands twice if two items have it.
pub fn names(store: &CredentialStore) -> Result<Vec<String>> {
    let entries = search(store)?;
    Ok(entries
        .iter()
        .filter_map(|entry| entry.get_specifiers())
        .map(|(_, item)| item)
        .collect())
}

/// The secret of an item, if there is one of that name.
pub fn read(store: &CredentialStore, item: &str) -> Result<Option<Vec<u8>>> {
    match store.build(SERVICE, item, None)?.get_secret() {
        Err(Error::NoEntry) => Ok(None),
        read => read.map(Some),
    }
}

/// Creates or replaces an item, with the label that people see. Windows shows the target name instead, and is asked not
/// to carry the item to other machines; macOS shows service and account.
pub fn write(store: &CredentialStore, item: &str, label: &str, secret: &[u8]) -> Result<()> {
    let modifiers = if cfg!(windows) {
        HashMap::from([("persistence", "Local")])
    } else if cfg!(target_os = "macos") {
        HashMap::new()
    } else {
        HashMap::from([("label", label)])
    };
    store
        .build(SERVICE, item, Some(&modifiers))?
        .set_secret(secret)
}

/// Removes every item of a name; `false` if there was none.
pub fn remove(store: &CredentialStore, item: &str) -> Result<bool> {
    match store.build(SERVICE, item, None)?.delete_credential() {
        Err(Error::Ambiguous(entries)) => {
            let mut removed = false;
            for entry in entries {
                removed |= is_done(entry.delete_credential())?;
            }
            Ok(removed)
        }
        removed => is_done(removed),
    }
}

fn is_done(removed: Result<()>) -> Result<bool> {
    match removed {
        Err(Error::NoEntry) => Ok(false),
        removed => removed.map(|()| true),
    }
}

fn search(store: &CredentialStore) -> Result<Vec<Entry>> {
    let ours = if cfg!(windows) {
        ("pattern", "^webex-connect:")
    } else {
        ("service", SERVICE)
    };
    store.search(&HashMap::from([ours]))
}
