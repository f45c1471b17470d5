//! A connection: one signed-in account with its grant, and how fresh its tokens are.

mod grant;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::app::{Environment, RedirectUri};
use crate::error::foreign;
use crate::name::Name;
use crate::scope::ScopeSet;
use crate::secret::Secret;

pub use grant::{Grant, GrantSource};

/// A token is refreshed this long before it expires, or a tenth of its life before if that is less.
const LEAD_TIME: SignedDuration = SignedDuration::from_mins(5);
/// Tokens from further in the future than two clocks that are set differ by are those of a wrong clock.
const CLOCK_SLACK: SignedDuration = SignedDuration::from_mins(5);

/// The longest token kept, in bytes. Webex's JWTs have about 1.7 kB.
const MAX_TOKEN: usize = 16 * 1024;

/// How the connection was made. It never changes afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthType {
    /// OAuth 2.0 authorization code with an app provided to this machine (the sandbox's among them).
    AuthorizationCode,
    /// The person's own OAuth 2.0 app.
    OwnApp,
    /// An access token that was made elsewhere, with no app to refresh it.
    AccessToken,
}

impl AuthType {
    /// For people, in a column as well.
    pub fn phrase(self) -> &'static str {
        match self {
            AuthType::AuthorizationCode => "provided app",
            AuthType::OwnApp => "own app",
            AuthType::AccessToken => "token",
        }
    }
}

/// The client the grant was given to. A grant belongs to a client, so its ID stays with the connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppRef {
    /// The own app's record; none for a provided app.
    pub name: Option<Name>,
    pub client_id: String,
    pub redirect_uri: RedirectUri,
}

/// Who signed in, as `people/me` tells it. All but the ID may be missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub id: String,
    pub display_name: Option<String>,
    pub email: Option<String>,
    pub org_id: Option<String>,
    /// `person`, `bot` or `appuser`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
}

impl Identity {
    /// Who it is, for people: a name that somebody chose, made fit for one line.
    pub fn account(&self) -> String {
        let known = [&self.email, &self.display_name].into_iter().flatten();
        let mut shown = known.map(|known| foreign(known));
        shown
            .find(|shown| !shown.trim().is_empty())
            .unwrap_or_else(|| "unknown account".to_owned())
    }
}

/// A token answer with its times made absolute (RFC 6749 §5.1). An unknown expiry is `None`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tokens {
    pub access_token: Secret,
    pub expires_at: Option<Timestamp>,
    pub refresh_token: Option<Secret>,
    pub refresh_token_expires_at: Option<Timestamp>,
    pub obtained_at: Timestamp,
}

/// Whether it is an access token such as is kept and handed on: a b64token (RFC 6750 §2.1), and no longer than any.
pub fn is_access_token(token: &str) -> bool {
    let body = token.trim_end_matches('=');
    token.len() <= MAX_TOKEN
        && !body.is_empty()
        && body
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b))
}

/// Whether it is a refresh token such as is kept: printable ASCII (RFC 6749 Appendix A.17), and no longer than any.
pub fn is_refresh_token(token: &str) -> bool {
    (1..=MAX_TOKEN).contains(&token.len()) && token.bytes().all(|b| b.is_ascii_graphic())
}

/// How much life an access token has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    Fresh,
    /// Still valid, but close enough to its end to be replaced.
    Stale,
    Expired,
}

impl Tokens {
    /// Freshness at `now`. A token whose expiry Webex did not tell counts as fresh.
    pub fn freshness(&self, now: Timestamp) -> Freshness {
        let Some(expires_at) = self.expires_at else {
            return Freshness::Fresh;
        };
        let left = expires_at.duration_since(now);
        let lead = lead_time(expires_at.duration_since(self.obtained_at));
        // Times of a clock that ran ahead say nothing; a refresh replaces them.
        let is_of_the_future = self.obtained_at.duration_since(now) > CLOCK_SLACK;
        if left <= SignedDuration::ZERO {
            Freshness::Expired
        } else if left <= lead || is_of_the_future {
            Freshness::Stale
        } else {
            Freshness::Fresh
        }
    }

    /// Whether the access token can be handed out at once while a refresh is impossible or under way: more than a fifth
    /// of its lead time is left.
    pub fn serves(&self, now: Timestamp) -> bool {
        let Some(lifetime) = self.lifetime() else {
            return true;
        };
        self.left(now)
            .is_none_or(|left| left > lead_time(lifetime) / 5)
    }

    /// How long the access token was valid for when it was issued, if Webex said so.
    pub fn lifetime(&self) -> Option<SignedDuration> {
        Some(self.expires_at?.duration_since(self.obtained_at))
    }

    /// How long the access token holds from `now`, if Webex told it: never longer than it was given for.
    pub fn left(&self, now: Timestamp) -> Option<SignedDuration> {
        let expires_at = self.expires_at?;
        let given = expires_at.duration_since(self.obtained_at);
        let left = expires_at.duration_since(now).min(given);
        Some(left.max(SignedDuration::ZERO))
    }

    /// How long a refresh can succeed from `now`; unknown where Webex gave no refresh token or did not tell its end.
    pub fn refresh_left(&self, now: Timestamp) -> Option<SignedDuration> {
        self.refresh_token.as_ref()?;
        Some(self.refresh_token_expires_at?.duration_since(now))
    }

    /// By when a person must sign in again at the latest, if that is known: no use prolongs a token that can't be
    /// refreshed.
    pub fn reconnect_by(&self) -> Option<Timestamp> {
        if self.refresh_token.is_none() {
            return self.expires_at;
        }
        let end = self.refresh_token_expires_at?;
        Some(self.expires_at.map_or(end, |at| at.max(end)))
    }

    /// Whether a refresh could still succeed at `now`.
    pub fn can_refresh(&self, now: Timestamp) -> bool {
        self.refresh_token.is_some() && self.refresh_token_expires_at.is_none_or(|at| at > now)
    }
}

/// How long before its end a token of this lifetime is replaced.
fn lead_time(lifetime: SignedDuration) -> SignedDuration {
    LEAD_TIME.min(lifetime / 10)
}

/// What the last refresh left behind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Mark {
    #[default]
    None,
    /// One began then. If none is under way it was cut off, and Webex may have replaced the refresh token.
    RefreshStarted { at: Timestamp },
    /// Webex definitely refused one. A hint: a later success clears it.
    ReconnectNeeded { reason: String },
}

impl Mark {
    /// Why a person must sign in, if that is so.
    pub fn reconnect_reason(&self) -> Option<&str> {
        match self {
            Mark::ReconnectNeeded { reason } => Some(reason),
            Mark::None | Mark::RefreshStarted { .. } => None,
        }
    }
}

/// One signed-in account with its grant, as it is stored.
#[derive(Clone, Serialize, Deserialize)]
pub struct Connection {
    pub revision: u64,
    pub name: Name,
    pub auth_type: AuthType,
    pub app: Option<AppRef>,
    pub environment: Environment,
    pub identity: Option<Identity>,
    pub grant: Grant,
    pub tokens: Tokens,
    #[serde(default)]
    pub mark: Mark,
    /// The name that a rename gives it. If no rename is under way, one was interrupted.
    #[serde(default)]
    pub renaming_to: Option<Name>,
    /// The old name, while the record of that name may still exist.
    #[serde(default)]
    pub renamed_from: Option<Name>,
}

/// What a connection is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// A token can be had without a person.
    Ready,
    /// The access token is over and nothing is left to refresh it with.
    Expired,
    /// Webex refused the refresh token.
    ReconnectNeeded,
}

impl Connection {
    /// Whether the same grant may stand under a second name, because a rename is not complete.
    pub fn is_being_renamed(&self) -> bool {
        self.renaming_to.is_some() || self.renamed_from.is_some()
    }

    /// Takes over the result of a refresh. A refresh keeps the scopes of the grant (RFC 6749 §6); an answer that names
    /// them is better knowledge. Returns the scopes that were lost.
    pub fn apply_refresh(&mut self, tokens: Tokens, reported: Option<ScopeSet>) -> ScopeSet {
        self.tokens = tokens;
        self.mark = Mark::None;
        reported.map_or_else(ScopeSet::default, |scopes| {
            self.grant.apply_reported(scopes)
        })
    }

    pub fn state(&self, now: Timestamp) -> State {
        if self.mark.reconnect_reason().is_some() {
            State::ReconnectNeeded
        } else if self.tokens.freshness(now) == Freshness::Expired && !self.tokens.can_refresh(now)
        {
            State::Expired
        } else {
            State::Ready
        }
    }

    /// Whether two connections may share one grant: Webex keeps one for a person and a client. An unknown person may be
    /// the same one.
    pub fn may_share_grant(&self, other: &Connection) -> bool {
        let client = |connection: &Connection| Some(connection.app.as_ref()?.client_id.clone());
        let person = |connection: &Connection| Some(connection.identity.as_ref()?.id.clone());
        let same_person = match (person(self), person(other)) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        };
        self.environment == other.environment && client(self) == client(other) && same_person
    }

    /// Who it is, for people.
    pub fn account(&self) -> String {
        let identity = self.identity.as_ref();
        identity.map_or_else(|| "unknown account".to_owned(), Identity::account)
    }

    /// The stable JSON of a connection, with a `reconnect_reason` where that is its state. It holds no secret.
    pub fn to_json(&self, is_default: bool, store: &str, now: Timestamp) -> Value {
        let api_base = match &self.environment {
            Environment::Custom(base) => Some(base.as_str()),
            _ => None,
        };
        let mut json = json!({
            "name": self.name,
            "default": is_default,
            "auth_type": self.auth_type,
            "environment": self.environment.name(),
            "api_base": api_base,
            "app": self.app,
            "identity": self.identity,
            "scopes": {
                "requested": self.grant.requested,
                "granted": self.grant.granted,
                "missing": self.grant.missing(),
                "lost": self.grant.lost,
                "source": self.grant.source,
            },
            "access_token_expires_at": self.tokens.expires_at,
            "refresh_token_expires_at": self.tokens.refresh_token_expires_at,
            "obtained_at": self.tokens.obtained_at,
            "state": self.state(now),
            "store": store,
        });
        if let Some(reason) = self.mark.reconnect_reason() {
            json["reconnect_reason"] = reason.into();
        }
        json
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(lifetime: i64, refresh_lifetime: Option<i64>) -> Tokens {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        Tokens {
            access_token: Secret::new("a"),
            expires_at: Some(at(lifetime)),
            refresh_token: refresh_lifetime.map(|_| Secret::new("r")),
            refresh_token_expires_at: refresh_lifetime.map(at),
            obtained_at: at(0),
        }
    }

    fn freshness(lifetime: i64, now: i64) -> Freshness {
        tokens(lifetime, None).freshness(Timestamp::from_second(now).unwrap())
    }

    #[test]
    fn a_token_is_replaced_before_it_expires() {
        // Two weeks: five minutes ahead.
        assert_eq!(freshness(1_209_600, 1_209_600 - 301), Freshness::Fresh);
        assert_eq!(freshness(1_209_600, 1_209_600 - 300), Freshness::Stale);
        // A minute: a tenth of it ahead.
        assert_eq!(freshness(60, 53), Freshness::Fresh);
        assert_eq!(freshness(60, 54), Freshness::Stale);
        assert_eq!(freshness(60, 60), Freshness::Expired);
        assert_eq!(freshness(0, 0), Freshness::Expired);
    }

    #[test]
    fn tokens_of_the_future_are_stale_and_hold_no_longer_than_they_were_given_for() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let mut tokens = tokens(1_000_000_000 + 1_209_600, Some(2_000_000_000));
        tokens.obtained_at = at(1_000_000_000);
        for (now, expected) in [
            (1_000_000_000 - 301, Freshness::Stale),
            (1_000_000_000 - 300, Freshness::Fresh),
            (1_000_000_000, Freshness::Fresh),
        ] {
            assert_eq!(tokens.freshness(at(now)), expected, "{now}");
        }
        assert_eq!(tokens.left(at(0)).unwrap().as_secs(), 1_209_600);
        assert_eq!(tokens.left(at(1_001_209_600)).unwrap().as_secs(), 0);
    }

    #[test]
    fn an_unknown_expiry_is_fresh() {
        let mut tokens = tokens(60, None);
        tokens.expires_at = None;
        assert_eq!(tokens.freshness(Timestamp::MAX), Freshness::Fresh);
    }

    #[test]
    fn a_refresh_token_has_an_end() {
        let tokens = tokens(60, Some(90));
        assert!(tokens.can_refresh(Timestamp::from_second(89).unwrap()));
        assert!(!tokens.can_refresh(Timestamp::from_second(90).unwrap()));
    }
}
