//! The device grant end to end: the program here, and a real browser as the person's other device.

use serde_json::{Value, json};

use crate::env::Env;
use crate::env::process::{Finished, Process, Stream};
use crate::looks::looks_right;
use crate::webdriver::Chromium;

/// `login --sandbox --device`, and the browser somewhere else.
struct Elsewhere {
    chromium: Chromium,
    login: Process,
    event: Value,
}

impl Elsewhere {
    fn start(env: &Env) -> Elsewhere {
        let chromium = Chromium::start(env, &[]);
        let login = env.command(["login", "--sandbox", "--device", "--json"]);
        let mut login = Process::spawn(login, b"");
        let event = loop {
            let line = login.next_line(Stream::Err);
            let line = line.unwrap_or_else(|| panic!("no event of a device"));
            let event: Value = serde_json::from_str(&line).unwrap_or_default();
            if event["event"] == "device" {
                break event;
            }
        };
        Elsewhere {
            chromium,
            login,
            event,
        }
    }

    fn told(&self, name: &str) -> &str {
        self.event[name].as_str().unwrap_or_default()
    }

    /// Opens one of the two addresses.
    fn opens(&self, name: &str) {
        self.chromium.open(self.told(name));
    }

    fn types(&self, digits: &str) {
        self.chromium.keys("#user_code", digits);
        self.chromium.click("next");
    }

    fn finish(self) -> Finished {
        let finished = self.login.finish();
        finished.hold_the_oracles(&[]);
        finished
    }
}

#[test]
#[ignore = "needs Chromium"]
fn a_person_types_the_digits_and_the_login_ends_connected() {
    let env = Env::new();
    let person = Elsewhere::start(&env);
    person.opens("verification_uri");
    looks_right(&person.chromium, "device");
    person.types("not digits");
    person.chromium.text_with("No device waits");
    looks_right(&person.chromium, "device-unknown");
    // As people write six digits down.
    let (first, second) = person.told("user_code").split_at(3);
    person.types(&format!("{first} {second}"));
    let device = person.chromium.text("#device");
    assert!(device.contains(person.told("user_code")), "{device}");
    let everything = "label:has(input[value='spark:rooms_write'])";
    person.chromium.click_on(everything);
    person.chromium.keys("#person", "sandbox.c");
    person.chromium.click("allow");
    person.chromium.text_with("Allowed");
    looks_right(&person.chromium, "device-allowed");
    let finished = person.finish();
    assert_eq!(finished.code, Some(0), "{finished}");
    let connection = finished.json();
    let missing = &connection["scopes"]["missing"];
    assert_eq!(missing, &json!(["spark:rooms_write"]), "{finished}");
    let email = &connection["identity"]["email"];
    assert_eq!(email, "sandbox.colleague@example.com", "{finished}");
    assert_eq!(env.connections(), ["sandbox"]);
    env.nothing_runs();
}

#[test]
#[ignore = "needs Chromium"]
fn a_person_who_scanned_the_code_refuses() {
    let env = Env::new();
    let person = Elsewhere::start(&env);
    person.opens("verification_uri_complete");
    person.chromium.click("refuse");
    person.chromium.text_with("Refused");
    looks_right(&person.chromium, "device-refused");
    let finished = person.finish();
    assert_eq!(finished.code, Some(4), "{finished}");
    assert!(
        finished.err().contains("refused on Webex's page"),
        "{finished}"
    );
    assert_eq!(env.connections(), [""; 0]);
    env.nothing_runs();
}
