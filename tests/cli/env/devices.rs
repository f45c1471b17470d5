//! The scripted server's side of the device grant (RFC 8628).

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::authority::{Request, holds};
use super::{CLIENT_ID, CLIENT_SECRET, Reply};

pub const DEVICE: &str = "/v1/device/authorize";
pub const POLL: &str = "/v1/device/token";
/// Goes to the program and to nobody else.
pub const DEVICE_CODE: &str = "wxdc-canary-93e1f5a7702c4bd8";

/// What a device is told, and when it asked.
#[derive(Default)]
pub struct Devices {
    first: Option<Reply>,
    polls: VecDeque<Reply>,
    asked: Vec<Instant>,
}

impl Devices {
    /// The last answer to a poll holds for good.
    pub fn new(first: Reply, polls: impl IntoIterator<Item = Reply>) -> Devices {
        Devices {
            first: Some(first),
            polls: polls.into_iter().collect(),
            asked: Vec::new(),
        }
    }

    pub fn begins(&mut self) -> Reply {
        self.asked.push(Instant::now());
        self.first.clone().unwrap_or_else(unscripted)
    }

    pub fn polls(&mut self) -> Reply {
        self.asked.push(Instant::now());
        let reply = match self.polls.len() {
            0 | 1 => self.polls.front().cloned(),
            _ => self.polls.pop_front(),
        };
        reply.unwrap_or_else(unscripted)
    }

    /// The time between a request of the device's and the one before it.
    pub fn gaps(&self) -> Vec<Duration> {
        let pairs = self.asked.windows(2);
        pairs.map(|pair| pair[1] - pair[0]).collect()
    }
}

fn unscripted() -> Reply {
    Reply::status(418, "unscripted")
}

/// The answer to a device's first request, with more members.
pub fn begun(members: &str) -> Reply {
    Reply::status(
        200,
        &format!(
            r#"{{"device_code":"{DEVICE_CODE}","user_code":"729703","verification_uri":"https://helper.example/verify"{members}}}"#
        ),
    )
}

/// No secret is sent with it.
pub fn judge_first(request: &Request) -> Result<(), String> {
    is_form(request)?;
    let bare = request.headers("authorization").is_empty();
    holds("no Authorization", bare)?;
    let form = request.form();
    let names: Vec<_> = form.keys().map(String::as_str).collect();
    holds("these fields alone", names == ["client_id", "scope"])?;
    holds("the client", form["client_id"] == CLIENT_ID)
}

pub fn judge_poll(request: &Request) -> Result<(), String> {
    is_form(request)?;
    let client = BASE64_STANDARD.encode(format!("{CLIENT_ID}:{CLIENT_SECRET}"));
    let basic = format!("Basic {client}");
    let right = request.headers("authorization") == [basic.as_str()];
    holds("the client as Basic, once", right)?;
    let expected = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("device_code", DEVICE_CODE),
        ("client_id", CLIENT_ID),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let exactly = request.form() == BTreeMap::from(expected);
    holds("exactly these fields", exactly)
}

fn is_form(request: &Request) -> Result<(), String> {
    let form = ["application/x-www-form-urlencoded"];
    holds("the content type", request.headers("content-type") == form)
}
