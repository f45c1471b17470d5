//! The sandbox as a server: stricter than Webex, in Webex's own shapes.

use serde_json::Value;
use url::{Url, form_urlencoded};

use crate::env::{Answer, CLIENT_ID, CLIENT_SECRET, Env, Sandbox, http};

const REDIRECT_URI: &str = "http://127.0.0.1:9/callback";
/// RFC 7636 appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

struct Peer {
    _env: Env,
    sandbox: Sandbox,
}

impl Peer {
    fn start(options: &[&str]) -> Peer {
        let env = Env::new();
        let sandbox = Sandbox::with(&env, REDIRECT_URI, options);
        Peer { _env: env, sandbox }
    }

    fn url(&self, path: &str) -> Url {
        let text = format!("{}/{path}", self.sandbox.base);
        text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    /// An authorization request that is right but for the changes; an empty value leaves the parameter out.
    fn authorize(&self, changes: &[(&str, &str)]) -> Answer {
        let mut url = self.url("authorize");
        url.query_pairs_mut().extend_pairs(changed(
            &[
                ("response_type", "code"),
                ("client_id", CLIENT_ID),
                ("redirect_uri", REDIRECT_URI),
                ("scope", "spark:people_read"),
                ("state", "s"),
                ("code_challenge", CHALLENGE),
                ("code_challenge_method", "S256"),
            ],
            changes,
        ));
        http::get(&url)
    }

    /// What the redirect carries as `name`, after the person pressed Allow.
    fn code(&self) -> String {
        let page = self.authorize(&[]);
        let id = page
            .body
            .split("name=\"request\" value=\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next());
        let form = format!(
            "request={}&decision=allow",
            id.unwrap_or_else(|| panic!("{page}"))
        );
        let answer = http::request("POST", &self.url("authorize"), FORM, &form);
        called_back(&answer, "code")
    }

    fn exchange(&self, code: &str, changes: &[(&str, &str)]) -> Answer {
        self.token(
            &[
                ("grant_type", "authorization_code"),
                ("client_id", CLIENT_ID),
                ("client_secret", CLIENT_SECRET),
                ("code", code),
                ("redirect_uri", REDIRECT_URI),
                ("code_verifier", VERIFIER),
            ],
            changes,
        )
    }

    fn refresh(&self, refresh_token: &str, changes: &[(&str, &str)]) -> Answer {
        self.token(
            &[
                ("grant_type", "refresh_token"),
                ("client_id", CLIENT_ID),
                ("client_secret", CLIENT_SECRET),
                ("refresh_token", refresh_token),
            ],
            changes,
        )
    }

    fn token(&self, right: &[(&str, &str)], changes: &[(&str, &str)]) -> Answer {
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(changed(right, changes))
            .finish();
        http::request("POST", &self.url("access_token"), FORM, &form)
    }

    fn tokens(&self) -> Value {
        let answer = self.exchange(&self.code(), &[]);
        assert_eq!(answer.status, 200, "{answer}");
        json(&answer)
    }

    fn with_bearer(&self, path: &str, token: &str) -> Answer {
        let url = self.url(path);
        let port = url.port().unwrap_or_default();
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n\r\n",
            url.path()
        );
        http::send(port, request.as_bytes()).unwrap_or_else(|e| panic!("{path}: {e}"))
    }
}

const FORM: &str = "application/x-www-form-urlencoded";

fn changed<'a>(
    right: &[(&'a str, &'a str)],
    changes: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    let changed = |name: &str| changes.iter().find(|(n, _)| *n == name);
    let pairs = right.iter().map(|pair| *changed(pair.0).unwrap_or(pair));
    pairs.filter(|(_, value)| !value.is_empty()).collect()
}

fn json(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|e| panic!("{answer}\nis no JSON: {e}"))
}

fn called_back(answer: &Answer, name: &str) -> String {
    assert_eq!(answer.status, 302, "{answer}");
    let location = answer.header("Location");
    let location: Url = location
        .parse()
        .unwrap_or_else(|e| panic!("{location}: {e}"));
    assert!(location.as_str().starts_with(REDIRECT_URI), "{location}");
    location
        .query_pairs()
        .find(|(n, _)| n == name)
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

#[test]
fn an_authorization_request_that_is_off_is_told_to_the_app() {
    let peer = Peer::start(&[]);
    for (changes, error) in [
        (("response_type", "token"), "unsupported_response_type"),
        (("scope", "spark:no_such_thing"), "invalid_scope"),
        (("scope", "SPARK:people_read"), "invalid_scope"),
        (("scope", ""), "invalid_scope"),
        (("code_challenge", ""), "invalid_request"),
        (("code_challenge", "short"), "invalid_request"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge_method", ""), "invalid_request"),
        (("state", ""), "invalid_request"),
    ] {
        assert_eq!(
            called_back(&peer.authorize(&[changes]), "error"),
            error,
            "{changes:?}"
        );
    }
}

#[test]
fn an_unknown_app_or_address_is_told_to_the_person_alone() {
    let peer = Peer::start(&[]);
    for changes in [
        ("client_id", "nobody"),
        ("client_id", ""),
        ("redirect_uri", "http://127.0.0.1:9/callback/"),
        ("redirect_uri", "http://localhost:9/callback"),
        ("redirect_uri", ""),
    ] {
        let answer = peer.authorize(&[changes]);
        assert_eq!(
            (answer.status, answer.header("Location").as_str()),
            (400, ""),
            "{changes:?}: {answer}"
        );
    }
}

#[test]
fn the_consent_page_names_each_scope() {
    let peer = Peer::start(&[]);
    let page = peer.authorize(&[("scope", "spark:people_read spark:rooms_read")]);
    for words in [
        "spark:people_read",
        "spark:rooms_read",
        ">Allow<",
        ">Refuse<",
    ] {
        assert!(page.body.contains(words), "{words}: {page}");
    }
}

#[test]
fn a_code_works_once_for_its_own_client_address_and_verifier() {
    let peer = Peer::start(&[]);
    for (changes, status, words) in [
        (("code_verifier", CHALLENGE), 400, "invalid_grant"),
        (("code_verifier", ""), 400, "invalid_request"),
        (
            ("redirect_uri", "http://127.0.0.1:9/other"),
            400,
            "invalid_grant",
        ),
        (("code", "made-up"), 400, "invalid_grant"),
        (("client_secret", "wrong"), 401, "invalid_client"),
        (
            ("client_secret", ""),
            400,
            "client_secret cannot be null or empty",
        ),
        (("client_id", "nobody"), 400, "Client Id is invalid"),
        (("grant_type", "password"), 400, "unsupported_grant_type"),
    ] {
        let answer = peer.exchange(&peer.code(), &[changes]);
        assert_eq!(answer.status, status, "{changes:?}: {answer}");
        assert!(answer.body.contains(words), "{changes:?}: {answer}");
        let body = json(&answer);
        assert!(
            body["trackingId"].is_string() || body["trackingID"].is_string(),
            "{answer}"
        );
    }
    let code = peer.code();
    let first = peer.exchange(&code, &[]);
    assert_eq!(first.status, 200, "{first}");
    let access_token = json(&first)["access_token"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    assert_eq!(peer.with_bearer("people/me", &access_token).status, 200);
    assert_eq!(peer.exchange(&code, &[]).status, 400);
    assert_eq!(
        peer.with_bearer("people/me", &access_token).status,
        401,
        "RFC 6749 §4.1.2: revoked"
    );
}

#[test]
fn the_token_answer_has_webex_s_shape() {
    let peer = Peer::start(&["--expires-in", "60"]);
    let tokens = peer.tokens();
    assert_eq!(tokens["expires_in"], 60);
    assert_eq!(tokens["refresh_token_expires_in"], 7_775_999);
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["scope"], "spark:people_read");
    let access_token = tokens["access_token"].as_str().unwrap_or_default();
    let me = json(&peer.with_bearer("people/me", access_token));
    assert_eq!(me["emails"][0], "sandbox.person@example.com");
    let expiry =
        json(&peer.with_bearer("authorizations/tokenExpiry", access_token))["exp"].as_i64();
    let left = expiry.unwrap_or_default() - jiff::Timestamp::now().as_millisecond();
    assert!((0..=60_000).contains(&left), "milliseconds left: {left}");
    assert_eq!(peer.with_bearer("people/me", "made-up").status, 401);
}

#[test]
fn a_refresh_keeps_the_refresh_token_unless_it_rotates() {
    let peer = Peer::start(&[]);
    let first = peer.tokens();
    let refresh_token = first["refresh_token"].as_str().unwrap_or_default();
    let second = json(&peer.refresh(refresh_token, &[]));
    assert_eq!(second["refresh_token"], first["refresh_token"]);
    assert_ne!(second["access_token"], first["access_token"]);
    let refused = peer.refresh("made-up", &[]);
    assert_eq!(
        (refused.status, json(&refused)["error"].clone()),
        (400, "invalid_request".into()),
        "{refused}"
    );

    let peer = Peer::start(&["--rotate"]);
    let first = peer.tokens();
    let spent = first["refresh_token"].as_str().unwrap_or_default();
    let second = json(&peer.refresh(spent, &[]));
    let next = second["refresh_token"].as_str().unwrap_or_default();
    assert_ne!(next, spent);
    assert_eq!(peer.refresh(spent, &[]).status, 400, "spent");
    assert_eq!(
        peer.refresh(next, &[]).status,
        400,
        "its family is dead with it"
    );
}

#[test]
fn the_log_masks_every_secret() {
    let mut peer = Peer::start(&[]);
    let tokens = peer.tokens();
    let log = Value::from(peer.sandbox.requests().to_vec()).to_string();
    assert!(
        log.contains("authorization_code") && log.contains(CLIENT_ID),
        "{log}"
    );
    for secret in [
        CLIENT_SECRET,
        VERIFIER,
        tokens["access_token"].as_str().unwrap_or_default(),
    ] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}

#[test]
fn what_it_can_t_start_with_is_said() {
    let env = Env::new();
    let file = env.write(
        "apps.json",
        r#"[{"client_id": "a", "client_secret": "c4n4ry", "redirect_uris": 7}]"#,
    );
    let file = file.to_str().unwrap_or_default();
    env.run(["sandbox", "--app", file])
        .code(2)
        .stderr_has("can't read apps from")
        .secret("c4n4ry")
        .check();
    let twice = r#"[{"client_id": "a", "client_secret": "b", "redirect_uris": []}, {"client_id": "a", "client_secret": "c", "redirect_uris": []}]"#;
    let twice = env.write("twice.json", twice);
    env.run(["sandbox", "--app", twice.to_str().unwrap_or_default()])
        .code(2)
        .stderr_has("two apps have the client ID")
        .check();
    env.run(["sandbox", "--app", "nowhere"])
        .code(2)
        .stderr_has("nowhere")
        .check();
    let taken = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|socket| Ok((socket.local_addr()?.port(), socket)));
    let (port, _taken) = taken.unwrap_or_else(|e| panic!("a port: {e}"));
    env.run(["sandbox", "--port", &port.to_string()])
        .code(8)
        .stderr_has("is in use by another program")
        .check();
}
