//! Which scopes were asked for and which were granted, wherever a person or a script looks.

use jiff::SignedDuration;
use serde_json::{Value, json};

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
            "lost": [],
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
        json!({"requested": both, "granted": both, "missing": [], "lost": [], "source": "assumed"})
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

const THREE: &str = "spark:people_read spark:rooms_read spark:teams_read";

/// `work` with three scopes, and a server whose next refresh reports these.
fn narrowed(reported: &str) -> (Env, Authority) {
    let reply = |scopes: &str| {
        let members = format!(r#""expires_in":6000,"scope":"{scopes}""#);
        Reply::token_set(&members)
    };
    let env = Env::new();
    let authority = Authority::plain(reply(THREE));
    Attempt::start(&env, &authority, &["--scope", THREE])
        .returns()
        .succeeds("three scopes");
    authority.token_answers(reply(reported));
    (env, authority)
}

fn scopes(env: &Env) -> Value {
    let status = env.run(["status", "--json"]).any_stdout().check().json();
    status["scopes"].clone()
}

#[test]
fn a_refresh_that_reports_fewer_scopes_warns_and_status_keeps_showing_them() {
    let (env, authority) = narrowed("spark:people_read");
    assert_eq!(scopes(&env)["lost"], json!([]));
    let said = env.run(["refresh"]).any_stderr().check();
    let warning = "warning: work lost scopes in this refresh: spark:rooms_read spark:teams_read; \
                   `webex-connect login work` asks for them again\n";
    assert!(said.err().starts_with(warning), "{said}");
    // The next refresh has nothing new to warn about.
    let said = env.run(["refresh"]).any_stderr().check();
    assert!(!said.err().contains("warning"), "{said}");
    let two = ["spark:rooms_read", "spark:teams_read"];
    assert_eq!(
        scopes(&env),
        json!({
            "requested": ["spark:people_read", "spark:rooms_read", "spark:teams_read"],
            "granted": ["spark:people_read"],
            "missing": two,
            "lost": two,
            "source": "reported",
        })
    );
    let ledger = ledger(&env);
    let lost = "lost         2 scopes, granted before a refresh and not after it\n  \
                spark:rooms_read\n    \
                see the names of the rooms (spaces) you are in\n  \
                spark:teams_read\n    ";
    assert!(ledger.contains(lost), "{ledger}");
    let listed = env.run(["list"]).any_stdout().check().out();
    assert!(listed.contains(" 1, 2 lost "), "{listed}");
    // A scope that is reported again is not lost any more.
    let members = r#""expires_in":6000,"scope":"spark:people_read spark:rooms_read""#;
    authority.token_answers(Reply::token_set(members));
    env.run(["refresh"]).any_stderr().check();
    assert_eq!(scopes(&env)["lost"], json!(["spark:teams_read"]));
}

/// The `lost` of a login's JSON compares with the connection it replaced; the connection itself has lost nothing then.
#[test]
fn a_login_clears_the_scopes_that_a_refresh_lost() {
    let (env, authority) = narrowed("spark:people_read");
    env.run(["refresh"]).any_stderr().check();
    assert_eq!(scopes(&env)["lost"].as_array().map(Vec::len), Some(2));
    let members = format!(r#""expires_in":6000,"scope":"{THREE}""#);
    authority.token_answers(Reply::token_set(&members));
    let login = Attempt::start(&env, &authority, &[]).returns();
    let login = login.succeeds("again");
    assert_eq!(
        login["scopes"]["gained"],
        json!(["spark:rooms_read", "spark:teams_read"])
    );
    assert_eq!(login["scopes"]["lost"], json!([]));
    assert_eq!(scopes(&env)["lost"], json!([]));
}

/// Without `scope` in the response the scopes stay as they are (RFC 6749 section 6).
#[test]
fn a_refresh_that_reports_no_scopes_loses_none() {
    let (env, authority) = narrowed("spark:people_read");
    authority.token_answers(Reply::token_set(r#""expires_in":6000"#));
    let said = env.run(["refresh"]).any_stderr().check();
    assert!(!said.err().contains("warning"), "{said}");
    assert_eq!(scopes(&env)["granted"].as_array().map(Vec::len), Some(3));
    assert_eq!(scopes(&env)["lost"], json!([]));
}

/// A refresh that any other command makes warns as well.
#[test]
fn a_token_that_was_refreshed_with_fewer_scopes_warns() {
    let (env, _authority) = narrowed("spark:people_read spark:teams_read");
    env.age(SignedDuration::from_secs(-60));
    env.run(["token"])
        .any_stdout()
        .stderr(
            "warning: work lost scopes in this refresh: spark:rooms_read; \
             `webex-connect login work` asks for them again\n",
        )
        .check();
}
