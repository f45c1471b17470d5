//! One request off a socket: read within bounds, parsed, nothing in it trusted.

use std::net::SocketAddr;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// Request line and headers together. A callback with a 4,096 character code fits four times over.
const MAX_HEAD: usize = 16 * 1024;
/// Header lines in one request; browsers send about fifteen.
const MAX_HEADERS: usize = 64;
/// A parsed request. Nothing in it is trusted.
pub struct Request {
    pub method: String,
    /// The request target as sent: path and query.
    pub target: String,
    pub body: Vec<u8>,
    /// Our end of the connection and the other one.
    pub ends: Option<(SocketAddr, SocketAddr)>,
    headers: Vec<(String, String)>,
}

impl Request {
    /// The value of a header that was sent exactly once; names compare without case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self
            .headers
            .iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case(name));
        match (values.next(), values.next()) {
            (Some((_, value)), None) => Some(value),
            _ => None,
        }
    }

    /// Whether a browser fetches the address ahead of time, for a person who may never open it. Chromium sends
    /// `Sec-Purpose` and older versions `Purpose`, Firefox `X-Moz`, Safari `X-Purpose`.
    pub fn is_prefetch(&self) -> bool {
        const NAMES: [&str; 4] = ["Sec-Purpose", "Purpose", "X-Moz", "X-Purpose"];
        let is_one = |(name, value): &(String, String)| {
            let words = value.to_ascii_lowercase();
            NAMES.iter().any(|known| name.eq_ignore_ascii_case(known))
                && ["prefetch", "prerender", "preview"]
                    .iter()
                    .any(|purpose| words.contains(purpose))
        };
        self.headers.iter().any(is_one)
    }

    /// The path: the target up to the first `?`.
    pub fn path(&self) -> &str {
        self.target
            .split_once('?')
            .map_or(self.target.as_str(), |(path, _)| path)
    }

    /// The query, percent-decoded, in the order sent.
    pub fn query(&self) -> Vec<(String, String)> {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect()
    }
}

/// Reads one request. `Err(Some(status))` is a refusal to answer with, `Err(None)` a peer that is gone.
pub async fn read(
    stream: &mut TcpStream,
    peer: SocketAddr,
    max_body: usize,
) -> Result<Request, Option<u16>> {
    let mut bytes = Vec::with_capacity(2048);
    let head_end = loop {
        let seen = bytes.len();
        if stream.read_buf(&mut bytes).await.map_err(|_| None)? == 0 {
            return Err(None);
        }
        // A method is upper-case letters; a TLS hello and other strangers are known by their first byte.
        if !bytes[0].is_ascii_uppercase() {
            return Err(Some(400));
        }
        if let Some(end) = end_of_head(&bytes, seen) {
            break end;
        }
        if bytes.len() > MAX_HEAD {
            return Err(Some(431));
        }
    };
    if head_end > MAX_HEAD {
        return Err(Some(431));
    }
    let mut request = parse_head(&bytes[..head_end])?;
    let length = body_length(&request)?;
    if length > max_body {
        return Err(Some(413));
    }
    request.ends = stream.local_addr().ok().map(|local| (local, peer));
    request.body = bytes.split_off(head_end);
    while request.body.len() < length {
        if stream.read_buf(&mut request.body).await.map_err(|_| None)? == 0 {
            return Err(None);
        }
    }
    request.body.truncate(length);
    Ok(request)
}

/// Where the head ends, looking only at what came since `seen` and the three bytes before it.
fn end_of_head(bytes: &[u8], seen: usize) -> Option<usize> {
    let from = seen.saturating_sub(3);
    bytes[from..]
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .map(|at| from + at + 4)
}

fn parse_head(head: &[u8]) -> Result<Request, Option<u16>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    match parsed.parse(head) {
        Ok(httparse::Status::Complete(_)) => {}
        Err(httparse::Error::TooManyHeaders) => return Err(Some(431)),
        _ => return Err(Some(400)),
    }
    let headers = parsed
        .headers
        .iter()
        .map(|header| {
            Ok((
                header.name.to_owned(),
                std::str::from_utf8(header.value)?.to_owned(),
            ))
        })
        .collect::<Result<_, std::str::Utf8Error>>()
        .map_err(|_| Some(400))?;
    let (Some(method), Some(target)) = (parsed.method, parsed.path) else {
        return Err(Some(400));
    };
    // A fragment stays with the client (RFC 9112 §3.2).
    if target.contains('#') {
        return Err(Some(400));
    }
    Ok(Request {
        method: method.to_owned(),
        target: target.to_owned(),
        body: Vec::new(),
        ends: None,
        headers,
    })
}

/// The announced body length. Chunked bodies and conflicting lengths are refused: that is where smuggling lives
/// (RFC 9112 §6.3).
fn body_length(request: &Request) -> Result<usize, Option<u16>> {
    let sent = |name: &str| {
        request
            .headers
            .iter()
            .any(|(n, _)| n.eq_ignore_ascii_case(name))
    };
    if sent("Transfer-Encoding") {
        return Err(Some(400));
    }
    match request.header("Content-Length") {
        None if sent("Content-Length") => Err(Some(400)),
        None => Ok(0),
        Some(text) if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) => {
            // More digits than a usize holds is more than any limit.
            Ok(text.parse().unwrap_or(usize::MAX))
        }
        Some(_) => Err(Some(400)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #![proptest_config(crate::generated::config())]

        #[test]
        fn any_bytes_are_a_request_or_a_refusal(
            bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
            text in crate::generated::pieces(&[
                "GET ", "POST ", "/", "/callback", "?code=c", "&state=%", "%F0%9F", " HTTP/1.1", "\r\n", "\r\n\r\n",
                "Host: ", "localhost:1", "Content-Length: ", "Content-Length:", "18446744073709551616", "7", ": ",
                "Transfer-Encoding: chunked", "\0", "\u{e9}",
            ]),
        ) {
            for head in [bytes.as_slice(), text.as_bytes(), &[text.as_bytes(), b"\r\n\r\n"].concat()] {
                let Ok(request) = parse_head(head) else { continue };
                let _ = (request.path(), request.query(), body_length(&request));
                assert!(request.headers.len() <= MAX_HEADERS);
                assert!(!request.method.is_empty() && !request.target.contains([' ', '\r', '\n']));
            }
        }

        #[test]
        fn a_request_is_read_as_it_was_written(
            path in "/[a-zA-Z0-9/._~-]{0,40}",
            query in proptest::collection::vec((crate::generated::text(), crate::generated::text()), 0..5),
            value in "[!-~]{1,40}",
            length in 0..usize::MAX,
        ) {
            let encoded = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&query).finish();
            let head = format!(
                "GET {path}?{encoded} HTTP/1.1\r\nHost: {value}\r\ncontent-LENGTH: {length}\r\n\r\n"
            );
            let request = parse_head(head.as_bytes()).unwrap();
            assert_eq!(request.path(), path);
            assert_eq!(request.query(), query);
            assert_eq!(request.header("host"), Some(value.as_str()));
            assert_eq!(body_length(&request), Ok(length));
        }
    }
}
