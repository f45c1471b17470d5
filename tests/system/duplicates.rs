//! Several keyring items for one record: no command chooses one of them.

use crate::env::Env;
use crate::secret_service::{records, secret_tool, unlocked};

/// Adds a second item for a record. Another attribute keeps `secret-tool` from replacing the first.
fn duplicate(env: &Env, key: &str) {
    let item = ["service", "webex-connect", "username", key];
    let secret = secret_tool(env, &[&["lookup"][..], &item].concat(), b"");
    assert!(!secret.is_empty(), "{key} is not stored");
    let store = ["store", "--label=a copy", "copy", "1"];
    let said = secret_tool(env, &[&store[..], &item].concat(), secret.as_bytes());
    assert_eq!(said, "", "{key}");
    assert_eq!(items(env, key), 2, "{key}");
}

fn items(env: &Env, key: &str) -> usize {
    let line = format!("attribute.username = {key}");
    records(env).lines().filter(|found| *found == line).count()
}

fn connected(names: &[&str]) -> Env {
    let env = unlocked();
    for name in names {
        env.run(["login", name, "--sandbox", "--approve"])
            .any_stderr()
            .check();
    }
    env
}

fn ambiguous(key: &str) -> String {
    format!(
        "the stored record {key} is unreadable: it is ambiguous, because the keyring holds several items for it"
    )
}

#[test]
#[ignore = "needs the keyring session of tests/run"]
fn a_connection_with_two_items_is_named_and_never_chosen() {
    let env = connected(&["other", "work"]);
    duplicate(&env, "connection/work");
    for args in [
        &["token", "work"][..],
        &["status", "work"],
        &["check", "work"],
        &["refresh", "work"],
        &["api", "people/me", "-c", "work"],
        &["rename", "work", "new"],
        &["default", "work"],
        &["login", "work", "--sandbox", "--approve"],
    ] {
        env.run(args)
            .code(6)
            .stderr_has(&ambiguous("connection/work"))
            .stderr_has("hint: ")
            .stderr_has("`webex-connect logout work`")
            .within(15)
            .check();
    }
    assert_eq!(items(&env, "connection/work"), 2);
    env.run(["token", "other"]).any_stdout().check();

    let listed = env.run(["list", "--json"]).code(6).any_stdout();
    let listed = listed
        .stderr_has(&ambiguous("connection/work"))
        .check()
        .json();
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed}");
    assert_eq!(listed[0]["name"], "other", "{listed}");
    let rows = env.run(["doctor", "--json"]).code(6).any_stdout();
    let rows = rows.any_stderr().within(30).check().out();
    assert!(rows.contains(&ambiguous("connection/work")), "{rows}");

    env.run(["logout", "work"]).any_stderr().check();
    assert_eq!(items(&env, "connection/work"), 0);
    assert_eq!(env.connections(), ["other"]);
}

#[test]
#[ignore = "needs the keyring session of tests/run"]
fn a_logout_of_all_removes_every_item() {
    let env = connected(&["other", "work"]);
    duplicate(&env, "connection/work");
    duplicate(&env, "connection/other");
    env.run(["logout", "--all"]).any_stderr().check();
    assert!(!records(&env).contains("connection/"));
    env.run(["list", "--json"]).stdout("[]\n").check();
}

#[test]
#[ignore = "needs the keyring session of tests/run"]
fn an_app_with_two_items_is_removed_whole() {
    let env = unlocked();
    env.add_app(
        "own",
        "https://localhost:9/v1",
        "http://127.0.0.1:8/callback",
    );
    duplicate(&env, "app/own");
    env.run(["app", "show", "own"])
        .code(6)
        .stderr_has(&ambiguous("app/own"))
        .stderr_has("`webex-connect app remove own`")
        .check();
    env.run(["app", "remove", "own"]).any_stderr().check();
    assert_eq!(items(&env, "app/own"), 0);
    env.run(["app", "list", "--json"]).stdout("[]\n").check();
}

#[test]
#[ignore = "needs the keyring session of tests/run"]
fn two_default_connections_are_replaced_by_the_one_that_is_chosen() {
    let env = connected(&["other", "work"]);
    duplicate(&env, "default");
    env.run(["token"])
        .code(6)
        .stderr_has(&ambiguous("default"))
        .stderr_has("`webex-connect default NAME`")
        .check();
    // A new connection does not become the default instead.
    env.run(["login", "third", "--sandbox", "--approve"])
        .any_stderr()
        .check();
    assert_eq!(items(&env, "default"), 2);
    env.run(["default", "work"]).any_stderr().check();
    assert_eq!(items(&env, "default"), 1);
    env.run(["token"]).any_stdout().check();
}

/// A preflight that was killed, or met another one, blocks no login.
#[test]
#[ignore = "needs the keyring session of tests/run"]
fn two_records_of_a_preflight_are_cleared_away() {
    let env = unlocked();
    let item = ["service", "webex-connect", "username", "preflight"];
    for copy in ["1", "2"] {
        let store = ["store", "--label=left", "copy", copy];
        secret_tool(&env, &[&store[..], &item].concat(), b"x");
    }
    assert_eq!(items(&env, "preflight"), 2);
    env.connect_sandbox();
    assert_eq!(items(&env, "preflight"), 0);
}
