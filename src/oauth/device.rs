//! The device grant (RFC 8628) with Webex's differences: the client is told as Basic, and a wait as HTTP 428.

use std::time::Duration;

use http::header::{self, HeaderValue};
use jiff::Timestamp;
use serde::Deserialize;
use url::{Url, form_urlencoded};

use crate::app::{App, endpoint, is_loopback};
use crate::client::{Answer, Client, retry_after};
use crate::error::{Error, Kind, Result};
use crate::json;
use crate::moment::now;
use crate::oauth::answer::{Granted, TokenAnswer, bad_answer, lifetime};
use crate::oauth::basic::basic;
use crate::oauth::refusal::Refusal;
use crate::oauth::{Cures, Purpose};
use crate::scope::ScopeSet;
use crate::secret::Secret;

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// The longest device code and address taken; Webex's have about a hundred characters.
const MAX_TEXT: usize = 2048;
/// The longest user code taken. People type it; Webex has six digits, RFC 8628 §6.1 advises eight letters.
const MAX_USER_CODE: usize = 32;
/// Seconds between two polls where the answer does not say (RFC 8628 §3.2).
const INTERVAL: u64 = 5;
/// Seconds between two polls at most, whatever an answer says; within it a person's patience ends.
const MAX_INTERVAL: u64 = 60;
/// Seconds that a device code holds where the answer does not say: what Webex says.
const EXPIRES_IN: u64 = 300;

/// The codes of RFC 8628 §3.5 and RFC 6749 §5.2 after which no answer comes.
const OVER: [&str; 3] = ["expired_token", "access_denied", "invalid_grant"];

/// A sign-in that waits for its person. All of it but the device code is to be shown, and fit to be.
pub struct Device {
    device_code: Secret,
    pub user_code: String,
    pub verification_uri: Url,
    pub verification_uri_complete: Option<Url>,
    /// In seconds.
    pub expires_in: u64,
    /// In seconds, between two polls.
    pub interval: u64,
}

/// What a poll brought.
pub enum Polled {
    Granted(Granted),
    /// The person has not decided yet.
    Pending,
    /// The same, and five seconds are to be added to the interval (RFC 8628 §3.5).
    SlowDown,
    /// Webex can't answer before so long.
    Later(Duration),
    /// The network or Webex failed for the moment.
    Trouble(Error),
}

/// RFC 8628 §3.2. Webex's member names are the RFC's.
#[derive(Deserialize)]
struct DeviceAnswer {
    device_code: Secret,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: Option<String>,
    #[serde(default, deserialize_with = "lifetime")]
    expires_in: Option<u64>,
    #[serde(default, deserialize_with = "lifetime")]
    interval: Option<u64>,
}

/// Asks for a device code (RFC 8628 §3.1). No secret is sent.
///
/// # Errors
/// Webex refused or did not answer, or the answer names what can't be shown to a person.
pub async fn begin(
    client: &Client,
    base: &Url,
    app: &App,
    scopes: &ScopeSet,
    cures: &Cures,
) -> Result<Device> {
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("client_id", &app.client_id)
        .append_pair("scope", &scopes.to_string())
        .finish();
    let request = post(&endpoint(base, "device/authorize"), None, form)?;
    let answer = client.send(request).await?;
    if answer.status() != 200 {
        let secrets = [app.client_secret.clone()];
        return Err(Refusal::read(&answer, &secrets).into_error(Purpose::Device(cures)));
    }
    // serde_json's own text may quote the device code.
    let answer: DeviceAnswer = json::object(answer.body())
        .ok_or_else(|| unusable(Kind::Temporary, "it is not a device's"))?;
    Device::read(answer, is_loopback(base))
}

impl Device {
    fn read(answer: DeviceAnswer, on_loopback: bool) -> Result<Device> {
        let device_code = answer.device_code.expose();
        if !is_printable(device_code, MAX_TEXT) {
            return Err(unusable(
                Kind::Temporary,
                "its device_code is not printable ASCII",
            ));
        }
        let letters = answer.user_code.replace(' ', "");
        if answer.user_code.len() > MAX_USER_CODE || !is_printable(&letters, MAX_USER_CODE) {
            return Err(unusable(
                Kind::Refused,
                "its user_code is nothing a person could type",
            ));
        }
        let address = |text: &str| {
            let refused = || unusable(Kind::Refused, "its address is none to send a person to");
            address(text, on_loopback).ok_or_else(refused)
        };
        Ok(Device {
            verification_uri: address(&answer.verification_uri)?,
            verification_uri_complete: answer
                .verification_uri_complete
                .as_deref()
                .map(address)
                .transpose()?,
            user_code: answer.user_code,
            expires_in: answer.expires_in.unwrap_or(EXPIRES_IN),
            interval: answer.interval.unwrap_or(INTERVAL).clamp(1, MAX_INTERVAL),
            device_code: answer.device_code,
        })
    }

    /// Asks once whether the person has decided (RFC 8628 §3.4).
    ///
    /// # Errors
    /// There is no use in asking again: the code is refused, denied or expired, or the answer can't be used.
    pub async fn poll(
        &self,
        client: &Client,
        base: &Url,
        app: &App,
        cures: &Cures,
    ) -> Result<Polled> {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", GRANT_TYPE)
            .append_pair("device_code", self.device_code.expose())
            .append_pair("client_id", &app.client_id)
            .finish();
        let request = post(&endpoint(base, "device/token"), Some(basic(app)?), form)?;
        match client.send(request).await {
            Ok(answer) => {
                let secrets = [self.device_code.clone(), app.client_secret.clone()];
                read(&answer, &secrets, cures, now())
            }
            Err(error) if error.kind == Kind::Temporary => Ok(Polled::Trouble(error)),
            Err(error) => Err(error),
        }
    }
}

/// A poll's answer. Webex's words for a wait stand in either of its error shapes, or elsewhere.
fn read(answer: &Answer, secrets: &[Secret], cures: &Cures, now: Timestamp) -> Result<Polled> {
    let status = answer.status().as_u16();
    let tokens = json::object::<TokenAnswer>(answer.body());
    if let (200, Some(tokens)) = (status, tokens) {
        return tokens.into_granted(now).map(Polled::Granted);
    }
    // Where the code says that it is over, no word beside it says otherwise.
    let refusal = Refusal::read(answer, secrets);
    if matches!(status, 400 | 401 | 403) && refusal.code().is_some_and(|code| OVER.contains(&code))
    {
        return Err(ended(refusal, cures));
    }
    let text = String::from_utf8_lossy(answer.body());
    if text.contains("slow_down") {
        return Ok(Polled::SlowDown);
    }
    if status == 429 {
        return Ok(Polled::Later(retry_after(answer.headers())));
    }
    if status == 428 || text.contains("authorization_pending") {
        return Ok(Polled::Pending);
    }
    match status {
        200 => Err(bad_answer("it is not a token set")),
        408 | 500.. => Ok(Polled::Trouble(refusal.into_error(Purpose::Device(cures)))),
        _ => Err(ended(refusal, cures)),
    }
}

/// The codes of RFC 8628 §3.5 that end it, and those of any token endpoint.
fn ended(refusal: Refusal, cures: &Cures) -> Error {
    let (kind, message) = match refusal.code() {
        Some("expired_token") => (
            Kind::TimedOut,
            "the code has expired: nobody finished the sign-in in time",
        ),
        Some("access_denied") => (Kind::Denied, "the request was refused on Webex's page"),
        Some("invalid_grant") => (
            Kind::SignIn,
            "Webex does not take the device code any more: it was used or withdrawn",
        ),
        _ => return refusal.into_error(Purpose::Device(cures)),
    };
    refusal.told_with(Error::new(kind, message))
}

fn post(
    endpoint: &Url,
    client: Option<HeaderValue>,
    form: String,
) -> Result<http::Request<Vec<u8>>> {
    let mut request = http::Request::post(endpoint.as_str())
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    if let Some(client) = client {
        request = request.header(header::AUTHORIZATION, client);
    }
    request.body(form.into_bytes()).map_err(|_| {
        Error::new(
            Kind::Failure,
            "an endpoint of this environment is not a URL",
        )
    })
}

/// An address that a person may be sent to: https, or http on this machine where the API base is there too. What a
/// parser would quietly take out or encode is refused, and so is a name before the host.
fn address(text: &str, on_loopback: bool) -> Option<Url> {
    let url = Url::parse(Some(text).filter(|text| is_printable(text, MAX_TEXT))?).ok()?;
    let is_allowed =
        url.scheme() == "https" || (on_loopback && url.scheme() == "http" && is_loopback(&url));
    let is_bare = url.username().is_empty() && url.password().is_none();
    (is_allowed && is_bare).then_some(url)
}

fn is_printable(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

fn unusable(kind: Kind, what: &str) -> Error {
    let message = format!("the answer to the device's request can't be used: {what}");
    Error::new(kind, message).with_hint("nothing was stored; run the same command again")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(changes: &[(&str, &str)]) -> Option<Device> {
        let mut answer = serde_json::json!({
            "device_code": "d",
            "user_code": "729703",
            "verification_uri": "https://helper.example/verify",
        });
        for (name, value) in changes {
            answer[name] = serde_json::from_str(value).unwrap();
        }
        let answer = serde_json::from_value(answer).ok()?;
        Device::read(answer, false).ok()
    }

    #[test]
    fn intervals_are_bounded_and_five_without_one() {
        let interval = |value| Some(device(&[("interval", value)])?.interval);
        assert_eq!(device(&[]).unwrap().interval, 5);
        for (value, seconds) in [
            ("null", 5),
            ("0", 1),
            ("1", 1),
            ("2", 2),
            ("\"2\"", 2),
            ("60", 60),
            ("61", 60),
            ("1e300", 60),
        ] {
            assert_eq!(interval(value), Some(seconds), "{value}");
        }
        assert_eq!(interval("-1"), None);
    }

    #[test]
    fn what_a_person_is_shown_is_fit_for_it() {
        for (name, value) in [
            ("device_code", r#""""#),
            ("device_code", r#""a b""#),
            ("user_code", r#""""#),
            ("user_code", r#"" ""#),
            ("user_code", r#""AB\r\nCD""#),
            ("user_code", r#""\u001b]0;x\u0007""#),
            ("user_code", r#""\u202e123""#),
            ("user_code", "729703"),
            ("verification_uri", r#""http://helper.example/verify""#),
            ("verification_uri", r#""http://127.0.0.1:1/verify""#),
            ("verification_uri", r#""javascript:alert(1)""#),
            ("verification_uri", r#""https://webex.com@evil.example""#),
            ("verification_uri", r#""https://legit.example/\u001b[2K""#),
            ("verification_uri", r#""https://legit.example/\n""#),
            ("verification_uri", r#""https://l\u00e9git.example""#),
            ("verification_uri_complete", r#""file:///etc/passwd""#),
            ("verification_uri_complete", r#""""#),
        ] {
            assert!(device(&[(name, value)]).is_none(), "{name} {value}");
        }
        let flood = format!("\"729{}703\"", " ".repeat(900_000));
        assert!(device(&[("user_code", &flood)]).is_none());
        assert!(device(&[("user_code", r#""729 703""#)]).is_some());
        let long = format!("\"https://helper.example/{}\"", "x".repeat(MAX_TEXT));
        assert!(device(&[("verification_uri", &long)]).is_none());
        let device = device(&[("user_code", r#""WDJB-MJHT""#)]).unwrap();
        assert_eq!(device.user_code, "WDJB-MJHT");
        assert_eq!(device.verification_uri_complete, None);
    }

    #[test]
    fn http_is_for_this_machine_alone() {
        assert!(address("http://127.0.0.1:1/verify", true).is_some());
        assert!(address("http://helper.example/verify", true).is_none());
    }

    fn polled(status: u16, body: &str) -> Result<Polled> {
        let answer = http::Response::builder().status(status);
        let answer = answer.body(body.as_bytes().to_vec()).unwrap();
        let cures = Cures {
            mend_client: String::new(),
            again: String::new(),
        };
        read(
            &answer,
            &[Secret::new("c0de")],
            &cures,
            Timestamp::UNIX_EPOCH,
        )
    }

    #[test]
    fn a_wait_is_a_wait_in_whatever_words() {
        for (status, body) in [
            (428, ""),
            (428, "<html>"),
            (400, r#"{"error":"authorization_pending"}"#),
            (
                428,
                r#"{"errors":[{"description":"authorization_pending"}]}"#,
            ),
            (403, "authorization_pending"),
            (503, "authorization_pending"),
            (200, r#"{"error":"authorization_pending"}"#),
        ] {
            let polled = polled(status, body);
            assert!(matches!(polled, Ok(Polled::Pending)), "{status} {body}");
        }
        for status in [400, 428, 429] {
            let polled = polled(status, r#"{"error":"slow_down"}"#);
            assert!(matches!(polled, Ok(Polled::SlowDown)), "{status}");
        }
        assert!(matches!(
            polled(429, "authorization_pending"),
            Ok(Polled::Later(wait)) if wait.as_secs() == 15
        ));
        for status in [408, 500, 503] {
            let polled = polled(status, "");
            assert!(matches!(polled, Ok(Polled::Trouble(_))), "{status}");
        }
    }

    #[test]
    fn what_is_no_wait_ends_it() {
        let kind = |status, body| polled(status, body).err().map(|error| error.kind);
        for (status, body, expected) in [
            (400, r#"{"error":"expired_token"}"#, Kind::TimedOut),
            (
                400,
                r#"{"error":"expired_token","error_description":"do not slow_down"}"#,
                Kind::TimedOut,
            ),
            (400, r#"{"error":"access_denied"}"#, Kind::Denied),
            (400, r#"{"error":"invalid_grant"}"#, Kind::SignIn),
            (400, r#"{"error":"weird"}"#, Kind::Failure),
            (400, "", Kind::Failure),
            (401, "", Kind::App),
            (302, "", Kind::Refused),
            (200, "{}", Kind::Temporary),
            (200, r#"{"access_token":"a b"}"#, Kind::Temporary),
        ] {
            assert_eq!(kind(status, body), Some(expected), "{status} {body}");
        }
        let error = polled(400, r#"{"error":"weird","error_description":"c0de"}"#);
        let text = error.err().map(|error| error.to_string());
        assert!(text.is_some_and(|text| !text.contains("c0de")));
    }
}
