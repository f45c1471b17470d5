//! What the sandbox is told to do wrong, so that a client can be seen to bear it.

use std::fmt;
use std::str::FromStr;

use crate::sandbox::answer::Refusal;

/// Where a fault can be: paths below the API base, and `revoke`, which lies outside it.
pub const ENDPOINTS: [&str; 9] = [
    "access_token",
    "authorizations/tokenExpiry",
    "authorize",
    "device/authorize",
    "device/token",
    "people",
    "people/me",
    "revoke",
    "rooms",
];
/// Members of a token answer that can be left out: all but the access token.
pub const OPTIONAL_MEMBERS: [&str; 5] = [
    "expires_in",
    "refresh_token",
    "refresh_token_expires_in",
    "scope",
    "token_type",
];

/// Told with every fault, so that nobody looks for the cause elsewhere.
const DESCRIPTION: &str = "The sandbox was told to fail here.";

/// An endpoint that fails, for good or for its first requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    endpoint: String,
    failure: Failure,
    /// How often it still fails; without a number, always.
    left: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Failure {
    /// Webex's API shape, or a page where a person is looking.
    Status(u16),
    /// The identity broker's shape.
    Code(u16, String),
    /// The app called back with an `error` (RFC 6749 §4.1.2.1).
    Redirect(String),
}

/// What a fault makes of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    Refuse(Refusal),
    CallBack {
        error: String,
        description: &'static str,
    },
}

/// Why a text is no fault.
#[derive(Debug, PartialEq, Eq)]
pub enum FaultError {
    Form,
    Endpoint,
    Status,
    Code,
    Count,
    /// A code alone makes a redirect, which only `authorize` answers with.
    Redirect,
    /// `authorize` shows a page, which has no code.
    Page,
}

impl fmt::Display for FaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FaultError::Form => "there is no = in it",
            FaultError::Endpoint => "the endpoint is unknown",
            FaultError::Status => "the status is not from 400 to 599",
            FaultError::Code => "an error code is lower-case letters and _",
            FaultError::Count => "the count after * is not a number above 0",
            FaultError::Redirect => "only authorize takes an error code without a status",
            FaultError::Page => "authorize takes a status or an error code, not both",
        })
    }
}

/// `ENDPOINT=STATUS`, `ENDPOINT=STATUS:CODE` or `authorize=CODE`, each with `*N` at its end or without.
impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Fault, FaultError> {
        let (endpoint, failure) = text.split_once('=').ok_or(FaultError::Form)?;
        if !ENDPOINTS.contains(&endpoint) {
            return Err(FaultError::Endpoint);
        }
        let (failure, left) = match failure.split_once('*') {
            Some((failure, count)) => (failure, Some(positive(count)?)),
            None => (failure, None),
        };
        let failure = Failure::from_str(failure)?;
        match (endpoint == "authorize", &failure) {
            (true, Failure::Code(..)) => Err(FaultError::Page),
            (false, Failure::Redirect(_)) => Err(FaultError::Redirect),
            _ => Ok(Fault {
                endpoint: endpoint.to_owned(),
                failure,
                left,
            }),
        }
    }
}

impl FromStr for Failure {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Failure, FaultError> {
        if let Some((number, code)) = text.split_once(':') {
            return Ok(Failure::Code(status(number)?, error_code(code)?));
        }
        if text.starts_with(|c: char| c.is_ascii_digit()) {
            return Ok(Failure::Status(status(text)?));
        }
        Ok(Failure::Redirect(error_code(text)?))
    }
}

fn status(text: &str) -> Result<u16, FaultError> {
    let number = text.parse().map_err(|_| FaultError::Status)?;
    if text.len() == 3 && (400..600).contains(&number) {
        return Ok(number);
    }
    Err(FaultError::Status)
}

fn error_code(text: &str) -> Result<String, FaultError> {
    let fits = |b: u8| b.is_ascii_lowercase() || b == b'_';
    if !text.is_empty() && text.bytes().all(fits) {
        return Ok(text.to_owned());
    }
    Err(FaultError::Code)
}

fn positive(text: &str) -> Result<u32, FaultError> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(FaultError::Count),
    }
}

/// The faults in the order they were given: one that is used up gives way to the next at the same endpoint.
pub struct Faults(Vec<Fault>);

impl Faults {
    pub fn new(faults: Vec<Fault>) -> Faults {
        Faults(faults)
    }

    /// What becomes of a request to an endpoint; each call counts as one.
    pub fn strike(&mut self, endpoint: &str) -> Option<Outcome> {
        let fault = self
            .0
            .iter_mut()
            .find(|fault| fault.endpoint == endpoint && fault.left != Some(0))?;
        fault.left = fault.left.map(|left| left - 1);
        Some(fault.outcome())
    }
}

impl Fault {
    fn outcome(&self) -> Outcome {
        let refusal = match &self.failure {
            Failure::Redirect(error) => {
                return Outcome::CallBack {
                    error: error.clone(),
                    description: DESCRIPTION,
                };
            }
            Failure::Status(status) if self.endpoint == "authorize" => {
                Refusal::page(*status, DESCRIPTION)
            }
            Failure::Status(status) => Refusal::webexapis(*status, DESCRIPTION),
            Failure::Code(status, code) => Refusal::idbroker(*status, code.clone(), DESCRIPTION),
        };
        Outcome::Refuse(match self.failure {
            // The shortest wait there is, so that a test of it is short too.
            Failure::Status(429) | Failure::Code(429, _) => refusal.with_header("Retry-After", "1"),
            _ => refusal,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> Fault {
        text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    #[test]
    fn a_fault_used_up_gives_way_to_the_next() {
        let texts = ["access_token=503*2", "access_token=400:invalid_grant*1"];
        let mut faults = Faults::new(texts.map(fault).to_vec());
        let unavailable = || Some(Outcome::Refuse(Refusal::webexapis(503, DESCRIPTION)));
        assert_eq!(faults.strike("rooms"), None);
        assert_eq!(faults.strike("access_token"), unavailable());
        assert_eq!(faults.strike("access_token"), unavailable());
        let refused = Refusal::idbroker(400, "invalid_grant", DESCRIPTION);
        assert_eq!(
            faults.strike("access_token"),
            Some(Outcome::Refuse(refused))
        );
        assert_eq!(faults.strike("access_token"), None);
    }

    #[test]
    fn without_a_count_it_fails_for_good() {
        let mut faults = Faults::new(vec![fault("rooms=429"), fault("rooms=500")]);
        let limited = Refusal::webexapis(429, DESCRIPTION).with_header("Retry-After", "1");
        let limited = Some(Outcome::Refuse(limited));
        assert_eq!(faults.strike("rooms"), limited);
        assert_eq!(faults.strike("rooms"), limited);
    }

    #[test]
    fn authorize_fails_by_redirect_or_by_a_page() {
        let mut faults = Faults::new(vec![fault("authorize=access_denied*1")]);
        faults.0.push(fault("authorize=503"));
        let told = faults.strike("authorize");
        assert!(matches!(told, Some(Outcome::CallBack { error, .. }) if error == "access_denied"));
        let page = Outcome::Refuse(Refusal::page(503, DESCRIPTION));
        assert_eq!(faults.strike("authorize"), Some(page));
    }

    #[test]
    fn what_makes_no_sense_is_no_fault() {
        for (text, error) in [
            ("", FaultError::Form),
            ("access_token", FaultError::Form),
            ("token=503", FaultError::Endpoint),
            ("/access_token=503", FaultError::Endpoint),
            ("access_token=200", FaultError::Status),
            ("access_token=302", FaultError::Status),
            ("access_token=600", FaultError::Status),
            ("access_token=0503", FaultError::Status),
            ("access_token=5xx", FaultError::Status),
            ("access_token=:invalid_grant", FaultError::Status),
            ("access_token=invalid:503", FaultError::Status),
            ("access_token=", FaultError::Code),
            ("access_token=400:", FaultError::Code),
            ("access_token=400:Invalid Grant", FaultError::Code),
            ("access_token=400:idbroker:invalid_grant", FaultError::Code),
            ("access_token=503*", FaultError::Count),
            ("access_token=503*0", FaultError::Count),
            ("access_token=503*-1", FaultError::Count),
            ("access_token=503*1*1", FaultError::Count),
            ("access_token=invalid_grant", FaultError::Redirect),
            ("authorize=400:access_denied", FaultError::Page),
        ] {
            assert_eq!(text.parse::<Fault>(), Err(error), "{text:?}");
        }
    }
}
