//! Many processes and one connection, or one file: one refresh each, and nothing lost.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use rustix::process::Signal;

use crate::env::process::{Finished, Process};
use crate::env::{
    Authority, Env, Gate, Login, OTHER_TOKEN, Reply, Sandbox, Scene, case_held, expired,
    redirect_uri,
};

/// Starts a command as often as that, and waits for all of them.
fn at_once(env: &Env, times: usize, args: &[&str]) -> Vec<Finished> {
    let start = || Process::spawn(env.command(args), b"");
    let started: Vec<_> = (0..times).map(|_| start()).collect();
    started.into_iter().map(Process::finish).collect()
}

/// RF-01: a server that ends the whole grant when a refresh token comes twice is asked once.
fn one_refresh_for(processes: usize) {
    let (env, mut sandbox) = Scene::signed_in(&["--rotate"]);
    env.age(SignedDuration::ZERO);
    let finished = at_once(&env, processes, &["token"]);
    let tokens: BTreeSet<_> = finished.iter().map(Finished::out).collect();
    for one in &finished {
        assert_eq!(one.code, Some(0), "{one}");
        assert_eq!(one.err(), "", "{one}");
    }
    assert_eq!(tokens.len(), 1, "{tokens:?}");
    assert_eq!(sandbox.refreshes(), 1);
    // The stored refresh token is the one that came with it.
    let token = env.run(["token"]).any_stdout().check().out();
    assert!(tokens.contains(&token));
    env.run(["refresh"]).any_stderr().check();
    assert_eq!(sandbox.refreshes(), 2);
    case_held(format!("RF-01 {processes} processes"));
}

#[test]
fn sixteen_processes_share_one_refresh() {
    one_refresh_for(16);
}

#[test]
fn sixty_four_processes_share_one_refresh() {
    one_refresh_for(64);
}

#[test]
fn processes_that_refresh_at_once_share_one_too() {
    let (env, authority, gate) = refreshing();
    let first = Process::spawn(env.command(["refresh"]), b"");
    gate.is_asked();
    let second = Process::spawn(env.command(["refresh", "work", "--json"]), b"");
    env.somebody_waits_for("connection-work.lock");
    gate.opens();
    for finished in [first.finish(), second.finish()] {
        assert_eq!(finished.code, Some(0), "{finished}");
    }
    assert_eq!(authority.refreshes(), 1);
}

#[test]
fn a_dead_grant_is_asked_for_once_however_many_want_a_token() {
    let env = Env::new();
    let authority = expired(&env);
    authority.token_answers(Reply::dead_grant());
    for finished in at_once(&env, 8, &["token"]) {
        assert_eq!(finished.code, Some(4), "{finished}");
        assert_eq!(finished.out(), "", "{finished}");
        assert!(finished.err().contains("sign in again"), "{finished}");
    }
    assert_eq!(authority.refreshes(), 1);
}

#[test]
fn sixteen_connections_in_one_file_are_refreshed_at_once_and_none_is_lost() {
    const COUNT: usize = 16;
    let env = Env::new();
    let redirect_uri = redirect_uri();
    let mut sandbox = Sandbox::with(&env, &redirect_uri, &["--rotate"]);
    let names: Vec<_> = (0..COUNT).map(|n| format!("c{n}")).collect();
    for name in &names {
        let mut login = Login::start(&env, &sandbox, &redirect_uri, &["--no-browser"]);
        let callback = login.consent("allow");
        login.deliver(&callback);
        let finished = login.finish();
        assert_eq!(finished.code, Some(0), "{finished}");
        env.run(["rename", "work", name]).any_stderr().check();
    }
    env.age(SignedDuration::ZERO);
    let start = |name: &String| Process::spawn(env.command(["token", name]), b"");
    let started: Vec<_> = names.iter().map(start).collect();
    let finished: Vec<_> = started.into_iter().map(Process::finish).collect();
    for (name, finished) in names.iter().zip(&finished) {
        assert_eq!(finished.code, Some(0), "{finished}");
        assert_eq!(finished.err(), "", "{finished}");
        env.run(["token", name]).stdout(&finished.out()).check();
    }
    assert_eq!(sandbox.refreshes(), COUNT);
    // A lost refresh token would show now.
    let all = env.run(["refresh", "--all", "--json"]).any_stdout().check();
    let rows = all.json();
    let refreshed = |row: &serde_json::Value| row["refreshed"] == true;
    assert_eq!(rows.as_array().map(Vec::len), Some(COUNT));
    assert!(
        rows.as_array()
            .is_some_and(|rows| rows.iter().all(refreshed))
    );
}

/// RF-02.
#[test]
fn who_waits_for_a_process_that_is_killed_takes_over() {
    let (env, authority, gate) = refreshing();
    let holder = Process::spawn(env.command(["token"]), b"");
    gate.is_asked();
    let waiter = Process::spawn(env.command(["token"]), b"");
    env.somebody_waits_for("connection-work.lock");
    holder.signal(Signal::KILL);
    gate.is_asked();
    // The reply to the one that was killed has to go first.
    gate.opens();
    gate.opens();
    assert_eq!(holder.finish().signal, Some(9));
    let finished = waiter.finish();
    assert_eq!(finished.code, Some(0), "{finished}");
    assert_eq!(finished.out(), format!("{OTHER_TOKEN}\n"), "{finished}");
    assert_eq!(authority.refreshes(), 2);
    case_held("RF-02 the holder killed");
}

#[test]
fn a_logout_during_a_refresh_wins() {
    let (env, authority, gate) = refreshing();
    let token = Process::spawn(env.command(["token"]), b"");
    gate.is_asked();
    let logout = Process::spawn(env.command(["logout", "work"]), b"");
    env.somebody_waits_for("connection-work.lock");
    gate.opens();
    let (token, logout) = (token.finish(), logout.finish());
    assert_eq!(token.code, Some(0), "{token}");
    assert_eq!(logout.code, Some(0), "{logout}");
    assert!(logout.err().contains("removed work"), "{logout}");
    assert!(env.connections().is_empty());
    assert_eq!(authority.refreshes(), 1);
}

#[test]
fn a_rename_during_a_refresh_takes_the_new_tokens_along() {
    let (env, _authority, gate) = refreshing();
    let token = Process::spawn(env.command(["token"]), b"");
    gate.is_asked();
    let rename = Process::spawn(env.command(["rename", "work", "home"]), b"");
    env.somebody_waits_for("connection-work.lock");
    gate.opens();
    let (token, rename) = (token.finish(), rename.finish());
    assert_eq!(
        (token.code, rename.code),
        (Some(0), Some(0)),
        "{token}{rename}"
    );
    assert_eq!(env.connections(), ["home"]);
    env.run(["token", "home"]).stdout(&token.out()).check();
}

/// A connection whose refresh is held back.
fn refreshing() -> (Env, Authority, Gate) {
    let env = Env::new();
    let authority = expired(&env);
    let (reply, gate) = Reply::other_tokens().held();
    authority.token_answers(reply);
    (env, authority, gate)
}
