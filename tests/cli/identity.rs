//! The account of a connection: which commands learn it, and how it is found out before the connection is replaced.

use serde_json::{Value, json};

use crate::env::process::Process;
use crate::env::{
    ACCESS_TOKEN, Attempt, Authority, CLIENT_ID, CLIENT_SECRET, Env, Handover, Login,
    REFRESH_TOKEN, Reply, Sandbox, Scene, connected, expired, redirect_uri,
};

const PERSON: &str = "sandbox.person@example.com";
const STRANGER: &str = "sandbox.stranger@example.org";

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

/// `work`, whose account is not in its record, at a server that answers `people/me` like this: first for the stored
/// token.
fn forgotten(people: impl IntoIterator<Item = Reply>) -> (Env, Authority) {
    let (env, authority) = connected();
    forget(&env);
    authority.people_answers(Reply::sequence(people));
    (env, authority)
}

fn stranger() -> Reply {
    Reply::status(200, r#"{"id":"p2","emails":["eve@example.com"]}"#)
}

#[test]
fn the_stored_token_says_whose_connection_a_login_replaces() {
    let (env, authority) = forgotten([Reply::person(), stranger()]);
    let outcome = Attempt::start(&env, &authority, &[]).returns();
    assert_eq!(outcome.finished.code, Some(9), "{}", outcome.finished);
    let said = outcome.finished.said();
    let refused = "work belongs to jane@example.com, and eve@example.com signed in";
    assert!(said.contains(refused), "{said}");
    assert_eq!(identity(&env)["id"], "p1", "the answer is kept");

    let (env, authority) = forgotten([Reply::person()]);
    let attempt = Attempt::start(&env, &authority, &[]);
    assert_eq!(attempt.login.asks("login_hint"), "jane@example.com");
    attempt.returns().succeeds("the same person");

    let (env, authority) = forgotten([stranger()]);
    let before = asked(&authority);
    let allowed = ["--allow-other-identity"];
    Attempt::start(&env, &authority, &allowed)
        .returns()
        .succeeds("another person is allowed");
    assert_eq!(asked(&authority), before + 1, "only for the new token");
}

const UNKNOWN: &str =
    "error: could not find out which account work belongs to, so nothing was stored\n";
const BOTH_WAYS: &str = "hint: to keep both: `webex-connect login NAME`; to let any account take work over, give the \
                         same command with `--allow-other-identity`\n";

/// The login ends before anything is opened.
#[test]
fn a_connection_whose_account_stays_unknown_is_not_replaced() {
    for answer in [
        Reply::status(500, ""),
        Reply::status(401, "{}"),
        Reply::status(403, "{}"),
        Reply::status(200, "<html>"),
    ] {
        let (env, authority) = forgotten([answer]);
        let before = (env.records(), asked(&authority));
        env.run(["login", "work", "--no-browser"])
            .code(9)
            .stderr(&format!("{UNKNOWN}{BOTH_WAYS}"))
            .check();
        assert_eq!(env.records(), before.0);
        assert_eq!(asked(&authority), before.1 + 1);
    }
    // An expired token is not sent.
    let (env, authority) = forgotten([Reply::person()]);
    env.edit_records(|_, record| {
        if record.get("tokens").is_some() {
            record["tokens"]["expires_at"] = json!("2020-01-01T00:00:00Z");
        }
    });
    let before = asked(&authority);
    env.run(["login", "work", "--no-browser"])
        .code(9)
        .stderr(&format!("{UNKNOWN}{BOTH_WAYS}"))
        .check();
    assert_eq!(asked(&authority), before);
}

#[test]
fn a_server_that_does_not_answer_is_not_waited_for_long() {
    let (env, _authority) = forgotten([Reply::silence()]);
    env.run(["login", "work", "--no-browser"])
        .code(9)
        .stderr_has("could not find out which account")
        .within(15)
        .check();
}

#[test]
fn a_refresh_token_is_not_spent_before_the_account_is_known() {
    let (env, authority) = forgotten([Reply::status(500, "")]);
    let login = |more: &[&str]| {
        let args = ["login", "work", "--refresh-token-stdin"];
        env.run([&args[..], more].concat()).stdin(REFRESH_TOKEN)
    };
    login(&[])
        .code(9)
        .stderr(&format!("{UNKNOWN}{BOTH_WAYS}"))
        .check();
    assert_eq!(authority.refreshes(), 0);
    authority.people_answers(Reply::sequence([Reply::person(), stranger()]));
    login(&[])
        .code(9)
        .stderr_has("work belongs to jane@example.com, and eve@example.com signed in")
        .check();
    login(&["--allow-other-identity", "--allow-fewer-scopes"])
        .any_stderr()
        .check();
    assert_eq!(identity(&env)["id"], "p2");
}

/// A `work` that was made from an access token, whose account Webex did not say.
fn imported_token(first: Reply) -> (Env, Authority) {
    let env = Env::new();
    let authority = Authority::plain(Reply::tokens());
    authority.api_answers([Reply::status(403, "{}"), Reply::status(404, ""), first]);
    let finished = bring(&env, &authority, &[]);
    assert_eq!(finished.code, Some(0), "{finished}");
    assert_eq!(identity(&env), Value::Null);
    (env, authority)
}

fn bring(env: &Env, authority: &Authority, more: &[&str]) -> crate::env::process::Finished {
    let args = [
        "login",
        "work",
        "--token-stdin",
        "--api-base",
        &authority.base,
    ];
    let command = env.command([&args[..], more].concat());
    Process::spawn(command, ACCESS_TOKEN.as_bytes()).finish()
}

#[test]
fn an_access_token_replaces_only_a_known_account() {
    let (env, authority) = imported_token(Reply::status(500, ""));
    let finished = bring(&env, &authority, &[]);
    assert_eq!(finished.code, Some(9), "{finished}");
    assert_eq!(finished.err(), format!("{UNKNOWN}{BOTH_WAYS}"));
    // Another person's token.
    authority.api_answers([Reply::person(), stranger(), Reply::status(404, "")]);
    let finished = bring(&env, &authority, &[]);
    assert_eq!(finished.code, Some(9), "{finished}");
    let refused = "work belongs to jane@example.com, and eve@example.com signed in";
    assert!(finished.err().contains(refused), "{finished}");
    authority.api_answers([stranger(), Reply::status(404, "")]);
    let finished = bring(&env, &authority, &["--allow-other-identity"]);
    assert_eq!(finished.code, Some(0), "{finished}");
    assert_eq!(identity(&env)["id"], "p2");
}

/// Webex refuses `people/me` with 403 if the scopes of a token do not allow it.
#[test]
fn a_token_that_may_not_ask_is_replaced_with_a_warning() {
    let (env, authority) = imported_token(Reply::status(403, "{}"));
    authority.api_answers([
        Reply::status(403, "{}"),
        Reply::person(),
        Reply::status(404, ""),
    ]);
    let finished = bring(&env, &authority, &[]);
    assert_eq!(finished.code, Some(0), "{finished}");
    let warning = "warning: could not tell whether work still belongs to the same account";
    assert!(finished.err().contains(warning), "{finished}");
}

#[test]
fn an_import_replaces_only_a_known_account() {
    let handover = Handover::new(&[]);
    let export = |owner: Value, year: &str| {
        handover.forged(&handover.exported(&[]), |payload| {
            payload["connection"]["identity"] = owner;
            let obtained_at = format!("{year}-01-01T00:00:00Z");
            payload["connection"]["tokens"]["obtained_at"] = obtained_at.into();
        })
    };
    let known = handover.opened(&handover.exported(&[]))["connection"]["identity"].clone();
    let mut other = known.clone();
    other["id"] = json!("another");
    other["email"] = json!("eve@example.com");
    let there = &handover.there;
    let imports = |owner: &Value| handover.importing(&export(owner.clone(), "2100"), &[]);
    handover
        .importing(&export(Value::Null, "2020"), &[])
        .any_stderr()
        .check();

    // The stored token works, and says who it belongs to.
    imports(&other)
        .code(9)
        .stderr_has(&format!("work belongs to {PERSON}"))
        .check();
    assert_eq!(identity(there), known);
    forget(there);
    imports(&known).any_stderr().check();

    // The stored token has expired.
    forget(there);
    there.edit_records(|_, record| {
        if record.get("tokens").is_some() {
            record["tokens"]["expires_at"] = json!("2020-01-01T00:00:00Z");
        }
    });
    imports(&other)
        .code(9)
        .stderr_has("error: could not find out which account work belongs to")
        .stderr_has("to keep both, give the same command with `--name NAME`; to let any account take work over")
        .stderr_has("`--allow-other-identity`")
        .check();
    let allowed = ["--allow-other-identity"];
    handover
        .importing(&export(other.clone(), "2100"), &allowed)
        .any_stderr()
        .check();
    assert_eq!(identity(there), other);
}

/// An export that was made before the account was known must not fail wherever it is imported again.
#[test]
fn an_older_export_without_an_account_changes_nothing() {
    let handover = Handover::new(&[]);
    let sealed = handover.forged(&handover.exported(&[]), |payload| {
        payload["connection"]["identity"] = Value::Null;
    });
    handover.importing(&sealed, &[]).any_stderr().check();
    handover.there.run(["refresh"]).any_stderr().check();
    let refreshed = handover.there.records();
    assert_eq!(identity(&handover.there)["email"], PERSON);
    handover
        .importing(&sealed, &[])
        .stderr_has("warning: work is newer here than in the export, and was kept as it is")
        .check();
    assert_eq!(handover.there.records(), refreshed);
}

/// The whole story with a sandbox: another person does not get the connection, whatever the record says.
#[test]
fn a_stranger_does_not_take_over_a_connection_whose_account_was_not_stored() {
    let uri = redirect_uri();
    let env = Env::new()
        .var("WEBEX_CONNECT_CLIENT_ID", CLIENT_ID)
        .var("WEBEX_CONNECT_CLIENT_SECRET", CLIENT_SECRET)
        .var("WEBEX_CONNECT_REDIRECT_URI", &uri);
    let sandbox = Sandbox::start(&env, &uri);
    let args = ["work", "--api-base", &sandbox.base, "--no-browser"];
    Login::again(&env, &uri, &args).connects();
    forget(&env);
    let mut login = Login::again(&env, &uri, &args);
    let callback = login.consent_as(STRANGER);
    login.deliver(&callback);
    let finished = login.finish();
    assert_eq!(finished.code, Some(9), "{finished}");
    let refused = format!("work belongs to {PERSON}, and {STRANGER} signed in");
    assert!(finished.err().contains(&refused), "{finished}");
    Login::again(&env, &uri, &args).connects();
}
