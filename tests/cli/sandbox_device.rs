//! The sandbox's device grant (RFC 8628), where it is Webex's and where it is stricter.

use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use crate::env::process::{Process, Stream};
use crate::env::{
    Answer, CLIENT_ID, CLIENT_SECRET, ConsentForm, Env, HELPERS, OTHER_CLIENT, Peer, http,
};

const FORM: &str = "application/x-www-form-urlencoded";
const CLIENT: (&str, &str) = (CLIENT_ID, CLIENT_SECRET);
const SCOPE: &str = "spark:people_read spark:rooms_read";

/// A peer that is a device.
struct Device(Peer);

impl Device {
    fn start(options: &[&str]) -> Device {
        Device(Peer::start(options))
    }

    fn post(&self, path: &str, client: Option<(&str, &str)>, form: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let basic = client.map(|(id, secret)| BASE64_STANDARD.encode(format!("{id}:{secret}")));
        let basic = basic.map(|basic| format!("Basic {basic}"));
        let mut headers = vec![("Content-Type", FORM)];
        headers.extend(basic.as_deref().map(|basic| ("Authorization", basic)));
        self.0.send("POST", &self.0.url(path), &headers, &body)
    }

    fn begin_as(&self, client_id: &str) -> Value {
        let form = [("client_id", client_id), ("scope", SCOPE)];
        let answer = self.post("device/authorize", None, &form);
        assert_eq!(answer.status, 200, "{answer}");
        answer.json()
    }

    fn begin(&self) -> Value {
        self.begin_as(CLIENT_ID)
    }

    fn poll(&self, begun: &Value) -> Answer {
        self.poll_as(CLIENT, text(begun, "device_code"))
    }

    fn poll_as(&self, client: (&str, &str), device_code: &str) -> Answer {
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("device_code", device_code),
            ("client_id", client.0),
        ];
        self.post("device/token", Some(client), &form)
    }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    match value[name].as_str() {
        Some(text) => text,
        None => panic!("no {name}: {value}"),
    }
}

fn complete(begun: &Value) -> Url {
    let address = text(begun, "verification_uri_complete");
    address.parse().unwrap_or_else(|e| panic!("{address}: {e}"))
}

/// RFC 6749's shape.
fn refused(case: &str, answer: &Answer, status: u16, error: &str) {
    assert_eq!(answer.status, status, "{case}: {answer}");
    assert_eq!(answer.json()["error"], error, "{case}: {answer}");
}

fn pending(answer: &Answer) {
    assert_eq!(answer.status, 428, "{answer}");
    let body = answer.json();
    assert_eq!(body["message"], "authorization_pending", "{answer}");
    let description = &body["errors"][0]["description"];
    assert_eq!(description, "authorization_pending", "{answer}");
    assert!(body["trackingId"].is_string(), "{answer}");
}

#[test]
fn a_device_is_told_digits_two_addresses_and_a_pace() {
    let device = Device::start(&[]);
    let begun = device.begin();
    let verify = device.0.url("device/verify");
    assert_eq!(text(&begun, "verification_uri"), verify.as_str());
    assert_eq!(
        (&begun["expires_in"], &begun["interval"]),
        (&json!(300), &json!(2))
    );
    let digits = text(&begun, "user_code");
    assert!(
        digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_digit()),
        "{begun}"
    );
    let complete = complete(&begun);
    assert!(complete.as_str().starts_with(verify.as_str()), "{begun}");
    assert!(!complete.as_str().contains(digits), "{begun}");
    let device_code = text(&begun, "device_code");
    assert!(!complete.as_str().contains(device_code), "{begun}");
}

#[test]
fn typed_digits_lead_to_the_consent_page_and_to_tokens_once() {
    let device = Device::start(&[]);
    let begun = device.begin();
    pending(&device.poll(&begun));
    let verify = device.0.url("device/verify");
    let page = http::get(&verify);
    assert_eq!(page.status, 200, "{page}");
    let typed = format!("user_code=+{}", text(&begun, "user_code"));
    let page = http::request("POST", &verify, FORM, &typed);
    let shown = format!(
        "the device that shows <code>{}</code>",
        text(&begun, "user_code")
    );
    assert!(page.body.contains(&shown), "{page}");
    let form = ConsentForm::read(&verify, &page);
    assert_eq!(form.values("scope").join(" "), SCOPE, "all are ticked");
    let form = form
        .untick(&["spark:rooms_read"])
        .person("sandbox.colleague@example.com");
    let done = form.press("allow");
    assert!(
        done.status == 200 && done.body.contains("Allowed"),
        "{done}"
    );
    let tokens = device.poll(&begun);
    assert_eq!(tokens.status, 200, "{tokens}");
    let tokens = tokens.json();
    assert_eq!(tokens["scope"], "spark:people_read", "{tokens}");
    let me = device
        .0
        .with_bearer("people/me", text(&tokens, "access_token"));
    let email = &me.json()["emails"][0];
    assert_eq!(email, "sandbox.colleague@example.com", "{me}");
    let refreshed = device.0.refresh(text(&tokens, "refresh_token"), &[]);
    assert_eq!(refreshed.status, 200, "{refreshed}");
    refused("again", &device.poll(&begun), 400, "invalid_grant");
    assert_eq!(form.press("allow").status, 400, "it is decided");
}

#[test]
fn the_complete_address_leads_there_too_and_a_refusal_is_told() {
    let device = Device::start(&[]);
    let begun = device.begin();
    let form = ConsentForm::open(&complete(&begun));
    let nothing = form.untick(&["spark:people_read", "spark:rooms_read"]);
    let again = nothing.press("allow");
    assert_eq!(again.status, 400, "{again}");
    assert!(again.body.contains("Keep at least one scope"), "{again}");
    let form = ConsentForm::read(&complete(&begun), &again);
    let done = form.press("refuse");
    assert!(
        done.status == 200 && done.body.contains("Refused"),
        "{done}"
    );
    refused("refused", &device.poll(&begun), 400, "access_denied");
    refused("again", &device.poll(&begun), 400, "access_denied");
    let gone = http::get(&complete(&begun));
    assert_eq!(gone.status, 400, "{gone}");
}

/// RFC 8628 §3.5. How the interval grows, second by second, is tested beside the code.
#[test]
fn a_device_that_polls_too_fast_is_told_to_slow_down() {
    let device = Device::start(&[]);
    let (first, second) = (device.begin(), device.begin());
    pending(&device.poll(&first));
    refused("at once", &device.poll(&first), 400, "slow_down");
    // Another device's pace is its own.
    pending(&device.poll(&second));
    thread::sleep(Duration::from_secs(2));
    pending(&device.poll(&second));
    refused(
        "after two of seven seconds",
        &device.poll(&first),
        400,
        "slow_down",
    );
}

#[test]
fn a_device_s_first_request_is_held_to_its_form() {
    let device = Device::start(&[]);
    let right = [("client_id", CLIENT_ID), ("scope", "spark:people_read")];
    let post = |client, form: &[(&str, &str)]| device.post("device/authorize", client, form);
    let openid = "spark:people_read openid";
    for (case, client, form, status, error) in [
        (
            "Basic",
            Some(CLIENT),
            right.to_vec(),
            400,
            json!("invalid_request"),
        ),
        (
            "a secret",
            None,
            [&right[..], &[("client_secret", CLIENT_SECRET)]].concat(),
            400,
            json!("invalid_request"),
        ),
        ("no app", None, vec![right[1]], 400, Value::Null),
        (
            "another app",
            None,
            vec![("client_id", "nobody"), right[1]],
            400,
            Value::Null,
        ),
        (
            "no scope",
            None,
            vec![right[0]],
            400,
            json!("invalid_scope"),
        ),
        (
            "OpenID",
            None,
            vec![right[0], ("scope", openid)],
            400,
            json!("invalid_scope"),
        ),
        (
            "a scope that is not the app's",
            None,
            vec![right[0], ("scope", "spark:no_such_thing")],
            400,
            json!("invalid_scope"),
        ),
        (
            "twice",
            None,
            [&right[..], &right[1..]].concat(),
            400,
            json!("invalid_request"),
        ),
    ] {
        let answer = post(client, &form);
        assert_eq!(answer.status, status, "{case}: {answer}");
        assert_eq!(answer.json()["error"], error, "{case}: {answer}");
    }
    let url = device.0.url("device/authorize");
    let text = device
        .0
        .send("POST", &url, &[("Content-Type", "text/plain")], "");
    assert_eq!(text.status, 415, "{text}");
    assert_eq!(http::get(&url).status, 405);
    let mut in_query = url.clone();
    in_query.query_pairs_mut().extend_pairs(right);
    let answer = device
        .0
        .send("POST", &in_query, &[("Content-Type", FORM)], "");
    refused("in the query", &answer, 400, "invalid_request");
}

#[test]
fn a_poll_is_held_to_its_form_and_to_its_client() {
    let device = Device::start(&[]);
    let begun = device.begin();
    let code = text(&begun, "device_code");
    let right = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("device_code", code),
        ("client_id", CLIENT_ID),
    ];
    let post = |client, form: &[(&str, &str)]| device.post("device/token", client, form);
    let without = |name: &str| -> Vec<_> {
        let kept = right.iter().filter(|(n, _)| *n != name);
        kept.copied().collect()
    };
    let secret_in_form = [&right[..], &[("client_secret", CLIENT_SECRET)]].concat();
    for (case, client, form, status, error) in [
        ("no Basic", None, secret_in_form, 401, "invalid_client"),
        (
            "a wrong secret",
            Some((CLIENT_ID, "x")),
            right.to_vec(),
            401,
            "invalid_client",
        ),
        (
            "another ID in Basic",
            Some(OTHER_CLIENT),
            right.to_vec(),
            400,
            "invalid_request",
        ),
        (
            "no client_id",
            Some(CLIENT),
            without("client_id"),
            400,
            "invalid_request",
        ),
        (
            "no code",
            Some(CLIENT),
            without("device_code"),
            400,
            "invalid_request",
        ),
        (
            "no grant",
            Some(CLIENT),
            without("grant_type"),
            400,
            "invalid_request",
        ),
        (
            "another grant",
            Some(CLIENT),
            [&without("grant_type")[..], &[("grant_type", "device_code")]].concat(),
            400,
            "unsupported_grant_type",
        ),
    ] {
        refused(case, &post(client, &form), status, error);
    }
    refused(
        "unknown",
        &device.poll_as(CLIENT, "x"),
        400,
        "invalid_grant",
    );
    refused(
        "another's",
        &device.poll_as(OTHER_CLIENT, code),
        400,
        "invalid_grant",
    );
    pending(&device.poll(&begun));
}

#[test]
fn the_pages_take_nothing_made_up() {
    let device = Device::start(&[]);
    let begun = device.begin();
    let verify = device.0.url("device/verify");
    let typed = |text: &str| http::request("POST", &verify, FORM, text);
    let wrong = if text(&begun, "user_code") == "000000" {
        "000001"
    } else {
        "000000"
    };
    for form in [
        "",
        "user_code=",
        &format!("user_code={wrong}"),
        "user_code=%00",
    ] {
        let page = typed(form);
        assert_eq!(page.status, 400, "{form}: {page}");
        assert!(page.body.contains("No device waits"), "{form}: {page}");
    }
    let mut made_up = verify.clone();
    made_up.set_query(Some("userCode=x"));
    assert_eq!(http::get(&made_up).status, 400);
    let form = ConsentForm::open(&complete(&begun));
    let more = ConsentForm::open(&complete(&begun)).also("scope", "spark:all");
    assert_eq!(more.press("allow").status, 400);
    assert_eq!(form.press("maybe").status, 400);
    let port = verify.port().unwrap_or_default();
    let rebound = b"GET /v1/device/verify HTTP/1.1\r\nHost: evil.example\r\n\r\n";
    let rebound = http::send(port, rebound).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(rebound.status, 421, "{rebound}");
    assert_eq!(form.press("allow").status, 200, "the device still waits");
}

#[test]
fn an_app_without_the_helper_addresses_gets_a_page_that_says_nothing() {
    let mut device = Device::start(&[]);
    let begun = device.begin_as(OTHER_CLIENT.0);
    let page = http::get(&complete(&begun));
    assert_eq!(page.status, 400, "{page}");
    assert!(page.body.contains("Something went wrong."), "{page}");
    for word in HELPERS.into_iter().chain(["redirect", "helper"]) {
        assert!(!page.body.contains(word), "{word}: {page}");
    }
    pending(&device.poll_as(OTHER_CLIENT, text(&begun, "device_code")));
    let log = device.0.sandbox.requests();
    let told = log
        .iter()
        .find(|entry| entry["path"] == "/v1/device/verify");
    let error = told.map(|entry| &entry["error"]);
    let why = json!("the app lacks a redirect URI of the device grant");
    assert_eq!(error, Some(&why));
}

#[test]
fn the_built_in_app_is_registered_for_devices() {
    let env = Env::new();
    let mut sandbox = Process::spawn(env.command(["sandbox"]), b"");
    let base = sandbox.next_line(Stream::Out).unwrap_or_default();
    let url = |path: &str| -> Url {
        let text = format!("{base}/{path}");
        text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
    };
    let form = "client_id=sandbox&scope=spark%3Apeople_read";
    let begun = http::request("POST", &url("device/authorize"), FORM, form);
    let done = ConsentForm::open(&complete(&begun.json())).press("allow");
    assert_eq!(done.status, 200, "{done}");
}

#[test]
fn the_log_shows_no_code_of_a_device() {
    let mut device = Device::start(&[]);
    let begun = device.begin();
    ConsentForm::open(&complete(&begun)).press("allow");
    assert_eq!(device.poll(&begun).status, 200);
    let typed = format!("user_code={}", text(&begun, "user_code"));
    http::request("POST", &device.0.url("device/verify"), FORM, &typed);
    let log = format!("{:?}", device.0.sandbox.requests());
    let hash = complete(&begun).query().unwrap_or_default().to_owned();
    let hash = hash.split('=').nth(1).unwrap_or_default();
    let codes = ["device_code", "user_code"].map(|name| text(&begun, name));
    for secret in codes.into_iter().chain([hash]) {
        assert!(
            !secret.is_empty() && !log.contains(secret),
            "{secret}: {log}"
        );
    }
    for name in ["device_code", "user_code", "userCode"] {
        assert!(
            log.contains(&format!("\"{name}\": String(\"…\")")),
            "{name}: {log}"
        );
    }
}

#[test]
fn the_endpoints_fail_when_told_to() {
    let faults = [
        "--fail",
        "device/authorize=503*1",
        "--fail",
        "device/token=429*1",
    ];
    let device = Device::start(&faults);
    let form = [("client_id", CLIENT_ID), ("scope", SCOPE)];
    assert_eq!(device.post("device/authorize", None, &form).status, 503);
    let begun = device.begin();
    let limited = device.poll(&begun);
    assert_eq!(
        (limited.status, limited.header("Retry-After").as_str()),
        (429, "1")
    );
    pending(&device.poll(&begun));
}
