//! The one HTTPS client: who may be talked to, for how long, and how much is read.

mod awake;
mod failure;
mod incoming;
pub mod proxy;
mod traced;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::Certificate;
use reqwest::redirect::Policy;
use url::Url;

use crate::app::{is_encrypted_or_here, is_loopback};
use crate::error::{Error, Kind, Result, foreign};
use crate::input;
use crate::output::Output;
use crate::secret::Secret;
use awake::within;
use failure::{closed_by_server, failed, timed_out};
use traced::{given, secrets, shown, tracking};

pub use incoming::Incoming;

/// To reach the server at all.
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// One request, from the connection to the last byte of the answer.
const TOTAL_TIME: Duration = Duration::from_secs(30);
/// Bytes a second that a long body is sent with at the least, on top of that time.
const SLOWEST_SENDING: usize = 16 * 1024;
/// A connection is used again this soon or not at all: between two pages a slow reader may leave it unwatched.
const KEPT_OPEN: Duration = Duration::from_secs(5);
/// OAuth and identity answers are a few kilobytes; a JWT-sized token set is under ten.
const MAX_BODY: usize = 1024 * 1024;

/// The largest file of CA certificates read; a system's whole bundle has 220 kB.
const MAX_CA_FILE: u64 = 4 * 1024 * 1024;

/// Where a 429 does not say how long, or in no number of seconds: what Webex's own SDKs take.
const DEFAULT_WAIT: Duration = Duration::from_secs(15);

/// What a server answered, whatever its status.
pub type Answer = http::Response<Vec<u8>>;

/// How to reach servers, as the command line says.
#[derive(Clone, Default)]
pub struct Wire {
    /// A PEM file of certificates to trust besides the system's (`--ca-cert`).
    pub ca_cert: Option<PathBuf>,
    /// For what the user has to know although the command goes on.
    pub output: Output,
    /// Where the wire is shown (`-v`).
    pub trace: Option<Output>,
}

/// Sends requests to one host and follows nothing.
pub struct Client {
    http: reqwest::Client,
    trace: Option<Output>,
    /// How long reaching the server may take.
    connect_time: Duration,
    /// Whether a server has answered, so that the next request may use the connection that was kept open.
    has_answered: AtomicBool,
}

impl Client {
    /// A client for requests below `base`. TLS and the CA bundle are set up only for an https base.
    ///
    /// # Errors
    /// A base that is neither https nor on this machine, a proxy that can't be used, no usable CA bundle here, or
    /// `--ca-cert` names no certificates.
    pub fn new(base: &Url, wire: &Wire) -> Result<Client> {
        Client::with_connect_time(base, wire, CONNECT_TIME)
    }

    /// The same, with a limit of its own on reaching the server.
    ///
    /// # Errors
    /// As for [`Client::new`].
    pub fn with_connect_time(base: &Url, wire: &Wire, connect_time: Duration) -> Result<Client> {
        if !is_encrypted_or_here(base) {
            let host = foreign(base.host_str().unwrap_or_default());
            let message = format!("what is sent to {host} without TLS can be read on the way");
            return Err(Error::new(Kind::Refused, message).with_hint("give an https address"));
        }
        proxy::check(base)?;
        let certificates = match &wire.ca_cert {
            Some(path) => read_certificates(path)?,
            None => Vec::new(),
        };
        let http = if base.scheme() == "https" {
            let merged = builder(base, connect_time)
                .https_only(true)
                .tls_certs_merge(certificates.clone())
                .build();
            match merged {
                // Where the machine has no bundle of its own, the one that was given is enough.
                Err(_) if !certificates.is_empty() => builder(base, connect_time)
                    .https_only(true)
                    .tls_certs_only(certificates)
                    .build(),
                built => built,
            }
        } else {
            builder(base, connect_time).tls_certs_only([]).build()
        };
        let http = http.map_err(|_| match &wire.ca_cert {
            Some(path) => unusable(path, "a certificate in it is broken"),
            None => Error::new(
                Kind::Failure,
                "could not set up TLS: no usable CA certificates on this machine",
            )
            .with_hint("install the `ca-certificates` package, or give them with `--ca-cert FILE`"),
        })?;
        Ok(Client {
            http,
            trace: wire.trace,
            connect_time,
            has_answered: AtomicBool::new(false),
        })
    }

    /// Sends one request and reads its whole answer.
    ///
    /// # Errors
    /// The network failed, time ran out, or the answer is longer than a megabyte. A refusal by the server is an
    /// answer.
    pub async fn send(&self, request: http::Request<Vec<u8>>) -> Result<Answer> {
        let secrets = self.traced(&request);
        let answer = self.exchange(request).await;
        if let Some(output) = &self.trace {
            output.wire(&match &answer {
                Ok(answer) => {
                    let secrets = [secrets, given(answer)].concat();
                    let id = tracking(answer.headers(), &secrets);
                    format!("< {} {} bytes{id}", answer.status(), answer.body().len())
                }
                Err(error) => format!("< no answer: {error}"),
            });
        }
        answer
    }

    /// Shows a request where that is wanted, and gives the secrets in it.
    fn traced(&self, request: &http::Request<Vec<u8>>) -> Vec<Secret> {
        let Some(output) = &self.trace else {
            return Vec::new();
        };
        output.wire(&shown(request));
        secrets(request)
    }

    async fn exchange(&self, request: http::Request<Vec<u8>>) -> Result<Answer> {
        let host = named(request.uri());
        let request = reqwest::Request::try_from(request).map_err(|error| failed(&host, error))?;
        match within(TOTAL_TIME, self.read_answer_to(request, &host)).await {
            Some(answer) => answer,
            None => Err(timed_out(&host, TOTAL_TIME)),
        }
    }

    /// The whole answer to a request.
    async fn read_answer_to(&self, request: reqwest::Request, host: &str) -> Result<Answer> {
        let mut response = self
            .execute(request)
            .await
            .map_err(|error| self.unanswered(host, error))?;
        let mut body = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| failed(host, error))?
        {
            if body.len() + chunk.len() > MAX_BODY {
                let message = format!("the answer from {host} is longer than a megabyte");
                return Err(Error::new(Kind::Temporary, message)
                    .with_hint("check the `--api-base` of the login, and the proxy"));
            }
            body.extend_from_slice(&chunk);
        }
        let mut answer = http::Response::new(body);
        *answer.status_mut() = response.status();
        *answer.headers_mut() = std::mem::take(response.headers_mut());
        Ok(answer)
    }

    /// Sends a request until the head of its answer has come.
    ///
    /// The server may close a connection that was kept open just when the next request is on its way. A GET is then
    /// sent again, once and on a new connection (RFC 9112 §9.3.1). No other method is, because the server may have
    /// acted on the request.
    async fn execute(&self, request: reqwest::Request) -> reqwest::Result<reqwest::Response> {
        let may_repeat =
            request.method() == http::Method::GET && self.has_answered.load(Ordering::Relaxed);
        let repeated = may_repeat.then(|| request.try_clone()).flatten();
        let mut answer = self.http.execute(request).await;
        if let (Err(error), Some(request)) = (&answer, repeated)
            && closed_by_server(error)
        {
            if let Some(output) = &self.trace {
                output.wire("the server closed the idle connection; sending the request again");
            }
            answer = self.http.execute(request).await;
        }
        self.has_answered.store(answer.is_ok(), Ordering::Relaxed);
        answer
    }

    /// The error for a request without an answer. The HTTP client limits only the time to connect, so after its timeout the
    /// request was not sent.
    fn unanswered(&self, host: &str, error: reqwest::Error) -> Error {
        match error.is_timeout() {
            true => Error {
                unsent: true,
                ..timed_out(host, self.connect_time)
            },
            false => failed(host, error),
        }
    }

    /// Sends one request whose answer may be of any length: it is read piece by piece.
    ///
    /// # Errors
    /// The network failed, or the server does not begin to answer. A refusal by the server is an answer.
    pub async fn open(&self, request: http::Request<Vec<u8>>) -> Result<Incoming> {
        let secrets = self.traced(&request);
        let host = named(request.uri());
        let sending = Duration::from_secs((request.body().len() / SLOWEST_SENDING) as u64);
        let limit = TOTAL_TIME + sending;
        let request = reqwest::Request::try_from(request).map_err(|error| failed(&host, error))?;
        let answer = match within(limit, self.execute(request)).await {
            Some(answer) => answer.map_err(|error| self.unanswered(&host, error)),
            None => Err(timed_out(&host, limit)),
        };
        if let Some(output) = &self.trace {
            output.wire(&match &answer {
                Ok(answer) => {
                    let id = tracking(answer.headers(), &secrets);
                    format!("< {}{id}", answer.status())
                }
                Err(error) => format!("< no answer: {error}"),
            });
        }
        Ok(Incoming::new(answer?, host))
    }
}

/// How long to wait after a 429.
pub fn retry_after(headers: &http::HeaderMap) -> Duration {
    named_wait(headers).unwrap_or(DEFAULT_WAIT)
}

/// `Retry-After` in seconds, at least one (RFC 9110 §10.2.3). Webex sends no dates.
pub fn named_wait(headers: &http::HeaderMap) -> Option<Duration> {
    let seconds = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?;
    let seconds: u64 = seconds.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.max(1)))
}

fn builder(base: &Url, connect_time: Duration) -> reqwest::ClientBuilder {
    // A second installation in one process is refused and harmless.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder()
        .redirect(Policy::none())
        .connect_timeout(connect_time)
        .pool_idle_timeout(KEPT_OPEN)
        // So that a request that is sent again gets a new connection, never another idle one.
        .pool_max_idle_per_host(1)
        .user_agent(concat!("webex-connect/", env!("CARGO_PKG_VERSION")));
    if is_loopback(base) {
        builder.no_proxy()
    } else {
        builder
    }
}

/// The server, as messages call it: on this machine its port tells which one is meant.
fn named(uri: &http::Uri) -> String {
    let host = uri.host().unwrap_or("the server");
    match (uri.scheme_str(), uri.port()) {
        (Some("http"), Some(port)) => format!("{host}:{port}"),
        _ => host.to_owned(),
    }
}

fn read_certificates(path: &Path) -> Result<Vec<Certificate>> {
    let pem =
        input::file_once(path, MAX_CA_FILE).map_err(|error| unusable(path, &error.to_string()))?;
    if pem.len() as u64 > MAX_CA_FILE {
        return Err(unusable(path, "it has more than 4 MiB"));
    }
    match Certificate::from_pem_bundle(&pem) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(unusable(path, "it holds no certificate")),
    }
}

fn unusable(path: &Path, why: &str) -> Error {
    let message = format!("can't use {} as CA certificates", path.display());
    Error::new(Kind::Usage, message)
        .with_detail(why)
        .with_hint("`--ca-cert` takes a PEM file: -----BEGIN CERTIFICATE-----")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_a_429_asks_to_wait() {
        for (value, seconds) in [
            (None, 15),
            (Some("soon"), 15),
            (Some(""), 15),
            (Some("-1"), 15),
            (Some("1.5"), 15),
            (Some("Wed, 21 Oct 2015 07:28:00 GMT"), 15),
            (Some("0"), 1),
            (Some("1"), 1),
            (Some("3600"), 3600),
            (Some("18446744073709551615"), u64::MAX),
            (Some("18446744073709551616"), 15),
        ] {
            let mut headers = http::HeaderMap::new();
            if let Some(value) = value {
                headers.insert(
                    http::header::RETRY_AFTER,
                    http::HeaderValue::from_static(value),
                );
            }
            assert_eq!(retry_after(&headers).as_secs(), seconds, "{value:?}");
        }
    }

    proptest::proptest! {
        #![proptest_config(crate::generated::config())]

        #[test]
        fn a_wait_is_at_least_a_second(value in proptest::collection::vec(0x20_u8..0x7f, 0..30), seconds: u64) {
            for value in [value, seconds.to_string().into_bytes()] {
                let mut headers = http::HeaderMap::new();
                headers.insert(http::header::RETRY_AFTER, http::HeaderValue::from_bytes(&value).unwrap());
                assert!(retry_after(&headers) >= Duration::from_secs(1));
            }
        }
    }
}
