//! The start address: whatever else fetches it, or anything beside it, the person's way through stays open.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use url::Url;

use crate::env::{Env, Sandbox, comes_true, free_port, http, send};
use crate::visit::Visit;

#[test]
#[ignore = "needs Chromium"]
fn fetches_beside_the_persons_own_do_not_disturb_the_login() {
    let env = Env::new();
    let port = free_port();
    let redirect_uri = format!("http://127.0.0.1:{port}/callback");
    let mut sandbox = Sandbox::start(&env, &redirect_uri);
    let visit = Visit::registered(&env, &sandbox, &redirect_uri, &[]);
    let consent = visit.chromium.address();

    is_prefetched(&visit, &mut sandbox);
    announced_as_speculation(&visit.start);
    leads_nowhere(&visit);
    // The first tab is gone by now: the person follows the address again.
    visit.chromium.open(visit.start.as_str());
    assert_eq!(visit.chromium.address(), consent, "another request");
    visit.decides("allow", "connected");

    let after = TcpStream::connect((Ipv4Addr::LOCALHOST, port));
    let refused = after.map_err(|e| e.kind());
    assert_eq!(
        refused.map(|_| ()),
        Err(std::io::ErrorKind::ConnectionRefused),
        "still listening"
    );
    let finished = visit.finish();
    assert_eq!(finished.code, Some(0), "{finished}");
    assert_eq!(sandbox.exchanges(), 1, "codes exchanged");
    assert_eq!(env.connections(), ["work"]);
    drop(sandbox);
    env.nothing_runs();
}

/// Another page has the browser fetch the start address on speculation; that does not lead to the consent page.
fn is_prefetched(visit: &Visit, sandbox: &mut Sandbox) {
    let before = asked(sandbox);
    let page = format!(
        "<link rel=prefetch href=\"{}\"><h1>elsewhere</h1>",
        visit.start
    );
    visit.chromium.open(serve(page).as_str());
    visit.chromium.text_with("elsewhere");
    let fetched = format!(
        "return performance.getEntriesByName({:?}).length",
        visit.start.as_str()
    );
    let is_fetched = comes_true(Duration::from_secs(30), || {
        visit.chromium.run(&fetched) == 1
    });
    assert!(is_fetched, "no prefetch");
    assert_eq!(asked(sandbox), before, "it led to the consent page");
}

/// How often a consent page was asked for.
fn asked(sandbox: &mut Sandbox) -> usize {
    let requests = sandbox.requests().iter();
    let consent = requests.filter(|entry| entry["path"] == "/v1/authorize");
    consent.filter(|entry| entry["method"] == "GET").count()
}

/// Fetches that say that they are speculation are refused, and use nothing up.
fn announced_as_speculation(start: &Url) {
    let port = start.port().unwrap_or_default();
    for purpose in ["prefetch", "prefetch;prerender", "prefetch"] {
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nSec-Purpose: {purpose}\r\n\r\n",
            start.path()
        );
        let answer = send(port, request.as_bytes()).unwrap_or_else(|e| panic!("{purpose}: {e}"));
        assert_eq!(answer.status, 425, "{purpose}: {answer}");
    }
}

/// What a browser, or a person who guesses, finds beside the start address and the callback.
fn leads_nowhere(visit: &Visit) {
    let path = visit.start.path().to_owned();
    let guessed = "/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned();
    let shorter = path[..path.len() - 1].to_owned();
    for path in [
        "/".to_owned(),
        guessed,
        shorter,
        format!("{path}/"),
        "/favicon.ico".to_owned(),
    ] {
        let mut address = visit.start.clone();
        address.set_path(&path);
        let answer = http::get(&address);
        assert_eq!(answer.status, 404, "{path}: {answer}");
        visit.chromium.open(address.as_str());
        visit.chromium.text_with("nothing here");
    }
}

/// A web server with one page, for as long as the test runs.
fn serve(page: String) -> Url {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let listener = listener.unwrap_or_else(|e| panic!("a port for a web page: {e}"));
    let address = listener
        .local_addr()
        .map(|address| format!("http://{address}/"));
    let address = address.unwrap_or_else(|e| panic!("a port for a web page: {e}"));
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let head = "HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n";
            let _ = write!(stream, "{head}Content-Length: {}\r\n\r\n{page}", page.len());
        }
    });
    Url::parse(&address).unwrap_or_else(|e| panic!("{address}: {e}"))
}
