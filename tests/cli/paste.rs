//! The answer brought back by hand: a person at a terminal pastes the address that the browser ended on.

use url::Url;

use crate::env::{
    CLIENT_ID, Callback, ConsentForm, Env, Sandbox, Terminal, free_port, redirect_uri,
};

/// A login on a terminal that waits and has invited the person to paste, with the sandbox it asks.
struct Waiting {
    env: Env,
    sandbox: Sandbox,
    terminal: Terminal,
    /// The authorization URL on the screen.
    url: Url,
}

impl Waiting {
    fn start(env: Env, redirect_uri: &str, more: &[&str]) -> Waiting {
        let redirect_uri = redirect_uri.replace("{PORT}", &free_port().to_string());
        let sandbox = Sandbox::start(&env, &redirect_uri);
        let secret = env.write("secret", "wxcs-canary-5d7b20c9e8f64a31\n");
        let secret = secret.display().to_string();
        let args = [
            &["login", "work", "--no-browser", "--api-base", &sandbox.base][..],
            &["--client-id", CLIENT_ID, "--client-secret-file", &secret],
            &["--redirect-uri", &redirect_uri],
            more,
        ]
        .concat();
        let mut terminal = Terminal::run(&env, &args);
        terminal
            .shows("to sign in:\r\n")
            .shows("paste the address")
            .shows("ends it):\r\n");
        let screen = terminal.screen();
        let start = format!("{}/authorize?", sandbox.base);
        let line = screen.lines().find(|line| line.starts_with(&start));
        let url = line.and_then(|line| Url::parse(line.trim()).ok());
        let url = url.unwrap_or_else(|| panic!("no authorization URL:\n{screen}"));
        Waiting {
            env,
            sandbox,
            terminal,
            url,
        }
    }

    fn usual() -> Waiting {
        Waiting::start(Env::new(), "http://127.0.0.1:{PORT}/callback", &[])
    }

    /// Where the browser is sent after Allow.
    fn consent(&self) -> Callback {
        let answer = ConsentForm::open(&self.url).press("allow");
        let address = answer.header("Location");
        Callback(address.parse().unwrap_or_else(|e| panic!("{address}: {e}")))
    }

    fn connects(mut self) {
        let (code, screen) = self.terminal.ends();
        assert_eq!(code, 0, "{screen}");
        assert!(screen.contains("connected work as"), "{screen}");
        assert_eq!(self.env.connections(), ["work"]);
        assert_eq!(self.sandbox.exchanges(), 1);
    }
}

#[test]
fn the_whole_address_may_be_pasted() {
    let mut waiting = Waiting::usual();
    let callback = waiting.consent();
    waiting.terminal.types(&format!("  {}  \r", callback.0));
    waiting.connects();
}

#[test]
fn the_query_alone_may_be_pasted_for_a_redirect_uri_without_a_path() {
    let mut waiting = Waiting::start(Env::new(), "http://localhost:{PORT}", &[]);
    let query = waiting.consent().0.query().unwrap_or_default().to_owned();
    waiting.terminal.types(&format!("?{query}\r"));
    waiting.connects();
}

#[test]
fn what_is_no_answer_is_explained_and_the_browser_may_still_come() {
    let mut waiting = Waiting::usual();
    let callback = waiting.consent();
    let mut foreign = callback.0.clone();
    foreign.set_query(Some("code=ATTACKER&state=AAAAAAAAAAAAAAAAAAAAAA"));
    waiting.terminal.types("\r");
    for wrong in [
        foreign.as_str(),
        "hello",
        "https://evil.example/callback?code=c&state=s",
    ] {
        waiting.terminal.types(&format!("{wrong}\r"));
        waiting
            .terminal
            .shows("that is not the answer to this sign-in");
    }
    let url = waiting.url.to_string();
    waiting.terminal.types(&format!("{url}\r"));
    waiting.terminal.shows("that is the address to open");
    let page = crate::env::http::get(&callback.0);
    assert_eq!(page.status, 200, "{page}");
    let screen = waiting.terminal.screen();
    assert_eq!(
        screen.matches("is not the answer").count(),
        3,
        "an empty line needs no words: {screen}"
    );
    waiting.connects();
}

#[test]
fn the_end_of_the_input_ends_nothing() {
    const CTRL_D: &str = "\u{4}";
    let mut waiting = Waiting::usual();
    waiting.terminal.types(CTRL_D);
    // The countdown is drawn only where nobody pastes: the end was seen.
    waiting.terminal.shows("waiting for the browser");
    let page = crate::env::http::get(&waiting.consent().0);
    assert_eq!(page.status, 200, "{page}");
    waiting.connects();
}

/// Both at once: one of them wins, and one code is exchanged once.
#[test]
fn paste_and_browser_race_for_one_exchange() {
    let mut waiting = Waiting::usual();
    let callback = waiting.consent();
    waiting.terminal.types(&format!("{}\r", callback.0));
    // Whoever comes second finds the port closed or is told nothing.
    let late = std::thread::spawn(move || {
        let port = callback.0.port().unwrap_or(80);
        std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    waiting.connects();
    let _either = late.join();
}

/// The file's lock is held by the test, so that the write has to wait for it.
#[test]
fn ctrl_c_while_a_pasted_answer_is_stored_comes_after_the_write() {
    let mut waiting = Waiting::usual();
    let callback = waiting.consent();
    let path = waiting.env.path("data/webex-connect/store.lock");
    let lock = std::fs::File::open(path).unwrap_or_else(|e| panic!("{e}"));
    lock.lock().unwrap_or_else(|e| panic!("{e}"));
    waiting.terminal.types(&format!("{}\n", callback.0));
    waiting.env.somebody_waits_for("store.lock");
    waiting.terminal.types("\u{3}").shows("^C");
    drop(lock);
    let (code, screen) = waiting.terminal.ends();
    assert_eq!(code, 130, "{screen}");
    let said = "interrupted; work was stored all the same";
    assert!(screen.contains(said), "{screen}");
    assert_eq!(waiting.env.connections(), ["work"]);
}

#[test]
fn a_refusal_may_be_pasted_too() {
    let mut waiting = Waiting::usual();
    let answer = ConsentForm::open(&waiting.url).press("refuse");
    waiting
        .terminal
        .types(&format!("{}\r", answer.header("Location")));
    let (code, screen) = waiting.terminal.ends();
    assert_eq!(code, 4, "{screen}");
    assert!(
        screen.contains("the request was refused on Webex's page"),
        "{screen}"
    );
    assert!(waiting.env.connections().is_empty());
}

#[test]
fn over_ssh_the_tunnel_is_printed_with_the_literal_host() {
    for (host, connection, tunnel) in [
        (
            "127.0.0.1",
            "198.51.100.9 50000 203.0.113.7 22",
            "ssh -L {PORT}:127.0.0.1:{PORT} jane@203.0.113.7\r\n",
        ),
        (
            "localhost",
            "198.51.100.9 50000 2001:db8::7 2222",
            "ssh -L {PORT}:localhost:{PORT} -p 2222 jane@2001:db8::7\r\n",
        ),
        (
            "[::1]",
            "$(touch x)",
            "ssh -L {PORT}:[::1]:{PORT} jane@HOST\r\n",
        ),
    ] {
        let env = Env::new()
            .var("SSH_CONNECTION", connection)
            .var("USER", "jane");
        let waiting = Waiting::start(env, &format!("http://{host}:{{PORT}}/callback"), &[]);
        let (_, uri) = waiting
            .url
            .query_pairs()
            .find(|(n, _)| n == "redirect_uri")
            .unwrap();
        let port = Url::parse(&uri)
            .ok()
            .and_then(|uri| uri.port())
            .unwrap_or(80);
        let tunnel = tunnel.replace("{PORT}", &port.to_string());
        let screen = waiting.terminal.screen();
        assert!(screen.contains(&tunnel), "{tunnel:?}:\n{screen}");
    }
}

#[test]
fn in_a_container_the_ways_back_are_named() {
    let env = Env::new().var("container", "podman");
    let waiting = Waiting::start(env, "http://127.0.0.1:{PORT}/callback", &[]);
    let screen = waiting.terminal.screen();
    assert!(
        screen.contains("a browser outside can't come back here by itself"),
        "{screen}"
    );
    assert!(screen.contains("--device"), "{screen}");
}

#[test]
fn with_no_input_nothing_is_read_from_the_terminal() {
    let env = Env::new();
    let redirect_uri = redirect_uri();
    let sandbox = Sandbox::start(&env, &redirect_uri);
    let secret = env.write("secret", "wxcs-canary-5d7b20c9e8f64a31\n");
    let secret = secret.display().to_string();
    let mut terminal = Terminal::run(
        &env,
        &[
            &[
                "login",
                "work",
                "--no-browser",
                "--no-input",
                "--timeout",
                "1",
            ],
            &["--api-base", &sandbox.base, "--client-id", CLIENT_ID][..],
            &[
                "--client-secret-file",
                &secret,
                "--redirect-uri",
                &redirect_uri,
            ],
        ]
        .concat(),
    );
    let (code, screen) = terminal.ends();
    assert_eq!(code, 4, "{screen}");
    assert!(!screen.contains("paste"), "{screen}");
}
