//! A keyring that is absent, locked or hung: an error in time that says so, and never another place.

use crate::env::{CLIENT_SECRET, Env, Login, Run, Sandbox, Scene, free_port};
use crate::secret_service::Bus;

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
    let redirect_uri = format!("http://127.0.0.1:{}/callback", free_port());
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
