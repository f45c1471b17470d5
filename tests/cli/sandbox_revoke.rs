//! The sandbox's revocation endpoint (RFC 7009).

use serde_json::Value;

use crate::env::{Answer, CLIENT_ID, CLIENT_SECRET, OTHER_CLIENT, Peer};

const CLIENT: (&str, &str) = (CLIENT_ID, CLIENT_SECRET);

fn text<'a>(tokens: &'a Value, name: &str) -> &'a str {
    match tokens[name].as_str() {
        Some(text) => text,
        None => panic!("no {name}: {tokens}"),
    }
}

fn works(peer: &Peer, tokens: &Value) -> bool {
    let token = text(tokens, "access_token");
    peer.with_bearer("people/me", token).status == 200
}

fn is_done(answer: &Answer) {
    assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{answer}");
}

#[test]
fn revoking_an_access_token_ends_it_alone() {
    let peer = Peer::start(&[]);
    let first = peer.tokens();
    let refresh_token = text(&first, "refresh_token");
    let second = peer.refresh(refresh_token, &[]).json();
    is_done(&peer.revoke(CLIENT, &[("token", text(&first, "access_token"))]));
    assert!(!works(&peer, &first) && works(&peer, &second));
    assert_eq!(peer.refresh(refresh_token, &[]).status, 200);
}

#[test]
fn revoking_a_refresh_token_ends_the_grant() {
    // RFC 7009 §2.1: a hint that is wrong does not keep the token from being found.
    for hint in ["refresh_token", "access_token"] {
        let peer = Peer::start(&[]);
        let first = peer.tokens();
        let refresh_token = text(&first, "refresh_token");
        let second = peer.refresh(refresh_token, &[]).json();
        let form = [("token", refresh_token), ("token_type_hint", hint)];
        is_done(&peer.revoke(CLIENT, &form));
        assert!(!works(&peer, &first) && !works(&peer, &second), "{hint}");
        assert_eq!(peer.refresh(refresh_token, &[]).status, 400, "{hint}");
        is_done(&peer.revoke(CLIENT, &form));
    }
}

#[test]
fn a_token_nobody_knows_is_as_good_as_revoked() {
    let peer = Peer::start(&[]);
    is_done(&peer.revoke(CLIENT, &[("token", "made-up")]));
}

#[test]
fn another_client_s_token_stays() {
    let peer = Peer::start(&[]);
    let tokens = peer.tokens();
    for name in ["access_token", "refresh_token"] {
        let refused = peer.revoke(OTHER_CLIENT, &[("token", text(&tokens, name))]);
        assert_eq!(refused.status, 400, "{name}: {refused}");
        assert_eq!(refused.json()["error"], "invalid_request", "{refused}");
    }
    assert!(works(&peer, &tokens));
}

#[test]
fn a_revocation_that_is_off_is_refused() {
    let peer = Peer::start(&[]);
    let tokens = peer.tokens();
    let token = ("token", text(&tokens, "access_token"));
    let wrong = (CLIENT_ID, "wrong");
    let nobody = ("nobody", CLIENT_SECRET);
    for (client, form, status, words) in [
        (wrong, vec![token], 401, "invalid_client"),
        (nobody, vec![token], 400, "Client Id is invalid"),
        (CLIENT, vec![], 400, "invalid_request"),
        (CLIENT, vec![("token", "")], 400, "invalid_request"),
        (CLIENT, vec![token, token], 400, "invalid_request"),
        (
            CLIENT,
            vec![token, ("token_type_hint", "id_token")],
            400,
            "unsupported_token_type",
        ),
    ] {
        let answer = peer.revoke(client, &form);
        assert_eq!(answer.status, status, "{form:?}: {answer}");
        assert!(answer.body.contains(words), "{form:?}: {answer}");
    }
    let form_type = ("Content-Type", "application/x-www-form-urlencoded");
    let in_body = [
        token,
        ("client_id", CLIENT_ID),
        ("client_secret", CLIENT_SECRET),
    ];
    let answer = peer.post_revoke(&[form_type], &in_body);
    assert_eq!(answer.status, 401, "credentials in the body: {answer}");
    assert!(works(&peer, &tokens), "nothing of this revoked it");
}

#[test]
fn a_revocation_is_logged_without_its_token() {
    let mut peer = Peer::start(&[]);
    let tokens = peer.tokens();
    let token = text(&tokens, "refresh_token");
    let form = [("token", token), ("token_type_hint", "refresh_token")];
    peer.revoke(CLIENT, &form);
    let log = Value::from(peer.sandbox.requests().to_vec());
    let entry = log.as_array().and_then(|entries| entries.last());
    let entry = entry.unwrap_or(&Value::Null);
    assert_eq!(entry["path"], "/idb/oauth2/v1/revoke", "{log}");
    assert_eq!(entry["client_id"], CLIENT_ID, "{log}");
    assert_eq!(entry["params"]["token_type_hint"], "refresh_token", "{log}");
    assert_eq!(entry["params"]["token"], "…", "{log}");
    assert!(!log.to_string().contains(token), "{log}");
}
