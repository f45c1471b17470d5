//! The help of every command, word for word, as it stands in `tests/cli/help`.
//!
//! After a change that is meant, `WEBEX_CONNECT_BLESS=1 cargo test --test cli help::` writes the files anew and
//! fails, so that nobody blesses by accident; look at the difference and run the tests again.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use crate::env::{Env, case_held};

const CLIENT_SECRET: &str = "wxcs-canary-in-the-environment-90f1";
const PASSPHRASE: &str = "wxpp-canary-in-the-environment-90f2";
const KEY: &str = "AGE-SECRET-KEY-1CANARY-IN-THE-ENVIRONMENT-90F3";

/// CF-01: with every secret in the environment, none of which may show.
fn help(env: &Env, command: &str) -> String {
    let args: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
    let run = env
        .run(args)
        .var("WEBEX_CONNECT_CLIENT_SECRET", CLIENT_SECRET)
        .var("WEBEX_CONNECT_PASSPHRASE", PASSPHRASE)
        .var("WEBEX_CONNECT_KEY", KEY);
    let text = run.any_stdout().check().out();
    for secret in [CLIENT_SECRET, PASSPHRASE, KEY] {
        assert!(!text.contains(secret), "CF-01: {command}: {text}");
    }
    case_held(format!("CF-01 {command} --help"));
    text
}

/// The subcommands that a help lists, but for `help` itself.
fn listed(help: &str) -> Vec<&str> {
    let list = help.split("\nCommands:\n").nth(1).unwrap_or_default();
    let lines = list.lines().take_while(|line| !line.is_empty());
    let names = lines
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").collect()
}

/// Every command there is, found as a person finds them; the program itself is the empty one.
fn commands(env: &Env) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open = vec![String::new()];
    while let Some(command) = open.pop() {
        let text = help(env, &command);
        for name in listed(&text) {
            open.push(format!("{command} {name}").trim().to_owned());
        }
        found.push((command, text));
    }
    found.sort();
    found
}

fn file(command: &str) -> PathBuf {
    let name = match command {
        "" => "webex-connect".to_owned(),
        command => command.replace(' ', "-"),
    };
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/help"))
        .join(name)
        .with_extension("txt")
}

#[test]
fn every_help_is_as_it_was_blessed() {
    // Without a terminal, clap breaks lines where this says.
    let env = Env::new().var("COLUMNS", "80");
    let commands = commands(&env);
    let known: BTreeSet<&str> = commands.iter().map(|(name, _)| name.as_str()).collect();
    for name in ["login", "check", "status", "scopes", "app add", "sandbox"] {
        assert!(known.contains(name), "{name} is not found: {known:?}");
    }
    let bless = std::env::var_os("WEBEX_CONNECT_BLESS").is_some();
    let mut differ = Vec::new();
    for (command, text) in &commands {
        let path = file(command);
        if fs::read_to_string(&path).ok().as_ref() == Some(text) {
            continue;
        }
        differ.push(format!(
            "{command} --help differs from {}:\n{text}",
            path.display()
        ));
        if bless {
            fs::write(&path, text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        }
    }
    assert!(
        differ.is_empty(),
        "bless with WEBEX_CONNECT_BLESS=1\n{}",
        differ.join("\n")
    );
    // No file without its command.
    let files: BTreeSet<PathBuf> = commands.iter().map(|(name, _)| file(name)).collect();
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/help");
    let there = fs::read_dir(directory).unwrap_or_else(|e| panic!("{directory}: {e}"));
    let there: BTreeSet<PathBuf> = there.flatten().map(|entry| entry.path()).collect();
    assert_eq!(there, files);
}

#[test]
fn every_help_fits_80_columns_and_has_an_example() {
    let env = Env::new().var("COLUMNS", "80");
    for (command, text) in commands(&env) {
        let wide: Vec<_> = text.lines().filter(|l| l.chars().count() > 80).collect();
        assert!(wide.is_empty(), "{command}: {wide:#?}");
        assert!(text.contains("\n  $ "), "{command} has no example:\n{text}");
        let first = text.lines().next().unwrap_or_default();
        assert!(
            !first.ends_with('.') && !first.is_empty(),
            "{command}: {first}"
        );
    }
}
