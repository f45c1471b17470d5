//! From no app to a connection: the person at a terminal is led there, and a script is told what to run.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use url::Url;

use crate::env::{CLIENT_ID, CLIENT_SECRET, ConsentForm, Env, Sandbox, Terminal, http};

/// Where a login listens that is told nothing else. One test at a time has it.
const DEFAULT_URI: &str = "http://127.0.0.1:8911/callback";

const REGISTRATION: &str = "\
there is no app to sign in with yet: Webex takes sign-ins only for an app (it
says \"integration\") that you registered there, which is done once

Enter this at https://developer.webex.com/my-apps (\"Create an integration\"):

Integration name
  webex-connect work

Redirect URIs, character for character
  {URI}
  https://oauth-helper-a.wbx2.com/helperservice/v1/actions/device/callback
  https://oauth-helper-r.wbx2.com/helperservice/v1/actions/device/callback
  https://oauth-helper-k.wbx2.com/helperservice/v1/actions/device/callback
  https://oauth-helper-d.wbx2.com/helperservice/v1/actions/device/callback

Scopes to tick (2)
  spark-admin:people_write
  spark:people_read

";
const ASKED: &str = "\
Webex then shows the app's client ID and, this once, its client secret
Client ID: ";
const SCOPES: &str = "spark:people_read spark-admin:people_write";

/// The address on the screen, which the terminal does not break.
fn address(screen: &str) -> Url {
    let words = screen.split_whitespace();
    let mut urls = words.filter(|word| word.contains("/authorize?"));
    let url = urls.next().unwrap_or_default();
    url.parse()
        .unwrap_or_else(|e| panic!("{url}: {e}: {screen}"))
}

fn without_carriage_returns(screen: &str) -> String {
    screen.replace("\r\n", "\n")
}

#[test]
fn a_person_without_an_app_is_led_to_a_connection() {
    let env = Env::new();
    let uri = crate::env::redirect_uri();
    let sandbox = Sandbox::start(&env, &uri);
    let place = ["login", "work", "--api-base", &sandbox.base];
    let more = ["--redirect-uri", &uri, "--scope", SCOPES];
    let mut terminal = Terminal::run(&env, &[&place[..], &more].concat());
    terminal
        .shows("Client ID: ")
        .types("\n")
        .shows("it stands on the app's page at Webex (Ctrl-C ends this)")
        .shows("Client ID: ")
        .types("two words\n")
        .shows("a client ID has no white space in it")
        .shows("Client ID: ")
        .types(&format!(" {CLIENT_ID} \n"))
        .shows("Client secret: ")
        .types(&format!("{CLIENT_SECRET}\n"))
        .shows("open this address in a browser to sign in:")
        .shows("5:00");
    let url = address(&terminal.screen());
    let callback = ConsentForm::open(&url).press("allow").header("Location");
    let page = http::get(
        &callback
            .parse()
            .unwrap_or_else(|e| panic!("{callback}: {e}")),
    );
    assert!(page.body.contains("You are connected"), "{page}");
    let (code, screen) = terminal.ends();
    assert_eq!(code, 0, "{screen}");
    assert!(
        terminal.echoes() && !screen.contains(CLIENT_SECRET),
        "{screen}"
    );
    let screen = without_carriage_returns(&screen);
    let guide = REGISTRATION.replace("{URI}", &uri) + ASKED;
    assert!(screen.starts_with(&guide), "{screen}");
    let notes =
        "\nthese take the role of administrator in the organisation: spark-admin:people_write\n";
    assert!(
        screen.find(notes) < screen.find("open this address") && screen.contains(notes),
        "{screen}"
    );
    assert!(
        screen.contains("connected work as sandbox.person@example.com\n")
            && screen.ends_with("\nnext: `webex-connect token work`\n"),
        "{screen}"
    );
    let apps = env.run(["app", "list", "--json"]).any_stdout().check();
    assert_eq!(
        apps.json(),
        json!([{
            "name": "work", "client_id": CLIENT_ID, "environment": "custom", "api_base": sandbox.base,
            "redirect_uri": uri, "scopes": ["spark-admin:people_write", "spark:people_read"], "used_by": ["work"],
        }])
    );
    let token = env.run(["token"]).any_stdout().check().out();
    assert!(!screen.contains(token.trim()));
}

/// Where a browser can be opened, the portal is, on Enter and not before.
#[test]
fn enter_opens_the_portal() {
    let env = Env::new();
    let args = ["login", "work", "--browser", crate::env::BROWSER];
    let mut terminal = Terminal::run(&env, &args);
    terminal.shows("Press Enter to open https://developer.webex.com/my-apps: ");
    assert_eq!(env.opened(), None);
    terminal.types("\n").shows("Client ID: ");
    // Nobody waits for a browser: it may come up after the next question.
    let since = Instant::now();
    let opened = loop {
        match env.opened() {
            Some(opened) if opened.ends_with('\n') => break opened,
            _ => assert!(
                since.elapsed() < Duration::from_secs(60),
                "nothing was opened"
            ),
        }
        thread::sleep(Duration::from_millis(5));
    };
    terminal.types("\u{3}");
    assert_eq!(terminal.ends().0, 130);
    assert_eq!(opened.trim_end(), "https://developer.webex.com/my-apps");
}

#[test]
fn leaving_the_guide_stores_nothing() {
    let env = Env::new().var("NO_COLOR", "1");
    let guided = |typed: &[(&str, &str)]| {
        let mut terminal = Terminal::run(&env, &["login", "work"]);
        for (question, answer) in typed {
            terminal.shows(question).types(answer);
        }
        let (code, screen) = terminal.ends();
        assert!(terminal.echoes(), "{screen}");
        (code, without_carriage_returns(&screen))
    };
    // The end of the input, as Ctrl-D types it.
    let (code, screen) = guided(&[("Client ID: ", "\u{4}")]);
    let end = "error: the input ended before an answer; nothing was changed\n\
               hint: run the same command again, or with `--no-input` to be told which option gives the answer\n";
    assert!(code == 1 && screen.contains(end), "{code}: {screen}");
    let (code, _) = guided(&[("Client ID: ", "\u{3}")]);
    assert_eq!(code, 130);
    let (code, screen) = guided(&[
        ("Client ID: ", "C0ffee\n"),
        ("Client secret: ", "half\u{3}"),
    ]);
    assert!(code == 130 && !screen.contains("half"), "{code}: {screen}");
    let (code, screen) = guided(&[("Client ID: ", "C0ffee\n"), ("Client secret: ", "\n")]);
    let empty = "error: the client secret is empty or has white space in it\n\
             hint: copy it again, whole and alone\n";
    assert!(code == 2 && screen.contains(empty), "{code}: {screen}");
    assert!(env.connections().is_empty());
    env.run(["app", "list", "--json"]).stdout("[]\n").check();
}

/// Nobody is sent to register an app whose connection could not be kept.
#[test]
fn a_store_that_can_not_keep_it_is_told_before_the_person_does_anything() {
    let env = Env::bare();
    let mut terminal = Terminal::run(&env, &["login", "work"]);
    let (code, screen) = terminal.ends();
    assert_eq!(code, 6, "{screen}");
    assert!(!screen.contains("Enter this at"), "{screen}");
}

#[test]
fn without_a_terminal_the_commands_to_run_are_told() {
    let env = Env::new();
    let register = |uri: &str, name: &str, place: &str| {
        format!(
            "error: there is no app to sign in with\n\
             hint: register one at https://developer.webex.com/my-apps with the redirect URI {uri}, then run \
             `webex-connect login {name} --client-id ID --client-secret-stdin{place}`; `webex-connect app add {name} \
             --client-id ID{place}` says all there is to enter; WEBEX_CONNECT_CLIENT_ID and \
             WEBEX_CONNECT_CLIENT_SECRET provide an app to every login, and so does /etc/webex-connect/app.json\n"
        )
    };
    let uri = "http://localhost:6855";
    for (args, expected) in [
        (&[][..], register(DEFAULT_URI, "webex", "")),
        (&["work"], register(DEFAULT_URI, "work", "")),
        (&["work", "--redirect-uri", uri], register(uri, "work", "")),
        (
            &["--environment", "webex-gov"],
            register(DEFAULT_URI, "webex-gov", " --environment webex-gov"),
        ),
        (
            &["--api-base", "https://webex.example/v1"],
            register(
                DEFAULT_URI,
                "custom",
                " --api-base https://webex.example/v1",
            ),
        ),
    ] {
        env.run([&["login"], args].concat())
            .code(8)
            .stderr(&expected)
            .check();
    }
    // A terminal whose person is not to be asked is none.
    let mut terminal = Terminal::run(&env, &["login", "--no-input"]);
    let (code, screen) = terminal.ends();
    assert_eq!(code, 8, "{screen}");
    let error = env
        .run(["login", "--json"])
        .code(8)
        .stderr_json("app_misconfigured")
        .check();
    assert!(error.err().contains("--client-secret-stdin"), "{error}");
}
