//! Reading standard input and files that the user names, whole and up to a size limit.
//!
//! There is no time limit: the program at the other end of a pipe may ask a person first, as password managers do.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use zeroize::Zeroizing;

type Bytes = Zeroizing<Vec<u8>>;

/// Reads standard input to its end. If it is longer than `limit`, one byte more than `limit` is returned.
///
/// # Errors
/// Standard input cannot be read.
pub fn stdin(limit: u64) -> io::Result<Bytes> {
    read(io::stdin(), limit)
}

/// Reads a file, through symbolic links if need be. The length is limited as for [`stdin`].
///
/// # Errors
/// The file cannot be opened or read.
pub fn file(path: &Path, limit: u64) -> io::Result<Bytes> {
    read(File::open(path)?, limit)
}

/// Reads a file as [`file()`] does, and only once per run.
///
/// A pipe (`<(…)` in a shell) cannot be read twice, so the content is cached until the program ends.
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

fn read(source: impl Read, limit: u64) -> io::Result<Bytes> {
    let mut bytes = Zeroizing::new(Vec::new());
    source.take(limit + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_byte_more_than_the_limit_is_read() {
        let text = [b'x'; 100];
        for (limit, length) in [(101, 100), (100, 100), (99, 100), (10, 11), (0, 1)] {
            assert_eq!(read(text.as_slice(), limit).unwrap().len(), length);
        }
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_an_error() {
        let error = file(Path::new("/nonexistent"), 100).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
