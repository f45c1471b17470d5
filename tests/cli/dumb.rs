//! `TERM=dumb`, as editors, logs and screen readers set it: no colour, no moving cursor, and the same words.

use crate::env::{Env, Terminal};

/// What a terminal showed, which holds no control but its own line ends.
fn shown(env: &Env, args: &[&str]) -> (i32, String) {
    let (code, screen) = Terminal::of_kind(env, args, "dumb", 80).ends();
    let text = screen.replace("\r\n", "\n");
    let is_plain = !text.chars().any(|c| c.is_control() && c != '\n');
    assert!(is_plain, "{args:?}: {screen:?}");
    (code, text)
}

#[test]
fn a_dumb_terminal_gets_words_alone() {
    let env = Env::new();
    env.connect_sandbox();
    for (args, code, words) in [
        (&[][..], 0, "Start here:"),
        (&["--help"], 0, "Usage: webex-connect"),
        (&["lgoin"], 2, "error: unrecognized subcommand"),
        (&["list"], 0, "RECONNECT BY"),
        (&["status"], 0, "access token until "),
        (
            &["token", "nobody"],
            4,
            "error: there is no connection nobody",
        ),
        (&["refresh", "--all"], 0, "sandbox is refreshed"),
        (
            &["login", "x", "--sandbox", "--device", "--timeout", "1"],
            4,
            "error: timed out after 1 s",
        ),
        (
            &[
                "login",
                "x",
                "--sandbox",
                "--no-browser",
                "--no-input",
                "--timeout",
                "1",
            ],
            4,
            "error: timed out after 1 s",
        ),
    ] {
        let (ended, text) = shown(&env, args);
        assert_eq!(ended, code, "{args:?}: {text}");
        assert!(text.contains(words), "{args:?} lacks {words:?}: {text}");
        assert!(!text.contains(" left (Ctrl-C"), "{args:?}: {text}");
    }
}

/// Elsewhere, each is told while it is refreshed, and the line gives way to what came of it.
#[test]
fn a_terminal_that_draws_shows_which_connection_is_refreshed() {
    let env = Env::new();
    for name in ["a", "b"] {
        env.run(["login", name, "--sandbox", "--approve"])
            .any_stderr()
            .check();
    }
    let (code, screen) = Terminal::run(&env, &["refresh", "--all"]).ends();
    assert_eq!(code, 0, "{screen}");
    for (place, name) in [("1 of 2", "a"), ("2 of 2", "b")] {
        let passing = format!("\r\u{1b}[Krefreshing {place}: {name}\r\u{1b}[K{name} is refreshed");
        assert!(screen.contains(&passing), "{screen:?}");
    }
    let piped = env.run(["refresh", "--all"]).stderr_has("a is refreshed");
    let piped = piped.check().err();
    assert!(!piped.contains("refreshing"), "{piped}");
}
