//! Apps that were registered for other Webex tools: their redirect URIs are taken, listened on and sent as they are.

use std::fs::File;

use crate::env::{Env, Login, Run, Sandbox, Scene, is_free};

/// What other Webex tools tell people to register: with a path of one's own, like most, and without any.
const REGISTERED: [&str; 3] = [
    "http://localhost:6001/redirect",
    "http://localhost:8085/callback",
    "http://localhost:6855",
];

/// A login by an app that is registered for exactly this.
fn signs_in(redirect_uri: &str) {
    let mut scene = Scene::at(redirect_uri);
    // On a free port, the rest has to stand as it is written.
    let port = scene.login.port().to_string();
    let registered = redirect_uri.replace("{PORT}", &port);
    assert_eq!(scene.login.asks("redirect_uri"), registered);
    let callback = scene.login.consent("allow");
    scene.connects(&registered, &callback);
}

#[test]
fn an_app_of_another_tool_signs_in_on_any_port() {
    for registered in REGISTERED {
        let port = registered.split([':', '/']).nth(4).unwrap_or_default();
        signs_in(&registered.replace(port, "{PORT}"));
    }
}

/// These ports are fixed and there is one of each on a machine: whoever runs this test beside us waits, and a program
/// that holds one makes it fail and say so. They lie below those of `free_port`, so no other test takes them.
#[test]
fn an_app_of_another_tool_signs_in_on_its_own_port() {
    let directory = std::env::temp_dir();
    let turn = File::open(&directory).and_then(|file| file.lock().map(|()| file));
    let turn = turn.unwrap_or_else(|e| panic!("a lock on {}: {e}", directory.display()));
    for registered in REGISTERED {
        let port = registered.split([':', '/']).nth(4).unwrap_or_default();
        let port: u16 = port.parse().unwrap_or_else(|e| panic!("{registered}: {e}"));
        assert!(
            is_free(port),
            "another program listens on port {port}, which this test needs"
        );
        signs_in(registered);
        assert!(is_free(port), "{registered}: the port is still taken");
    }
    drop(turn);
}

/// Webex compares as text, so what differs by a slash is another redirect URI, here and there.
#[test]
fn a_slash_too_many_is_another_redirect_uri() {
    let env = Env::new();
    let registered = crate::env::redirect_uri();
    let registered = registered.trim_end_matches("/callback");
    let sandbox = Sandbox::start(&env, registered);
    let asked = format!("{registered}/");
    let login = Login::start(&env, &sandbox, &asked, &["--no-browser"]);
    let answer = crate::env::http::get(&login.url);
    assert_eq!(answer.status, 400, "{answer}");
    drop(login);
    let login = Login::start(&env, &sandbox, registered, &["--no-browser"]);
    login.connects();
}

/// The manual names them, so that nobody has to try.
#[test]
fn the_manual_names_them() {
    let env = Env::new().var("COLUMNS", "200");
    for command in [&["login", "--help"][..], &["app", "add", "--help"]] {
        let help = Run::new(env.command(command)).any_stdout().check().out();
        for registered in REGISTERED {
            assert!(help.contains(registered), "{registered}: {help}");
        }
    }
}
