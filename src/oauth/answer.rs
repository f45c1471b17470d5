//! A token answer (RFC 6749 §5.1), checked before anything of it is kept.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use oauth2::{AccessToken, RefreshToken, Scope, TokenResponse};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::connection::{Tokens, is_access_token, is_refresh_token};
use crate::error::{Error, Kind, Result};
use crate::scope::{ScopeError, ScopeSet};
use crate::secret::Secret;

/// The longest scope list taken; all 199 scopes known have under 7 kB.
const MAX_SCOPE: usize = 16 * 1024;
/// Ten years in seconds: a longer lifetime is cut to it, so that dates stay dates.
const MAX_LIFETIME: u64 = 10 * 365 * 24 * 3600;

/// What a token answer grants.
#[derive(Debug)]
pub struct Granted {
    pub tokens: Tokens,
    /// The answer's `scope`, if it had one.
    pub scope: Option<ScopeSet>,
}

/// RFC 6749 §5.1 as Webex fills it: `token_type` and `scope` may be missing, numbers may be strings.
#[derive(Serialize, Deserialize)]
pub struct TokenAnswer {
    access_token: AccessToken,
    #[serde(default)]
    token_type: TokenType,
    #[serde(default, deserialize_with = "lifetime")]
    expires_in: Option<u64>,
    refresh_token: Option<RefreshToken>,
    #[serde(default, deserialize_with = "lifetime")]
    refresh_token_expires_in: Option<u64>,
    scope: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TokenType(String);

impl Default for TokenType {
    fn default() -> TokenType {
        TokenType("Bearer".to_owned())
    }
}

impl oauth2::TokenType for TokenType {}

impl TokenResponse for TokenAnswer {
    type TokenType = TokenType;

    fn access_token(&self) -> &AccessToken {
        &self.access_token
    }

    fn token_type(&self) -> &TokenType {
        &self.token_type
    }

    fn expires_in(&self) -> Option<std::time::Duration> {
        self.expires_in.map(std::time::Duration::from_secs)
    }

    fn refresh_token(&self) -> Option<&RefreshToken> {
        self.refresh_token.as_ref()
    }

    fn scopes(&self) -> Option<&Vec<Scope>> {
        // `scope` is read as text: one that is empty or odd is told apart in [`TokenAnswer::into_granted`].
        None
    }
}

impl fmt::Debug for TokenAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenAnswer(…)")
    }
}

impl TokenAnswer {
    /// Checks everything before anything is kept: bearer tokens are b64token (RFC 6750 §2.1), and what is later
    /// put in headers, environments and shells must be nothing else.
    pub fn into_granted(self, now: Timestamp) -> Result<Granted> {
        if !self.token_type.0.eq_ignore_ascii_case("bearer") {
            return Err(bad_answer("its token_type is not Bearer"));
        }
        if !is_access_token(self.access_token.secret()) {
            return Err(bad_answer("its access_token is not a bearer token"));
        }
        if self
            .refresh_token
            .as_ref()
            .is_some_and(|token| !is_refresh_token(token.secret()))
        {
            return Err(bad_answer("its refresh_token is not printable ASCII"));
        }
        if self
            .scope
            .as_ref()
            .is_some_and(|scope| scope.len() > MAX_SCOPE)
        {
            return Err(bad_answer("its scope is longer than any"));
        }
        let scope = match self.scope.as_deref().map(ScopeSet::parse_strict) {
            None | Some(Err(ScopeError::Empty)) => None,
            Some(Ok(scope)) => Some(scope),
            Some(Err(_)) => return Err(bad_answer("its scope holds control characters")),
        };
        let obtained_at = whole_seconds(now);
        let tokens = Tokens {
            access_token: Secret::new(self.access_token.into_secret()),
            expires_at: self.expires_in.map(|seconds| after(obtained_at, seconds)),
            refresh_token: self
                .refresh_token
                .map(|token| Secret::new(token.into_secret())),
            refresh_token_expires_at: self
                .refresh_token_expires_in
                .map(|seconds| after(obtained_at, seconds)),
            obtained_at,
        };
        Ok(Granted { tokens, scope })
    }
}

/// Webex's clock counts seconds; fractions would only be noise in JSON.
fn whole_seconds(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

fn after(moment: Timestamp, seconds: u64) -> Timestamp {
    let seconds = i64::try_from(seconds.min(MAX_LIFETIME)).unwrap_or(0);
    moment
        .saturating_add(SignedDuration::from_secs(seconds))
        .unwrap_or(Timestamp::MAX)
}

/// A lifetime in seconds: a number, or digits in a string. `null` is unknown; what is negative or no number at all
/// is refused, and the error does not quote it.
pub fn lifetime<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Option<u64>, D::Error> {
    let whole = |number: f64| (number >= 0.0).then_some(number as u64);
    let seconds = match Value::deserialize(deserializer)? {
        Value::Null => return Ok(None),
        Value::Number(number) => number.as_u64().or_else(|| number.as_f64().and_then(whole)),
        Value::String(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok(),
        _ => None,
    };
    seconds
        .map(Some)
        .ok_or_else(|| serde::de::Error::custom("not a lifetime in seconds"))
}

pub fn bad_answer(what: &str) -> Error {
    Error::new(
        Kind::Temporary,
        format!("the token endpoint's answer can't be used: {what}"),
    )
    .with_hint("nothing was stored; run the same command again")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(body: &str) -> Option<Granted> {
        let answer: TokenAnswer = serde_json::from_str(body).ok()?;
        answer.into_granted(Timestamp::from_second(0).unwrap()).ok()
    }

    fn expiry(expires_in: &str) -> Option<Option<i64>> {
        let granted = granted(&format!(
            r#"{{"access_token":"a","expires_in":{expires_in}}}"#
        ))?;
        Some(granted.tokens.expires_at.map(Timestamp::as_second))
    }

    #[test]
    fn lifetimes() {
        assert_eq!(expiry("1209599"), Some(Some(1_209_599)));
        assert_eq!(expiry("\"1209599\""), Some(Some(1_209_599)));
        assert_eq!(expiry("3.5"), Some(Some(3)));
        assert_eq!(expiry("0"), Some(Some(0)));
        assert_eq!(expiry("null"), Some(None));
        assert_eq!(
            expiry("18446744073709551615"),
            Some(Some(MAX_LIFETIME as i64))
        );
        for refused in ["-1", "1e400", "\"soon\"", "\"\"", "[]", "true"] {
            assert_eq!(expiry(refused), None, "{refused}");
        }
    }

    #[test]
    fn access_tokens_are_bearer_tokens_or_nothing() {
        for refused in [
            "",
            "a b",
            "x\\r\\nSet-Cookie: a",
            "x\\u0000",
            "\\u001b]52;c;AAAA\\u0007",
            "é",
            "===",
            "'; touch x; '",
        ] {
            assert!(
                granted(&format!(r#"{{"access_token":"{refused}"}}"#)).is_none(),
                "{refused}"
            );
        }
        assert!(
            granted(&format!(
                r#"{{"access_token":"{}"}}"#,
                "A".repeat(2_000_000)
            ))
            .is_none()
        );
        assert!(granted(r#"{"access_token":"aB0-._~+/=="}"#).is_some());
        assert!(granted(r#"{"access_token":"a","token_type":"mac"}"#).is_none());
        assert!(granted(r#"{"access_token":"a","refresh_token":""}"#).is_none());
        let endless = "spark:x ".repeat(4096);
        assert!(granted(&format!(r#"{{"access_token":"a","scope":"{endless}"}}"#)).is_none());
    }

    proptest::proptest! {
        #![proptest_config(crate::generated::config())]

        #[test]
        fn no_answer_gives_more_than_bearer_tokens_and_dates(
            mut answer in crate::generated::object(&[
                "access_token", "token_type", "expires_in", "refresh_token", "refresh_token_expires_in", "scope",
            ]),
            token in proptest::option::of("[a-zA-Z0-9=._~+/-]{1,40}"),
            tail in crate::generated::text(),
        ) {
            if let Some(token) = token {
                answer["access_token"] = token.into();
            }
            for body in [answer.to_string(), format!("{answer}{tail}"), tail] {
                let Ok(answer) = serde_json::from_str::<TokenAnswer>(&body) else { continue };
                match answer.into_granted(Timestamp::from_second(1_700_000_000).unwrap()) {
                    Ok(granted) => {
                        let tokens = granted.tokens;
                        assert!(is_access_token(tokens.access_token.expose()));
                        assert!(tokens.refresh_token.as_ref().is_none_or(|token| is_refresh_token(token.expose())));
                        let ends = [tokens.expires_at, tokens.refresh_token_expires_at];
                        let latest = after(tokens.obtained_at, MAX_LIFETIME);
                        assert!(ends.into_iter().flatten().all(|end| (tokens.obtained_at..=latest).contains(&end)));
                    }
                    Err(error) => assert!(!format!("{error:?}").contains(crate::generated::CANARY)),
                }
            }
        }
    }
}
