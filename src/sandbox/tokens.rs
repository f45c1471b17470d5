//! Tokens in their two forms: kept here, or describing themselves.

use crate::sandbox::described::Described;
use crate::sandbox::grant::{Access, Grant, Issued, Lifetimes, OtherClient};
use crate::sandbox::kept::Kept;

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
