//! A headless Chromium, driven through chromedriver (W3C WebDriver over HTTP).

use serde_json::{Value, json};
use url::Url;

use crate::env::Env;
use crate::env::http::request;
use crate::env::process::{Process, Stream};

/// An element's reference in WebDriver's JSON, by the standard's own constant.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// In milliseconds: how long the driver itself looks for an element, and waits for a page.
const PATIENCE: u64 = 30_000;

pub struct Chromium {
    session: String,
    _driver: Process,
}

impl Chromium {
    /// With an empty profile inside the home, and more command-line switches.
    pub fn start(env: &Env, switches: &[&str]) -> Chromium {
        let mut command = env.program("chromedriver");
        // A browser of the test's has no business on the bus with the keyring.
        command
            .arg("--port=0")
            .env_remove("DBUS_SESSION_BUS_ADDRESS");
        let mut driver = Process::spawn(command, b"");
        let port = loop {
            let Some(line) = driver.next_line(Stream::Out) else {
                panic!("chromedriver does not start: {}", driver.finish());
            };
            let (_, rest) = line
                .split_once("started successfully on port ")
                .unwrap_or_default();
            if let Ok(port) = rest.trim_end_matches('.').parse::<u16>() {
                break port;
            }
        };
        let sessions = format!("http://127.0.0.1:{port}/session");
        let session = call("POST", &sessions, &capabilities(env, switches));
        let Some(id) = session["sessionId"].as_str() else {
            panic!("no browser session: {session}");
        };
        Chromium {
            session: format!("{sessions}/{id}"),
            _driver: driver,
        }
    }

    /// Returns when the page has loaded.
    pub fn open(&self, address: &str) {
        self.post("url", &json!({"url": address}));
    }

    pub fn click(&self, id: &str) {
        self.click_on(&format!("#{id}"));
    }

    /// The same by CSS selector.
    pub fn click_on(&self, selector: &str) {
        let element = self.find("css selector", selector);
        self.post(&format!("element/{element}/click"), &json!({}));
    }

    /// Keys pressed on an element.
    pub fn keys(&self, selector: &str, text: &str) {
        let element = self.find("css selector", selector);
        self.post(&format!("element/{element}/value"), &json!({"text": text}));
    }

    /// The text of the page, once this stands in it.
    pub fn text_with(&self, words: &str) -> String {
        let body = self.find("xpath", &format!("//body[contains(., '{words}')]"));
        self.get(&format!("element/{body}/text"))
    }

    /// The text of an element.
    pub fn text(&self, selector: &str) -> String {
        let element = self.find("css selector", selector);
        self.get(&format!("element/{element}/text"))
    }

    /// The page's markup, as the browser has it.
    pub fn source(&self) -> String {
        self.get("source")
    }

    pub fn address(&self) -> Url {
        let address = self.get("url");
        Url::parse(&address).unwrap_or_else(|e| panic!("{address}: {e}"))
    }

    /// What a function body of JavaScript returns.
    pub fn run(&self, script: &str) -> Value {
        self.post("execute/sync", &json!({"script": script, "args": []}))
    }

    /// A command of Chromium's own, beyond WebDriver.
    pub fn devtools(&self, command: &str, parameters: &Value) -> Value {
        let body = json!({"cmd": command, "params": parameters});
        self.post("goog/cdp/execute", &body)
    }

    fn find(&self, using: &str, value: &str) -> String {
        let found = self.post("element", &json!({"using": using, "value": value}));
        match found[ELEMENT].as_str() {
            Some(element) => element.to_owned(),
            None => panic!("no element {value}: {found}"),
        }
    }

    fn get(&self, what: &str) -> String {
        let text = call("GET", &format!("{}/{what}", self.session), &Value::Null);
        text.as_str().unwrap_or_default().to_owned()
    }

    fn post(&self, what: &str, body: &Value) -> Value {
        call("POST", &format!("{}/{what}", self.session), body)
    }
}

impl Drop for Chromium {
    /// The browser ends with its session; the driver is ended after it.
    fn drop(&mut self) {
        if let Ok(session) = Url::parse(&self.session) {
            request("DELETE", &session, "application/json", "");
        }
    }
}

fn capabilities(env: &Env, switches: &[&str]) -> Value {
    let profile = format!("--user-data-dir={}", env.path("chromium").display());
    let mut args = vec![
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        &profile,
    ];
    args.extend(switches);
    json!({"capabilities": {"alwaysMatch": {
        "timeouts": {"implicit": PATIENCE, "pageLoad": PATIENCE},
        "goog:chromeOptions": {"args": args},
    }}})
}

/// One WebDriver command and its `value`.
fn call(method: &str, address: &str, body: &Value) -> Value {
    let url = Url::parse(address).unwrap_or_else(|e| panic!("{address}: {e}"));
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let answer = request(method, &url, "application/json", &body);
    assert_eq!(answer.status, 200, "{method} {address} {body}: {answer}");
    let mut answer: Value = serde_json::from_str(&answer.body)
        .unwrap_or_else(|e| panic!("{method} {address}: {e}: {answer}"));
    answer["value"].take()
}
