//! The port of a redirect URI, bound as a login binds it, and looked at on the other address family too.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use crate::app::RedirectUri;
use crate::cmd::doctor::finding::Finding;
use crate::loopback::{Listener, is_missing_family};

const PORTS: &str = "ports";

/// Must be called inside a runtime.
pub fn examine(uri: &RedirectUri) -> Finding {
    let needed = uri.addresses();
    match Listener::bind(uri) {
        Ok(listener) => {
            drop(listener);
            free(uri, &needed)
        }
        Err(mut error) => {
            let taken = addresses(needed.iter().filter(|address| is_taken(address)));
            if !taken.is_empty() {
                error.message = format!("{} on {taken}", error.message);
            }
            let change = "give another registered one with `webex-connect app update NAME --redirect-uri URI`";
            Finding::fail(PORTS, &error, change)
        }
    }
}

fn free(uri: &RedirectUri, needed: &[SocketAddr]) -> Finding {
    let port = uri.port();
    let both = [
        IpAddr::from(Ipv4Addr::LOCALHOST),
        Ipv6Addr::LOCALHOST.into(),
    ];
    let both = both.map(|ip| SocketAddr::from((ip, port)));
    let (missing, there): (Vec<&SocketAddr>, Vec<&SocketAddr>) =
        both.iter().partition(|address| is_missing_family(address));
    let (taken, free): (Vec<&SocketAddr>, Vec<&SocketAddr>) = there
        .into_iter()
        .partition(|address| !needed.contains(address) && is_taken(address));
    let mut message = format!(
        "{uri}: port {port} is free on {}",
        addresses(free.into_iter())
    );
    if !missing.is_empty() {
        let missing = addresses(missing.into_iter());
        message.push_str(&format!("; this machine has no {missing}"));
    }
    if taken.is_empty() {
        return Finding::ok(PORTS, message);
    }
    let taken = addresses(taken.into_iter());
    message.push_str(&format!("; another program has it on {taken}"));
    let cure = "this URI does not lead there; one with `localhost` would, and a login with it ends at once";
    Finding::warning(PORTS, message, cure)
}

fn is_taken(address: &SocketAddr) -> bool {
    TcpListener::bind(address).is_err_and(|error| error.kind() == ErrorKind::AddrInUse)
}

fn addresses<'a>(addresses: impl Iterator<Item = &'a SocketAddr>) -> String {
    let ips: Vec<String> = addresses.map(|address| address.ip().to_string()).collect();
    ips.join(" and ")
}
