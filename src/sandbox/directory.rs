//! People in the API: whose token it is, who else is there, and whom an administrator adds.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::http::Request;
use crate::sandbox::answer::{Answer, Refusal};
use crate::sandbox::params::Params;
use crate::sandbox::people::{self, Person};
use crate::sandbox::{Service, bearer, listing, random};

const READ: &str = "spark:people_read";
const READ_AS_ADMINISTRATOR: &str = "spark-admin:people_read";
const WRITE_AS_ADMINISTRATOR: &str = "spark-admin:people_write";

/// When every account was made.
const CREATED: &str = "2024-01-01T00:00:00.000Z";

/// Answers `GET /v1/people/me`.
///
/// # Errors
/// 401 without a valid token, 403 without the scope.
pub fn me(service: &Service, request: &Request, now: i64) -> Result<Answer, Refusal> {
    let access = bearer::access_for(service, request, &[READ], now)?;
    Ok(Answer::json(&described(access.person)))
}

/// Answers `GET /v1/people`, for the organisation of whoever asks.
///
/// # Errors
/// 401 without a valid token, 403 without a scope; 400 where nobody is named and the scope is no administrator's.
pub fn list(service: &Service, request: &Request, now: i64) -> Result<Answer, Refusal> {
    let access = bearer::access_for(service, request, &[READ, READ_AS_ADMINISTRATOR], now)?;
    let params = Params::of_query(request);
    let (email, name) = (params.get("email"), params.get("displayName"));
    if email.is_none() && name.is_none() && !access.scopes.contains(READ_AS_ADMINISTRATOR) {
        let description = "The parameter email or displayName is required.";
        return Err(Refusal::webexapis(400, description));
    }
    let named = |person: &&Person| {
        let begins = |name: &str| starts_with(&person.name(), name);
        person.organization == access.person.organization
            && email.is_none_or(|email| person.email.eq_ignore_ascii_case(email))
            && name.is_none_or(begins)
    };
    let found: Vec<Value> = people::everyone()
        .into_iter()
        .filter(named)
        .map(described)
        .collect();
    listing::page(service.address("people"), &params, &found)
}

/// What is read of a person to add; Webex takes more.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewPerson {
    emails: Vec<String>,
    display_name: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
}

/// Answers `POST /v1/people`. The person is shown and forgotten.
///
/// # Errors
/// 401 without a valid token, 403 without the scope, 400 and 415 for a body that is no person, 409 for one who is
/// there.
pub fn add(service: &Service, request: &Request, now: i64) -> Result<Answer, Refusal> {
    let access = bearer::access_for(service, request, &[WRITE_AS_ADMINISTRATOR], now)?;
    let media_type = request.header("Content-Type").unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/json") {
        let description = "The Content-Type must be application/json.";
        return Err(Refusal::webexapis(415, description));
    }
    let person: NewPerson = serde_json::from_slice(&request.body)
        .map_err(|_| Refusal::webexapis(400, "The body is not a person in JSON."))?;
    let [email] = &person.emails[..] else {
        return Err(Refusal::webexapis(400, "One e-mail address must be given."));
    };
    if !email.contains('@') {
        let description = "The e-mail address is not valid.";
        return Err(Refusal::webexapis(400, description));
    }
    if people::by_email(email).is_some() {
        let description = "A person with this e-mail address exists already.";
        return Err(Refusal::webexapis(409, description));
    }
    Ok(Answer::json(&json!({
        "id": webex_id("PEOPLE", &random::uuid()),
        "emails": [email],
        "displayName": person.display_name.as_ref().unwrap_or(email),
        "firstName": person.first_name,
        "lastName": person.last_name,
        "orgId": webex_id("ORGANIZATION", access.person.organization),
        "created": CREATED,
        "status": "pending",
        "type": "person",
    })))
}

fn described(person: &Person) -> Value {
    json!({
        "id": webex_id("PEOPLE", person.id),
        "emails": [person.email],
        "displayName": person.name(),
        "firstName": person.first_name,
        "lastName": person.last_name,
        "orgId": webex_id("ORGANIZATION", person.organization),
        "created": CREATED,
        "status": "active",
        "type": "person",
    })
}

fn starts_with(name: &str, start: &str) -> bool {
    name.to_lowercase().starts_with(&start.to_lowercase())
}

/// Webex's public IDs are addresses in base64url.
pub fn webex_id(kind: &str, uuid: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("ciscospark://us/{kind}/{uuid}"))
}
