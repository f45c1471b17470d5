//! Scopes: sets of them, those with a name, and the catalogue of what Webex knows.

pub mod catalogue;
pub mod preset;

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What a login asks for when it is told nothing else: messaging, rooms, teams and people as the person sees them.
pub const STANDARD: [&str; 12] = [
    "spark:memberships_read",
    "spark:memberships_write",
    "spark:messages_read",
    "spark:messages_write",
    "spark:organizations_read",
    "spark:people_read",
    "spark:rooms_read",
    "spark:rooms_write",
    "spark:team_memberships_read",
    "spark:team_memberships_write",
    "spark:teams_read",
    "spark:teams_write",
];

/// The scope without which Webex does not say who signed in.
pub const WHO_AM_I: &str = "spark:people_read";

/// How many scopes there are, for people.
pub fn counted(scopes: usize) -> String {
    match scopes {
        1 => "1 scope".to_owned(),
        n => format!("{n} scopes"),
    }
}

/// A set of scope names. Their case is kept: Webex compares it (`Identity:` is not `identity:`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub struct ScopeSet(BTreeSet<String>);

/// Why a text is no list of scopes.
#[derive(Debug, PartialEq, Eq)]
pub enum ScopeError {
    Empty,
    /// RFC 6749 §3.3 allows printable ASCII but `"` and `\` in a scope.
    Character,
}

impl fmt::Display for ScopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ScopeError::Empty => "the scope list is empty",
            ScopeError::Character => "a scope holds a character that scopes can't have",
        })
    }
}

impl ScopeSet {
    /// The twelve standard scopes.
    pub fn standard() -> ScopeSet {
        ScopeSet(STANDARD.iter().map(|scope| (*scope).to_owned()).collect())
    }

    /// Reads a list separated by spaces or commas, as people type it.
    ///
    /// # Errors
    /// A character outside RFC 6749 §3.3, or no scope at all.
    pub fn parse(text: &str) -> Result<ScopeSet, ScopeError> {
        ScopeSet::from_names(text.split([' ', ',', '\t', '\n', '\r']))
    }

    /// Reads the `scope` of a token answer: separated by single spaces and nothing else, so that a control
    /// character is refused rather than read as a separator.
    ///
    /// # Errors
    /// As for [`ScopeSet::parse`].
    pub fn parse_strict(text: &str) -> Result<ScopeSet, ScopeError> {
        ScopeSet::from_names(text.split(' '))
    }

    fn from_names<'a>(names: impl Iterator<Item = &'a str>) -> Result<ScopeSet, ScopeError> {
        let set: BTreeSet<String> = names
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect();
        if set.is_empty() {
            return Err(ScopeError::Empty);
        }
        if !set.iter().all(|name| name.bytes().all(is_scope_byte)) {
            return Err(ScopeError::Character);
        }
        Ok(ScopeSet(set))
    }

    pub fn contains(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    /// The scopes in this set that `other` lacks.
    pub fn missing_from(&self, other: &ScopeSet) -> ScopeSet {
        ScopeSet(self.0.difference(&other.0).cloned().collect())
    }

    pub fn extend(&mut self, other: ScopeSet) {
        self.0.extend(other.0);
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// The wire form: separated by single spaces.
impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, name) in self.iter().enumerate() {
            let separator = if position == 0 { "" } else { " " };
            write!(f, "{separator}{name}")?;
        }
        Ok(())
    }
}

/// A stored set may be empty: a grant can be unknown.
impl TryFrom<Vec<String>> for ScopeSet {
    type Error = ScopeError;

    fn try_from(names: Vec<String>) -> Result<ScopeSet, ScopeError> {
        match ScopeSet::from_names(names.iter().map(String::as_str)) {
            Err(ScopeError::Empty) => Ok(ScopeSet::default()),
            parsed => parsed,
        }
    }
}

fn is_scope_byte(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_typed_with_spaces_or_commas() {
        let set = ScopeSet::parse("spark:b, spark:a spark:b").unwrap();
        assert_eq!(set.to_string(), "spark:a spark:b");
    }

    #[test]
    fn case_is_kept() {
        let set = ScopeSet::parse("Identity:x identity:x").unwrap();
        assert_eq!(set.len(), 2);
    }

    #[test]
    fn control_characters_are_refused_in_answers() {
        assert_eq!(
            ScopeSet::parse_strict("spark:a\nspark:b"),
            Err(ScopeError::Character)
        );
        assert_eq!(
            ScopeSet::parse_strict("spark:a \u{1b}[2J"),
            Err(ScopeError::Character)
        );
        assert_eq!(ScopeSet::parse_strict(" "), Err(ScopeError::Empty));
    }

    #[test]
    fn the_standard_scopes_are_in_the_catalogue() {
        for scope in STANDARD {
            assert!(catalogue::find(scope).is_some(), "{scope}");
        }
    }

    proptest::proptest! {
        #![proptest_config(crate::generated::config())]

        #[test]
        fn what_is_read_is_written_the_same(text in crate::generated::text(), names in "[!#-\\[\\]-~ ,]{1,80}") {
            for list in [text, names] {
                for parsed in [ScopeSet::parse(&list), ScopeSet::parse_strict(&list)] {
                    let Ok(set) = parsed else { continue };
                    assert!(set.iter().all(|name| !name.is_empty() && name.bytes().all(is_scope_byte)));
                    assert!(set.to_string().len() <= list.len());
                    assert_eq!(ScopeSet::parse_strict(&set.to_string()), Ok(set));
                }
            }
        }
    }
}
