//! Which proxy a request goes through, told by the same rules that reqwest sends it by.

use std::env;

use http::Uri;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use url::Url;

use crate::app::is_loopback;
use crate::error::{Error, Kind, Result};
use crate::variables;

/// A variable in its two spellings, of which the first one that is set counts.
type Spellings = [&'static str; 2];

/// The variables that name a proxy for https. Nothing here goes over plain http but to this machine.
const NAMING: [Spellings; 2] = [["HTTPS_PROXY", "https_proxy"], ["ALL_PROXY", "all_proxy"]];
/// The variable that names what is reached without one.
const EXCEPTIONS: Spellings = ["NO_PROXY", "no_proxy"];

/// Set for CGI programs. reqwest then ignores all variables, because HTTP_PROXY may come from a header of a request.
const CGI: &str = "REQUEST_METHOD";

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
        let named = named().ok()?.into_iter().find_map(|(_, proxy)| proxy);
        Some(named.unwrap_or_else(|| shown(None, "", &used)))
    }
}

/// Checks that a request to `base` goes through the proxy that the variables name, if they name one. reqwest ignores
/// variables that it cannot use, so the request would bypass the proxy.
///
/// # Errors
/// A variable is not Unicode, is not the address of a proxy, or is ignored because this is a CGI program.
pub fn check(base: &Url) -> Result<()> {
    if is_loopback(base) {
        return Ok(());
    }
    let (named, exceptions) = (named()?, exceptions()?);
    let Some((variable, proxy)) = named.into_iter().next() else {
        return Ok(());
    };
    let exceptions = exceptions.map_or_else(String::new, |(_, value)| value);
    let matcher = Matcher::builder().all("http://proxy.invalid");
    let matcher = matcher.no(exceptions).build();
    let destination = base.as_str().parse::<Uri>().ok();
    let is_exception = |destination| matcher.intercept(&destination).is_none();
    if destination.is_none_or(is_exception) {
        return Ok(());
    }
    if proxy.is_none() {
        let message =
            format!("{variable} names no proxy that could be used, and nothing goes round it");
        return Err(Error::new(Kind::Usage, message).with_hint(format!(
            "set it to `http://HOST:PORT`, or `unset {variable}`"
        )));
    }
    if env::var_os(CGI).is_some() {
        let message = format!("{variable} has no effect where {CGI} is set, as in a CGI program");
        return Err(Error::new(Kind::Usage, message)
            .with_hint(format!("`unset {CGI}`, or `unset {variable}`")));
    }
    Ok(())
}

/// The variables that name a proxy and have a value, with the proxy if it is one that could be used.
///
/// # Errors
/// A variable is not Unicode.
pub fn named() -> Result<Vec<(&'static str, Option<Proxy>)>> {
    let mut named = Vec::new();
    for names in NAMING {
        if let Some((name, value)) = first(names)? {
            named.push((name, read(name, &value)));
        }
    }
    Ok(named)
}

/// The variable that makes exceptions, and its value.
///
/// # Errors
/// The variable is not Unicode.
pub fn exceptions() -> Result<Option<(&'static str, String)>> {
    first(EXCEPTIONS)
}

/// The spelling that is set, and its value. An empty value counts as unset, but the other spelling is not read then.
fn first(names: Spellings) -> Result<Option<(&'static str, String)>> {
    let set = names.into_iter().find(|name| env::var_os(name).is_some());
    let Some(name) = set else { return Ok(None) };
    Ok(variables::read(name)?.map(|value| (name, value)))
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
