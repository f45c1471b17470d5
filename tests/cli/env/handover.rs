//! A connection on one machine, and another machine with a key of its own.

use std::cell::RefCell;
use std::fs;

use age::secrecy::ExposeSecret;
use age::x25519::Identity;
use serde_json::Value;

use super::canaries::spellings;
use super::process::Finished;
use super::{CLIENT_SECRET, Env, Run, Sandbox, Scene};

const STORE: &str = "data/webex-connect/store.age";

/// `work`, signed in with an app of its own at a sandbox, and an empty home it may go to.
pub struct Handover {
    pub here: Env,
    pub sandbox: Sandbox,
    pub there: Env,
    pub key: Identity,
    /// The tokens and the client secret, which nothing may show.
    pub secrets: Vec<String>,
}

impl Handover {
    /// With more options of `sandbox`.
    pub fn new(sandbox_options: &[&str]) -> Handover {
        let mut scene = Scene::sandboxed(sandbox_options);
        let callback = scene.login.consent("allow");
        scene.login.deliver(&callback);
        let finished = scene.login.finish();
        assert_eq!(finished.code, Some(0), "{finished}");
        let key = Identity::generate();
        let there = Env::new();
        there.write("ci.key", key.to_string().expose_secret());
        let mut secrets = tokens(&scene.env);
        secrets.push(CLIENT_SECRET.to_owned());
        Handover {
            here: scene.env,
            sandbox: scene.sandbox,
            there,
            key,
            secrets,
        }
    }

    /// `export work` to the other machine's key, with more options.
    pub fn exporting(&self, more: &[&str]) -> Run {
        let to = self.key.to_public().to_string();
        let run = self
            .here
            .run([&["export", "work", "--to", to.as_str()], more].concat());
        self.guarded(run)
    }

    /// The sealed text.
    pub fn exported(&self, more: &[&str]) -> String {
        let finished = self.exporting(more).any_stdout().any_stderr().check();
        self.shows_no_secret(&finished);
        finished.out()
    }

    /// `import` of a text there, with the key, the sandbox's address and more options.
    pub fn importing(&self, sealed: &str, more: &[&str]) -> Run {
        let known = ["--api-base", &self.sandbox.base];
        self.importing_blindly(sealed, &[&known[..], more].concat())
    }

    /// The same, with nothing said of where it may lead.
    pub fn importing_blindly(&self, sealed: &str, more: &[&str]) -> Run {
        let args = [&["import", "--identity", "ci.key"][..], more].concat();
        self.guarded(self.there.run(args).stdin(sealed))
    }

    /// What an export holds, changed as somebody else would who knows the key's recipient.
    pub fn forged(&self, sealed: &str, edit: impl FnOnce(&mut Value)) -> String {
        let mut payload = self.opened(sealed);
        edit(&mut payload);
        self.sealed(payload.to_string().as_bytes())
    }

    pub fn opened(&self, sealed: &str) -> Value {
        let opened = age::decrypt(&self.key, sealed.as_bytes());
        let opened = opened.unwrap_or_else(|e| panic!("{e}: {sealed}"));
        serde_json::from_slice(&opened).unwrap_or_else(|e| panic!("an export: {e}"))
    }

    pub fn sealed(&self, text: &[u8]) -> String {
        age::encrypt_and_armor(&self.key.to_public(), text)
            .unwrap_or_else(|e| panic!("sealing: {e}"))
    }

    /// How often the sandbox was asked to refresh.
    pub fn refreshes(&mut self) -> usize {
        let requests = self.sandbox.requests().iter();
        requests
            .filter(|entry| entry["grant_type"] == "refresh_token")
            .count()
    }

    /// The bytes of the other machine's store; none before there is one.
    pub fn store_there(&self) -> Vec<u8> {
        fs::read(self.there.path(STORE)).unwrap_or_default()
    }

    /// On neither stream, as they are, in hex, in Base64 or as a list of numbers.
    pub fn shows_no_secret(&self, finished: &Finished) {
        for secret in self.secrets.iter().flat_map(|secret| spellings(secret)) {
            let said = [finished.out(), finished.err()];
            let shown = said.iter().any(|text| text.contains(&secret));
            assert!(!shown, "{finished}\nshows a secret as {secret:?}");
        }
    }

    fn guarded(&self, run: Run) -> Run {
        let secrets = self.secrets.iter().flat_map(|secret| spellings(secret));
        secrets.fold(run, |run, secret| run.secret(&secret))
    }
}

/// The access token and the refresh token of every connection in a home.
fn tokens(env: &Env) -> Vec<String> {
    let tokens = RefCell::new(Vec::new());
    env.edit_records(|_, record| {
        for name in ["access_token", "refresh_token"] {
            let token = record.pointer(&format!("/tokens/{name}"));
            tokens
                .borrow_mut()
                .extend(token.and_then(Value::as_str).map(str::to_owned));
        }
    });
    tokens.into_inner()
}
