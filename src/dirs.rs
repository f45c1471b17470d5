//! The directories this program keeps its files in, and the errors of using them.

#[cfg_attr(not(unix), path = "dirs/private_elsewhere.rs")]
mod private;

use std::io;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

use crate::error::{Error, Kind, Result};
pub use private::PrivateDir;

/// The mode of a file or directory that other users could access.
pub struct Loose {
    pub mode: u32,
    /// Whether their permissions are removed now; a read-only file system keeps them.
    pub is_tightened: bool,
}

const OURS: &str = "webex-connect";

/// The directory of the sealed files and their locks (`$XDG_DATA_HOME/webex-connect`). It need not exist.
///
/// # Errors
/// [`Kind::Store`]: this user has no home directory.
pub fn data() -> Result<PathBuf> {
    Ok(strategy()?.data_dir().join(OURS))
}

/// Checks, before a store is used, that our directories are safe: they belong to this user and are not symbolic links,
/// or do not exist and can be created without writing into another user's directory. Creates nothing.
///
/// # Errors
/// [`Kind::Store`] with the directory and its owner.
pub fn check() -> Result<()> {
    // Without a home directory there is nothing to check; what needs one says so.
    let Ok(strategy) = strategy() else {
        return Ok(());
    };
    let data = strategy.data_dir();
    let state = strategy.state_dir().unwrap_or_else(|| data.clone());
    PrivateDir::check(&data.join(OURS))?;
    PrivateDir::check(&state.join(OURS))
}

/// An I/O failure as an error about a path.
pub fn cannot(what: &str, path: &Path, error: &io::Error) -> Error {
    let hint = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "make room on its disk and run the same command again".to_owned()
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            "set `XDG_DATA_HOME` and `XDG_STATE_HOME` to directories that can be written".to_owned()
        }
        io::ErrorKind::PermissionDenied => {
            let directory = path.parent().unwrap_or(path).display();
            format!("`ls -ld {directory}` shows who owns the directory; it must be yours")
        }
        _ => format!("`ls -ld {}` shows what is there", path.display()),
    };
    Error::new(Kind::Store, format!("could not {what} {}", path.display()))
        .with_hint(hint)
        .with_cause(error)
}

fn strategy() -> Result<impl BaseStrategy> {
    let homeless = |message: &str| {
        Error::new(Kind::Store, message)
            .with_hint("set `HOME` to the absolute path of one and run the same command again")
    };
    let strategy = etcetera::choose_base_strategy()
        .map_err(|_| homeless("this user has no home directory"))?;
    // A relative path would depend on the directory the user stands in.
    match strategy.home_dir().is_absolute() {
        true => Ok(strategy),
        false => Err(homeless("`HOME` is not an absolute path")),
    }
}
