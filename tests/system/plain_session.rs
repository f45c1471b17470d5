//! The Secret Service as the program uses it: the items it writes and reads, and what it says when the service or the
//! bus fails.

use std::thread;
use std::time::Duration;

use crate::elevated::as_nobody;
use crate::env::process::Process;
use crate::env::{Env, case_held};
use crate::faulty_bus::{self, Fault};
use crate::secret_service::{Bus, records, secret_tool, unlocked};

const ITEM: [&str; 4] = ["service", "webex-connect", "username", "connection/sandbox"];
/// The call that makes an item.
const CREATIONS: &[&[u8]] = &[b"CreateItem\0"];

fn tool(env: &Env, verb: &str, more: &[&str], stdin: &[u8]) -> String {
    secret_tool(env, &[&[verb][..], more, &ITEM].concat(), stdin)
}

#[test]
#[ignore = "needs the keyring session of tests/run"]
fn an_item_has_the_attributes_and_the_label_that_it_always_had() {
    let env = unlocked();
    env.connect_sandbox();
    let found = tool(&env, "search", &["--all"], b"");
    let lines = |prefix| -> Vec<&str> {
        let lines = found.lines().filter(move |line| line.starts_with(prefix));
        let mut lines: Vec<&str> = lines.collect();
        lines.sort_unstable();
        lines
    };
    assert_eq!(
        lines("attribute."),
        [
            "attribute.service = webex-connect",
            "attribute.username = connection/sandbox"
        ],
        "{found}"
    );
    let [label] = lines("label = ")[..] else {
        panic!("one label: {found}");
    };
    assert!(
        label.starts_with("label = Webex connection sandbox ("),
        "{label}"
    );
}

#[test]
#[ignore = "needs the keyring session of tests/run"]
fn an_item_that_another_program_wrote_is_read_and_replaced() {
    let env = unlocked();
    env.connect_sandbox();
    let token = env.run(["token", "sandbox"]).any_stdout().check().out();
    let record = tool(&env, "lookup", &[], b"");
    tool(&env, "clear", &[], b"");
    assert!(env.connections().is_empty());
    for more in [&["--label=theirs"][..], &["--label=theirs", "note", "1"]] {
        assert_eq!(tool(&env, "store", more, record.as_bytes()), "");
        env.run(["token", "sandbox"]).stdout(&token).check();
        assert_eq!(env.connections(), ["sandbox"]);
        env.run(["refresh", "sandbox"])
            .any_stdout()
            .any_stderr()
            .check();
        let found = tool(&env, "search", &["--all"], b"");
        assert_eq!(found.matches("connection/sandbox").count(), 1, "{found}");
        assert!(
            found.contains("label = Webex connection sandbox"),
            "{found}"
        );
        tool(&env, "clear", &[], b"");
    }
}

#[test]
#[ignore = "needs the keyring session of tests/run"]
fn an_item_that_is_not_created_leaves_nothing() {
    let bus = std::env::var("DBUS_SESSION_BUS_ADDRESS").unwrap_or_default();
    let env = faulty_bus::with(unlocked(), &bus, CREATIONS, Fault::Refused, 1);
    let login = env.run(["login", "--sandbox", "--approve"]).code(6);
    login.stderr_has("could not save in the keyring").check();
    let env = env.var("DBUS_SESSION_BUS_ADDRESS", &bus);
    assert_eq!(records(&env), "");
    // The keyring refuses after it has stored the secret: the record is there.
    let env = faulty_bus::with(unlocked(), &bus, CREATIONS, Fault::RefusedAfterwards, 2);
    env.connect_sandbox();
    let env = env.var("DBUS_SESSION_BUS_ADDRESS", &bus);
    assert_eq!(env.connections(), ["sandbox"]);
}

#[test]
#[ignore = "needs gnome-keyring and dbus-daemon"]
fn a_keyring_that_dies_is_reported_as_stopped() {
    let bus = Bus::start(Env::bare());
    bus.unlock();
    let stopped = bus.stop_keyring();
    let listing = Process::spawn(bus.env.command(["list"]), b"");
    thread::sleep(Duration::from_millis(700));
    stopped.kill();
    let finished = listing.finish();
    assert_eq!(finished.code, Some(6), "{finished}");
    let err = finished.err();
    assert!(err.contains("the keyring stopped"), "{finished}");
    assert!(
        err.contains("hint: run the same command again"),
        "{finished}"
    );
    case_held("ST-01 dies");
}

/// The bus takes the connection, and says nothing.
#[test]
#[ignore = "needs gnome-keyring and dbus-daemon"]
fn a_bus_that_hangs_is_given_up_after_two_seconds() {
    let bus = Bus::start(Env::bare());
    bus.stop();
    let run = bus.env.run(["list"]).code(6).within(4);
    run.stderr_has("did not answer within 2 s")
        .stderr_has("hint: ")
        .check();
    case_held("ST-01 the bus hangs");
}

/// A locked collection may hide its items, so an empty search result is not believed.
#[test]
#[ignore = "needs gnome-keyring and dbus-daemon"]
fn a_locked_keyring_without_records_is_not_taken_for_an_empty_one() {
    let first = Bus::start(Env::bare());
    first.unlock();
    let second = Bus::start(ended(first));
    for args in [
        &["list"][..],
        &["token"],
        &["logout", "work"],
        &["refresh", "--all"],
    ] {
        let run = second.env.run(args).code(6).within(15);
        run.stderr_has("locked").stderr_has("hint: ").check();
    }
    case_held("ST-02 locked and empty");
}

/// Ends the bus, and hands back the home.
fn ended(bus: Bus) -> Env {
    bus.env
}

/// A fresh GNOME Keyring has no default collection, but it lists what it has: nothing.
#[test]
#[ignore = "needs gnome-keyring and dbus-daemon"]
fn a_fresh_keyring_is_empty() {
    let bus = Bus::start(Env::bare());
    bus.env.run(["list", "--json"]).stdout("[]\n").check();
    bus.env.run(["token"]).code(4).any_stderr().check();
}

#[test]
#[ignore = "needs root, or sudo, to act as another user"]
fn a_bus_of_another_user_is_reported_as_that() {
    let bus = Bus::start(Env::bare());
    let socket = bus
        .address
        .split([':', ','])
        .find_map(|part| part.strip_prefix("path="))
        .unwrap_or_else(|| panic!("no path: {}", bus.address))
        .to_owned();
    for reachable in [false, true] {
        if reachable {
            // The directory of the socket lets nobody else in, so the socket is offered at another place.
            let link = format!("/tmp/webex-connect-test-bus-{}", std::process::id());
            std::fs::hard_link(&socket, &link).unwrap_or_else(|e| panic!("{link}: {e}"));
            let run = list_as_nobody(&bus.env, &format!("unix:path={link}"));
            let removed = std::fs::remove_file(&link);
            removed.unwrap_or_else(|e| panic!("{link}: {e}"));
            says_whose(&run);
        } else {
            says_whose(&list_as_nobody(&bus.env, &bus.address));
        }
    }
    case_held("ST-03 another user's bus");
}

fn list_as_nobody(env: &Env, address: &str) -> crate::env::process::Finished {
    let mut command = env.command(["list"]);
    command
        .current_dir("/")
        .env("HOME", "/nonexistent")
        .env("XDG_DATA_HOME", "/nonexistent")
        .env("DBUS_SESSION_BUS_ADDRESS", address);
    Process::spawn(as_nobody(&command), b"").finish()
}

fn says_whose(run: &crate::env::process::Finished) {
    assert_eq!(run.code, Some(6), "{run}");
    assert!(run.err().contains("belongs to another user"), "{run}");
    assert!(
        run.err().contains("hint: run the command as that user"),
        "{run}"
    );
}
