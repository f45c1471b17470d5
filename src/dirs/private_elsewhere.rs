//! A directory of this user's profile, on systems whose profiles are private by themselves.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::dirs::{Loose, cannot};
use crate::error::Result;

/// How long a file may be in use by another program, such as a virus scanner or a backup, before that is an error.
const IN_USE_TIME: Duration = Duration::from_secs(2);
/// The pause between two attempts; nothing announces that a file is free.
const IN_USE_PAUSE: Duration = Duration::from_millis(50);

/// A directory, reached by its path.
pub struct PrivateDir {
    path: PathBuf,
}

impl PrivateDir {
    /// Opens the directory if it exists.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn open(path: &Path) -> Result<Option<PrivateDir>> {
        match path.symlink_metadata() {
            Ok(_) => Ok(Some(PrivateDir {
                path: path.to_owned(),
            })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(cannot("look at", path, &error)),
        }
    }

    /// Opens the directory, and creates it and its missing parents.
    ///
    /// # Errors
    /// It cannot be created.
    pub fn create(path: &Path) -> Result<PrivateDir> {
        fs::create_dir_all(path).map_err(|error| cannot("create", path, &error))?;
        Ok(PrivateDir {
            path: path.to_owned(),
        })
    }

    pub fn check(_: &Path) -> Result<()> {
        Ok(())
    }

    pub fn tighten(&self) -> io::Result<Option<Loose>> {
        Ok(None)
    }

    pub fn tighten_file(&self, _: &str) -> io::Result<Option<Loose>> {
        Ok(None)
    }

    /// Opens a file for reading, if it exists.
    ///
    /// # Errors
    /// The system refuses it.
    pub fn open_file(&self, name: &str) -> io::Result<Option<File>> {
        match unless_in_use(|| File::open(self.path.join(name))) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            opened => opened.map(Some),
        }
    }

    /// Opens the lock file of this name, and creates it if it is missing.
    ///
    /// # Errors
    /// The system refuses it.
    pub fn open_lock(&self, name: &str) -> io::Result<File> {
        unless_in_use(|| {
            OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .open(self.path.join(name))
        })
    }

    /// Creates a file and writes it to the disk.
    ///
    /// # Errors
    /// The name exists, or the disk fails; nothing is left behind then.
    pub fn write_new(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(self.path.join(name))?;
        let written = file.write_all(bytes).and_then(|()| file.sync_all());
        drop(file);
        if written.is_err() {
            // Half a file is of no use.
            let _ = self.remove(name);
        }
        written
    }

    /// Gives a file another name, in place of the file that had it.
    ///
    /// # Errors
    /// The system refuses it.
    pub fn rename(&self, old: &str, new: &str) -> io::Result<()> {
        unless_in_use(|| fs::rename(self.path.join(old), self.path.join(new)))
    }

    /// Removes a file.
    ///
    /// # Errors
    /// It does not exist, or the system refuses it.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        unless_in_use(|| fs::remove_file(self.path.join(name)))
    }

    /// Whether something of this name exists.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn has(&self, name: &str) -> io::Result<bool> {
        self.path.join(name).try_exists()
    }

    /// The names in it that are text.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn names(&self) -> io::Result<Vec<String>> {
        let entries = fs::read_dir(&self.path)?;
        let names = entries.map(|entry| Ok(entry?.file_name().into_string().ok()));
        names.filter_map(io::Result::transpose).collect()
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Tries again for a while if another program has the file open.
fn unless_in_use<T>(attempt: impl Fn() -> io::Result<T>) -> io::Result<T> {
    // ERROR_ACCESS_DENIED (for a rename onto an open file), ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION.
    const IN_USE: [i32; 3] = [5, 32, 33];
    let since = Instant::now();
    loop {
        match attempt() {
            Err(error)
                if since.elapsed() < IN_USE_TIME
                    && error
                        .raw_os_error()
                        .is_some_and(|code| IN_USE.contains(&code)) =>
            {
                thread::sleep(IN_USE_PAUSE);
            }
            done => return done,
        }
    }
}
