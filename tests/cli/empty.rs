//! Before the first login.

use crate::env::{CLIENT_SECRET, Env};

#[test]
fn an_empty_store_lists_nothing() {
    let env = Env::new();
    env.run(["list", "--json"]).stdout("[]\n").check();
    env.run(["list"])
        .stderr("no connections yet; make one with `webex-connect login`\n")
        .check();
}

#[test]
fn without_a_connection_a_token_asks_for_a_login() {
    let env = Env::new();
    env.run(["token"])
        .code(4)
        .stderr_has("error: ")
        .stderr_has("hint: ")
        .stderr_has("`webex-connect login`")
        .check();
    env.run(["token", "work", "--json"])
        .code(4)
        .stderr_json("sign_in_required")
        .check();
}

/// A keyring that is absent is said to be, whatever is wrong with the bus, and nothing is kept elsewhere.
#[test]
fn without_a_keyring_nothing_falls_back_to_a_file() {
    let env = Env::bare();
    let no_socket = env.write("no-socket", "");
    for bus in [
        "unix:path=/nonexistent".to_owned(),
        format!("unix:path={}", no_socket.display()),
        "tcp:host=127.0.0.1,port=1".to_owned(),
    ] {
        for command in [
            &["list"][..],
            &["login", "work", "--client-id", "C", "--no-browser"],
        ] {
            env.run(command)
                .var("DBUS_SESSION_BUS_ADDRESS", &bus)
                .var("WEBEX_CONNECT_CLIENT_SECRET", CLIENT_SECRET)
                .secret(CLIENT_SECRET)
                .code(6)
                .stderr_has("keyring")
                .stderr_has("`--store file`")
                .within(15)
                .check();
        }
    }
    assert!(
        !env.path("data/webex-connect").exists(),
        "something was stored all the same"
    );
}
