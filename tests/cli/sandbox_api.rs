//! The API behind the sandbox's tokens: pages, scopes, and Webex's ways to say no.

use serde_json::{Value, json};
use url::Url;

use crate::env::{Answer, Peer};

const FORBIDDEN: &str = "The server understood the request, but refused to fulfill it because the access token is \
                         missing required scopes or the user is missing required roles or licenses.";

/// An access token for these scopes and the first person.
fn token(peer: &Peer, scopes: &str) -> String {
    token_of(peer, scopes, "sandbox.person@example.com")
}

fn token_of(peer: &Peer, scopes: &str, person: &str) -> String {
    let tokens = peer.tokens_of(&peer.form(&[("scope", scopes)]).person(person));
    let token = tokens["access_token"].as_str();
    token.unwrap_or_else(|| panic!("{tokens}")).to_owned()
}

fn refused(answer: &Answer, status: u16, words: &str) {
    assert_eq!(answer.status, status, "{answer}");
    let body = answer.json();
    assert_eq!(body["message"], words, "{answer}");
    assert_eq!(body["errors"], json!([{"description": words}]), "{answer}");
    assert!(body["trackingId"].is_string(), "{answer}");
}

fn each<'a>(list: &'a Value, member: &str) -> Vec<&'a str> {
    let items = list["items"].as_array().map(Vec::as_slice);
    let items = items.unwrap_or_else(|| panic!("no list: {list}"));
    items
        .iter()
        .map(|item| item[member].as_str().unwrap_or_default())
        .collect()
}

/// The address in `Link: <…>; rel="next"`, if there is one.
fn next(answer: &Answer) -> Option<Url> {
    let link = answer.header("Link");
    if link.is_empty() {
        return None;
    }
    let address = link
        .strip_prefix('<')
        .and_then(|rest| rest.strip_suffix(">; rel=\"next\""))
        .unwrap_or_else(|| panic!("{link}"));
    Some(address.parse().unwrap_or_else(|e| panic!("{link}: {e}")))
}

#[test]
fn rooms_come_in_pages_that_link_to_the_next() {
    let peer = Peer::start(&[]);
    let token = token(&peer, "spark:rooms_read");
    let bearer = format!("Bearer {token}");
    let whole = peer.with_bearer("rooms", &token);
    assert_eq!((whole.status, next(&whole)), (200, None), "{whole}");
    let all = whole.json();
    assert_eq!(each(&all, "id").len(), 12, "{all}");

    let mut seen = Vec::new();
    let mut sizes = Vec::new();
    let mut page = peer.with_bearer("rooms?max=5", &token);
    loop {
        let list = page.json();
        sizes.push(each(&list, "id").len());
        seen.extend(each(&list, "id").iter().map(ToString::to_string));
        let Some(address) = next(&page) else { break };
        assert!(
            address.as_str().starts_with(&peer.sandbox.base),
            "{address}"
        );
        assert!(
            address
                .query_pairs()
                .any(|pair| pair == ("max".into(), "5".into()))
        );
        page = peer.send("GET", &address, &[("Authorization", &bearer)], "");
    }
    assert_eq!(sizes, [5, 5, 2]);
    assert_eq!(seen, each(&all, "id"));
    let exact = peer.with_bearer("rooms?max=12", &token);
    assert_eq!(next(&exact), None, "{exact}");
}

#[test]
fn a_page_keeps_to_what_was_asked() {
    let peer = Peer::start(&[]);
    let token = token(&peer, "spark:rooms_read");
    let direct = peer.with_bearer("rooms?type=direct&max=1", &token);
    assert_eq!(each(&direct.json(), "type"), ["direct"]);
    let address = next(&direct).unwrap_or_else(|| panic!("one page: {direct}"));
    let bearer = format!("Bearer {token}");
    let second = peer.send("GET", &address, &[("Authorization", &bearer)], "");
    assert_eq!(each(&second.json(), "type"), ["direct"]);
    assert_ne!(second.json()["items"], direct.json()["items"]);
    assert_eq!(next(&second), None, "{second}");
    for (query, name) in [
        ("max=0", "max"),
        ("max=1001", "max"),
        ("cursor=made-up", "cursor"),
        ("type=public", "type"),
    ] {
        let answer = peer.with_bearer(&format!("rooms?{query}"), &token);
        let words = format!("The parameter {name} has an invalid value.");
        refused(&answer, 400, &words);
    }
}

#[test]
fn a_room_is_found_by_its_id_alone() {
    let peer = Peer::start(&[]);
    let token = token(&peer, "spark:rooms_read");
    let rooms = peer.with_bearer("rooms", &token).json();
    let id = each(&rooms, "id")[0];
    let room = peer.with_bearer(&format!("rooms/{id}"), &token);
    assert_eq!(room.json(), rooms["items"][0], "{room}");
    for unknown in ["rooms/made-up", "rooms/", &format!("rooms/{id}/x")] {
        let answer = peer.with_bearer(unknown, &token);
        refused(&answer, 404, "The requested resource could not be found.");
    }
}

#[test]
fn what_a_token_is_not_for_is_refused_without_a_word_on_the_scope() {
    let peer = Peer::start(&[]);
    let other = token(&peer, "spark:teams_read");
    for path in ["people/me", "people?email=a@b", "rooms", "rooms/made-up"] {
        refused(&peer.with_bearer(path, &other), 403, FORBIDDEN);
        let stranger = peer.with_bearer(path, "made-up");
        assert_eq!(stranger.status, 401, "{path}: {stranger}");
        assert!(stranger.json()["trackingId"].is_string(), "{stranger}");
    }
    let body = json!({"emails": ["new@example.com"]});
    let reader = token(&peer, "spark-admin:people_read spark:people_write");
    refused(&peer.post_json("people", &reader, &body), 403, FORBIDDEN);
    assert_eq!(peer.post_json("people", "made-up", &body).status, 401);
    let expiry = peer.with_bearer("authorizations/tokenExpiry", &other);
    assert_eq!(expiry.status, 200, "needs no scope: {expiry}");
}

#[test]
fn people_are_found_in_one_s_own_organisation() {
    let peer = Peer::start(&[]);
    let person = token(&peer, "spark:people_read");
    let admin = token(&peer, "spark-admin:people_read");
    let elsewhere = "sandbox.stranger@example.org";
    let stranger = token_of(&peer, "spark-admin:people_read", elsewhere);
    for (token, path, names) in [
        (
            &person,
            "people?email=Sandbox.Colleague@example.com",
            &["Sandbox Colleague"][..],
        ),
        (
            &person,
            "people?displayName=sandbox%20c",
            &["Sandbox Colleague"],
        ),
        (&person, "people?email=sandbox.stranger@example.org", &[]),
        (&person, "people?email=nobody@example.com", &[]),
        (&admin, "people", &["Sandbox Person", "Sandbox Colleague"]),
        (&admin, "people?max=1", &["Sandbox Person"]),
        (&stranger, "people", &["Sandbox Stranger"]),
    ] {
        let answer = peer.with_bearer(path, token);
        assert_eq!(answer.status, 200, "{path}: {answer}");
        assert_eq!(each(&answer.json(), "displayName"), names, "{path}");
    }
    let everybody = peer.with_bearer("people", &person);
    refused(
        &everybody,
        400,
        "The parameter email or displayName is required.",
    );
}

#[test]
fn an_administrator_adds_a_person() {
    let peer = Peer::start(&[]);
    let token = token(&peer, "spark-admin:people_write spark:people_read");
    let body = json!({
        "emails": ["new.person@example.com"], "displayName": "New Person", "firstName": "New",
        "licenses": [], "loginEnabled": true,
    });
    let added = peer.post_json("people", &token, &body);
    assert_eq!(added.status, 200, "{added}");
    let added = added.json();
    assert_eq!(added["emails"], body["emails"]);
    assert_eq!(added["displayName"], "New Person");
    let me = peer.with_bearer("people/me", &token).json();
    assert_eq!(added["orgId"], me["orgId"]);
    assert_ne!(added["id"], me["id"]);
}

#[test]
fn a_person_that_can_t_be_added_is_refused() {
    let peer = Peer::start(&[]);
    let token = token(&peer, "spark-admin:people_write");
    for (body, status, words) in [
        (json!([]), 400, "The body is not a person in JSON."),
        (json!({}), 400, "The body is not a person in JSON."),
        (
            json!({"emails": "a@b"}),
            400,
            "The body is not a person in JSON.",
        ),
        (
            json!({"emails": []}),
            400,
            "One e-mail address must be given.",
        ),
        (
            json!({"emails": ["a@b", "c@d"]}),
            400,
            "One e-mail address must be given.",
        ),
        (
            json!({"emails": ["nobody"]}),
            400,
            "The e-mail address is not valid.",
        ),
        (
            json!({"emails": ["sandbox.stranger@example.org"]}),
            409,
            "A person with this e-mail address exists already.",
        ),
    ] {
        refused(&peer.post_json("people", &token, &body), status, words);
    }
    let bearer = format!("Bearer {token}");
    let form = [
        ("Authorization", bearer.as_str()),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ];
    let answer = peer.send("POST", &peer.url("people"), &form, "emails=a%40b");
    refused(&answer, 415, "The Content-Type must be application/json.");
}

#[test]
fn a_method_that_an_endpoint_does_not_take_is_answered_with_those_it_does() {
    let peer = Peer::start(&[]);
    for (path, allowed) in [
        ("access_token", "POST"),
        ("people", "GET, POST"),
        ("people/me", "GET"),
        ("rooms", "GET"),
    ] {
        let answer = peer.send("DELETE", &peer.url(path), &[], "");
        assert_eq!(answer.status, 405, "{path}: {answer}");
        assert_eq!(answer.header("Allow"), allowed, "{path}: {answer}");
    }
}
