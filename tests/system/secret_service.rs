//! Secret Services to test against: the one `tests/run` unlocked, and buses of a test's own.

use rustix::process::{Pid, Signal, kill_process};

use crate::env::Env;
use crate::env::process::{Process, Stream};

/// What a login keyring is unlocked with.
const PASSWORD: &[u8] = b"test";

/// A home in the session that `tests/run` prepared, its keyring unlocked and empty of ours.
pub fn unlocked() -> Env {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    assert_eq!(
        variable("WEBEX_CONNECT_TEST_SESSION"),
        "1",
        "this test needs the D-Bus session with an unlocked gnome-keyring that `tests/run` makes: run that"
    );
    let bus = variable("DBUS_SESSION_BUS_ADDRESS");
    let env = Env::bare().var("DBUS_SESSION_BUS_ADDRESS", bus);
    // What an earlier test left when it failed is not this one's failure.
    secret_tool(&env, &["clear", "service", "webex-connect"], b"");
    assert_eq!(records(&env), "", "the keyring could not be emptied");
    env
}

/// All records of ours as an independent program shows them: secrets, labels and attributes. GNOME Keyring gives an item
/// without a schema the generic one when it reads its file again, which it does now and then.
pub fn records(env: &Env) -> String {
    let found = secret_tool(env, &["search", "--all", "service", "webex-connect"], b"");
    found.replace("schema = org.freedesktop.Secret.Generic\n", "")
}

pub fn secret_tool(env: &Env, args: &[&str], stdin: &[u8]) -> String {
    let mut command = env.program("secret-tool");
    command.args(args);
    let finished = Process::spawn(command, stdin).finish();
    finished.out() + &finished.err()
}

/// A session bus of a test's own, whose first client to ask for secrets gets a gnome-keyring.
pub struct Bus {
    daemon: Process,
    pub env: Env,
    pub address: String,
}

impl Bus {
    pub fn start(env: Env) -> Bus {
        let mut command = env.program("dbus-daemon");
        command
            .args(["--session", "--nofork", "--nopidfile", "--print-address"])
            .arg(format!("--address=unix:dir={}", env.path("run").display()));
        let mut daemon = Process::spawn(command, b"");
        let Some(address) = daemon.next_line(Stream::Out) else {
            panic!("no session bus: {}", daemon.finish());
        };
        Bus {
            daemon,
            env: env.var("DBUS_SESSION_BUS_ADDRESS", &address),
            address,
        }
    }

    /// Unlocks the login keyring, making it if there is none. This has to come before any client talks to the
    /// bus, or a locked daemon is there already.
    pub fn unlock(&self) {
        let mut command = self.env.program("sh");
        command.args([
            "-c",
            "exec gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1",
        ]);
        let finished = Process::spawn(command, PASSWORD).finish();
        assert_eq!(finished.code, Some(0), "{finished}");
        let probe = ["store", "--label=probe", "probe", "1"];
        let said = secret_tool(&self.env, &probe, b"unlocked");
        let found = secret_tool(&self.env, &["lookup", "probe", "1"], b"");
        assert_eq!(found, "unlocked", "the keyring is not usable: {said}");
        secret_tool(&self.env, &["clear", "probe", "1"], b"");
    }

    /// Locks the login keyring again.
    pub fn lock(&self) {
        let said = secret_tool(&self.env, &["lock", "--collection=login"], b"");
        assert_eq!(said, "", "the keyring is not locked");
    }

    /// Stops the bus itself in its tracks, for good.
    pub fn stop(&self) {
        self.daemon.signal(Signal::STOP);
    }

    /// Stops the keyring in its tracks for as long as the result lives.
    pub fn stop_keyring(&self) -> Stopped {
        let mut command = self.env.program("dbus-send");
        command.args([
            "--session",
            "--print-reply=literal",
            "--dest=org.freedesktop.DBus",
            "/",
            "org.freedesktop.DBus.GetConnectionUnixProcessID",
            "string:org.freedesktop.secrets",
        ]);
        let finished = Process::spawn(command, b"").finish();
        let out = finished.out();
        let pid = out
            .split_whitespace()
            .last()
            .and_then(|pid| pid.parse().ok());
        let Some(pid) = pid.and_then(Pid::from_raw) else {
            panic!("no keyring on the bus: {finished}");
        };
        kill_process(pid, Signal::STOP).unwrap_or_else(|e| panic!("stopping the keyring: {e}"));
        Stopped(pid)
    }
}

pub struct Stopped(Pid);

impl Stopped {
    /// Ends the keyring as a crash would.
    pub fn kill(self) {
        kill_process(self.0, Signal::KILL).unwrap_or_else(|e| panic!("killing the keyring: {e}"));
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        // One that is gone needs no waking.
        let _ = kill_process(self.0, Signal::CONT);
    }
}
