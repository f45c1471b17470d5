//! `login --device` against the sandbox: the person signs in elsewhere, by hand over HTTP.

use std::net::TcpListener;
use std::process::Command;

use serde_json::{Value, json};
use url::Url;

use crate::env::process::{Process, Stream};
use crate::env::{
    CLIENT_ID, CLIENT_SECRET, ConsentForm, Env, HELPERS, Login, OTHER_CLIENT, Run, Sandbox, http,
    redirect_uri,
};

const FORM: &str = "application/x-www-form-urlencoded";

/// `login work --device`, its client secret to come on stdin. Nothing listens at the redirect URI.
fn command(env: &Env, sandbox: &Sandbox, more: &[&str]) -> Command {
    let redirect_uri = redirect_uri();
    let mut command = Login::command(env, sandbox, &redirect_uri);
    command.arg("--device").args(more);
    command
}

fn sandbox(env: &Env) -> Sandbox {
    Sandbox::start(env, "http://127.0.0.1:9/callback")
}

fn start(command: Command) -> Process {
    Process::spawn(command, format!("{CLIENT_SECRET}\n").as_bytes())
}

/// Waits for the line of JSON that says where to go.
fn event(login: &mut Process) -> Value {
    while let Some(line) = login.next_line(Stream::Err) {
        let event: Value = serde_json::from_str(&line).unwrap_or_default();
        if event["event"] == "device" {
            return event;
        }
    }
    panic!("no event of a device");
}

fn url(event: &Value, name: &str) -> Url {
    let text = event[name].as_str().unwrap_or_default();
    text.parse()
        .unwrap_or_else(|e| panic!("{name}: {e}: {event}"))
}

#[test]
fn a_person_elsewhere_types_the_digits_and_allows_less() {
    let env = Env::new();
    let sandbox = sandbox(&env);
    let mut login = start(command(&env, &sandbox, &["--json"]));
    let event = event(&mut login);
    let members: Vec<_> = event
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| name)
        .collect();
    let told = [
        "event",
        "expires_in",
        "interval",
        "user_code",
        "verification_uri",
        "verification_uri_complete",
    ];
    assert_eq!(members, told, "the device code is not among them");
    assert_eq!(
        (&event["expires_in"], &event["interval"]),
        (&json!(300), &json!(2))
    );
    let verify = url(&event, "verification_uri");
    let typed = format!(
        "user_code={}",
        event["user_code"].as_str().unwrap_or_default()
    );
    let page = http::request("POST", &verify, FORM, &typed);
    let done = ConsentForm::read(&verify, &page)
        .person("sandbox.colleague@example.com")
        .untick(&["spark:rooms_write"])
        .press("allow");
    assert_eq!(done.status, 200, "{done}");
    let finished = login.finish();
    finished.hold_the_oracles(&[CLIENT_SECRET.to_owned()]);
    assert_eq!(finished.code, Some(0), "{finished}");
    let connection = finished.json();
    assert_eq!(connection["name"], "work", "{finished}");
    assert_eq!(connection["auth_type"], "own_app", "{finished}");
    assert_eq!(
        connection["identity"]["email"],
        "sandbox.colleague@example.com"
    );
    assert_eq!(
        connection["scopes"]["missing"],
        json!(["spark:rooms_write"])
    );
    assert_eq!(connection["scopes"]["source"], "reported", "{finished}");
    let token = env.run(["token", "work"]).any_stdout().check().out();
    assert!(!finished.err().contains(token.trim()), "{finished}");
    env.run(["status", "work", "--live"]).any_stdout().check();
}

#[test]
fn in_prose_the_addresses_and_the_digits_stand_on_lines_of_their_own() {
    let env = Env::new();
    let sandbox = sandbox(&env);
    let mut login = start(command(&env, &sandbox, &[]));
    let mut indented = || loop {
        match login.next_line(Stream::Err) {
            Some(line) if line.starts_with("  ") => return line.trim().to_owned(),
            Some(_) => {}
            None => panic!("no more lines"),
        }
    };
    let (verify, digits, complete) = (indented(), indented(), indented());
    let complete: Url = complete
        .parse()
        .unwrap_or_else(|e| panic!("{complete}: {e}"));
    assert_eq!(ConsentForm::open(&complete).press("allow").status, 200);
    let finished = login.finish();
    assert_eq!(finished.code, Some(0), "{finished}");
    assert!(finished.stdout.is_empty(), "{finished}");
    let expected = format!(
        "open this address in a browser, on whatever device:\n\n  {verify}\n\nand type this code there:\n\n  {digits}\n\n\
         or open this one, which asks for no code:\n\n  {complete}\n\n\
         connected work as sandbox.person@example.com\n"
    );
    assert!(finished.err().starts_with(&expected), "{finished}");
    assert!(
        digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_digit()),
        "{digits}"
    );
}

#[test]
fn a_refusal_elsewhere_ends_it_here_and_names_the_helper_addresses() {
    let env = Env::new();
    let sandbox = sandbox(&env);
    let mut login = start(command(&env, &sandbox, &["--json"]));
    let complete = url(&event(&mut login), "verification_uri_complete");
    assert_eq!(ConsentForm::open(&complete).press("refuse").status, 200);
    let finished = login.finish();
    assert_eq!(finished.code, Some(4), "{finished}");
    assert!(finished.stdout.is_empty(), "{finished}");
    let error: Value = finished
        .err()
        .lines()
        .last()
        .and_then(|line| serde_json::from_str(line).ok())
        .unwrap_or_default();
    assert_eq!(error["error"]["code"], "denied", "{finished}");
    let hint = error["error"]["hint"].as_str().unwrap_or_default();
    let base = &sandbox.base;
    let again = format!("run `webex-connect login work --client-id {CLIENT_ID} --api-base {base} ");
    assert!(hint.starts_with(&again), "{finished}");
    let cause = "--device` again; if the browser showed an error page after the sign-in";
    assert!(hint.contains(cause), "{finished}");
    for uri in HELPERS {
        assert!(hint.contains(uri), "{uri}: {finished}");
    }
    assert_eq!(env.connections(), [""; 0]);
}

#[test]
fn an_app_without_the_helper_addresses_ends_in_a_hint_that_lists_them() {
    let env = Env::new();
    let sandbox = sandbox(&env);
    let mut command = env.command(["login", "work", "--device", "--json", "--timeout", "1"]);
    command.args(["--api-base", &sandbox.base, "--client-secret-stdin"]);
    command.args(["--client-id", OTHER_CLIENT.0]);
    let mut login = Process::spawn(command, OTHER_CLIENT.1.as_bytes());
    let page = http::get(&url(&event(&mut login), "verification_uri_complete"));
    assert!(page.body.contains("Something went wrong"), "{page}");
    let finished = login.finish();
    assert_eq!(finished.code, Some(4), "{finished}");
    for words in HELPERS
        .into_iter()
        .chain(["timed out after 1 s", "error page"])
    {
        assert!(finished.err().contains(words), "{words}: {finished}");
    }
}

/// The second time it is a reconnect, for which the record must be one that reads back.
#[test]
fn in_the_embedded_sandbox_it_consents_by_itself() {
    let env = Env::new();
    let login = ["login", "--sandbox", "--device", "--approve"];
    let mut said = String::new();
    for _ in 0..2 {
        said = env.run(login).any_stderr().check().err();
    }
    let expected = "reconnecting sandbox\nthe sandbox consents by itself\nconnected sandbox as \
                    sandbox.person@example.com\n12 scopes asked for, 12 granted";
    assert!(said.starts_with(expected), "{said}");
    assert!(
        env.run(["token", "sandbox"])
            .any_stdout()
            .check()
            .out()
            .len()
            > 16
    );
}

#[test]
fn the_redirect_port_is_not_touched() {
    let env = Env::new();
    let sandbox = sandbox(&env);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap_or_else(|e| panic!("{e}"));
    let port = taken.local_addr().map_or(0, |address| address.port());
    let redirect_uri = format!("http://127.0.0.1:{port}/callback");
    let mut command = Login::command(&env, &sandbox, &redirect_uri);
    command.args(["--device", "--json"]);
    let mut login = start(command);
    let complete = url(&event(&mut login), "verification_uri_complete");
    assert_eq!(ConsentForm::open(&complete).press("allow").status, 200);
    let finished = login.finish();
    assert_eq!(finished.code, Some(0), "{finished}");
}

#[test]
fn what_webex_refuses_at_first_ends_it_at_once() {
    let env = Env::new();
    let sandbox = sandbox(&env);
    let login = |client_id: &str, secret: &str, more: &[&str]| {
        let mut command = env.command(["login", "work", "--device", "--client-secret-stdin"]);
        command.args(["--api-base", &sandbox.base, "--client-id", client_id]);
        command.args(more);
        Run::new(command)
            .stdin(secret)
            .secret(secret)
            .code(8)
            .within(20)
    };
    login("Cnobody", CLIENT_SECRET, &[])
        .stderr_has("Webex refused the app's client ID or client secret: Client Id is invalid")
        .check();
    login(
        CLIENT_ID,
        CLIENT_SECRET,
        &["--scope", "spark:no_such_thing"],
    )
    .stderr_has("Webex refused the scopes: invalid_scope: Not registered on the app")
    .check();
    login(CLIENT_ID, "wxcs-canary-wrong", &[])
        .stderr_has("Webex refused the app's client ID or client secret: invalid_client")
        .check();
    assert_eq!(env.connections(), [""; 0]);
}

#[test]
fn what_the_device_grant_can_t_do_is_refused_before_webex_is_asked() {
    let env = Env::new();
    let login = [
        "login",
        "work",
        "--device",
        "--client-id",
        "C",
        "--client-secret-stdin",
    ];
    let run = |more: &[&str]| {
        env.run([&login[..], more].concat())
            .stdin("s")
            .code(2)
            .within(5)
    };
    run(&["--environment", "webex-gov"])
        .stderr(
            "error: --device is not for webex-gov: whether its Webex has the device grant is not known\n\
             hint: `webex-connect login work --client-id C --environment webex-gov` opens a browser on this machine, \
             and with `--no-browser` prints the address for one\n",
        )
        .check();
    run(&["--add-scope", "openid"])
        .stderr_has("--device does not go with the OpenID scope openid")
        .check();
    for other in [&["--no-browser"][..], &["--browser", "x"]] {
        run(other).stderr_has("cannot be used with").check();
    }
    assert_eq!(env.connections(), [""; 0]);
}

#[test]
fn for_webex_gov_the_way_that_is_none_there_is_not_named() {
    let env = Env::new();
    let login = ["login", "work", "--client-id", "C", "--client-secret-stdin"];
    env.run([&login[..], &["--environment", "webex-gov"]].concat())
        .stdin("s")
        .code(4)
        .stderr(
            "error: nobody could sign in here: there is no desktop and no terminal\n\
             hint: open the printed address yourself with `--no-browser`, name a program that opens it with \
             `--browser CMD`, bring a token with `--token-stdin` or `--refresh-token-stdin`, or take a connection over \
             from another machine with `webex-connect import`\n",
        )
        .within(5)
        .check();
}
