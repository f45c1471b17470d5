//! What another process does to an app or a connection while a login waits for the browser.

use serde_json::Value;

use crate::env::{
    ACCESS_TOKEN, Attempt, Authority, CLIENT_ID, CODE, Env, Login, OTHER_CLIENT, Reply, connected,
    consent, http, redirect_uri,
};

const NEW_SECRET: &str = "wxcs-canary-renewed-41f0a2";

fn app(env: &Env) -> Value {
    env.records().remove("app/work").unwrap_or_default()
}

/// Registers an app that is not the one there was under its name; its ID and secret.
fn another_app(env: &Env) -> (&'static str, &'static str) {
    let (id, secret) = OTHER_CLIENT;
    let app = ["app", "add", "work", "--client-id", id];
    env.run([&app[..], &["--client-secret-stdin"]].concat())
        .stdin(secret)
        .any_stdout()
        .any_stderr()
        .check();
    (id, secret)
}

#[test]
fn an_update_of_the_app_while_the_browser_is_waited_for_is_kept() {
    let (env, authority) = connected();
    let before = app(&env);
    let registered = before["redirect_uri"].as_str().unwrap_or_default();
    let moved = redirect_uri();
    for (uri, more) in [
        (registered, vec![]),
        (&moved, vec!["--redirect-uri", &moved]),
    ] {
        let login = Login::again(&env, uri, &[&["work", "--no-browser"], &more[..]].concat());
        env.run(["app", "update", "work", "--client-secret-stdin"])
            .stdin(NEW_SECRET)
            .stderr_has("updated the app work: client secret")
            .check();
        let page = http::get(&consent(&login, &authority, &format!("code={CODE}")));
        assert_eq!(page.status, 200, "{page}");
        let finished = login.finish();
        assert_eq!(finished.code, Some(0), "{finished}");
        let after = app(&env);
        assert_eq!(after["client_secret"], NEW_SECRET, "{more:?}");
        assert_eq!(after["redirect_uri"], uri, "{more:?}");
        // The login that follows needs the secret that the server knows.
        env.edit_records(|key, record| {
            if key == "app/work" {
                record["client_secret"] = before["client_secret"].clone();
            }
        });
    }
}

#[test]
fn another_app_that_took_the_name_while_the_browser_was_waited_for_is_left_alone() {
    let (env, authority) = (Env::new(), Authority::plain(Reply::tokens()));
    let attempt = Attempt::start(&env, &authority, &[]);
    let (id, secret) = another_app(&env);
    let words = ["the app work has become another one", "login NAME"];
    attempt.returns().fails("another app", 9, &words);
    assert_eq!(app(&env)["client_id"], id);
    assert_eq!(app(&env)["client_secret"], secret);
}

#[test]
fn a_connection_of_another_type_made_while_the_browser_was_waited_for_is_left_alone() {
    let (env, authority) = (Env::new(), Authority::plain(Reply::tokens()));
    let attempt = Attempt::start(&env, &authority, &[]);
    authority.api_answers([
        Reply::person(),
        Reply::status(200, r#"{"exp": 4102444800000}"#),
        Reply::person(),
    ]);
    env.run([
        "login",
        "work",
        "--token-stdin",
        "--api-base",
        &authority.base,
    ])
    .stdin(ACCESS_TOKEN)
    .any_stderr()
    .check();
    let outcome = attempt.returns();
    let finished = &outcome.finished;
    assert_eq!(finished.code, Some(9), "{finished}");
    let said = "and no app, and this sign-in to";
    assert!(finished.err().contains(said), "{finished}");
    assert_eq!(outcome.page.status, 400, "{}", outcome.page);
    assert_eq!(env.record("work")["auth_type"], "access_token");
    assert_eq!(
        app(&env),
        Value::Null,
        "the app was registered all the same"
    );
}

fn remove_the_app(env: &Env) {
    env.run(["app", "remove", "work", "--force"])
        .any_stderr()
        .check();
}

/// The command of a cure, which asks for nothing but the client secret.
fn register_again(env: &Env, authority: &Authority, uri: &str) {
    let mut command = env.command(["login", "work", "--client-id", CLIENT_ID]);
    command.args(["--client-secret-stdin", "--no-browser", "--json"]);
    let login = Login::of(command, uri);
    let page = http::get(&consent(&login, authority, &format!("code={CODE}")));
    assert_eq!(page.status, 200, "{page}");
    let finished = login.finish();
    assert_eq!(finished.code, Some(0), "{finished}");
    assert_eq!(app(env)["redirect_uri"], uri);
}

#[test]
fn an_app_that_was_removed_or_replaced_comes_back_as_it_was() {
    let (env, authority) = connected();
    let uri = app(&env)["redirect_uri"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    remove_the_app(&env);
    env.run(["refresh", "work"])
        .code(8)
        .stderr(&format!(
            "error: the app work that work needs is not stored\n\
             hint: run `webex-connect login work --client-id {CLIENT_ID}`\n"
        ))
        .check();
    register_again(&env, &authority, &uri);

    remove_the_app(&env);
    another_app(&env);
    let hint = format!(
        "hint: to keep that one, use another name: `webex-connect login NAME`; to have the old one again, run \
         `webex-connect app remove work --force` and `webex-connect login work --client-id {CLIENT_ID}`\n"
    );
    for (args, code) in [(["refresh", "work"], 8), (["login", "work"], 9)] {
        env.run(args)
            .code(code)
            .stderr(&format!(
                "error: the app work is no longer the one work was made with\n{hint}"
            ))
            .check();
    }
    remove_the_app(&env);
    register_again(&env, &authority, &uri);
}
