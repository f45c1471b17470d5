//! Signing in with an app that was added before, and with one that is provided.

use serde_json::json;

use crate::env::{CLIENT_ID, CLIENT_SECRET, Env, Login, Sandbox, redirect_uri};

/// `app add own` for the sandbox's app, with this secret.
fn add(env: &Env, sandbox: &Sandbox, redirect_uri: &str, secret: &str) {
    let app = ["app", "add", "own", "--client-id", CLIENT_ID];
    let place = ["--redirect-uri", redirect_uri, "--api-base", &sandbox.base];
    let scope = ["--scope", "spark:people_read"];
    env.run([&app[..], &place, &scope].concat())
        .var("WEBEX_CONNECT_CLIENT_SECRET", secret)
        .any_stdout()
        .any_stderr()
        .check();
}

fn consents(mut login: Login) -> serde_json::Value {
    let callback = login.consent("allow");
    login.deliver(&callback);
    let finished = login.finish();
    assert_eq!(finished.code, Some(0), "{finished}");
    finished.json()
}

#[test]
fn an_added_app_is_all_a_login_needs() {
    let env = Env::new();
    let uri = redirect_uri();
    let sandbox = Sandbox::start(&env, &uri);
    add(&env, &sandbox, &uri, CLIENT_SECRET);
    let args = ["work", "--app", "own", "--no-browser"];
    let connection = consents(Login::again(&env, &uri, &args));
    assert_eq!(connection["auth_type"], "own_app");
    assert_eq!(connection["api_base"], sandbox.base.as_str());
    assert_eq!(
        connection["app"],
        json!({"name": "own", "client_id": CLIENT_ID, "redirect_uri": uri})
    );
    assert_eq!(
        connection["scopes"]["requested"],
        json!(["spark:people_read"])
    );
    let apps = env.run(["app", "list", "--json"]).any_stdout().check();
    assert_eq!(apps.json()[0]["used_by"], json!(["work"]));
}

#[test]
fn an_update_brings_the_secret_that_webex_takes() {
    let env = Env::new();
    let uri = redirect_uri();
    let sandbox = Sandbox::start(&env, &uri);
    add(&env, &sandbox, &uri, "wxcs-canary-out-of-date");
    let args = ["work", "--app", "own", "--no-browser"];
    let mut login = Login::again(&env, &uri, &args);
    let callback = login.consent("allow");
    login.deliver(&callback);
    let refused = login.finish();
    assert_eq!(refused.code, Some(8), "{refused}");
    assert!(env.connections().is_empty(), "{refused}");
    env.run(["app", "update", "own", "--client-secret-stdin"])
        .stdin(CLIENT_SECRET)
        .stderr("updated the app own: client secret\n")
        .check();
    consents(Login::again(&env, &uri, &args));
}

#[test]
fn a_provided_app_leaves_nothing_to_give_but_scopes() {
    let uri = redirect_uri();
    let env = Env::new()
        .var("WEBEX_CONNECT_CLIENT_ID", CLIENT_ID)
        .var("WEBEX_CONNECT_CLIENT_SECRET", CLIENT_SECRET)
        .var("WEBEX_CONNECT_REDIRECT_URI", &uri);
    // Expired at once, so that every token takes a refresh.
    let sandbox = Sandbox::with(&env, &uri, &["--expires-in", "0"]);
    let place = ["--api-base", &sandbox.base, "--no-browser"];
    let scopes = ["work", "--add-scope", "spark-admin:people_write"];
    let args = [&scopes[..], &place].concat();
    let connection = consents(Login::again(&env, &uri, &args));
    assert_eq!(connection["auth_type"], "authorization_code");
    assert_eq!(
        connection["app"],
        json!({"name": null, "client_id": CLIENT_ID, "redirect_uri": uri})
    );
    let asked = connection["scopes"]["requested"].as_array().cloned();
    assert_eq!(asked.unwrap_or_default().len(), 13, "{connection}");
    env.run(["app", "list", "--json"]).stdout("[]\n").check();

    // Its secret is not stored: a refresh takes it from where it is provided.
    env.edit_records(|name, record| {
        let text = record.to_string();
        assert!(!text.contains(CLIENT_SECRET), "{name} holds the secret");
    });
    env.run(["token", "work"]).any_stdout().check();
    env.run(["token", "work"])
        .var("WEBEX_CONNECT_CLIENT_ID", "")
        .var("WEBEX_CONNECT_REDIRECT_URI", "")
        .code(8)
        .any_stderr()
        .check();
    env.run(["token", "work"])
        .var("WEBEX_CONNECT_CLIENT_ID", "Canother")
        .code(8)
        .stderr_has("Canother")
        .secret(CLIENT_SECRET)
        .check();
}
