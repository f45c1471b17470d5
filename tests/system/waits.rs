//! Tests that mostly wait, which `tests/run` runs beside the others.
//!
//! A refresh is suspended for 40 s, as by Ctrl-Z or a paused container, in each of its phases: nothing is lost, and other
//! processes get the token that is still valid meanwhile. A store that stays full is tried for two minutes.

use std::fs;
use std::thread;
use std::time::Duration;

use jiff::SignedDuration;
use rustix::process::{Pid, Signal, kill_process};

use crate::env::process::Process;
use crate::env::{
    ACCESS_TOKEN, Authority, Env, OTHER_TOKEN, Reply, case_held, comes_true, connected, expired,
};
use crate::strace::{Call, REPLACING, calls_with, child, stopped_at, with_fault};

/// Longer than the 30 s that a request may take.
const SUSPENDED: Duration = Duration::from_secs(40);
/// The bound for a process that does not wait for the suspended one.
const AT_ONCE: u64 = 2;

/// A connection whose token is due for a refresh and still serves.
fn due() -> (Env, Authority) {
    let (env, authority) = connected();
    env.age(SignedDuration::from_mins(4));
    (env, authority)
}

/// Stops `token` at a call, and lets it go on after 40 s.
fn at_a_call(phase: &str, name: &str, nth: usize) {
    let (env, authority) = due();
    authority.token_answers(Reply::other_tokens());
    let call = Call {
        name: name.to_owned(),
        nth,
    };
    let trace = env.path("stopped").display().to_string();
    let token = Process::spawn(stopped_at(&env, &call, &trace, &["token"]), b"");
    let is_stopped = comes_true(Duration::from_secs(30), || {
        fs::read_to_string(&trace).is_ok_and(|text| text.contains("stopped by SIGSTOP"))
    });
    assert!(is_stopped, "{phase}: it does not stop");
    let ours = child(token.pid());
    // It was marked before it asked, and what it found out is nobody else's.
    goes_on(phase, &env, token, ours);
    assert_eq!(authority.refreshes(), 1, "{phase}");
    fs::remove_file(&trace).unwrap_or_else(|e| panic!("{trace}: {e}"));
}

/// The answer comes while the process is stopped, and lies in its socket.
fn after_sending() {
    let (env, authority) = due();
    let (reply, gate) = Reply::other_tokens().held();
    authority.token_answers(reply);
    let token = Process::spawn(env.command(["token"]), b"");
    gate.is_asked();
    let pid = token.pid();
    token.signal(Signal::STOP);
    gate.opens().is_sent();
    goes_on("after sending", &env, token, pid);
    assert_eq!(authority.refreshes(), 1);
}

fn goes_on(phase: &str, env: &Env, stopped: Process, pid: Pid) {
    let served = env
        .run(["token"])
        .any_stdout()
        .any_stderr()
        .within(AT_ONCE)
        .check();
    let token = served.out();
    assert!(
        token == format!("{ACCESS_TOKEN}\n") || token == format!("{OTHER_TOKEN}\n"),
        "{phase}: {served}"
    );
    thread::sleep(SUSPENDED);
    kill_process(pid, Signal::CONT).unwrap_or_else(|e| panic!("{phase}: {e}"));
    let finished = stopped.finish();
    assert_eq!(finished.code, Some(0), "{phase}: {finished}");
    assert_eq!(
        finished.out(),
        format!("{OTHER_TOKEN}\n"),
        "{phase}: {finished}"
    );
    let record = env.record("work");
    assert_eq!(record["tokens"]["access_token"], OTHER_TOKEN, "{phase}");
    assert_eq!(record["mark"]["is"], "none", "{phase}");
    case_held(format!("RF-09 suspended {phase}"));
}

#[test]
#[ignore = "needs strace and 40 seconds"]
fn a_suspended_refresh_loses_nothing_in_any_phase() {
    // The locks in the order in which they are taken: the connection's, the file's for the mark, the file's for the
    // new tokens.
    let (env, authority) = due();
    authority.token_answers(Reply::other_tokens());
    let locks = calls_with(&env, &["token"], "flock", "LOCK_EX");
    assert_eq!(locks.len(), 3, "{locks:?}");
    thread::scope(|scope| {
        scope.spawn(|| at_a_call("before the lock", "flock", locks[0].nth));
        scope.spawn(|| at_a_call("after the marked save", "connect", 1));
        scope.spawn(after_sending);
        scope.spawn(|| at_a_call("after the answer", "flock", locks[2].nth));
    });
}

/// Without a signal the attempts end after two minutes.
#[test]
#[ignore = "needs strace and two minutes"]
fn saving_new_tokens_is_retried_for_two_minutes() {
    let env = Env::new();
    let authority = expired(&env);
    authority.token_answers(Reply::other_tokens());
    let (renames, full) = (REPLACING[3], "error=ENOSPC");
    let failing = with_fault(&env, renames, full, (2, "+"), "/dev/null", &["token"]);
    let failing = Process::spawn(failing, b"");
    let failed = failing.silent_for(Duration::from_secs(180)).finish();
    assert_eq!(failed.code, Some(6), "{failed}");
    assert_eq!(failed.out(), "", "{failed}");
    assert!(failed.took >= Duration::from_secs(120), "{failed}");
    assert!(failed.err().contains("yet, and still trying"), "{failed}");
    assert_eq!(env.record("work")["mark"]["is"], "refresh_started");
}
