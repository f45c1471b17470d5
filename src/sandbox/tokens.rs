//! Tokens in their two forms: kept here, or describing themselves.

use serde_json::{Value, json};

use crate::sandbox::described::Described;
use crate::sandbox::kept::Kept;
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

pub enum Tokens {
    Kept(Kept),
    Described(Described),
}

impl Tokens {
    pub fn kept(lifetimes: Lifetimes) -> Tokens {
        Tokens::Kept(Kept::new(lifetimes))
    }

    pub fn described(lifetimes: Lifetimes) -> Tokens {
        Tokens::Described(Described::new(lifetimes))
    }

    /// The first tokens of a grant.
    pub fn issue(&mut self, grant_id: &str, grant: Grant, now: i64) -> Issued {
        match self {
            Tokens::Kept(kept) => kept.issue(grant_id, grant, now),
            Tokens::Described(described) => described.issue(grant_id, &grant, now),
        }
    }

    /// The next tokens of a grant, or nothing for a refresh token that does not hold (RFC 6749 §6).
    pub fn refresh(&mut self, refresh_token: &str, client_id: &str, now: i64) -> Option<Issued> {
        match self {
            Tokens::Kept(kept) => kept.refresh(refresh_token, client_id, now),
            Tokens::Described(described) => described.refresh(refresh_token, client_id, now),
        }
    }

    pub fn access(&self, access_token: &str, now: i64) -> Option<Access> {
        match self {
            Tokens::Kept(kept) => kept.access(access_token, now),
            Tokens::Described(described) => described.access(access_token, now),
        }
    }

    /// Ends one token: an access token alone, a refresh token with its whole grant (RFC 7009 §2.1). One that does not
    /// hold anyway is no error.
    ///
    /// # Errors
    /// The token is another client's.
    pub fn end(&mut self, token: &str, client_id: &str, now: i64) -> Result<(), OtherClient> {
        match self {
            Tokens::Kept(kept) => kept.end(token, client_id),
            Tokens::Described(described) => described.end(token, client_id, now),
        }
    }

    /// Ends a grant with every token that came of it.
    pub fn revoke(&mut self, grant_id: &str) {
        match self {
            Tokens::Kept(kept) => kept.revoke(grant_id),
            Tokens::Described(described) => described.revoke(grant_id),
        }
    }
}
