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

/// Elsewhere a line shows the progress, and gives way to the results.
#[test]
fn a_terminal_that_draws_shows_the_progress_of_a_refresh() {
    let env = Env::new();
    for name in ["a", "b"] {
        env.run(["login", name, "--sandbox", "--approve"])
            .any_stderr()
            .check();
    }
    let (code, screen) = Terminal::run(&env, &["refresh", "--all"]).ends();
    assert_eq!(code, 0, "{screen}");
    for (done, name) in [(0, "a"), (1, "b")] {
        let progress = format!("\r\u{1b}[Krefreshed {done} of 2\r\u{1b}[K{name} is refreshed");
        assert!(screen.contains(&progress), "{screen:?}");
    }
    let piped = env.run(["refresh", "--all"]).stderr_has("a is refreshed");
    let piped = piped.check().err();
    assert!(!piped.contains(" of 2"), "{piped}");
}
