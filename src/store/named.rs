//! Files with keys and passphrases that the user names, or that lie beside the sealed file.

use std::fs::{self, Metadata};
use std::io;
use std::path::Path;

use zeroize::Zeroizing;

use crate::dirs;
use crate::error::{Error, Kind, Result};
use crate::input;
use crate::variables::KEY;

/// The largest key file read: an identity is 74 characters, and age-keygen adds two comment lines.
pub const MAX_KEY_FILE: u64 = 64 * 1024;
/// How a file in the age format begins.
pub const AGE_MAGIC: &[u8] = b"age-encryption.org/";

/// Reads a file that the person named, wherever its name leads. It may be a pipe, which is read once.
pub fn read_named(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    // The name of a file is shown where it can't be read.
    if path
        .as_os_str()
        .as_encoded_bytes()
        .starts_with(b"AGE-SECRET-KEY-")
    {
        let message = "that is an age identity, which is secret, and no file with one";
        return Err(Error::new(Kind::Usage, message).with_hint(format!(
            "write it to a file that only you can read and name that, or set {KEY} to it"
        )));
    }
    let failed = |error: io::Error| dirs::cannot("open", path, &error);
    let found = fs::metadata(path).map_err(failed)?;
    if found.is_dir() {
        return Err(failed(io::Error::other(
            "it is not a regular file or a pipe",
        )));
    }
    let bytes = input::file_once(path, MAX_KEY_FILE).map_err(failed)?;
    if bytes.len() as u64 > MAX_KEY_FILE {
        return Err(failed(io::Error::other("it is too large")));
    }
    if !bytes.starts_with(AGE_MAGIC) {
        check_private(path, &found)?;
    }
    Ok(bytes)
}

/// Refuses a plain secret in a file that other users can read or change, as ssh does with private keys. A secret
/// manager may hand over a file that belongs to root and that a group can read. A pipe has no mode that matters.
///
/// # Errors
/// [`Kind::Store`] with the owner or the mode.
#[cfg(unix)]
pub fn check_private(path: &Path, found: &Metadata) -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    let (us, owner) = (rustix::process::geteuid().as_raw(), found.uid());
    let mode = found.mode() & 0o7777;
    let open_to_others = match owner == us {
        true => mode & 0o077,
        false => mode & 0o037,
    };
    let shown = path.display();
    let (problem, hint) = if !found.is_file() {
        return Ok(());
    } else if owner != us && owner != 0 {
        (
            format!("belongs to another user (uid {owner})"),
            "copy it to a file of your own with mode 600 and use that file instead".to_owned(),
        )
    } else if open_to_others != 0 {
        (
            format!("is open to other users (mode {mode:03o})"),
            format!(
                "run `chmod 600 {shown}`, and replace the secret if another user may have read it"
            ),
        )
    } else {
        return Ok(());
    };
    let message = format!("could not use the secret in {shown}: the file {problem}");
    Err(Error::new(Kind::Store, message).with_hint(hint))
}

#[cfg(not(unix))]
pub fn check_private(_: &Path, _: &Metadata) -> Result<()> {
    Ok(())
}
