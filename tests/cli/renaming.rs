//! A rename whose process was killed is completed by the next command. Each state that it can leave is made by hand
//! here; `tests/system/killed.rs` kills real ones.

use std::collections::BTreeMap;
use std::fs::File;

use serde_json::{Value, json};

use crate::env::{Env, Sandbox, Scene};

type Records = BTreeMap<String, Value>;

const WORK: &str = "connection/work";
const OTHER: &str = "connection/other";

/// How far the rename of `work` to `other` came.
#[derive(Clone, Copy, Debug)]
enum Killed {
    Marked,
    Written,
    DefaultMoved,
}

const STATES: [Killed; 3] = [Killed::Marked, Killed::Written, Killed::DefaultMoved];

/// `work`, with an app of its own at a sandbox, whose rename to `other` was killed.
fn killed(state: Killed) -> (Env, Sandbox) {
    let (env, sandbox) = Scene::signed_in(&["--rotate"]);
    leave(&env, state);
    (env, sandbox)
}

fn leave(env: &Env, state: Killed) {
    env.change_records(|records| {
        if !matches!(state, Killed::Marked) {
            let mut copy = records[WORK].clone();
            copy["name"] = json!("other");
            copy["revision"] = json!(1);
            copy["renamed_from"] = json!("work");
            records.insert(OTHER.to_owned(), copy);
        }
        if matches!(state, Killed::DefaultMoved) {
            set(records, "default", "name", json!("other"));
        }
        set(records, WORK, "renaming_to", json!("other"));
    });
}

fn set(records: &mut Records, key: &str, member: &str, value: Value) {
    if let Some(record) = records.get_mut(key) {
        record[member] = value;
    }
}

/// The rename is complete: one connection, which is the default, with this access token.
fn is_complete(env: &Env, token: &str, case: &str) {
    let records = env.records();
    let names: Vec<&str> = records.keys().map(String::as_str).collect();
    assert_eq!(names, ["app/work", OTHER, "default"], "{case}");
    assert_eq!(records[OTHER]["renaming_to"], Value::Null, "{case}");
    assert_eq!(records[OTHER]["renamed_from"], Value::Null, "{case}");
    assert_eq!(records["default"]["name"], "other", "{case}");
    assert_eq!(records[OTHER]["tokens"]["access_token"], token, "{case}");
    env.run(["token", "other"])
        .stdout(&format!("{token}\n"))
        .check();
}

fn token_of(env: &Env, key: &str) -> String {
    let token = &env.records()[key]["tokens"]["access_token"];
    token.as_str().unwrap_or_default().to_owned()
}

const NOTE: &str = "work is now called other: its rename was interrupted and is complete now\n";
const RENAMED: &str = "work is now called other: its rename was interrupted before\n\
                       hint: give the same command with the new name, for example `webex-connect token other`\n";

#[test]
fn a_command_that_names_the_old_connection_is_told_the_new_name() {
    for state in STATES {
        for command in [
            &["token", "work"][..],
            &["status", "work"],
            &["check", "work"],
            &["api", "people/me", "--connection", "work"],
            &["refresh", "work"],
            &["default", "work"],
            &["login", "work", "--no-browser"],
        ] {
            let (env, _sandbox) = killed(state);
            let token = token_of(&env, WORK);
            env.run(command)
                .code(4)
                .stderr(&format!("error: {RENAMED}"))
                .check();
            is_complete(&env, &token, &format!("{state:?} {command:?}"));
            // Now it is a connection that does not exist.
            env.run(["token", "work"])
                .code(4)
                .stderr_has("there is no connection work")
                .check();
        }
    }
}

#[test]
fn a_command_about_all_or_the_default_goes_on_with_the_new_name() {
    for state in STATES {
        for (command, said) in [
            (&["list"][..], NOTE.to_owned()),
            (
                &["refresh", "--all"],
                format!("{NOTE}other is refreshed, its token good until"),
            ),
            (&["token"], NOTE.to_owned()),
            (&["status"], NOTE.to_owned()),
        ] {
            let (env, _sandbox) = killed(state);
            let finished = env.run(command).any_stdout().any_stderr().check();
            assert!(finished.err().starts_with(&said), "{state:?} {finished}");
            let token = token_of(&env, OTHER);
            is_complete(&env, &token, &format!("{state:?} {command:?}"));
            let listed = env.run(["list"]).any_stdout().check().out();
            assert!(
                listed.contains(" other ") && !listed.contains(" work "),
                "{listed}"
            );
        }
    }
}

#[test]
fn the_same_rename_again_succeeds_and_another_one_is_told_the_name() {
    for state in STATES {
        let (env, _sandbox) = killed(state);
        let token = token_of(&env, WORK);
        env.run(["rename", "work", "other"])
            .stderr(&format!("{NOTE}work is now other\n"))
            .check();
        is_complete(&env, &token, &format!("{state:?}"));

        let (env, _sandbox) = killed(state);
        env.run(["rename", "work", "third"])
            .code(4)
            .stderr(&format!("{NOTE}error: {RENAMED}"))
            .check();
        is_complete(&env, &token_of(&env, OTHER), &format!("{state:?}"));

        // The old name is free again.
        let (env, _sandbox) = killed(state);
        env.run(["rename", "other", "work"])
            .stderr(&format!("{NOTE}other is now work\n"))
            .check();
        assert_eq!(env.connections(), ["work"]);
    }
}

/// A connection that was removed does not come back under its other name.
#[test]
fn logout_leaves_neither_name() {
    for state in STATES {
        for command in [&["logout", "other"][..], &["logout", "--all"]] {
            let (env, _sandbox) = killed(state);
            let said = env.run(command).any_stderr().check();
            assert!(said.err().starts_with(NOTE), "{state:?} {said}");
            let names: Vec<String> = env.records().into_keys().collect();
            assert_eq!(names, ["app/work"], "{state:?} {command:?}");
        }
        let (env, _sandbox) = killed(state);
        env.run(["logout", "work"])
            .code(4)
            .stderr(&format!("{NOTE}error: could not remove work: {RENAMED}"))
            .check();
        is_complete(&env, &token_of(&env, OTHER), &format!("{state:?}"));
    }
}

/// The old record was refreshed after the copy was made; the server has ended the refresh token of the copy.
#[test]
fn newer_tokens_under_the_old_name_are_not_lost() {
    let (env, _sandbox) = Scene::signed_in(&["--rotate"]);
    let before = env.records()[WORK].clone();
    env.run(["refresh"]).any_stderr().check();
    let token = token_of(&env, WORK);
    leave(&env, Killed::Written);
    env.edit_records(|key, record| {
        if key == OTHER {
            record["tokens"] = before["tokens"].clone();
        }
    });
    env.run(["list"]).any_stdout().stderr(NOTE).check();
    is_complete(&env, &token, "refreshed");
    env.run(["refresh"]).any_stderr().check();
}

/// Somebody has signed in under the new name meanwhile.
#[test]
fn another_grant_under_the_new_name_stays() {
    let (env, _sandbox) = killed(Killed::Written);
    env.edit_records(|key, record| {
        if key == OTHER {
            record["identity"]["id"] = json!("another");
        }
    });
    let token = token_of(&env, WORK);
    env.run(["token", "work"])
        .stdout(&format!("{token}\n"))
        .check();
    assert_eq!(env.records()[WORK]["renaming_to"], Value::Null);
    env.run(["list"]).any_stdout().check();
    assert_eq!(env.connections(), ["other", "work"]);
    assert_eq!(env.records()["default"]["name"], "work");
}

#[test]
fn a_record_that_cannot_be_read_under_the_new_name_is_left_alone() {
    let (env, _sandbox) = killed(Killed::Written);
    env.edit_records(|key, record| {
        if key == OTHER {
            record["schema"] = json!(2);
        }
    });
    let before = env.records();
    env.run(["token", "work"]).any_stdout().check();
    assert_eq!(env.records(), before);
}

/// The process that holds a lock may be the rename itself.
#[test]
fn a_rename_under_way_is_left_to_its_process() {
    for name in ["work", "other"] {
        let (env, _sandbox) = killed(Killed::Written);
        // Makes the lock file.
        let path = env.path(format!("data/webex-connect/connection-{name}.lock"));
        let lock = File::create(&path).unwrap_or_else(|e| panic!("{e}"));
        lock.lock().unwrap_or_else(|e| panic!("{e}"));
        let before = env.records();
        env.run(["token", "work"]).any_stdout().within(5).check();
        env.run(["list"]).any_stdout().within(5).check();
        assert_eq!(env.records(), before, "{name}");
        drop(lock);
        env.run(["list"]).any_stdout().stderr(NOTE).check();
    }
}

#[test]
fn a_rename_leaves_no_mark_and_a_forged_one_removes_nothing() {
    let (env, _sandbox) = Scene::signed_in(&[]);
    assert_eq!(env.records()[WORK]["renaming_to"], Value::Null);
    env.edit_records(|key, record| {
        if key == WORK {
            record["renaming_to"] = json!("WORK");
        }
    });
    env.run(["token", "work"]).any_stdout().check();
    assert_eq!(env.connections(), ["work"]);
    env.run(["rename", "work", "other"])
        .stderr("work is now other\n")
        .check();
    assert_eq!(env.records()[OTHER]["renaming_to"], Value::Null);
}

/// While another process holds one of the locks, the rename cannot be completed. Both records have one refresh token, so
/// neither is refreshed, and a logout of one would be undone by the other.
#[test]
fn until_a_rename_is_complete_neither_record_is_refreshed_or_removed() {
    let (env, mut sandbox) = killed(Killed::Written);
    env.age(jiff::SignedDuration::from_secs(-5));
    for locked in ["work", "other"] {
        let path = format!("data/webex-connect/connection-{locked}.lock");
        let lock = File::create(env.path(&path)).unwrap_or_else(|e| panic!("{path}: {e}"));
        lock.lock().unwrap_or_else(|e| panic!("{path}: {e}"));
        let free = match locked {
            "work" => "other",
            _ => "work",
        };
        for args in [&["token", free][..], &["refresh", free], &["logout", free]] {
            env.run(args)
                .code(6)
                .stderr_has(&format!("the rename of {free} is not complete yet"))
                .stderr_has("hint: run the same command again")
                .check();
        }
        drop(lock);
    }
    assert_eq!(sandbox.refreshes(), 0);
    env.run(["token", "other"])
        .any_stdout()
        .any_stderr()
        .check();
    assert_eq!(sandbox.refreshes(), 1);
    assert_eq!(env.connections(), ["other"]);
    env.run(["refresh", "other"]).any_stderr().check();
    assert_eq!(sandbox.refreshes(), 2, "the grant is alive");
}

/// The newer name finds the interrupted rename too.
#[test]
fn a_command_about_the_new_name_completes_the_rename() {
    let (env, mut sandbox) = killed(Killed::Written);
    env.run(["refresh", "other"]).any_stderr().check();
    assert_eq!(sandbox.refreshes(), 1);
    assert_eq!(env.connections(), ["other"]);
}
