//! What a refusal of the API means, and what to do about it.

use serde_json::Value;
use url::Url;

use crate::client::{Incoming, retry_after};
use crate::connection::Connection;
use crate::error::{Error, Kind, foreign};
use crate::secret::{redact, tracking_id};
use crate::session;
use crate::webex::{self, Call};

/// `words` is the start of the body.
pub fn refusal(
    connection: &Connection,
    base: &Url,
    call: &Call,
    answer: &Incoming,
    words: &[u8],
) -> Error {
    let asked = format!("{} {}", call.method, foreign(call.url.path()));
    let code = answer.status().as_u16();
    let error = match code {
        401 => Error::new(
            Kind::SignIn,
            format!(
                "Webex refused the access token of {} (401)",
                connection.name
            ),
        )
        .with_hint(session::sign_in(connection)),
        403 => forbidden(connection, base, call, &asked),
        404 => Error::new(Kind::Failure, format!("there is no {asked} (404)")).with_hint(
            "check the path and the IDs in it; what an account may not see is not there for it",
        ),
        429 => {
            let wait = retry_after(answer.headers()).as_secs();
            Error::new(Kind::Temporary, "Webex asks to slow down (429)")
                .with_hint(format!("run the same command again in {wait} s"))
        }
        500.. => Error::new(Kind::Temporary, format!("Webex failed at {asked} ({code})"))
            .with_hint("run the same command again in a minute"),
        304 => Error::new(Kind::Failure, format!("{asked} has not changed (304)"))
            .with_hint("leave out the `If-None-Match` or `If-Modified-Since` header"),
        300..=399 => redirect(code, answer),
        _ => Error::new(Kind::Failure, format!("Webex refused {asked} ({code})")).with_hint(
            "compare what `-v` shows of the request with https://developer.webex.com/docs",
        ),
    };
    let said = Said::read(connection, answer, words);
    let error = match &said.description {
        Some(description) => error.with_detail(description),
        None => error,
    };
    error.with_tracking_id(said.tracking_id)
}

fn redirect(code: u16, answer: &Incoming) -> Error {
    let location = answer.headers().get("location");
    let location = location.and_then(|location| Url::parse(location.to_str().ok()?).ok());
    let to = location.map(|url| format!(" to {}", foreign(&url.origin().ascii_serialization())));
    let message = format!(
        "Webex answered with a redirect{} ({code}), which is never followed",
        to.unwrap_or_default()
    );
    Error::new(Kind::Refused, message)
        .with_hint("check the path, `--api-base` of the login, and the proxy")
}

/// Webex does not tell a missing scope from a missing role or licence; what was granted tells as far as it can.
fn forbidden(connection: &Connection, base: &Url, call: &Call, asked: &str) -> Error {
    let name = &connection.name;
    let below = call
        .url
        .path()
        .strip_prefix(base.path().trim_end_matches('/'));
    let needed = webex::needed(&call.method, below.unwrap_or_default());
    let granted = needed
        .iter()
        .find(|scope| connection.grant.granted.contains(scope));
    match (granted, needed.first()) {
        (Some(scope), _) => Error::new(
            Kind::Scope,
            format!("Webex refused {asked} (403) although {name} has the scope {scope}"),
        )
        .with_hint("the account lacks a role or a licence for it: ask your Webex administrator"),
        (None, Some(likeliest)) => Error::new(
            Kind::Scope,
            format!(
                "Webex refused {asked} (403), and {name} lacks the scope {}",
                needed.join(" or ")
            ),
        )
        .with_hint(session::more_scopes(connection, likeliest)),
        (None, None) => Error::new(
            Kind::Scope,
            format!("Webex refused {asked} (403): a scope, a role or a licence is missing"),
        )
        .with_hint(format!(
            "`webex-connect status {name}` shows the scopes there are; if another is needed, {}",
            session::more_scopes(connection, "SCOPE")
        )),
    }
}

/// What Webex says itself, in any of its shapes, without the token should it come back.
struct Said {
    description: Option<String>,
    tracking_id: Option<String>,
}

impl Said {
    fn read(connection: &Connection, answer: &Incoming, words: &[u8]) -> Said {
        let secrets = [connection.tokens.access_token.clone()];
        let body: Value = serde_json::from_slice(words).unwrap_or_default();
        let first = |pointers: &[&str]| {
            let mut texts = pointers.iter().filter_map(|at| body.pointer(at)?.as_str());
            texts.next()
        };
        let header = answer.headers().get("trackingid");
        let header = header.and_then(|id| id.to_str().ok());
        Said {
            description: first(&[
                "/message",
                "/errors/0/description",
                "/error_description",
                "/error",
                "/detail",
            ])
            .map(|text| redact(text, &secrets)),
            tracking_id: header
                .or_else(|| first(&["/trackingId", "/trackingID"]))
                .and_then(|id| tracking_id(id, &secrets)),
        }
    }
}
