//! A refresh that Webex refuses, or can't answer: told apart by exit code and by what is kept.

use jiff::SignedDuration;

use crate::env::{
    ACCESS_TOKEN, Authority, Env, OTHER_TOKEN, REFRESH_TOKEN, Reply, Run, Scene, case_held,
    expired, token_set,
};

const CONNECTION: &str = "work";

/// An expired connection, and what Webex answers to a refresh from now on.
fn with(reply: Reply) -> (Env, Authority) {
    let env = Env::new();
    let authority = expired(&env);
    authority.token_answers(reply);
    (env, authority)
}

/// `token`, held to show no token when it fails.
fn token(env: &Env) -> Run {
    env.run(["token"])
        .secret(ACCESS_TOKEN)
        .secret(REFRESH_TOKEN)
        .secret(OTHER_TOKEN)
}

fn state(env: &Env) -> String {
    let listed = env.run(["list", "--json"]).any_stdout().check().json();
    assert_eq!(listed[0]["name"], CONNECTION, "{listed}");
    listed[0]["state"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_dead_grant_is_kept_marked_and_not_asked_for_again() {
    let idbroker = r#"{"error":"invalid_grant","error_description":"x"}"#;
    for reply in [Reply::dead_grant(), Reply::status(400, idbroker)] {
        let (env, authority) = with(reply);
        token(&env)
            .code(4)
            .stderr_has("used elsewhere, revoked or has expired")
            .stderr_has("sign in again with `webex-connect login work`")
            .check();
        assert_eq!(authority.refreshes(), 1);
        assert_eq!(state(&env), "reconnect_needed");
        token(&env)
            .code(4)
            .stderr_has("work needs a new sign-in: Webex refused the refresh token")
            .stderr_has("sign in again")
            .check();
        assert_eq!(authority.refreshes(), 1, "asked in vain once more");
        // Who insists is not held back, and a success clears the mark.
        env.run(["refresh"]).code(4).any_stderr().check();
        assert_eq!(authority.refreshes(), 2);
        authority.token_answers(Reply::other_tokens());
        env.run(["refresh"]).stderr_has("work is refreshed").check();
        assert_eq!(state(&env), "ready");
        token(&env).stdout(&format!("{OTHER_TOKEN}\n")).check();
    }
}

#[test]
fn the_reason_for_a_reconnect_is_told_by_list_and_status() {
    let (env, _authority) = with(Reply::dead_grant());
    let reason = |env: &Env| {
        let listed = env.run(["list", "--json"]).any_stdout().check().json();
        listed[0]["reconnect_reason"].clone()
    };
    assert!(reason(&env).is_null());
    token(&env).code(4).any_stderr().check();
    let told = reason(&env);
    let told = told.as_str().unwrap_or_default();
    assert!(
        told.starts_with("Webex refused the refresh token"),
        "{told}"
    );
    env.run(["status"])
        .code(4)
        .any_stdout()
        .stderr_has(told)
        .check();
}

/// Without a name `login` would reconnect the default, which may be another connection.
#[test]
fn a_refusal_that_may_take_a_new_sign_in_names_the_connection() {
    let blocked = r#"{"error":"access_denied","error_description":"blocked by an administrator"}"#;
    for (status, body, code) in [(404, "", 1), (403, blocked, 4)] {
        let (env, _authority) = with(Reply::status(status, body));
        env.run(["refresh", "work"])
            .code(code)
            .stderr_has("run the same command again; if that does not help, sign in again with `webex-connect login work`\n")
            .check();
    }
}

/// RF-03.
#[test]
fn a_refresh_token_used_on_another_machine_is_a_dead_grant() {
    let (env, mut sandbox) = Scene::signed_in(&["--rotate"]);
    let store = env.path("data/webex-connect/store.age");
    let here = std::fs::read(&store).unwrap_or_else(|e| panic!("{e}"));
    env.run(["refresh"]).any_stderr().check();
    std::fs::write(&store, here).unwrap_or_else(|e| panic!("{e}"));
    env.age(SignedDuration::ZERO);
    token(&env)
        .code(4)
        .stderr_has("used elsewhere, revoked")
        .stderr_has("sign in again")
        .check();
    assert_eq!(sandbox.refreshes(), 2);
    assert_eq!(state(&env), "reconnect_needed");
    case_held("RF-03 used on another machine");
}

/// RF-13.
#[test]
fn a_refresh_token_past_its_end_is_tried_once() {
    let (env, authority) = with(Reply::dead_grant());
    env.edit_records(|_, record| {
        if let Some(expires_at) = record.pointer_mut("/tokens/refresh_token_expires_at") {
            *expires_at = "2020-01-01T00:00:00Z".into();
        }
    });
    // The clock of this machine may have been wrong, so Webex decides.
    for words in [
        "Webex refused the refresh token",
        "work needs a new sign-in",
    ] {
        token(&env)
            .code(4)
            .stderr_has(words)
            .stderr_has("hint: sign in again with `webex-connect login work`")
            .check();
    }
    assert_eq!(authority.refreshes(), 1);
    assert_eq!(state(&env), "reconnect_needed");
    case_held("RF-13 past its end");
}

#[test]
fn a_refused_client_is_exit_8_and_says_nothing_of_the_grant() {
    for (status, body) in [
        (401, ""),
        (401, r#"{"error":"invalid_client"}"#),
        (400, r#"{"error":"invalid_client"}"#),
        (
            400,
            r#"{"errors":[{"description":"Client Id is invalid"}]}"#,
        ),
    ] {
        let (env, authority) = with(Reply::status(status, body));
        token(&env)
            .code(8)
            .stderr_has("Webex refused the app's client ID or client secret")
            .stderr_has("`webex-connect app update work` takes a new client secret")
            .check();
        assert_eq!(authority.refreshes(), 1, "{status} {body}");
        assert_eq!(state(&env), "ready", "{status} {body}");
    }
}

#[test]
fn a_token_that_still_holds_is_served_with_a_warning() {
    let refusals = [
        (Reply::dead_grant(), "used elsewhere"),
        (Reply::status(401, ""), "client ID or client secret"),
        (Reply::status(500, ""), "just now (500)"),
        (Reply::status(503, ""), "just now (503)"),
        (
            Reply::with(429, "Retry-After: 3600\r\n", ""),
            "just now (429)",
        ),
        (Reply::raw(""), "could not reach"),
    ];
    for (reply, why) in refusals {
        let (env, authority) = with(reply);
        // Two minutes are left, of which five are the lead.
        env.age(SignedDuration::from_mins(2));
        let asked = || {
            let warning = "warning: could not refresh work, whose token holds a little longer: ";
            env.run(["token"])
                .stdout(&format!("{ACCESS_TOKEN}\n"))
                .stderr_has(warning)
                .stderr_has(why)
                .secret(REFRESH_TOKEN)
                .check();
        };
        asked();
        asked();
        // A refresh that was asked for is not done, whatever still holds.
        let failed = env.run(["refresh"]).any_stderr();
        let code = match why {
            "used elsewhere" => 4,
            "client ID or client secret" => 8,
            _ => 7,
        };
        failed.code(code).check();
        assert!(authority.refreshes() > 1, "{why}");
    }
}

#[test]
fn a_busy_webex_is_asked_again() {
    let busy = [
        Reply::status(503, ""),
        Reply::with(429, "Retry-After: 0\r\n", ""),
    ];
    let (env, authority) = with(Reply::sequence(
        busy.into_iter().chain([Reply::other_tokens()]),
    ));
    token(&env).stdout(&format!("{OTHER_TOKEN}\n")).check();
    assert_eq!(authority.refreshes(), 3);
}

#[test]
fn a_busy_webex_is_not_asked_forever() {
    let (env, authority) = with(Reply::status(503, ""));
    token(&env)
        .code(7)
        .stderr_has("Webex can't answer just now (503)")
        .stderr_has("run the same command again")
        .check();
    assert_eq!(authority.refreshes(), 3);
    assert_eq!(state(&env), "ready");
}

#[test]
fn a_longer_wait_than_anybody_has_is_left_to_the_person() {
    let (env, authority) = with(Reply::with(429, "Retry-After: 3600\r\n", ""));
    token(&env)
        .code(7)
        .stderr_has("just now (429)")
        .stderr_has("hint: run the same command again in 1h")
        .check();
    assert_eq!(authority.refreshes(), 1);
}

/// After these nobody knows whether the refresh token was replaced, so it is not sent twice.
#[test]
fn what_may_have_replaced_the_refresh_token_is_not_repeated_and_is_remembered() {
    for reply in [
        Reply::raw(""),
        Reply::status(502, ""),
        Reply::with(504, "Retry-After: 1\r\n", ""),
        Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"access_token\""),
        Reply::status(200, "{}"),
        Reply::status(200, r#"{"access_token":"a b"}"#),
        Reply::status(201, &token_set(r#""expires_in":60"#)),
        Reply::raw("HTTP/1.1 204 No Content\r\n\r\n"),
    ] {
        let (env, authority) = with(reply);
        token(&env).code(7).any_stderr().check();
        assert_eq!(authority.refreshes(), 1);
        assert_eq!(state(&env), "ready");
        authority.token_answers(Reply::dead_grant());
        token(&env)
            .code(4)
            .stderr_has("was cut off, and Webex may have replaced the token then")
            .stderr_has("sign in again")
            .check();
        token(&env)
            .code(4)
            .stderr_has("work needs a new sign-in")
            .stderr_has("was cut off, and Webex may have replaced the token then")
            .check();
        assert_eq!(authority.refreshes(), 2);
    }
}

/// An answer, or no connection at all, leaves nothing to explain later.
#[test]
fn what_left_the_refresh_token_alone_is_not_blamed_later() {
    for (status, code) in [(500, 7), (401, 8), (503, 7), (404, 1)] {
        let (env, authority) = with(Reply::status(status, ""));
        token(&env).code(code).any_stderr().check();
        authority.token_answers(Reply::dead_grant());
        let refused = token(&env).code(4).any_stderr().check();
        assert!(!refused.err().contains("cut off"), "{refused}");
    }
}

#[test]
fn webex_may_answer_with_the_same_tokens() {
    // No times: those of before go on. New times are taken.
    let same = r#"{"access_token":"wxat-canary-0b8f5e63a1d742c9"}"#;
    let (env, authority) = with(Reply::status(200, same));
    let before = env.record(CONNECTION)["tokens"].clone();
    token_of_before(&env);
    let after = env.record(CONNECTION)["tokens"].clone();
    for field in ["refresh_token", "refresh_token_expires_at", "expires_at"] {
        assert_eq!(after[field], before[field], "{field}");
    }
    authority.token_answers(Reply::tokens());
    token_of_before(&env);
    let prolonged = env.record(CONNECTION)["tokens"].clone();
    assert_ne!(prolonged["expires_at"], before["expires_at"]);
    token_of_before(&env);
    assert_eq!(authority.refreshes(), 2, "it is fresh now");
}

fn token_of_before(env: &Env) {
    let printed = format!("{ACCESS_TOKEN}\n");
    env.run(["token"]).stdout(&printed).check();
}

/// However wrong the clock or the lifetime: one run, one refresh.
#[test]
fn tokens_that_are_always_expired_are_refreshed_once_a_run() {
    let members = r#""expires_in":0"#;
    let (env, authority) = with(Reply::token_set(members));
    for run in 1..=3 {
        token_of_before(&env);
        assert_eq!(authority.refreshes(), run);
    }
}
