//! What is read whole from standard input, or from a file that a person names. Either may be a pipe that somebody holds
//! open and never writes to, so that time is bounded as well as size.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use zeroize::Zeroizing;

/// How long nothing may come. Whoever is to write may be a program that asks a person first, as password managers do.
const PATIENCE: Duration = Duration::from_secs(300);
/// What is read at a time.
const PIECE: usize = 64 * 1024;

type Bytes = Zeroizing<Vec<u8>>;

/// All of standard input; one byte more than the limit tells that there is too much.
///
/// # Errors
/// It can't be read, or nothing comes for five minutes.
pub fn stdin(limit: u64) -> io::Result<Bytes> {
    read(|| Ok(io::stdin()), limit, PATIENCE)
}

/// All of a file, wherever its name leads.
///
/// # Errors
/// As for [`stdin`]; it can't be opened.
pub fn file(path: &Path, limit: u64) -> io::Result<Bytes> {
    let path = path.to_owned();
    read(move || File::open(path), limit, PATIENCE)
}

/// All of a file that one run may need several times, as [`file()`] reads it.
///
/// A pipe (`<(…)` in a shell) can be read only once, so the content is kept until the program ends.
///
/// # Errors
/// As for [`file()`].
pub fn file_once(path: &Path, limit: u64) -> io::Result<Bytes> {
    static FILES: Mutex<BTreeMap<(PathBuf, u64), Bytes>> = Mutex::new(BTreeMap::new());
    // A panic ends the program, so a poisoned lock protects nothing that is half done.
    let mut files = FILES.lock().unwrap_or_else(PoisonError::into_inner);
    let key = (path.to_owned(), limit);
    if let Some(content) = files.get(&key) {
        return Ok(content.clone());
    }
    let content = file(path, limit)?;
    files.insert(key, content.clone());
    Ok(content)
}

/// A thread opens and reads: nothing else can be stopped from waiting. It is left behind if nothing comes, and ends with
/// the program.
fn read<R, F>(open: F, limit: u64, patience: Duration) -> io::Result<Bytes>
where
    R: Read,
    F: FnOnce() -> io::Result<R> + Send + 'static,
{
    let (sender, pieces) = mpsc::sync_channel(1);
    std::thread::Builder::new().spawn(move || {
        if let Err(error) = open().and_then(|source| send(source.take(limit + 1), &sender)) {
            // Whoever gave up has no use for it.
            let _ = sender.send(Err(error));
        }
    })?;
    let mut all = Zeroizing::new(Vec::new());
    loop {
        match pieces.recv_timeout(patience) {
            Ok(piece) => all.extend_from_slice(&piece?),
            Err(RecvTimeoutError::Disconnected) => return Ok(all),
            Err(RecvTimeoutError::Timeout) => {
                let message = format!("nothing came for {} s", patience.as_secs());
                return Err(io::Error::new(ErrorKind::TimedOut, message));
            }
        }
    }
}

fn send(mut source: impl Read, sender: &SyncSender<io::Result<Bytes>>) -> io::Result<()> {
    loop {
        let mut piece = Zeroizing::new(vec![0; PIECE]);
        match source.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(length) => {
                piece.truncate(length);
                if sender.send(Ok(piece)).is_err() {
                    return Ok(());
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn all_of_it_comes_up_to_a_byte_more_than_the_limit() {
        let text = vec![b'x'; 3 * PIECE];
        for (limit, length) in [(4 * PIECE, 3 * PIECE), (PIECE, PIECE + 1), (0, 1)] {
            let (reader, mut writer) = io::pipe().unwrap();
            let text = text.clone();
            // Whoever reads no further ends the pipe.
            let writing = std::thread::spawn(move || drop(writer.write_all(&text)));
            let read = read(|| Ok(reader), limit as u64, LONG).unwrap();
            assert_eq!(read.len(), length);
            writing.join().unwrap();
        }
    }

    #[test]
    fn a_pipe_that_nobody_fills_is_given_up() {
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(b"the beginning").unwrap();
        let error = read(|| Ok(reader), 100, Duration::from_secs(1)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(error.to_string(), "nothing came for 1 s");
        drop(writer);
    }

    #[test]
    fn a_file_that_never_opens_is_given_up() {
        let (forever, _open) = mpsc::channel::<()>();
        let opening = move || {
            std::thread::sleep(LONG);
            drop(forever);
            Ok(io::empty())
        };
        let error = read(opening, 100, Duration::from_secs(1)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }

    #[test]
    fn what_can_not_be_opened_is_an_error() {
        let error = file(Path::new("/nonexistent"), 100).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}
