//! `doctor --loopback`: a browser played by hand, over either address family, or none at all.

use std::io::{Read, Write};
use std::net::TcpStream;

use rustix::process::Signal;
use serde_json::Value;
use url::Url;

use crate::env::process::{Process, Stream};
use crate::env::{Authority, BROWSER, Env, Reply, comes_free, free_port, is_free};

/// A home with an app of this redirect URI at a Webex on this machine.
fn home(redirect_uri: &str) -> (Env, Authority) {
    let authority = Authority::plain(Reply::tokens());
    authority.probed(Reply::status(404, ""));
    authority.people_answers(Reply::status(401, "{}"));
    let env = Env::new().var("SSH_CONNECTION", "192.0.2.1 1 192.0.2.2 22");
    env.add_app("own", &authority.base, redirect_uri);
    (env, authority)
}

/// `doctor --loopback --json`, and the address it sends a browser to.
fn waiting(env: &Env, more: &[&str]) -> (Process, Url) {
    let mut command = env.command(["doctor", "--loopback", "--json"]);
    command.args(more);
    let mut process = Process::spawn(command, b"");
    let Some(line) = process.next_line(Stream::Err) else {
        panic!("no address: {}", process.finish());
    };
    let event: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{line}: {e}"));
    let url = event["url"].as_str().unwrap_or_default().to_owned();
    let url = Url::parse(&url).unwrap_or_else(|e| panic!("{line}: {e}"));
    (process, url)
}

/// A request over this address, and what it is answered with.
fn ask(over: &str, method: &str, path: &str, host: &str, port: u16) -> String {
    let mut stream = TcpStream::connect(format!("{over}:{port}")).unwrap();
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn the_family_that_the_browser_came_over_is_told() {
    for (uri, over, words) in [
        (
            "http://localhost:{PORT}/callback",
            "127.0.0.1",
            "came to 127.0.0.1, over IPv4",
        ),
        (
            "http://localhost:{PORT}/callback",
            "[::1]",
            "came to ::1, over IPv6",
        ),
        (
            "http://127.0.0.1:{PORT}/callback",
            "127.0.0.1",
            "came to 127.0.0.1, over IPv4",
        ),
        (
            "http://[::1]:{PORT}/callback",
            "[::1]",
            "came to ::1, over IPv6",
        ),
    ] {
        let port = free_port();
        let (env, _authority) = home(&uri.replace("{PORT}", &port.to_string()));
        let (process, url) = waiting(&env, &["--browser", BROWSER]);
        let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
        assert_eq!(url.port(), Some(port), "{url}");
        assert_eq!(env.written("opened").trim_end().to_owned(), url.as_str());
        // None of these is the browser.
        for (method, path, host, status) in [
            ("GET", "/callback?code=c", host, "404"),
            ("GET", "/favicon.ico", host, "404"),
            ("GET", url.path(), "evil.example", "421"),
            ("HEAD", url.path(), host, "405"),
            ("POST", url.path(), host, "405"),
        ] {
            let answer = ask(over, method, path, host, port);
            let start = format!("HTTP/1.0 {status} ");
            assert!(answer.starts_with(&start), "{method} {path}: {answer}");
        }
        let page = ask(over, "GET", url.path(), host, port);
        assert!(page.starts_with("HTTP/1.0 200 "), "{page}");
        assert!(page.contains("Your browser reaches this machine"), "{page}");
        assert!(page.contains("default-src 'none'"), "{page}");
        let finished = process.finish();
        assert_eq!(finished.code, Some(0), "{finished}");
        let rows = finished.json();
        let row = rows.as_array().and_then(|rows| rows.last()).cloned();
        let row = row.unwrap_or_default();
        assert_eq!(row["check"], "loopback", "{finished}");
        assert_eq!(row["status"], "ok", "{finished}");
        let message = row["message"].as_str().unwrap_or_default();
        assert!(message.ends_with(words), "{finished}");
        assert!(is_free(port), "port {port} is still taken");
    }
}

#[test]
fn a_browser_that_does_not_come_is_not_waited_for_without_end() {
    let port = free_port();
    let (env, _authority) = home(&format!("http://127.0.0.1:{port}/callback"));
    let args = [
        "doctor",
        "--loopback",
        "--timeout",
        "1",
        "--browser",
        BROWSER,
    ];
    let finished = env
        .run(args)
        .code(4)
        .any_stdout()
        .stderr_has("not in order: loopback")
        .check();
    let line = finished.out();
    assert!(
        line.contains("loopback     fail     no browser came to http://127.0.0.1:"),
        "{line}"
    );
    assert!(line.contains("within 1 s"), "{line}");
    assert!(is_free(port));
}

#[test]
fn where_no_browser_can_be_opened_it_ends_at_once() {
    let port = free_port();
    let (env, _authority) = home(&format!("http://127.0.0.1:{port}/callback"));
    for (more, words) in [
        (&[][..], "there is no desktop and no terminal"),
        (
            &["--browser", "/nonexistent/browser"],
            "could not open a browser: /nonexistent/browser",
        ),
    ] {
        let args = [&["doctor", "--loopback"][..], more].concat();
        let run = env
            .run(args)
            .code(4)
            .any_stdout()
            .stderr_has("not in order");
        let finished = run.check();
        assert!(finished.out().contains(words), "{finished}");
        assert!(is_free(port));
    }
}

#[test]
fn a_taken_port_is_told_before_a_browser_opens() {
    let port = free_port();
    let (env, _authority) = home(&format!("http://localhost:{port}/callback"));
    let squatter = std::net::TcpListener::bind(format!("[::1]:{port}")).unwrap();
    let args = ["doctor", "--loopback", "--browser", BROWSER];
    let run = env.run(args).code(8).any_stdout();
    let finished = run.stderr_has("not in order: ports, loopback").check();
    assert!(
        finished.out().contains("in use by another program"),
        "{finished}"
    );
    assert_eq!(env.opened(), None);
    drop(squatter);
}

#[test]
fn a_signal_ends_the_wait_and_frees_the_port() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let port = free_port();
        let (env, _authority) = home(&format!("http://127.0.0.1:{port}/callback"));
        let (process, _) = waiting(&env, &["--browser", BROWSER]);
        process.signal(signal);
        let finished = process.finish();
        assert_eq!(finished.code, Some(code), "{finished}");
        assert!(finished.stdout.is_empty(), "{finished}");
        assert!(comes_free(port));
    }
}

#[test]
fn what_belongs_to_loopback_is_nothing_without_it() {
    for more in [&["--browser", "x"][..], &["--timeout", "5"]] {
        let env = Env::new();
        let args = [&["doctor"][..], more].concat();
        env.run(args).code(2).stderr_has("--loopback").check();
    }
}
