//! The proxy variables, without the passwords in them.

use crate::client::proxy;
use crate::cmd::doctor::finding::Finding;
use crate::error::Result;

const PROXY: &str = "proxy";

pub fn examine() -> Finding {
    report().unwrap_or_else(|error| {
        let message = format!("{error}; requests fail until this is fixed");
        Finding::warning(PROXY, message, error.hint.unwrap_or_default())
    })
}

/// # Errors
/// A variable is not Unicode.
fn report() -> Result<Finding> {
    let (mut set, mut unfit) = (Vec::new(), Vec::new());
    for (variable, proxy) in proxy::named()? {
        match proxy {
            Some(proxy) if !proxy.is_socks => set.push(format!("{variable} is {}", proxy.address)),
            Some(_) => unfit.push((variable, "names a SOCKS proxy, which is not spoken here")),
            None => unfit.push((variable, "holds no address of a proxy and is ignored")),
        }
    }
    if let Some((variable, value)) = proxy::exceptions()? {
        set.push(format!("{variable} is {value}"));
    }
    if let Some((first, _)) = unfit.first() {
        let cure = format!("set it to `{first}=http://HOST:PORT`, or `unset {first}`");
        let unfit = unfit
            .iter()
            .map(|(variable, why)| format!("{variable} {why}"));
        let all: Vec<String> = unfit.chain(set).collect();
        return Ok(Finding::warning(PROXY, all.join("; "), cure));
    }
    if set.is_empty() {
        return Ok(Finding::ok(PROXY, "none is set"));
    }
    let message = format!(
        "{}; what is on this machine never goes through it",
        set.join("; ")
    );
    Ok(Finding::ok(PROXY, message))
}
