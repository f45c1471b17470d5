//! `logout`: gone here first, then revoked where nothing else stands on the grant, then the truth.

use serde_json::Value;

use crate::env::{Attempt, Authority, Env, Login, Reply, Sandbox, case_held, redirect_uri};

/// A home with these connections, all of one person and one app, and the sandbox that issued them.
fn connected(sandbox_options: &[&str], names: &[&str]) -> (Env, Sandbox) {
    let env = Env::new();
    let redirect_uri = redirect_uri();
    let sandbox = Sandbox::with(&env, &redirect_uri, sandbox_options);
    for (number, name) in names.iter().enumerate() {
        let login = match number {
            0 => Login::start(&env, &sandbox, &redirect_uri, &["--no-browser"]),
            _ => Login::again(
                &env,
                &redirect_uri,
                &[name, "--app", "work", "--no-browser"],
            ),
        };
        ends_well(login, "sandbox.person@example.com");
    }
    (env, sandbox)
}

fn ends_well(mut login: Login, person: &str) {
    let callback = login.consent_as(person);
    login.deliver(&callback);
    let finished = login.finish();
    assert_eq!(finished.code, Some(0), "{finished}");
}

/// The token types that the sandbox was asked to revoke, with its answers.
fn revocations(sandbox: &mut Sandbox) -> Vec<(String, i64)> {
    let asked = sandbox.requests().iter();
    let asked = asked.filter(|entry| entry["path"] == "/idb/oauth2/v1/revoke");
    let row = |entry: &Value| {
        let hint = entry["params"]["token_type_hint"]
            .as_str()
            .unwrap_or_default();
        (
            hint.to_owned(),
            entry["status"].as_i64().unwrap_or_default(),
        )
    };
    asked.map(row).collect()
}

#[test]
fn the_only_connection_of_its_grant_is_revoked() {
    let (env, mut sandbox) = connected(&[], &["work"]);
    let token = env.run(["token", "work"]).any_stdout().check().out();
    let store = env.path("data/webex-connect/store.age");
    env.run(["logout", "WORK"])
        .stderr(&format!(
            "removed work from {}\nits grant is revoked at Webex\n",
            store.display()
        ))
        .secret(token.trim())
        .check();
    let both = [
        ("refresh_token".to_owned(), 200),
        ("access_token".to_owned(), 200),
    ];
    assert_eq!(revocations(&mut sandbox), both);
    assert!(env.connections().is_empty());
    env.run(["logout", "work"])
        .stderr_has("there is no connection work")
        .stderr_has("nothing to remove")
        .check();
    assert_eq!(
        revocations(&mut sandbox).len(),
        2,
        "nothing was left to revoke"
    );
}

#[test]
fn a_grant_that_another_connection_may_share_is_left_alone() {
    let (env, mut sandbox) = connected(&[], &["work", "second"]);
    let told = env
        .run(["logout", "second", "--json"])
        .any_stdout()
        .check()
        .json();
    assert_eq!(told["removed"], true);
    assert_eq!(told["revoked"], false);
    assert_eq!(told["reason"], "not revoked, for work may share the grant");
    assert!(told["access_token_expires_at"].is_string(), "{told}");
    assert!(revocations(&mut sandbox).is_empty());
    env.run(["status", "work", "--live"]).any_stdout().check();
    env.run(["logout", "work"])
        .stderr_has("its grant is revoked")
        .check();
    assert_eq!(revocations(&mut sandbox).len(), 2);
}

#[test]
fn a_connection_of_another_person_shares_nothing() {
    let (env, mut sandbox) = connected(&[], &["work"]);
    let redirect_uri = env.run(["list", "--json"]).any_stdout().check().json();
    let redirect_uri = redirect_uri[0]["app"]["redirect_uri"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let other = Login::again(
        &env,
        &redirect_uri,
        &["other", "--app", "work", "--no-browser"],
    );
    ends_well(other, "sandbox.colleague@example.com");
    env.run(["logout", "other"])
        .stderr_has("its grant is revoked")
        .check();
    assert_eq!(revocations(&mut sandbox).len(), 2);
    env.run(["status", "work", "--live"]).any_stdout().check();
}

#[test]
fn all_are_removed_and_every_grant_is_revoked() {
    let (env, mut sandbox) = connected(&[], &["work", "second"]);
    let told = env
        .run(["logout", "--all", "--json"])
        .any_stdout()
        .check()
        .json();
    let rows = told["connections"].as_array().cloned().unwrap_or_default();
    let names: Vec<_> = rows.iter().map(|row| row["name"].clone()).collect();
    assert_eq!(names, ["second", "work"], "{told}");
    assert!(
        rows.iter()
            .all(|row| row["removed"] == true && row["revoked"] == true),
        "{told}"
    );
    assert_eq!(revocations(&mut sandbox).len(), 4);
    assert!(env.connections().is_empty());
}

/// LO-01: whatever Webex says, it is gone here, and what is said of Webex is true.
#[test]
fn what_webex_answers_changes_nothing_here() {
    for (fault, words) in [
        ("revoke=500", "Webex answered 500"),
        ("revoke=503", "Webex answered 503"),
        (
            "revoke=400:unsupported_token_type",
            "unsupported_token_type",
        ),
    ] {
        let (env, mut sandbox) = connected(&["--fail", fault], &["work"]);
        env.run(["logout", "work"])
            .stderr_has("removed work from")
            .stderr_has("could not revoke it")
            .stderr_has(words)
            .stderr_has("copies of its tokens stay valid until")
            .check();
        assert_eq!(
            revocations(&mut sandbox).len(),
            1,
            "{fault}: asked once, never elsewhere"
        );
        assert!(env.connections().is_empty(), "{fault}");
        case_held(format!("LO-01 {fault}"));
    }
}

/// LO-01: a redirect is not followed, so nobody else sees client secret or token.
#[test]
fn a_redirect_is_not_followed() {
    let env = Env::new();
    let authority = Authority::plain(Reply::tokens());
    Attempt::start(&env, &authority, &[])
        .returns()
        .succeeds("login");
    let sink = Authority::plain(Reply::tokens());
    for status in [301, 302, 303, 307, 308] {
        let location = format!("Location: {}/steal\r\n", sink.base);
        authority.revocation_answers(Reply::with(status, &location, ""));
        let told = env
            .run(["logout", "work", "--json"])
            .any_stdout()
            .check()
            .json();
        assert_eq!(told["removed"], true, "{status}");
        assert_eq!(told["revoked"], false, "{status}");
        let reason = told["reason"].as_str().unwrap_or_default();
        assert!(
            reason.contains(&format!("Webex answered {status}")),
            "{told}"
        );
        case_held(format!("LO-01 {status}"));
        Attempt::start(&env, &authority, &[])
            .returns()
            .succeeds("the next login");
    }
    assert_eq!(sink.connections(), 0);
}

/// LO-01: offline.
#[test]
fn offline_it_is_gone_here_all_the_same() {
    let (env, sandbox) = connected(&[], &["work"]);
    drop(sandbox);
    env.run(["logout", "work"])
        .stderr_has("removed work from")
        .stderr_has("could not reach 127.0.0.1")
        .stderr_has("stay valid until")
        .within(20)
        .check();
    assert!(env.connections().is_empty());
    case_held("LO-01 offline");
}

#[test]
fn without_its_app_the_grant_stays_and_that_is_said() {
    let (env, mut sandbox) = connected(&[], &["work"]);
    env.run(["app", "remove", "work", "--force"])
        .any_stderr()
        .check();
    env.run(["logout", "work"])
        .stderr_has("could not revoke it: the app work that work needs is not stored")
        .stderr_has("stay valid until")
        .check();
    assert!(revocations(&mut sandbox).is_empty());
}

#[test]
fn a_record_that_cannot_be_read_is_removed_and_nothing_is_claimed_of_webex() {
    let (env, mut sandbox) = connected(&[], &["work"]);
    env.edit_records(|name, record| {
        if name == "connection/work" {
            *record = Value::String("damaged".to_owned());
        }
    });
    env.run(["logout", "work"])
        .stderr_has("removed work from")
        .stderr_has(
            "its record could not be read; copies of its tokens stay valid until they expire",
        )
        .stderr_has("https://idbroker.webex.com/idb/profile#/tokens")
        .check();
    assert!(revocations(&mut sandbox).is_empty());
    assert!(env.connections().is_empty());
}

#[test]
fn an_embedded_sandbox_connection_claims_no_revocation() {
    let env = Env::new();
    env.connect_sandbox();
    env.run(["logout", "sandbox"])
        .stderr_has("removed sandbox from")
        .stderr_has("its tokens open nothing else")
        .check();
}

/// A record that a newer version wrote may stand on the same grant.
#[test]
fn nothing_is_revoked_beside_a_record_that_cannot_be_read() {
    let (env, mut sandbox) = connected(&[], &["work"]);
    env.change_records(|records| {
        let mut newer = records["connection/work"].clone();
        newer["name"] = "newer".into();
        newer["schema"] = 9.into();
        records.insert("connection/newer".to_owned(), newer);
    });
    env.run(["logout", "work"])
        .stderr_has("removed work from ")
        .stderr_has("what else is stored could not be read")
        .check();
    assert_eq!(revocations(&mut sandbox), []);
}
