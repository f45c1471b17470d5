//! `login --device` on a terminal: the QR code, and a window that is closed.

use std::time::{Duration, Instant};

use crate::env::{Env, Terminal, case_held};

const LOGIN: [&str; 5] = ["login", "--sandbox", "--device", "--timeout", "1"];
/// A line of light modules: the upper edge of a QR code.
const EDGE: &str = "██████████████████████";

#[test]
fn a_qr_code_stands_above_the_addresses_where_it_has_room() {
    let env = Env::new();
    let (code, screen) = Terminal::run(&env, &LOGIN).ends();
    assert_eq!(code, 4, "{screen}");
    let edge = screen.find(EDGE);
    let address = screen.find("/v1/device/verify");
    assert!(edge.is_some() && edge < address, "{screen}");
    let rows: Vec<_> = screen.lines().filter(|line| line.contains('█')).collect();
    // In colours of its own, light on dark, whatever those of the terminal are.
    let right = |row: &&str| row.contains("\u{1b}[97;40m") && row.contains("\u{1b}[0m");
    assert!(rows.len() > 15 && rows.iter().all(right), "{screen}");
}

#[test]
fn no_qr_code_is_drawn_where_it_would_be_a_mess() {
    for (term, columns, more) in [
        ("dumb", 80, &[][..]),
        ("xterm-256color", 30, &[]),
        ("xterm-256color", 80, &["--json"]),
    ] {
        let env = Env::new();
        let args = [&LOGIN[..], more].concat();
        let (code, screen) = Terminal::of_kind(&env, &args, term, columns).ends();
        assert_eq!(code, 4, "{term} {columns} {more:?}: {screen}");
        assert!(screen.contains("/v1/device/verify"), "{screen}");
        assert!(!screen.contains('█'), "{term} {columns} {more:?}: {screen}");
    }
}

#[test]
fn without_colours_the_code_is_plain_blocks() {
    let env = Env::new().var("NO_COLOR", "1");
    let (_, screen) = Terminal::run(&env, &LOGIN).ends();
    assert!(
        screen.contains(EDGE) && !screen.contains("[97;40m"),
        "{screen}"
    );
}

/// DV-07.
#[test]
fn a_closed_terminal_ends_it() {
    let env = Env::new();
    let mut terminal = Terminal::run(&env, &["login", "--sandbox", "--device"]);
    terminal
        .shows("waiting for the sign-in")
        .shows("Ctrl-C ends it");
    let since = Instant::now();
    assert_eq!(terminal.closes(), 129);
    assert!(
        since.elapsed() < Duration::from_secs(2),
        "{:?}",
        since.elapsed()
    );
    assert!(env.connections().is_empty());
    env.nothing_runs();
    case_held("DV-07 a closed terminal");
}
