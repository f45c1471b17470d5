//! Tokens that describe themselves, so that a later process accepts what an earlier one issued.
//!
//! They are not signed. Anyone can write one, and gains what the sandbox guards: made-up people. A signature would
//! need a key that outlives the process, which is a secret to store for the sake of none.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::sandbox::bounded::Bounded;
use crate::sandbox::grant::{Access, Grant, Issued, Lifetimes, OtherClient, REFRESH_EXPIRES_IN};
use crate::sandbox::people;
use crate::sandbox::random;
use crate::scope::ScopeSet;

/// Marks an access token, so that nobody takes it for one of Webex's.
const ACCESS: &str = "sandbox_at_";
/// Marks a refresh token.
const REFRESH: &str = "sandbox_rt_";
/// Revoked grants and access tokens remembered; one process makes few.
const MAX_REVOKED: usize = 1000;

/// Issues and reads such tokens. Revocation is all that is kept, and only as long as this process.
pub struct Described {
    lifetimes: Lifetimes,
    /// By the ID of a grant or of a single token; both are random.
    revoked: Bounded<()>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    client_id: String,
    /// The person's ID.
    person: String,
    scope: String,
    /// Seconds since the epoch.
    exp: i64,
    /// What ties an access token to its refresh token.
    grant: String,
    /// Makes two tokens of one second different.
    id: String,
}

impl Described {
    pub fn new(lifetimes: Lifetimes) -> Described {
        Described {
            lifetimes,
            revoked: Bounded::new(MAX_REVOKED),
        }
    }

    pub fn issue(&self, grant_id: &str, grant: &Grant, now: i64) -> Issued {
        let expires_at = now.saturating_add(REFRESH_EXPIRES_IN);
        let refresh_token = write(REFRESH, grant_id, grant, expires_at);
        self.issued(grant_id, grant, refresh_token, REFRESH_EXPIRES_IN, now)
    }

    /// A refresh token that stays the same can't be prolonged, its end being written in it: what is left is told.
    pub fn refresh(&self, refresh_token: &str, client_id: &str, now: i64) -> Option<Issued> {
        let (claims, grant) = self.read(REFRESH, refresh_token, now)?;
        if grant.client_id != client_id {
            return None;
        }
        if self.lifetimes.rotate {
            return Some(self.issue(&claims.grant, &grant, now));
        }
        let left = claims.exp.saturating_sub(now);
        let refresh_token = refresh_token.to_owned();
        Some(self.issued(&claims.grant, &grant, refresh_token, left, now))
    }

    pub fn access(&self, access_token: &str, now: i64) -> Option<Access> {
        let (claims, grant) = self.read(ACCESS, access_token, now)?;
        Some(Access {
            person: grant.person,
            scopes: grant.scopes,
            expires_at: claims.exp,
        })
    }

    pub fn end(&mut self, token: &str, client_id: &str, now: i64) -> Result<(), OtherClient> {
        let refresh = self.read(REFRESH, token, now);
        let whole_grant = refresh.is_some();
        let Some((claims, grant)) = refresh.or_else(|| self.read(ACCESS, token, now)) else {
            return Ok(());
        };
        if grant.client_id != client_id {
            return Err(OtherClient);
        }
        self.revoke(if whole_grant {
            &claims.grant
        } else {
            &claims.id
        });
        Ok(())
    }

    pub fn revoke(&mut self, id: &str) {
        if self.revoked.get(id).is_none() {
            self.revoked.insert(id.to_owned(), ());
        }
    }

    fn issued(
        &self,
        grant_id: &str,
        grant: &Grant,
        refresh_token: String,
        refresh_token_expires_in: i64,
        now: i64,
    ) -> Issued {
        let expires_in = self.lifetimes.expires_in;
        let expires_at = now.saturating_add_unsigned(expires_in);
        Issued {
            access_token: write(ACCESS, grant_id, grant, expires_at),
            expires_in,
            refresh_token,
            refresh_token_expires_in,
            scopes: grant.scopes.clone(),
        }
    }

    fn read(&self, mark: &str, token: &str, now: i64) -> Option<(Claims, Grant)> {
        let json = BASE64_URL_SAFE_NO_PAD
            .decode(token.strip_prefix(mark)?)
            .ok()?;
        let claims: Claims = serde_json::from_slice(&json).ok()?;
        let revoked = |id: &str| self.revoked.get(id).is_some();
        if claims.exp <= now || revoked(&claims.grant) || revoked(&claims.id) {
            return None;
        }
        let grant = Grant {
            client_id: claims.client_id.clone(),
            person: people::by_id(&claims.person)?,
            scopes: ScopeSet::parse_strict(&claims.scope).ok()?,
        };
        Some((claims, grant))
    }
}

fn write(mark: &str, grant_id: &str, grant: &Grant, expires_at: i64) -> String {
    let claims = json!(Claims {
        client_id: grant.client_id.clone(),
        person: grant.person.id.to_owned(),
        scope: grant.scopes.to_string(),
        exp: expires_at,
        grant: grant_id.to_owned(),
        id: random::id(),
    });
    format!(
        "{mark}{}",
        BASE64_URL_SAFE_NO_PAD.encode(claims.to_string())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000;

    fn described(rotate: bool) -> Described {
        Described::new(Lifetimes {
            expires_in: 60,
            rotate,
        })
    }

    fn grant() -> Grant {
        Grant {
            client_id: "a".to_owned(),
            person: people::by_email("sandbox.stranger@example.org").unwrap(),
            scopes: ScopeSet::parse("spark:a spark:b").unwrap(),
        }
    }

    #[test]
    fn a_later_sandbox_accepts_the_tokens() {
        let issued = described(false).issue("grant", &grant(), NOW);
        assert!(issued.access_token.starts_with("sandbox_at_"));
        assert!(issued.refresh_token.starts_with("sandbox_rt_"));
        let later = described(false);
        let access = later.access(&issued.access_token, NOW + 59).unwrap();
        assert_eq!(access.scopes, grant().scopes);
        assert_eq!(access.person, grant().person);
        assert_eq!(later.access(&issued.access_token, NOW + 60), None);
        let again = later.refresh(&issued.refresh_token, "a", NOW + 9).unwrap();
        assert_eq!(again.refresh_token, issued.refresh_token);
        assert_eq!(again.refresh_token_expires_in, REFRESH_EXPIRES_IN - 9);
        assert_eq!(again.scopes, grant().scopes);
    }

    #[test]
    fn only_such_tokens_in_their_own_place_are_accepted() {
        let issued = described(true).issue("grant", &grant(), NOW);
        let sandbox = described(true);
        assert_eq!(sandbox.access(&issued.refresh_token, NOW), None);
        assert_eq!(sandbox.access("sandbox_at_e30", NOW), None);
        assert_eq!(
            sandbox.access(&random::opaque(grant().person.organization), NOW),
            None
        );
        let refreshed = |token: &str, client_id| sandbox.refresh(token, client_id, NOW);
        assert!(refreshed(&issued.access_token, "a").is_none());
        assert!(refreshed(&issued.refresh_token, "b").is_none());
        let next = refreshed(&issued.refresh_token, "a").unwrap();
        assert_ne!(next.refresh_token, issued.refresh_token);
    }

    #[test]
    fn revocation_holds_for_this_process() {
        let mut sandbox = described(false);
        let issued = sandbox.issue("grant", &grant(), NOW);
        let next = sandbox.refresh(&issued.refresh_token, "a", NOW).unwrap();
        assert_eq!(
            sandbox.end(&issued.access_token, "b", NOW),
            Err(OtherClient)
        );
        assert_eq!(sandbox.end(&issued.access_token, "a", NOW), Ok(()));
        assert_eq!(sandbox.access(&issued.access_token, NOW), None);
        assert!(sandbox.access(&next.access_token, NOW).is_some());
        assert_eq!(sandbox.end(&issued.refresh_token, "a", NOW), Ok(()));
        assert_eq!(sandbox.access(&next.access_token, NOW), None);
        assert!(sandbox.refresh(&issued.refresh_token, "a", NOW).is_none());
    }
}
