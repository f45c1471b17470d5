//! Opaque tokens, known only to the process that issued them.

use crate::sandbox::bounded::Bounded;
use crate::sandbox::grant::{Access, Grant, Issued, Lifetimes, OtherClient, REFRESH_EXPIRES_IN};
use crate::sandbox::random;

/// Grants remembered. Each may name the whole catalogue, about 10 KiB.
const MAX_GRANTS: usize = 1000;
/// Access tokens remembered, and refresh tokens likewise: room for ten refreshes of every grant.
const MAX_TOKENS: usize = 10_000;

/// Grants, and the tokens that point to them. A token whose grant is gone is worth nothing: that is revocation.
pub struct Kept {
    lifetimes: Lifetimes,
    grants: Bounded<Grant>,
    access: Bounded<Token>,
    refresh: Bounded<Token>,
}

#[derive(Clone)]
struct Token {
    grant_id: String,
    expires_at: i64,
    /// Replaced by rotation. It is remembered so that its reuse is known for what it is.
    retired: bool,
}

impl Kept {
    pub fn new(lifetimes: Lifetimes) -> Kept {
        Kept {
            lifetimes,
            grants: Bounded::new(MAX_GRANTS),
            access: Bounded::new(MAX_TOKENS),
            refresh: Bounded::new(MAX_TOKENS),
        }
    }

    pub fn issue(&mut self, grant_id: &str, grant: Grant, now: i64) -> Issued {
        self.grants.insert(grant_id.to_owned(), grant.clone());
        let refresh_token = self.new_refresh_token(grant_id, &grant, now);
        self.issued(grant_id, grant, refresh_token, now)
    }

    pub fn refresh(&mut self, refresh_token: &str, client_id: &str, now: i64) -> Option<Issued> {
        let token = self.refresh.get(refresh_token)?.clone();
        let grant = self.grants.get(&token.grant_id)?.clone();
        if grant.client_id != client_id {
            return None;
        }
        if token.retired {
            // Either the app or a thief holds the newer one, and nobody can tell which (RFC 9700 §4.14.2).
            self.revoke(&token.grant_id);
            return None;
        }
        if token.expires_at <= now {
            return None;
        }
        let rotate = self.lifetimes.rotate;
        if let Some(token) = self.refresh.get_mut(refresh_token) {
            token.retired = rotate;
            // Webex prolongs a refresh token by use.
            token.expires_at = now.saturating_add(REFRESH_EXPIRES_IN);
        }
        let next = if rotate {
            self.new_refresh_token(&token.grant_id, &grant, now)
        } else {
            refresh_token.to_owned()
        };
        Some(self.issued(&token.grant_id, grant, next, now))
    }

    pub fn access(&self, access_token: &str, now: i64) -> Option<Access> {
        let token = self.access.get(access_token)?;
        let grant = self.grants.get(&token.grant_id)?;
        (token.expires_at > now).then(|| Access {
            person: grant.person,
            scopes: grant.scopes.clone(),
            expires_at: token.expires_at,
        })
    }

    pub fn end(&mut self, token: &str, client_id: &str) -> Result<(), OtherClient> {
        let refresh = self.refresh.get(token);
        let Some(known) = refresh.or_else(|| self.access.get(token)) else {
            return Ok(());
        };
        let whole_grant = refresh.is_some();
        match self.grants.get(&known.grant_id) {
            Some(grant) if grant.client_id != client_id => return Err(OtherClient),
            Some(_) if whole_grant => self.revoke(&known.grant_id.clone()),
            Some(_) => drop(self.access.remove(token)),
            None => {}
        }
        Ok(())
    }

    pub fn revoke(&mut self, grant_id: &str) {
        self.grants.remove(grant_id);
    }

    /// Older access tokens live on until they expire, as Webex's seem to.
    fn issued(&mut self, grant_id: &str, grant: Grant, refresh_token: String, now: i64) -> Issued {
        let access_token = random::opaque(grant.person.organization);
        let expires_in = self.lifetimes.expires_in;
        let token = Token {
            grant_id: grant_id.to_owned(),
            expires_at: now.saturating_add_unsigned(expires_in),
            retired: false,
        };
        self.access.insert(access_token.clone(), token);
        Issued {
            access_token,
            expires_in,
            refresh_token,
            refresh_token_expires_in: REFRESH_EXPIRES_IN,
            scopes: grant.scopes,
        }
    }

    fn new_refresh_token(&mut self, grant_id: &str, grant: &Grant, now: i64) -> String {
        let refresh_token = random::opaque(grant.person.organization);
        let token = Token {
            grant_id: grant_id.to_owned(),
            expires_at: now.saturating_add(REFRESH_EXPIRES_IN),
            retired: false,
        };
        self.refresh.insert(refresh_token.clone(), token);
        refresh_token
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::people;
    use crate::scope::ScopeSet;

    const NOW: i64 = 1_700_000_000;

    fn issued(rotate: bool) -> (Kept, Issued) {
        let mut kept = Kept::new(Lifetimes {
            expires_in: 60,
            rotate,
        });
        let grant = Grant {
            client_id: "a".to_owned(),
            person: people::hinted(None),
            scopes: ScopeSet::standard(),
        };
        let issued = kept.issue("grant", grant, NOW);
        (kept, issued)
    }

    #[test]
    fn an_access_token_ends_with_its_time() {
        let (kept, issued) = issued(false);
        let access = kept.access(&issued.access_token, NOW + 59).unwrap();
        assert_eq!(access.expires_at, NOW + 60);
        assert_eq!(kept.access(&issued.access_token, NOW + 60), None);
        assert_eq!(kept.access(&issued.refresh_token, NOW), None);
    }

    #[test]
    fn without_rotation_the_refresh_token_stays_and_is_prolonged() {
        let (mut kept, first) = issued(false);
        let later = NOW + REFRESH_EXPIRES_IN - 1;
        let second = kept.refresh(&first.refresh_token, "a", later).unwrap();
        assert_eq!(second.refresh_token, first.refresh_token);
        assert_ne!(second.access_token, first.access_token);
        assert_eq!(second.scopes, first.scopes);
        let end = later + REFRESH_EXPIRES_IN;
        assert!(kept.refresh(&first.refresh_token, "a", end).is_none());
    }

    #[test]
    fn with_rotation_a_retired_refresh_token_ends_the_whole_family() {
        let (mut kept, first) = issued(true);
        let second = kept.refresh(&first.refresh_token, "a", NOW).unwrap();
        assert_ne!(second.refresh_token, first.refresh_token);
        assert!(kept.refresh(&first.refresh_token, "a", NOW).is_none());
        assert!(kept.refresh(&second.refresh_token, "a", NOW).is_none());
        assert_eq!(kept.access(&second.access_token, NOW), None);
        assert_eq!(kept.access(&first.access_token, NOW), None);
    }

    #[test]
    fn an_access_token_ends_alone_and_a_refresh_token_with_its_grant() {
        let (mut kept, first) = issued(false);
        let second = kept.refresh(&first.refresh_token, "a", NOW).unwrap();
        assert_eq!(kept.end(&first.access_token, "b"), Err(OtherClient));
        assert_eq!(kept.end(&first.access_token, "a"), Ok(()));
        assert_eq!(kept.access(&first.access_token, NOW), None);
        assert!(kept.access(&second.access_token, NOW).is_some());
        assert_eq!(kept.end(&first.refresh_token, "b"), Err(OtherClient));
        assert_eq!(kept.end(&first.refresh_token, "a"), Ok(()));
        assert_eq!(kept.access(&second.access_token, NOW), None);
        assert!(kept.refresh(&first.refresh_token, "a", NOW).is_none());
        assert_eq!(kept.end("made-up", "a"), Ok(()));
        assert_eq!(kept.end(&first.refresh_token, "a"), Ok(()));
    }

    #[test]
    fn another_client_neither_refreshes_nor_revokes() {
        let (mut kept, first) = issued(true);
        let second = kept.refresh(&first.refresh_token, "a", NOW).unwrap();
        assert!(kept.refresh(&first.refresh_token, "b", NOW).is_none());
        assert!(kept.refresh(&second.refresh_token, "b", NOW).is_none());
        assert!(kept.refresh(&second.refresh_token, "a", NOW).is_some());
    }
}
