//! A real browser on the whole way: start address, consent page, redirect, last page.

use std::fs;

use serde_json::{Value, json};

use crate::env::process::Finished;
use crate::env::{CLIENT_ID, Env, Sandbox, free_port};
use crate::loopback_family::{Family, families_of};
use crate::secret_service::{Bus, records, unlocked};
use crate::visit::Visit;

#[test]
#[ignore = "needs the keyring session of tests/run, and Chromium"]
fn a_person_who_allows_sees_connected_when_it_is_stored() {
    let env = unlocked();
    let visit = Visit::embedded(&env, &["--json"]);
    visit.decides("allow", "connected");
    let finished = visit.finish();
    assert_eq!(finished.code, Some(0), "{finished}");
    assert_eq!(finished.json()["name"], "sandbox", "{finished}");
    let kept = records(&env);
    assert!(
        kept.contains("connection/sandbox"),
        "not in the keyring: {kept}"
    );
    env.nothing_runs();
}

#[test]
#[ignore = "needs the keyring session of tests/run, and Chromium"]
fn a_person_who_refuses_sees_that_and_nothing_is_stored() {
    let env = unlocked();
    let visit = Visit::embedded(&env, &[]);
    let page = visit.decides("refuse", "refused");
    let finished = visit.finish();
    assert_eq!(finished.code, Some(4), "{finished}");
    says_the_same(&page, &finished);
    assert_eq!(records(&env), "", "left in the keyring");
    env.nothing_runs();
}

#[test]
#[ignore = "needs Chromium"]
fn a_person_unticks_scopes_and_chooses_who_signs_in_by_mouse_and_by_keys() {
    let env = Env::new();
    let visit = Visit::embedded(&env, &["--json"]);
    let asked = visit.chromium.run(
        "return [...document.querySelectorAll('input[name=scope]:checked')].map(box => box.value)",
    );
    let asked = asked.as_array().into_iter().flatten();
    let asked: Vec<_> = asked.filter_map(Value::as_str).collect();
    for scope in asked.iter().filter(|scope| !scope.contains("rooms")) {
        visit.chromium.keys(&format!("input[value='{scope}']"), " ");
    }
    visit.chromium.keys("#person", "sandbox.c");
    let label = |scope| format!("label:has(input[value='{scope}'])");
    visit.chromium.click_on(&label("spark:rooms_write"));
    visit.chromium.click_on(&label("spark:rooms_read"));
    visit.decides("allow", "Keep at least one scope");
    visit.chromium.click_on(&label("spark:people_read"));
    visit.decides("allow", "connected");
    let finished = visit.finish();
    assert_eq!(finished.code, Some(0), "{finished}");
    let connection = finished.json();
    let granted = &connection["scopes"]["granted"];
    assert_eq!(granted, &json!(["spark:people_read"]), "{finished}");
    let email = &connection["identity"]["email"];
    assert_eq!(email, "sandbox.colleague@example.com", "{finished}");
}

#[test]
#[ignore = "needs Chromium"]
fn a_person_sees_that_the_file_could_not_be_saved() {
    let env = Env::new();
    let mut visit = Visit::embedded(&env, &[]);
    // A directory that root, too, can put nothing into: a file in its place.
    let directory = env.path("data/webex-connect");
    fs::rename(&directory, env.path("moved")).unwrap_or_else(|e| panic!("the data directory: {e}"));
    env.write("data/webex-connect", "");
    let page = visit.decides_while_the_store_fails("allow", "Not connected");
    let finished = visit.finish();

    assert_eq!(finished.code, Some(6), "{finished}");
    let message = format!(
        "{} is not a directory, and must be a directory of yours",
        directory.display()
    );
    assert_eq!(says_the_same(&page, &finished), message);
    assert!(finished.stdout.is_empty(), "{finished}");
    env.nothing_runs();
}

#[test]
#[ignore = "needs gnome-keyring, dbus-daemon and Chromium"]
fn a_person_sees_that_the_keyring_hung() {
    let bus = Bus::start(Env::bare());
    bus.unlock();
    let mut visit = Visit::embedded(&bus.env, &[]);
    let stopped = bus.stop_keyring();
    let page = visit.decides_while_the_store_fails("allow", "Not connected");
    drop(stopped);
    let finished = visit.finish();

    assert_eq!(finished.code, Some(6), "{finished}");
    let message = "the keyring did not answer within 5 s: it may be locked, with a prompt that nobody answers";
    assert_eq!(says_the_same(&page, &finished), message);
    assert!(finished.stdout.is_empty(), "{finished}");
}

#[test]
#[ignore = "needs Chromium"]
fn a_person_sees_that_another_issuer_answered_and_none_of_its_words() {
    let env = Env::new();
    let visit = Visit::embedded(&env, &[]);
    let mut callback = visit.start.clone();
    callback.set_path("/callback");
    callback
        .query_pairs_mut()
        .append_pair("code", "c0ffee-from-elsewhere")
        .append_pair("state", &visit.state())
        .append_pair("iss", "https://evil.example")
        .append_pair("error_description", "<b>call evil.example</b>");
    visit.chromium.open(callback.as_str());
    let page = visit.chromium.text_with("Not connected");
    let source = visit.chromium.source();
    let finished = visit.finish();

    assert_eq!(finished.code, Some(9), "{finished}");
    let message = "the answer came from another issuer (iss) than the one that was asked";
    assert_eq!(says_the_same(&page, &finished), message);
    assert!(
        finished.err().contains("https://evil.example"),
        "{finished}"
    );
    for foreign in ["evil", "elsewhere", "<b>"] {
        assert!(!source.contains(foreign), "{foreign} is on it: {source}");
    }
    assert_eq!(env.connections(), [""; 0]);
    env.nothing_runs();
}

/// Left to itself, Chromium dials ::1 for `localhost`; its resolver rules make it dial the other one, too.
#[test]
#[ignore = "needs Chromium"]
fn the_browser_comes_back_over_either_family() {
    for (host, switch, family) in [
        ("127.0.0.1", None, Family::V4),
        ("[::1]", None, Family::V6),
        ("localhost", Some("127.0.0.1"), Family::V4),
        ("localhost", Some("[::1]"), Family::V6),
    ] {
        let case = format!("{host} at {switch:?}");
        let env = Env::new();
        let port = free_port();
        let redirect_uri = format!("http://{host}:{port}/callback");
        let mut sandbox = Sandbox::start(&env, &redirect_uri);
        let rules = switch.map(|to| format!("--host-resolver-rules=MAP localhost {to}"));
        let switches: Vec<&str> = rules.iter().map(String::as_str).collect();
        let visit = Visit::registered(&env, &sandbox, &redirect_uri, &switches);
        assert_eq!(visit.chromium.text("#app"), CLIENT_ID, "{case}");
        visit.decides("allow", "connected");
        let came_to = visit.chromium.address();
        assert_eq!(came_to[..url::Position::AfterPath], redirect_uri, "{case}");
        assert_eq!(families_of(port), [family], "{case}: the families dialled");
        let finished = visit.finish();
        assert_eq!(finished.code, Some(0), "{case}: {finished}");
        assert_eq!(sandbox.exchanges(), 1, "{case}");
        assert_eq!(env.connections(), ["work"], "{case}");
        drop(sandbox);
        env.nothing_runs();
    }
}

/// Page and terminal say the same in our own words; the terminal alone may add what another program said. Returns
/// the message.
fn says_the_same(page: &str, finished: &Finished) -> String {
    let err = finished.err();
    let line = |start| err.lines().find_map(|line| line.strip_prefix(start));
    let Some(error) = line("error: ") else {
        panic!("no error: {finished}");
    };
    let mut paragraphs = page.lines().filter(|line| !line.is_empty());
    assert_eq!(paragraphs.next(), Some("Not connected"), "{page}");
    let shown = paragraphs.next().and_then(|line| line.strip_suffix('.'));
    let shown = shown.unwrap_or_else(|| panic!("no sentence: {page}"));
    let (first, rest) = shown.split_at(1);
    let message = first.to_lowercase() + rest;
    let same = error == message || error.starts_with(&format!("{message}: "));
    assert!(same, "{finished}\nand the page:\n{page}");
    if let Some(hint) = line("hint: ") {
        let hint = hint.replace('`', "");
        assert_eq!(paragraphs.next(), Some(hint.as_str()), "{page}");
    }
    message
}
