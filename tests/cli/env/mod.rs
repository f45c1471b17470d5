//! A home of its own for every test, and the fixtures that live in it.

mod attempt;
mod authority;
pub mod canaries;
mod certificates;
pub mod devices;
mod form;
mod handover;
pub mod http;
mod login;
pub mod peer;
pub mod process;
mod proxy;
#[cfg(target_os = "linux")]
pub mod readme;
mod reply;
pub mod report;
mod run;
mod sandbox;
mod scene;
pub mod sealed;
#[cfg(target_os = "linux")]
mod terminal;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{ErrorKind, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use age::secrecy::ExposeSecret;
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

pub use attempt::{Attempt, FOREIGN, Outcome, connected, consent, expired};
pub use authority::{Authority, Request};
pub use certificates::{Ca, self_signed};
pub use form::ConsentForm;
pub use handover::Handover;
pub use http::{Answer, send};
pub use login::{Callback, Login};
pub use peer::Peer;
pub use proxy::{Manner, Proxy};
pub use reply::{ACCESS_TOKEN, CODE, Gate, OTHER_TOKEN, REFRESH_TOKEN, Reply, token_set};
pub use report::case_held;
pub use run::Run;
pub use sandbox::{CLIENT_ID, CLIENT_SECRET, HELPERS, OTHER_CLIENT, Sandbox};
pub use scene::Scene;
#[cfg(target_os = "linux")]
pub use terminal::Terminal;

/// Stands in for a browser: writes its one argument to `$HOME/opened`.
pub const BROWSER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/browser");

/// Where a home has its sealed file.
const SEALED: &str = "data/webex-connect/store.age";

/// A temporary home and the whole environment of the commands run in it.
pub struct Env {
    home: Home,
    vars: BTreeMap<OsString, OsString>,
}

/// Its directory, in which nothing secret may be left open to read.
struct Home(TempDir);

impl Drop for Home {
    fn drop(&mut self) {
        canaries::nothing_left(self.0.path());
    }
}

impl Env {
    /// With the sealed-file store and a fresh key.
    pub fn new() -> Env {
        let key = age::x25519::Identity::generate().to_string();
        Env::bare()
            .var("WEBEX_CONNECT_STORE", "file")
            .var("WEBEX_CONNECT_KEY", key.expose_secret())
    }

    /// Says nothing about the store, and no keyring is reachable.
    pub fn bare() -> Env {
        let home = tempfile::Builder::new()
            .prefix("webex-connect-test-")
            .tempdir()
            .unwrap_or_else(|e| panic!("a temporary home: {e}"));
        let mut env = Env {
            home: Home(home),
            vars: BTreeMap::new(),
        };
        for (name, directory) in [
            ("XDG_DATA_HOME", "data"),
            ("XDG_STATE_HOME", "state"),
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_RUNTIME_DIR", "run"),
        ] {
            let path = env.path(directory);
            fs::DirBuilder::new()
                .mode(0o700)
                .create(&path)
                .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            env = env.var(name, path);
        }
        let home = env.path("");
        env.var("HOME", home)
            .var("PATH", "/usr/bin:/bin")
            .var("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
    }

    pub fn var(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Env {
        self.vars
            .insert(name.as_ref().to_owned(), value.as_ref().to_owned());
        self
    }

    /// A path inside the home; the home itself for the empty name.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.home.0.path().join(name)
    }

    /// Writes a file that only this user can read, as keys must be.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        let mut options = fs::OpenOptions::new();
        options.create(true).truncate(true).write(true).mode(0o600);
        let mut file = options
            .open(&path)
            .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        file.write_all(text.as_bytes())
            .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        canaries::fixture(self.home.0.path(), &path);
        path
    }

    /// The text of a file that something is about to write, once its last line is whole.
    pub fn written(&self, name: &str) -> String {
        let mut text = String::new();
        let is_whole = comes_true(Duration::from_secs(20), || {
            text = fs::read_to_string(self.path(name)).unwrap_or_default();
            text.ends_with('\n')
        });
        assert!(is_whole, "nobody wrote {name}");
        text
    }

    /// An app of these names at the Webex of this API base.
    pub fn add_app(&self, name: &str, base: &str, redirect_uri: &str) {
        let app = ["app", "add", name, "--client-id", CLIENT_ID];
        let place = ["--api-base", base, "--redirect-uri", redirect_uri];
        self.run([&app[..], &place].concat())
            .var("WEBEX_CONNECT_CLIENT_SECRET", CLIENT_SECRET)
            .any_stdout()
            .any_stderr()
            .check();
    }

    /// Whether a writer left a temporary file.
    pub fn has_temporary_files(&self) -> bool {
        let entries = fs::read_dir(self.path("data/webex-connect"));
        let entries = entries.unwrap_or_else(|e| panic!("the data directory: {e}"));
        entries
            .flatten()
            .any(|entry| entry.file_name().to_string_lossy().ends_with(".new"))
    }

    /// Makes every write to the sealed file fail, while it can still be read.
    pub fn block_writes(&self) {
        let lock = self.path("data/webex-connect/store.lock");
        // There may be none yet.
        let _ = fs::remove_file(&lock);
        fs::create_dir(&lock).unwrap_or_else(|e| panic!("{}: {e}", lock.display()));
    }

    /// Undoes [`Env::block_writes`].
    pub fn allow_writes(&self) {
        let lock = self.path("data/webex-connect/store.lock");
        fs::remove_dir(&lock).unwrap_or_else(|e| panic!("{}: {e}", lock.display()));
    }

    /// A shell script to be run as a program.
    pub fn script(&self, name: &str, lines: &str) -> String {
        let path = self.write(name, &format!("#!/bin/sh\n{lines}\n"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700))
            .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        path.display().to_string()
    }

    /// What the last `--browser` was told to open, if one was called.
    pub fn opened(&self) -> Option<String> {
        fs::read_to_string(self.path("opened")).ok()
    }

    /// Any program in this environment and nothing of the caller's.
    pub fn program(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(&self.vars)
            .current_dir(self.home.0.path());
        command
    }

    /// The program under test in this environment.
    pub fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = self.program(env!("CARGO_BIN_EXE_webex-connect"));
        command.args(args);
        command
    }

    /// One command whose outcome is stated, then checked.
    pub fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Run {
        Run::new(self.command(args))
    }

    /// A connection called `sandbox`, to the embedded sandbox.
    pub fn connect_sandbox(&self) {
        self.run(["login", "--sandbox", "--approve"])
            .any_stderr()
            .check();
    }

    /// The names of the stored connections, by the program's own account.
    pub fn connections(&self) -> Vec<String> {
        let listed = self.run(["list", "--json"]).any_stdout().check().json();
        let Some(rows) = listed.as_array() else {
            panic!("`list --json` is no array: {listed}");
        };
        rows.iter()
            .map(|row| match row["name"].as_str() {
                Some(name) => name.to_owned(),
                None => panic!("a row of `list --json` has no name: {row}"),
            })
            .collect()
    }

    /// What is in the sealed file of [`Env::new`].
    pub fn records(&self) -> BTreeMap<String, serde_json::Value> {
        let path = self.path(SEALED);
        let sealed = fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let opened = age::decrypt(&self.key(), &sealed);
        let opened = opened.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let parsed = |(name, text): (String, String)| {
            let record = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
            (name, record)
        };
        sealed::records(&opened).into_iter().map(parsed).collect()
    }

    /// Changes what is in the sealed file of [`Env::new`], record by record.
    pub fn edit_records(&self, edit: impl Fn(&str, &mut serde_json::Value)) {
        self.change_records(|records| {
            records
                .iter_mut()
                .for_each(|(name, record)| edit(name, record));
        });
    }

    /// Changes what is in the sealed file of [`Env::new`]; records may come and go.
    pub fn change_records(&self, change: impl FnOnce(&mut BTreeMap<String, serde_json::Value>)) {
        let mut records = self.records();
        change(&mut records);
        let records = records
            .into_iter()
            .map(|(name, record)| (name, record.to_string()))
            .collect();
        let sealed = age::encrypt(&self.key().to_public(), &sealed::text(&records));
        let sealed = sealed.unwrap_or_else(|e| panic!("sealing: {e}"));
        let path = self.path(SEALED);
        fs::write(&path, sealed).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    }

    /// The key of [`Env::new`].
    fn key(&self) -> age::x25519::Identity {
        let key = self.vars[OsStr::new("WEBEX_CONNECT_KEY")].to_string_lossy();
        key.parse().unwrap_or_else(|e| panic!("the key: {e}"))
    }

    /// Lets every access token in the sealed file of [`Env::new`] have this much life left, of two weeks.
    pub fn age(&self, left: SignedDuration) {
        let expires_at = Timestamp::now() + left;
        let obtained_at = expires_at - SignedDuration::from_hours(14 * 24);
        self.edit_records(|_, record| {
            if let Some(tokens) = record.get_mut("tokens") {
                tokens["expires_at"] = expires_at.to_string().into();
                tokens["obtained_at"] = obtained_at.to_string().into();
            }
        });
    }

    /// The record of a connection in the sealed file of [`Env::new`].
    pub fn record(&self, name: &str) -> serde_json::Value {
        let found = self.records().remove(&format!("connection/{name}"));
        found.unwrap_or_default()
    }

    /// Returns once a process waits for this lock file, by the system's own account.
    #[cfg(target_os = "linux")]
    pub fn somebody_waits_for(&self, lock: &str) {
        let path = self.path("data/webex-connect").join(lock);
        let metadata = fs::metadata(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let inode = format!(":{} ", metadata.ino());
        let waits = |line: &str| line.contains("-> ") && line.contains(&inode);
        let somebody_waits = comes_true(Duration::from_secs(60), || {
            fs::read_to_string("/proc/locks").is_ok_and(|locks| locks.lines().any(waits))
        });
        assert!(somebody_waits, "nobody waits for {lock}");
    }

    /// Fails if a process still runs in this home.
    #[cfg(target_os = "linux")]
    pub fn nothing_runs(&self) {
        let home = format!("HOME={}", self.home.0.path().display());
        let processes = fs::read_dir("/proc").unwrap_or_else(|e| panic!("/proc: {e}"));
        for process in processes.flatten() {
            let environment = fs::read(process.path().join("environ")).unwrap_or_default();
            let ours = environment
                .split(|byte| *byte == 0)
                .any(|var| var == home.as_bytes());
            assert!(!ours, "{} was left behind", process.path().display());
        }
    }
}

/// A redirect URI like most people's, on a free port.
pub fn redirect_uri() -> String {
    format!("http://127.0.0.1:{}/callback", free_port())
}

/// A port free on both loopback families. It lies below the range from which systems take the ports of outgoing
/// connections, so that no other test's connection can land on it; each process starts counting elsewhere.
pub fn free_port() -> u16 {
    const FIRST: u16 = 10_000;
    const COUNT: u16 = 20_000;
    static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| {
        let spread = std::process::id().wrapping_mul(37) % u32::from(COUNT);
        AtomicU16::new(u16::try_from(spread).unwrap_or_default())
    });
    for _ in 0..COUNT {
        let port = FIRST + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
        if is_free(port) {
            return port;
        }
    }
    panic!("no free port from {FIRST} on");
}

/// Whether something comes true within this time. It is looked at again and again: for what tells nobody of itself.
pub fn comes_true(within: Duration, mut it: impl FnMut() -> bool) -> bool {
    let since = Instant::now();
    while !it() {
        if since.elapsed() > within {
            return false;
        }
        thread::sleep(Duration::from_millis(5));
    }
    true
}

/// Whether nobody listens on the port, on either loopback family. A family the machine lacks is nobody's.
pub fn is_free(port: u16) -> bool {
    let taken = |address: IpAddr| {
        TcpListener::bind((address, port)).is_err_and(|e| e.kind() == ErrorKind::AddrInUse)
    };
    !taken(Ipv4Addr::LOCALHOST.into()) && !taken(Ipv6Addr::LOCALHOST.into())
}
