//! A keyring that is absent, locked or hung: an error in time that says so, and never another place.

use std::thread;

use crate::env::process::{Input, Process};
use crate::env::{
    BROWSER, CLIENT_SECRET, Env, Login, Run, Sandbox, Scene, case_held, expired, redirect_uri,
};
use crate::faulty_bus::{self, Fault};
use crate::secret_service::Bus;

/// Every command that opens the store, but for `list` and a login that lacks nothing.
const COMMANDS: &[&[&str]] = &[
    &["status", "work"],
    &["check", "work"],
    &["token"],
    &["token", "work"],
    &["refresh", "work"],
    &["refresh", "--all"],
    &["api", "people/me"],
    &["api", "messages", "--input", "-"],
    &["rename", "work", "other"],
    &["default", "work"],
    &["logout", "work"],
    &["logout", "--all"],
    &["app", "add", "x", "--client-id", "C"],
    &["app", "update", "work", "--client-secret-stdin"],
    &["app", "list"],
    &["app", "show", "work"],
    &["app", "check", "work"],
    &["app", "remove", "work"],
    &[
        "export",
        "work",
        "--to",
        "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg",
    ],
    &["login", "work", "--browser", BROWSER],
    &["login", "work", "--device"],
    &["login", "work", "--token-stdin"],
    &["login", "work", "--client-id", "C", "--refresh-token-stdin"],
    &["login", "--sandbox", "--approve", "--store", "keyring"],
];

#[test]
#[ignore = "needs gnome-keyring and dbus-daemon"]
fn an_absent_keyring_ends_every_command() {
    every_command_says("there is no keyring", &Env::bare());
}

/// ST-02, with nobody who could answer its prompt.
#[test]
#[ignore = "needs gnome-keyring and dbus-daemon"]
fn a_locked_keyring_ends_every_command() {
    // Homes outlive their bus: what is unlocked and filled on the first is there, locked, on the second.
    let first = Bus::start(Env::bare());
    first.unlock();
    let env = filled(first);
    let second = Bus::start(env);
    every_command_says("locked", &second.env);
    case_held("ST-02 locked");
}

/// ST-01.
#[test]
#[ignore = "needs gnome-keyring and dbus-daemon"]
fn a_hung_keyring_ends_every_command() {
    let bus = Bus::start(Env::bare());
    bus.unlock();
    let stopped = bus.stop_keyring();
    every_command_says("did not answer", &bus.env);
    drop(stopped);
    bus.env.run(["list", "--json"]).stdout("[]\n").check();
    case_held("ST-01 no reply");
}

/// ST-02.
#[test]
#[ignore = "needs gnome-keyring and dbus-daemon"]
fn a_prompt_that_comes_to_nothing_ends_a_command_before_webex_is_asked() {
    for (fault, why) in [
        (
            Fault::Dismissed,
            "it is locked, or its prompt was dismissed",
        ),
        (
            Fault::Unanswered,
            "did not answer within 5 s: it may be locked, with a prompt that nobody answers",
        ),
    ] {
        let first = Bus::start(Env::bare());
        first.unlock();
        let authority = expired(&first.env);
        let second = Bus::start(ended(first));
        let address = second.address.clone();
        let env = faulty_bus::with(second.env, &address, faulty_bus::PROMPTS, fault, 1);
        for args in [
            &["token"][..],
            &["refresh"],
            &["list"],
            &["login", "work", "--device"],
        ] {
            env.run(args)
                .code(6)
                .stderr_has(why)
                .stderr_has("`--store file`")
                .within(15)
                .check();
        }
        assert_eq!(authority.refreshes(), 0, "{fault:?}");
        assert!(!env.path("data/webex-connect").exists(), "{fault:?}");
        case_held(format!("ST-02 {fault:?}"));
    }
}

/// Ends the bus, and hands back the home.
fn ended(bus: Bus) -> Env {
    bus.env
}

/// Makes a connection, ends the bus, and hands back the home.
fn filled(bus: Bus) -> Env {
    let Scene {
        env,
        sandbox,
        mut login,
    } = Scene::with(
        bus.env,
        "http://127.0.0.1:{PORT}/callback",
        &["--no-browser"],
    );
    let callback = login.consent("allow");
    login.deliver(&callback);
    let finished = login.finish();
    assert_eq!(finished.code, Some(0), "{finished}");
    assert_eq!(env.connections(), ["work"]);
    drop(sandbox);
    env
}

fn every_command_says(why: &str, env: &Env) {
    // But a key press in a shell, which is answered by nothing.
    env.run(["__complete", "--current=w", "webex-connect", "token"])
        .within(10)
        .check();
    env.run(["list", "--json"])
        .code(6)
        .stderr_json("store_unavailable")
        .within(15)
        .check();
    env.run(["list"])
        .code(6)
        .stderr_has("keyring")
        .stderr_has(why)
        .stderr_has("hint: ")
        .within(15)
        .check();
    // With an input that stays open and silent, on a keyring that is slow for each: all of them at once.
    thread::scope(|scope| {
        for args in COMMANDS {
            scope.spawn(move || {
                let finished = Process::reading(env.command(*args), Input::Silence).finish();
                assert_eq!(finished.code, Some(6), "{finished}");
                let err = finished.err();
                let told = err.contains("keyring") && err.contains(why) && err.contains("hint: ");
                assert!(told && finished.out().is_empty(), "{finished}");
            });
        }
    });
    assert_eq!(env.opened(), None, "a browser was opened");
    let redirect_uri = redirect_uri();
    let mut sandbox = Sandbox::start(env, &redirect_uri);
    let mut command = Login::command(env, &sandbox, &redirect_uri);
    command.arg("--no-browser");
    Run::new(command)
        .stdin(&format!("{CLIENT_SECRET}\n"))
        .secret(CLIENT_SECRET)
        .code(6)
        .stderr_has("keyring")
        .stderr_has(why)
        .within(15)
        .check();
    assert!(
        sandbox.requests().is_empty(),
        "a login went on without its store"
    );
    assert!(
        !env.path("data/webex-connect").exists(),
        "something was kept in a file"
    );
}
