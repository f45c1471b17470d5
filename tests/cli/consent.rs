//! What a person decides on the consent page, and what becomes of it here.

use serde_json::json;

use crate::env::{Env, Login, Scene};

#[test]
fn the_grant_of_a_connection_is_what_stayed_ticked() {
    let mut scene = Scene::with(
        Env::new(),
        "http://127.0.0.1:{PORT}/callback",
        &[
            "--no-browser",
            "--scope",
            "spark:people_read spark:rooms_read",
        ],
    );
    let callback = scene.login.consent_with("allow", &["spark:rooms_read"]);
    scene.login.deliver(&callback);
    let finished = scene.login.finish();
    assert_eq!(finished.code, Some(0), "{finished}");
    assert_eq!(
        finished.json()["scopes"],
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
fn the_sandbox_that_consents_by_itself_signs_in_whom_the_hint_names() {
    let env = Env::new();
    let mut login = Login::embedded(&env, &[]);
    let callback = login.consent_as("sandbox.colleague@example.com");
    login.deliver(&callback);
    let first = login.finish().json();
    assert_eq!(
        first["identity"]["email"], "sandbox.colleague@example.com",
        "{first}"
    );
    // A reconnect hints at the account of before.
    env.connect_sandbox();
    let status = env.run(["status", "--live", "--json"]).any_stdout();
    let status = status.check().json();
    assert_eq!(status["identity"], first["identity"]);
    assert_eq!(status["live"]["identity"], first["identity"]);
}

/// It would be waited for in vain, five minutes long.
#[test]
fn a_consent_that_failed_by_itself_ends_the_login_at_once() {
    let env = Env::bare();
    let scope = "a".repeat(30_000);
    env.run(["login", "--sandbox", "--approve", "--scope", &scope])
        .code(1)
        .stderr_has("error: the sandbox could not consent by itself: it answered 431")
        .stderr_has(
            "hint: run `webex-connect login sandbox --sandbox --no-browser` and open the address",
        )
        .within(30)
        .check();
    env.run(["list"])
        .code(6)
        .stderr_has("there is no keyring here")
        .check();
}
