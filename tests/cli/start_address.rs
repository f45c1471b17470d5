//! The start address that a browser is given: who may fetch it how often, and that nothing near it leads anywhere.

use std::net::{Ipv4Addr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use url::Url;

use crate::env::{BROWSER, Env, Login, Sandbox, Scene, redirect_uri, send};

/// A login whose browser was opened, and the address it was given.
fn opened() -> (Scene, Url) {
    let env = Env::new();
    let redirect_uri = redirect_uri();
    let sandbox = Sandbox::start(&env, &redirect_uri);
    let login = Login::at(&env, &sandbox.base, &redirect_uri, &["--browser", BROWSER]);
    let since = Instant::now();
    let start = loop {
        match env.opened().filter(|address| address.ends_with('\n')) {
            Some(address) => break Url::parse(address.trim_end()),
            None => assert!(since.elapsed() < Duration::from_secs(20), "nothing opened"),
        }
        thread::sleep(Duration::from_millis(5));
    };
    let start = start.unwrap_or_else(|e| panic!("the start address: {e}"));
    let scene = Scene {
        env,
        sandbox,
        login,
    };
    (scene, start)
}

/// One request in the browser's words; its status and where it leads.
fn asked(start: &Url, method: &str, path: &str, host: &str, more: &str) -> (u16, String) {
    let request = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n");
    let port = start.port().unwrap_or_default();
    let answer = send(port, request.as_bytes());
    let answer = answer.unwrap_or_else(|e| panic!("{method} {path} at {host}: {e}"));
    let leads_to = answer.header("Location");
    if !leads_to.is_empty() {
        assert_eq!(answer.header("Cache-Control"), "no-store", "{answer}");
    }
    (answer.status, leads_to)
}

/// A second tab, or a person who follows the printed address again.
#[test]
fn every_fetch_of_the_start_address_leads_to_the_one_request() {
    let (mut scene, start) = opened();
    let host = format!("127.0.0.1:{}", scene.login.port());
    let found = (302, scene.login.url.to_string());
    for _ in 0..3 {
        assert_eq!(asked(&start, "GET", start.path(), &host, ""), found);
    }
    let callback = scene.login.consent("allow");
    assert_eq!(asked(&start, "GET", start.path(), &host, ""), found);
    let port = scene.login.port();
    scene.connects("after many fetches", &callback);
    let after = TcpStream::connect((Ipv4Addr::LOCALHOST, port));
    assert!(after.is_err(), "the start address outlives the login");
}

/// The page of a prefetch is thrown away, so it must not be the answer to the one callback.
#[test]
fn a_prefetch_uses_up_neither_the_start_address_nor_the_callback() {
    let (mut scene, start) = opened();
    let host = format!("127.0.0.1:{}", scene.login.port());
    let callback = scene.login.consent("allow");
    let target = scene
        .login
        .fill("{PATH}?code={CODE}&state={STATE}", &callback);
    for more in [
        "Sec-Purpose: prefetch\r\n",
        "Sec-Purpose: prefetch;prerender\r\n",
        "Sec-Purpose: Prefetch;anonymous-client-ip\r\n",
        "Purpose: prefetch\r\n",
        "X-Moz: prefetch\r\n",
        "X-Purpose: preview\r\n",
        "Purpose: x\r\nPurpose: prefetch\r\n",
        "sec-purpose: prefetch\r\nPurpose: prefetch\r\n",
    ] {
        for path in [start.path(), &target] {
            let answer = asked(&start, "GET", path, &host, more);
            assert_eq!(answer, (425, String::new()), "{path} {more}");
        }
    }
    let found = (302, scene.login.url.to_string());
    assert_eq!(asked(&start, "GET", start.path(), &host, ""), found);
    scene.connects("after prefetches", &callback);
}

#[test]
fn nothing_but_a_get_of_exactly_that_path_on_that_host_leads_anywhere() {
    let (mut scene, start) = opened();
    let port = scene.login.port();
    let (path, host) = (start.path(), format!("127.0.0.1:{port}"));
    for method in ["HEAD", "OPTIONS", "PUT", "DELETE"] {
        let answer = asked(&start, method, path, &host, "");
        assert_eq!(answer, (405, String::new()), "{method}");
    }
    let (status, leads_to) = asked(&start, "POST", path, &host, "Content-Length: 0\r\n");
    assert_eq!((status, leads_to.as_str()), (405, ""), "POST");
    for other in [
        "evil.example".to_owned(),
        format!("evil.example:{port}"),
        format!("localhost:{port}"),
        format!("[::1]:{port}"),
        "127.0.0.1".to_owned(),
    ] {
        let answer = asked(&start, "GET", path, &other, "");
        assert_eq!(answer, (421, String::new()), "{other}");
    }
    let swapped: String = path
        .chars()
        .map(|c| match c.is_ascii_lowercase() {
            true => c.to_ascii_uppercase(),
            false => c.to_ascii_lowercase(),
        })
        .collect();
    for near in [
        "/".to_owned(),
        "/callback".to_owned(),
        format!("{path}/"),
        format!("/{path}"),
        format!("{path}x"),
        path[..path.len() - 1].to_owned(),
        format!("/callback/..{path}"),
        format!("/%{:02X}{}", path.as_bytes()[1], &path[2..]),
        swapped,
    ] {
        let answer = asked(&start, "GET", &near, &host, "");
        assert_eq!(answer, (404, String::new()), "{near}");
    }
    let callback = scene.login.consent("allow");
    scene.connects("after all of that", &callback);
}
