//! The revocation endpoint (RFC 7009), where Webex has it: beside the API base, not below it.

use crate::http::{Request, Response};
use crate::sandbox::answer::{Answer, Refusal};
use crate::sandbox::params::Params;
use crate::sandbox::{Service, client};

pub const PATH: &str = "/idb/oauth2/v1/revoke";

/// Answers `POST /idb/oauth2/v1/revoke`. A token nobody knows is as good as revoked (RFC 7009 §2.2).
///
/// # Errors
/// The client is not authenticated, the form is off, or the token is another client's.
pub fn answer(service: &Service, request: &Request, now: i64) -> Result<Answer, Refusal> {
    let params = Params::of_post(request, Refusal::invalid_request)?;
    client::require_basic(request)?;
    let app = client::authenticate(service, request, &params)?;
    let Some(token) = params.get("token") else {
        return Err(Refusal::invalid_request("The token is missing."));
    };
    // A hint that is wrong costs a look in both places; one that names no type is a mistake (RFC 7009 §2.1).
    if !matches!(
        params.get("token_type_hint"),
        None | Some("access_token" | "refresh_token")
    ) {
        let description = "The token_type_hint must be access_token or refresh_token.";
        return Err(Refusal::idbroker(
            400,
            "unsupported_token_type",
            description,
        ));
    }
    let mut state = service.state();
    if state.tokens.end(token, &app.client_id, now).is_err() {
        let description = "The token was issued to another client.";
        return Err(Refusal::invalid_request(description));
    }
    Ok(Answer::page(Response::text(200, "")))
}
