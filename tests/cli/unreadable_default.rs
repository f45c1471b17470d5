//! A default connection that cannot be read stays the default: unreadable is not absent.

use serde_json::Value;

use crate::env::Env;

/// Two sandbox connections, `one` the default, and one record of a newer version.
fn with_newer(key: &str) -> Env {
    let env = Env::new();
    for name in ["one", "two"] {
        env.run(["login", name, "--sandbox", "--approve"])
            .any_stderr()
            .check();
    }
    env.edit_records(|name, record| {
        if name == key {
            record["schema"] = 2.into();
        }
    });
    env
}

fn record(env: &Env, key: &str) -> Value {
    env.records().remove(key).unwrap_or_default()
}

/// The two records that make an unreadable default: the one that names it, and the connection itself.
const UNREADABLE: [&str; 2] = ["default", "connection/one"];

#[test]
fn a_login_leaves_it_the_default_and_says_so() {
    for key in UNREADABLE {
        let env = with_newer(key);
        let (default, one) = (record(&env, "default"), record(&env, "connection/one"));
        let cure = match key {
            "default" => {
                "the stored record default is unreadable: a newer version of webex-connect wrote it"
            }
            _ => {
                "the stored record connection/one is unreadable: a newer version of webex-connect wrote it"
            }
        };
        for name in ["three", "two"] {
            let said = env
                .run(["login", name, "--sandbox", "--approve"])
                .any_stderr()
                .check();
            let warning = format!(
                "warning: the default connection cannot be read, and stays the default: {cure}; `webex-connect \
                 default {name}` changes it\n"
            );
            assert!(said.err().contains(&warning), "{key}: {said}");
            assert!(said.err().contains(&format!("connected {name}")), "{said}");
        }
        assert_eq!(record(&env, "default"), default, "{key}");
        assert_eq!(record(&env, "connection/one"), one, "{key}");
        // The proposed command works.
        env.run(["default", "two"]).any_stderr().check();
        env.run(["token"]).any_stdout().check();
    }
}

#[test]
fn no_other_command_changes_or_drops_it() {
    for key in UNREADABLE {
        let env = with_newer(key);
        let (default, one) = (record(&env, "default"), record(&env, "connection/one"));
        let stays = |command: &[&str]| {
            assert_eq!(record(&env, "default"), default, "{key}: {command:?}");
            assert_eq!(record(&env, "connection/one"), one, "{key}: {command:?}");
        };
        for (command, code) in [
            (&["rename", "two", "three"][..], 0),
            (&["list"], 6),
            (&["status", "three"], 0),
            (&["status"], 6),
            (&["token"], 6),
            (&["refresh", "three"], 0),
            (&["logout", "three"], 0),
        ] {
            let run = env.run(command).code(code).any_stdout();
            let finished = run.any_stderr().check();
            if code == 6 {
                let names = finished
                    .err()
                    .contains(&format!("record {key} is unreadable"));
                assert!(names, "{key}: {finished}");
            }
            stays(command);
        }
    }
    // A connection that cannot be read cannot be renamed either.
    let env = with_newer("connection/one");
    let before = env.records();
    env.run(["rename", "one", "three"])
        .code(6)
        .stderr_has("record connection/one is unreadable")
        .check();
    assert_eq!(env.records(), before);
}

/// `logout` of the default itself removes both.
#[test]
fn logout_of_an_unreadable_default_connection_unsets_the_default() {
    let env = with_newer("connection/one");
    env.run(["logout", "one"]).any_stderr().check();
    let kept: Vec<String> = env.records().into_keys().collect();
    assert_eq!(kept, ["connection/two"]);
}
