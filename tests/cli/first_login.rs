//! The first minutes with the program: no account, no app, no desktop.

use crate::env::Env;

#[test]
fn a_sandbox_login_works_at_once_and_logs_out_again() {
    let env = Env::new();
    env.run(["login", "--sandbox", "--approve"])
        .stderr_has("connected sandbox")
        .check();
    assert_eq!(env.connections(), ["sandbox"]);
    let token = env.run(["token"]).any_stdout().check().out();
    assert!(
        token.starts_with("sandbox_"),
        "a token that says what it is: {token}"
    );
    env.run(["logout", "sandbox"])
        .any_stdout()
        .any_stderr()
        .secret(token.trim())
        .check();
    assert!(env.connections().is_empty(), "still there after logout");
}

/// Without a keyring the sandbox's records go to a file of their own, and only they.
#[test]
#[cfg(target_os = "linux")]
fn a_sandbox_login_needs_no_keyring() {
    let env = Env::bare();
    env.run(["login", "--sandbox", "--approve"])
        .stderr_has("keyring")
        .check();
    assert_eq!(env.connections(), ["sandbox"]);
    let data = env.path("data/webex-connect");
    assert!(data.join("sandbox.age").exists(), "no sandbox.age");
    assert!(
        !data.join("store.age").exists(),
        "a store.age that nobody asked for"
    );
}
