//! The whole job against a real gnome-keyring.

use std::collections::BTreeSet;

use rustix::process::Signal;
use serde_json::Value;

use crate::env::{Env, Login, Sandbox, Scene, free_port, is_free};
use crate::secret_service::{records, unlocked};

const REDIRECT_URI: &str = "http://127.0.0.1:{PORT}/callback";
const CATALOGUE: &str = include_str!("../../src/scope/catalogue.tsv");

#[test]
#[ignore = "needs the keyring session of tests/run"]
fn a_connection_lives_in_the_keyring_from_login_to_logout() {
    let scopes = "spark:people_read spark:rooms_read";
    let (env, _sandbox) = connected(scopes);

    let kept = records(&env);
    let token = env.run(["token", "work"]).any_stdout().check().out();
    assert!(
        kept.contains("connection/work"),
        "no record of that name: {kept}"
    );
    assert!(
        kept.contains(token.trim()),
        "the access token is not in it: {kept}"
    );
    assert!(kept.contains("refresh_token"), "no refresh token: {kept}");
    for scope in scopes.split(' ') {
        assert!(kept.contains(scope), "{scope} is not in it: {kept}");
    }
    assert_eq!(env.connections(), ["work"]);

    env.run(["logout", "work"])
        .any_stdout()
        .any_stderr()
        .check();
    assert_eq!(env.connections(), [""; 0]);
    env.run(["token", "work"])
        .code(4)
        .stderr_has("work")
        .check();
    let left = records(&env);
    assert!(
        !left.contains(token.trim()),
        "the token is still there: {left}"
    );
    assert!(
        !left.contains("connection/"),
        "a connection is still there: {left}"
    );
}

/// Every scope of Webex's guide but the one that no login can ask for together with others.
#[test]
#[ignore = "needs the keyring session of tests/run"]
fn eighty_nine_scopes_survive_the_keyring() {
    let scopes: BTreeSet<String> = CATALOGUE
        .lines()
        .filter(|line| line.split('\t').nth(4) == Some("yes"))
        .filter_map(|line| line.split('\t').next())
        .filter(|scope| *scope != "Identity:one_time_password")
        .map(str::to_owned)
        .collect();
    assert_eq!(scopes.len(), 89, "the catalogue's column in_guide");
    let asked: Vec<_> = scopes.iter().map(String::as_str).collect();
    let (env, _sandbox) = connected(&asked.join(" "));

    let kept = records(&env);
    for scope in &scopes {
        assert!(
            kept.contains(&format!("\"{scope}\"")),
            "{scope} is not kept: {kept}"
        );
    }
    let listed = env.run(["list", "--json"]).any_stdout().check().json();
    assert_eq!(granted(&listed[0]), scopes, "{listed}");
}

#[test]
#[ignore = "needs the keyring session of tests/run"]
fn thirty_logins_in_a_row_succeed() {
    let env = unlocked();
    let redirect_uri = REDIRECT_URI.replace("{PORT}", &free_port().to_string());
    let mut sandbox = Sandbox::start(&env, &redirect_uri);
    for round in 1..=30 {
        let mut login = Login::start(&env, &sandbox, &redirect_uri, &["--no-browser"]);
        let callback = login.consent("allow");
        let page = login.deliver(&callback);
        assert!(
            page.body.contains("You are connected"),
            "login {round}: {page}"
        );
        let finished = login.finish();
        assert_eq!(finished.code, Some(0), "login {round}: {finished}");
    }
    assert_eq!(sandbox.exchanges(), 30);
    assert_eq!(env.connections(), ["work"]);
    let kept = records(&env);
    assert_eq!(
        kept.matches("connection/work").count(),
        1,
        "one record: {kept}"
    );
}

#[test]
#[ignore = "needs the keyring session of tests/run"]
fn a_login_killed_while_it_waits_leaves_nothing() {
    for (signal, code) in [
        (Signal::INT, Some(130)),
        (Signal::TERM, Some(143)),
        (Signal::HUP, Some(129)),
        (Signal::KILL, None),
    ] {
        let Scene {
            env,
            sandbox,
            login,
        } = Scene::with(unlocked(), REDIRECT_URI, &["--no-browser"]);
        let port = login.port();
        login.process.signal(signal);
        let finished = login.finish();
        assert_eq!(finished.code, code, "{signal:?}: {finished}");
        assert!(is_free(port), "{signal:?}: port {port} is still taken");
        assert_eq!(records(&env), "", "{signal:?}: left in the keyring");
        drop(sandbox);
        env.nothing_runs();
    }
}

/// `work`, connected with these scopes.
fn connected(scopes: &str) -> (Env, Sandbox) {
    let more = ["--no-browser", "--scope", scopes];
    let Scene {
        env,
        sandbox,
        mut login,
    } = Scene::with(unlocked(), REDIRECT_URI, &more);
    let callback = login.consent("allow");
    let page = login.deliver(&callback);
    assert!(page.body.contains("You are connected"), "{page}");
    let finished = login.finish();
    assert_eq!(finished.code, Some(0), "{finished}");
    let asked: BTreeSet<String> = scopes.split(' ').map(str::to_owned).collect();
    assert_eq!(granted(&finished.json()), asked, "{finished}");
    (env, sandbox)
}

/// The granted scopes of a connection as the program shows it in JSON.
fn granted(connection: &Value) -> BTreeSet<String> {
    let Some(scopes) = connection["scopes"]["granted"].as_array() else {
        panic!("no granted scopes: {connection}");
    };
    scopes
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}
