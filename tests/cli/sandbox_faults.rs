//! What the sandbox does wrong when it is told to.

use crate::env::peer::called_back;
use crate::env::{Answer, CLIENT_ID, CLIENT_SECRET, Env, Peer};

fn failed(answer: &Answer, status: u16, error: Option<&str>) {
    assert_eq!(answer.status, status, "{answer}");
    let body = answer.json();
    assert_eq!(body["error"].as_str(), error, "{answer}");
    let (id, other) = if error.is_some() {
        ("trackingID", "trackingId")
    } else {
        ("trackingId", "trackingID")
    };
    assert!(body[id].is_string() && body[other].is_null(), "{answer}");
    assert_eq!(body["errors"].is_array(), error.is_none(), "{answer}");
    assert!(answer.body.contains("told to fail"), "{answer}");
}

#[test]
fn members_of_the_token_answer_are_left_out() {
    let all = [
        "access_token",
        "expires_in",
        "refresh_token",
        "refresh_token_expires_in",
        "scope",
        "token_type",
    ];
    for (options, omitted) in [
        (vec![], vec![]),
        (vec!["--omit", "scope"], vec!["scope"]),
        (
            vec!["--omit", "scope,token_type", "--omit", "refresh_token"],
            vec!["scope", "token_type", "refresh_token"],
        ),
        (
            vec!["--omit", "expires_in,refresh_token_expires_in"],
            vec!["expires_in", "refresh_token_expires_in"],
        ),
    ] {
        let peer = Peer::start(&options);
        let tokens = peer.tokens();
        let left: Vec<_> = all.into_iter().filter(|m| !omitted.contains(m)).collect();
        let members = tokens.as_object().map(|members| members.keys());
        let members: Vec<_> = members.into_iter().flatten().collect();
        assert_eq!(members, left, "{options:?}");
        if let Some(refresh_token) = tokens["refresh_token"].as_str() {
            let refreshed = peer.refresh(refresh_token, &[]).json();
            for member in omitted {
                assert!(refreshed[member].is_null(), "{member}: {refreshed}");
            }
        }
    }
}

#[test]
fn the_token_endpoint_fails_first_and_the_code_is_still_good() {
    let faults = [
        "--fail",
        "access_token=503*2",
        "--fail",
        "access_token=400:invalid_grant*1",
        "--fail",
        "access_token=429*1",
    ];
    let peer = Peer::start(&faults);
    let code = peer.code();
    failed(&peer.exchange(&code, &[]), 503, None);
    failed(&peer.exchange(&code, &[]), 503, None);
    failed(&peer.exchange(&code, &[]), 400, Some("invalid_grant"));
    let limited = peer.exchange(&code, &[]);
    failed(&limited, 429, None);
    assert_eq!(limited.header("Retry-After"), "1", "{limited}");
    assert_eq!(peer.exchange(&code, &[]).status, 200);
}

#[test]
fn without_a_count_an_endpoint_fails_for_good_and_no_other_does() {
    let options = [
        "--fail",
        "people/me=500",
        "--fail",
        "revoke=401:invalid_client",
    ];
    let peer = Peer::start(&options);
    let tokens = peer.tokens();
    let token = tokens["access_token"].as_str().unwrap_or_default();
    for _ in 0..3 {
        failed(&peer.with_bearer("people/me", token), 500, None);
        let refused = peer.revoke((CLIENT_ID, CLIENT_SECRET), &[("token", token)]);
        failed(&refused, 401, Some("invalid_client"));
    }
    let expiry = peer.with_bearer("authorizations/tokenExpiry", token);
    assert_eq!(expiry.status, 200, "still valid: {expiry}");
    assert_eq!(peer.with_bearer("revoke", token).status, 404);
}

#[test]
fn the_app_is_called_back_with_the_error() {
    let options = [
        "--fail",
        "authorize=access_denied*1",
        "--fail",
        "authorize=503*1",
    ];
    let peer = Peer::start(&options);
    // Whoever is not registered is still not called, and that is no failure that counts.
    let unknown = peer.authorize(&[("client_id", "nobody")]);
    assert_eq!(unknown.status, 400, "{unknown}");
    let denied = peer.authorize(&[]);
    assert_eq!(called_back(&denied, "error"), "access_denied");
    assert_eq!(called_back(&denied, "state"), "s");
    let page = peer.authorize(&[]);
    assert_eq!(page.status, 503, "{page}");
    assert!(page.body.contains("told to fail"), "{page}");
    assert_ne!(peer.code(), "");
}

#[test]
fn a_fault_that_makes_no_sense_is_refused() {
    let env = Env::new();
    for (fault, why, cure) in [
        ("503", "there is no = in it", "--fail access_token=503"),
        ("token=503", "the endpoint is unknown", "access_token"),
        ("access_token=200", "from 400 to 599", "--fail access_token"),
        ("access_token=503*0", "above 0", "--fail access_token"),
        (
            "access_token=access_denied",
            "only authorize",
            "--fail authorize=access_denied",
        ),
        ("authorize=400:x", "not both", "--fail authorize"),
    ] {
        env.run(["sandbox", "--fail", fault])
            .code(2)
            .stderr_has(&format!("can't fail like {fault:?}"))
            .stderr_has(why)
            .stderr_has("hint: ")
            .stderr_has(cure)
            .check();
    }
    env.run(["sandbox", "--omit", "access_token"])
        .code(2)
        .stderr_has("possible values: expires_in, refresh_token")
        .check();
}
