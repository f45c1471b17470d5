//! Names of connections and apps.

use std::fmt;

use serde::{Deserialize, Serialize};
use strsim::osa_distance;

use crate::error::{Error, Kind, Result};

/// The longest name, in characters.
const MAX_LENGTH: usize = 64;
/// Webex's client secrets have this many hexadecimal digits.
const CLIENT_SECRET_LENGTH: usize = 64;
/// Letters left out, added, changed or swapped that may be a slip of the hand.
const MAX_SLIPS: usize = 2;

/// The name of a connection or an app: `[A-Za-z0-9._-]{1,64}`, not starting with `-` or `.`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    /// Parses a name that a person typed.
    ///
    /// # Errors
    /// The text is not a valid name, or looks like a client secret: messages show names, and a secret must not be shown.
    /// So the error does not repeat the text.
    pub fn parse(text: &str) -> Result<Name> {
        let hex_digits = text.bytes().all(|b| b.is_ascii_hexdigit());
        if hex_digits && text.len() == CLIENT_SECRET_LENGTH {
            let message = "this looks like a client secret and is not taken as a name";
            return Err(Error::new(Kind::Usage, message).with_hint(
                "give a client secret with `--client-secret-stdin`, and a name such as `work` or `ci-2`",
            ));
        }
        Name::read(text)
    }

    /// Reads a name that was stored.
    fn read(text: &str) -> Result<Name> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        let fault = if text.is_empty() {
            "this one is empty".to_owned()
        } else if !text.bytes().all(plain) {
            "this one has another character".to_owned()
        } else if text.len() > MAX_LENGTH {
            format!("this one has {}", text.len())
        } else if text.starts_with(['-', '.']) {
            format!("this one starts with {}", &text[..1])
        } else {
            return Ok(Name(text.to_owned()));
        };
        let rule = "a name is 1 to 64 of A-Z a-z 0-9 . _ - and starts with neither - nor .";
        Err(Error::new(Kind::Usage, rule)
            .with_detail(&fault)
            .with_hint("for example `work` or `ci-2`"))
    }

    /// The one of these that a slip of the hand may have made this of.
    pub fn alike<'a>(&self, names: &'a [Name]) -> Option<&'a Name> {
        let distance = |name: &Name| osa_distance(&name.folded(), &self.folded());
        let near = names.iter().map(|name| (distance(name), name));
        let near =
            near.filter(|(distance, name)| *distance <= MAX_SLIPS && *distance < name.0.len());
        near.min_by_key(|(distance, _)| *distance)
            .map(|(_, name)| name)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name in lower case, for keys and file names.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

/// `Work` and `work` are one name.
impl PartialEq for Name {
    fn eq(&self, other: &Name) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Name {}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Name {
    type Error = Error;

    fn try_from(text: String) -> Result<Name> {
        Name::read(&text)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> String {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["a", "Work", "jane.doe-2_x", &"x".repeat(64)] {
            assert!(Name::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", ".a", "a/b", "a b", "é", "a\n", &"x".repeat(65)] {
            assert!(Name::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(Name::parse("Work").unwrap().folded(), "work");
        let secret = "0a1b".repeat(16);
        assert!(Name::parse(&secret).is_err());
        assert!(Name::try_from(secret).is_ok(), "a stored name is read");
    }

    proptest::proptest! {
        #![proptest_config(crate::generated::config())]

        #[test]
        fn a_name_is_safe_in_a_path_and_on_a_command_line(
            text in crate::generated::text(),
            name in "[A-Za-z0-9_][A-Za-z0-9._-]{0,63}",
        ) {
            assert_eq!(Name::parse(&name).unwrap().as_str(), name);
            if let Ok(name) = Name::parse(&text) {
                assert!(name.as_str().is_ascii() && name.as_str().len() <= 64);
                assert!(!name.as_str().contains(['/', '\\', ' ', '\0']) && !name.as_str().starts_with(['-', '.']));
                assert_eq!(Name::parse(&name.folded()).unwrap(), name);
            }
        }
    }
}
