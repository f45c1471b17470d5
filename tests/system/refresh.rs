//! Refreshes among real things: a gnome-keyring, and a disk that is full, broken or read-only.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use jiff::SignedDuration;
use rustix::process::{Signal, kill_process};

use crate::env::process::{Finished, Process, Stream};
use crate::env::{
    ACCESS_TOKEN, Env, OTHER_TOKEN, REFRESH_TOKEN, Reply, Run, case_held, connected, expired,
};
use crate::faulty_bus::{self, Fault, WRITES};
use crate::secret_service::{Bus, records, unlocked};
use crate::strace::{REPLACING, child, under, with_fault};

const STORE: &str = "data/webex-connect";

/// RF-01.
#[test]
#[ignore = "needs the keyring session of tests/run"]
fn sixty_four_processes_share_one_refresh_in_the_keyring() {
    let env = unlocked();
    let authority = expired(&env);
    // A second refresh would end the grant.
    let replies = [Reply::other_tokens(), Reply::dead_grant()];
    authority.token_answers(Reply::sequence(replies));
    let start = |_| Process::spawn(env.command(["token"]), b"");
    let started: Vec<_> = (0..64).map(start).collect();
    let finished: Vec<_> = started.into_iter().map(Process::finish).collect();
    for one in &finished {
        assert_eq!(one.code, Some(0), "{one}");
        assert_eq!(one.err(), "", "{one}");
    }
    let tokens: BTreeSet<_> = finished.iter().map(Finished::out).collect();
    assert_eq!(tokens, BTreeSet::from([format!("{OTHER_TOKEN}\n")]));
    assert_eq!(authority.refreshes(), 1);
    assert!(records(&env).contains(OTHER_TOKEN));
    case_held("RF-01 64 processes, keyring");
}

/// RF-06, in a keyring that is locked, or hangs, while Webex answers.
#[test]
#[ignore = "needs gnome-keyring and dbus-daemon"]
fn a_keyring_that_takes_no_new_tokens_is_an_error_that_the_next_run_explains() {
    for (case, why) in [("locks", "locked"), ("hangs", "did not answer")] {
        let bus = Bus::start(Env::bare());
        bus.unlock();
        let authority = expired(&bus.env);
        let (reply, gate) = Reply::other_tokens().held();
        authority.token_answers(reply);
        let mut token = Process::spawn(bus.env.command(["token"]), b"");
        gate.is_asked();
        let stopped = (case == "hangs").then(|| bus.stop_keyring());
        if case == "locks" {
            bus.lock();
        }
        gate.opens();
        let told = token.next_line(Stream::Err).unwrap_or_default();
        assert!(told.contains("are not saved yet"), "{case}: {told}");
        token.signal(Signal::TERM);
        let failed = token.finish();
        failed.hold_the_oracles(&[OTHER_TOKEN, REFRESH_TOKEN].map(str::to_owned));
        assert_eq!(failed.code, Some(6), "{case}: {failed}");
        assert_eq!(failed.out(), "", "{case}: {failed}");
        for words in ["could not save the new tokens of work", why] {
            assert!(failed.err().contains(words), "{case}: {failed}");
        }
        drop(stopped);
        if case == "locks" {
            // Nobody is there to type the password.
            bus.env.run(["token"]).code(6).stderr_has(why).check();
            assert_eq!(authority.refreshes(), 1, "{case}");
            case_held("RF-06 the keyring locks");
            continue;
        }
        authority.token_answers(Reply::dead_grant());
        bus.env
            .run(["token"])
            .code(4)
            .stderr_has("was cut off, and Webex may have replaced the token then")
            .check();
        case_held("RF-06 the keyring hangs");
    }
}

/// RF-06 and RF-07, in a keyring that fails at the first write of a run, the mark, or at the second, the tokens.
#[test]
#[ignore = "needs the keyring session of tests/run"]
fn a_keyring_that_fails_at_a_write_costs_no_grant() {
    for (fault, nth, why) in [
        (Fault::Silence, 1, "did not answer"),
        (Fault::Refused, 1, "could not save in the keyring"),
        (Fault::RefusedAfterwards, 1, "could not save in the keyring"),
        (Fault::Silence, 2, "did not answer"),
        (Fault::Refused, 2, "could not save in the keyring"),
        (Fault::RefusedAfterwards, 2, "could not save in the keyring"),
    ] {
        let case = format!("{fault:?} at write {nth}");
        let env = unlocked();
        let authority = expired(&env);
        // The refresh token is spent by the first refresh.
        let replies = [Reply::other_tokens(), Reply::dead_grant()];
        authority.token_answers(Reply::sequence(replies));
        let bus = std::env::var("DBUS_SESSION_BUS_ADDRESS").unwrap_or_default();
        let faulty = faulty_bus::with(env, &bus, WRITES, fault, nth);
        let printed = format!("{OTHER_TOKEN}\n");
        let run = faulty.run(["token"]).secret(REFRESH_TOKEN);
        if nth == 1 {
            run.code(6).stderr_has(why).secret(OTHER_TOKEN).check();
        } else {
            // The new tokens exist nowhere else, so the save is tried again.
            run.stdout(&printed).any_stderr().check();
        }
        assert_eq!(authority.refreshes(), nth - 1, "{case}");
        case_held(format!("RF-0{} keyring: {case}", 8 - nth));
        let env = faulty.var("DBUS_SESSION_BUS_ADDRESS", &bus);
        env.run(["token"]).stdout(&printed).check();
        assert_eq!(authority.refreshes(), 1, "{case}");
    }
}

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
        told.starts_with("warning: the new tokens of work are not saved yet"),
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

/// A run that waits for the keyring's answer hears of signals as any other.
#[test]
#[ignore = "needs gnome-keyring and dbus-daemon"]
fn a_signal_while_webex_is_asked_ends_a_run_with_the_keyring_too() {
    let bus = Bus::start(Env::bare());
    bus.unlock();
    let authority = expired(&bus.env);
    let (reply, gate) = Reply::other_tokens().held();
    authority.token_answers(reply);
    let token = Process::spawn(bus.env.command(["token"]), b"");
    gate.is_asked();
    token.signal(Signal::TERM);
    let finished = token.finish();
    assert_eq!(finished.code, Some(143), "{finished}");
    assert_eq!(finished.out(), "", "{finished}");
    gate.opens();
}
