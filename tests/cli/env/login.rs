//! `login` while it waits, and the browser played by hand.

use std::process::Command;

use serde_json::Value;
use url::Url;

use super::form::ConsentForm;
use super::process::{Finished, Process, Stream};
use super::sandbox::{CLIENT_ID, CLIENT_SECRET, Sandbox};
use super::{Answer, Env, http};

/// A login that has shown its authorization URL.
pub struct Login {
    pub process: Process,
    /// The authorization URL.
    pub url: Url,
    redirect_uri: Url,
    secrets: Vec<String>,
}

/// The address a browser is sent to after the consent page.
pub struct Callback(pub Url);

impl Callback {
    pub fn code(&self) -> String {
        parameter(&self.0, "code")
    }
}

impl Login {
    /// `login work --json` against the sandbox; `more` says who opens the browser, and whatever else.
    pub fn start(env: &Env, sandbox: &Sandbox, redirect_uri: &str, more: &[&str]) -> Login {
        Login::at(env, &sandbox.base, redirect_uri, more)
    }

    /// The same against any server.
    pub fn at(env: &Env, base: &str, redirect_uri: &str, more: &[&str]) -> Login {
        let mut command = Login::command_at(env, base, redirect_uri);
        command.arg("--json").args(more);
        Login::follow(command, redirect_uri, authorize_event)
    }

    /// A reconnect, with nothing said but `args`.
    pub fn again(env: &Env, redirect_uri: &str, args: &[&str]) -> Login {
        let mut command = env.command(["login", "--json"]);
        command.args(args);
        Login::follow(command, redirect_uri, authorize_event)
    }

    /// Any `login --json`.
    pub fn of(command: Command, redirect_uri: &str) -> Login {
        Login::follow(command, redirect_uri, authorize_event)
    }

    /// `login --sandbox`, which takes a redirect URI of its own.
    pub fn embedded(env: &Env, args: &[&str]) -> Login {
        let mut command = env.command(["login", "--sandbox", "--json", "--no-browser"]);
        command.args(args);
        let mut login = Login::follow(command, "http://127.0.0.1", authorize_event);
        login.redirect_uri = parsed(&parameter(&login.url, "redirect_uri"));
        login
    }

    /// The same in prose, where the URL stands somewhere on a line.
    pub fn in_prose(env: &Env, sandbox: &Sandbox, redirect_uri: &str) -> Login {
        Login::prose_at(env, &sandbox.base, redirect_uri)
    }

    /// The same against any server.
    pub fn prose_at(env: &Env, base: &str, redirect_uri: &str) -> Login {
        let mut command = Login::command_at(env, base, redirect_uri);
        command.arg("--no-browser");
        let start = format!("{base}/authorize?");
        Login::follow(command, redirect_uri, move |line| {
            let url = &line[line.find(&start)?..];
            url.split_whitespace().next().map(str::to_owned)
        })
    }

    /// `login` with nothing said but `args`, in prose; they hold `--no-browser`.
    pub fn told(env: &Env, redirect_uri: &str, args: &[&str]) -> Login {
        let mut command = env.command(["login"]);
        command.args(args);
        Login::follow(command, redirect_uri, |line| {
            let words = line.split_whitespace();
            let mut urls = words.filter(|word| word.contains("/authorize?"));
            urls.next().map(str::to_owned)
        })
    }

    /// In prose, opened by this program; the URL is what the printed start address answers.
    pub fn opened_by(env: &Env, base: &str, redirect_uri: &str, program: &str) -> Login {
        let mut command = Login::command_at(env, base, redirect_uri);
        command.args(["--browser", program]);
        Login::follow(command, redirect_uri, |line| {
            let start = Url::parse(line).ok().filter(|url| url.scheme() == "http")?;
            Some(http::get(&start).header("Location"))
        })
    }

    /// The command alone, its client secret to come on stdin.
    pub fn command(env: &Env, sandbox: &Sandbox, redirect_uri: &str) -> Command {
        Login::command_at(env, &sandbox.base, redirect_uri)
    }

    /// The same against any server.
    pub fn command_at(env: &Env, base: &str, redirect_uri: &str) -> Command {
        let mut command = env.command(["login", "work", "--api-base", base]);
        command
            .args(["--client-id", CLIENT_ID, "--client-secret-stdin"])
            .args(["--redirect-uri", redirect_uri]);
        command
    }

    fn follow(
        command: Command,
        redirect_uri: &str,
        url_in: impl Fn(&str) -> Option<String>,
    ) -> Login {
        let mut process = Process::spawn(command, format!("{CLIENT_SECRET}\n").as_bytes());
        let url = loop {
            match process.next_line(Stream::Err) {
                Some(line) => {
                    if let Some(url) = url_in(&line) {
                        break url;
                    }
                }
                None => panic!("no authorization URL: {}", process.finish()),
            }
        };
        Login {
            process,
            url: parsed(&url),
            redirect_uri: parsed(redirect_uri),
            secrets: vec![CLIENT_SECRET.to_owned()],
        }
    }

    /// A parameter of the authorization URL; empty if it is not there.
    pub fn asks(&self, name: &str) -> String {
        parameter(&self.url, name)
    }

    /// Allows everything and sees the login end well.
    pub fn connects(mut self) -> Finished {
        let callback = self.consent("allow");
        let page = self.deliver(&callback);
        assert!(page.body.contains("You are connected"), "{page}");
        let finished = self.finish();
        assert_eq!(finished.code, Some(0), "{finished}");
        finished
    }

    pub fn state(&self) -> String {
        parameter(&self.url, "state")
    }

    pub fn port(&self) -> u16 {
        self.redirect_uri.port().unwrap_or(80)
    }

    /// Opens the consent page and presses `allow` or `refuse`; the callback is not followed yet.
    pub fn consent(&mut self, decision: &str) -> Callback {
        self.consent_with(decision, &[])
    }

    /// The same, with some scopes unticked before.
    pub fn consent_with(&mut self, decision: &str, unticked: &[&str]) -> Callback {
        let form = ConsentForm::open(&self.url).untick(unticked);
        self.send(&form, decision)
    }

    /// Allows everything as another person, by e-mail address.
    pub fn consent_as(&mut self, person: &str) -> Callback {
        let form = ConsentForm::open(&self.url).person(person);
        self.send(&form, "allow")
    }

    fn send(&mut self, form: &ConsentForm, decision: &str) -> Callback {
        let answer = form.press(decision);
        assert_eq!(
            answer.status, 302,
            "{decision} on the consent page: {answer}"
        );
        let callback = Callback(parsed(&answer.header("Location")));
        let sent_to = &callback.0[..url::Position::AfterPath];
        assert_eq!(
            sent_to,
            self.redirect_uri.as_str(),
            "where consent leads: {answer}"
        );
        assert_eq!(parameter(&callback.0, "state"), self.state(), "{answer}");
        if decision == "allow" {
            self.secrets.push(callback.code());
        }
        callback
    }

    /// Sends the browser to the callback; returns when its page comes.
    pub fn deliver(&self, callback: &Callback) -> Answer {
        http::get(&callback.0)
    }

    /// A request out of a case: `{PATH}`, `{LISTEN}`, `{PORT}`, `{STATE}` and `{CODE}` stand for this login's.
    pub fn fill(&self, request: &str, callback: &Callback) -> String {
        let uri = &self.redirect_uri;
        let listen = &uri[url::Position::BeforeHost..url::Position::AfterPort];
        request
            .replace("{PATH}", uri.path())
            .replace("{LISTEN}", listen)
            .replace("{PORT}", &self.port().to_string())
            .replace("{STATE}", &self.state())
            .replace("{CODE}", &callback.code())
    }

    /// Something else that must not stand on stderr.
    pub fn secret(&mut self, secret: String) {
        self.secrets.push(secret);
    }

    pub fn finish(self) -> Finished {
        let finished = self.process.finish();
        finished.hold_the_oracles(&self.secrets);
        let silent = finished.code == Some(0) || finished.stdout.is_empty();
        assert!(silent, "{finished}\nfailed, yet wrote on stdout");
        finished
    }
}

/// The URL in the line that `login --json` writes.
fn authorize_event(line: &str) -> Option<String> {
    let event: Value = serde_json::from_str(line).ok()?;
    (event["event"] == "authorize").then(|| event["url"].as_str().map(str::to_owned))?
}

fn parsed(address: &str) -> Url {
    Url::parse(address).unwrap_or_else(|e| panic!("{address:?}: {e}"))
}

/// A query parameter that is there exactly once; empty if it is not there.
fn parameter(address: &Url, name: &str) -> String {
    let values: Vec<_> = address
        .query_pairs()
        .filter(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
        .collect();
    assert!(values.len() < 2, "{name} comes twice: {address}");
    values.concat()
}
