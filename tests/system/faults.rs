//! A disk that fails under the sealed file, and a process that dies while it writes: strace makes both happen.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::env::process::{Finished, Process};
use crate::env::{Env, case_held};
use crate::strace::{REPLACING, under, with_fault};

const STORE: &str = "data/webex-connect/store.age";

/// Runs a command whose N-th call of this step of replacing the file meets a fault.
fn struck(env: &Env, step: usize, fault: &str, nth: usize, args: &[&str]) -> Finished {
    let log = env.path("strace");
    let path = log.display().to_string();
    let command = with_fault(env, REPLACING[step], fault, (nth, ""), &path, args);
    let finished = Process::spawn(command, b"").finish();
    finished.hold_the_oracles(&["AGE-SECRET-KEY".to_owned()]);
    let text = fs::read_to_string(&log).unwrap_or_else(|e| panic!("{finished}: {e}"));
    let met = text.contains("INJECTED") || text.contains("SIGKILL");
    assert!(met, "{step} {fault} {nth}: no fault: {finished}\n{text}");
    finished
}

fn store(env: &Env) -> Vec<u8> {
    fs::read(env.path(STORE)).unwrap_or_else(|e| panic!("{STORE}: {e}"))
}

/// What lies in the data directory, by name, without the locks.
fn beside(env: &Env) -> Vec<String> {
    let directory = env.path("data/webex-connect");
    let entries = fs::read_dir(&directory).unwrap_or_else(|e| panic!("{e}"));
    let names = entries.flatten().map(|entry| entry.file_name());
    let names = names.map(|name| name.to_string_lossy().into_owned());
    names.filter(|name| !name.ends_with(".lock")).collect()
}

fn connected() -> Env {
    let env = Env::new();
    env.connect_sandbox();
    env
}

/// ST-13, at the trial write before a login, which is the first, and at the save, which is the third.
#[test]
#[ignore = "needs strace"]
fn a_disk_that_fails_is_an_error_and_the_old_records_stay() {
    for (step, error) in [
        (0, "EROFS"),
        (0, "EACCES"),
        (1, "ENOSPC"),
        (1, "EDQUOT"),
        (1, "EIO"),
        (2, "EIO"),
        (2, "ENOSPC"),
        (3, "ENOSPC"),
        (3, "EROFS"),
    ] {
        for nth in [1, 3] {
            let case = format!("ST-13 {} {error} {nth}", REPLACING[step].0);
            let env = connected();
            let before = store(&env);
            let fault = format!("error={error}");
            let login = ["login", "x", "--sandbox", "--approve"];
            let finished = struck(&env, step, &fault, nth, &login);
            assert_eq!(beside(&env), ["store.age"], "{case}");
            if nth == 3 {
                // The new tokens exist nowhere else, so the save is tried again.
                assert_eq!(finished.code, Some(0), "{case}: {finished}");
                assert_eq!(env.connections(), ["sandbox", "x"], "{case}");
                case_held(case);
                continue;
            }
            assert_eq!(finished.code, Some(6), "{case}: {finished}");
            assert!(finished.stdout.is_empty(), "{case}: {finished}");
            let said = finished.err();
            assert!(said.contains("could not save"), "{case}: {finished}");
            assert!(said.contains("store.age"), "{case}: {finished}");
            assert_eq!(env.connections(), ["sandbox"], "{case}");
            assert!(store(&env) == before, "{case}: another file");
            case_held(case);
        }
    }
}

/// The fourth write of a first login, after the trial, its removal and the connection.
#[test]
#[ignore = "needs strace"]
fn a_connection_that_is_stored_is_no_failure_where_only_the_default_can_not_be_written() {
    let env = Env::new();
    let login = ["login", "x", "--sandbox", "--approve"];
    let finished = struck(&env, 1, "error=ENOSPC", 4, &login);
    assert_eq!(finished.code, Some(0), "{finished}");
    for said in [
        "warning: x is stored, but could not be made the default: could not save ",
        "`webex-connect default x` tries again\n",
        "connected x as",
    ] {
        assert!(finished.err().contains(said), "{said}: {finished}");
    }
    assert_eq!(env.connections(), ["x"]);
    env.run(["default", "x"]).any_stderr().check();
}

/// ST-13 for the commands that change what is there.
#[test]
#[ignore = "needs strace"]
fn a_change_that_can_not_be_written_is_not_made() {
    for args in [
        &["logout", "sandbox"][..],
        &["rename", "sandbox", "other"],
        &["default", "sandbox"],
    ] {
        let env = connected();
        let before = store(&env);
        let finished = struck(&env, 1, "error=ENOSPC", 1, args);
        assert_eq!(finished.code, Some(6), "ST-13 {args:?}: {finished}");
        assert!(store(&env) == before, "ST-13 {args:?}: the file changed");
        assert_eq!(beside(&env), ["store.age"], "ST-13 {args:?}");
        case_held(format!("ST-13 ENOSPC {args:?}"));
    }
}

/// A kill at any step of any write of a login leaves the old records or the new ones, and the next login clears up.
/// The writes are the trial and its removal, the connection and, where it is the first, the default.
#[test]
#[ignore = "needs strace"]
fn a_writer_killed_at_any_step_leaves_the_old_file_or_the_new_one() {
    let login = ["login", "x", "--sandbox", "--approve"];
    let mut ends = BTreeSet::new();
    for (home, writes) in [(connected as fn() -> Env, 3), (Env::new, 4)] {
        let steps = 0..REPLACING.len();
        for (step, nth) in steps.flat_map(|step| (1..=writes).map(move |nth| (step, nth))) {
            let env = home();
            let old = env.connections();
            let new = [&old[..], &["x".to_owned()]].concat();
            let finished = struck(&env, step, "signal=KILL", nth, &login);
            let case = format!("{} {nth} of {writes}: {finished}", REPLACING[step].0);
            assert_ne!(finished.code, Some(0), "{case}");
            let left = env.connections();
            assert!(left == old || left == new, "{case}: {left:?}");
            ends.insert(left == old);
            env.run(login).any_stderr().check();
            assert_eq!(env.connections(), new, "{case}");
            assert_eq!(beside(&env), ["store.age"], "{case}");
        }
    }
    assert_eq!(ends.len(), 2, "the old and the new records were met");
}

/// `export --move` removes the only other copy of the refresh token, so its output has to be on disk first.
#[test]
#[ignore = "needs strace"]
fn an_export_that_is_not_on_disk_is_not_moved() {
    let recipient = age::x25519::Identity::generate().to_public().to_string();
    let args = ["export", "sandbox", "--move", "--to", &recipient];
    let into = |env: &Env, file: &Path, error: &str| {
        let inject = format!("inject=fsync:error={error}");
        let options = ["-P", &file.display().to_string(), "-e", &inject];
        let mut command = under(env, &options, &args);
        let stdout = fs::File::create(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let output = command.stdout(stdout).output();
        output.unwrap_or_else(|e| panic!("strace: {e}"))
    };
    for error in ["EIO", "ENOSPC", "EDQUOT"] {
        let env = connected();
        let output = into(&env, &env.path("export.age"), error);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{error}: {said}");
        let reason = "error: could not write to standard output: ";
        assert!(said.starts_with(reason), "{error}: {said}");
        assert_eq!(env.connections(), ["sandbox"], "{error}");
    }
    // Some file systems cannot sync.
    for error in ["EINVAL", "EOPNOTSUPP", "ENOSYS"] {
        let env = connected();
        let output = into(&env, &env.path("export.age"), error);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{error}: {said}");
        assert!(env.connections().is_empty(), "{error}");
    }
}
