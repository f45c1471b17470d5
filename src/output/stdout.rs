//! Writing to standard output, so that a result that did not arrive is an error.
//!
//! Standard output may have been closed when the program started (`>&-` in a shell). Before `main`, std opens
//! `/dev/null` for each closed descriptor from 0 to 2. From then on a closed stream looks like one that the caller
//! redirected to `/dev/null`, and every write to it succeeds. So a constructor, which the C runtime calls before std,
//! checks the descriptor and keeps the answer.

use std::fs::File;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Kind, Result};

static WAS_CLOSED: AtomicBool = AtomicBool::new(false);

/// The error of every write to standard output, if standard output was closed when the program started.
pub fn closed_stdout() -> Option<io::Error> {
    let was_closed = WAS_CLOSED.load(Ordering::Relaxed);
    was_closed.then(|| io::Error::other("it was closed when the program started"))
}

/// Writes to standard output. Returns `false` if its reader closed the pipe, which is not an error.
pub fn write_out(bytes: &[u8]) -> Result<bool> {
    if let Some(error) = closed_stdout() {
        return Err(unwritten(&error));
    }
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(unwritten(&error)),
    }
}

/// The error where a result could not be written.
pub fn unwritten(error: &io::Error) -> Error {
    Error::new(Kind::Failure, "could not write to standard output")
        .with_hint("redirect standard output to a terminal, pipe or file that can be written, and run the same command again")
        .with_cause(error)
}

/// Waits until what was written to a file is on disk. Pipes and terminals have no disk.
///
/// # Errors
/// The disk failed or is full.
pub fn sync_stdout() -> Result<()> {
    let file = match duplicate() {
        Ok(file) if file.metadata().is_ok_and(|metadata| metadata.is_file()) => file,
        _ => return Ok(()),
    };
    match file.sync_all() {
        Err(error) if !is_unsupported(&error) => Err(unwritten(&error)),
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn duplicate() -> io::Result<File> {
    use std::os::fd::AsFd;

    io::stdout().as_fd().try_clone_to_owned().map(File::from)
}

#[cfg(windows)]
fn duplicate() -> io::Result<File> {
    use std::os::windows::io::AsHandle;

    io::stdout()
        .as_handle()
        .try_clone_to_owned()
        .map(File::from)
}

/// Whether the file system cannot sync a file, as some in user space cannot.
#[cfg(unix)]
fn is_unsupported(error: &io::Error) -> bool {
    use rustix::io::Errno;

    let errno = Errno::from_io_error(error);
    errno.is_some_and(|errno| {
        [Errno::INVAL, Errno::NOTSUP, Errno::OPNOTSUPP, Errno::NOSYS].contains(&errno)
    })
}

#[cfg(windows)]
fn is_unsupported(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported
}

// The macro requires `unsafe` because std is not set up yet when the block runs. The block only calls fcntl(2) and sets
// a flag, which need nothing of std, and the lint against unsafe code applies to it as to all other code.
#[cfg(unix)]
ctor_lite::ctor! {
    unsafe fn check_stdout() {
        let flags = rustix::io::fcntl_getfd(rustix::stdio::stdout());
        WAS_CLOSED.store(flags.is_err(), Ordering::Relaxed);
    }
}
