//! The environment variables this program reads, all in one place.

use crate::error::{Error, Kind, Result};

/// Names the connection for commands that are given none.
pub const CONNECTION: &str = "WEBEX_CONNECT_CONNECTION";
/// `keyring` or `file`.
pub const STORE: &str = "WEBEX_CONNECT_STORE";
/// Any value means `--no-input`.
pub const NO_INPUT: &str = "WEBEX_CONNECT_NO_INPUT";
/// Says the same as `--ca-cert`.
pub const CA_CERT: &str = "WEBEX_CONNECT_CA_CERT";
/// The client ID of an app provided by the environment.
pub const CLIENT_ID: &str = "WEBEX_CONNECT_CLIENT_ID";
/// Its redirect URI.
pub const REDIRECT_URI: &str = "WEBEX_CONNECT_REDIRECT_URI";
/// Its client secret; alone, the one for `login --client-id` and `app add`.
pub const CLIENT_SECRET: &str = "WEBEX_CONNECT_CLIENT_SECRET";
/// The sealed file's key: an age identity, `AGE-SECRET-KEY-1…`.
pub const KEY: &str = "WEBEX_CONNECT_KEY";
/// A file that holds one.
pub const KEY_FILE: &str = "WEBEX_CONNECT_KEY_FILE";
/// The directory in which systemd hands a service its credentials.
pub const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";
/// The passphrase that opens a sealed key file.
pub const PASSPHRASE: &str = "WEBEX_CONNECT_PASSPHRASE";
/// A file that holds it, in one line.
pub const PASSPHRASE_FILE: &str = "WEBEX_CONNECT_PASSPHRASE_FILE";

/// `true` in a job of GitHub Actions, whose runner reads what is printed.
pub const GITHUB_ACTIONS: &str = "GITHUB_ACTIONS";

/// Those that hold secrets themselves; no child gets them.
pub const SECRET: [&str; 3] = [CLIENT_SECRET, KEY, PASSPHRASE];

/// A variable's value; an empty one counts as unset.
///
/// # Errors
/// The value is not Unicode.
pub fn read(name: &str) -> Result<Option<String>> {
    match std::env::var(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => {
            Err(Error::new(Kind::Usage, format!("{name} is not text"))
                .with_hint(format!("set it to a valid value, or `unset {name}`")))
        }
    }
}
