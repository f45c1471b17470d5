//! A client of the sandbox by hand: requests that are right but for what a test changes.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use url::{Url, form_urlencoded};

use super::{Answer, CLIENT_ID, CLIENT_SECRET, ConsentForm, Env, Sandbox, http};

const REDIRECT_URI: &str = "http://127.0.0.1:9/callback";
/// RFC 7636 appendix B.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

const FORM: &str = "application/x-www-form-urlencoded";

pub struct Peer {
    _env: Env,
    pub sandbox: Sandbox,
}

impl Peer {
    /// With more options of `sandbox`.
    pub fn start(options: &[&str]) -> Peer {
        let env = Env::new();
        let sandbox = Sandbox::with(&env, REDIRECT_URI, options);
        Peer { _env: env, sandbox }
    }

    pub fn url(&self, path: &str) -> Url {
        let text = format!("{}/{path}", self.sandbox.base);
        text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    /// The address of an authorization request; an empty value leaves a parameter out.
    pub fn authorize_url(&self, changes: &[(&str, &str)]) -> Url {
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
        url
    }

    pub fn authorize(&self, changes: &[(&str, &str)]) -> Answer {
        http::get(&self.authorize_url(changes))
    }

    /// The consent page's form.
    pub fn form(&self, changes: &[(&str, &str)]) -> ConsentForm {
        ConsentForm::open(&self.authorize_url(changes))
    }

    /// A code for `spark:people_read`.
    pub fn code(&self) -> String {
        called_back(&self.form(&[]).press("allow"), "code")
    }

    pub fn exchange(&self, code: &str, changes: &[(&str, &str)]) -> Answer {
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

    pub fn refresh(&self, refresh_token: &str, changes: &[(&str, &str)]) -> Answer {
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

    /// The token answer for `spark:people_read`.
    pub fn tokens(&self) -> Value {
        self.tokens_of(&self.form(&[]))
    }

    /// The token answer for a filled-in form.
    pub fn tokens_of(&self, form: &ConsentForm) -> Value {
        let code = called_back(&form.press("allow"), "code");
        let answer = self.exchange(&code, &[]);
        assert_eq!(answer.status, 200, "{answer}");
        answer.json()
    }

    pub fn with_bearer(&self, path: &str, token: &str) -> Answer {
        let bearer = format!("Bearer {token}");
        self.send("GET", &self.url(path), &[("Authorization", &bearer)], "")
    }

    /// POST with a JSON body.
    pub fn post_json(&self, path: &str, token: &str, body: &Value) -> Answer {
        let bearer = format!("Bearer {token}");
        let headers = [
            ("Authorization", bearer.as_str()),
            ("Content-Type", "application/json"),
        ];
        self.send("POST", &self.url(path), &headers, &body.to_string())
    }

    /// The revocation endpoint, beside the API base; `client` authenticates by Basic.
    pub fn revoke(&self, client: (&str, &str), form: &[(&str, &str)]) -> Answer {
        let basic = BASE64_STANDARD.encode(format!("{}:{}", client.0, client.1));
        let basic = format!("Basic {basic}");
        self.post_revoke(&[("Authorization", &basic), ("Content-Type", FORM)], form)
    }

    /// The same with headers of one's own.
    pub fn post_revoke(&self, headers: &[(&str, &str)], form: &[(&str, &str)]) -> Answer {
        let mut url = self.url("");
        url.set_path("/idb/oauth2/v1/revoke");
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        self.send("POST", &url, headers, &form)
    }

    pub fn send(&self, method: &str, url: &Url, headers: &[(&str, &str)], body: &str) -> Answer {
        let port = url.port().unwrap_or_default();
        let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let headers: String = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let length = body.len();
        let request = format!(
            "{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\
             {headers}Content-Length: {length}\r\n\r\n{body}",
        );
        http::send(port, request.as_bytes()).unwrap_or_else(|e| panic!("{method} {url}: {e}"))
    }
}

fn changed<'a>(
    right: &[(&'a str, &'a str)],
    changes: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    let changed = |name: &str| changes.iter().find(|(n, _)| *n == name);
    let added = |(name, _): &&(&str, &str)| right.iter().all(|(n, _)| n != name);
    let pairs = right.iter().map(|pair| *changed(pair.0).unwrap_or(pair));
    pairs
        .chain(changes.iter().filter(added).copied())
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

/// What the redirect to the app carries as `name`.
pub fn called_back(answer: &Answer, name: &str) -> String {
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
