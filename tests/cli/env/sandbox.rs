//! `webex-connect sandbox` as a server, with an app that is registered for the test's redirect URI and for the device
//! grant, and another that is not registered for the latter.

use serde_json::{Value, json};
use url::Url;

use super::process::{Process, Stream};
use super::{Env, http};

pub const CLIENT_ID: &str = "Ctest4f1c";
/// Shown nowhere but in the token request.
pub const CLIENT_SECRET: &str = "wxcs-canary-5d7b20c9e8f64a31";

/// ID and secret of a second app, which lacks the redirect URIs of the device grant.
pub const OTHER_CLIENT: (&str, &str) = ("Cother", "wxcs-canary-another-b1946ac92492d234");

/// What Webex wants registered for the device grant.
pub const HELPERS: [&str; 4] = [
    "https://oauth-helper-a.wbx2.com/helperservice/v1/actions/device/callback",
    "https://oauth-helper-r.wbx2.com/helperservice/v1/actions/device/callback",
    "https://oauth-helper-k.wbx2.com/helperservice/v1/actions/device/callback",
    "https://oauth-helper-d.wbx2.com/helperservice/v1/actions/device/callback",
];

/// The file of apps in the test's home.
const APPS: &str = "sandbox-app.json";

pub struct Sandbox {
    process: Process,
    /// What `--api-base` takes.
    pub base: String,
    log: Vec<Value>,
    marks: usize,
}

impl Sandbox {
    pub fn start(env: &Env, redirect_uri: &str) -> Sandbox {
        Sandbox::with(env, redirect_uri, &[])
    }

    /// With more options of `sandbox`.
    pub fn with(env: &Env, redirect_uri: &str, options: &[&str]) -> Sandbox {
        let with_devices: Vec<_> = [redirect_uri].into_iter().chain(HELPERS).collect();
        let app = |(client_id, client_secret): (&str, &str), redirect_uris: &[&str]| {
            json!({
                "client_id": client_id,
                "client_secret": client_secret,
                "redirect_uris": redirect_uris,
            })
        };
        let apps = json!([
            app((CLIENT_ID, CLIENT_SECRET), &with_devices),
            app(OTHER_CLIENT, &[redirect_uri]),
        ]);
        env.write(APPS, &apps.to_string());
        Sandbox::spawn(env, options)
    }

    /// Another one at the same address and with the same app, that has forgotten every grant.
    pub fn restarted(self, env: &Env) -> Sandbox {
        let port = self.base.trim_end_matches("/v1").rsplit(':').next();
        let port = port.unwrap_or_default().to_owned();
        drop(self);
        Sandbox::spawn(env, &["--port", &port])
    }

    fn spawn(env: &Env, options: &[&str]) -> Sandbox {
        let mut command = env.command(["sandbox", "--log", "--app", APPS]);
        command.args(options);
        let mut process = Process::spawn(command, b"");
        let Some(base) = process.next_line(Stream::Out) else {
            panic!("the sandbox does not start: {}", process.finish());
        };
        let looks_right = base.starts_with("http://127.0.0.1:") && base.ends_with("/v1");
        assert!(
            looks_right,
            "the sandbox's first line is no base URL: {base:?}"
        );
        Sandbox {
            process,
            base,
            log: Vec::new(),
            marks: 0,
        }
    }

    /// Every request so far. A request of our own marks the end: the log is in the order of the answers.
    pub fn requests(&mut self) -> &[Value] {
        self.marks += 1;
        let mark = format!("{}/mark/{}", self.base, self.marks);
        let mark = Url::parse(&mark).unwrap_or_else(|e| panic!("{mark}: {e}"));
        http::get(&mark);
        while let Some(line) = self.process.next_line(Stream::Out) {
            let entry: Value = serde_json::from_str(&line)
                .unwrap_or_else(|e| panic!("a line of the sandbox's log: {e}: {line}"));
            if entry["path"] == mark.path() {
                return &self.log;
            }
            self.log.push(entry);
        }
        panic!("the sandbox ended before its log did");
    }

    /// How many authorization codes it was asked to exchange, granted or not.
    pub fn exchanges(&mut self) -> usize {
        self.asked_with("authorization_code")
    }

    /// How often it was asked for a refresh, granted or not.
    pub fn refreshes(&mut self) -> usize {
        self.asked_with("refresh_token")
    }

    fn asked_with(&mut self, grant_type: &str) -> usize {
        let requests = self.requests().iter();
        requests
            .filter(|entry| entry["grant_type"] == grant_type)
            .count()
    }
}
