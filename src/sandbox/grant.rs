//! Who may do what, and what the token endpoint says of it: what tokens of both forms are made of.

use serde_json::{Value, json};

use crate::sandbox::people::Person;
use crate::scope::ScopeSet;

/// Seconds a refresh token lives: what Webex answers, 90 days less the second it took.
pub const REFRESH_EXPIRES_IN: i64 = 7_775_999;

/// How long tokens hold.
#[derive(Clone, Copy)]
pub struct Lifetimes {
    /// Seconds an access token lives.
    pub expires_in: u64,
    /// Whether a refresh replaces the refresh token.
    pub rotate: bool,
}

/// Who may do what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub client_id: String,
    pub person: &'static Person,
    pub scopes: ScopeSet,
}

/// A valid access token, read.
#[derive(Debug, PartialEq, Eq)]
pub struct Access {
    pub person: &'static Person,
    pub scopes: ScopeSet,
    pub expires_at: i64,
}

/// An answer of the token endpoint (RFC 6749 §5.1).
pub struct Issued {
    pub access_token: String,
    pub expires_in: u64,
    pub refresh_token: String,
    pub refresh_token_expires_in: i64,
    pub scopes: ScopeSet,
}

impl Issued {
    /// The answer, less the members of these names.
    pub fn to_json(&self, omitted: &[String]) -> Value {
        let mut answer = json!({
            "access_token": self.access_token,
            "expires_in": self.expires_in,
            "refresh_token": self.refresh_token,
            "refresh_token_expires_in": self.refresh_token_expires_in,
            "token_type": "Bearer",
            "scope": self.scopes.to_string(),
        });
        if let Some(members) = answer.as_object_mut() {
            members.retain(|name, _| !omitted.contains(name));
        }
        answer
    }
}

/// A token was issued to a client that is not the one asking.
#[derive(Debug, PartialEq, Eq)]
pub struct OtherClient;
