//! What a caller requires of an access token, and which tokens satisfy it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::connection::{Connection, Freshness, Tokens};
use crate::error::{Error, Result};
use crate::moment::now;
use crate::secret::Secret;
use crate::store::LOCK_TIME;

/// A token is handed out this long before its end at the latest.
const HAND_OUT_TIME: Duration = Duration::from_secs(1);

/// What the caller requires of the access token.
#[derive(Clone, Copy)]
pub enum TokenRequirement<'a> {
    /// It is valid now, and for at least this long if a duration is given.
    Valid(Option<SignedDuration>),
    /// It is not this one.
    Other(&'a Secret),
}

impl TokenRequirement<'_> {
    /// Whether the tokens satisfy it without a refresh.
    pub fn is_met(self, tokens: &Tokens, now: Timestamp) -> bool {
        let is_fresh = || tokens.freshness(now) == Freshness::Fresh;
        match self {
            TokenRequirement::Valid(None) => is_fresh(),
            // A new token lasts as long as the last one did. If that is too short, no refresh helps.
            TokenRequirement::Valid(Some(least)) => {
                let is_possible = tokens.lifetime().is_some_and(|lifetime| lifetime > least)
                    || tokens.refresh_token.is_none();
                is_fresh() && (!is_possible || is_left(tokens, least, now))
            }
            TokenRequirement::Other(known) => tokens.access_token != *known,
        }
    }

    /// Whether the access token is good enough to be handed out at once while a refresh is impossible or under way.
    pub fn serves(self, tokens: &Tokens, now: Timestamp) -> bool {
        match self {
            TokenRequirement::Valid(None) => tokens.serves(now),
            TokenRequirement::Valid(Some(least)) => is_left(tokens, least, now),
            TokenRequirement::Other(_) => false,
        }
    }

    /// How long to wait for another process: not at all with a token that serves, and not beyond the end of one that may
    /// be handed out.
    pub fn patience(self, tokens: &Tokens, now: Timestamp) -> Duration {
        let left = tokens
            .left(now)
            .and_then(|left| Duration::try_from(left).ok());
        match left {
            _ if self.serves(tokens, now) => Duration::ZERO,
            Some(left) if self.is_usable(tokens, now) => {
                LOCK_TIME.min(left.saturating_sub(HAND_OUT_TIME))
            }
            _ => LOCK_TIME,
        }
    }

    /// Whether the access token may be handed out, as the last resort.
    pub fn is_usable(self, tokens: &Tokens, now: Timestamp) -> bool {
        match self {
            TokenRequirement::Valid(None) => tokens.freshness(now) != Freshness::Expired,
            TokenRequirement::Valid(Some(least)) => is_left(tokens, least, now),
            TokenRequirement::Other(_) => false,
        }
    }

    /// The connection with the reason why it was not refreshed, if its token may be handed out.
    ///
    /// # Errors
    /// That reason, if it may not.
    pub fn or_serve_current(
        self,
        connection: Connection,
        error: Error,
    ) -> Result<(Connection, Option<Error>)> {
        match self.is_usable(&connection.tokens, now()) {
            true => Ok((connection, Some(error))),
            false => Err(error),
        }
    }
}

fn is_left(tokens: &Tokens, least: SignedDuration, now: Timestamp) -> bool {
    let is_valid = tokens.freshness(now) != Freshness::Expired;
    is_valid && tokens.left(now).is_some_and(|left| left >= least)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(lifetime: Option<i64>) -> Tokens {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        Tokens {
            access_token: Secret::new("a"),
            expires_at: lifetime.map(at),
            refresh_token: Some(Secret::new("r")),
            refresh_token_expires_at: None,
            obtained_at: at(0),
        }
    }

    /// Of a life of 1000 s the lead time is 100 s, and a fifth of that is 20 s.
    #[test]
    fn a_token_is_met_then_serves_then_is_usable() {
        for (least, left, met, serves, usable) in [
            (None, 101, true, true, true),
            (None, 100, false, true, true),
            (None, 21, false, true, true),
            (None, 20, false, false, true),
            (None, 1, false, false, true),
            (None, 0, false, false, false),
            (Some(500), 501, true, true, true),
            (Some(500), 499, false, false, false),
            (Some(50), 60, false, true, true),
            (Some(50), 49, false, false, false),
            // Longer than any token lasts: a refresh would not help.
            (Some(1001), 999, true, false, false),
            (Some(1001), 100, false, false, false),
        ] {
            let requirement = TokenRequirement::Valid(least.map(SignedDuration::from_secs));
            let now = Timestamp::from_second(1000 - left).unwrap();
            let tokens = tokens(Some(1000));
            let found = (
                requirement.is_met(&tokens, now),
                requirement.serves(&tokens, now),
                requirement.is_usable(&tokens, now),
            );
            assert_eq!(found, (met, serves, usable), "{least:?}, {left} s left");
        }
    }

    #[test]
    fn a_token_whose_expiry_is_unknown_is_not_refreshed_for_a_duration() {
        let (tokens, now) = (tokens(None), Timestamp::from_second(5).unwrap());
        let least = TokenRequirement::Valid(Some(SignedDuration::from_secs(1)));
        assert!(least.is_met(&tokens, now) && !least.serves(&tokens, now));
        let any = TokenRequirement::Valid(None);
        assert!(any.is_met(&tokens, now) && any.serves(&tokens, now));
    }

    #[test]
    fn another_token_is_never_served_in_place_of_a_new_one() {
        let (tokens, now) = (tokens(Some(1000)), Timestamp::from_second(0).unwrap());
        let (same, other) = (Secret::new("a"), Secret::new("b"));
        assert!(!TokenRequirement::Other(&same).is_met(&tokens, now));
        assert!(TokenRequirement::Other(&other).is_met(&tokens, now));
        assert!(!TokenRequirement::Other(&same).is_usable(&tokens, now));
    }
}
