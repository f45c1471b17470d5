//! Authorization codes: bound to what was allowed, short-lived, good for one exchange.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::sandbox::bounded::Bounded;
use crate::sandbox::people::Person;
use crate::sandbox::random;
use crate::scope::ScopeSet;

/// Seconds between redirect and exchange. Webex promises only a "short life"; RFC 6749 §4.1.2 allows ten minutes.
const CODE_LIFE: i64 = 60;
/// Codes remembered, used ones too: that is how a second use is known.
const MAX_CODES: usize = 1000;

/// What the person allowed, and to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    pub client_id: String,
    pub redirect_uri: String,
    /// The S256 challenge (RFC 7636 §4.2).
    pub code_challenge: String,
    pub person: &'static Person,
    pub scopes: ScopeSet,
}

/// What the token endpoint was given for a code.
pub struct Attempt<'a> {
    pub code: &'a str,
    pub client_id: &'a str,
    pub redirect_uri: &'a str,
    pub code_verifier: &'a str,
}

/// Why a code buys nothing.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    Unknown,
    OtherClient,
    /// Names the grant that came of the first use, for revocation (RFC 6749 §4.1.2).
    Used {
        grant_id: String,
    },
    Expired,
    OtherRedirectUri,
    WrongVerifier,
}

impl Refused {
    pub fn description(&self) -> &'static str {
        match self {
            Refused::Unknown => "The authorization code is unknown.",
            Refused::OtherClient => "The authorization code was issued to another client.",
            Refused::Used { .. } => {
                "The authorization code was used before; tokens issued from it are revoked."
            }
            Refused::Expired => "The authorization code has expired.",
            Refused::OtherRedirectUri => {
                "The redirect_uri is not the one of the authorization request."
            }
            Refused::WrongVerifier => "The code_verifier does not fit the code_challenge.",
        }
    }
}

/// The codes handed out.
pub struct Codes(Bounded<Code>);

struct Code {
    terms: Terms,
    /// The grant that an exchange makes.
    grant_id: String,
    expires_at: i64,
    used: bool,
}

impl Default for Codes {
    fn default() -> Codes {
        Codes(Bounded::new(MAX_CODES))
    }
}

impl Codes {
    pub fn issue(&mut self, terms: Terms, now: i64) -> String {
        let code = random::opaque(terms.person.organization);
        let entry = Code {
            terms,
            grant_id: random::id(),
            expires_at: now.saturating_add(CODE_LIFE),
            used: false,
        };
        self.0.insert(code.clone(), entry);
        code
    }

    /// Spends a code for the grant's ID and its terms. A failed attempt by the right client spends it too, so that a
    /// verifier can't be guessed at; another client's attempt changes nothing.
    ///
    /// # Errors
    /// Any binding that does not hold.
    pub fn redeem(&mut self, attempt: &Attempt, now: i64) -> Result<(String, Terms), Refused> {
        let code = self.0.get_mut(attempt.code).ok_or(Refused::Unknown)?;
        if code.terms.client_id != attempt.client_id {
            return Err(Refused::OtherClient);
        }
        if std::mem::replace(&mut code.used, true) {
            let grant_id = code.grant_id.clone();
            return Err(Refused::Used { grant_id });
        }
        if code.expires_at <= now {
            return Err(Refused::Expired);
        }
        if code.terms.redirect_uri != attempt.redirect_uri {
            return Err(Refused::OtherRedirectUri);
        }
        if challenge_of(attempt.code_verifier) != code.terms.code_challenge {
            return Err(Refused::WrongVerifier);
        }
        Ok((code.grant_id.clone(), code.terms.clone()))
    }
}

/// 43 to 128 unreserved characters (RFC 7636 §4.1).
pub fn is_verifier(text: &str) -> bool {
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    (43..=128).contains(&text.len()) && text.bytes().all(unreserved)
}

/// A SHA-256 in base64url: 43 characters (RFC 7636 §4.2).
pub fn is_challenge(text: &str) -> bool {
    let base64url = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    text.len() == 43 && text.bytes().all(base64url)
}

fn challenge_of(verifier: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::people;

    /// RFC 7636 appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    const NOW: i64 = 1_700_000_000;

    fn issued() -> (Codes, String) {
        let mut codes = Codes::default();
        let terms = Terms {
            client_id: "a".to_owned(),
            redirect_uri: "http://127.0.0.1/cb".to_owned(),
            code_challenge: CHALLENGE.to_owned(),
            person: people::hinted(None),
            scopes: ScopeSet::standard(),
        };
        let code = codes.issue(terms, NOW);
        (codes, code)
    }

    fn attempt(code: &str) -> Attempt<'_> {
        Attempt {
            code,
            client_id: "a",
            redirect_uri: "http://127.0.0.1/cb",
            code_verifier: VERIFIER,
        }
    }

    #[test]
    fn the_challenge_is_that_of_the_rfc() {
        assert_eq!(challenge_of(VERIFIER), CHALLENGE);
        assert!(is_verifier(VERIFIER) && is_challenge(CHALLENGE));
        assert!(is_verifier(&"~".repeat(128)) && !is_verifier(&"~".repeat(129)));
        assert!(!is_verifier(&"a".repeat(42)) && !is_verifier(&"+".repeat(43)));
        assert!(!is_challenge(&"a".repeat(44)) && !is_challenge(&"=".repeat(43)));
    }

    #[test]
    fn a_code_is_good_once_and_its_second_use_names_the_grant() {
        let (mut codes, code) = issued();
        let (grant_id, _) = codes.redeem(&attempt(&code), NOW + 59).unwrap();
        assert_eq!(
            codes.redeem(&attempt(&code), NOW + 3600),
            Err(Refused::Used { grant_id })
        );
    }

    #[test]
    fn a_code_is_bound_to_its_request() {
        let refused = |change: fn(&mut Attempt), now| {
            let (mut codes, code) = issued();
            let mut attempt = attempt(&code);
            change(&mut attempt);
            codes.redeem(&attempt, now).unwrap_err()
        };
        assert_eq!(refused(|a| a.code = "x", NOW), Refused::Unknown);
        assert_eq!(refused(|a| a.client_id = "b", NOW), Refused::OtherClient);
        assert_eq!(refused(|_| (), NOW + 60), Refused::Expired);
        assert_eq!(
            refused(|a| a.redirect_uri = "http://127.0.0.1/cb/", NOW),
            Refused::OtherRedirectUri
        );
        assert_eq!(
            refused(|a| a.code_verifier = CHALLENGE, NOW),
            Refused::WrongVerifier
        );
    }

    #[test]
    fn a_failed_attempt_spends_the_code_unless_it_was_anothers() {
        let (mut codes, code) = issued();
        let other = Attempt {
            client_id: "b",
            ..attempt(&code)
        };
        assert_eq!(codes.redeem(&other, NOW), Err(Refused::OtherClient));
        let guess = Attempt {
            code_verifier: CHALLENGE,
            ..attempt(&code)
        };
        assert_eq!(codes.redeem(&guess, NOW), Err(Refused::WrongVerifier));
        assert!(matches!(
            codes.redeem(&attempt(&code), NOW),
            Err(Refused::Used { .. })
        ));
    }
}
