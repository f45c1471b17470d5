//! Refreshes with a sealed file on a disk that is full, broken or read-only.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use jiff::SignedDuration;
use rustix::process::{Signal, kill_process};

use crate::env::process::{Finished, Process, Stream};
use crate::env::{
    ACCESS_TOKEN, Env, OTHER_TOKEN, REFRESH_TOKEN, Reply, Run, case_held, connected, expired,
};
use crate::strace::{REPLACING, child, under, with_fault};

const STORE: &str = "data/webex-connect";

/// Kinds of failure while the sealed file is replaced: the step, and the error.
const FAULTS: [(usize, &str); 6] = [
    (0, "EROFS"),
    (0, "ENOSPC"),
    (1, "ENOSPC"),
    (2, "EIO"),
    (3, "ENOSPC"),
    (3, "EROFS"),
];

/// `args` with one fault at the n-th write of the file (1: the mark, 2: the new tokens), once or from then on.
fn failing(env: &Env, fault: (usize, &str), write: usize, lasts: &str, args: &[&str]) -> Run {
    let (step, error) = fault;
    failing_at(env, REPLACING[step], error, (write, lasts), args)
}

fn failing_at(
    env: &Env,
    calls: (&str, &str),
    error: &str,
    when: (usize, &str),
    args: &[&str],
) -> Run {
    let fault = format!("error={error}");
    Run::new(with_fault(env, calls, &fault, when, "/dev/null", args))
}

/// RF-07. The token has expired, so it cannot be handed out.
#[test]
#[ignore = "needs strace"]
fn a_disk_that_fails_before_the_refresh_spends_nothing() {
    for fault in FAULTS {
        let env = Env::new();
        let authority = expired(&env);
        authority.token_answers(Reply::other_tokens());
        let failing = failing(&env, fault, 1, "", &["token"]);
        let rehearsed = authority.refreshes();
        failing.code(6).stderr_has("could not save").check();
        assert_eq!(authority.refreshes(), rehearsed, "{fault:?}");
        env.run(["token"])
            .stdout(&format!("{OTHER_TOKEN}\n"))
            .check();
        case_held(format!("RF-07 {fault:?}"));
    }
}

/// A token that is still valid is handed out with a warning, and nothing is sent.
#[test]
#[ignore = "needs strace"]
fn a_full_disk_does_not_withhold_a_token_that_is_still_valid() {
    let (env, authority) = connected();
    authority.token_answers(Reply::other_tokens());
    authority.api_answers([Reply::person()]);
    let api = ["api", "rooms"];
    let exec = ["exec", "--", "printenv", "WEBEX_ACCESS_TOKEN"];
    for args in [&["token"][..], &exec, &api] {
        env.age(SignedDuration::from_mins(4));
        let failing = failing(&env, FAULTS[4], 1, "+", args);
        let rehearsed = authority.refreshes();
        let served = failing
            .any_stdout()
            .stderr_has("warning: could not refresh work, whose token holds a little longer")
            .stderr_has("No space left on device")
            .check();
        if args != api {
            assert_eq!(served.out(), format!("{ACCESS_TOKEN}\n"), "{served}");
        }
        assert_eq!(
            authority.refreshes(),
            rehearsed,
            "{args:?}: something was sent"
        );
        assert_eq!(env.record("work")["mark"]["is"], "none", "{args:?}");
    }
    case_held("RF-07 full disk, valid token");
}

/// RF-06. The new tokens exist nowhere else, so the save is tried again.
#[test]
#[ignore = "needs strace"]
fn a_disk_that_fails_once_after_the_refresh_costs_nothing() {
    for fault in FAULTS {
        let env = Env::new();
        let authority = expired(&env);
        authority.token_answers(Reply::other_tokens());
        let failing = failing(&env, fault, 2, "", &["token"]);
        let rehearsed = authority.refreshes();
        failing.stdout(&format!("{OTHER_TOKEN}\n")).check();
        env.run(["token"])
            .stdout(&format!("{OTHER_TOKEN}\n"))
            .check();
        assert_eq!(authority.refreshes(), rehearsed + 1, "{fault:?}");
        case_held(format!("RF-06 {fault:?}, once"));
    }
}

/// RF-06. A signal ends the attempts, and the next run explains the loss.
#[test]
#[ignore = "needs strace"]
fn a_disk_that_stays_full_after_the_refresh_is_an_error_that_the_next_run_explains() {
    // If every write fails, none reaches standard error either.
    for fault in FAULTS
        .into_iter()
        .filter(|(step, _)| REPLACING[*step].0 != "write")
    {
        let env = Env::new();
        let authority = expired(&env);
        authority.token_answers(Reply::other_tokens());
        let failing = failing(&env, fault, 2, "+", &["token"]).start();
        let failed = ended_while_saving(failing);
        failed.hold_the_oracles(&[OTHER_TOKEN, REFRESH_TOKEN].map(str::to_owned));
        assert_eq!(
            env.record("work")["mark"]["is"],
            "refresh_started",
            "{fault:?}"
        );
        authority.token_answers(Reply::dead_grant());
        for _ in 0..2 {
            env.run(["token"])
                .code(4)
                .stderr_has("was cut off, and Webex may have replaced the token then")
                .stderr_has("sign in again")
                .check();
        }
        case_held(format!("RF-06 {fault:?}, for good"));
    }
}

/// Ends a `token` that tells that it cannot save new tokens.
fn ended_while_saving(mut token: Process) -> Finished {
    let told = token.next_line(Stream::Err).unwrap_or_default();
    assert!(
        told.starts_with("warning: could not save the new tokens of work yet"),
        "{told}"
    );
    let ours = child(token.pid());
    kill_process(ours, Signal::TERM).unwrap_or_else(|e| panic!("{e}"));
    let failed = token.finish();
    assert_eq!(failed.code, Some(6), "{failed}");
    assert_eq!(failed.out(), "", "{failed}");
    let words = "could not save the new tokens of work";
    assert!(failed.err().contains(words), "{failed}");
    failed
}

/// RF-07. Without locks two machines could spend the same refresh token.
#[test]
#[ignore = "needs strace"]
fn a_file_system_without_locks_is_an_error_that_names_the_way_out() {
    for error in ["ENOLCK", "EOPNOTSUPP"] {
        let env = Env::new();
        let authority = expired(&env);
        authority.token_answers(Reply::other_tokens());
        let locks = ("flock", "LOCK_EX");
        let failing = failing_at(&env, locks, error, (1, "+"), &["token"]);
        let rehearsed = authority.refreshes();
        failing
            .code(6)
            .stderr_has("error: the file system of ")
            .stderr_has("has no file locks")
            .stderr_has("hint: set `XDG_DATA_HOME` to a directory on a local disk")
            .check();
        assert_eq!(authority.refreshes(), rehearsed, "{error}");
        case_held(format!("RF-07 no locks, {error}"));
    }
}

/// The directory cannot be synced for good: the new record is there, and whether it outlives a crash is unknown.
#[test]
#[ignore = "needs strace"]
fn a_directory_that_cannot_be_synced_keeps_the_new_tokens() {
    let env = Env::new();
    let authority = expired(&env);
    authority.token_answers(Reply::other_tokens());
    let directory = format!("{}>", env.path(STORE).display());
    let failing = failing_at(&env, ("fsync", &directory), "EIO", (2, ""), &["token"]);
    let rehearsed = authority.refreshes();
    failing.stdout(&format!("{OTHER_TOKEN}\n")).check();
    assert_eq!(authority.refreshes(), rehearsed + 1);
}

/// Some file systems cannot sync a directory at all. The rename is done all the same.
#[test]
#[ignore = "needs strace"]
fn a_file_system_without_directory_sync_is_used_all_the_same() {
    for error in ["EINVAL", "EOPNOTSUPP"] {
        let env = Env::new();
        let authority = expired(&env);
        authority.token_answers(Reply::other_tokens());
        let directory = format!("{}>", env.path(STORE).display());
        failing_at(&env, ("fsync", &directory), error, (1, "+2"), &["token"])
            .stdout(&format!("{OTHER_TOKEN}\n"))
            .check();
    }
}

/// Between opening and looking at the file, which takes long here, refreshes replace it again and again.
#[test]
#[ignore = "needs strace"]
fn a_file_that_is_replaced_while_it_is_read_is_read_all_the_same() {
    let env = Env::new();
    env.connect_sandbox();
    let path = env.path(STORE).join("store.age").display().to_string();
    let slow = "inject=open,openat:delay_exit=500ms";
    let options = ["-P", &path, "-e", "trace=open,openat", "-e", slow];
    let reading = AtomicBool::new(true);
    thread::scope(|scope| {
        scope.spawn(|| {
            let token = under(&env, &options, &["token"]);
            let finished = Process::spawn(token, b"").finish();
            reading.store(false, Ordering::Relaxed);
            assert_eq!(finished.code, Some(0), "{finished}");
        });
        while reading.load(Ordering::Relaxed) {
            env.run(["refresh"]).any_stderr().check();
        }
    });
}
