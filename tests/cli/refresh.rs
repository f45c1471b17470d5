//! `refresh`: new tokens now, for one connection or for all.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use jiff::SignedDuration;
use rustix::process::Signal;
use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};

use crate::env::process::Process;
use crate::env::{Env, Reply, Scene, connected, expired};

#[test]
fn a_fresh_connection_is_refreshed_all_the_same() {
    let (env, mut sandbox) = Scene::signed_in(&["--rotate"]);
    let token = || env.run(["token"]).any_stdout().check().out();
    let first = token();
    let said = env.run(["refresh"]).stderr_has("work is refreshed").check();
    assert_eq!(said.err().lines().count(), 1, "{said}");
    let second = token();
    assert_ne!(first, second);
    let row = env
        .run(["refresh", "WORK", "--json"])
        .any_stdout()
        .check()
        .json();
    assert_ne!(token(), second);
    let listed = env.run(["list", "--json"]).any_stdout().check().json();
    let expected = json!({
        "name": "work",
        "refreshed": true,
        "access_token_expires_at": listed[0]["access_token_expires_at"],
        "refresh_token_expires_at": listed[0]["refresh_token_expires_at"],
        "error": null,
    });
    assert_eq!(row, expected);
    assert!(row["access_token_expires_at"].is_string(), "{row}");
    assert_eq!(sandbox.refreshes(), 2);
}

/// The clock may be wrong; who asks for a refresh gets one.
#[test]
fn a_refresh_token_that_seems_to_be_over_is_tried_when_asked_for() {
    let env = Env::new();
    let authority = expired(&env);
    authority.token_answers(Reply::other_tokens());
    env.edit_records(|_, record| {
        if let Some(expires_at) = record.pointer_mut("/tokens/refresh_token_expires_at") {
            *expires_at = "2020-01-01T00:00:00Z".into();
        }
    });
    env.run(["refresh"]).any_stderr().check();
    assert_eq!(authority.refreshes(), 1);
}

#[test]
fn what_fails_alone_is_an_error_and_no_report() {
    let env = Env::new();
    env.run(["refresh"])
        .code(4)
        .stderr_has("there is no connection yet")
        .check();
    env.run(["refresh", "nobody", "--json"])
        .code(4)
        .stderr_json("sign_in_required")
        .check();
    env.run(["refresh", "work", "--all"])
        .code(2)
        .stderr_has("cannot be used with")
        .check();
    let authority = expired(&env);
    authority.token_answers(Reply::status(500, ""));
    env.run(["refresh", "--json"])
        .code(7)
        .stderr_json("temporary")
        .check();
}

#[test]
fn all_of_none_is_no_failure() {
    let env = Env::new();
    env.run(["refresh", "--all"])
        .stderr("there is no connection to refresh\n")
        .check();
    env.run(["refresh", "--all", "--json"])
        .stdout("[]\n")
        .check();
}

/// `work` at a server that answers this, a sandbox connection that works, and one without a refresh token.
fn three(reply: Reply) -> (Env, crate::env::Authority) {
    let env = Env::new();
    let authority = expired(&env);
    authority.token_answers(reply);
    for name in ["bare", "good"] {
        env.run(["login", name, "--sandbox", "--approve"])
            .any_stderr()
            .check();
    }
    env.edit_records(|key, record| {
        if key == "connection/bare" {
            record["tokens"]["refresh_token"] = Value::Null;
        }
    });
    (env, authority)
}

#[test]
fn all_goes_on_after_a_failure_and_tells_each() {
    let (env, authority) = three(Reply::dead_grant());
    let before = env.run(["token", "good"]).any_stdout().check().out();
    let said = env
        .run(["refresh", "--all"])
        .code(4)
        .stderr_has("bare has no refresh token and was passed over")
        .stderr_has("good is refreshed, its token good until")
        .stderr_has("error: work was not refreshed: Webex refused the refresh token")
        .stderr_has("sign in again with `webex-connect login work`")
        .stderr_has("error: 1 of 3 connections could not be refreshed")
        .check();
    assert_eq!(authority.refreshes(), 1, "{said}");
    let after = env.run(["token", "good"]).any_stdout().check().out();
    assert_ne!(before, after);
}

#[test]
fn all_in_json_is_an_array_whatever_fails() {
    let (env, _authority) = three(Reply::status(401, ""));
    let run = env
        .run(["refresh", "--all", "--json"])
        .code(8)
        .any_stdout()
        .stderr_has("1 of 3 connections could not be refreshed")
        .check();
    let rows = run.json();
    let told = |row: &Value| {
        let name = row["name"].as_str().unwrap_or_default().to_owned();
        let refreshed = row["refreshed"] == true;
        (name, refreshed, row["error"]["exit_code"].as_u64())
    };
    let rows: Vec<_> = rows.as_array().into_iter().flatten().map(told).collect();
    let expected = [
        ("bare".to_owned(), false, None),
        ("good".to_owned(), true, None),
        ("work".to_owned(), false, Some(8)),
    ];
    assert_eq!(rows, expected, "{run}");
    for line in run.err().lines() {
        let event: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"));
        assert!(event["error"]["message"].is_string(), "{line}");
    }
}

#[test]
fn the_highest_exit_code_of_all_counts() {
    let (env, authority) = three(Reply::dead_grant());
    // Another one, whose record can't be read.
    env.run(["login", "newer", "--sandbox", "--approve"])
        .any_stderr()
        .check();
    env.edit_records(|key, record| {
        if key == "connection/newer" {
            record["schema"] = 2.into();
        }
    });
    env.run(["refresh", "--all"])
        .code(6)
        .stderr_has("connection/newer")
        .stderr_has("good is refreshed")
        .stderr_has("2 of 4 connections could not be refreshed")
        .check();
    assert_eq!(authority.refreshes(), 1);
}

#[test]
fn what_is_no_connection_is_not_counted_as_one() {
    let env = Env::new();
    env.connect_sandbox();
    env.edit_records(|key, record| {
        if key == "default" {
            record["schema"] = 2.into();
        }
    });
    env.run(["refresh", "--all"])
        .code(6)
        .stderr_has("error: the stored record default is unreadable")
        .stderr_has("sandbox is refreshed")
        .stderr_has("error: no connection failed, but another record in the store is unreadable")
        .check();
    env.edit_records(|key, record| {
        if key == "connection/sandbox" {
            record["schema"] = 2.into();
        }
    });
    env.run(["refresh", "--all"])
        .code(6)
        .stderr_has("error: 1 of 1 connections could not be refreshed")
        .check();
}

/// Both where Webex is asked, and where another process is waited for after a first refresh.
#[test]
#[cfg(target_os = "linux")]
fn a_signal_ends_all_of_them() {
    let (env, authority) = three(Reply::other_tokens());
    env.run(["rename", "work", "a"]).any_stderr().check();
    let args = ["refresh", "--all", "--json"];
    let interrupted = |process: Process| {
        process.signal(Signal::TERM);
        let finished = process.finish();
        assert_eq!(finished.code, Some(143), "{finished}");
        let json = finished.json();
        let names: Vec<_> = json.as_array().into_iter().flatten().collect();
        let names: Vec<_> = names.iter().map(|row| &row["name"]).collect();
        assert_eq!(names, ["a", "bare", "good"], "{finished}");
        assert_eq!(json[1]["error"], Value::Null, "{finished}");
        assert_eq!(json[2]["error"]["code"], "interrupted", "{finished}");
        let summary = "of 3 connections could not be refreshed\"";
        assert!(finished.err().contains(summary), "{finished}");
    };
    let lock = File::open(env.path("data/webex-connect/connection-good.lock"));
    let lock = lock.unwrap_or_else(|e| panic!("{e}"));
    lock.lock().unwrap_or_else(|e| panic!("{e}"));
    let process = Process::spawn(env.command(args), b"");
    env.somebody_waits_for("connection-good.lock");
    interrupted(process);
    drop(lock);
    let (reply, gate) = Reply::other_tokens().held();
    authority.token_answers(reply);
    let process = Process::spawn(env.command(args), b"");
    gate.is_asked();
    interrupted(process);
    gate.opens();
}

/// Ten connections at a server that never answers: four are tried at a time, and after the first time-out no other.
#[test]
#[cfg(target_os = "linux")]
fn a_server_that_does_not_answer_is_waited_for_once() {
    let env = Env::new();
    let authority = expired(&env);
    env.change_records(|records| {
        for number in 0..9 {
            let mut record = records["connection/work"].clone();
            record["name"] = format!("c{number}").into();
            records.insert(format!("connection/c{number}"), record);
        }
    });
    authority.token_answers(Reply::silence());
    let finished = Process::spawn(env.command(["refresh", "--all", "--json"]), b"").finish();
    assert_eq!(finished.code, Some(7), "{finished}");
    assert!(finished.took < Duration::from_secs(45), "{finished}");
    assert_eq!(authority.refreshes(), 4, "{finished}");
    let json = finished.json();
    let messages = json.as_array().into_iter().flatten();
    let messages: Vec<_> = messages
        .map(|row| row["error"]["message"].as_str().unwrap_or_default())
        .collect();
    let count = |words: &str| messages.iter().filter(|text| text.contains(words)).count();
    assert_eq!(messages.len(), 10, "{finished}");
    assert_eq!(
        count("was not refreshed: timed out waiting for"),
        4,
        "{finished}"
    );
    let not_tried = "was not refreshed: the server did not answer for another connection (timed out waiting for";
    assert_eq!(count(not_tried), 6, "{finished}");
}

/// A token that still serves is printed while the server cannot be reached.
#[test]
fn a_token_that_serves_is_not_held_up_by_a_server_that_cannot_be_reached() {
    let (env, authority) = connected();
    env.age(SignedDuration::from_mins(4));
    // A socket that listens and whose queue is full takes no connection.
    let full = full_socket();
    let address = full[0]
        .local_addr()
        .ok()
        .and_then(|address| address.as_socket());
    let port = address.map_or(0, |address| address.port());
    env.edit_records(|_, record| {
        let text = record.to_string();
        let text = text.replace(&authority.base, &format!("http://127.0.0.1:{port}/v1"));
        *record = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}"));
    });
    env.run(["token"])
        .any_stdout()
        .stderr_has("warning: could not refresh work, whose token holds a little longer: timed out waiting for")
        .stderr_has("(3 s)")
        .within(5)
        .check();
    assert_eq!(authority.refreshes(), 0);
}

/// A socket that listens, and the connections that fill its queue.
fn full_socket() -> Vec<Socket> {
    let new = || {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None);
        socket.unwrap_or_else(|e| panic!("a socket: {e}"))
    };
    let listener = new();
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into();
    let listening = listener.bind(&any).and_then(|()| listener.listen(0));
    listening.unwrap_or_else(|e| panic!("a listener: {e}"));
    let address = listener.local_addr().unwrap_or_else(|e| panic!("{e}"));
    let mut sockets = vec![listener];
    for _ in 0..4 {
        let client = new();
        client
            .set_nonblocking(true)
            .unwrap_or_else(|e| panic!("{e}"));
        // It is under way, or the queue is full already.
        let _ = client.connect(&address);
        sockets.push(client);
    }
    sockets
}

#[test]
fn a_keep_alive_prolongs_the_refresh_token() {
    let (env, _sandbox) = Scene::signed_in(&[]);
    env.age(SignedDuration::from_hours(24));
    env.edit_records(|_, record| {
        if let Some(expires_at) = record.pointer_mut("/tokens/refresh_token_expires_at") {
            *expires_at = "2100-01-01T00:00:00Z".into();
        }
    });
    env.run(["refresh", "--all"]).any_stderr().check();
    let tokens = env.record("work")["tokens"].clone();
    assert_ne!(tokens["refresh_token_expires_at"], "2100-01-01T00:00:00Z");
}
