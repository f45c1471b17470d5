//! The API behind the tokens: the one person there is, and when a token ends.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::json;

use crate::http::Request;
use crate::sandbox::Service;
use crate::sandbox::answer::{Answer, Refusal};
use crate::sandbox::tokens::Access;

/// The person who signs in.
pub const NAME: &str = "Sandbox Person";
pub const EMAIL: &str = "sandbox.person@example.com";
/// The person's organisation, which codes and tokens name too.
pub const ORGANIZATION: &str = "5a6d0b0c-5a4d-4b0e-8a0d-000000000001";

/// The person's UUID: constant, so that a login can be compared with the one before.
const PERSON: &str = "5a6d0b0c-5a4d-4b0e-8a0d-000000000002";

/// Answers `GET /v1/people/me`.
///
/// # Errors
/// 401 without a valid token, 403 without the scope.
pub fn me(service: &Service, request: &Request, now: i64) -> Result<Answer, Refusal> {
    if !bearer(service, request, now)?
        .scopes
        .contains("spark:people_read")
    {
        return Err(Refusal::webexapis(
            403,
            "The request requires the scope spark:people_read.",
        ));
    }
    Ok(Answer::json(&json!({
        "id": webex_id("PEOPLE", PERSON),
        "emails": [EMAIL],
        "displayName": NAME,
        "firstName": "Sandbox",
        "lastName": "Person",
        "orgId": webex_id("ORGANIZATION", ORGANIZATION),
        "created": "2024-01-01T00:00:00.000Z",
        "status": "active",
        "type": "person",
    })))
}

/// Answers `GET /v1/authorizations/tokenExpiry`: milliseconds, where OAuth counts seconds.
///
/// # Errors
/// 401 without a valid token.
pub fn token_expiry(service: &Service, request: &Request, now: i64) -> Result<Answer, Refusal> {
    let expires_at = bearer(service, request, now)?.expires_at;
    Ok(Answer::json(
        &json!({"exp": expires_at.saturating_mul(1000)}),
    ))
}

/// The token of the `Authorization` header, and of nowhere else (RFC 6750 §2.1).
fn bearer(service: &Service, request: &Request, now: i64) -> Result<Access, Refusal> {
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

/// Webex's public IDs are addresses in base64url.
fn webex_id(kind: &str, uuid: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("ciscospark://us/{kind}/{uuid}"))
}
