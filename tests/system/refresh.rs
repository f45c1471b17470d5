//! Refreshes among real things: a gnome-keyring, and a disk that is full, broken or read-only.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::process::Signal;

use crate::env::process::{Finished, Process};
use crate::env::{Env, OTHER_TOKEN, REFRESH_TOKEN, Reply, Run, Scene, case_held, expired};
use crate::faulty_bus::{self, Fault, WRITES};
use crate::secret_service::{Bus, records, unlocked};
use crate::strace::under;

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
        let token = Process::spawn(bus.env.command(["token"]), b"");
        gate.is_asked();
        let stopped = (case == "hangs").then(|| bus.stop_keyring());
        if case == "locks" {
            bus.lock();
        }
        gate.opens();
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
fn a_keyring_that_fails_at_a_write_costs_no_grant_or_is_explained() {
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
        let mut failing = faulty.run(["token"]).code(6).stderr_has(why);
        if nth == 2 {
            failing = failing.stderr_has("could not save the new tokens of work");
        }
        failing.secret(OTHER_TOKEN).secret(REFRESH_TOKEN).check();
        assert_eq!(authority.refreshes(), nth - 1, "{case}");
        case_held(format!("RF-0{} keyring: {case}", 8 - nth));
        let env = faulty.var("DBUS_SESSION_BUS_ADDRESS", &bus);
        if nth == 2 && fault != Fault::RefusedAfterwards {
            env.run(["token"])
                .code(4)
                .stderr_has("was cut off, and Webex may have replaced the token then")
                .check();
        } else {
            let printed = format!("{OTHER_TOKEN}\n");
            env.run(["token"]).stdout(&printed).check();
            assert_eq!(authority.refreshes(), 1, "{case}");
        }
    }
}

/// One kind of failure, of the temporary file or of the directory.
const FAULTS: [(&str, &str, &str); 6] = [
    ("openat", "EROFS", "store.age.new"),
    ("openat", "ENOSPC", "store.age.new"),
    ("write", "ENOSPC", "store.age.new"),
    ("fsync", "EIO", "store.age.new"),
    ("rename", "ENOSPC", "store.age.new"),
    ("rename", "EROFS", "store.age.new"),
];

/// `token` with one fault injected, the n-th time that it could strike.
fn token_with(env: &Env, fault: (&str, &str, &str), nth: usize) -> Run {
    let (call, error, file) = fault;
    let path = env.path(STORE).join(file).display().to_string();
    let trace = format!("trace={call}");
    let inject = format!("inject={call}:error={error}:when={nth}");
    Run::new(under(
        env,
        &["-P", &path, "-e", &trace, "-e", &inject],
        &["token"],
    ))
}

/// RF-07.
#[test]
#[ignore = "needs strace"]
fn a_disk_that_fails_before_the_refresh_spends_nothing() {
    let (env, mut sandbox) = Scene::signed_in(&["--rotate", "--expires-in", "0"]);
    for fault in FAULTS {
        token_with(&env, fault, 1)
            .code(6)
            .stderr_has("could not save")
            .check();
        assert_eq!(sandbox.refreshes(), 0, "{fault:?}");
        case_held(format!("RF-07 {fault:?}"));
    }
    env.run(["token"]).any_stdout().check();
}

/// RF-06.
#[test]
#[ignore = "needs strace"]
fn a_disk_that_fails_after_the_refresh_is_an_error_that_the_next_run_explains() {
    for fault in FAULTS {
        let (env, mut sandbox) = Scene::signed_in(&["--rotate", "--expires-in", "0"]);
        token_with(&env, fault, 2)
            .code(6)
            .stderr_has("could not save the new tokens of work")
            .check();
        assert_eq!(env.connections(), ["work"], "{fault:?}");
        for _ in 0..2 {
            env.run(["token"])
                .code(4)
                .stderr_has("was cut off, and Webex may have replaced the token then")
                .stderr_has("sign in again")
                .check();
        }
        assert_eq!(sandbox.refreshes(), 2, "{fault:?}: no loop");
        case_held(format!("RF-06 {fault:?}"));
    }
}

/// The new record stands, but whether it outlives a crash is unknown.
#[test]
#[ignore = "needs strace"]
fn a_directory_that_can_not_be_written_through_is_an_error_and_keeps_the_new_tokens() {
    let (env, mut sandbox) = Scene::signed_in(&["--rotate", "--expires-in", "0"]);
    token_with(&env, ("fsync", "EIO", ""), 2)
        .code(6)
        .stderr_has("could not save the new tokens of work")
        .check();
    env.run(["token"]).any_stdout().check();
    assert_eq!(sandbox.refreshes(), 2);
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
