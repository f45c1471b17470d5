//! A login that is interrupted, or that another process is in the way of.

use std::fs::File;
use std::os::unix::fs::DirBuilderExt;
use std::process::Command;
use std::thread;

use rustix::process::Signal;

use crate::env::process::Process;
use crate::env::{
    ACCESS_TOKEN, Attempt, Authority, CLIENT_ID, CLIENT_SECRET, CODE, Env, REFRESH_TOKEN, Reply,
    consent, http,
};

/// The lock file of this name, held by the test.
fn held(env: &Env, name: &str) -> File {
    let directory = env.path("data/webex-connect");
    let mut private = std::fs::DirBuilder::new();
    let created = private.recursive(true).mode(0o700).create(&directory);
    created.unwrap_or_else(|e| panic!("{}: {e}", directory.display()));
    let lock = File::create(directory.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    lock.lock().unwrap_or_else(|e| panic!("{name}: {e}"));
    lock
}

fn with_access_token(env: &Env, authority: &Authority) -> Command {
    env.command([
        "login",
        "ci",
        "--token-stdin",
        "--api-base",
        &authority.base,
    ])
}

fn with_refresh_token(env: &Env, authority: &Authority) -> Command {
    let mut command = env.command(["login", "ci", "--refresh-token-stdin", "--client-id"]);
    command
        .args([CLIENT_ID, "--api-base", &authority.base])
        .env("WEBEX_CONNECT_CLIENT_SECRET", CLIENT_SECRET);
    command
}

/// The file's lock is held by the test, so that the write has to wait for it.
#[test]
fn a_signal_while_brought_tokens_are_stored_comes_after_the_write() {
    for token in [ACCESS_TOKEN, REFRESH_TOKEN] {
        let (env, authority) = (Env::new(), Authority::plain(Reply::tokens()));
        let command = match token {
            ACCESS_TOKEN => with_access_token(&env, &authority),
            _ => with_refresh_token(&env, &authority),
        };
        let (person, gate) = Reply::person().held();
        authority.people_answers(person.clone());
        if token == ACCESS_TOKEN {
            authority.api_answers([Reply::person(), person]);
        }
        let login = Process::spawn(command, token.as_bytes());
        gate.is_asked();
        let lock = held(&env, "store.lock");
        gate.opens();
        env.somebody_waits_for("store.lock");
        login.signal(Signal::INT);
        drop(lock);
        let finished = login.finish();
        assert_eq!(finished.code, Some(130), "{finished}");
        assert_eq!(finished.out(), "", "{finished}");
        let said = "error: interrupted; ci was stored all the same\n";
        assert!(finished.err().ends_with(said), "{finished}");
        assert_eq!(env.connections(), ["ci"]);
    }
}

#[test]
fn a_signal_ends_a_login_that_waits_for_another_process() {
    let (env, authority) = (Env::new(), Authority::plain(Reply::tokens()));
    let attempt = Attempt::start(&env, &authority, &[]);
    let lock = held(&env, "connection-work.lock");
    let callback = consent(&attempt.login, &authority, &format!("code={CODE}"));
    let browser = thread::spawn(move || http::get(&callback));
    env.somebody_waits_for("connection-work.lock");
    attempt.login.process.signal(Signal::INT);
    let finished = attempt.login.finish();
    let page = browser.join().unwrap_or_else(|_| panic!("the browser"));
    drop(lock);
    assert_eq!(finished.code, Some(130), "{finished}");
    assert!(
        finished.err().contains(
            "interrupted; another webex-connect is at work on work, and nothing was stored"
        ),
        "{finished}"
    );
    assert!(page.body.contains("Not connected"), "{page}");
    assert!(env.connections().is_empty());
}

#[test]
fn a_refresh_token_is_not_spent_while_another_process_is_at_work_on_the_connection() {
    let (env, authority) = (Env::new(), Authority::plain(Reply::tokens()));
    let lock = held(&env, "connection-ci.lock");
    let command = with_refresh_token(&env, &authority);
    let waits = Process::spawn(command, REFRESH_TOKEN.as_bytes());
    env.somebody_waits_for("connection-ci.lock");
    waits.signal(Signal::TERM);
    let finished = waits.finish();
    assert_eq!(finished.code, Some(143), "{finished}");
    assert_eq!(
        finished.err(),
        "error: interrupted; nothing was stored\n",
        "{finished}"
    );

    let command = with_refresh_token(&env, &authority);
    let login = Process::spawn(command, REFRESH_TOKEN.as_bytes());
    env.somebody_waits_for("connection-ci.lock");
    assert_eq!(authority.refreshes(), 0);
    drop(lock);
    let finished = login.finish();
    assert_eq!(finished.code, Some(0), "{finished}");
    assert_eq!(authority.refreshes(), 1);
}
