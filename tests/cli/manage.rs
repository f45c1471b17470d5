//! `status`, `rename`, `default` and `logout`.

use serde_json::json;

use crate::env::{Env, Scene};

/// A home with these sandbox connections, the first of them the default.
fn with(names: &[&str]) -> Env {
    let env = Env::new();
    for name in names {
        env.run(["login", name, "--sandbox", "--approve"])
            .any_stderr()
            .check();
    }
    env
}

fn default(env: &Env) -> Option<String> {
    let listed = env.run(["list", "--json"]).any_stdout().check().json();
    let rows = listed.as_array().cloned().unwrap_or_default();
    let row = rows.iter().find(|row| row["default"] == true)?;
    row["name"].as_str().map(str::to_owned)
}

#[test]
fn a_renamed_connection_keeps_its_token_and_stays_the_default() {
    let env = with(&["one", "two"]);
    let token = env.run(["token", "one"]).any_stdout().check().out();
    env.run(["rename", "one", "Work"])
        .stderr("one is now Work\n")
        .check();
    assert_eq!(env.connections(), ["two", "Work"]);
    assert_eq!(default(&env).as_deref(), Some("Work"));
    env.run(["token", "work"]).stdout(&token).check();
    env.run(["token", "one"])
        .code(4)
        .stderr_has("there is no connection one")
        .check();
    let json = env
        .run(["rename", "WORK", "work", "--json"])
        .any_stdout()
        .check()
        .json();
    assert_eq!(json, json!({"old": "WORK", "new": "work"}));
    assert_eq!(
        env.connections(),
        ["two", "work"],
        "only the case has changed"
    );
}

#[test]
fn names_are_unique_whatever_their_case() {
    let env = with(&["one", "two"]);
    env.run(["rename", "one", "TWO"])
        .code(2)
        .stderr(
            "error: there is already a connection TWO\n\
             hint: choose another name, or remove it with `webex-connect logout TWO`\n",
        )
        .check();
    env.run(["login", "ONE", "--sandbox", "--approve"])
        .stderr_has("connected one")
        .check();
    assert_eq!(env.connections(), ["one", "two"]);
    env.run(["rename", "three", "four"])
        .code(4)
        .stderr_has("there is no connection three")
        .check();
    env.run(["rename", "one", "-x"])
        .code(2)
        .any_stderr()
        .check();
    env.run(["rename", "one", ".x"])
        .code(2)
        .stderr_has("a name is 1 to 64")
        .check();
}

#[test]
fn a_command_that_is_proposed_chooses_the_store_that_was_chosen() {
    let env = Env::new();
    let stored = ["--store", "file"];
    let login = ["login", "--sandbox", "--approve"];
    let login = env.run([&login[..], &stored].concat());
    login
        .stderr_has("next: `webex-connect --store file token sandbox`")
        .check();
    env.run([&["token", "sandbx"][..], &stored].concat())
        .code(4)
        .stderr(
            "error: there is no connection sandbx\n\
             hint: did you mean sandbox? `webex-connect --store file list` shows what there is; `webex-connect --store \
             file login sandbx` makes it\n",
        )
        .check();
    let json = env.run([&["token", "nobody", "--json"][..], &stored].concat());
    let error = json.code(4).any_stderr().check().err();
    assert!(
        error.contains("`webex-connect --store file list`"),
        "{error}"
    );
    env.run(["token", "nobody"])
        .code(4)
        .stderr_has("hint: `webex-connect list` shows")
        .check();
}

#[test]
fn the_default_is_chosen_and_unset_by_logout() {
    let env = with(&["one", "two", "three"]);
    env.run(["default", "Two"])
        .stderr("two is now the default connection\n")
        .check();
    assert_eq!(default(&env).as_deref(), Some("two"));
    env.run(["default", "four"])
        .code(4)
        .stderr_has("there is no connection four")
        .check();
    env.run(["logout", "two"]).any_stderr().check();
    assert_eq!(default(&env), None);
    env.run(["token"])
        .code(2)
        .stderr(
            "error: there are several connections and none is the default\n\
             hint: name one (`webex-connect list` shows them), or make it the default: `webex-connect default NAME`\n",
        )
        .check();
}

#[test]
fn logout_all_leaves_nothing_and_can_be_repeated() {
    let env = with(&["one", "two"]);
    let json = env
        .run(["logout", "--all", "--json"])
        .any_stdout()
        .check()
        .json();
    let rows = json["connections"].as_array().cloned().unwrap_or_default();
    let names: Vec<_> = rows.iter().map(|row| row["name"].clone()).collect();
    assert_eq!(names, ["one", "two"], "{json}");
    assert!(rows.iter().all(|row| row["removed"] == true), "{json}");
    assert!(env.connections().is_empty());
    env.run(["logout", "--all"])
        .stderr_has("nothing to remove")
        .check();
    env.run(["logout"]).code(2).stderr_has("required").check();
    env.run(["logout", "one", "--all"])
        .code(2)
        .stderr_has("cannot be used with")
        .check();
}

#[test]
fn status_shows_a_connection_in_full() {
    let env = with(&["one"]);
    let status = env.run(["status"]).any_stdout().check().out();
    for words in [
        "connection   one (default)\n",
        "account      Sandbox Person <sandbox.person@example.com> (person)\n",
        "type         provided app, sandbox (embedded)\n",
        "client ID    sandbox\n",
        "state        ready\n",
        "granted      12 scopes, as Webex reported\n",
        "requested    12 scopes, 12 of them granted\n",
        "\n  spark:teams_write\n",
    ] {
        assert!(status.contains(words), "{words:?} is not in:\n{status}");
    }
    assert!(
        status.contains("in 13 days") || status.contains("in 14 days"),
        "{status}"
    );
    let json = env.run(["status", "--json"]).any_stdout().check().json();
    let listed = env.run(["list", "--json"]).any_stdout().check().json();
    assert_eq!(json, listed[0]);
    env.run(["status", "two"])
        .code(4)
        .stderr_has("there is no connection two")
        .check();
}

#[test]
fn status_live_asks_webex() {
    let env = with(&["one"]);
    let json = env
        .run(["status", "--live", "--json"])
        .any_stdout()
        .check()
        .json();
    assert_eq!(json["live"]["works"], true);
    assert_eq!(
        json["live"]["identity"]["email"],
        "sandbox.person@example.com"
    );

    let mut scene = Scene::sandboxed(&[]);
    let callback = scene.login.consent("allow");
    scene.login.deliver(&callback);
    assert_eq!(scene.login.finish().code, Some(0));
    let status = || scene.env.run(["status", "--live"]);
    status().any_stdout().check();
    let _forgetful = scene.sandbox.restarted(&scene.env);
    status()
        .code(4)
        .stderr_has("Webex refused the refresh token")
        .check();

    let (env, sandbox) = Scene::signed_in(&[]);
    drop(sandbox);
    env.run(["status", "--live"])
        .code(7)
        .stderr_has("could not reach 127.0.0.1")
        .check();
}

#[test]
fn status_says_when_a_person_must_sign_in() {
    let mut scene = Scene::sandboxed(&["--expires-in", "0"]);
    let callback = scene.login.consent("allow");
    scene.login.deliver(&callback);
    assert_eq!(scene.login.finish().code, Some(0));
    // Expired, but it can be refreshed: nobody has to do anything.
    scene.env.run(["status"]).any_stdout().check();
    let _forgetful = scene.sandbox.restarted(&scene.env);
    scene.env.run(["token"]).code(4).any_stderr().check();
    let status = scene.env.run(["status"]).code(4).any_stdout();
    let told = status
        .stderr_has("work needs a new sign-in")
        .stderr_has("`webex-connect login work`")
        .check();
    let refused = "refresh      refused by Webex\n";
    assert!(told.out().contains(refused), "{told}");
}
