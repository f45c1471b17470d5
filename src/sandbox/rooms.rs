//! Rooms in the API: a dozen made-up ones, the same for everybody.

use serde_json::{Value, json};

use crate::http::Request;
use crate::sandbox::answer::{Answer, Refusal};
use crate::sandbox::directory::webex_id;
use crate::sandbox::params::Params;
use crate::sandbox::{Service, bearer, listing, people};

/// The path of one room, less its ID.
pub const PREFIX: &str = "/v1/rooms/";

const SCOPES: [&str; 1] = ["spark:rooms_read"];

/// Title and type.
const ROOMS: [(&str, &str); 12] = [
    ("Welcome", "group"),
    ("Release planning", "group"),
    ("Sandbox Colleague", "direct"),
    ("Support rota", "group"),
    ("Design reviews", "group"),
    ("Lunch", "group"),
    ("Büro & Küche", "group"),
    ("Incident 2024-02", "group"),
    ("Sandbox Stranger", "direct"),
    ("会議室", "group"),
    ("Read me first", "group"),
    ("Archive", "group"),
];

/// Answers `GET /v1/rooms`.
///
/// # Errors
/// 401 without a valid token, 403 without the scope, 400 for a parameter that is off.
pub fn list(service: &Service, request: &Request, now: i64) -> Result<Answer, Refusal> {
    bearer::access_for(service, request, &SCOPES, now)?;
    let params = Params::of_query(request);
    let kind = params.get("type");
    if !matches!(kind, None | Some("direct" | "group")) {
        let description = "The parameter type has an invalid value.";
        return Err(Refusal::webexapis(400, description));
    }
    let rooms: Vec<Value> = everywhere()
        .filter(|room| kind.is_none_or(|kind| room["type"] == kind))
        .collect();
    listing::page(service.address("rooms"), &params, &rooms)
}

/// Answers `GET /v1/rooms/{id}`.
///
/// # Errors
/// 401 without a valid token, 403 without the scope, 404 for an ID of no room.
pub fn one(service: &Service, request: &Request, now: i64) -> Result<Answer, Refusal> {
    bearer::access_for(service, request, &SCOPES, now)?;
    let id = request.path().strip_prefix(PREFIX).unwrap_or_default();
    everywhere()
        .find(|room| room["id"] == id)
        .map(|room| Answer::json(&room))
        .ok_or_else(Refusal::not_found)
}

/// All of them, as the API shows them, the latest first.
fn everywhere() -> impl Iterator<Item = Value> {
    let creator = people::hinted(None);
    (1..).zip(ROOMS).map(|(number, (title, kind))| {
        let uuid = format!("5a6d0b0c-5a4d-4b0e-8a0d-0000000001{number:02}");
        let last_activity = format!("2024-03-{:02}T09:00:00.000Z", 31 - number);
        json!({
            "id": webex_id("ROOM", &uuid),
            "title": title,
            "type": kind,
            "isLocked": false,
            "lastActivity": last_activity,
            "creatorId": webex_id("PEOPLE", creator.id),
            "ownerId": webex_id("ORGANIZATION", creator.organization),
            "created": "2024-01-02T00:00:00.000Z",
        })
    })
}
