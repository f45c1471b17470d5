//! A login whose browser is a real Chromium.

use std::fs;
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::Signal;
use url::Url;

use crate::env::process::{Finished, Process, Stream};
use crate::env::{BROWSER, CLIENT_SECRET, Env, Login, Sandbox};
use crate::webdriver::Chromium;

/// The waiting login, and a Chromium that has followed the start address to the consent page.
pub struct Visit {
    pub chromium: Chromium,
    pub start: Url,
    login: Process,
}

impl Visit {
    /// `login --sandbox`.
    pub fn embedded(env: &Env, more: &[&str]) -> Visit {
        let mut login = env.command(["login", "--sandbox", "--browser", BROWSER]);
        login.args(more);
        Visit::begin(env, login, &[])
    }

    /// `login work` with the app registered at a sandbox of its own; `switches` are Chromium's.
    pub fn registered(
        env: &Env,
        sandbox: &Sandbox,
        redirect_uri: &str,
        switches: &[&str],
    ) -> Visit {
        let mut login = Login::command(env, sandbox, redirect_uri);
        login.args(["--browser", BROWSER]);
        Visit::begin(env, login, switches)
    }

    fn begin(env: &Env, login: Command, switches: &[&str]) -> Visit {
        let opened = Opened::in_home_of(env);
        let login = Process::spawn(login, format!("{CLIENT_SECRET}\n").as_bytes());
        let chromium = Chromium::start(env, switches);
        let start = opened.address();
        chromium.open(start.as_str());
        Visit {
            chromium,
            start,
            login,
        }
    }

    /// `state`, out of the address of the consent page.
    pub fn state(&self) -> String {
        let address = self.chromium.address();
        let mut pairs = address.query_pairs();
        let state = pairs.find(|(name, _)| name == "state");
        let Some((_, state)) = state else {
            panic!("no state: {address}");
        };
        state.into_owned()
    }

    /// Presses a button on the consent page; the text of the page that comes of it, once these words stand in it.
    pub fn decides(&self, button: &str, words: &str) -> String {
        self.chromium.click(button);
        self.chromium.text_with(words)
    }

    /// The same where the store fails afterwards. The login goes on trying and says so, until a signal ends that.
    pub fn decides_while_the_store_fails(&mut self, button: &str, words: &str) -> String {
        let Visit {
            chromium, login, ..
        } = self;
        thread::scope(|scope| {
            scope.spawn(|| {
                while let Some(line) = login.next_line(Stream::Err) {
                    if line.contains("yet, and still trying") {
                        return login.signal(Signal::TERM);
                    }
                }
                panic!("the login does not say that it goes on trying");
            });
            chromium.click(button);
            chromium.text_with(words)
        })
    }

    /// The end of the login, and of the browser.
    pub fn finish(self) -> Finished {
        let address = self.chromium.address();
        let secrets = address
            .query_pairs()
            .filter(|(name, _)| name == "code")
            .map(|(_, code)| code.into_owned())
            .chain([CLIENT_SECRET.to_owned()])
            .collect::<Vec<_>>();
        let source = self.chromium.source();
        for secret in &secrets {
            assert!(!source.contains(secret), "the page shows {secret}");
        }
        let finished = self.login.finish();
        finished.hold_the_oracles(&secrets);
        finished
    }
}

/// What the browser is told to open, through a FIFO: reading it waits for the writer.
struct Opened(mpsc::Receiver<String>);

impl Opened {
    fn in_home_of(env: &Env) -> Opened {
        let fifo = env.path("opened");
        mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
            .unwrap_or_else(|e| panic!("{}: {e}", fifo.display()));
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || fs::read_to_string(fifo).map(|address| sender.send(address)));
        Opened(receiver)
    }

    fn address(&self) -> Url {
        let address = self.0.recv_timeout(Duration::from_secs(60));
        let address = address.unwrap_or_else(|e| panic!("no browser was opened: {e}"));
        let address = address.trim_end();
        Url::parse(address).unwrap_or_else(|e| panic!("{address:?}: {e}"))
    }
}
