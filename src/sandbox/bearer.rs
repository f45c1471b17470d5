//! What the API asks of an access token.

use serde_json::json;

use crate::http::Request;
use crate::sandbox::Service;
use crate::sandbox::answer::{Answer, Refusal};
use crate::sandbox::grant::Access;

/// Webex's words, which name no scope and leave three causes open: a client has to work it out.
const FORBIDDEN: &str = "The server understood the request, but refused to fulfill it because the access token is \
                         missing required scopes or the user is missing required roles or licenses.";

/// The token of the `Authorization` header, and of nowhere else (RFC 6750 §2.1).
///
/// # Errors
/// 401 without a valid one.
pub fn access(service: &Service, request: &Request, now: i64) -> Result<Access, Refusal> {
    request
        .header("Authorization")
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Bearer"))
        .and_then(|(_, token)| service.state().tokens.access(token, now))
        .ok_or_else(|| {
            Refusal::webexapis(
                401,
                "The request requires a valid access token set in the Authorization request header.",
            )
            .with_header("WWW-Authenticate", "Bearer realm=\"sandbox\"")
        })
}

/// The same, if it holds one of these scopes.
///
/// # Errors
/// 401 without a valid token, 403 without a scope.
pub fn access_for(
    service: &Service,
    request: &Request,
    scopes: &[&str],
    now: i64,
) -> Result<Access, Refusal> {
    let access = access(service, request, now)?;
    if scopes.iter().any(|scope| access.scopes.contains(scope)) {
        return Ok(access);
    }
    Err(Refusal::webexapis(403, FORBIDDEN))
}

/// Answers `GET /v1/authorizations/tokenExpiry`: milliseconds, where OAuth counts seconds.
///
/// # Errors
/// 401 without a valid token.
pub fn token_expiry(service: &Service, request: &Request, now: i64) -> Result<Answer, Refusal> {
    let expires_at = access(service, request, now)?.expires_at;
    Ok(Answer::json(
        &json!({"exp": expires_at.saturating_mul(1000)}),
    ))
}
