//! Sealing for the way to another machine: text that passes through any secret store, and that one key opens.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use age::x25519;
use zeroize::Zeroizing;

use crate::error::{Error, Kind, Result};
use crate::store::key;
use crate::variables::{KEY, KEY_FILE};

/// Whom something is sealed to: the public half of an age identity.
pub struct Recipient(x25519::Recipient);

impl Recipient {
    /// # Errors
    /// Anything but an age X25519 recipient. The text is not shown: it may be an identity, given by mistake.
    pub fn parse(text: &str) -> Result<Recipient> {
        if let Ok(recipient) = x25519::Recipient::from_str(text.trim()) {
            return Ok(Recipient(recipient));
        }
        // What age-keygen wrote begins with comments.
        let message = match text.to_ascii_uppercase().contains("AGE-SECRET-KEY-") {
            true => {
                "that is an age identity, which is secret, and no recipient; now it is in the shell's history"
            }
            false => "that is no age recipient (age1…)",
        };
        Err(Error::new(Kind::Usage, message).with_hint(
            "`age-keygen -o ci.key` makes an identity and prints its recipient; `age-keygen -y ci.key` prints it again",
        ))
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Seals a text to a recipient, in age's ASCII armor.
///
/// # Errors
/// [`Kind::Failure`]; nothing is known that would cause it.
pub fn seal(text: &[u8], to: &Recipient) -> Result<String> {
    age::encrypt_and_armor(&to.0, text)
        .map_err(|_| Error::new(Kind::Failure, "could not seal the export"))
}

/// Opens what was sealed, armored or not, with the identity in a file, else with the key that opens the sealed file.
/// It proves nothing about who sealed it. `sealed` is asked for when there is an identity: it may be waited for.
///
/// # Errors
/// [`Kind::Usage`] without an identity, for another's, and for what is damaged or was never sealed.
pub fn unseal(
    sealed: impl FnOnce() -> Result<Zeroizing<Vec<u8>>>,
    identity_file: Option<&Path>,
    may_ask: bool,
) -> Result<Zeroizing<Vec<u8>>> {
    let identity = key::identity(identity_file, may_ask)?.ok_or_else(|| {
        Error::new(Kind::Usage, "there is no identity to open the export with").with_hint(format!(
            "give the file that `age-keygen` made in `--identity FILE` or {KEY_FILE}, or the identity in {KEY}"
        ))
    })?;
    let sealed = sealed()?;
    // White space around the armor is no damage: secret stores add it or take it away.
    let opened = age::decrypt(&identity, sealed.trim_ascii_start()).map_err(|error| {
        let (message, hint) = match error {
            age::DecryptError::NoMatchingKeys => (
                format!("the export was sealed to another key than that of {}", identity.to_public()),
                "give the identity it was sealed to in `--identity FILE`",
            ),
            _ => (
                "standard input is no sealed export, or a damaged one".to_owned(),
                "pass on what `webex-connect export` wrote, whole and with its line breaks: `printf '%s\\n' \"$SECRET\" | webex-connect import`",
            ),
        };
        Error::new(Kind::Usage, message).with_hint(hint)
    })?;
    Ok(Zeroizing::new(opened))
}
