//! What a request looks like in the log: names in full, secrets never.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::http::Request;
use crate::sandbox::answer::Answer;
use crate::sandbox::client;
use crate::sandbox::params::Params;

/// Parameters shown with their value.
const SHOWN: [&str; 14] = [
    "client_id",
    "code_challenge_method",
    "decision",
    "email",
    "grant_type",
    "login_hint",
    "max",
    "person",
    "prompt",
    "redirect_uri",
    "response_type",
    "scope",
    "token_type_hint",
    "type",
];
/// Parameters shown by name alone.
const MASKED: [&str; 12] = [
    "access_token",
    "client_secret",
    "code",
    "code_challenge",
    "code_verifier",
    "device_code",
    "refresh_token",
    "request",
    "state",
    "token",
    "userCode",
    "user_code",
];
/// Stands for a value, and for a name that is neither shown nor masked: a token in the wrong place is a name too.
const MASK: &str = "…";

/// One request as a JSON value.
pub fn entry(request: &Request, answer: &Answer, now: Timestamp) -> Value {
    let sent: Vec<Params> = [Some(Params::of_query(request)), Params::of_form(request)]
        .into_iter()
        .flatten()
        .collect();
    let mut entry = Map::new();
    entry.insert("time".to_owned(), json!(now.to_string()));
    entry.insert("method".to_owned(), json!(request.method));
    entry.insert("path".to_owned(), json!(request.path()));
    entry.insert("status".to_owned(), json!(answer.response.status()));
    for name in ["client_id", "grant_type", "scope"] {
        let values = all(&sent, name);
        if !values.is_empty() {
            entry.insert(name.to_owned(), json!(values));
        }
    }
    if let Some(basic) = client::basic(request) {
        entry.insert("client_id".to_owned(), json!(basic.client_id));
    }
    if let Some(error) = &answer.error {
        entry.insert("error".to_owned(), json!(error));
    }
    entry.insert("params".to_owned(), masked(request, &sent));
    Value::Object(entry)
}

/// Every value of a name: the consent page sends a `scope` for each box that is ticked.
fn all(sent: &[Params], name: &str) -> String {
    let values = sent.iter().flat_map(|params| params.all(name));
    values.collect::<Vec<_>>().join(" ")
}

fn masked(request: &Request, sent: &[Params]) -> Value {
    let mut masked = Map::new();
    for (name, _) in sent.iter().flat_map(Params::iter) {
        let (name, value) = if SHOWN.contains(&name) {
            (name, all(sent, name))
        } else if MASKED.contains(&name) {
            (name, MASK.to_owned())
        } else {
            (MASK, MASK.to_owned())
        };
        masked.insert(name.to_owned(), json!(value));
    }
    if request.header("Authorization").is_some() {
        masked.insert("Authorization".to_owned(), json!(MASK));
    }
    Value::Object(masked)
}
