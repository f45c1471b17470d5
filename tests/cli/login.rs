//! What `login` asks for, takes, refuses and tells.

use serde_json::{Value, json};

use crate::env::{CLIENT_ID, CLIENT_SECRET, Env, Login, Sandbox, Scene, free_port, redirect_uri};

const STANDARD: [&str; 12] = [
    "spark:memberships_read",
    "spark:memberships_write",
    "spark:messages_read",
    "spark:messages_write",
    "spark:organizations_read",
    "spark:people_read",
    "spark:rooms_read",
    "spark:rooms_write",
    "spark:team_memberships_read",
    "spark:team_memberships_write",
    "spark:teams_read",
    "spark:teams_write",
];

/// A whole login with more arguments; the connection as `login --json` printed it.
fn connected(scene: Scene) -> (Env, Value) {
    let mut scene = scene;
    let callback = scene.login.consent("allow");
    let page = scene.login.deliver(&callback);
    assert!(page.body.contains("You are connected"), "{page}");
    let finished = scene.login.finish();
    assert_eq!(finished.code, Some(0), "{finished}");
    let connection = finished.json();
    (scene.env, connection)
}

fn asking(more: &[&str]) -> Scene {
    let more = [&["--no-browser"], more].concat();
    Scene::with(Env::new(), "http://127.0.0.1:{PORT}/callback", &more)
}

fn query(login: &Login, name: &str) -> Vec<String> {
    let pairs = login.url.query_pairs().filter(|(n, _)| n == name);
    pairs.map(|(_, value)| value.into_owned()).collect()
}

#[test]
fn the_connection_is_told_in_stable_json() {
    let scene = asking(&[]);
    let (base, redirect_uri) = (
        scene.sandbox.base.clone(),
        query(&scene.login, "redirect_uri")[0].clone(),
    );
    let (env, mut connection) = connected(scene);
    for time in [
        "access_token_expires_at",
        "refresh_token_expires_at",
        "obtained_at",
    ] {
        let text = connection[time].take();
        let moment: Result<jiff::Timestamp, _> = text.as_str().unwrap_or_default().parse();
        assert!(
            moment.is_ok() && text.as_str().is_some_and(|t| t.ends_with('Z')),
            "{time}: {text}"
        );
    }
    let org = connection["identity"]["org_id"].take();
    let id = connection["identity"]["id"].take();
    assert!(org.is_string() && id.is_string(), "{org} {id}");
    let expected = json!({
        "name": "work",
        "default": true,
        "auth_type": "own_app",
        "environment": "custom",
        "api_base": base,
        "app": {"name": "work", "client_id": CLIENT_ID, "redirect_uri": redirect_uri},
        "identity": {
            "id": null, "display_name": "Sandbox Person", "email": "sandbox.person@example.com",
            "org_id": null, "type": "person",
        },
        "scopes": {"requested": STANDARD, "granted": STANDARD, "missing": [], "lost": [], "source": "reported"},
        "access_token_expires_at": null,
        "refresh_token_expires_at": null,
        "obtained_at": null,
        "state": "ready",
        "store": "file",
    });
    assert_eq!(connection, expected);
    let listed = env.run(["list", "--json"]).any_stdout().check().json();
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed}");
    assert_eq!(listed[0]["scopes"], connection["scopes"]);
}

#[test]
fn the_authorization_request_is_complete_and_holds_no_secret() {
    let scene = asking(&[]);
    let one = |name| match query(&scene.login, name).as_slice() {
        [value] => value.clone(),
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!(one("response_type"), "code");
    assert_eq!(one("client_id"), CLIENT_ID);
    assert_eq!(one("code_challenge_method"), "S256");
    assert_eq!(one("code_challenge").len(), 43);
    assert_eq!(one("prompt"), "select_account");
    assert_eq!(one("scope"), STANDARD.join(" "));
    assert!(
        one("state").len() >= 22,
        "128 bits of state: {}",
        one("state")
    );
    let url = scene.login.url.as_str();
    assert!(
        !url.contains(CLIENT_SECRET) && !url.contains("code_verifier"),
        "{url}"
    );
}

#[test]
fn scopes_come_separated_by_spaces_or_commas_and_repeat() {
    let (_, connection) = connected(asking(&[
        "--scope",
        "spark:people_read,spark:rooms_read",
        "--scope",
        "spark:messages_read spark:people_read",
    ]));
    let expected = [
        "spark:messages_read",
        "spark:people_read",
        "spark:rooms_read",
    ];
    assert_eq!(connection["scopes"]["requested"], json!(expected));
    assert_eq!(connection["scopes"]["granted"], json!(expected));
}

#[test]
fn a_connection_that_may_not_ask_who_it_is_has_no_identity() {
    let (env, connection) = connected(asking(&["--scope", "spark:rooms_read"]));
    assert_eq!(connection["identity"], Value::Null);
    env.run(["token", "work"]).any_stdout().check();
}

#[test]
fn every_scope_in_the_guide_survives() {
    let guide = include_str!("../../src/scope/catalogue.tsv")
        .lines()
        .skip(1);
    let guide = guide
        .map(|line| line.split('\t').collect::<Vec<_>>())
        .filter(|columns| columns[4] == "yes")
        .map(|columns| columns[0]);
    let scopes: Vec<_> = guide
        .filter(|scope| *scope != "Identity:one_time_password")
        .collect();
    assert_eq!(scopes.len(), 89);
    let (_, connection) = connected(asking(&["--scope", &scopes.join(",")]));
    assert_eq!(
        connection["scopes"]["granted"].as_array().map(Vec::len),
        Some(89)
    );
}

#[test]
fn refuse_ends_in_exit_4_and_the_page_says_so() {
    let mut scene = asking(&[]);
    let callback = scene.login.consent("refuse");
    let page = scene.login.deliver(&callback);
    assert!(page.body.contains("refused"), "{page}");
    assert!(page.body.contains("Not connected"), "{page}");
    let finished = scene.ends("refuse", 4);
    assert!(
        finished.err().contains("\"denied\"") && finished.err().contains("access_denied"),
        "{finished}"
    );
}

#[test]
fn a_scope_the_app_is_not_registered_for_ends_in_exit_8() {
    let env = Env::new();
    let redirect_uri = redirect_uri();
    let sandbox = Sandbox::start(&env, &redirect_uri);
    let more = ["--no-browser", "--scope", "spark:no_such_thing"];
    let login = Login::start(&env, &sandbox, &redirect_uri, &more);
    // The sandbox calls back at once, as Webex does.
    let callback = crate::env::http::get(&login.url).header("Location");
    let page = crate::env::http::get(
        &callback
            .parse()
            .unwrap_or_else(|e| panic!("{callback}: {e}")),
    );
    assert!(page.body.contains("tick every scope"), "{page}");
    assert!(!page.body.contains("no_such_thing"), "{page}");
    let finished = login.finish();
    assert_eq!(finished.code, Some(8), "{finished}");
    let error: Value = last_line(&finished.err());
    assert_eq!(error["error"]["code"], "app_misconfigured", "{finished}");
    let message = error["error"]["message"].as_str().unwrap_or_default();
    assert!(
        message.contains("not in the catalogue: spark:no_such_thing; invalid_scope"),
        "{finished}"
    );
    assert!(env.connections().is_empty());
}

#[test]
fn a_wrong_client_secret_ends_in_exit_8() {
    let env = Env::new();
    let redirect_uri = redirect_uri();
    let sandbox = Sandbox::start(&env, &redirect_uri);
    let env = env.var("WEBEX_CONNECT_CLIENT_SECRET", "not-the-secret");
    let again = [
        "work",
        "--api-base",
        &sandbox.base,
        "--client-id",
        CLIENT_ID,
        "--no-browser",
    ];
    let again = [&again[..], &["--redirect-uri", &redirect_uri]].concat();
    let mut login = Login::again(&env, &redirect_uri, &again);
    let callback = login.consent("allow");
    let page = login.deliver(&callback);
    assert!(page.body.contains("client secret"), "{page}");
    login.secret("not-the-secret".to_owned());
    let finished = login.finish();
    assert_eq!(finished.code, Some(8), "{finished}");
    let error = last_line(&finished.err());
    assert!(error["error"]["tracking_id"].is_string(), "{finished}");
    assert!(env.connections().is_empty());
}

#[test]
fn a_code_that_was_spent_elsewhere_ends_in_exit_4() {
    let mut scene = asking(&[]);
    let callback = scene.login.consent("allow");
    let stolen = format!(
        "grant_type=authorization_code&client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}&code={}\
         &redirect_uri={}&code_verifier={}",
        callback.code(),
        query(&scene.login, "redirect_uri")[0],
        "v".repeat(43)
    );
    let address = format!("{}/access_token", scene.sandbox.base);
    let address = address.parse().unwrap_or_else(|e| panic!("{address}: {e}"));
    let refused = crate::env::http::request(
        "POST",
        &address,
        "application/x-www-form-urlencoded",
        &stolen,
    );
    assert_eq!(refused.status, 400, "a wrong verifier: {refused}");
    let page = scene.login.deliver(&callback);
    assert!(page.body.contains("authorization code"), "{page}");
    let finished = scene.login.finish();
    assert_eq!(finished.code, Some(4), "{finished}");
    assert!(finished.err().contains("used before"), "{finished}");
    assert!(scene.env.connections().is_empty());
}

/// The code of one login, delivered to another: it is bound to the first one's verifier (RFC 7636 §4.6).
#[test]
fn a_code_for_another_verifier_ends_in_exit_4() {
    let mut scene = asking(&[]);
    let mut stranger = scene.login.url.clone();
    let pairs: Vec<_> = scene.login.url.query_pairs().into_owned().collect();
    stranger
        .query_pairs_mut()
        .clear()
        .extend_pairs(pairs.into_iter().map(|(name, value)| {
            let value = if name == "code_challenge" {
                "A".repeat(43)
            } else {
                value
            };
            (name, value)
        }));
    scene.login.url = stranger;
    let callback = scene.login.consent("allow");
    let page = scene.login.deliver(&callback);
    assert!(page.body.contains("authorization code"), "{page}");
    let finished = scene.login.finish();
    assert_eq!(finished.code, Some(4), "{finished}");
    assert!(
        finished.err().contains("code_verifier does not fit"),
        "{finished}"
    );
    assert!(scene.env.connections().is_empty());
}

#[test]
fn an_unregistered_redirect_uri_never_calls_back_and_the_timeout_says_why() {
    let env = Env::new();
    let registered = redirect_uri();
    let sandbox = Sandbox::start(&env, &registered);
    let typed = registered.replace("/callback", "/callback/");
    let login = Login::start(&env, &sandbox, &typed, &["--no-browser", "--timeout", "1"]);
    let page = crate::env::http::get(&login.url);
    assert_eq!(page.status, 400, "{page}");
    let finished = login.finish();
    assert_eq!(finished.code, Some(4), "{finished}");
    let error = last_line(&finished.err());
    assert_eq!(error["error"]["code"], "timed_out", "{finished}");
    let hint = error["error"]["hint"].as_str().unwrap_or_default();
    assert!(
        hint.contains(&typed) && hint.contains("client ID") && hint.contains("administrator"),
        "{finished}"
    );
}

#[test]
fn the_client_secret_comes_from_a_file_a_variable_or_stdin_and_never_from_the_command_line() {
    let env = Env::new();
    let port = free_port();
    let redirect_uri = format!("http://127.0.0.1:{port}/callback");
    let login = [
        "login",
        "work",
        "--client-id",
        "x",
        "--redirect-uri",
        &redirect_uri,
        "--no-browser",
        "--timeout",
        "1",
    ];
    let without: Vec<_> = login.to_vec();
    env.run(&without)
        .code(8)
        .stderr(
            "error: there is no client secret, and Webex asks for one even with PKCE\n\
             hint: give it with `--client-secret-stdin`, `--client-secret-file FILE` or WEBEX_CONNECT_CLIENT_SECRET\n",
        )
        .check();
    let empty = [&login[..], &["--client-secret-stdin"]].concat();
    env.run(&empty)
        .stdin("\n")
        .code(2)
        .stderr(
            "error: the client secret is empty or has white space in it\n\
             hint: copy it again, whole and alone\n",
        )
        .check();
    let missing = [&login[..], &["--client-secret-file", "nowhere"]].concat();
    env.run(&missing)
        .code(2)
        .stderr_has("could not read the client secret from nowhere")
        .check();
    let on_the_command_line = [&login[..], &["--client-secret", "s3cret"]].concat();
    env.run(&on_the_command_line)
        .code(2)
        .stderr_has("unexpected argument")
        .check();
    // With a secret the login goes on to wait for the browser.
    let file = env.write("secret", "s3cret\n");
    let from_file = [
        &login[..],
        &["--client-secret-file", file.to_str().unwrap_or_default()],
    ]
    .concat();
    env.run(&from_file)
        .code(4)
        .stderr_has("timed out")
        .secret("s3cret")
        .check();
    env.run(login)
        .var("WEBEX_CONNECT_CLIENT_SECRET", "s3cret")
        .code(4)
        .stderr_has("timed out")
        .secret("s3cret")
        .check();
    assert!(env.connections().is_empty());
}

#[test]
fn a_login_nobody_could_complete_ends_at_once() {
    let env = Env::new();
    env.run(["login", "--sandbox"])
        .code(4)
        .stderr(
            "error: nobody could sign in here: there is no desktop and no terminal\n\
             hint: let the sandbox consent by itself with `--approve`, sign in from another device with \
             `--device`, open the printed address yourself with `--no-browser`, or name a program that opens it with `--browser CMD`\n",
        )
        .within(5)
        .check();
}

#[test]
fn without_an_app_the_error_says_what_to_register() {
    let env = Env::new();
    env.run(["login", "--no-browser"])
        .code(8)
        .stderr(
            "error: there is no app to sign in with\n\
             hint: register one at https://developer.webex.com/my-apps with the redirect URI \
             http://127.0.0.1:8911/callback, then run `webex-connect login webex --client-id ID \
             --client-secret-stdin`; `webex-connect app add webex --client-id ID` says all there is to enter; \
             WEBEX_CONNECT_CLIENT_ID and WEBEX_CONNECT_CLIENT_SECRET provide an app to every login, and so does \
             /etc/webex-connect/app.json\n",
        )
        .check();
}

#[test]
fn a_connection_stays_what_it_was_made_as() {
    let (env, connection) = connected(asking(&[]));
    let base = connection["api_base"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let refused = |args: &[&str], words: &str| {
        env.run(args).code(9).stderr_has(words).within(5).check();
    };
    refused(
        &["login", "work", "--no-browser", "--environment", "webex"],
        "belongs to",
    );
    refused(
        &[
            "login",
            "work",
            "--no-browser",
            "--api-base",
            "https://evil.example/v1",
        ],
        "belongs to",
    );
    refused(&["login", "work", "--sandbox", "--approve"], "belongs to");
    refused(
        &[
            "login",
            "work",
            "--no-browser",
            "--api-base",
            &base,
            "--client-id",
            "other",
        ],
        "a connection keeps its app",
    );
    assert_eq!(env.connections(), ["work"]);
}

#[test]
fn a_reconnect_needs_nothing_but_the_name() {
    let mut scene = asking(&["--scope", "spark:people_read"]);
    let redirect_uri = query(&scene.login, "redirect_uri")[0].clone();
    let callback = scene.login.consent("allow");
    scene.login.deliver(&callback);
    assert_eq!(scene.login.finish().code, Some(0));
    let again = Login::again(&scene.env, &redirect_uri, &["WORK", "--no-browser"]);
    assert_eq!(query(&again, "scope"), ["spark:people_read"]);
    assert_eq!(query(&again, "login_hint"), ["sandbox.person@example.com"]);
    assert_eq!(query(&again, "prompt"), Vec::<String>::new());
    let mut again = again;
    let callback = again.consent("allow");
    again.deliver(&callback);
    let finished = again.finish();
    assert_eq!(finished.code, Some(0), "{finished}");
    assert_eq!(
        finished.json()["name"],
        "work",
        "the name stays as it was first written"
    );
    assert_eq!(scene.env.connections(), ["work"]);
}

#[test]
fn the_sandbox_gives_way_to_the_first_real_connection() {
    let env = Env::new();
    env.connect_sandbox();
    let row =
        |env: &Env, at: usize| env.run(["list", "--json"]).any_stdout().check().json()[at].clone();
    assert_eq!(row(&env, 0)["default"], true);
    let (env, connection) = connected(Scene::with(
        env,
        "http://127.0.0.1:{PORT}/callback",
        &["--no-browser"],
    ));
    assert_eq!(connection["default"], true);
    assert_eq!(
        (
            row(&env, 0)["name"].clone(),
            row(&env, 0)["default"].clone()
        ),
        (json!("sandbox"), json!(false))
    );
}

/// The last line of stderr: with `--json` that is the error.
fn last_line(stderr: &str) -> Value {
    let line = stderr.lines().last().unwrap_or_default();
    serde_json::from_str(line).unwrap_or_else(|e| panic!("{line:?} is no JSON: {e}"))
}

/// An error that carries our own secrets back must not put them on the screen.
#[test]
fn secrets_that_come_back_in_an_error_are_not_shown() {
    let scene = asking(&[]);
    let state = scene.login.state();
    let redirect_uri = query(&scene.login, "redirect_uri")[0].clone();
    let told = format!(
        "{redirect_uri}?state={state}&error=server_error&error_description=bad+{CLIENT_SECRET}+{state}"
    );
    let told: url::Url = told.parse().unwrap_or_else(|e| panic!("{told}: {e}"));
    let page = crate::env::http::get(&told);
    assert!(page.body.contains("could not finish the sign-in"), "{page}");
    let mut scene = scene;
    scene.login.secret(state);
    let finished = scene.ends("server_error", 7);
    assert!(
        finished.err().contains("bad [redacted] [redacted]"),
        "{finished}"
    );
}

/// Also beside the arguments that rule `--sandbox` out.
#[test]
fn approve_goes_with_the_sandbox_alone() {
    let env = Env::new();
    for with in [
        &["--device"][..],
        &["--app", "work"],
        &["--client-id", "sandbox"],
        &["--token-stdin"],
    ] {
        env.run([&["login", "--approve"], with].concat())
            .code(2)
            .stderr(
                "error: `--approve` goes with `--sandbox` alone\n\
                 hint: add `--sandbox`, or leave `--approve` out: at Webex only the person can consent\n",
            )
            .check();
    }
}
