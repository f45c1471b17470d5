//! Which addresses a connection's token may be sent to.

use url::Url;

use crate::app::{Environment, endpoint};
use crate::error::{Error, Kind, Result, foreign};

/// Hosts of `webexapis.com` with detailed call records, by region.
const CALL_RECORDS: [&str; 4] = [
    "analytics-calling",
    "analytics-calling-eu",
    "analytics-calling-in",
    "analytics-calling-au",
];
/// Call records of the government cloud. A commercial token must not reach it.
const GOV_CALL_RECORDS: &str = "analytics-calling-gov";
/// Historical analytics; a region may follow.
const ANALYTICS: &str = "analytics";

/// What a call is made to, as it was given: a path below the API base, or a whole URL.
#[derive(Clone, Debug)]
pub enum Target {
    Below { path: String, query: Option<String> },
    Whole(Url),
}

impl Target {
    /// # Errors
    /// It is neither, or could be read as another host. The error does not repeat the text, which may be a token.
    pub fn parse(text: &str) -> Result<Target> {
        let refused = |why: &str| {
            Error::new(Kind::Usage, format!("invalid API path: {why}"))
                .with_hint("for example `webex-connect api people/me`")
        };
        if text.contains(|c: char| c.is_control() || matches!(c, '\\' | '#')) {
            return Err(refused(
                "it holds a backslash, a `#` or a control character",
            ));
        }
        let lower = text.to_ascii_lowercase();
        if lower.starts_with("https://") || lower.starts_with("http://") {
            let url = Url::parse(text).map_err(|_| refused("the URL is malformed"))?;
            return Ok(Target::Whole(url));
        }
        let (path, query) = match text.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (text, None),
        };
        let bare = path.strip_prefix('/').unwrap_or(path);
        let mut segments = bare.split('/');
        if bare.starts_with('/') || segments.clone().next().is_none_or(|s| s.contains(':')) {
            return Err(refused("it could name another host"));
        }
        if segments.any(is_dots) {
            return Err(refused("it leads upwards"));
        }
        if bare.is_empty() {
            return Err(refused("it is empty"));
        }
        Ok(Target::Below {
            path: bare.to_owned(),
            query,
        })
    }

    /// Holds a whole URL to the hosts of an environment: https (or the custom base's own scheme), the default port,
    /// exactly these names. What is below the base needs no such question.
    ///
    /// # Errors
    /// [`Kind::Refused`] for any other.
    pub fn allowed(&self, environment: &Environment) -> Result<()> {
        let Target::Whole(url) = self else {
            return Ok(());
        };
        let bare = url.username().is_empty() && url.password().is_none();
        if bare && may_have_token(environment, url) {
            return Ok(());
        }
        let message = format!(
            "the token of this connection goes to {} alone, not to {}",
            hosts(environment),
            foreign(&url.origin().ascii_serialization())
        );
        Err(Error::new(Kind::Refused, message)
            .with_hint("give a path of the API, for example `webex-connect api people/me`"))
    }

    /// The URL, once the API base is known. A path may repeat the base's own (`/v1/people/me`).
    pub fn url(&self, base: &Url) -> Url {
        match self {
            Target::Whole(url) => url.clone(),
            Target::Below { path, query } => {
                let own = format!("{}/", base.path().trim_matches('/'));
                let mut url = endpoint(base, path.strip_prefix(&own).unwrap_or(path));
                url.set_query(query.as_deref());
                url
            }
        }
    }
}

/// `.` and `..`, which a URL resolves, also in disguise.
fn is_dots(segment: &str) -> bool {
    let plain = segment.to_ascii_lowercase().replace("%2e", ".");
    plain == "." || plain == ".."
}

fn may_have_token(environment: &Environment, url: &Url) -> bool {
    let base = environment.api_base();
    let is_base = base.is_some_and(|base| base.origin() == url.origin());
    let is_public = url.scheme() == "https" && url.port().is_none();
    is_base
        || is_public
            && url
                .host_str()
                .and_then(|host| host.strip_suffix(".webexapis.com"))
                .is_some_and(|label| is_analytics(environment, label))
}

/// The hosts outside of the API base, by the label before `.webexapis.com`: call records, and historical analytics. The
/// regions of call records are documented one by one; those of analytics have two letters as far as they are.
fn is_analytics(environment: &Environment, label: &str) -> bool {
    match environment {
        Environment::Webex => {
            let is_region =
                |region: &str| region.len() == 2 && region.bytes().all(|b| b.is_ascii_lowercase());
            CALL_RECORDS.contains(&label)
                || label == ANALYTICS
                || label
                    .strip_prefix(ANALYTICS)
                    .and_then(|rest| rest.strip_prefix('-'))
                    .is_some_and(is_region)
        }
        Environment::WebexGov => label == GOV_CALL_RECORDS,
        _ => false,
    }
}

/// The hosts that [`Target::allowed`] allows, in words.
fn hosts(environment: &Environment) -> String {
    let Some(base) = environment.api_base() else {
        return "the sandbox".to_owned();
    };
    let base = base.origin().ascii_serialization();
    match environment {
        Environment::Webex => format!(
            "{base}, analytics.webexapis.com (or with a region, such as analytics-eu) and \
             analytics-calling.webexapis.com (or with -eu, -in or -au)"
        ),
        Environment::WebexGov => format!("{base} and {GOV_CALL_RECORDS}.webexapis.com"),
        _ => base,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(environment: &Environment, text: &str) -> Result<String> {
        let target = Target::parse(text)?;
        target.allowed(environment)?;
        Ok(target.url(&environment.api_base().unwrap()).into())
    }

    #[test]
    fn paths_are_below_the_base_however_they_begin() {
        for text in [
            "people/me?x=1&y",
            "/people/me?x=1&y",
            "/v1/people/me?x=1&y",
            "v1/people/me?x=1&y",
        ] {
            let url = url(&Environment::Webex, text).unwrap();
            assert_eq!(url, "https://webexapis.com/v1/people/me?x=1&y", "{text}");
        }
        let odd = url(
            &Environment::Webex,
            "people/a b/%2F/ü/.../x:y?q=http://z/..",
        )
        .unwrap();
        assert_eq!(
            odd,
            "https://webexapis.com/v1/people/a%20b/%2F/%C3%BC/.../x:y?q=http://z/.."
        );
        let custom = Environment::from_api_base("https://h.example:8443/tenant/v1").unwrap();
        assert_eq!(
            url(&custom, "v1/x").unwrap(),
            "https://h.example:8443/tenant/v1/v1/x"
        );
        assert_eq!(
            url(&custom, "tenant/v1/x").unwrap(),
            "https://h.example:8443/tenant/v1/x"
        );
        let bare = Environment::from_api_base("https://h.example").unwrap();
        assert_eq!(url(&bare, "/v1/x").unwrap(), "https://h.example/v1/x");
    }

    #[test]
    fn urls_go_to_the_environments_hosts() {
        for text in [
            "https://webexapis.com/v1/people/me",
            "https://webexapis.com:443/identity/scim",
            "HTTPS://WebexAPIs.com/v1/../x",
            "https://analytics.webexapis.com/v1/cdr_feed?x",
            "https://analytics-eu.webexapis.com/v1",
            "https://analytics-ca.webexapis.com/v1",
            "https://analytics-calling.webexapis.com/v1/cdr_feed",
            "https://analytics-calling-eu.webexapis.com/v1/cdr_feed",
            "https://analytics-calling-in.webexapis.com/v1/cdr_feed",
            "https://analytics-calling-au.webexapis.com/v1/cdr_feed",
        ] {
            assert!(url(&Environment::Webex, text).is_ok(), "{text}");
            let gov = url(&Environment::WebexGov, text);
            assert_eq!(
                gov.err().map(|error| error.kind),
                Some(Kind::Refused),
                "{text}"
            );
        }
        for gov in [
            "https://api-usgov.webex.com/v1/people/me",
            "https://analytics-calling-gov.webexapis.com/v1/cdr_feed",
        ] {
            assert!(url(&Environment::WebexGov, gov).is_ok(), "{gov}");
            assert!(url(&Environment::Webex, gov).is_err(), "{gov}");
        }
        assert!(url(&Environment::WebexGov, "https://webexapis.com/v1").is_err());
        let custom = Environment::from_api_base("http://127.0.0.1:9/v1").unwrap();
        assert!(url(&custom, "http://127.0.0.1:9/other").is_ok());
        for text in [
            "https://analytics.webexapis.com/v1",
            "https://analytics-calling-gov.webexapis.com/v1",
            "http://127.0.0.1:8/v1",
            "https://127.0.0.1:9/v1",
            "http://localhost:9/v1",
        ] {
            assert!(url(&custom, text).is_err(), "{text}");
        }
    }

    /// AP-01 and more of its kind.
    #[test]
    fn everything_else_is_refused() {
        for text in [
            "https://evil.example/v1/people/me",
            "//evil.example/x",
            "///evil.example/x",
            "https://webexapis.com@evil.example/",
            "https://user:password@webexapis.com/",
            "https://@evil.example",
            "https://webexapis.com.evil.example/",
            "https://webexapis.com./",
            "https://evilwebexapis.com/",
            "https://x.webexapis.com/",
            "https://analytics-.webexapis.com/",
            "https://analytics-gov.webexapis.com/",
            "https://analytics-usgov.webexapis.com/",
            "https://analytics-eu-gov.webexapis.com/",
            "https://analytics-eu-.webexapis.com/",
            "https://analytics-e1.webexapis.com/",
            "https://analytics-calling-gov.webexapis.com/",
            "https://analytics-calling-us.webexapis.com/",
            "https://analytics-calling-.webexapis.com/",
            "https://analytics-calling-gov.webexapis.com:444/",
            "https://analyticsx.webexapis.com/",
            "https://x.analytics.webexapis.com/",
            "https://analytics.webexapis.com.evil.example/",
            "https://analytics.webexapis.com:444/",
            "http://analytics.webexapis.com/",
            "\\\\evil.example/x",
            "/\\evil.example/x",
            "https:\\\\evil.example",
            "https:evil.example",
            "https:/evil.example",
            "https:///evil.example/",
            "http://webexapis.com/v1/people/me",
            "ftp://webexapis.com/v1",
            "javascript:alert(1)",
            "/v1/../..//evil.example",
            "people/%2E./%2e%2E/x",
            "https://webexapis.com:444/",
            "https://webexapis。com.evil.example/",
            "https://[::1]/",
            "https://",
            "people/me#x",
            "people/me\nHost: evil.example",
            "\tpeople/me",
            "",
            "/",
            "?x=y",
        ] {
            assert!(url(&Environment::Webex, text).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #![proptest_config(crate::generated::config())]

        #[test]
        fn a_token_goes_to_the_environments_hosts_whatever_is_asked(
            text in crate::generated::pieces(&[
                "https:", "http:", "HTTPS:", "//", "/", "\\", "webexapis.com", "analytics", "-calling", "-eu", "-gov", ".", "@", ":", ":443",
                ":444", "evil.example", "v1", "people/me", "..", "%2e", "?", "#", "%2F", "%00", "\t", " ", "[::1]", "\u{3002}",
            ]),
            other in crate::generated::text(),
        ) {
            let base = Environment::Webex.api_base().unwrap();
            for text in [text, other] {
                let Ok(target) = Target::parse(&text) else { continue };
                if target.allowed(&Environment::Webex).is_err() {
                    continue;
                }
                let url = target.url(&base);
                let host = url.host_str().unwrap();
                assert_eq!((url.scheme(), url.port()), ("https", None), "{text:?}: {url}");
                assert!(url.username().is_empty() && url.password().is_none(), "{text:?}: {url}");
                let label = host.strip_suffix(".webexapis.com").unwrap_or_default();
                let is_analytics = is_analytics(&Environment::Webex, label);
                assert!(host == "webexapis.com" || is_analytics, "{text:?}: {url}");
                assert!(!host.contains("gov"), "{text:?}: {url}");
                if matches!(target, Target::Below { .. }) {
                    assert!(url.path().starts_with("/v1/"), "{text:?}: {url}");
                }
            }
        }
    }
}
