//! The directory for locks on systems without a session bus. No environment variable moves it, because the keyring itself
//! does not move either.

use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::{Error, Kind, Result};
use crate::store::lock::lock_file;

/// A lock that is held for as long as this lives.
pub type KeyringLock = File;

/// Takes a lock. `None`: another process still holds it after `patience`; zero tries once.
///
/// # Errors
/// [`Kind::Store`]: the directory or the file can't be used.
pub fn lock(name: &str, patience: Duration) -> Result<Option<KeyringLock>> {
    let directory = directory().ok_or_else(|| {
        Error::new(Kind::Store, "could not find this user's home directory")
            .with_hint("keep secrets in a sealed file with `--store file`")
    })?;
    lock_file(&directory, name, patience)
}

/// The home directory that the system's user database names.
#[cfg(target_os = "macos")]
fn directory() -> Option<PathBuf> {
    let user = nix::unistd::User::from_uid(nix::unistd::geteuid()).ok()??;
    Some(
        user.dir
            .join("Library/Application Support/webex-connect/locks"),
    )
}

#[cfg(windows)]
fn directory() -> Option<PathBuf> {
    let folder = known_folders::get_known_folder_path(known_folders::KnownFolder::LocalAppData)?;
    Some(folder.join("webex-connect").join("locks"))
}
