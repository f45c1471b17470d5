//! Locks, which lie with the records they guard: any two processes that can write the same record exclude each other,
//! whatever home directory or container each of them has.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use crate::dirs::{PrivateDir, cannot};
use crate::error::{Error, Kind, Result};
use crate::store::keyring::KeyringLock;
use crate::store::keyring::lock as lock_in_keyring;

/// How long to wait for a lock: longer than a keyring prompt or a refresh of its holder takes.
pub const LOCK_TIME: Duration = Duration::from_secs(75);

/// A held lock. Dropping it releases it, and so does the end of the process.
pub struct Lock {
    _held: Held,
}

#[expect(dead_code, reason = "held until they are dropped")]
enum Held {
    File(File),
    Keyring(KeyringLock),
}

/// A lock that can be taken, on any thread.
#[derive(Clone)]
pub struct LockName {
    place: Place,
    name: String,
    /// What the lock guards, in words for a person who has to wait.
    what: String,
}

/// Where the lock lies.
#[derive(Clone)]
enum Place {
    /// The directory of the sealed file.
    Directory(PathBuf),
    Keyring,
}

impl LockName {
    pub fn beside(directory: &Path, name: String, what: String) -> LockName {
        let place = Place::Directory(directory.to_owned());
        LockName { place, name, what }
    }

    pub fn in_keyring(name: String, what: String) -> LockName {
        let place = Place::Keyring;
        LockName { place, name, what }
    }

    /// Takes the lock. Waits up to `patience` while another process holds it; with [`Duration::ZERO`] it tries once.
    ///
    /// # Errors
    /// [`Kind::LockHeld`] if another process still holds it, [`Kind::Store`] if the lock cannot be used at all.
    pub fn take(&self, patience: Duration) -> Result<Lock> {
        let held = match &self.place {
            Place::Directory(directory) => {
                lock_file(directory, &self.name, patience)?.map(Held::File)
            }
            Place::Keyring => lock_in_keyring(&self.name, patience)?.map(Held::Keyring),
        };
        match held {
            Some(held) => Ok(Lock { _held: held }),
            None => Err(self.held(patience)),
        }
    }

    fn held(&self, patience: Duration) -> Error {
        let waited = match patience.as_secs() {
            0 => String::new(),
            seconds => format!("; waited {seconds} s for its lock and gave up"),
        };
        let what = &self.what;
        let holds = match &self.place {
            Place::Directory(directory) => {
                let path = directory.join(file_name(&self.name));
                format!(" (it holds {})", path.display())
            }
            Place::Keyring => String::new(),
        };
        Error::new(
            Kind::LockHeld,
            format!("another webex-connect is at work on {what}{waited}"),
        )
        .with_hint(format!(
            "wait for that process or end it{holds}, then run the same command again"
        ))
    }
}

fn file_name(name: &str) -> String {
    format!("{name}.lock")
}

/// Locks a file in a directory of ours. `None`: another process still holds it after `patience`.
///
/// # Errors
/// [`Kind::Store`] if the directory or the file cannot be used, or the file system has no locks.
pub fn lock_file(directory: &Path, name: &str, patience: Duration) -> Result<Option<File>> {
    let directory = PrivateDir::create(directory)?;
    let path = directory.path().join(file_name(name));
    let failed = |error: io::Error| match has_no_locks(&error) {
        true => no_locks(&path, &error),
        false => cannot("use the lock file", &path, &error),
    };
    let file = directory.open_lock(&file_name(name)).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) if patience.is_zero() => Ok(None),
        Err(TryLockError::WouldBlock) => wait(file, patience).map_err(failed),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// The file, once it is locked; `None` if that takes longer than `patience`.
fn wait(file: File, patience: Duration) -> io::Result<Option<File>> {
    // The standard library waits for a lock without a bound, so another thread does the waiting.
    let (sender, receiver) = mpsc::channel();
    std::thread::Builder::new().spawn(move || sender.send(file.lock().map(|()| file)))?;
    receiver.recv_timeout(patience).ok().transpose()
}

/// Whether the file system, not the file, is the reason: some network file systems have no flock(2).
#[cfg(unix)]
fn has_no_locks(error: &io::Error) -> bool {
    use rustix::io::Errno;
    matches!(
        Errno::from_io_error(error),
        Some(Errno::NOLCK | Errno::NOTSUP | Errno::NOSYS)
    )
}

#[cfg(not(unix))]
fn has_no_locks(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported
}

fn no_locks(path: &Path, error: &io::Error) -> Error {
    let message = format!("the file system of {} has no file locks", path.display());
    Error::new(Kind::Store, message)
        .with_detail(&error.to_string())
        .with_hint(
            "set `XDG_DATA_HOME` to a directory on a local disk, or mount the volume with locks; without them two \
             processes could spend the same refresh token",
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_lock_is_given_up_and_a_released_one_is_taken() {
        let home = tempfile::tempdir().unwrap();
        let name = LockName::beside(home.path(), "test".to_owned(), "a test".to_owned());
        let held = name.take(Duration::ZERO).unwrap_or_else(|e| panic!("{e}"));
        for patience in [Duration::ZERO, Duration::from_secs(1)] {
            let Err(error) = name.take(patience) else {
                panic!("two hold one lock");
            };
            assert_eq!(error.kind, Kind::LockHeld);
        }
        let waiting = {
            let name = name.clone();
            std::thread::spawn(move || name.take(Duration::from_secs(60)).is_ok())
        };
        drop(held);
        assert!(waiting.join().unwrap());
    }

    #[cfg(unix)]
    #[test]
    fn a_file_system_without_locks_is_named_as_the_reason() {
        use rustix::io::Errno;
        for errno in [Errno::NOLCK, Errno::NOTSUP, Errno::NOSYS] {
            assert!(has_no_locks(&errno.into()), "{errno}");
        }
        assert!(!has_no_locks(&Errno::IO.into()));
    }
}
