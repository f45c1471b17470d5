//! Keyrings that behave otherwise than GNOME Keyring.

use std::time::Duration;

use crate::env::{Env, Terminal, case_held};
use crate::mock_service::{Behavior, MockService};
use crate::secret_service::Bus;

fn serve(behavior: Behavior) -> (Bus, MockService) {
    let bus = Bus::start(Env::bare());
    let service = MockService::start(&bus.address, behavior);
    (bus, service)
}

/// KeePassXC and oo7 show no items of a locked collection.
#[test]
#[ignore = "needs dbus-daemon"]
fn hidden_items_are_found_once_a_person_unlocks_them() {
    let (bus, service) = serve(Behavior::default());
    bus.env.connect_sandbox();
    for args in [
        &["token", "sandbox"][..],
        &["list", "--json"],
        &["status", "sandbox"],
    ] {
        service.behavior().locked = true;
        let run = bus.env.run(args).any_stdout().check();
        assert!(run.out().len() > 10, "{run}");
    }
    assert_eq!(service.calls("Prompt"), 3);

    service.behavior().dismisses = true;
    for args in [
        &["token", "sandbox"][..],
        &["list"],
        &["logout", "sandbox"],
        &["login", "--sandbox", "--approve"],
    ] {
        service.behavior().locked = true;
        let run = bus.env.run(args).code(6);
        run.stderr_has("it is locked, or its prompt was dismissed")
            .stderr_has("hint: ")
            .check();
    }
    service.behavior().locked = false;
    assert_eq!(bus.env.connections(), ["sandbox"]);
    case_held("ST-02 hidden items");
}

/// KeePassXC without an open database.
#[test]
#[ignore = "needs dbus-daemon"]
fn a_keyring_that_is_not_open_is_not_an_empty_one() {
    let (bus, service) = serve(Behavior {
        exists: false,
        ..Behavior::default()
    });
    for args in [
        &["list"][..],
        &["token"],
        &["logout", "work"],
        &["logout", "--all"],
        &["refresh", "--all"],
        &["login", "--sandbox", "--approve"],
    ] {
        let run = bus.env.run(args).code(6);
        run.stderr_has("no keyring is open")
            .stderr_has("`--store file`")
            .check();
    }
    assert_eq!(service.items(), 0);
    case_held("ST-02 not open");
}

/// KeePassXC answers a search only after a person has unlocked the database.
#[test]
#[ignore = "needs dbus-daemon"]
fn a_search_that_waits_for_a_person_is_waited_for() {
    let (bus, service) = serve(Behavior::default());
    bus.env.connect_sandbox();
    service.behavior().search_takes = Duration::from_secs(3);
    let run = bus.env.run(["token", "sandbox"]).any_stdout();
    run.within(15).check();
    service.behavior().search_takes = Duration::from_secs(7);
    let run = bus.env.run(["token", "sandbox"]).code(6).within(15);
    run.stderr_has("did not answer within 5 s").check();
    let mut terminal = Terminal::run(&bus.env, &["token", "sandbox"]);
    assert_eq!(terminal.ends().0, 0, "{}", terminal.screen());
    case_held("ST-01 answers late");
}

/// KWallet creates an item before it stores the secret.
#[test]
#[ignore = "needs dbus-daemon"]
fn an_item_without_its_secret_is_removed() {
    let (bus, service) = serve(Behavior::default());
    bus.env.connect_sandbox();
    let before = service.items();
    service.behavior().creates_halves = true;
    let rename = bus.env.run(["rename", "sandbox", "new"]).code(6);
    rename
        .stderr_has("could not save in the keyring: createDLGroup failed")
        .check();
    assert_eq!(service.items(), before);
    service.behavior().creates_halves = false;
    bus.env
        .run(["rename", "sandbox", "new"])
        .any_stderr()
        .check();
    assert_eq!(bus.env.connections(), ["new"]);
}

/// As `secret-tool` does it.
#[test]
#[ignore = "needs dbus-daemon"]
fn a_default_collection_is_created_where_a_person_can_choose_its_password() {
    let (bus, service) = serve(Behavior {
        exists: false,
        other: true,
        ..Behavior::default()
    });
    let login = ["login", "--sandbox", "--approve"];
    let run = bus.env.run(login).code(6);
    run.stderr_has("the keyring has no default collection")
        .stderr_has("`secret-tool store --label=test test test`")
        .check();
    assert_eq!(service.calls("CreateCollection"), 0);
    let mut terminal = Terminal::run(&bus.env, &login);
    assert_eq!(terminal.ends().0, 0, "{}", terminal.screen());
    assert_eq!(service.calls("CreateCollection"), 1);
    assert_eq!(bus.env.connections(), ["sandbox"]);
}
