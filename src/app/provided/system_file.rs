//! The administrator's file: taken only from root's hands.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, openat};
use zeroize::Zeroizing;

use crate::error::{Error, Kind, Result};

/// A file of all 89 scopes has 4 kB.
const MAX_SIZE: u64 = 64 * 1024;

/// The file's text; none if it, or its directory, is not there.
///
/// # Errors
/// [`Kind::App`] if the file or its directory is not root's alone to change, or the file can't be read.
pub fn read(path: &str) -> Result<Option<Zeroizing<String>>> {
    let file = Path::new(path);
    let (Some(directory), Some(name)) = (file.parent(), file.file_name()) else {
        return Ok(None);
    };
    // The file is opened below the directory that was looked at, so that nobody swaps that in between.
    let Some(inside) = open(CWD, directory, directory, OFlags::DIRECTORY)? else {
        return Ok(None);
    };
    roots_alone(&metadata(&inside, directory)?, directory)?;
    // NONBLOCK: opening a FIFO must not wait for its writer.
    let Some(opened) = open(inside.as_fd(), Path::new(name), file, OFlags::NONBLOCK)? else {
        return Ok(None);
    };
    let found = metadata(&opened, file)?;
    if !found.is_file() {
        return Err(refused(file, "is not a regular file"));
    }
    roots_alone(&found, file)?;
    let mut text = Zeroizing::new(String::new());
    let read = opened.take(MAX_SIZE + 1).read_to_string(&mut text);
    read.map_err(|error| refused(file, "can't be read").with_detail(&error.to_string()))?;
    if text.len() as u64 > MAX_SIZE {
        return Err(refused(file, "has more than 64 KiB"));
    }
    Ok(Some(text))
}

fn open(below: impl AsFd, name: &Path, path: &Path, how: OFlags) -> Result<Option<File>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | how;
    match openat(below, name, flags, Mode::empty()) {
        Ok(file) => Ok(Some(File::from(file))),
        Err(rustix::io::Errno::NOENT) => Ok(None),
        // With DIRECTORY, a link is "not a directory".
        Err(rustix::io::Errno::LOOP) => Err(refused(path, "is a symbolic link")),
        Err(rustix::io::Errno::NOTDIR) => {
            Err(refused(path, "is not a directory, or behind a link"))
        }
        Err(error) => {
            let error = io::Error::from(error);
            Err(refused(path, "can't be opened").with_detail(&error.to_string()))
        }
    }
}

fn metadata(file: &File, path: &Path) -> Result<Metadata> {
    file.metadata()
        .map_err(|error| refused(path, "can't be looked at").with_detail(&error.to_string()))
}

/// Whoever else could change the file could have people sign in with an app of theirs.
fn roots_alone(found: &Metadata, path: &Path) -> Result<()> {
    let problem = if found.uid() != 0 {
        "is not owned by root"
    } else if found.mode() & 0o022 != 0 {
        "can be written by others than root"
    } else {
        return Ok(());
    };
    let shown = path.display();
    Err(refused(path, problem).with_hint(format!(
        "if you trust what is in it: `sudo chown root:root {shown} && sudo chmod go-w {shown}`"
    )))
}

fn refused(path: &Path, problem: &str) -> Error {
    let message = format!("the provided app is not used: {} {problem}", path.display());
    Error::new(Kind::App, message).with_hint(
        "it has to be a file that root wrote and all may read: \
         `sudo install -D -m 644 -o root -g root app.json /etc/webex-connect/app.json`",
    )
}
