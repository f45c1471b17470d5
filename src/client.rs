//! The one HTTPS client: who may be talked to, for how long, and how much is read.

use std::time::Duration;

use oauth2::http;
use reqwest::redirect::Policy;
use url::Url;

use crate::app::is_loopback;
use crate::error::{Error, Kind, Result};

/// To reach the server at all.
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// One request, from the connection to the last byte of the answer.
const TOTAL_TIME: Duration = Duration::from_secs(30);
/// OAuth and identity answers are a few kilobytes; a JWT-sized token set is under ten.
const MAX_BODY: usize = 1024 * 1024;

/// What a server answered, whatever its status.
pub type Answer = http::Response<Vec<u8>>;

/// Sends requests to one origin's host and follows nothing.
pub struct Client(reqwest::Client);

impl Client {
    /// A client for requests below `base`. TLS and the CA bundle are set up only for an https base.
    ///
    /// # Errors
    /// No usable CA bundle on this machine.
    pub fn new(base: &Url) -> Result<Client> {
        // A second installation in one process is refused and harmless.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = reqwest::Client::builder()
            .redirect(Policy::none())
            .connect_timeout(CONNECT_TIME)
            .timeout(TOTAL_TIME)
            .user_agent(concat!("webex-connect/", env!("CARGO_PKG_VERSION")));
        let builder = if base.scheme() == "https" {
            builder.https_only(true)
        } else {
            builder.tls_certs_only([])
        };
        let builder = if is_loopback(base) {
            builder.no_proxy()
        } else {
            builder
        };
        builder.build().map(Client).map_err(|_| {
            Error::new(
                Kind::Failure,
                "could not set up TLS: no usable CA certificates on this machine",
            )
            .with_hint("install your system's `ca-certificates` package")
        })
    }

    /// Sends one request and reads its whole answer.
    ///
    /// # Errors
    /// The network failed, time ran out, or the answer is longer than a megabyte. A refusal by the server is an
    /// answer.
    pub async fn send(&self, request: http::Request<Vec<u8>>) -> Result<Answer> {
        let host = request.uri().host().unwrap_or("the server").to_owned();
        let request = reqwest::Request::try_from(request).map_err(|error| failed(&host, error))?;
        let mut response = self
            .0
            .execute(request)
            .await
            .map_err(|error| failed(&host, error))?;
        let mut body = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| failed(&host, error))?
        {
            if body.len() + chunk.len() > MAX_BODY {
                let message = format!("the answer from {host} is longer than a megabyte");
                return Err(Error::new(Kind::Temporary, message));
            }
            body.extend_from_slice(&chunk);
        }
        let mut answer = http::Response::new(body);
        *answer.status_mut() = response.status();
        *answer.headers_mut() = std::mem::take(response.headers_mut());
        Ok(answer)
    }

    /// Plays a browser for the sandbox's automatic consent: GETs the address and follows redirects by hand, on
    /// loopback only.
    ///
    /// # Errors
    /// As for [`Client::send`], or a redirect off this machine.
    pub async fn follow(&self, address: &Url) -> Result<()> {
        let mut next = address.clone();
        loop {
            let mut request = http::Request::new(Vec::new());
            *request.uri_mut() = next.as_str().parse().map_err(|_| off_loopback())?;
            let answer = self.send(request).await?;
            let location = answer.headers().get(http::header::LOCATION);
            match location.and_then(|location| location.to_str().ok()) {
                None => return Ok(()),
                Some(location) => next = Url::parse(location).map_err(|_| off_loopback())?,
            }
            if !is_loopback(&next) {
                return Err(off_loopback());
            }
        }
    }
}

fn off_loopback() -> Error {
    Error::new(Kind::Refused, "the sandbox redirected off this machine")
}

/// Our own words: reqwest's text holds the URL with its query.
fn failed(host: &str, error: reqwest::Error) -> Error {
    if error.is_timeout() {
        let limit = TOTAL_TIME.as_secs();
        return Error::new(
            Kind::Temporary,
            format!("timed out waiting for {host} ({limit} s)"),
        )
        .with_hint("check the network and run the same command again");
    }
    let error = error.without_url();
    let cause = innermost(&error).to_string();
    Error::new(Kind::Temporary, format!("could not reach {host}"))
        .with_detail(&cause)
        .with_hint("check the network and run the same command again")
}

fn innermost<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> &'a (dyn std::error::Error + 'static) {
    std::iter::successors(Some(error), |error| error.source())
        .last()
        .unwrap_or(error)
}
