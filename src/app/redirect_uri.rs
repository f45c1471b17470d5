//! Redirect URIs on this machine.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use serde::{Deserialize, Serialize};
use url::{Url, form_urlencoded};

use crate::error::{Error, Kind, Result};

/// The redirect URI to register when nothing else is chosen.
pub const DEFAULT_REDIRECT_URI: &str = "http://127.0.0.1:8911/callback";
const DEFAULT_PORT: u16 = 8911;

/// A loopback redirect URI (RFC 8252 §7.3), kept and sent exactly as it was registered: Webex compares it as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RedirectUri {
    text: String,
    host: LoopbackHost,
    port: u16,
    path: String,
}

/// In bytes; a request of a browser holds the code and the state beside it.
const MAX_LENGTH: usize = 2048;
/// The parameters of an answer (RFC 6749 §4.1.2, RFC 9207).
const ANSWER: [&str; 7] = [
    "code",
    "state",
    "error",
    "error_description",
    "error_uri",
    "iss",
    "access_token",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LoopbackHost {
    V4,
    V6,
    /// Resolves to either family, so both are bound.
    Localhost,
}

impl RedirectUri {
    /// # Errors
    /// Anything but `http://`, one of the three loopback hosts, an explicit port and a plain path.
    pub fn parse(text: &str) -> Result<RedirectUri> {
        let refused = |message: &str| {
            Error::new(Kind::Usage, message).with_hint(format!(
                "for example `--redirect-uri {DEFAULT_REDIRECT_URI}`"
            ))
        };
        let uri = parse_redirect_uri(text).ok_or_else(|| {
            refused("a redirect URI here is http, on 127.0.0.1, localhost or [::1], with a port")
        })?;
        // No callback to one of these could be told from a forged one, or be read at all.
        if text.len() > MAX_LENGTH {
            return Err(refused(
                "this redirect URI is longer than any request that comes back",
            ));
        }
        let query = text.split_once('?').map_or("", |(_, query)| query);
        let mut names = form_urlencoded::parse(query.as_bytes());
        if names.any(|(name, _)| ANSWER.contains(&name.as_ref())) {
            return Err(refused(
                "this redirect URI has a parameter in its query by which Webex answers",
            ));
        }
        Ok(uri)
    }

    /// `http://127.0.0.1:PORT/callback`, for a port this program chose.
    pub fn on_port(port: u16) -> RedirectUri {
        RedirectUri {
            text: format!("http://127.0.0.1:{port}/callback"),
            host: LoopbackHost::V4,
            port,
            path: "/callback".to_owned(),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The path a browser asks for; a URI without one is asked for as `/`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The host as it is written.
    pub fn host(&self) -> &'static str {
        match self.host {
            LoopbackHost::V4 => "127.0.0.1",
            LoopbackHost::V6 => "[::1]",
            LoopbackHost::Localhost => "localhost",
        }
    }

    /// `http://HOST:PORT`.
    pub fn origin(&self) -> String {
        format!("http://{}:{}", self.host(), self.port)
    }

    /// Whether a `Host` header names this listener. Browsers leave the port out when it is http's own.
    pub fn is_host(&self, header: &str) -> bool {
        header == format!("{}:{}", self.host(), self.port)
            || (self.port == 80 && header == self.host())
    }

    /// Where to listen: both families for `localhost`, or another user could take the one left free.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let v4 = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, self.port));
        match self.host {
            LoopbackHost::V4 => vec![v4],
            LoopbackHost::V6 => vec![v6],
            LoopbackHost::Localhost => vec![v4, v6],
        }
    }
}

/// By hand and not by `Url`, which would drop port 80, lower the case and tidy the path.
fn parse_redirect_uri(text: &str) -> Option<RedirectUri> {
    let rest = text.strip_prefix("http://")?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path_and_query) = rest.split_at(end);
    let (host, port) = authority.rsplit_once(':')?;
    let host = match host {
        "127.0.0.1" => LoopbackHost::V4,
        "[::1]" => LoopbackHost::V6,
        "localhost" => LoopbackHost::Localhost,
        _ => return None,
    };
    let port = Some(port).filter(|port| port.bytes().all(|b| b.is_ascii_digit()))?;
    let port = port.parse().ok().filter(|port| *port != 0)?;
    if !path_and_query
        .bytes()
        .all(|b| b.is_ascii_graphic() && b != b'#')
    {
        return None;
    }
    let path = Url::parse(text).ok()?.path().to_owned();
    Some(RedirectUri {
        text: text.to_owned(),
        host,
        port,
        path,
    })
}

/// [`DEFAULT_REDIRECT_URI`].
impl Default for RedirectUri {
    fn default() -> RedirectUri {
        RedirectUri::on_port(DEFAULT_PORT)
    }
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for RedirectUri {
    type Error = Error;

    fn try_from(text: String) -> Result<RedirectUri> {
        RedirectUri::parse(&text)
    }
}

impl From<RedirectUri> for String {
    fn from(uri: RedirectUri) -> String {
        uri.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::is_loopback;

    #[test]
    fn redirect_uris_stay_verbatim() {
        for text in [
            "http://localhost:6855",
            "http://localhost:6001/redirect",
            "http://127.0.0.1:8911/callback",
            "http://[::1]:80/x?y=z",
        ] {
            assert_eq!(RedirectUri::parse(text).unwrap().as_str(), text);
        }
        assert_eq!(
            RedirectUri::parse("http://localhost:6855").unwrap().path(),
            "/"
        );
        let default = RedirectUri::parse(DEFAULT_REDIRECT_URI).unwrap();
        assert_eq!(default, RedirectUri::default());
    }

    #[test]
    fn redirect_uris_that_leave_the_machine_or_the_port_open_are_refused() {
        for text in [
            "https://127.0.0.1:1/x",
            "http://127.0.0.1/x",
            "http://127.0.0.1:0/x",
            "http://127.0.0.1:+1/x",
            "http://0.0.0.0:1/x",
            "http://u@127.0.0.1:1/x",
            "http://127.0.0.1.evil.example:1/",
            "http://localhost:1/x#y",
            "http://localhost:1/x y",
            "http://LOCALHOST:1/",
            "http://127.0.0.1:65536/",
            "http://127.0.0.1:1/?state=1",
            "http://127.0.0.1:1/x?y=z&%63ode=1",
            &format!("http://127.0.0.1:1/{}", "x".repeat(MAX_LENGTH)),
        ] {
            assert!(RedirectUri::parse(text).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #![proptest_config(crate::generated::config())]

        #[test]
        fn a_redirect_uri_stays_on_this_machine_and_verbatim(
            text in crate::generated::pieces(&[
                "http://", "https://", "127.0.0.1", "localhost", "[::1]", ":", ":1", ":65535", ":0", "/", "callback", "?",
                "x=y", "#", "@", ".evil.example", "\\", "%", "\r\n", " ",
            ]),
            other in crate::generated::text(),
            port in 1_u16..,
            path in "(/[a-z0-9._~-]{0,12}){0,3}",
        ) {
            for text in [text, other] {
                let Ok(uri) = RedirectUri::parse(&text) else { continue };
                assert_eq!(uri.as_str(), text);
                assert!(uri.addresses().iter().all(|address| address.ip().is_loopback()), "{text:?}");
                let url = Url::parse(&text).unwrap();
                assert!(is_loopback(&url), "{text:?}");
                assert_eq!(url.port_or_known_default(), Some(uri.port()), "{text:?}");
                assert_eq!(url.path(), uri.path(), "{text:?}");
            }
            let text = format!("http://localhost:{port}{path}");
            assert_eq!(RedirectUri::parse(&text).unwrap().port(), port);
        }
    }
}
