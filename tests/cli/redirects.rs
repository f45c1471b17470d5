//! Where a request must not go: along a redirect, or in plain http off this machine. And what a bad answer must not
//! touch: a connection that is there.

use std::net::TcpListener;
use std::time::Duration;

use serde_json::Value;

use crate::env::{
    ACCESS_TOKEN, Attempt, Authority, CLIENT_SECRET, Env, FOREIGN, REFRESH_TOKEN, Reply, case_held,
};

/// Somewhere a redirect leads, where nobody may come.
struct Sink(TcpListener);

impl Sink {
    fn open() -> Sink {
        Sink::open_on("127.0.0.1:0")
    }

    fn open_on(address: &str) -> Sink {
        let listener = TcpListener::bind(address).unwrap_or_else(|e| panic!("a sink: {e}"));
        let patient = listener.set_nonblocking(true);
        patient.unwrap_or_else(|e| panic!("a sink: {e}"));
        Sink(listener)
    }

    fn answer(&self, status: u16, scheme: &str) -> Reply {
        let address = self.0.local_addr();
        let address = address.unwrap_or_else(|e| panic!("a sink: {e}"));
        let location = format!("Location: {scheme}://{address}/steal\r\n");
        Reply::with(status, &location, FOREIGN)
    }

    fn got_nothing(&self, case: &str) {
        std::thread::sleep(Duration::from_millis(50));
        assert!(
            self.0.accept().is_err(),
            "{case}: the redirect was followed"
        );
    }
}

/// TK-01. A client that follows 307 or 308 sends the form again, with the secret in it.
#[test]
fn no_redirect_is_followed() {
    for status in [301, 302, 303, 307, 308] {
        for scheme in ["http", "https"] {
            let case = format!("TK-01 {status} to {scheme}");
            let sink = Sink::open();
            let words = ["redirect", "never followed", "--api-base"];
            let env = Env::new();
            let authority = Authority::plain(sink.answer(status, scheme));
            let attempt = Attempt::start(&env, &authority, &[]);
            attempt.returns().fails(&case, 9, &words);
            assert_eq!(authority.asked(), ["POST /v1/access_token"], "{case}");
            sink.got_nothing(&case);
        }
    }
}

/// TK-01, with the bearer instead of the form.
#[test]
fn people_me_does_not_lead_elsewhere() {
    for status in [302, 307] {
        let sink = Sink::open();
        let env = Env::new();
        let authority = Authority::plain(Reply::tokens());
        authority.people_answers(sink.answer(status, "http"));
        let outcome = Attempt::start(&env, &authority, &[]).returns();
        assert_eq!(
            outcome.succeeds(&format!("TK-01 people/me {status}"))["identity"],
            Value::Null
        );
        sink.got_nothing("TK-01 people/me");
    }
}

/// TK-01, TK-12. A reconnect that fails leaves the connection as it was.
#[test]
fn an_existing_connection_survives_every_kind_of_bad_answer() {
    let env = Env::new();
    let authority = Authority::plain(Reply::tokens());
    Attempt::start(&env, &authority, &[])
        .returns()
        .succeeds("first");
    let sink = Sink::open();
    let rows = [
        ("a redirect", sink.answer(307, "http"), 9),
        (
            "a refusal",
            Reply::status(400, r#"{"error":"invalid_grant"}"#),
            4,
        ),
        ("not a token set", Reply::status(200, "[]"), 7),
        ("an outage", Reply::status(503, ""), 7),
    ];
    for (case, reply, code) in rows {
        authority.token_answers(reply);
        let attempt = Attempt::start(&env, &authority, &[]);
        attempt.returns().fails(case, code, &[]);
    }
    let token = env.run(["token", "work"]).any_stdout().check().out();
    assert_eq!(token.trim_end(), ACCESS_TOKEN);
    sink.got_nothing("TK-01");
}

/// TK-03. Plain http stays on this machine by its literal names, even where another name would lead here too.
#[test]
fn a_base_off_this_machine_must_be_https() {
    let sink = Sink::open_on("0.0.0.0:0");
    let port = sink.0.local_addr().map_or(0, |address| address.port());
    let env = Env::new();
    for base in [
        "http://10.255.255.1/v1",
        "http://evil.example/v1",
        "ftp://x",
        "https://u:p@h/",
        &format!("http://0.0.0.0:{port}/v1"),
        &format!("http://[::ffff:127.0.0.1]:{port}/v1"),
        &format!("http://localhost.evil.example:{port}/v1"),
        &format!("http://127.0.0.1@evil.example:{port}/v1"),
    ] {
        let args = [
            "login",
            "--client-id",
            "x",
            "--no-browser",
            "--api-base",
            base,
        ];
        env.run(args).code(2).stderr_has("https").within(5).check();
        case_held(format!("TK-03 {base}"));
    }
    sink.got_nothing("TK-03");
    assert!(env.connections().is_empty());
}

/// TK-01, TK-08, TK-11. A refresh that meets a bad answer leaves everything as it was, and the next one succeeds.
#[test]
fn a_refresh_takes_no_more_than_a_login() {
    let env = Env::new();
    let stale = Reply::token_set(r#""expires_in":0"#);
    let authority = Authority::plain(stale.clone());
    let login = Attempt::start(&env, &authority, &[]).returns();
    login.succeeds("login");
    let sink = Sink::open();
    let listed = || env.run(["list", "--json"]).any_stdout().check().out();
    let before = listed();
    let spoilt = Reply::token_set(r#""expires_in":60,"scope":"a\u001bb""#);
    let broken = Reply::status(
        200,
        &format!(r#"{{"access_token":"{REFRESH_TOKEN} {FOREIGN}"}}"#),
    );
    let rows = [
        (sink.answer(307, "http"), 9, "never followed"),
        (sink.answer(308, "https"), 9, "never followed"),
        (spoilt, 7, "scope"),
        (broken, 7, "not a bearer token"),
        (Reply::status(200, ""), 7, "not a token set"),
        (Reply::status(503, FOREIGN), 7, "just now"),
        (
            Reply::status(401, &format!(r#"{{"message":"{REFRESH_TOKEN}"}}"#)),
            8,
            "[redacted]",
        ),
        (Reply::raw(""), 7, "could not reach"),
    ];
    for (reply, code, word) in rows {
        authority.token_answers(reply);
        let failed = env.run(["token", "work"]).code(code).stderr_has(word);
        failed
            .secret(REFRESH_TOKEN)
            .secret(CLIENT_SECRET)
            .secret(ACCESS_TOKEN)
            .check();
        assert_eq!(listed(), before, "{word}");
    }
    sink.got_nothing("TK-01 refresh");
    authority.token_answers(stale);
    let token = env.run(["token", "work"]).any_stdout().check().out();
    assert_eq!(token.trim_end(), ACCESS_TOKEN);
}
