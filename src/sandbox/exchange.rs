//! The token endpoint (RFC 6749 §3.2): a code or a refresh token for tokens.

use crate::http::Request;
use crate::sandbox::answer::{Answer, Refusal};
use crate::sandbox::codes::{Attempt, Refused, is_verifier};
use crate::sandbox::grant::{Grant, Issued};
use crate::sandbox::params::Params;
use crate::sandbox::{RegisteredApp, Service, client};

/// Webex's words for every refresh token it does not take, under `invalid_request` where RFC 6749 §5.2 has
/// `invalid_grant`.
const BAD_REFRESH_TOKEN: &str =
    "The refresh token provided is expired, revoked, malformed, or invalid.";

/// Answers `POST /v1/access_token`.
///
/// # Errors
/// The refusal, in the shape Webex has for it.
pub fn answer(service: &Service, request: &Request, now: i64) -> Result<Answer, Refusal> {
    let params = Params::of_post(request, |words| Refusal::webexapis(415, words))?;
    let app = client::authenticate(service, request, &params)?;
    let issued = match params.get("grant_type") {
        Some("authorization_code") => redeem(service, app, &params, now)?,
        Some("refresh_token") => refresh(service, app, &params, now)?,
        Some(_) => {
            return Err(Refusal::idbroker(
                400,
                "unsupported_grant_type",
                "The grant_type must be authorization_code or refresh_token.",
            ));
        }
        None => return Err(Refusal::invalid_request("The grant_type is missing.")),
    };
    Ok(Answer::json(&issued.to_json(&service.omit)))
}

/// RFC 6749 §4.1.3 with RFC 7636 §4.5. What is malformed is told before the code is touched.
fn redeem(
    service: &Service,
    app: &RegisteredApp,
    params: &Params,
    now: i64,
) -> Result<Issued, Refusal> {
    let required = |name: &str| {
        params
            .get(name)
            .ok_or_else(|| Refusal::invalid_request(format!("The {name} is missing.")))
    };
    let attempt = Attempt {
        code: required("code")?,
        client_id: &app.client_id,
        redirect_uri: required("redirect_uri")?,
        code_verifier: required("code_verifier")?,
    };
    if !is_verifier(attempt.code_verifier) {
        return Err(Refusal::invalid_request(
            "The code_verifier is not 43 to 128 unreserved characters.",
        ));
    }
    let mut state = service.state();
    match state.codes.redeem(&attempt, now) {
        Ok((grant_id, terms)) => {
            let grant = Grant {
                client_id: terms.client_id,
                person: terms.person,
                scopes: terms.scopes,
            };
            Ok(state.tokens.issue(&grant_id, grant, now))
        }
        Err(refused) => {
            if let Refused::Used { grant_id } = &refused {
                state.tokens.revoke(grant_id);
            }
            Err(Refusal::idbroker(
                400,
                "invalid_grant",
                refused.description(),
            ))
        }
    }
}

/// RFC 6749 §6.
fn refresh(
    service: &Service,
    app: &RegisteredApp,
    params: &Params,
    now: i64,
) -> Result<Issued, Refusal> {
    let refresh_token = params
        .get("refresh_token")
        .ok_or_else(|| Refusal::invalid_request("The refresh_token is missing."))?;
    service
        .state()
        .tokens
        .refresh(refresh_token, &app.client_id, now)
        .ok_or_else(|| Refusal::invalid_request(BAD_REFRESH_TOKEN))
}
