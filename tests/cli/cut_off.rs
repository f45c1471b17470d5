//! A refresh that is cut off: by a signal, by a store that takes nothing, by a reader that goes away. What Webex gave
//! is saved, or the next run says why a person must sign in.

use std::fs::File;

use jiff::SignedDuration;
use rustix::process::Signal;
use serde_json::Value;

use crate::env::process::{Process, Stream};
use crate::env::{
    ACCESS_TOKEN, Authority, Env, Gate, OTHER_TOKEN, REFRESH_TOKEN, Reply, Run, Scene, case_held,
    expired,
};

const SIGNALS: [(Signal, i32); 3] = [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)];

/// An expired connection whose next refresh waits for the test.
fn held(reply: Reply) -> (Env, Authority, Gate) {
    let env = Env::new();
    let authority = expired(&env);
    let (reply, gate) = reply.held();
    authority.token_answers(reply);
    (env, authority, gate)
}

fn mark(env: &Env) -> Value {
    env.record("work")["mark"]["is"].clone()
}

/// RF-07.
#[test]
fn a_store_that_takes_nothing_is_found_out_before_webex_is_asked() {
    let env = Env::new();
    let authority = expired(&env);
    env.block_writes();
    for command in ["token", "refresh"] {
        env.run([command])
            .code(6)
            .stderr_has("could not use the lock file")
            .stderr_has("store.lock")
            .check();
        case_held(format!("RF-07 {command}, nothing can be written"));
    }
    assert_eq!(authority.refreshes(), 0);
    env.allow_writes();
    authority.token_answers(Reply::other_tokens());
    env.run(["token"])
        .stdout(&format!("{OTHER_TOKEN}\n"))
        .check();
}

/// RF-06.
#[test]
fn a_store_that_fails_after_the_answer_is_an_error_that_the_next_run_explains() {
    let (env, authority, gate) = held(Reply::other_tokens());
    let mut token = Process::spawn(env.command(["token"]), b"");
    gate.is_asked();
    env.block_writes();
    gate.opens();
    // The new tokens exist nowhere else, so the run goes on trying until a signal ends it.
    let waits = token.next_line(Stream::Err).unwrap_or_default();
    assert!(
        waits.starts_with("warning: could not save the new tokens of work yet"),
        "{waits}"
    );
    token.signal(Signal::TERM);
    let failed = token.finish();
    failed.hold_the_oracles(&[OTHER_TOKEN, REFRESH_TOKEN, ACCESS_TOKEN].map(str::to_owned));
    assert_eq!(failed.code, Some(6), "{failed}");
    assert_eq!(failed.out(), "", "{failed}");
    for words in [
        "could not save the new tokens of work",
        "`webex-connect refresh work`",
        "`webex-connect login work`",
    ] {
        assert!(failed.err().contains(words), "{failed}");
    }
    env.allow_writes();
    assert_eq!(mark(&env), "refresh_started");
    authority.token_answers(Reply::dead_grant());
    for words in [
        "Webex refused the refresh token",
        "work needs a new sign-in",
    ] {
        env.run(["token"])
            .code(4)
            .stderr_has(words)
            .stderr_has("was cut off, and Webex may have replaced the token then")
            .stderr_has("sign in again with `webex-connect login work`")
            .check();
    }
    assert_eq!(authority.refreshes(), 2, "no loop");
    case_held("RF-06 nothing can be written after the answer");
}

#[test]
fn a_signal_while_webex_is_asked_ends_it_and_leaves_the_mark() {
    for ((signal, code), command) in SIGNALS.into_iter().zip(["token", "refresh", "token"]) {
        let (env, authority, gate) = held(Reply::other_tokens());
        let process = Process::spawn(env.command([command]), b"");
        gate.is_asked();
        process.signal(signal);
        let finished = process.finish();
        assert_eq!(finished.code, Some(code), "{finished}");
        assert_eq!(finished.out(), "", "{finished}");
        assert_eq!(
            finished.err(),
            "error: interrupted; Webex had not answered yet, and work is unchanged here\n"
        );
        assert_eq!(mark(&env), "refresh_started");
        gate.opens();
        authority.token_answers(Reply::other_tokens());
        env.run(["token"])
            .stdout(&format!("{OTHER_TOKEN}\n"))
            .check();
        assert_eq!(mark(&env), "none");
    }
}

#[test]
fn an_answer_on_its_way_is_waited_for_a_moment_and_saved() {
    let (env, authority, gate) = held(Reply::other_tokens());
    // The signal is in the queue before the answer can be.
    let token = Process::spawn(env.command(["token"]), b"");
    gate.is_asked();
    token.signal(Signal::STOP);
    token.signal(Signal::TERM);
    gate.opens().is_sent();
    token.signal(Signal::CONT);
    let finished = token.finish();
    assert_eq!(finished.code, Some(143), "{finished}");
    assert_eq!(finished.out(), "", "{finished}");
    env.run(["token"])
        .stdout(&format!("{OTHER_TOKEN}\n"))
        .check();
    assert_eq!(authority.refreshes(), 1);
}

/// RF-09. The file's lock is held by the test, so that the write has to wait for it.
#[test]
fn a_signal_between_the_answer_and_the_write_comes_after_the_write() {
    for (signal, code) in SIGNALS {
        let (env, authority, gate) = held(Reply::other_tokens());
        let token = Process::spawn(env.command(["token"]), b"");
        gate.is_asked();
        let lock = File::open(env.path("data/webex-connect/store.lock"));
        let lock = lock.unwrap_or_else(|e| panic!("{e}"));
        lock.lock().unwrap_or_else(|e| panic!("{e}"));
        gate.opens();
        env.somebody_waits_for("store.lock");
        token.signal(signal);
        drop(lock);
        let finished = token.finish();
        assert_eq!(finished.code, Some(code), "{finished}");
        assert_eq!(finished.out(), "", "{finished}");
        assert_eq!(
            finished.err(),
            "error: interrupted; work was refreshed and saved all the same\n"
        );
        env.run(["token"])
            .stdout(&format!("{OTHER_TOKEN}\n"))
            .check();
        assert_eq!(authority.refreshes(), 1);
        case_held(format!("RF-09 {signal:?}"));
    }
}

/// Nothing is spent yet, so nobody has to wait for whoever holds the file's lock.
#[test]
fn a_signal_while_another_process_writes_the_file_ends_a_refresh_that_has_not_begun() {
    for (signal, code) in SIGNALS {
        let env = Env::new();
        let authority = expired(&env);
        let lock = File::open(env.path("data/webex-connect/store.lock"));
        let lock = lock.unwrap_or_else(|e| panic!("{e}"));
        lock.lock().unwrap_or_else(|e| panic!("{e}"));
        let token = Process::spawn(env.command(["token"]), b"");
        env.somebody_waits_for("store.lock");
        token.signal(signal);
        let finished = token.finish();
        assert_eq!(finished.code, Some(code), "{finished}");
        assert_eq!(finished.out(), "", "{finished}");
        drop(lock);
        assert_eq!(authority.refreshes(), 0, "{finished}");
        assert_eq!(mark(&env), "none");
    }
}

#[test]
fn a_signal_ends_the_wait_for_another_process() {
    for (signal, code) in SIGNALS {
        let (env, authority, gate) = held(Reply::other_tokens());
        let holder = Process::spawn(env.command(["token"]), b"");
        gate.is_asked();
        let waiter = Process::spawn(env.command(["token"]), b"");
        env.somebody_waits_for("connection-work.lock");
        waiter.signal(signal);
        let finished = waiter.finish();
        assert_eq!(finished.code, Some(code), "{finished}");
        assert_eq!(finished.err(), "error: interrupted; nothing was changed\n");
        gate.opens();
        let finished = holder.finish();
        assert_eq!(finished.code, Some(0), "{finished}");
        assert_eq!(authority.refreshes(), 1);
    }
}

/// A refresh that went well leaves signals as they were.
#[test]
fn a_signal_after_a_refresh_ends_what_follows_it() {
    for (signal, code) in SIGNALS {
        let env = Env::new();
        let authority = expired(&env);
        let (reply, gate) = Reply::person().held();
        authority.people_answers(reply);
        authority.token_answers(Reply::tokens());
        let status = Process::spawn(env.command(["status", "--live"]), b"");
        gate.is_asked();
        status.signal(signal);
        let finished = status.finish();
        assert_eq!(finished.code, Some(code), "{finished}");
        assert_eq!(authority.refreshes(), 1, "{finished}");
        gate.opens();
    }
}

/// Killed after Webex has replaced the refresh token and before that was saved (RF-08).
#[test]
fn a_run_that_was_killed_is_explained_by_the_next() {
    let (env, sandbox_answer, gate) = held(Reply::other_tokens());
    let token = Process::spawn(env.command(["token"]), b"");
    gate.is_asked();
    token.signal(Signal::KILL);
    assert_eq!(token.finish().signal, Some(9));
    gate.opens();
    sandbox_answer.token_answers(Reply::dead_grant());
    let at = env.record("work")["mark"]["at"].clone();
    let at = at.as_str().unwrap_or_default();
    env.run(["token"])
        .code(4)
        .stderr_has(&format!("a refresh at {at} was cut off"))
        .stderr_has("sign in again")
        .check();
    case_held("RF-08 killed before the reply");
}

#[test]
fn a_refresh_is_saved_before_anything_is_printed() {
    for (script, code) in [
        ("exec \"$1\" token >/dev/full", 1),
        ("exec \"$1\" token >&-", 1),
        (
            "{ \"$1\" token; echo $? >rc; } | true; read rc <rc; exit $rc",
            0,
        ),
    ] {
        let (env, mut sandbox) = Scene::signed_in(&["--rotate"]);
        env.age(SignedDuration::ZERO);
        let mut command = env.program("sh");
        command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_webex-connect")]);
        Run::new(command).code(code).any_stderr().check();
        env.run(["token"]).any_stdout().check();
        assert_eq!(sandbox.refreshes(), 1, "{script}");
        env.run(["refresh"]).any_stderr().check();
    }
}
