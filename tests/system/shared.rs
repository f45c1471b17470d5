//! Two surroundings that share one store: homes on one data volume, as two containers have them, and state directories
//! on one keyring. Every refresh spends a refresh token that the sandbox takes only once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use age::secrecy::ExposeSecret;

use crate::env::process::Process;
use crate::env::{Env, Login, Sandbox, case_held, redirect_uri};
use crate::secret_service::unlocked;

const CONNECTIONS: [&str; 4] = ["work", "second", "third", "fourth"];
/// How many refreshes the run makes at the least.
const REFRESHES: usize = 200;
/// Far more than the run needs.
const LIMIT: Duration = Duration::from_secs(240);

/// Connections whose access tokens live for a second.
fn signed_in(env: &Env) -> Sandbox {
    let redirect_uri = redirect_uri();
    let sandbox = Sandbox::with(env, &redirect_uri, &["--rotate", "--expires-in", "1"]);
    for name in CONNECTIONS {
        let mut login = match name {
            "work" => Login::start(env, &sandbox, &redirect_uri, &["--no-browser"]),
            name => Login::again(env, &redirect_uri, &[name, "--app", "work", "--no-browser"]),
        };
        let callback = login.consent("allow");
        login.deliver(&callback);
        let finished = login.finish();
        assert_eq!(finished.code, Some(0), "{finished}");
    }
    sandbox
}

/// Asks for tokens from both surroundings until enough refreshes were made.
fn no_grant_is_lost(first: &Env, second: &Env, what: &str) {
    let mut sandbox = signed_in(first);
    let is_over = AtomicBool::new(false);
    let ask = |env: &Env, shift: usize| {
        let mut turn = shift;
        while !is_over.load(Ordering::Relaxed) {
            let name = CONNECTIONS[turn % CONNECTIONS.len()];
            let token = Process::spawn(env.command(["token", name]), b"").finish();
            assert_eq!(token.code, Some(0), "{what}: {token}");
            assert_ne!(token.out(), "", "{what}: {token}");
            // Another process may be refreshing while the token still serves.
            let is_expected = |line: &str| line.contains("another webex-connect is at work on");
            assert!(token.err().lines().all(is_expected), "{what}: {token}");
            turn += 1;
        }
    };
    thread::scope(|scope| {
        for shift in 0..2 {
            scope.spawn(move || ask(first, shift));
            scope.spawn(move || ask(second, shift));
        }
        let since = Instant::now();
        while sandbox.refreshes() < REFRESHES && since.elapsed() < LIMIT {
            thread::sleep(Duration::from_millis(500));
        }
        is_over.store(true, Ordering::Relaxed);
    });
    let refreshes = sandbox.refreshes();
    assert!(refreshes >= REFRESHES, "{what}: {refreshes} refreshes");
    let all = Process::spawn(second.command(["refresh", "--all", "--json"]), b"").finish();
    assert_eq!(all.code, Some(0), "{what}: {all}");
    let refused = sandbox
        .requests()
        .iter()
        .filter(|request| request["grant_type"] == "refresh_token" && request["status"] != 200);
    assert_eq!(refused.count(), 0, "{what}");
    case_held(format!("RF-01 {what}"));
}

#[test]
#[ignore = "takes a minute"]
fn two_homes_on_one_data_volume_share_every_refresh() {
    let key = age::x25519::Identity::generate().to_string();
    let with_key = || Env::new().var("WEBEX_CONNECT_KEY", key.expose_secret());
    let env = with_key();
    let other = with_key().var("XDG_DATA_HOME", env.path("data"));
    no_grant_is_lost(&env, &other, "two homes, one data volume");
}

#[test]
#[ignore = "needs the keyring session of tests/run"]
fn two_state_directories_on_one_keyring_share_every_refresh() {
    let env = unlocked();
    let bus = std::env::var("DBUS_SESSION_BUS_ADDRESS").unwrap_or_default();
    let other = Env::bare().var("DBUS_SESSION_BUS_ADDRESS", bus);
    no_grant_is_lost(&env, &other, "two state directories, one keyring");
}
