//! OAuth clients and where they belong: apps, redirect URIs, environments, endpoints.

pub mod portal;
pub mod provided;
mod redirect_uri;

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use url::{Host, Url};

use crate::error::{Error, Kind, Result};
use crate::name::Name;
use crate::scope::ScopeSet;
use crate::secret::Secret;

pub use redirect_uri::{DEFAULT_REDIRECT_URI, RedirectUri};

/// Where people register their apps.
pub const PORTAL: &str = "https://developer.webex.com/my-apps";
/// Where a person sees, and ends, the grants that Webex holds for them.
pub const GRANTS_PAGE: &str = "https://idbroker.webex.com/idb/profile#/tokens";

const WEBEX_BASE: &str = "https://webexapis.com/v1";
const WEBEX_GOV_BASE: &str = "https://api-usgov.webex.com/v1";
/// Revocation is not at Webex's API but at its identity broker; a look-alike has it at this path of its own origin.
const REVOCATION: &str = "https://idbroker.webex.com/idb/oauth2/v1/revoke";

/// An OAuth client; Webex says "integration" (RFC 6749 §2).
#[derive(Clone, Serialize, Deserialize)]
pub struct App {
    pub revision: u64,
    pub name: Name,
    pub client_id: String,
    pub client_secret: Secret,
    pub redirect_uri: RedirectUri,
    /// What a login with this app last asked for.
    pub scopes: ScopeSet,
    pub environment: Environment,
}

/// Which Webex a connection belongs to. It never changes after the connection is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Environment {
    Webex,
    WebexGov,
    /// The look-alike inside this program; its address is new in every process.
    Sandbox,
    /// Another API base, given with `--api-base`.
    Custom(#[serde(deserialize_with = "stored_base")] Url),
}

impl Environment {
    /// The name in JSON, and of a first connection made without a name.
    pub fn name(&self) -> &'static str {
        match self {
            Environment::Webex => "webex",
            Environment::WebexGov => "webex-gov",
            Environment::Sandbox => "sandbox",
            Environment::Custom(_) => "custom",
        }
    }

    /// The environment an `--api-base` means. The two public bases keep their names.
    ///
    /// # Errors
    /// Anything but a plain https URL, or http on this machine.
    pub fn from_api_base(text: &str) -> Result<Environment> {
        let refused = || {
            Error::new(
                Kind::Usage,
                "--api-base takes an https URL, or http on 127.0.0.1, [::1] or localhost",
            )
            .with_hint("without it, `webex-connect login` uses https://webexapis.com/v1")
        };
        let url = Url::parse(text.trim_end_matches('/')).map_err(|_| refused())?;
        if !is_api_base(&url) {
            return Err(refused());
        }
        Ok(match url.as_str() {
            WEBEX_BASE => Environment::Webex,
            WEBEX_GOV_BASE => Environment::WebexGov,
            _ => Environment::Custom(url),
        })
    }

    /// The API base; the sandbox has one only while it runs.
    pub fn api_base(&self) -> Option<Url> {
        match self {
            Environment::Webex => Url::parse(WEBEX_BASE).ok(),
            Environment::WebexGov => Url::parse(WEBEX_GOV_BASE).ok(),
            Environment::Sandbox => None,
            Environment::Custom(base) => Some(base.clone()),
        }
    }

    /// Where people register their apps; the sandbox's is built in.
    pub fn portal(&self) -> Option<&'static str> {
        match self {
            Environment::Webex | Environment::WebexGov | Environment::Custom(_) => Some(PORTAL),
            Environment::Sandbox => None,
        }
    }

    /// Where a person ends a grant, as far as that is known.
    pub fn grants_page(&self) -> Option<&'static str> {
        (*self == Environment::Webex).then_some(GRANTS_PAGE)
    }

    /// Where tokens are revoked (RFC 7009); it is not known for the government cloud, and the sandbox has none that
    /// outlives a command.
    pub fn revocation_endpoint(&self) -> Option<Url> {
        let endpoint = Url::parse(REVOCATION).ok()?;
        match self {
            Environment::Webex => Some(endpoint),
            Environment::Custom(base) => base.join(endpoint.path()).ok(),
            Environment::WebexGov | Environment::Sandbox => None,
        }
    }

    /// Whether `iss` in an authorization response names this environment (RFC 9207 §2.4). Webex's issuer is not
    /// the host of its API, so both are taken there; elsewhere only the base's own origin is.
    pub fn is_issuer(&self, iss: &str, base: &Url) -> bool {
        let Ok(url) = Url::parse(iss) else {
            return false;
        };
        let bare = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        let own_origin = url.origin() == base.origin() && url.path() == "/";
        let webex = matches!(self, Environment::Webex | Environment::WebexGov);
        bare && (own_origin || (webex && is_idbroker(&url)))
    }
}

/// Whether the base is a plain https URL, or http on this machine.
fn is_api_base(url: &Url) -> bool {
    let plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    plain && is_encrypted_or_here(url)
}

/// Whether what is sent there can be read by nobody on the way.
pub fn is_encrypted_or_here(url: &Url) -> bool {
    url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url))
}

/// A record is held to what a command line may say.
fn stored_base<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Url, D::Error> {
    let url = Url::deserialize(deserializer)?;
    match is_api_base(&url) {
        true => Ok(url),
        false => Err(serde::de::Error::custom("not an API base")),
    }
}

/// For people: the name, or the API base where that says more.
impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Environment::Custom(base) => f.write_str(base.as_str()),
            named => f.write_str(named.name()),
        }
    }
}

/// `https://idbroker(-REGION)*.webex.com/idb`.
fn is_idbroker(url: &Url) -> bool {
    let Some(labels) = url
        .host_str()
        .and_then(|host| host.strip_suffix(".webex.com"))
    else {
        return false;
    };
    let mut parts = labels.split('-');
    url.scheme() == "https"
        && url.port().is_none()
        && url.path() == "/idb"
        && parts.next() == Some("idbroker")
        && parts.all(|part| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        })
}

/// Whether the URL's host is this machine by its literal name.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// Whether a text can be a client ID or a client secret: not empty, and nothing in it that copying brings along.
pub fn is_credential(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}

/// A client ID as it was typed.
///
/// # Errors
/// [`Kind::Usage`] for what can be none.
pub fn checked_client_id(text: &str) -> Result<&str> {
    match is_credential(text) {
        true => Ok(text),
        false => Err(Error::new(
            Kind::Usage,
            "the client ID is empty or has white space in it",
        )
        .with_hint("copy it from the app's page in the developer portal")),
    }
}

/// An endpoint below an API base.
pub fn endpoint(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/{path}", base.path().trim_end_matches('/')));
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issuers() {
        let base = Url::parse("https://webexapis.com/v1").unwrap();
        let accepts = |iss| Environment::Webex.is_issuer(iss, &base);
        assert!(accepts("https://idbroker.webex.com/idb"));
        assert!(accepts("https://idbroker-b-us.webex.com/idb"));
        assert!(accepts("https://webexapis.com"));
        for wrong in [
            "https://evil.example",
            "https://idbroker.webex.com.evil.example/idb",
            "https://idbrokerx.webex.com/idb",
            "https://idbroker-.webex.com/idb",
            "https://x.idbroker.webex.com/idb",
            "http://idbroker.webex.com/idb",
            "https://idbroker.webex.com:444/idb",
            "https://u@idbroker.webex.com/idb",
            "https://idbroker.webex.com/idb/x",
            "https://idbroker.webex.com/idb?x",
            "https://webexapis.com:8443",
            "",
        ] {
            assert!(!accepts(wrong), "{wrong}");
        }
        let custom = Url::parse("http://127.0.0.1:9/v1").unwrap();
        let environment = Environment::Custom(custom.clone());
        assert!(environment.is_issuer("http://127.0.0.1:9", &custom));
        assert!(!environment.is_issuer("https://idbroker.webex.com/idb", &custom));
    }

    #[test]
    fn only_https_or_this_machine_is_an_api_base() {
        for text in [
            "file:///usr/bin/true",
            "javascript:alert(1)",
            "-https://x",
            "https://u:p@h/",
            "http://evil.example/v1",
            "https://h/v1#f",
            "https://h/v1?q",
            "$(touch x)",
            "calc.exe",
            "\\\\host\\share",
            "ftp://x",
            "http://10.255.255.1/v1",
            "http://localhost.evil.example/v1",
        ] {
            assert!(Environment::from_api_base(text).is_err(), "{text}");
        }
        assert_eq!(
            Environment::from_api_base("https://webexapis.com/v1/").unwrap(),
            Environment::Webex
        );
    }

    proptest::proptest! {
        #![proptest_config(crate::generated::config())]

        #[test]
        fn a_base_or_an_issuer_is_a_plain_address(
            text in crate::generated::pieces(&[
                "https://", "http://", "idbroker", "-b", ".webex.com", "/idb", "webexapis.com", "127.0.0.1", "evil.example",
                ":444", "/", "@", "?", "#", "\\", ".", "%2e",
            ]),
            other in crate::generated::text(),
        ) {
            let base = Url::parse(WEBEX_BASE).unwrap();
            for text in [text, other] {
                if let Ok(environment) = Environment::from_api_base(&text) {
                    let url = environment.api_base().unwrap();
                    assert!(url.scheme() == "https" || is_loopback(&url), "{text:?}");
                    assert!(url.username().is_empty() && url.query().is_none(), "{text:?}");
                }
                if Environment::Webex.is_issuer(&text, &base) {
                    let url = Url::parse(&text).unwrap();
                    let host = url.host_str().unwrap();
                    assert_eq!(url.scheme(), "https", "{text:?}");
                    assert!(host == "webexapis.com" || host.ends_with(".webex.com"), "{text:?}");
                }
            }
        }
    }
}
