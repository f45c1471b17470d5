//! The redirect listener under load: too much, too slow, too often, too late.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::env::{Answer, Scene, send};

/// In KiB, as `/proc` counts.
const MAX_MEMORY: u64 = 64 * 1024;

/// CB-10. Those that come after the first find the port closed.
#[test]
fn of_twenty_equal_callbacks_one_counts() {
    let mut scene = Scene::open();
    let callback = scene.login.consent("allow");
    let request = scene.login.fill(
        "GET {PATH}?code={CODE}&state={STATE} HTTP/1.1\r\nHost: {LISTEN}\r\n\r\n",
        &callback,
    );
    let (request, port) = (Arc::new(request), scene.login.port());
    let start = Arc::new(Barrier::new(20));
    let browsers: Vec<_> = (0..20)
        .map(|_| {
            let (request, start) = (Arc::clone(&request), Arc::clone(&start));
            thread::spawn(move || {
                start.wait();
                send(port, request.as_bytes()).ok()
            })
        })
        .collect();
    let answers = browsers.into_iter().map(|browser| {
        browser
            .join()
            .unwrap_or_else(|_| panic!("CB-10: a browser's thread"))
    });
    let pages: Vec<Answer> = answers
        .flatten()
        .filter(|answer| answer.status == 200)
        .collect();
    assert_eq!(pages.len(), 1, "CB-10: pages that say so");
    scene.connected("CB-10 twenty at once", &pages[0]);
}

/// CB-13.
#[test]
fn an_endless_request_line_is_cut_off() {
    const LENGTH: usize = 200 * 1024 * 1024;
    let mut scene = Scene::open();
    let callback = scene.login.consent("allow");
    let mut stream = connect(&scene);
    let chunk = [b'A'; 64 * 1024];
    let mut sent = stream.write(b"GET /").unwrap_or_default();
    while sent < LENGTH {
        match stream.write(&chunk) {
            Ok(n) => sent += n,
            Err(_) => break,
        }
    }
    let mut answer = String::new();
    let closed = stream.read_to_string(&mut answer);
    let timed_out =
        closed.is_err_and(|e| matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
    assert!(!timed_out, "CB-13: still open after {sent} bytes");
    assert!(
        answer.is_empty() || answer.split(' ').nth(1) == Some("431"),
        "CB-13: {answer}"
    );
    assert!(sent < LENGTH, "CB-13: all of it was taken");
    let memory = scene.login.process.status("VmHWM");
    assert!(memory <= MAX_MEMORY, "CB-13: {memory} KiB");
    scene.connects("CB-13 a request line without end", &callback);
}

/// CB-15.
#[test]
fn four_hundred_stalled_connections_do_not_shut_out_the_genuine_one() {
    let mut scene = Scene::open();
    let callback = scene.login.consent("allow");
    let since = Instant::now();
    let mut stalled: Vec<_> = (0..400)
        .map(|_| {
            let mut stream = connect(&scene);
            // Whoever is evicted at once may see that here already.
            let _ = stream.write_all(b"GET / HTTP/1.1\r\nX:");
            stream
        })
        .collect();
    assert!(
        is_closed(&mut stalled[0]),
        "CB-15: the oldest did not give way"
    );
    let threads = scene.login.process.status("Threads");
    assert!(threads <= 40, "CB-15: {threads} threads");
    let page = scene.login.deliver(&callback);
    let took = since.elapsed();
    assert!(took <= Duration::from_secs(10), "CB-15: took {took:?}");
    scene.connected("CB-15 four hundred that stall", &page);
    drop(stalled);
}

/// CB-17: connections that are dead before they are accepted.
#[test]
fn connections_reset_before_they_are_accepted_are_survived() {
    let mut scene = Scene::open();
    let callback = scene.login.consent("allow");
    scene.login.process.signal(Signal::STOP);
    for _ in 0..5 {
        let mut stream = connect(&scene);
        stream
            .write_all(b"GET / HTTP/1.1\r\n\r\n")
            .unwrap_or_else(|e| panic!("CB-17: {e}"));
        // Closing with no time to linger sends RST.
        socket2::SockRef::from(&stream)
            .set_linger(Some(Duration::ZERO))
            .unwrap_or_else(|e| panic!("CB-17: {e}"));
    }
    scene.login.process.signal(Signal::CONT);
    scene.connects("CB-17 five resets", &callback);
}

/// Whether the other side closes well before a connection's five seconds are over.
fn is_closed(stream: &mut TcpStream) -> bool {
    let limited = stream.set_read_timeout(Some(Duration::from_secs(3)));
    limited.unwrap_or_else(|e| panic!("a read time-out: {e}"));
    match stream.read(&mut [0]) {
        Ok(n) => n == 0,
        Err(e) => !matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    }
}

fn connect(scene: &Scene) -> TcpStream {
    let limit = Some(Duration::from_secs(30));
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, scene.login.port())).and_then(|stream| {
        stream.set_read_timeout(limit)?;
        stream.set_write_timeout(limit)?;
        Ok(stream)
    });
    stream.unwrap_or_else(|e| panic!("connecting to the redirect port: {e}"))
}
