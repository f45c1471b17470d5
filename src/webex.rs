//! Webex's API: who am I, and any call with the bearer.

mod link;
mod needed;
mod target;

use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, header};
use jiff::Timestamp;
use serde::Deserialize;
use url::Url;

use crate::app::endpoint;
use crate::client::{Answer, Client, Incoming, retry_after};
use crate::connection::Identity;
use crate::error::{Error, Kind, Result};
use crate::json;
use crate::secret::{Secret, tracking_id};

pub use link::next_page;
pub use needed::needed;
pub use target::Target;

/// The longest field of an identity that is kept; Webex's IDs have about 80 characters.
const MAX_FIELD: usize = 1024;

/// What is waited for in all when Webex asks to slow down; longer is for the caller to wait.
const MAX_WAITING: Duration = Duration::from_secs(60);

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
    let answer = client.send(get(base, "people/me", access_token)?).await?;
    match answer.status().as_u16() {
        200 => {}
        403 => return Ok(None),
        _ => return Err(refused(&answer, access_token)),
    }
    let identity = person(answer.body()).map_err(|what| {
        Error::new(Kind::Temporary, format!("people/me {what}")).with_hint(
            "check the `--api-base` of the login and the proxy, then run the same command again",
        )
    })?;
    Ok(Some(identity))
}

/// The identity in the body of a `people/me` response.
///
/// # Errors
/// What is wrong with the body, in words that follow "people/me".
pub fn person(body: &[u8]) -> std::result::Result<Identity, &'static str> {
    let person: Person = json::object(body).ok_or("did not answer with a person")?;
    let short = |text: &String| text.len() <= MAX_FIELD;
    let says = |text: &String| !text.trim().is_empty();
    let emails = person.emails.unwrap_or_default();
    Ok(Identity {
        id: Some(person.id)
            .filter(short)
            .ok_or("answered with an endless id")?,
        display_name: person.display_name.filter(short).filter(says),
        email: emails.into_iter().find(says).filter(short),
        org_id: person.org_id.filter(short),
        kind: person.kind.filter(short),
    })
}

/// Whether a call is a GET of `people/me` below this API base.
pub fn is_people_me(call: &Call, base: &Url) -> bool {
    let mut url = call.url.clone();
    url.set_query(None);
    call.method == Method::GET && url == endpoint(base, "people/me")
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
    let request = get(base, "authorizations/tokenExpiry", access_token)?;
    let answer = client.send(request).await?;
    let expiry: Option<Expiry> = json::object(answer.body());
    let told = expiry.filter(|_| answer.status() == 200);
    Ok(told.and_then(|expiry| Timestamp::from_second(expiry.exp.div_euclid(1000)).ok()))
}

fn get(base: &Url, path: &str, access_token: &Secret) -> Result<http::Request<Vec<u8>>> {
    http::Request::get(endpoint(base, path).as_str())
        .header(header::AUTHORIZATION, bearer(access_token)?)
        .header(header::ACCEPT, "application/json")
        .body(Vec::new())
        .map_err(|_| {
            Error::new(Kind::Failure, format!("the address of {path} is not a URL"))
                .with_hint("check the `--api-base` of the login")
        })
}

/// What it means that `people/me` gives nobody.
fn refused(answer: &Answer, access_token: &Secret) -> Error {
    let error = match answer.status().as_u16() {
        401 => Error::new(Kind::SignIn, "Webex refused the access token (401)")
            .with_hint("log in again with `webex-connect login`"),
        status => Error::new(Kind::Temporary, format!("people/me answered {status}"))
            .with_hint("run the same command again in a minute"),
    };
    let id = answer.headers().get("trackingid");
    let id = id.and_then(|id| id.to_str().ok());
    // Whoever was sent the token could send it back.
    let secrets = std::slice::from_ref(access_token);
    error.with_tracking_id(id.and_then(|id| tracking_id(id, secrets)))
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
    let mut bearer =
        HeaderValue::try_from(format!("Bearer {}", access_token.expose())).map_err(|_| {
            Error::new(Kind::Failure, "the access token does not fit into a header")
                .with_hint("get another one with `webex-connect login`")
        })?;
    bearer.set_sensitive(true);
    Ok(bearer)
}
