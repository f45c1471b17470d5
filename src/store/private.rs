//! A file in our data directory: read without following links, and replaced as a whole.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::dirs::{Loose, PrivateDir, cannot};
use crate::error::Result;

/// How the name of a temporary file ends.
const TEMPORARY: &str = ".new";

/// The name of a file that only this user may read.
pub struct PrivateFile {
    directory: PathBuf,
    name: &'static str,
    path: PathBuf,
}

impl PrivateFile {
    pub fn new(directory: &Path, name: &'static str) -> PrivateFile {
        PrivateFile {
            directory: directory.to_owned(),
            name,
            path: directory.join(name),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Whether something has this name, of whatever kind. Only "not found" means that it does not exist: a directory
    /// that cannot be searched may hold everything.
    pub fn exists(&self) -> Result<bool> {
        match PrivateDir::open(&self.directory)? {
            None => Ok(false),
            Some(directory) => directory
                .has(self.name)
                .map_err(|error| cannot("look at", &self.path, &error)),
        }
    }

    /// Opens the file if it exists.
    ///
    /// # Errors
    /// It is not a regular file, belongs to another user, has a second name, or is longer than `limit` bytes.
    pub fn open(&self, limit: u64) -> Result<Option<File>> {
        let Some(directory) = PrivateDir::open(&self.directory)? else {
            return Ok(None);
        };
        let failed = |error: io::Error| cannot("open", &self.path, &error);
        let Some(file) = directory.open_file(self.name).map_err(failed)? else {
            return Ok(None);
        };
        match file.metadata().map_err(failed)?.len() <= limit {
            true => Ok(Some(file)),
            false => Err(too_large(&self.path)),
        }
    }

    /// Removes the permissions of other users from the file, if it has any.
    ///
    /// # Errors
    /// The mode cannot be read.
    pub fn tighten_in(&self, directory: &PrivateDir) -> io::Result<Option<Loose>> {
        directory.tighten_file(self.name)
    }

    /// Reads the file if it exists.
    ///
    /// # Errors
    /// As for [`PrivateFile::open`].
    pub fn read(&self, limit: u64) -> Result<Option<Zeroizing<Vec<u8>>>> {
        let file = self.open(limit)?;
        file.map(|file| read_bounded(file, &self.path, limit))
            .transpose()
    }

    /// Replaces the file as a whole: the old one or the new one exists at any moment. The caller holds the lock of the
    /// file, so a temporary file found here was left by a process that was killed.
    ///
    /// # Errors
    /// The file in its place is not one of ours, or the disk fails.
    pub fn replace(&self, bytes: &[u8]) -> Result<()> {
        let directory = PrivateDir::create(&self.directory)?;
        self.replace_in(&directory, bytes)
            .map_err(|error| cannot("save", &self.path, &error))
    }

    fn replace_in(&self, directory: &PrivateDir, bytes: &[u8]) -> io::Result<()> {
        directory.open_file(self.name)?;
        self.remove_temporary(directory);
        let mut random = [0; 8];
        getrandom::getrandom(&mut random).map_err(io::Error::from)?;
        let temporary = format!(
            "{}{:016x}{TEMPORARY}",
            self.prefix(),
            u64::from_ne_bytes(random)
        );
        directory.write_new(&temporary, bytes)?;
        let renamed = directory.rename(&temporary, self.name);
        if renamed.is_err() {
            // It is gone if the rename itself succeeded.
            let _ = directory.remove(&temporary);
        }
        renamed
    }

    /// A temporary file that cannot be removed wastes space and has no other effect.
    fn remove_temporary(&self, directory: &PrivateDir) {
        let prefix = self.prefix();
        for name in directory.names().unwrap_or_default() {
            if name.starts_with(&prefix) && name.ends_with(TEMPORARY) {
                let _ = directory.remove(&name);
            }
        }
    }

    fn prefix(&self) -> String {
        format!("{}.", self.name)
    }

    /// Removes the file.
    ///
    /// # Errors
    /// It does not exist, or the system refuses it.
    pub fn remove(&self) -> Result<()> {
        PrivateDir::create(&self.directory)?
            .remove(self.name)
            .map_err(|error| cannot("remove", &self.path, &error))
    }
}

/// All of a file that has at most `limit` bytes.
///
/// # Errors
/// It cannot be read, or is longer.
pub fn read_bounded(file: File, path: &Path, limit: u64) -> Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| cannot("read", path, &error))?;
    match bytes.len() as u64 <= limit {
        true => Ok(bytes),
        false => Err(too_large(path)),
    }
}

fn too_large(path: &Path) -> crate::error::Error {
    cannot("read", path, &io::Error::other("it is too large"))
}
