//! The account of a connection: which commands learn it.

use serde_json::{Value, json};

use crate::env::process::Process;
use crate::env::{Authority, Env, Reply, Scene, connected, expired};

const PERSON: &str = "sandbox.person@example.com";

/// Removes the identity from the record, as if `people/me` had failed during the login.
fn forget(env: &Env) {
    env.edit_records(|name, record| {
        if name == "connection/work" {
            record["identity"] = Value::Null;
        }
    });
}

fn identity(env: &Env) -> Value {
    env.record("work")["identity"].clone()
}

/// The number of `people/me` requests that the server got.
fn asked(authority: &Authority) -> usize {
    let requests = authority.asked();
    let people = requests.iter().filter(|it| *it == "GET /v1/people/me");
    people.count()
}

#[test]
fn a_live_check_stores_the_identity() {
    for command in [&["status", "--live"][..], &["check", "--live"]] {
        let (env, _sandbox) = Scene::signed_in(&[]);
        let known = identity(&env);
        forget(&env);
        let unknown = env.run(["status"]).any_stdout().check().out();
        assert!(
            unknown.contains("account      unknown (Webex was not asked, or did not say)\n"),
            "{unknown}"
        );
        let told = env.run(command).any_stdout().check();
        if command[0] == "status" {
            assert!(told.out().contains(PERSON), "{told}");
        }
        assert_eq!(identity(&env), known, "{command:?}");
    }
}

/// The response of `people/me` is printed as it comes; nothing else is learned from.
#[test]
fn a_call_of_people_me_stores_the_identity() {
    let person = r#"{"id":"p1","emails":["jane@example.com"],"orgId":"o1"}"#;
    let ok = Reply::status(200, person);
    for (arguments, reply, stores) in [
        (&["people/me"][..], ok.clone(), true),
        (&["/v1/people/me?callingData=true"], ok.clone(), true),
        (&["people/me", "-f", "callingData=true"], ok.clone(), true),
        (&["people/p1"], ok.clone(), false),
        (&["people/me", "-X", "PUT"], ok.clone(), false),
        (&["people/me"], Reply::status(200, r#"{"id":7}"#), false),
        (&["people/me"], Reply::status(200, "[]"), false),
        (&["people/me"], Reply::status(404, person), false),
    ] {
        let (env, authority) = connected();
        forget(&env);
        authority.api_answers([reply]);
        let args = [&["api"][..], arguments].concat();
        let finished = Process::spawn(env.command(args), b"").finish();
        let stored = identity(&env);
        assert_eq!(stored["id"] == "p1", stores, "{arguments:?}: {finished}");
        if stores {
            assert_eq!(finished.out(), person, "{arguments:?}: {finished}");
            assert_eq!(finished.err(), "", "{arguments:?}: {finished}");
            assert_eq!(stored["email"], "jane@example.com");
        }
    }
}

#[test]
fn a_call_of_people_me_does_not_replace_a_known_identity() {
    let (env, authority) = connected();
    authority.api_answers([Reply::status(200, r#"{"id":"another"}"#)]);
    env.run(["api", "people/me"]).any_stdout().check();
    assert_eq!(identity(&env)["id"], "p1");
}

#[test]
fn a_refresh_stores_the_identity() {
    for more in [&[][..], &["--all"]] {
        let env = Env::new();
        let authority = expired(&env);
        authority.token_answers(Reply::tokens());
        forget(&env);
        let before = asked(&authority);
        let args = [&["refresh"][..], more].concat();
        let said = env.run(&args).stderr_has("work is refreshed").check();
        assert_eq!(said.err().lines().count(), 1, "{said}");
        assert_eq!(identity(&env)["email"], "jane@example.com", "{more:?}");
        // A known identity is not asked for again.
        env.run(&args).any_stderr().check();
        assert_eq!(asked(&authority), before + 1, "{more:?}");
    }
}

#[test]
fn a_refresh_succeeds_although_the_identity_stays_unknown() {
    let env = Env::new();
    let authority = expired(&env);
    authority.token_answers(Reply::tokens());
    forget(&env);
    for answer in [
        Reply::status(500, ""),
        Reply::status(401, "{}"),
        Reply::status(403, "{}"),
        Reply::status(200, "<html>"),
    ] {
        authority.people_answers(answer);
        let before = asked(&authority);
        let said = env.run(["refresh"]).stderr_has("work is refreshed").check();
        assert_eq!(said.err().lines().count(), 1, "{said}");
        assert_eq!(identity(&env), Value::Null);
        assert_eq!(asked(&authority), before + 1);
    }
}

#[test]
fn a_refresh_does_not_ask_without_the_scope_and_a_token_never_asks() {
    let env = Env::new();
    let authority = expired(&env);
    authority.token_answers(Reply::tokens());
    forget(&env);
    let before = asked(&authority);
    env.run(["token"]).any_stdout().check();
    assert_eq!(asked(&authority), before, "token");
    env.edit_records(|_, record| {
        if record.get("grant").is_some() {
            record["grant"]["granted"] = json!(["spark:rooms_read"]);
        }
    });
    env.run(["refresh"]).any_stderr().check();
    assert_eq!(asked(&authority), before, "refresh");
    assert_eq!(identity(&env), Value::Null);
}
