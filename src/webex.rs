//! Webex's API: who am I, and any call with the bearer.

mod link;
mod needed;
mod target;

use std::time::Duration;

use jiff::Timestamp;
use oauth2::http::{self, HeaderMap, HeaderValue, Method, header};
use serde::Deserialize;
use url::Url;

use crate::app::endpoint;
use crate::client::{Client, Incoming};
use crate::connection::Identity;
use crate::error::{Error, Kind, Result};
use crate::json;
use crate::secret::Secret;

pub use link::next_page;
pub use needed::needed;
pub use target::Target;

/// The longest field of an identity that is kept; Webex's IDs have about 80 characters.
const MAX_FIELD: usize = 1024;

/// What is waited for in all when Webex asks to slow down; longer is for the caller to wait.
const MAX_WAITING: Duration = Duration::from_secs(60);
/// Where a 429 does not say how long, or in no number of seconds: what Webex's own SDKs take.
const DEFAULT_WAIT: Duration = Duration::from_secs(15);

/// Only what is needed of `people/me`: the specification shows its booleans as strings, so they stay unread.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Person {
    id: String,
    display_name: Option<String>,
    emails: Option<Vec<String>>,
    org_id: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// Who the access token belongs to. `None` where the token may not ask (403: it needs `spark:people_read`).
///
/// # Errors
/// [`Kind::SignIn`] if the token is not accepted; the network failed, or the answer is no person.
pub async fn people_me(
    client: &Client,
    base: &Url,
    access_token: &Secret,
) -> Result<Option<Identity>> {
    let request = http::Request::get(endpoint(base, "people/me").as_str())
        .header(header::AUTHORIZATION, bearer(access_token)?)
        .header(header::ACCEPT, "application/json")
        .body(Vec::new())
        .map_err(|_| Error::new(Kind::Failure, "the address of people/me is not a URL"))?;
    let answer = client.send(request).await?;
    match answer.status().as_u16() {
        200 => {}
        401 => {
            return Err(Error::new(
                Kind::SignIn,
                "Webex refused the access token (401)",
            ));
        }
        403 => return Ok(None),
        status => {
            return Err(Error::new(
                Kind::Temporary,
                format!("people/me answered {status}"),
            ));
        }
    }
    let person: Person = json::object(answer.body())
        .ok_or_else(|| Error::new(Kind::Temporary, "people/me did not answer with a person"))?;
    let short = |text: &String| text.len() <= MAX_FIELD;
    let says = |text: &String| !text.trim().is_empty();
    let emails = person.emails.unwrap_or_default();
    Ok(Some(Identity {
        id: Some(person.id)
            .filter(short)
            .ok_or_else(|| Error::new(Kind::Temporary, "people/me answered with an endless id"))?,
        display_name: person.display_name.filter(short).filter(says),
        email: emails.into_iter().find(says).filter(short),
        org_id: person.org_id.filter(short),
        kind: person.kind.filter(short),
    }))
}

/// When the access token ends, by Webex's own account: in milliseconds, where OAuth counts seconds. `None` where it
/// does not tell.
///
/// # Errors
/// The network failed.
pub async fn token_expiry(
    client: &Client,
    base: &Url,
    access_token: &Secret,
) -> Result<Option<Timestamp>> {
    #[derive(Deserialize)]
    struct Expiry {
        exp: i64,
    }
    let request = http::Request::get(endpoint(base, "authorizations/tokenExpiry").as_str())
        .header(header::AUTHORIZATION, bearer(access_token)?)
        .header(header::ACCEPT, "application/json")
        .body(Vec::new())
        .map_err(|_| Error::new(Kind::Failure, "the address of tokenExpiry is not a URL"))?;
    let answer = client.send(request).await?;
    let expiry: Option<Expiry> = json::object(answer.body());
    let told = expiry.filter(|_| answer.status() == 200);
    Ok(told.and_then(|expiry| Timestamp::from_second(expiry.exp.div_euclid(1000)).ok()))
}

/// A request of the person's own. Where it may go was decided when its URL was made.
#[derive(Clone)]
pub struct Call {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// Sends a call with the bearer. When Webex asks to slow down (429) it is sent again, after a wait that `waiting` is
/// told of, a minute in all.
///
/// # Errors
/// The network failed. A refusal by Webex is an answer, and so is the 429 that asks for too long a wait.
pub async fn call(
    client: &Client,
    call: &Call,
    access_token: &Secret,
    waiting: impl Fn(Duration),
) -> Result<Incoming> {
    let mut left = MAX_WAITING;
    loop {
        let answer = client.open(request(call, access_token)?).await?;
        let wait = retry_after(answer.headers());
        if answer.status() != http::StatusCode::TOO_MANY_REQUESTS || wait > left {
            return Ok(answer);
        }
        left -= wait;
        waiting(wait);
        tokio::time::sleep(wait).await;
    }
}

/// How long to wait after a 429.
pub fn retry_after(headers: &HeaderMap) -> Duration {
    named_wait(headers).unwrap_or(DEFAULT_WAIT)
}

/// `Retry-After` in seconds, at least one (RFC 9110 §10.2.3). Webex sends no dates.
pub fn named_wait(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    let seconds: u64 = seconds.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.max(1)))
}

fn request(call: &Call, access_token: &Secret) -> Result<http::Request<Vec<u8>>> {
    let mut request = http::Request::new(call.body.clone());
    *request.method_mut() = call.method.clone();
    *request.uri_mut() = call.url.as_str().parse().map_err(|_| {
        Error::new(
            Kind::Usage,
            "the path and its query are too long for a request",
        )
        .with_hint("send what is long in a body, with `-X POST` and `--input FILE`")
    })?;
    *request.headers_mut() = call.headers.clone();
    let bearer = bearer(access_token)?;
    request.headers_mut().insert(header::AUTHORIZATION, bearer);
    Ok(request)
}

fn bearer(access_token: &Secret) -> Result<HeaderValue> {
    let mut bearer = HeaderValue::try_from(format!("Bearer {}", access_token.expose()))
        .map_err(|_| Error::new(Kind::Failure, "the access token does not fit into a header"))?;
    bearer.set_sensitive(true);
    Ok(bearer)
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
            let mut headers = HeaderMap::new();
            if let Some(value) = value {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static(value));
            }
            assert_eq!(retry_after(&headers).as_secs(), seconds, "{value:?}");
        }
    }

    proptest::proptest! {
        #![proptest_config(crate::generated::config())]

        #[test]
        fn a_wait_is_at_least_a_second(value in proptest::collection::vec(0x20_u8..0x7f, 0..30), seconds: u64) {
            for value in [value, seconds.to_string().into_bytes()] {
                let mut headers = HeaderMap::new();
                headers.insert(header::RETRY_AFTER, HeaderValue::from_bytes(&value).unwrap());
                assert!(retry_after(&headers) >= Duration::from_secs(1));
            }
        }
    }
}
