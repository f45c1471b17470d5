//! The keyring of each system, and where the three spell the same thing differently.

use std::collections::HashMap;
use std::sync::Arc;

use keyring::api::CredentialStore;
use keyring::{Entry, Result};

/// The `service` of every item.
pub const SERVICE: &str = "webex-connect";

/// The longest secret one item takes. Windows' `CRED_MAX_CREDENTIAL_BLOB_SIZE` is 5 × 512 bytes; the others have no
/// limit that a record could meet.
pub const LIMIT: usize = if cfg!(windows) { 2560 } else { usize::MAX };

/// The Secret Service over D-Bus: GNOME Keyring, KWallet, KeePassXC.
#[cfg(not(any(target_os = "macos", windows)))]
pub fn open() -> Result<Arc<CredentialStore>> {
    let store: Arc<CredentialStore> = dbus_secret_service_keyring_store::Store::new()?;
    Ok(store)
}

/// The login keychain.
#[cfg(target_os = "macos")]
pub fn open() -> Result<Arc<CredentialStore>> {
    let store: Arc<CredentialStore> = apple_native_keyring_store::keychain::Store::new()?;
    Ok(store)
}

/// The Credential Manager. An item's target name is `webex-connect:KEY@webex-connect`.
#[cfg(windows)]
pub fn open() -> Result<Arc<CredentialStore>> {
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
