//! SIGKILL at every system call of a refresh, from the taking of the connection's lock to the printing of the token
//! (RF-08), and an error from every call of the store (RF-06): afterwards the next run works, or says why a person
//! must sign in.

use std::fs;

use crate::env::process::{Finished, Process};
use crate::env::{Env, Login, Sandbox, case_held, redirect_uri};
use crate::secret_service::records;
use crate::strace::{Call, calls, failing_at, killed_at};

/// Where the sealed file is, if it is in use.
const SEALED: &str = "data/webex-connect";
/// The fewest points of a sweep.
const POINTS: usize = 100;

/// What a store is made of: files, locks, messages to the keyring.
const STORE: [&str; 9] = [
    "open", "openat", "flock", "read", "fsync", "renameat", "unlinkat", "sendmsg", "recvmsg",
];

/// A connection whose token is always expired.
struct Scene {
    env: Env,
    sandbox: Sandbox,
    redirect_uri: String,
    rotates: bool,
}

/// These need no keyring, so `tests/run` runs them beside the others.
mod sealed_file {
    use super::Scene;
    use crate::env::Env;

    #[test]
    #[ignore = "needs strace"]
    fn a_kill_anywhere_leaves_it_whole_and_a_grant_that_rotates_explained() {
        Scene::new(Env::new(), true).sweep();
    }

    #[test]
    #[ignore = "needs strace"]
    fn a_kill_anywhere_costs_nothing_where_webex_does_not_rotate() {
        Scene::new(Env::new(), false).sweep();
    }

    #[test]
    #[ignore = "needs strace"]
    fn a_fault_anywhere_is_an_error_and_no_token() {
        Scene::new(Env::new(), true).faults(20);
    }

    #[test]
    #[ignore = "needs strace"]
    fn a_kill_anywhere_in_a_rename_is_completed_by_the_next_command() {
        super::renames(&Scene::new(Env::new(), false));
    }
}

mod keyring {
    use super::Scene;
    use crate::secret_service::unlocked;

    #[test]
    #[ignore = "needs strace and the keyring session of tests/run"]
    fn a_kill_anywhere_leaves_it_whole_and_a_grant_that_rotates_explained() {
        Scene::new(unlocked(), true).sweep();
    }

    #[test]
    #[ignore = "needs strace and the keyring session of tests/run"]
    fn a_kill_anywhere_costs_nothing_where_webex_does_not_rotate() {
        Scene::new(unlocked(), false).sweep();
    }

    #[test]
    #[ignore = "needs strace and the keyring session of tests/run"]
    fn a_fault_anywhere_is_an_error_and_no_token() {
        Scene::new(unlocked(), true).faults(10);
    }
}

impl Scene {
    fn new(env: Env, rotates: bool) -> Scene {
        let redirect_uri = redirect_uri();
        let rotate: &[&str] = if rotates { &["--rotate"] } else { &[] };
        let options = [&["--expires-in", "0"], rotate].concat();
        let sandbox = Sandbox::with(&env, &redirect_uri, &options);
        let mut login = Login::start(&env, &sandbox, &redirect_uri, &["--no-browser"]);
        let callback = login.consent("allow");
        login.deliver(&callback);
        let finished = login.finish();
        assert_eq!(finished.code, Some(0), "{finished}");
        Scene {
            env,
            sandbox,
            redirect_uri,
            rotates,
        }
    }

    fn sweep(mut self) {
        let calls = calls(&self.env, &["token"], self.lock(), "write(1,");
        let (mut killed, mut lost) = (0, 0);
        for call in &calls {
            let token = Process::spawn(killed_at(&self.env, call, &["token"]), b"").finish();
            if token.signal == Some(9) {
                killed += 1;
            } else {
                // Threads race: now and then one makes a call less than before.
                assert_eq!(token.code, Some(0), "{call:?}: {token}");
            }
            self.record_is_whole(call);
            let next = Process::spawn(self.env.command(["token"]), b"").finish();
            if next.code != Some(0) {
                lost += 1;
                self.is_explained(call, &next);
                self.signs_in_again();
            }
            self.nothing_else_is_left(call);
            case_held(format!("RF-08 {} {call:?}", self.store()));
        }
        let reached = format!("{killed} of {} points, {lost} grants lost", calls.len());
        assert!(killed >= POINTS, "{reached}");
        // Only between the request and the save can a grant be lost, and there it must be where the server rotates.
        assert_eq!(lost > 0, self.rotates, "{reached}");
        assert!(lost < killed, "{reached}");
        assert!(self.sandbox.refreshes() > killed, "{reached}");
    }

    /// At least so many of them end in an error.
    fn faults(self, at_least: usize) {
        let calls = calls(&self.env, &["token"], self.lock(), "write(1,");
        let of_the_store = |call: &&Call| STORE.contains(&call.name.as_str());
        let mut failed = 0;
        for call in calls.iter().filter(of_the_store) {
            let token = Process::spawn(failing_at(&self.env, call, &["token"]), b"").finish();
            token.hold_the_oracles(&[]);
            if token.code != Some(0) {
                failed += 1;
                assert_eq!(token.code, Some(6), "{call:?}: {token}");
                assert_eq!(token.out(), "", "{call:?}: {token}");
                assert!(token.err().starts_with("error: "), "{call:?}: {token}");
            }
            self.record_is_whole(call);
            let next = Process::spawn(self.env.command(["token"]), b"").finish();
            if next.code != Some(0) {
                self.is_explained(call, &next);
                self.signs_in_again();
            }
            self.nothing_else_is_left(call);
            case_held(format!("RF-06 {} {call:?}", self.store()));
        }
        assert!(failed >= at_least, "{failed} of {} calls", calls.len());
    }

    fn record_is_whole(&self, call: &Call) {
        let listed = Process::spawn(self.env.command(["list", "--json"]), b"").finish();
        assert_eq!(listed.code, Some(0), "{call:?}: {listed}");
        assert_eq!(listed.json()[0]["name"], "work", "{call:?}: {listed}");
    }

    fn is_explained(&self, call: &Call, next: &Finished) {
        assert!(self.rotates, "{call:?}: {next}");
        assert_eq!(next.code, Some(4), "{call:?}: {next}");
        assert_eq!(next.out(), "", "{call:?}: {next}");
        for words in [
            "was cut off, and Webex may have replaced the token then",
            "sign in again with `webex-connect login work`",
        ] {
            assert!(next.err().contains(words), "{call:?}: {next}");
        }
    }

    fn signs_in_again(&self) {
        // Its tokens expire at once, so the account is never known.
        let args = ["work", "--no-browser", "--allow-other-identity"];
        let mut login = Login::again(&self.env, &self.redirect_uri, &args);
        let callback = login.consent("allow");
        login.deliver(&callback);
        let finished = login.finish();
        assert_eq!(finished.code, Some(0), "{finished}");
    }

    /// The line of the trace on which the connection's lock is taken: its file, or a second connection to the bus.
    fn lock(&self) -> (&'static str, usize) {
        match self.store() {
            "file" => ("connection-work.lock", 1),
            _ => ("sa_family=AF_UNIX", 2),
        }
    }

    fn store(&self) -> &'static str {
        let sealed = self.env.path(SEALED).exists();
        if sealed { "file" } else { "keyring" }
    }

    fn nothing_else_is_left(&self, call: &Call) {
        if self.store() == "file" {
            let entries =
                fs::read_dir(self.env.path(SEALED)).unwrap_or_else(|e| panic!("{call:?}: {e}"));
            let names = entries.flatten().map(|entry| entry.file_name());
            let names = names.map(|name| name.to_string_lossy().into_owned());
            let files: Vec<_> = names.filter(|name| !name.ends_with(".lock")).collect();
            assert_eq!(files, ["store.age"], "{call:?}");
        } else {
            let kept = records(&self.env);
            let count = kept.matches("connection/work").count();
            assert_eq!(count, 1, "{call:?}: {kept}");
        }
    }
}

/// SIGKILL at every system call of a rename: the next command completes it or finds nothing done.
fn renames(scene: &Scene) {
    let run = |args: &[&str]| {
        let finished = Process::spawn(scene.env.command(args), b"").finish();
        assert_eq!(finished.code, Some(0), "{finished}");
        finished
    };
    let rename = ["rename", "work", "other"];
    let back = ["rename", "other", "work"];
    let calls = calls(
        &scene.env,
        &rename,
        ("connection-other.lock", 1),
        "write(2,",
    );
    run(&back);
    let (mut killed, mut completed) = (0, 0);
    for call in &calls {
        let finished = Process::spawn(killed_at(&scene.env, call, &rename), b"").finish();
        killed += usize::from(finished.signal == Some(9));
        let listed = run(&["list", "--json"]).json();
        let names: Vec<&str> = listed.as_array().into_iter().flatten().map(name).collect();
        let default = listed[0]["default"] == true;
        assert!(default && names.len() == 1, "{call:?}: {listed}");
        if names == ["other"] {
            completed += 1;
            run(&back);
        }
        run(&["token", "work"]);
        case_held(format!("RF-08 rename {call:?}"));
    }
    let reached = format!("{killed} of {} points, {completed} completed", calls.len());
    assert!(killed >= POINTS / 2, "{reached}");
    assert!(completed > 0 && completed < calls.len(), "{reached}");
}

fn name(row: &serde_json::Value) -> &str {
    row["name"].as_str().unwrap_or_default()
}
