//! Answers without end, in length or in time: bounded memory, bounded waiting, and nothing stored.

use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::env::{Attempt, Authority, Env, Outcome, Reply, token_set};

/// In KiB, as `/proc` counts.
const MAX_MEMORY: u64 = 96 * 1024;

fn meets(case: &str, reply: Reply, limit: u64, judge: impl Fn(&Outcome<'_>)) {
    let env = Env::new();
    let authority = Authority::plain(reply);
    let outcome = Attempt::start(&env, &authority, &[]).returns();
    judge(&outcome);
    let (took, memory) = (outcome.finished.took, outcome.memory);
    assert!(took <= Duration::from_secs(limit), "{case}: {took:?}");
    assert!((1..=MAX_MEMORY).contains(&memory), "{case}: {memory} KiB");
}

/// TK-05.
#[test]
fn an_answer_without_end_is_cut_off() {
    const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    const TEBIBYTE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 1099511627776\r\n\r\n";
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000)).into_bytes();
    let header = b"X-More: and more\r\n".to_vec();
    let rows = [
        (
            "a body in chunks",
            Reply::repeat(CHUNKED, chunk, 16_384),
            "longer than a megabyte",
        ),
        (
            "a tebibyte",
            Reply::repeat(TEBIBYTE, vec![b' '; 0x10000], 16_384),
            "longer than a megabyte",
        ),
        (
            "200000 headers",
            Reply::repeat("HTTP/1.1 200 OK\r\n", header, 200_000),
            "could not reach",
        ),
        (
            "an endless status line",
            Reply::repeat("HTTP/1.1 200 ", vec![b'A'; 0x10000], 1024),
            "could not reach",
        ),
    ];
    for (case, reply, word) in rows {
        let case = format!("TK-05 {case}");
        meets(&case, reply, 40, |outcome| outcome.fails(&case, 7, &[word]));
    }
}

/// TK-05. Nothing is unpacked, so nothing can explode: even good tokens are none when they come packed.
#[test]
fn nothing_is_unpacked() {
    let body = gzip(token_set(r#""expires_in":60"#).as_bytes());
    let reply = Reply::with(200, "Content-Encoding: gzip\r\n", body);
    let fails = |outcome: &Outcome<'_>| outcome.fails("TK-05 gzip", 7, &["not a token set"]);
    meets("TK-05 gzip", reply, 10, fails);
}

/// TK-06, and who-am-I the same. Side by side: each takes the whole half minute.
#[test]
fn a_server_that_takes_for_ever_is_given_half_a_minute() {
    let timed_out = |case: &'static str, reply| {
        meets(case, reply, 45, |outcome| {
            outcome.fails(case, 7, &["timed out"])
        });
    };
    thread::scope(|scope| {
        scope.spawn(|| timed_out("TK-06 trickle", Reply::trickle()));
        scope.spawn(|| timed_out("TK-06 silence", Reply::silence()));
        scope.spawn(|| {
            // The system accepts, and nobody ever shakes hands.
            let silent = TcpListener::bind("127.0.0.1:0").unwrap_or_else(|e| panic!("{e}"));
            let port = silent.local_addr().map_or(0, |address| address.port());
            let (env, unused) = (Env::new(), Authority::plain(Reply::silence()));
            let base = format!("https://localhost:{port}/v1");
            let outcome = Attempt::at(&env, &unused, &base, &[]).returns();
            outcome.fails("TK-06 before TLS", 7, &["timed out", "(10 s)"]);
            assert!(outcome.finished.took <= Duration::from_secs(45));
        });
        scope.spawn(|| {
            let env = Env::new();
            let authority = Authority::plain(Reply::tokens());
            authority.people_answers(Reply::silence());
            let outcome = Attempt::start(&env, &authority, &[]).returns();
            let connection = outcome.succeeds("people/me never answers");
            assert_eq!(connection["identity"], Value::Null);
            let said = outcome.finished.said();
            assert!(said.contains("could not ask Webex who signed in"), "{said}");
            assert!(said.contains("timed out"), "{said}");
            let took = outcome.finished.took;
            assert!(took <= Duration::from_secs(45), "{took:?}");
        });
    });
}

/// A gzip file (RFC 1952) that holds the bytes as they are.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap_or_else(|e| panic!("one stored block: {e}"));
    let crc = bytes.iter().fold(!0, |crc: u32, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    });
    [
        &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 1][..],
        &length.to_le_bytes(),
        &(!length).to_le_bytes(),
        bytes,
        &(!crc).to_le_bytes(),
        &u32::from(length).to_le_bytes(),
    ]
    .concat()
}
