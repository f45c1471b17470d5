//! What the scripted server answers: in order, absurd, or not at all.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::{ServerConnection, StreamOwned};

pub const CODE: &str = "wxcode-canary-71c0a6e2d94b";
pub const ACCESS_TOKEN: &str = "wxat-canary-0b8f5e63a1d742c9";
/// The access token of a refresh.
pub const OTHER_TOKEN: &str = "wxat-canary-5c91d0e7b2f8a364";
pub const REFRESH_TOKEN: &str = "wxrt-canary-e41d97c3f0a8265b";

/// Longer than any test waits for a request.
const LIMIT: Duration = Duration::from_secs(60);

pub trait Stream: Read + Write {}

impl Stream for TcpStream {}
impl Stream for StreamOwned<ServerConnection, TcpStream> {}

/// Sends an answer, or does something else to the connection, which is closed afterwards.
#[derive(Clone)]
pub struct Reply(Arc<Act>);

/// The test's end of a reply that is held back.
pub struct Gate {
    asked: Receiver<()>,
    open: Sender<()>,
    sent: Receiver<()>,
}

impl Gate {
    /// Waits until the next request has come.
    pub fn is_asked(&self) -> &Gate {
        if let Err(e) = self.asked.recv_timeout(LIMIT) {
            panic!("nobody asked: {e}");
        }
        self
    }

    /// Lets one reply go.
    pub fn opens(&self) -> &Gate {
        let _ = self.open.send(());
        self
    }

    /// Waits until a reply has left.
    pub fn is_sent(&self) {
        if let Err(e) = self.sent.recv_timeout(LIMIT) {
            panic!("nothing was sent: {e}");
        }
    }
}

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

    /// A body after which the connection stays open, until the next request comes and gets no answer.
    pub fn kept_open(status: u16, headers: &str, body: impl AsRef<[u8]>) -> Reply {
        let body = body.as_ref();
        let length = body.len();
        let head =
            format!("HTTP/1.1 {status} Scripted\r\nContent-Length: {length}\r\n{headers}\r\n");
        let answer = [head.as_bytes(), body].concat();
        Reply::new(move |stream| {
            let sent = stream.write_all(&answer).and_then(|()| stream.flush());
            let _ = sent.and_then(|()| stream.read(&mut [0; 16 * 1024]));
        })
    }

    /// Takes the request and closes the connection.
    pub fn closed() -> Reply {
        Reply::new(|_| {})
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

    /// Other tokens than the usual ones, good for two weeks.
    pub fn other_tokens() -> Reply {
        Reply::status(
            200,
            &format!(r#"{{"access_token":"{OTHER_TOKEN}","expires_in":1209599}}"#),
        )
    }

    /// What Webex says of every refresh token it does not take.
    pub fn dead_grant() -> Reply {
        Reply::status(
            400,
            r#"{"error":"invalid_request","error_description":"The refresh token provided is expired, revoked, malformed, or invalid.","trackingID":"CLIENT_1"}"#,
        )
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

    /// One after the other, the last one from then on.
    pub fn sequence(replies: impl IntoIterator<Item = Reply>) -> Reply {
        let replies = Mutex::new(replies.into_iter().collect::<VecDeque<_>>());
        Reply::new(move |stream| {
            let reply = {
                let mut replies = replies.lock().unwrap_or_else(|e| e.into_inner());
                let next = replies.pop_front();
                if let (Some(reply), true) = (&next, replies.is_empty()) {
                    replies.push_back(reply.clone());
                }
                next
            };
            reply.inspect(|reply| reply.send(stream));
        })
    }

    /// Held back until the test lets go of it, request by request.
    pub fn held(self) -> (Reply, Gate) {
        let (ask, asked) = mpsc::channel();
        let (open, opened) = mpsc::channel();
        let (tell, sent) = mpsc::channel();
        let opened = Mutex::new(opened);
        let reply = Reply::new(move |stream| {
            let _ = ask.send(());
            let opened = opened.lock().unwrap_or_else(|e| e.into_inner());
            if opened.recv_timeout(LIMIT).is_ok() {
                self.send(stream);
                let _ = tell.send(());
            }
        });
        (reply, Gate { asked, open, sent })
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
