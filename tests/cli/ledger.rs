//! Which scopes were asked for and which were granted, wherever a person or a script looks.

use serde_json::json;

use crate::env::{Attempt, Authority, Env, Login, Reply, Run, Sandbox, Scene, redirect_uri};

const TWO: &str = "spark:people_read spark:rooms_read";

/// What `status` says of the scopes.
fn ledger(env: &Env) -> String {
    let status = env.run(["status"]).any_stdout().check().out();
    let (_, ledger) = status.split_once("\nrequested").unwrap_or_default();
    format!("requested{ledger}")
}

fn with(options: &[&str], more: &[&str]) -> (Env, Sandbox, String, Login) {
    let env = Env::new();
    let uri = redirect_uri();
    let sandbox = Sandbox::with(&env, &uri, options);
    let more = [&["--no-browser"], more].concat();
    let login = Login::start(&env, &sandbox, &uri, &more);
    (env, sandbox, uri, login)
}

#[test]
fn what_was_granted_and_what_is_missing_is_explained() {
    let (env, _sandbox, _, mut login) = with(&[], &["--scope", TWO]);
    let callback = login.consent_with("allow", &["spark:rooms_read"]);
    login.deliver(&callback);
    assert_eq!(login.finish().code, Some(0));
    assert_eq!(
        ledger(&env),
        "requested    2 scopes, 1 of them granted\n\
         granted      1 scope, as Webex reported\n  \
         spark:people_read\n    \
         look up colleagues and see who you are\n\
         missing      1 scope, asked for and not granted\n  \
         spark:rooms_read\n    \
         see the names of the rooms (spaces) you are in\n"
    );
    let status = env.run(["status", "--json"]).any_stdout().check().json();
    assert_eq!(
        status["scopes"],
        json!({
            "requested": ["spark:people_read", "spark:rooms_read"],
            "granted": ["spark:people_read"],
            "missing": ["spark:rooms_read"],
            "source": "reported",
        })
    );
}

#[test]
fn a_grant_that_webex_does_not_name_is_assumed_and_said_to_be() {
    let (env, _sandbox, uri, login) = with(&["--omit", "scope,token_type"], &["--scope", TWO]);
    let scopes = login.connects().json()["scopes"].clone();
    let both = ["spark:people_read", "spark:rooms_read"];
    assert_eq!(
        scopes,
        json!({"requested": both, "granted": both, "missing": [], "source": "assumed"})
    );
    assert!(
        ledger(&env).starts_with(
            "requested    2 scopes, 2 of them granted\n\
             granted      2 scopes, assumed: Webex named none, so what was asked for\n"
        ),
        "{}",
        ledger(&env)
    );
    let finished = Login::told(&env, &uri, &["work", "--no-browser"]).connects();
    let summary =
        "\n2 scopes asked for, 2 granted (assumed: Webex named none, so what was asked for)\n";
    assert!(finished.err().contains(summary), "{finished}");
}

#[test]
fn a_reconnect_says_what_it_changed() {
    let (env, _sandbox, uri, login) = with(&[], &["--scope", TWO]);
    let first = login.connects().json();
    assert_eq!(first["scopes"]["gained"], json!(null), "nothing to compare");
    let more = ["work", "--no-browser", "--add-scope", "spark:calls_read"];
    let finished = Login::told(&env, &uri, &more).connects();
    let said = finished.err();
    let (_, summary) = said.split_once("connected work").unwrap_or_default();
    let lines: Vec<&str> = summary.lines().collect();
    assert_eq!(
        lines[..3],
        [
            " as sandbox.person@example.com",
            "3 scopes asked for, 3 granted (as Webex reported)",
            "new: spark:calls_read",
        ],
        "{finished}"
    );
    let same = Login::told(&env, &uri, &["work", "--no-browser"]).connects();
    let changes = ["new: ", "no longer granted: "].map(|change| same.err().contains(change));
    assert_eq!(changes, [false, false], "{same}");
    let other = "spark:people_read spark:teams_read";
    let args = [
        "work",
        "--no-browser",
        "--allow-fewer-scopes",
        "--scope",
        other,
    ];
    let scopes = Login::again(&env, &uri, &args).connects().json()["scopes"].clone();
    assert_eq!(scopes["gained"], json!(["spark:teams_read"]));
    assert_eq!(
        scopes["lost"],
        json!(["spark:calls_read", "spark:rooms_read"])
    );
    assert_eq!(scopes["missing"], json!([]));
}

/// The portal adds `spark:kms` to every app, and Webex grants what nobody asked for.
#[test]
fn a_scope_that_nobody_asked_for_is_marked() {
    let env = Env::new();
    let reply =
        Reply::token_set(r#""expires_in":6000,"scope":"spark:kms x:new spark:people_read""#);
    let authority = Authority::plain(reply);
    let attempt = Attempt::start(&env, &authority, &["--scope", "spark:people_read x:new"]);
    attempt.returns().succeeds("spark:kms");
    let ledger = ledger(&env);
    for lines in [
        "requested    2 scopes, 2 of them granted\ngranted      3 scopes, as Webex reported\n",
        "\n  spark:kms (not asked for)\n",
        "\n  x:new\n    not in the catalogue of scopes\n",
    ] {
        assert!(ledger.contains(lines), "{lines:?} is not in:\n{ledger}");
    }
}

#[test]
fn a_grant_that_nobody_knows_is_said_to_be_unknown() {
    let scene = Scene::open();
    let env = scene.env;
    scene.login.connects();
    env.edit_records(|name, record| {
        if name == "connection/work" {
            record["grant"] = json!({"requested": [], "granted": [], "source": "unknown"});
        }
    });
    assert_eq!(
        ledger(&env),
        "requested    none: the token was made elsewhere\n\
         granted      unknown: the token was made elsewhere\n"
    );
}

#[test]
fn status_fits_80_columns_whatever_was_granted() {
    let env = Env::new();
    let login = [
        "login",
        "--sandbox",
        "--approve",
        "--preset",
        "everything-90",
    ];
    let run: Run = env.run(login);
    run.any_stderr().check();
    let ledger = ledger(&env);
    assert_eq!(ledger.lines().count(), 2 + 2 * 90, "{ledger}");
    let wide: Vec<_> = ledger.lines().filter(|line| line.len() > 80).collect();
    assert!(wide.is_empty(), "{wide:#?}");
    assert!(!ledger.contains("not in the catalogue"), "{ledger}");
}
