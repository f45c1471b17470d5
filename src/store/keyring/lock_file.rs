//! Locks of systems without a session bus: files in a directory that no environment variable moves, because the
//! keyring itself does not move either.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::dirs;
use crate::error::{Error, Kind, Result};
use crate::store::keyring::bounded;
use crate::store::keyring::lock_name::escaped;

/// A lock that is held for as long as this lives.
pub struct KeyringLock {
    /// The system releases the lock with the file.
    _file: File,
}

/// Takes a lock. `None`: another process still holds it after `patience`; zero tries once.
///
/// # Errors
/// [`Kind::Store`]: the directory or the file can't be used.
pub fn lock(name: &str, patience: Duration) -> Result<Option<KeyringLock>> {
    let directory = directory().ok_or_else(|| {
        Error::new(Kind::Store, "could not find this user's home directory")
            .with_hint("keep secrets in a sealed file with `--store file`")
    })?;
    let path = directory.join(format!("{}.lock", escaped(name)));
    let failed = |error: io::Error| dirs::cannot("use the lock file", &path, &error);
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(&directory).map_err(failed)?;
    // Lock files are never removed, or two processes could lock two files of one name.
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => return Ok(Some(KeyringLock { _file: file })),
        Err(TryLockError::WouldBlock) if patience.is_zero() => return Ok(None),
        Err(TryLockError::WouldBlock) => {}
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    // The standard library waits for a lock without a bound.
    let locked = bounded(patience, move || file.lock().map(|()| file)).map_err(failed)?;
    let file = locked.transpose().map_err(failed)?;
    Ok(file.map(|file| KeyringLock { _file: file }))
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
