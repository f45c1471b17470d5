//! `token`: one that works, or an exit code that says what to do.

use serde_json::Value;

use crate::env::{Env, Sandbox, Scene};

/// A connection to a sandbox with more options, signed in.
fn connected(sandbox_options: &[&str]) -> (Env, Sandbox) {
    let mut scene = Scene::sandboxed(sandbox_options);
    let callback = scene.login.consent("allow");
    scene.login.deliver(&callback);
    let finished = scene.login.finish();
    assert_eq!(finished.code, Some(0), "{finished}");
    (scene.env, scene.sandbox)
}

fn token(env: &Env) -> String {
    env.run(["token"]).any_stdout().check().out()
}

fn refreshes(sandbox: &mut Sandbox) -> usize {
    let requests = sandbox.requests().iter();
    requests
        .filter(|entry| entry["grant_type"] == "refresh_token")
        .count()
}

#[test]
fn a_fresh_token_is_printed_alone_and_without_asking_webex() {
    let (env, mut sandbox) = connected(&[]);
    let before = sandbox.requests().len();
    let first = token(&env);
    assert!(
        first.ends_with('\n') && !first.trim_end().contains(char::is_whitespace),
        "{first:?}"
    );
    assert_eq!(token(&env), first);
    let json = env
        .run(["token", "work", "--json"])
        .any_stdout()
        .check()
        .json();
    assert_eq!(json["access_token"], first.trim_end());
    assert_eq!(json["token_type"], "Bearer");
    assert_eq!(json["scopes"].as_array().map(Vec::len), Some(12));
    assert!(json["expires_at"].is_string());
    assert_eq!(
        json.as_object().map(serde_json::Map::len),
        Some(4),
        "{json}"
    );
    assert_eq!(sandbox.requests().len(), before);
}

#[test]
fn a_stale_token_is_refreshed_and_saved() {
    // A life of no seconds: every token is stale when it comes.
    let (env, mut sandbox) = connected(&["--expires-in", "0"]);
    let first = token(&env);
    let second = token(&env);
    assert_ne!(first, second);
    assert_eq!(refreshes(&mut sandbox), 2);
}

#[test]
fn a_rotated_refresh_token_is_the_one_used_next() {
    let (env, mut sandbox) = connected(&["--expires-in", "0", "--rotate"]);
    let tokens: Vec<_> = (0..4).map(|_| token(&env)).collect();
    assert_eq!(refreshes(&mut sandbox), 4);
    assert!(
        tokens.windows(2).all(|pair| pair[0] != pair[1]),
        "{tokens:?}"
    );
}

#[test]
fn a_dead_grant_is_kept_and_says_that_a_person_must_sign_in() {
    let (env, sandbox) = connected(&["--expires-in", "0"]);
    let _forgetful = sandbox.restarted(&env);
    let failed = env
        .run(["token", "--json"])
        .code(4)
        .stderr_json("sign_in_required")
        .check();
    let error: Value = serde_json::from_str(&failed.err()).unwrap_or_default();
    let error = &error["error"];
    assert!(
        error["hint"]
            .as_str()
            .is_some_and(|hint| hint.contains("log in again")),
        "{error}"
    );
    assert!(
        error["message"]
            .as_str()
            .is_some_and(|text| text.contains("used elsewhere, revoked")),
        "{error}"
    );
    assert!(error["tracking_id"].is_string(), "{error}");
    let listed = env.run(["list", "--json"]).any_stdout().check().json();
    assert_eq!(listed[0]["state"], "reconnect_needed");
}

#[test]
fn webex_out_of_reach_is_exit_7() {
    let (env, sandbox) = connected(&["--expires-in", "0"]);
    drop(sandbox);
    env.run(["token"])
        .code(7)
        .stderr_has("could not reach 127.0.0.1")
        .stderr_has("run the same command again")
        .check();
    let listed = env.run(["list", "--json"]).any_stdout().check().json();
    assert_eq!(listed[0]["state"], "ready");
}

#[test]
fn a_sandbox_connection_refreshes_without_a_server() {
    let env = Env::new();
    env.run(["login", "--sandbox", "--approve"])
        .any_stderr()
        .check();
    let first = token(&env);
    // Two weeks later.
    env.edit_records(|_, record| {
        if let Some(expires_at) = record.pointer_mut("/tokens/expires_at") {
            *expires_at = "2020-01-01T00:00:00Z".into();
        }
    });
    let second = token(&env);
    assert_ne!(first, second);
    assert_eq!(token(&env), second);
}

#[test]
fn which_connection_is_meant() {
    let env = Env::new();
    env.run(["token"])
        .code(4)
        .stderr(
            "error: there is no connection yet\nhint: make one with `webex-connect login`, or try it with \
             `webex-connect login --sandbox`\n",
        )
        .check();
    env.run(["login", "one", "--sandbox", "--approve"])
        .any_stderr()
        .check();
    env.run(["login", "two", "--sandbox", "--approve"])
        .any_stderr()
        .check();
    let named = |name: &str| env.run(["token", name]).any_stdout().check().out();
    assert_eq!(token(&env), named("one"), "the first one is the default");
    let by_variable = env
        .run(["token"])
        .var("WEBEX_CONNECT_CONNECTION", "TWO")
        .any_stdout()
        .check()
        .out();
    assert_eq!(by_variable, named("two"));
    env.run(["logout", "one"]).any_stderr().check();
    assert_eq!(token(&env), named("two"), "the only one");
    env.run(["token", "three"])
        .code(4)
        .stderr(
            "error: there is no connection three\nhint: `webex-connect list` shows what there is; \
             `webex-connect login three` makes it\n",
        )
        .check();
    env.run(["token", "../x"])
        .code(2)
        .stderr_has("a name is 1 to 64")
        .check();
}

#[test]
fn logout_twice_is_no_error() {
    let env = Env::new();
    env.run(["login", "--sandbox", "--approve"])
        .any_stderr()
        .check();
    let removed = |env: &Env| {
        env.run(["logout", "sandbox", "--json"])
            .any_stdout()
            .check()
            .json()["removed"]
            .clone()
    };
    assert_eq!(removed(&env), true);
    assert_eq!(removed(&env), false);
    assert!(env.connections().is_empty());
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_behind_stdout_is_an_error_and_a_closed_pipe_is_not() {
    let env = Env::new();
    env.run(["login", "--sandbox", "--approve"])
        .any_stderr()
        .check();
    let shell = |script: &str| {
        let mut command = env.program("sh");
        command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_webex-connect")]);
        crate::env::Run::new(command)
    };
    shell("exec \"$1\" token >/dev/full")
        .code(1)
        .stderr_has("could not write to standard output")
        .check();
    shell("{ \"$1\" token; echo $? >rc; } | true; read rc <rc; exit $rc").check();
}
