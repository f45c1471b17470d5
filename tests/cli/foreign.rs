//! Names that somebody else chose, as they stand on a terminal and in a pipe.

use serde_json::{Value, json};

use crate::env::{Env, Terminal, case_held};

/// Moves the cursor, sets the clipboard and the title, reorders and hides text, begins lines.
const FOREIGN: &str =
    "Eve\u{1b}[2J\u{1b}]52;c;AAAA\u{7}\u{9b}31m\u{7f}\u{202e}\u{2066}\u{200b}\u{2028}\r\nroot";
/// What is left where a line break may be: the rest of the list may reach no terminal.
const CONTROLS: &[char] = &[
    '\u{7}', '\u{7f}', '\u{9b}', '\u{202e}', '\u{2066}', '\u{200b}', '\u{2028}',
];

/// A connection of a person, an organisation and a past refusal of such names.
fn connected() -> Env {
    let env = Env::new();
    env.connect_sandbox();
    env.edit_records(|name, record| {
        if name == "connection/sandbox" {
            record["identity"] = json!({
                "id": FOREIGN, "display_name": FOREIGN, "email": FOREIGN, "org_id": FOREIGN,
                "type": "person",
            });
            record["mark"] = json!({"is": "reconnect_needed", "reason": FOREIGN});
        }
    });
    env
}

/// AP-04 for what is stored: each field is one line on a terminal, with nothing in it that acts.
#[test]
fn stored_names_paint_nothing_on_a_terminal() {
    let env = connected();
    for args in [
        &["list"][..],
        &["status"],
        &["list", "--json"],
        &["status", "--json"],
    ] {
        let (_, screen) = Terminal::run(&env, args).ends();
        assert!(screen.contains("Eve"), "{args:?}: {screen}");
        assert!(!screen.contains(CONTROLS), "{args:?}: {screen:?}");
        // Our own colours are the only escapes, and the terminal's own line ends the only returns.
        let foreign = screen.replace("\u{1b}[1;31m", "").replace("\u{1b}[36m", "");
        let foreign = foreign.replace("\u{1b}[0m", "").replace("\r\n", "\n");
        assert!(!foreign.contains(['\u{1b}', '\r']), "{args:?}: {screen:?}");
        let begins = |line: &str| line.trim_start().starts_with("root");
        assert!(!screen.lines().any(begins), "{args:?}: {screen}");
        case_held(format!("AP-04 {args:?} on a terminal"));
    }
}

/// AP-04: a pipe gets what was stored, faithfully.
#[test]
fn stored_names_stay_faithful_in_a_pipe() {
    let env = connected();
    let listed = env.run(["list", "--json"]).any_stdout().check();
    let identity = &listed.json()[0]["identity"];
    for field in ["id", "display_name", "email", "org_id"] {
        assert_eq!(identity[field], Value::from(FOREIGN), "{listed}");
    }
}

#[test]
fn on_a_terminal_status_fits_80_columns() {
    let env = Env::new();
    env.connect_sandbox();
    let (code, screen) = Terminal::run(&env, &["status"]).ends();
    assert_eq!(code, 0, "{screen}");
    // Paths and IDs have no length of ours, and are copied whole.
    let given = |line: &&str| line.starts_with("kept in") || line.starts_with("organisation");
    let ours = screen.lines().filter(|line| !given(line));
    let long: Vec<&str> = ours
        .filter(|line| line.trim_end().chars().count() > 80)
        .collect();
    assert!(long.is_empty(), "{long:#?}");
}
