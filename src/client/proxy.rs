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
        let set = NAMING.into_iter().filter_map(first);
        let mut named = set.filter_map(|(name, value)| read(name, &value));
        Some(named.next().unwrap_or_else(|| shown(None, "", &used)))
    }
}

/// The variable that was to name the proxy between here and a server, and names none that could be used.
pub fn unusable(base: &Url) -> Option<&'static str> {
    let (variable, None) = named().into_iter().next()? else {
        return None;
    };
    let exceptions = exceptions().map_or_else(String::new, |(_, value)| value);
    let matcher = Matcher::builder().all("http://proxy.invalid");
    let destination: Uri = base.as_str().parse().ok()?;
    let is_meant = !is_loopback(base)
        && matcher
            .no(exceptions)
            .build()
            .intercept(&destination)
            .is_some();
    is_meant.then_some(variable)
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

/// The proxy that a variable's value names; none where it names none that could be used.
fn read(variable: &'static str, value: &str) -> Option<Proxy> {
    let matcher = Matcher::builder().all(value).build();
    let used = matcher.intercept(&Uri::from_static("https://server.invalid"))?;
    Some(shown(Some(variable), value, &used))
}

/// `value` is how the variable has it. A password with a `/` in it would be read as a host and its port.
fn shown(variable: Option<&'static str>, value: &str, used: &Intercept) -> Proxy {
    let uri = used.uri();
    let scheme = uri.scheme_str().unwrap_or("http");
    let host = uri.host().unwrap_or_default();
    let port = uri.port().map(|port| format!(":{port}"));
    let address = match value.contains('@') && !value.contains(&format!("@{host}")) {
        true => "an address that may hold a password".to_owned(),
        false => format!("{scheme}://{host}{}", port.unwrap_or_default()),
    };
    Proxy {
        variable,
        address,
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
            ("http://jane:an@s3cret@proxy.test", "http://proxy.test"),
            ("socks5h://jane:s3cret@[::1]:1080", "socks5h://[::1]:1080"),
            ("proxy.test:3128", "http://proxy.test:3128"),
        ] {
            let proxy = read("ALL_PROXY", value).unwrap();
            assert_eq!(proxy.address, address, "{value}");
            assert_eq!(proxy.is_socks, value.starts_with("socks"), "{value}");
        }
        let split = read("ALL_PROXY", "http://s3cret:12/3@proxy.test").unwrap();
        assert_eq!(split.address, "an address that may hold a password");
        for nothing in ["", "ftp://proxy.test", "http://", "a b"] {
            assert_eq!(read("ALL_PROXY", nothing), None, "{nothing}");
        }
    }
}
