//! A login against the scripted server: the browser comes back with a code, and what follows is held to what every
//! such story must keep to.

use serde_json::Value;
use url::Url;

use super::authority::{Authority, Consent};
use super::canaries::spellings;
use super::process::Finished;
use super::reply::{ACCESS_TOKEN, CODE, REFRESH_TOKEN, Reply};
use super::{Answer, CLIENT_SECRET, Env, Login, case_held, http, redirect_uri};

/// A word in answers that must not come to stand on a page of ours.
pub const FOREIGN: &str = "evil.example";

pub struct Attempt<'a> {
    pub login: Login,
    env: &'a Env,
    authority: &'a Authority,
    before: Value,
}

impl<'a> Attempt<'a> {
    /// `login work --json --no-browser`, waiting for its callback.
    pub fn start(env: &'a Env, authority: &'a Authority, more: &[&str]) -> Attempt<'a> {
        Attempt::at(env, authority, &authority.base, more)
    }

    /// With another name for the server.
    pub fn at(env: &'a Env, authority: &'a Authority, base: &str, more: &[&str]) -> Attempt<'a> {
        let redirect_uri = redirect_uri();
        let before = stored(env);
        let more = [&["--no-browser"], more].concat();
        let login = Login::at(env, base, &redirect_uri, &more);
        Attempt {
            login,
            env,
            authority,
            before,
        }
    }

    /// The browser comes back with the code.
    pub fn returns(self) -> Outcome<'a> {
        let query = format!("code={CODE}");
        self.returns_with(&query)
    }

    /// The browser comes back with `state` and this.
    pub fn returns_with(self, query: &str) -> Outcome<'a> {
        let callback = consent(&self.login, self.authority, query);
        let memory = self.login.process.watch_memory();
        let page = http::get(&callback);
        Outcome {
            page,
            finished: self.login.finish(),
            memory: memory.join().unwrap_or_default(),
            verifier: self.authority.last_form().remove("code_verifier"),
            env: self.env,
            before: self.before,
        }
    }
}

/// `work` is connected to a scripted server, which from then on answers calls of the API as told.
pub fn connected() -> (Env, Authority) {
    let (env, authority) = (Env::new(), Authority::plain(Reply::tokens()));
    Attempt::start(&env, &authority, &[])
        .returns()
        .succeeds("login");
    (env, authority)
}

/// `work`, signed in at a scripted server, its access token expired when it came and its refresh token good for 90
/// days.
pub fn expired(env: &Env) -> Authority {
    let members = r#""expires_in":0,"refresh_token_expires_in":7775999"#;
    let authority = Authority::plain(Reply::token_set(members));
    Attempt::start(env, &authority, &[])
        .returns()
        .succeeds("expired");
    authority
}

/// Binds the code to this login, and gives the address the browser is sent back to.
pub fn consent(login: &Login, authority: &Authority, query: &str) -> Url {
    let parameter = |name: &str| {
        let pair = login.url.query_pairs().find(|(n, _)| n == name);
        pair.map(|(_, value)| value.into_owned())
            .unwrap_or_default()
    };
    let redirect_uri = parameter("redirect_uri");
    let callback = format!("{redirect_uri}?{query}&state={}", login.state());
    authority.consents(Consent {
        redirect_uri,
        code_challenge: parameter("code_challenge"),
    });
    Url::parse(&callback).unwrap_or_else(|e| panic!("{callback}: {e}"))
}

/// The connections as `list` tells them, and the token of the one called `work`.
fn stored(env: &Env) -> Value {
    let mut listed = env.run(["list", "--json"]).any_stdout().check().json();
    if !listed.as_array().is_none_or(Vec::is_empty) {
        let token = env.run(["token", "work"]).any_stdout().check().out();
        listed[0]["token"] = token.into();
    }
    listed
}

/// How it ended: the page the browser held, the exit, and what is stored.
pub struct Outcome<'a> {
    pub page: Answer,
    pub finished: Finished,
    /// At its highest, in KiB.
    pub memory: u64,
    verifier: Option<String>,
    env: &'a Env,
    before: Value,
}

impl Outcome<'_> {
    /// The login failed in order: this code, these words, and nothing anywhere that should not be there.
    pub fn fails(&self, case: &str, code: i32, words: &[&str]) {
        let Outcome { page, finished, .. } = self;
        self.keeps_secrets(case);
        assert_eq!(finished.code, Some(code), "{case}: {finished}");
        assert!(finished.stdout.is_empty(), "{case}: {finished}");
        let said = finished.said().to_lowercase();
        for word in words {
            let has = said.contains(&word.to_lowercase());
            assert!(has, "{case}: does not say {word:?}: {finished}");
        }
        assert_eq!(page.status, 400, "{case}: {page}");
        assert!(page.body.contains("Not connected"), "{case}: {page}");
        let foreign = page.to_string().contains(FOREIGN);
        assert!(!foreign, "{case}: foreign text on the page: {page}");
        assert_eq!(stored(self.env), self.before, "{case}: the store changed");
        case_held(case);
    }

    /// The login went well; the connection as it told it.
    pub fn succeeds(&self, case: &str) -> Value {
        let Outcome { page, finished, .. } = self;
        self.keeps_secrets(case);
        assert_eq!(finished.code, Some(0), "{case}: {finished}");
        assert_eq!(page.status, 200, "{case}: {page}");
        assert!(page.body.contains("connected"), "{case}: {page}");
        assert_eq!(self.env.connections(), ["work"], "{case}");
        case_held(case);
        finished.json()
    }

    /// No secret stands anywhere, however it is written; no control byte is let through.
    fn keeps_secrets(&self, case: &str) {
        let Outcome { page, finished, .. } = self;
        let anywhere = format!("{}{}{page}", finished.said(), finished.out());
        let verifier = self.verifier.as_deref().filter(|v| !v.is_empty());
        let secrets = [CLIENT_SECRET, CODE, ACCESS_TOKEN, REFRESH_TOKEN];
        for secret in secrets.into_iter().chain(verifier) {
            for spelled in spellings(secret) {
                assert!(
                    !anywhere.contains(&spelled),
                    "{case}: shows {secret}: {finished}\n{page}"
                );
            }
        }
        let control = |c: char| c.is_control() && c != '\n';
        assert!(!finished.err().contains(control), "{case}: {finished}");
    }
}
