//! What the scripted server answers: in order, absurd, or not at all.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustls::{ServerConnection, StreamOwned};

pub const CODE: &str = "wxcode-canary-71c0a6e2d94b";
pub const ACCESS_TOKEN: &str = "wxat-canary-0b8f5e63a1d742c9";
pub const REFRESH_TOKEN: &str = "wxrt-canary-e41d97c3f0a8265b";

pub trait Stream: Read + Write {}

impl Stream for TcpStream {}
impl Stream for StreamOwned<ServerConnection, TcpStream> {}

/// Sends an answer, or does something else to the connection, which is closed afterwards.
#[derive(Clone)]
pub struct Reply(Arc<Act>);

type Act = dyn Fn(&mut dyn Stream) + Send + Sync;

impl Reply {
    fn new(reply: impl Fn(&mut dyn Stream) + Send + Sync + 'static) -> Reply {
        Reply(Arc::new(reply))
    }

    pub fn send(&self, stream: &mut dyn Stream) {
        (self.0)(stream);
    }

    /// Exactly these bytes.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Reply {
        let bytes = bytes.into();
        Reply::new(move |stream| {
            // A client that has read enough may be gone.
            let _ = stream.write_all(&bytes).and_then(|()| stream.flush());
        })
    }

    /// A body with more header lines, each with its end.
    pub fn with(status: u16, headers: &str, body: impl AsRef<[u8]>) -> Reply {
        let body = body.as_ref();
        let head = format!(
            "HTTP/1.1 {status} Scripted\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
            body.len()
        );
        Reply::raw([head.as_bytes(), body].concat())
    }

    pub fn status(status: u16, body: &str) -> Reply {
        Reply::with(status, "Content-Type: application/json\r\n", body)
    }

    pub fn tokens() -> Reply {
        Reply::token_set(r#""expires_in":1209599"#)
    }

    /// The usual tokens with more members.
    pub fn token_set(members: &str) -> Reply {
        Reply::status(200, &token_set(members))
    }

    pub fn person() -> Reply {
        Reply::status(
            200,
            r#"{"id":"p1","displayName":"Jane","emails":["jane@example.com"],"orgId":"o1","type":"person"}"#,
        )
    }

    /// Takes the request and says nothing until the other side gives up.
    pub fn silence() -> Reply {
        Reply::new(|stream| while stream.read(&mut [0; 64]).is_ok_and(|n| n > 0) {})
    }

    /// A head, then one byte every two seconds.
    pub fn trickle() -> Reply {
        Reply::new(|stream| {
            let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
            let mut sent = stream.write_all(head);
            while sent.is_ok() {
                sent = stream.flush().and_then(|()| stream.write_all(b" "));
                thread::sleep(Duration::from_secs(2));
            }
        })
    }

    /// A head, then these pieces with a pause before each.
    pub fn slowly(head: &'static str, pieces: usize, pause: Duration) -> Reply {
        Reply::new(move |stream| {
            let mut sent = stream.write_all(head.as_bytes());
            for _ in 0..pieces {
                thread::sleep(pause);
                sent = sent.and_then(|()| stream.write_all(b"piece "));
            }
            let _ = sent.and_then(|()| stream.flush());
        })
    }

    /// A head, then the same again and again, as often as that or until the other side gives up.
    pub fn repeat(head: &'static str, piece: Vec<u8>, times: usize) -> Reply {
        Reply::new(move |stream| {
            let mut sent = stream.write_all(head.as_bytes());
            for _ in 0..times {
                if sent.is_err() {
                    return;
                }
                sent = stream.write_all(&piece);
            }
            while stream.read(&mut [0; 64]).is_ok_and(|n| n > 0) {}
        })
    }
}

/// A token answer (RFC 6749 §5.1) with more members.
pub fn token_set(members: &str) -> String {
    format!(
        r#"{{"access_token":"{ACCESS_TOKEN}","refresh_token":"{REFRESH_TOKEN}","token_type":"Bearer",{members}}}"#
    )
}
