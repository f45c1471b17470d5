//! What the program asks of the system: no TLS, no runtime, no thread and no D-Bus where a command needs none.

use std::fs;
use std::path::Path;

use crate::elevated::tracing;
use crate::env::process::{Finished, Process};
use crate::env::{CLIENT_ID, CLIENT_SECRET, Env, redirect_uri};
use crate::secret_service::unlocked;

/// The calls that give away a file, a socket, what goes over it to the bus, a runtime, a thread or a child. `?`: not every machine has them all.
const CALLS: &str = "trace=?open,openat,?openat2,socket,connect,sendmsg,?epoll_create,epoll_create1,\
                     ?fork,?vfork,clone,?clone3,execve";
/// Where a program that sets up TLS would look for certificates.
const CERTIFICATES: &str = "/nonexistent/ca.pem";

/// The calls of one command, a line each.
struct Calls(String);

impl Calls {
    /// Traces a command that ends with this exit code.
    fn of(env: &Env, args: &[&str], code: i32) -> Calls {
        let list = env.path("calls");
        let program = env.command(args);
        let mut command = env.program("strace");
        command
            .args(["-f", "-qq", "-s", "4096", "-e", CALLS, "-o"])
            .arg(&list)
            .arg(program.get_program())
            .args(args)
            .env("SSL_CERT_FILE", CERTIFICATES);
        let stdin = format!("{CLIENT_SECRET}\n");
        let finished: Finished = Process::spawn(tracing(command), stdin.as_bytes()).finish();
        assert_eq!(finished.code, Some(code), "{finished}");
        let calls = fs::read_to_string(&list).unwrap_or_else(|e| panic!("{args:?}: {e}"));
        let calls = Calls(calls);
        assert_eq!(calls.made("execve").len(), 1, "{args:?}: {}", calls.0);
        calls
    }

    /// The lines of calls whose name begins with this.
    fn made(&self, name: &str) -> Vec<&str> {
        let lines = self.0.lines();
        let calls = lines.filter_map(|line| line.split_once(' ').map(|(_, call)| call.trim()));
        calls.filter(|call| call.starts_with(name)).collect()
    }

    /// The files that were opened, or looked for, by more than the loader and the standard library.
    fn opened(&self) -> Vec<&str> {
        let calls = self.made("open").into_iter();
        let paths = calls.filter_map(|call| call.split('"').nth(1));
        paths
            .filter(|path| !path.contains(".so") && *path != "/proc/self/maps")
            .collect()
    }

    /// Neither network, D-Bus, runtime, thread nor child, and of files these alone.
    fn are_but(&self, case: &str, files: &[&Path]) {
        for name in ["socket", "connect", "epoll", "clone", "fork", "vfork"] {
            let made = self.made(name);
            assert!(made.is_empty(), "{case}: {made:?}");
        }
        let opened = self.opened();
        let other = opened.iter().find(|path| !files.contains(&Path::new(path)));
        assert_eq!(other, None, "{case}: {opened:?}");
    }
}

fn connected(env: Env) -> Env {
    env.connect_sandbox();
    env
}

/// What the tests below find nothing of is there to be found.
#[test]
#[ignore = "needs strace"]
fn what_needs_the_network_shows_tls_and_a_runtime() {
    let env = connected(Env::new());
    let calls = Calls::of(&env, &["status", "--live"], 0);
    assert!(!calls.made("epoll").is_empty(), "{}", calls.0);
    let sockets = calls.made("socket(AF_INET");
    assert!(!sockets.is_empty(), "{}", calls.0);

    let uri = redirect_uri();
    let login = ["login", "work", "--api-base", "https://localhost:9/v1"];
    let app = ["--client-id", CLIENT_ID, "--client-secret-stdin"];
    let way = ["--redirect-uri", &uri, "--no-browser"];
    let calls = Calls::of(&env, &[&login[..], &app, &way].concat(), 1);
    assert!(calls.opened().contains(&CERTIFICATES), "{}", calls.0);
}

#[test]
#[ignore = "needs the keyring session of tests/run, and strace"]
fn help_and_version_open_nothing() {
    // A bus that is there must not be asked either.
    let env = unlocked().var("WEBEX_CONNECT_STORE", "keyring");
    for args in [
        &["--version"][..],
        &["--help"],
        &["token", "--help"],
        &["login", "--help"],
        &["sandbox", "--help"],
        &["completion", "bash"],
        &["__complete", "--current=sp", "webex-connect", "scopes"],
        &["man"],
        &["man", "app", "add"],
    ] {
        Calls::of(&env, args, 0).are_but(&format!("{args:?}"), &[]);
    }
    Calls::of(&env, &["nonsense"], 2).are_but("nonsense", &[]);
}

#[test]
#[ignore = "needs strace"]
fn a_fresh_token_in_the_sealed_file_takes_that_file_alone() {
    let env = connected(Env::new());
    let directory = env.path("data/webex-connect");
    // The files are opened below the directory.
    let files = [&directory, Path::new("store.age"), Path::new("store.key")];
    for args in [
        &["token", "sandbox"][..],
        &["token"],
        &["token", "--json"],
        &["list", "--json"],
        &["status", "--json"],
    ] {
        Calls::of(&env, args, 0).are_but(&format!("{args:?}"), &files);
    }
    // Each day is shown as one of the person's own time zone.
    let calls = Calls::of(&env, &["list"], 0);
    assert!(calls.made("socket").is_empty(), "{}", calls.0);
    assert!(calls.made("epoll").is_empty(), "{}", calls.0);
}

/// One thread, because a keyring that hangs must not take the program with it.
#[test]
#[ignore = "needs the keyring session of tests/run, and strace"]
fn a_fresh_token_in_the_keyring_takes_one_socket_to_the_bus() {
    let env = connected(unlocked());
    for args in [
        &["token", "sandbox"][..],
        &["token"],
        &["token", "--json"],
        &["list", "--json"],
    ] {
        let calls = Calls::of(&env, args, 0);
        let sockets = calls.made("socket");
        assert_eq!(sockets.len(), 1, "{args:?}: {}", calls.0);
        assert!(sockets[0].starts_with("socket(AF_UNIX"), "{sockets:?}");
        let connections = calls.made("connect");
        assert_eq!(connections.len(), 1, "{args:?}: {}", calls.0);
        assert!(connections[0].contains("AF_UNIX"), "{connections:?}");
        assert!(calls.made("epoll").is_empty(), "{args:?}: {}", calls.0);
        assert_eq!(calls.made("clone").len(), 1, "{args:?}: {}", calls.0);
        let opened = calls.opened();
        assert!(opened.is_empty(), "{args:?}: {opened:?}");
    }
}

/// GNOME Keyring died, and came back locked, when many clients at once began by asking for a session: it may not have
/// taken notice yet of the one that asks.
#[test]
#[ignore = "needs the keyring session of tests/run, and strace"]
fn a_session_is_not_the_first_that_the_keyring_is_asked_for() {
    let env = connected(unlocked());
    for args in [&["token"][..], &["list", "--json"]] {
        let calls = Calls::of(&env, args, 0);
        let sent = calls.made("sendmsg").into_iter();
        let mut asked = sent.filter(|call| call.contains("org.freedesktop.Secret.Service"));
        for name in ["ReadAlias", "OpenSession", "SearchItems"] {
            let next = asked.next().unwrap_or_default();
            assert!(
                next.contains(name),
                "{args:?}: {next:?} is not {name}: {}",
                calls.0
            );
        }
    }
}
