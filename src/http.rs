//! Requests read off loopback sockets, bounded in every direction.
//!
//! The redirect listener and the sandbox both stand on this module. It does what `tiny_http::Server` does not:
//! limit the size, the time and the number of whatever connects. Requests are parsed with httparse and answered
//! with `tiny_http::Response`, rendered into memory first. Every connection carries one request and is closed.

mod request;

use crate::moment::now;
use std::collections::VecDeque;
use std::io::{self, Cursor};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::fmt::rfc2822::DateTimePrinter;
use tiny_http::{HTTPVersion, Header};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;
use url::Url;

/// The whole life of a connection, from accept to close. A browser on this machine needs milliseconds.
const CONNECTION_TIME: Duration = Duration::from_secs(5);
/// Connections served at once. One more evicts the oldest, so stalled ones can't shut out the genuine one.
const MAX_CONNECTIONS: usize = 16;
/// What a connection gets before it can be evicted. Without it a burst is accepted in one go and thrown out again
/// before any of it was read; a request sent at once, as every browser does, is served within this.
const MIN_STAY: Duration = Duration::from_millis(100);
/// What is read and thrown away after an answer, so that closing does not reset the connection under it.
const MAX_DRAIN: usize = 64 * 1024;
/// A pause after a failed accept (no descriptors left, say), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

pub use request::Request;

/// An answer. Its headers are fixed text; only `Location` and `Link` vary, and only as a [`Url`] this program built,
/// because `tiny_http` passes CR and LF in a value through.
pub struct Response(tiny_http::Response<Cursor<Vec<u8>>>);

impl Response {
    pub fn new(status: u16, content_type: &'static str, body: impl Into<Vec<u8>>) -> Response {
        let response = tiny_http::Response::from_data(body).with_status_code(status);
        Response(response)
            .with_header("Server", "webex-connect")
            .with_header("Content-Type", content_type)
            .with_header("X-Content-Type-Options", "nosniff")
            .with_header("Cache-Control", "no-store")
            .dated()
    }

    /// Plain words for whatever is not meant for a person's eyes.
    pub fn text(status: u16, body: &str) -> Response {
        Response::new(status, "text/plain; charset=utf-8", body)
    }

    /// 302 to an address of our own making.
    pub fn redirect(location: &Url) -> Response {
        let mut response = Response::text(302, "");
        if let Some(header) = header("Location", location.as_str()) {
            response.0.add_header(header);
        }
        response.with_header("Referrer-Policy", "no-referrer")
    }

    pub fn with_header(mut self, name: &'static str, value: &'static str) -> Response {
        if let Some(header) = header(name, value) {
            self.0.add_header(header);
        }
        self
    }

    /// Left out, the date would be tiny_http's, which panics where the clock stands before 1970.
    fn dated(mut self) -> Response {
        let now = DateTimePrinter::new().timestamp_to_rfc9110_string(&now());
        if let Some(header) = header("Date", &now.unwrap_or_default()) {
            self.0.add_header(header);
        }
        self
    }

    /// Where the next page of a list is (RFC 8288).
    pub fn with_next(mut self, next: &Url) -> Response {
        if let Some(header) = header("Link", &format!("<{next}>; rel=\"next\"")) {
            self.0.add_header(header);
        }
        self
    }

    /// The status code, for a log.
    pub fn status(&self) -> u16 {
        self.0.status_code().0
    }

    /// The bytes on the wire, as HTTP/1.0: no chunking, and the connection closes after it.
    fn render(self, head_only: bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self
            .0
            .raw_print(&mut bytes, HTTPVersion(1, 0), &[], head_only, None)
        {
            Ok(()) => bytes,
            Err(_) => Vec::new(),
        }
    }
}

/// Header values here are constants or serialised URLs: always ASCII. Anything else becomes an empty value.
fn header(name: &'static str, value: &str) -> Option<Header> {
    let clean = if value.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        value
    } else {
        ""
    };
    Header::from_bytes(name, clean).ok()
}

/// What a handler makes of a request.
pub enum Verdict<T> {
    /// Answer it and go on.
    Answer(Response),
    /// Stop serving and hold this one connection until its outcome is known.
    Hold(T),
}

/// A connection that waits for its answer, out of reach of the limits above.
pub struct Held(TcpStream);

impl Held {
    /// Answers and closes. Failing to write is no one's failure but the browser's.
    pub async fn answer(mut self, response: Response) {
        let _ = tokio::time::timeout(CONNECTION_TIME, finish(&mut self.0, response.render(false)))
            .await;
    }
}

/// A bounded server on loopback addresses.
pub struct Server {
    listeners: Vec<TcpListener>,
    max_body: usize,
}

impl Server {
    /// Binds every address or none. Bodies of more than `max_body` bytes are refused unread.
    ///
    /// # Errors
    /// The first bind that failed.
    pub fn bind(addresses: &[SocketAddr], max_body: usize) -> io::Result<Server> {
        let listeners = addresses
            .iter()
            .map(|address| listen(*address))
            .collect::<io::Result<_>>()?;
        Ok(Server {
            listeners,
            max_body,
        })
    }

    /// The port of the first address, for a bind to port 0.
    pub fn port(&self) -> io::Result<u16> {
        Ok(self.listeners[0].local_addr()?.port())
    }

    /// Serves until the handler holds a connection; then the listening sockets and all others are closed.
    pub async fn serve<T, H>(self, handler: H) -> (T, Held)
    where
        T: Send + 'static,
        H: Fn(&Request) -> Verdict<T> + Send + Sync + 'static,
    {
        let handler = Arc::new(handler);
        let mut pool = JoinSet::new();
        let mut oldest_first: VecDeque<(Instant, AbortHandle)> = VecDeque::new();
        loop {
            oldest_first.retain(|(_, task)| !task.is_finished());
            let now = Instant::now();
            let next_place = match oldest_first.front() {
                Some((since, _)) if oldest_first.len() >= MAX_CONNECTIONS => *since + MIN_STAY,
                _ => now,
            };
            tokio::select! {
                // What has arrived is looked at before more is let in.
                biased;
                Some(done) = pool.join_next(), if !pool.is_empty() => {
                    if let Ok(Some(held)) = done {
                        return held;
                    }
                }
                () = tokio::time::sleep_until(next_place), if next_place > now => {}
                accepted = accept_any(&self.listeners), if next_place <= now => match accepted {
                    Ok((stream, peer)) => {
                        if oldest_first.len() >= MAX_CONNECTIONS
                            && let Some((_, task)) = oldest_first.pop_front()
                        {
                            task.abort();
                        }
                        let connection =
                            connection(stream, peer, self.max_body, Arc::clone(&handler));
                        oldest_first.push_back((Instant::now(), pool.spawn(connection)));
                    }
                    Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                },
            }
        }
    }
}

/// A listening socket. Reusing the address lets a login follow one that just ended; on Windows the same option
/// would let another program in, so it stays off there. tokio binds an IPv6 address for IPv6 alone only when told
/// by the system, but `[::1]` is never reachable over IPv4.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(128)
}

/// The address of the other end is kept from here on: a connection that was reset has none any more, and what came over
/// it can still be read.
async fn accept_any(listeners: &[TcpListener]) -> io::Result<(TcpStream, SocketAddr)> {
    let accepted = std::future::poll_fn(|context| {
        for listener in listeners {
            if let std::task::Poll::Ready(accepted) = listener.poll_accept(context) {
                return std::task::Poll::Ready(accepted);
            }
        }
        std::task::Poll::Pending
    });
    accepted.await
}

async fn connection<T, H>(
    mut stream: TcpStream,
    peer: SocketAddr,
    max_body: usize,
    handler: Arc<H>,
) -> Option<(T, Held)>
where
    H: Fn(&Request) -> Verdict<T>,
{
    let served = tokio::time::timeout(CONNECTION_TIME, async {
        let (response, head_only) = match request::read(&mut stream, peer, max_body).await {
            Ok(request) => match handler(&request) {
                Verdict::Answer(response) => (response, request.method == "HEAD"),
                Verdict::Hold(outcome) => return Some(outcome),
            },
            Err(Some(refusal)) => (
                Response::text(refusal, "not a request this server takes\n"),
                false,
            ),
            Err(None) => return None,
        };
        finish(&mut stream, response.render(head_only)).await;
        None
    });
    let outcome = served.await.ok()??;
    Some((outcome, Held(stream)))
}

/// Writes, ends our side and waits for the other to end: closing with unread input would reset the connection and
/// could take the answer with it. The caller bounds the time.
async fn finish(stream: &mut TcpStream, bytes: Vec<u8>) {
    if stream.write_all(&bytes).await.is_err() || stream.shutdown().await.is_err() {
        return;
    }
    let (mut drained, mut scratch) = (0, [0; 4096]);
    while drained < MAX_DRAIN {
        match stream.read(&mut scratch).await {
            Ok(0) | Err(_) => return,
            Ok(n) => drained += n,
        }
    }
}
