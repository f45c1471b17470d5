//! HTTP by hand: what is sent is exactly what a test wrote.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;
use url::Url;

/// A callback is held until the login is over; nothing takes longer.
const LIMIT: Duration = Duration::from_secs(60);

pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    /// A header's value; empty if it was not sent, joined if sent twice.
    pub fn header(&self, name: &str) -> String {
        let same = self
            .headers
            .iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case(name));
        let values: Vec<_> = same.map(|(_, value)| value.as_str()).collect();
        values.join(", ")
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{self}\nis no JSON: {e}"))
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "HTTP {}", self.status)?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {value}")?;
        }
        write!(f, "\n{}", self.body)
    }
}

/// GET, on 127.0.0.1 whatever loopback name the address has.
pub fn get(address: &Url) -> Answer {
    request("GET", address, "", "")
}

/// A well-formed request; the body has the given type.
pub fn request(method: &str, address: &Url, content_type: &str, body: &str) -> Answer {
    let bytes = format!(
        "{method} {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{}\r\n{body}",
        &address[url::Position::BeforePath..url::Position::AfterQuery],
        &address[url::Position::BeforeHost..url::Position::AfterPort],
        if method == "GET" {
            String::new()
        } else {
            format!(
                "Content-Type: {content_type}\r\nContent-Length: {}\r\n",
                body.len()
            )
        },
    );
    let port = address.port().unwrap_or(80);
    send(port, bytes.as_bytes()).unwrap_or_else(|e| panic!("{method} {address}: {e}"))
}

/// Raw bytes to 127.0.0.1, and the answer to them.
pub fn send(port: u16, bytes: &[u8]) -> io::Result<Answer> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, LIMIT)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    // The answer may come, and the other side close, before all is written.
    let written = stream.write_all(bytes);
    let answer = read(&mut stream);
    match (answer, written) {
        (Err(_), Err(e)) => Err(e),
        (answer, _) => answer,
    }
}

/// Up to the announced length, or to the end of the stream.
fn read(stream: &mut TcpStream) -> io::Result<Answer> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 8192];
    loop {
        if let Some(answer) = parse(&bytes, false) {
            return Ok(answer);
        }
        let n = match stream.read(&mut chunk) {
            Ok(n) => n,
            // A machine that is halted and goes on interrupts what has a time-out.
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            // Closed without regard for what was still unread: the answer may have come before that.
            Err(e) => return parse(&bytes, true).ok_or(e),
        };
        if n == 0 {
            let ended = || io::Error::new(io::ErrorKind::UnexpectedEof, "closed without an answer");
            return parse(&bytes, true).ok_or_else(ended);
        }
        bytes.extend(&chunk[..n]);
    }
}

fn parse(bytes: &[u8], ended: bool) -> Option<Answer> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]);
    let body = &bytes[end + 4..];
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    let answer = Answer {
        status,
        headers,
        body: String::from_utf8_lossy(body).into_owned(),
    };
    let length = answer.header("Content-Length").parse::<usize>();
    (ended || length.is_ok_and(|length| body.len() >= length)).then_some(answer)
}
