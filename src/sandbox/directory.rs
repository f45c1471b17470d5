//! People in the API: who the token is for.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::http::Request;
use crate::sandbox::Service;
use crate::sandbox::answer::{Answer, Refusal};
use crate::sandbox::bearer;
use crate::sandbox::people::Person;

/// Answers `GET /v1/people/me`.
///
/// # Errors
/// 401 without a valid token, 403 without the scope.
pub fn me(service: &Service, request: &Request, now: i64) -> Result<Answer, Refusal> {
    let access = bearer::access_for(service, request, &["spark:people_read"], now)?;
    Ok(Answer::json(&described(access.person)))
}

fn described(person: &Person) -> Value {
    json!({
        "id": webex_id("PEOPLE", person.id),
        "emails": [person.email],
        "displayName": person.name(),
        "firstName": person.first_name,
        "lastName": person.last_name,
        "orgId": webex_id("ORGANIZATION", person.organization),
        "created": "2024-01-01T00:00:00.000Z",
        "status": "active",
        "type": "person",
    })
}

/// Webex's public IDs are addresses in base64url.
pub fn webex_id(kind: &str, uuid: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("ciscospark://us/{kind}/{uuid}"))
}
