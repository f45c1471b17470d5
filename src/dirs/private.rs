//! A directory that only this user can enter. It is opened once without following a link, and everything in it is
//! reached through that descriptor, so that the directory cannot be replaced between the check and the use.

use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, Dir, Mode, OFlags, chmodat, fchmod, fstat, mkdirat, openat, renameat, statat,
    unlinkat,
};
use rustix::io::Errno;
use rustix::process::geteuid;

use crate::dirs::{Loose, cannot};
use crate::error::{Error, Kind, Result};

/// Only the owner can enter, list or change the directory.
const DIRECTORY_MODE: Mode = Mode::RWXU;
/// Only the owner can read or write the file.
const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);
/// The permission bits of everybody else.
const OTHERS: u32 = 0o077;

/// An open directory that belongs to this user.
pub struct PrivateDir {
    path: PathBuf,
    directory: OwnedFd,
}

impl PrivateDir {
    /// Opens the directory if it exists.
    ///
    /// # Errors
    /// [`Kind::Store`] if it is a link or not a directory, belongs to another user, or cannot be opened.
    pub fn open(path: &Path) -> Result<Option<PrivateDir>> {
        match open_directory(CWD, path) {
            Ok(directory) => PrivateDir::checked(path, directory).map(Some),
            Err(Errno::NOENT) => Ok(None),
            // With O_DIRECTORY, Linux reports a link as "not a directory".
            Err(error @ (Errno::LOOP | Errno::NOTDIR)) => match path.symlink_metadata() {
                Ok(found) => Err(not_a_directory(path, &found)),
                Err(_) => Err(cannot("open", path, &error.into())),
            },
            Err(error) => Err(cannot("open", path, &error.into())),
        }
    }

    /// Opens the directory, and creates it and its missing parents with mode 0700 whatever the umask is.
    ///
    /// # Errors
    /// As for [`PrivateDir::open`], and if it would be created in another user's directory.
    pub fn create(path: &Path) -> Result<PrivateDir> {
        if let Some(opened) = PrivateDir::open(path)? {
            return Ok(opened);
        }
        let looked = |error| cannot("look at", path, &error);
        let (existing, missing) = nearest_ancestor(path).map_err(looked)?;
        if let Some((step, owner)) = untrusted(existing).map_err(looked)? {
            return Err(owned_by_another(&step, owner));
        }
        // Links are followed here: those on the way were checked, and a link as the last step is one of them.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let mut directory = openat(CWD, existing, flags, Mode::empty())
            .map_err(|error| cannot("open", existing, &error.into()))?;
        let owner_now = owner(&directory, existing)?;
        if !is_trusted(owner_now) {
            return Err(owned_by_another(existing, owner_now));
        }
        let failed = |error: Errno| cannot("create", path, &error.into());
        for name in missing {
            match mkdirat(&directory, name, DIRECTORY_MODE) {
                // A umask may have taken the permissions that opening it needs.
                Ok(()) => {
                    chmodat(&directory, name, DIRECTORY_MODE, AtFlags::empty()).map_err(failed)?
                }
                Err(Errno::EXIST) => {}
                Err(error) => return Err(failed(error)),
            }
            let made = open_directory(&directory, Path::new(name)).map_err(failed)?;
            // Another user may have been faster in a directory that all can write to, such as /tmp.
            let owner = owner(&made, path)?;
            if owner != geteuid().as_raw() {
                return Err(owned_by_another(path, owner));
            }
            directory = made;
        }
        PrivateDir::checked(path, directory)
    }

    /// Refuses a directory that is not safe to use or to create. Any other trouble is left to the first use.
    ///
    /// # Errors
    /// [`Kind::Store`] if it is a link, or belongs to another user, or would be created in another user's directory.
    pub fn check(path: &Path) -> Result<()> {
        let found = path.symlink_metadata();
        if let Ok(found) = &found
            && found.is_symlink()
        {
            return Err(not_a_directory(path, found));
        }
        // A link on the way could lead to a directory that only looks like ours.
        if let Some((step, owner)) = foreign_link(path) {
            return Err(owned_by_another(&step, owner));
        }
        match found {
            Ok(found) if found.is_dir() && found.uid() != geteuid().as_raw() => {
                Err(owned_by_another(path, found.uid()))
            }
            Ok(_) => Ok(()),
            Err(_) => match nearest_ancestor(path).and_then(|(existing, _)| untrusted(existing)) {
                Ok(Some((step, owner))) => Err(owned_by_another(&step, owner)),
                Ok(None) | Err(_) => Ok(()),
            },
        }
    }

    fn checked(path: &Path, directory: OwnedFd) -> Result<PrivateDir> {
        let owner = owner(&directory, path)?;
        match owner == geteuid().as_raw() {
            true => Ok(PrivateDir {
                path: path.to_owned(),
                directory,
            }),
            false => Err(owned_by_another(path, owner)),
        }
    }

    /// Removes the permissions of other users from the directory, if it has any.
    ///
    /// # Errors
    /// The mode cannot be read.
    pub fn tighten(&self) -> io::Result<Option<Loose>> {
        tighten(&self.directory, DIRECTORY_MODE)
    }

    /// The same for a file in it, if it exists and is one of ours.
    ///
    /// # Errors
    /// As for [`PrivateDir::tighten`].
    pub fn tighten_file(&self, name: &str) -> io::Result<Option<Loose>> {
        match self.open_file(name)? {
            Some(file) => tighten(&file, FILE_MODE),
            None => Ok(None),
        }
    }

    /// Opens a file for reading, if it exists.
    ///
    /// # Errors
    /// It is not a regular file, belongs to another user, or has a second name (a hard link).
    pub fn open_file(&self, name: &str) -> io::Result<Option<File>> {
        // NONBLOCK: opening a FIFO must not wait for its writer.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match openat(&self.directory, name, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let metadata = file.metadata()?;
        let refused = if !metadata.is_file() {
            "it is not a regular file"
        } else if metadata.uid() != geteuid().as_raw() {
            "it belongs to another user"
        } else if metadata.nlink() > 1 {
            // A count of 0 is a file that was replaced just after it was opened.
            "it has a second name (hard link)"
        } else {
            return Ok(Some(file));
        };
        Err(io::Error::other(refused))
    }

    /// Opens the lock file of this name, and creates it if it is missing. A lock file is never renamed or removed, or
    /// two processes could hold the same name.
    ///
    /// # Errors
    /// It is a link or not a regular file, or cannot be opened.
    pub fn open_lock(&self, name: &str) -> io::Result<File> {
        let flags =
            OFlags::CREATE | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(openat(&self.directory, name, flags, FILE_MODE)?);
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        // Another user could hold the lock for as long as they like.
        if found.uid() != geteuid().as_raw() {
            return Err(io::Error::other("it belongs to another user"));
        }
        // Loose modes of a lock let others hold it; a umask may have taken our own.
        let _ = fchmod(&file, FILE_MODE);
        Ok(file)
    }

    /// Creates a file with mode 0600 from its first byte, and writes it to the disk.
    ///
    /// # Errors
    /// The name exists, or the disk fails; nothing is left behind then.
    pub fn write_new(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
        let mut file = File::from(openat(&self.directory, name, flags, FILE_MODE)?);
        // Whatever the umask is.
        let written = fchmod(&file, FILE_MODE)
            .map_err(io::Error::from)
            .and_then(|()| file.write_all(bytes))
            .and_then(|()| file.sync_all());
        if written.is_err() {
            // Half a file is of no use.
            let _ = self.remove(name);
        }
        written
    }

    /// Gives a file another name, in place of the file that had it, and writes the change to the disk.
    ///
    /// # Errors
    /// The system refuses it.
    pub fn rename(&self, old: &str, new: &str) -> io::Result<()> {
        renameat(&self.directory, old, &self.directory, new)?;
        match rustix::fs::fsync(&self.directory) {
            // Some file systems cannot sync a directory; the rename is done all the same.
            Ok(()) | Err(Errno::INVAL | Errno::NOTSUP | Errno::NOSYS) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes a file.
    ///
    /// # Errors
    /// It does not exist, or the system refuses it.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        Ok(unlinkat(&self.directory, name, AtFlags::empty())?)
    }

    /// Whether something of this name exists, of whatever kind.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn has(&self, name: &str) -> io::Result<bool> {
        match statat(&self.directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The names in it that are text.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.directory)? {
            names.extend(entry?.file_name().to_str().ok().map(str::to_owned));
        }
        Ok(names)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn open_directory(below: impl AsFd, path: &Path) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(below, path, flags, Mode::empty())
}

/// The deepest existing directory on the way to `path`, and the names missing below it.
fn nearest_ancestor(path: &Path) -> io::Result<(&Path, Vec<&OsStr>)> {
    let mut missing = Vec::new();
    let mut existing = path;
    while let (Some(parent), Some(name)) = (existing.parent(), existing.file_name()) {
        missing.push(name);
        existing = parent;
        match existing.metadata() {
            Ok(_) => break,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    missing.reverse();
    Ok((existing, missing))
}

/// The directory itself or the first link on the way to it that belongs to another user, with that user's ID. Nothing is
/// created in another user's directory, or where that user points.
fn untrusted(existing: &Path) -> io::Result<Option<(PathBuf, u32)>> {
    let owner = existing.metadata()?.uid();
    if !is_trusted(owner) {
        return Ok(Some((existing.to_owned(), owner)));
    }
    Ok(foreign_link(existing))
}

/// The first link among the directories on the way to `path` that belongs to another user, with that user's ID.
fn foreign_link(path: &Path) -> Option<(PathBuf, u32)> {
    path.ancestors().find_map(|step| {
        let found = step.symlink_metadata().ok()?;
        let is_foreign = found.is_symlink() && !is_trusted(found.uid());
        is_foreign.then(|| (step.to_owned(), found.uid()))
    })
}

fn is_trusted(owner: u32) -> bool {
    owner == 0 || owner == geteuid().as_raw()
}

fn tighten(file: impl AsFd, mode: Mode) -> io::Result<Option<Loose>> {
    // The standard library gives the mode the same type on every system.
    let before = File::from(file.as_fd().try_clone_to_owned()?)
        .metadata()?
        .mode()
        & 0o7777;
    if before & OTHERS == 0 {
        return Ok(None);
    }
    Ok(Some(Loose {
        mode: before,
        is_tightened: fchmod(file, mode).is_ok(),
    }))
}

fn owner(directory: &OwnedFd, path: &Path) -> Result<u32> {
    fstat(directory)
        .map(|found| found.st_uid)
        .map_err(|error| cannot("look at", path, &error.into()))
}

fn not_a_directory(path: &Path, found: &Metadata) -> Error {
    let what = match found.is_symlink() {
        true => "a symbolic link",
        false => "not a directory",
    };
    let message = format!(
        "{} is {what}, and must be a directory of yours",
        path.display()
    );
    Error::new(Kind::Store, message).with_hint(format!(
        "`ls -ld {}` shows it; move it away, or set `XDG_DATA_HOME` and `XDG_STATE_HOME` to other directories",
        path.display()
    ))
}

/// The owner of a directory can replace the files in it, whatever its mode.
fn owned_by_another(path: &Path, owner: u32) -> Error {
    let us = geteuid();
    let message = format!(
        "{} belongs to another user (uid {owner}, and this program runs as uid {us})",
        path.display()
    );
    let home = match us.is_root() {
        true => "set `HOME=/root`",
        false => "set `HOME` to your own home directory",
    };
    Error::new(Kind::Store, message).with_hint(format!(
        "{home}, or set `XDG_DATA_HOME` and `XDG_STATE_HOME` to directories of your own"
    ))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn missing_parents_are_created_for_this_user_alone() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("share/of/webex-connect");
        PrivateDir::check(&path).unwrap();
        assert!(
            !home.path().join("share").exists(),
            "a check creates nothing"
        );
        PrivateDir::create(&path).unwrap();
        for made in ["share", "share/of", "share/of/webex-connect"] {
            assert_eq!(mode(&home.path().join(made)), 0o700, "{made}");
        }
    }

    #[test]
    fn a_link_in_place_of_the_directory_is_refused_and_its_target_unchanged() {
        let home = tempfile::tempdir().unwrap();
        let target = home.path().join("target");
        fs::create_dir(&target).unwrap();
        fs::set_permissions(&target, fs::Permissions::from_mode(0o755)).unwrap();
        let path = home.path().join("webex-connect");
        for target in [target.as_path(), Path::new("/nonexistent")] {
            symlink(target, &path).unwrap();
            for refused in [
                PrivateDir::open(&path).map(drop),
                PrivateDir::create(&path).map(drop),
                PrivateDir::check(&path),
            ] {
                let message = refused.unwrap_err().message;
                assert!(message.contains("is a symbolic link"), "{message}");
            }
            fs::remove_file(&path).unwrap();
        }
        assert_eq!(mode(&target), 0o755);
        assert_eq!(fs::read_dir(&target).unwrap().count(), 0);
    }

    #[test]
    fn loose_modes_are_reported_once_and_removed() {
        let home = tempfile::tempdir().unwrap();
        let directory = PrivateDir::create(&home.path().join("d")).unwrap();
        directory.write_new("f", b"x").unwrap();
        assert!(directory.tighten().unwrap().is_none());
        assert!(directory.tighten_file("f").unwrap().is_none());
        assert!(directory.tighten_file("absent").unwrap().is_none());
        let (path, file) = (home.path().join("d"), home.path().join("d/f"));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        let loose = directory.tighten().unwrap().unwrap();
        assert_eq!((loose.mode, loose.is_tightened), (0o777, true));
        let loose = directory.tighten_file("f").unwrap().unwrap();
        assert_eq!((loose.mode, loose.is_tightened), (0o644, true));
        assert_eq!((mode(&path), mode(&file)), (0o700, 0o600));
    }
}
