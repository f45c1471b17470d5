//! Files that are ours alone: read without following links, written whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use crate::dirs;
use crate::error::{Error, Result};

/// Opens a file of ours that is no larger than the limit: a regular file, not behind a link of either kind, owned by us.
pub fn open(path: &Path, limit: u64) -> Result<File> {
    let file = open_private(path).map_err(|error| dirs::cannot("open", path, &error))?;
    match file.metadata() {
        Ok(metadata) if metadata.len() <= limit => Ok(file),
        Ok(_) => Err(too_large(path)),
        Err(error) => Err(dirs::cannot("read", path, &error)),
    }
}

/// Reads a file of ours.
///
/// # Errors
/// As for [`open()`].
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>> {
    read_bounded(open(path, limit)?, path, limit)
}

pub fn read_bounded(file: File, path: &Path, limit: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| dirs::cannot("read", path, &error))?;
    if bytes.len() as u64 > limit {
        return Err(too_large(path));
    }
    Ok(bytes)
}

fn too_large(path: &Path) -> Error {
    dirs::cannot("read", path, &io::Error::other("it is too large"))
}

/// Whether something stands at the path. Only "not found" is absence: a directory that can't be searched may hold
/// everything.
pub fn exists(path: &Path) -> Result<bool> {
    match path.symlink_metadata() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(dirs::cannot("look at", path, &error)),
    }
}

#[cfg(unix)]
fn open_private(path: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags, open};
    use std::os::unix::fs::MetadataExt;

    // NONBLOCK: opening a FIFO must not wait for its writer.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(open(path, flags, Mode::empty())?);
    let metadata = file.metadata()?;
    let refused = if !metadata.is_file() {
        "it is not a regular file"
    } else if metadata.uid() != rustix::process::geteuid().as_raw() {
        "it belongs to another user"
    } else if metadata.nlink() > 1 {
        // No name at all is that of a file which was replaced just after it was opened.
        "it has a second name (hard link)"
    } else {
        return Ok(file);
    };
    Err(io::Error::other(refused))
}

#[cfg(not(unix))]
fn open_private(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Creates a file that only we can read, from its first byte, and that no link leads away from.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        dirs::private(directory)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if written.is_err() {
        // The name is ours since create_new; half a file helps nobody.
        let _ = fs::remove_file(path);
    }
    written
}

/// Replaces a file as a whole: the old one or the new one is there at any moment. The caller holds the lock, so a
/// temporary file found here is one that a killed process left.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if path.symlink_metadata().is_ok() {
        open_private(path)?;
    }
    let temporary = {
        let mut name = path.as_os_str().to_owned();
        name.push(".new");
        std::path::PathBuf::from(name)
    };
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            let what = format!("{} is in the way: {error}", temporary.display());
            return Err(io::Error::new(error.kind(), what));
        }
        _ => {}
    }
    write_new(&temporary, bytes)?;
    let renamed = fs::rename(&temporary, path);
    if renamed.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    renamed?;
    #[cfg(unix)]
    if let Some(directory) = path.parent() {
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}
