//! The wire as `-v` shows it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use crate::client::Answer;
use crate::secret::{Secret, tracking_id};

/// Fields of a token request that are no secret.
const OPEN: [&str; 4] = ["grant_type", "client_id", "redirect_uri", "scope"];

/// A request as `-v` shows it: the fields of a token request by name, with the values of those that are no secret;
/// no other body, and no query.
pub fn shown(request: &http::Request<Vec<u8>>) -> String {
    let fields = fields(request).map(|(name, value)| {
        let value = if OPEN.contains(&name.as_ref()) {
            value
        } else {
            "…".into()
        };
        format!(" {name}={value}")
    });
    let uri = request.uri();
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let scheme = uri.scheme_str().unwrap_or_default();
    format!(
        "> {} {scheme}://{authority}{}{}",
        request.method(),
        uri.path(),
        fields.collect::<String>()
    )
}

fn fields(request: &http::Request<Vec<u8>>) -> url::form_urlencoded::Parse<'_> {
    const FORM: &[u8] = b"application/x-www-form-urlencoded";
    let content_type = request.headers().get(http::header::CONTENT_TYPE);
    let is_form = content_type.is_some_and(|content_type| content_type.as_bytes() == FORM);
    url::form_urlencoded::parse(if is_form { request.body() } else { &[] })
}

/// What a request sends that must not come back to be seen: its form's secrets and its credentials.
pub fn secrets(request: &http::Request<Vec<u8>>) -> Vec<Secret> {
    let fields = fields(request).filter(|(name, _)| !OPEN.contains(&name.as_ref()));
    let mut secrets: Vec<Secret> = fields.map(|(_, value)| Secret::new(value)).collect();
    let authorization = request.headers().get(http::header::AUTHORIZATION);
    let credentials = authorization.and_then(|value| value.to_str().ok()?.split_once(' '));
    if let Some((_, credentials)) = credentials {
        secrets.push(Secret::new(credentials));
        let pair = BASE64_STANDARD.decode(credentials).unwrap_or_default();
        let pair = String::from_utf8(pair).unwrap_or_default();
        // A form value as in RFC 6749 §2.3.1, which comes without its name.
        let password = pair.split_once(':').map_or("", |(_, password)| password);
        let decoded = url::form_urlencoded::parse(password.as_bytes());
        secrets.extend(decoded.map(|(password, _)| Secret::new(password)));
    }
    secrets
}

/// What an answer brings that is a secret from then on.
pub fn given(answer: &Answer) -> Vec<Secret> {
    let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    let names = ["access_token", "refresh_token", "device_code"];
    let given = names.iter().filter_map(|name| body[name].as_str());
    given.map(Secret::new).collect()
}

/// The number Cisco support asks for, where the server sent it as a header.
pub fn tracking(headers: &http::HeaderMap, secrets: &[Secret]) -> String {
    let id = headers.get("trackingid").and_then(|id| id.to_str().ok());
    id.and_then(|id| tracking_id(id, secrets))
        .map(|id| format!(", tracking id {id}"))
        .unwrap_or_default()
}
