//! What went wrong on the wire, in our own words.

use std::io::{self, ErrorKind};
use std::time::Duration;

use crate::error::{Error, Kind};
use crate::moment::now;

/// Our own words: reqwest's text holds the URL with its query.
pub fn failed(host: &str, error: reqwest::Error) -> Error {
    let unsent = error.is_connect() || error.is_builder();
    Error {
        unsent,
        ..told(host, error)
    }
}

fn told(host: &str, error: reqwest::Error) -> Error {
    let error = error.without_url();
    let cause = innermost(&error).to_string();
    // The crates below tell the proxy and the certificate by their text alone.
    let at_the_proxy = causes(&error).any(|error| error.to_string().starts_with("tunnel error"));
    let through = if at_the_proxy {
        " through the proxy"
    } else {
        ""
    };
    let hint = if at_the_proxy {
        "check HTTPS_PROXY and what the proxy lets through".to_owned()
    } else if cause.contains("certificate expired") || cause.contains("certificate not valid yet") {
        format!(
            "check this machine's clock, which says {:.0}, with `date`; if it is right, the server's certificate is \
             not",
            now()
        )
    } else if names_another_host(&cause) {
        // The cause lists the names in the certificate. No CA would make it one for this host.
        "check the address, for example `--api-base`, and the proxy: the certificate belongs to another host"
            .to_owned()
    } else if cause.starts_with("invalid peer certificate") {
        "if a private CA vouches for that server, name it with `--ca-cert FILE`".to_owned()
    } else {
        "check the network and run the same command again".to_owned()
    };
    Error::new(Kind::Temporary, format!("could not reach {host}{through}"))
        .with_detail(&cause)
        .with_hint(hint)
}

/// Whether rustls found the certificate in order except for the name in it.
fn names_another_host(cause: &str) -> bool {
    cause.contains("certificate not valid for name") || cause.contains("NotValidForName")
}

/// Whether the server closed the connection before it answered.
pub fn closed_by_server(error: &reqwest::Error) -> bool {
    if error.is_timeout() || error.is_connect() || error.is_builder() {
        return false;
    }
    causes(error).any(|cause| match cause.downcast_ref::<io::Error>() {
        Some(error) => matches!(
            error.kind(),
            ErrorKind::ConnectionReset
                | ErrorKind::ConnectionAborted
                | ErrorKind::BrokenPipe
                | ErrorKind::UnexpectedEof
        ),
        // hyper's errors are told apart by their text, because hyper is not a dependency of ours.
        None => cause
            .to_string()
            .starts_with("connection closed before message completed"),
    })
}

pub fn timed_out(host: &str, limit: Duration) -> Error {
    let message = format!("timed out waiting for {host} ({} s)", limit.as_secs());
    let error = Error::new(Kind::Temporary, message)
        .with_hint("check the network and run the same command again");
    Error {
        timed_out: true,
        ..error
    }
}

fn innermost<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> &'a (dyn std::error::Error + 'static) {
    causes(error).last().unwrap_or(error)
}

/// The error, what caused it, and so on.
fn causes<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| error.source())
}
