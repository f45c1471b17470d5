//! `doctor` among real things: a gnome-keyring that is open, locked or without a collection, and a machine without IPv6.

use std::fs;

use serde_json::Value;

use crate::elevated::{again_inside, without_ipv6};
use crate::env::process::Finished;
use crate::env::{Authority, Env, Reply, free_port, redirect_uri};
use crate::secret_service::{Bus, records, unlocked};

/// A Webex on this machine that answers who has no token.
fn webex() -> Authority {
    let authority = Authority::plain(Reply::tokens());
    authority.probed(Reply::status(404, ""));
    authority.people_answers(Reply::status(401, "{}"));
    authority
}

/// The first row of a check.
fn row(finished: &Finished, check: &str) -> Value {
    let rows = finished.json();
    let mut rows = rows.as_array().into_iter().flatten();
    match rows.find(|row| row["check"] == check) {
        Some(row) => row.clone(),
        None => panic!("no {check}: {finished}"),
    }
}

fn holds(row: &Value, status: &str, words: &[&str]) {
    assert_eq!(row["status"], status, "{row}");
    for word in words {
        assert!(row.to_string().contains(word), "lacks {word:?}: {row}");
    }
}

#[test]
#[ignore = "needs the keyring session of tests/run"]
fn an_open_keyring_takes_a_record_and_keeps_none() {
    let env = unlocked();
    let authority = webex();
    env.add_app("own", &authority.base, &redirect_uri());
    let before = records(&env);
    assert!(before.contains("app/own"), "{before}");
    let finished = env.run(["doctor", "--json"]).any_stdout().check();
    let written = "the OS keyring: a record was written, read back and removed";
    holds(&row(&finished, "store"), "ok", &[written]);
    assert_eq!(records(&env), before);
    assert!(!env.path("data/webex-connect").exists());
}

/// With nothing beyond this machine to be reached: a store that can't be read names no Webex of its own.
fn store_fails(bus: &Bus, words: &[&str]) -> Finished {
    let proxy = format!("http://127.0.0.1:{}", free_port());
    let run = bus.env.run(["doctor", "--json"]).var("HTTPS_PROXY", &proxy);
    let run = run.code(6).any_stdout().within(30);
    let finished = run.stderr_json("store_unavailable").check();
    holds(&row(&finished, "store"), "fail", words);
    finished
}

#[test]
#[ignore = "needs gnome-keyring and dbus-daemon"]
fn a_locked_keyring_is_told_and_stays_as_it_is() {
    // Homes outlive their bus: what is unlocked and filled on the first is there, locked, on the second.
    let first = Bus::start(Env::bare());
    first.unlock();
    first.env.add_app("own", &webex().base, &redirect_uri());
    let second = Bus::start(ended(first));
    let file = second.env.path("data/keyrings/login.keyring");
    let bytes = || fs::read(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let before = bytes();
    let finished = store_fails(&second, &["it is locked", "`--store file`"]);
    holds(&row(&finished, "connections"), "warning", &["not known"]);
    assert!(bytes() == before, "the keyring changed");
}

/// Ends the bus and what is on it.
fn ended(bus: Bus) -> Env {
    bus.env
}

#[test]
#[ignore = "needs gnome-keyring and dbus-daemon"]
fn a_keyring_without_a_default_collection_is_told() {
    let bus = Bus::start(Env::bare());
    let words = [
        "the keyring has no default collection",
        "set it as default",
        "`--store file`",
    ];
    store_fails(&bus, &words);
}

#[test]
#[ignore = "needs gnome-keyring and dbus-daemon"]
fn a_keyring_that_hangs_is_told_in_time() {
    let bus = Bus::start(Env::bare());
    bus.unlock();
    let stopped = bus.stop_keyring();
    store_fails(&bus, &["did not answer within 2 s"]);
    drop(stopped);
}

#[test]
#[ignore = "needs root, or sudo, for a network namespace"]
fn an_address_family_that_is_missing_is_told() {
    let name = "doctor::an_address_family_that_is_missing_is_told";
    if again_inside(name, without_ipv6) {
        return;
    }
    let env = Env::new();
    let authority = webex();
    let port = free_port();
    env.add_app(
        "own",
        &authority.base,
        &format!("http://localhost:{port}/callback"),
    );
    let finished = env.run(["doctor", "--json"]).any_stdout().check();
    let words = format!("port {port} is free on 127.0.0.1; this machine has no ::1");
    holds(&row(&finished, "ports"), "ok", &[&words]);
}
