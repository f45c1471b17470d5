//! The scopes of a connection: requested, granted, missing and lost.

use serde::{Deserialize, Serialize};

use crate::scope::{ScopeSet, WHO_AM_I};

/// Where the granted set is known from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantSource {
    /// The token answer named it.
    Reported,
    /// The answer named none, which means: as requested (RFC 6749 §5.1).
    Assumed,
    /// Nobody told, and nothing was requested: the token was made elsewhere.
    Unknown,
}

impl GrantSource {
    /// For people, after "granted".
    pub fn phrase(self) -> &'static str {
        match self {
            GrantSource::Reported => "as Webex reported",
            GrantSource::Assumed => "assumed: Webex named none, so what was asked for",
            GrantSource::Unknown => "unknown: the token was made elsewhere",
        }
    }
}

/// What was asked for and what was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    pub requested: ScopeSet,
    pub granted: ScopeSet,
    pub source: GrantSource,
    /// Scopes that were granted before and that a refresh no longer reported.
    #[serde(default)]
    pub lost: ScopeSet,
}

impl Grant {
    /// The grant a token answer describes; `reported` is its `scope`, if it had one. Where nothing was requested either,
    /// it is unknown.
    pub fn new(requested: ScopeSet, reported: Option<ScopeSet>) -> Grant {
        let source = match &reported {
            Some(_) => GrantSource::Reported,
            None if requested.is_empty() => GrantSource::Unknown,
            None => GrantSource::Assumed,
        };
        let granted = reported.unwrap_or_else(|| requested.clone());
        Grant {
            requested,
            granted,
            source,
            lost: ScopeSet::default(),
        }
    }

    /// Takes over the set that a refresh reported. Returns the scopes that it lost.
    pub fn apply_reported(&mut self, reported: ScopeSet) -> ScopeSet {
        let lost = self.granted.missing_from(&reported);
        self.lost.extend(lost.clone());
        self.lost = self.lost.missing_from(&reported);
        self.granted = reported;
        self.source = GrantSource::Reported;
        lost
    }

    /// Whether the scopes may allow asking who signed in.
    pub fn may_identify(&self) -> bool {
        self.source == GrantSource::Unknown || self.granted.contains(WHO_AM_I)
    }

    pub fn missing(&self) -> ScopeSet {
        self.requested.missing_from(&self.granted)
    }
}
