//! The two directories that are ours, and the lock files in one of them.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use etcetera::BaseStrategy;

use crate::error::{Error, Kind, Result};
use crate::name::Name;

/// How long another process may hold a lock: longer than any keyring prompt it may be waiting for.
const LOCK_TIME: Duration = Duration::from_secs(75);

const OURS: &str = "webex-connect";

/// Where sealed files live (`$XDG_DATA_HOME/webex-connect`). It need not exist.
///
/// # Errors
/// [`Kind::Store`]: this user has no home directory.
pub fn data() -> Result<PathBuf> {
    Ok(strategy()?.data_dir().join(OURS))
}

/// Takes the lock file `NAME.lock` in the state directory; dropping the file, or dying, lets go of it. Lock files
/// are never renamed or removed, or two processes could hold one name. `what` is what it stands for, in words for
/// whoever has to wait.
///
/// # Errors
/// [`Kind::Store`]: the directory can't be made, or another process keeps the lock for more than 75 s.
pub fn lock(name: &str, what: &str) -> Result<File> {
    let strategy = strategy()?;
    let directory = strategy
        .state_dir()
        .unwrap_or_else(|| strategy.data_dir())
        .join(OURS);
    let path = directory.join(format!("{name}.lock"));
    let failed = |error: io::Error| cannot("use the lock file", &path, &error);
    private(&directory).map_err(failed)?;
    let file = open_lock(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => {}
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    match wait(file, LOCK_TIME).map_err(failed)? {
        Some(locked) => Ok(locked),
        None => Err(Error::new(
            Kind::Store,
            format!(
                "another webex-connect is still at work on {what}: waited {} s for its lock and gave up",
                LOCK_TIME.as_secs()
            ),
        )
        .with_hint(format!(
            "wait for that process or end it (it holds {}), then run the same command again",
            path.display()
        ))),
    }
}

/// The file, once it is locked; none if that takes longer than this.
fn wait(file: File, patience: Duration) -> io::Result<Option<File>> {
    // The standard library waits for a lock without a bound, so another thread does the waiting.
    let (sender, receiver) = mpsc::channel();
    std::thread::Builder::new().spawn(move || sender.send(file.lock().map(|()| file)))?;
    receiver.recv_timeout(patience).ok().transpose()
}

/// Not through a link, and without waiting for the other end of a FIFO.
#[cfg(unix)]
fn open_lock(path: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags, open};
    let flags =
        OFlags::CREATE | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(open(path, flags, Mode::from(0o600))?);
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it is not a regular file")),
    }
}

#[cfg(not(unix))]
fn open_lock(path: &Path) -> io::Result<File> {
    std::fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
}

/// Takes the lock of a connection: who changes its record holds it, reads again inside it, and writes whole.
///
/// # Errors
/// As for [`lock`].
pub fn lock_connection(name: &Name) -> Result<File> {
    lock(
        &format!("connection-{}", name.folded()),
        &format!("the connection {name}"),
    )
}

/// Takes the lock of an app's record, for whoever changes it. Taken after a connection's, where both are.
///
/// # Errors
/// As for [`lock`].
pub fn lock_app(name: &Name) -> Result<File> {
    lock(
        &format!("app-{}", name.folded()),
        &format!("the app {name}"),
    )
}

/// Makes a directory that only we can enter, parents as they come. One that is there is closed to others.
///
/// # Errors
/// It can't be made, or is not ours to close.
pub fn private(directory: &Path) -> io::Result<()> {
    if let Some(parent) = directory.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(directory) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => close(directory),
        made => made,
    }
}

/// A directory that was there may have been made by other hands, with other modes. Its owner could put another file in
/// the place of ours, whatever its modes.
#[cfg(unix)]
fn close(directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let found = fs::metadata(directory)?;
    if found.uid() != rustix::process::geteuid().as_raw() {
        let whose = "the directory belongs to another user";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, whose));
    }
    match found.permissions().mode() & 0o077 {
        0 => Ok(()),
        _ => fs::set_permissions(directory, fs::Permissions::from_mode(0o700)),
    }
}

#[cfg(not(unix))]
fn close(_: &Path) -> io::Result<()> {
    Ok(())
}

/// An I/O failure as an error about a path.
pub fn cannot(what: &str, path: &Path, error: &io::Error) -> Error {
    let cure = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "make room on its disk and run the same command again".to_owned()
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            "set `XDG_DATA_HOME` and `XDG_STATE_HOME` to directories that can be written".to_owned()
        }
        io::ErrorKind::PermissionDenied => {
            let directory = path.parent().unwrap_or(path).display();
            format!("`ls -ld {directory}` shows whose the directory is; it has to be yours")
        }
        _ => format!("`ls -ld {}` shows what is there", path.display()),
    };
    Error::new(Kind::Store, format!("could not {what} {}", path.display()))
        .with_hint(cure)
        .with_cause(error)
}

fn strategy() -> Result<impl BaseStrategy> {
    let homeless = |message: &str| {
        Error::new(Kind::Store, message)
            .with_hint("set `HOME` to the whole path of one and run the same command again")
    };
    let strategy = etcetera::choose_base_strategy()
        .map_err(|_| homeless("this user has no home directory"))?;
    // Nothing is read from wherever the person stands.
    match strategy.home_dir().is_absolute() {
        true => Ok(strategy),
        false => Err(homeless("`HOME` is no whole path of a home directory")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_is_kept_is_given_up_and_one_let_go_of_is_taken() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let held = open_lock(&path).unwrap();
        held.lock().unwrap();
        let waited = wait(open_lock(&path).unwrap(), Duration::from_secs(1));
        assert!(waited.unwrap().is_none());
        let waiting = std::thread::spawn(move || {
            wait(open_lock(&path).unwrap(), Duration::from_secs(60)).unwrap()
        });
        drop(held);
        assert!(waiting.join().unwrap().is_some());
    }
}
