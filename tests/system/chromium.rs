//! A real browser on the whole way: start address, consent page, redirect, last page.

use std::fs;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::env::process::{Finished, Process};
use crate::env::{BROWSER, Env};
use crate::secret_service::{records, unlocked};
use crate::webdriver::Chromium;

#[test]
#[ignore = "needs the keyring session of tests/run, and Chromium"]
fn a_person_who_allows_sees_connected_when_it_is_stored() {
    let (env, finished) = signed_in_by("allow", "connected");
    assert_eq!(finished.code, Some(0), "{finished}");
    assert_eq!(finished.json()["name"], "sandbox", "{finished}");
    let kept = records(&env);
    assert!(
        kept.contains("connection/sandbox"),
        "not in the keyring: {kept}"
    );
}

#[test]
#[ignore = "needs the keyring session of tests/run, and Chromium"]
fn a_person_who_refuses_sees_that_and_nothing_is_stored() {
    let (env, finished) = signed_in_by("refuse", "refused");
    assert_eq!(finished.code, Some(4), "{finished}");
    assert_eq!(records(&env), "", "left in the keyring");
}

/// Presses a button on the consent page and waits for these words on the last one.
fn signed_in_by(button: &str, words: &str) -> (Env, Finished) {
    let env = unlocked();
    let opened = Opened::in_home_of(&env);
    let login = env.command(["login", "--sandbox", "--browser", BROWSER, "--json"]);
    let login = Process::spawn(login, b"");
    let chromium = Chromium::start(&env);
    chromium.open(&opened.address());
    chromium.click(button);
    let text = chromium.text_with(words);
    let finished = login.finish();
    finished.hold_the_oracles(&[]);
    assert!(!text.contains("code="), "the page shows the query: {text}");
    drop(chromium);
    env.nothing_runs();
    (env, finished)
}

/// What the browser is told to open, through a FIFO: reading it waits for the writer.
pub struct Opened(mpsc::Receiver<String>);

impl Opened {
    pub fn in_home_of(env: &Env) -> Opened {
        let fifo = env.path("opened");
        mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
            .unwrap_or_else(|e| panic!("{}: {e}", fifo.display()));
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || fs::read_to_string(fifo).map(|address| sender.send(address)));
        Opened(receiver)
    }

    pub fn address(&self) -> String {
        let address = self.0.recv_timeout(Duration::from_secs(60));
        let address = address.unwrap_or_else(|e| panic!("no browser was opened: {e}"));
        address.trim_end().to_owned()
    }
}
