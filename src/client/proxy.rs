//! Which proxy a request goes through, told by the same rules that reqwest sends it by.

use std::env;

use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use oauth2::http::Uri;
use url::Url;

use crate::app::is_loopback;

/// A variable in its two spellings, of which the first one that is set counts.
type Spellings = [&'static str; 2];

/// The variables that name a proxy for https. Nothing here goes over plain http but to this machine.
const NAMING: [Spellings; 2] = [["HTTPS_PROXY", "https_proxy"], ["ALL_PROXY", "all_proxy"]];
/// The variable that names what is reached without one.
const EXCEPTIONS: Spellings = ["NO_PROXY", "no_proxy"];

/// A proxy, without the name and password that may stand in its address.
#[derive(Debug, PartialEq, Eq)]
pub struct Proxy {
    /// The variable that names it; none where the system's own settings do.
    pub variable: Option<&'static str>,
    /// `SCHEME://HOST:PORT`.
    pub address: String,
    /// Whether it speaks SOCKS, which reqwest is built without here.
    pub is_socks: bool,
}

impl Proxy {
    /// The proxy between here and a server; none for what is on this machine.
    pub fn between(base: &Url) -> Option<Proxy> {
        if is_loopback(base) {
            return None;
        }
        let destination: Uri = base.as_str().parse().ok()?;
        let used = Matcher::from_system().intercept(&destination)?;
        let exceptions = first(EXCEPTIONS).map(|(_, value)| value);
        let named = NAMING.into_iter().filter_map(first).find(|(_, value)| {
            let alone = Matcher::builder().all(value.as_str());
            let alone = alone.no(exceptions.clone().unwrap_or_default()).build();
            alone.intercept(&destination).is_some()
        });
        Some(shown(named.map(|(name, _)| name), &used))
    }
}

/// The proxy that a variable's value names; none where it names none that could be used.
fn read(variable: &'static str, value: &str) -> Option<Proxy> {
    let matcher = Matcher::builder().all(value).build();
    let used = matcher.intercept(&Uri::from_static("https://server.invalid"))?;
    Some(shown(Some(variable), &used))
}

/// The variables that name a proxy and have a value, with the proxy if it is one that could be used.
pub fn named() -> Vec<(&'static str, Option<Proxy>)> {
    let set = NAMING.into_iter().filter_map(first);
    set.filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name, read(name, &value)))
        .collect()
}

/// The variable that makes exceptions, and its value.
pub fn exceptions() -> Option<(&'static str, String)> {
    first(EXCEPTIONS).filter(|(_, value)| !value.is_empty())
}

fn first(names: Spellings) -> Option<(&'static str, String)> {
    names
        .into_iter()
        .find_map(|name| Some((name, env::var(name).ok()?)))
}

/// By host and port, not by authority: nobody promises that nothing is left of a password there.
fn shown(variable: Option<&'static str>, used: &Intercept) -> Proxy {
    let uri = used.uri();
    let scheme = uri.scheme_str().unwrap_or("http");
    let port = uri.port().map(|port| format!(":{port}"));
    Proxy {
        variable,
        address: format!(
            "{scheme}://{}{}",
            uri.host().unwrap_or_default(),
            port.unwrap_or_default()
        ),
        is_socks: scheme.starts_with("socks"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_of_a_proxy_holds_no_password() {
        for (value, address) in [
            (
                "http://jane:s3cret@proxy.test:3128/x",
                "http://proxy.test:3128",
            ),
            ("jane:s3cret@proxy.test:3128", "http://proxy.test:3128"),
            ("https://s3cret@proxy.test", "https://proxy.test"),
            ("socks5h://jane:s3cret@[::1]:1080", "socks5h://[::1]:1080"),
            ("proxy.test:3128", "http://proxy.test:3128"),
        ] {
            let proxy = read("ALL_PROXY", value).unwrap();
            assert_eq!(proxy.address, address, "{value}");
            assert_eq!(proxy.is_socks, value.starts_with("socks"), "{value}");
        }
        // An `@` in a password has to be %40: what is read as a host here may be a piece of the password.
        for nothing in [
            "",
            "ftp://proxy.test",
            "http://",
            "http://u:p@ss@proxy.test",
            "a b",
        ] {
            assert_eq!(read("ALL_PROXY", nothing), None, "{nothing}");
        }
    }
}
