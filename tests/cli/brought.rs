//! Tokens that people already have, on standard input.

use serde_json::{Value, json};

use crate::env::{
    ACCESS_TOKEN, Authority, CLIENT_ID, CLIENT_SECRET, Env, Peer, REFRESH_TOKEN, Reply, Run, Scene,
    Terminal, token_set,
};

fn store(env: &Env, base: &str, more: &[&str], stdin: &str) -> Run {
    let args = [
        &["login", "bot", "--token-stdin", "--api-base", base][..],
        more,
    ]
    .concat();
    env.run(args).stdin(stdin).secret(ACCESS_TOKEN)
}

/// A server whose API takes [`ACCESS_TOKEN`]: first `people/me`, then `tokenExpiry`.
fn portal() -> Authority {
    let authority = Authority::plain(Reply::status(500, ""));
    authority.api_answers([
        Reply::person(),
        Reply::status(200, r#"{"exp": 4102444800000}"#),
    ]);
    authority
}

#[test]
fn an_access_token_is_stored_with_its_person_and_its_end() {
    for text in [
        ACCESS_TOKEN.to_owned(),
        format!("  {ACCESS_TOKEN}\r\n"),
        format!("Bearer {ACCESS_TOKEN}\n"),
        format!("{{\n  \"access_token\": \"{ACCESS_TOKEN}\",\n  \"expires_in\": 5\n}}\n"),
    ] {
        let (env, authority) = (Env::new(), portal());
        let connection = store(&env, &authority.base, &["--json"], &text)
            .any_stdout()
            .check()
            .json();
        assert_eq!(connection["auth_type"], "access_token", "{text}");
        assert_eq!(connection["app"], Value::Null);
        assert_eq!(connection["identity"]["email"], "jane@example.com");
        assert_eq!(
            connection["access_token_expires_at"],
            "2100-01-01T00:00:00Z"
        );
        assert_eq!(connection["refresh_token_expires_at"], Value::Null);
        assert_eq!(connection["scopes"]["source"], "unknown");
        assert_eq!(connection["state"], "ready");
        env.run(["token", "bot"])
            .stdout(&format!("{ACCESS_TOKEN}\n"))
            .check();
        let asked = authority.asked();
        assert_eq!(
            asked,
            ["GET /v1/people/me", "GET /v1/authorizations/tokenExpiry"],
            "{text}"
        );
    }
}

#[test]
fn what_is_said_of_a_token_is_what_is_known() {
    let (env, authority) = (Env::new(), portal());
    store(&env, &authority.base, &[], ACCESS_TOKEN)
        .stderr(&format!(
            "connected bot as jane@example.com\n\
             scopes unknown: the token was made elsewhere\n\
             token good until 2100-01-01, kept in {}\n\
             next: `webex-connect token bot`\n",
            env.path("data/webex-connect/store.age").display()
        ))
        .check();
    env.run(["refresh", "bot"])
        .code(4)
        .stderr_has("bot can't be refreshed")
        .stderr_has("`webex-connect login bot --token-stdin`")
        .check();
    let other_token = "bring a token that has it with `webex-connect login bot --token-stdin`";
    env.run(["check", "bot", "--scope", "spark:people_read"])
        .code(5)
        .stderr_has("unknown")
        .stderr_has(other_token)
        .check();
    authority.api_answers([Reply::status(403, "")]);
    env.run(["api", "rooms", "-c", "bot"])
        .code(5)
        .stderr_has(other_token)
        .check();
    env.run(["logout", "bot"])
        .stderr_has("removed bot from")
        .stderr_has("was made from an access token, without an app")
        .check();
}

#[test]
fn an_expiry_that_webex_does_not_tell_is_unknown() {
    for answer in [
        Reply::status(404, "{}"),
        Reply::status(200, "soon"),
        Reply::status(200, r#"{"exp": "soon"}"#),
        Reply::status(200, r#"{"exp": 9223372036854775807}"#),
    ] {
        let (env, authority) = (Env::new(), portal());
        authority.api_answers([Reply::person(), answer]);
        let connection = store(&env, &authority.base, &["--json"], ACCESS_TOKEN)
            .any_stdout()
            .check()
            .json();
        assert_eq!(connection["access_token_expires_at"], Value::Null);
    }
}

#[test]
fn a_token_that_webex_refuses_is_not_stored() {
    let (env, authority) = (Env::new(), portal());
    authority.api_answers([Reply::status(401, r#"{"message":"no"}"#)]);
    store(&env, &authority.base, &[], ACCESS_TOKEN)
        .code(4)
        .stderr(&format!(
            "error: Webex does not accept this access token\n\
             hint: copy it again (a personal one lives 12 hours), then run `webex-connect login bot --token-stdin \
             --api-base {}`\n",
            authority.base
        ))
        .check();
    authority.api_answers([Reply::status(503, "")]);
    store(&env, &authority.base, &[], ACCESS_TOKEN)
        .code(7)
        .any_stderr()
        .check();
    assert!(env.connections().is_empty());
}

/// Whoever may not ask who they are has a token all the same.
#[test]
fn a_token_without_an_identity_is_stored() {
    let (env, authority) = (Env::new(), portal());
    authority.api_answers([
        Reply::status(403, "{}"),
        Reply::status(200, r#"{"exp": 4102444800000}"#),
    ]);
    store(&env, &authority.base, &[], ACCESS_TOKEN)
        .stderr_has("connected bot as unknown account")
        .check();
}

#[test]
fn what_is_no_token_is_refused_before_webex_is_asked() {
    let authority = portal();
    for text in [
        "",
        "\n",
        "Bearer ",
        "two words",
        "x\r\nSet-Cookie: a",
        "\u{1b}]52;c;AAAA\u{7}",
        "é",
        "'; touch x; '",
        "{\"access_token\"",
        "{}",
        "{\"access_token\": 7}",
        "{\"access_token\": \"a b\"}",
        "[\"x\"]",
        &"A".repeat(20_000),
    ] {
        let env = Env::new();
        let run = store(&env, &authority.base, &[], text).code(2);
        let finished = run.stderr_has("standard input").check();
        let control = |c: char| c.is_control() && c != '\n';
        assert!(!finished.err().contains(control), "{finished}");
        assert!(env.connections().is_empty(), "{text}");
    }
    assert_eq!(authority.connections(), 0);
}

#[test]
fn a_terminal_is_not_read() {
    let env = Env::new();
    let (code, screen) = Terminal::run(&env, &["login", "bot", "--token-stdin"]).ends();
    assert_eq!(code, 2, "{screen}");
    assert!(
        screen.contains("`webex-connect login NAME --token-stdin <file`"),
        "{screen}"
    );
}

#[test]
fn one_flag_reads_standard_input() {
    let env = Env::new();
    for other in [
        "--client-secret-stdin",
        "--refresh-token-stdin",
        "--device",
        "--sandbox",
        "--scope=spark:people_read",
    ] {
        env.run(["login", "--token-stdin", other])
            .code(2)
            .stderr_has("cannot be used with")
            .check();
    }
    env.run(["login", "--refresh-token-stdin", "--client-secret-stdin"])
        .code(2)
        .stderr_has("cannot be used with")
        .check();
}

#[test]
fn the_type_of_a_connection_never_changes() {
    let (env, sandbox) = Scene::signed_in(&[]);
    env.run([
        "login",
        "work",
        "--token-stdin",
        "--api-base",
        &sandbox.base,
    ])
    .stdin(ACCESS_TOKEN)
    .code(9)
    .stderr_has("its type never changes")
    .check();
    let authority = portal();
    store(&env, &authority.base, &[], ACCESS_TOKEN)
        .any_stderr()
        .check();
    env.run(["login", "bot", "--no-browser"])
        .code(9)
        .stderr_has("its type never changes")
        .stderr_has("`webex-connect login bot --token-stdin`")
        .check();
    env.run([
        "login",
        "bot",
        "--token-stdin",
        "--environment",
        "webex-gov",
    ])
    .stdin(ACCESS_TOKEN)
    .code(9)
    .stderr_has("belongs to")
    .check();
}

#[test]
fn a_token_of_another_account_is_guarded_like_any_login() {
    let (env, authority) = (Env::new(), portal());
    store(&env, &authority.base, &[], ACCESS_TOKEN)
        .any_stderr()
        .check();
    let other = r#"{"id":"p2","emails":["eve@example.com"],"orgId":"o1","type":"bot"}"#;
    let answers = || {
        [
            Reply::status(200, other),
            Reply::status(200, r#"{"exp": 4102444800000}"#),
        ]
    };
    authority.api_answers(answers());
    store(&env, &authority.base, &[], ACCESS_TOKEN)
        .code(9)
        .stderr_has("jane@example.com")
        .stderr_has("eve@example.com")
        .check();
    authority.api_answers(answers());
    store(
        &env,
        &authority.base,
        &["--allow-other-identity"],
        ACCESS_TOKEN,
    )
    .stderr_has("connected bot as eve@example.com")
    .check();
}

/// A service app in CI: its refresh token, its ID and its secret, and no browser anywhere.
#[test]
fn a_refresh_token_makes_a_connection_that_refreshes() {
    let env = Env::new();
    let mut issuer = Peer::start(&[]);
    let tokens = issuer.tokens();
    let refresh_token = tokens["refresh_token"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    for (name, text) in [("ci", refresh_token.clone()), ("json", tokens.to_string())] {
        let connection = from_refresh_token(&env, &issuer.sandbox.base, name, &["--json"])
            .stdin(&text)
            .secret(&refresh_token)
            .any_stdout()
            .check()
            .json();
        assert_eq!(connection["auth_type"], "own_app", "{name}");
        assert_eq!(
            connection["identity"]["email"],
            "sandbox.person@example.com"
        );
        assert_eq!(connection["scopes"]["source"], "reported");
        assert_eq!(connection["scopes"]["requested"], json!([]));
        assert_eq!(
            connection["scopes"]["granted"],
            json!(["spark:people_read"])
        );
        env.run(["refresh", name]).stderr_has("refreshed").check();
    }
    assert_eq!(issuer.sandbox.exchanges(), 1, "the one that made the token");
}

fn from_refresh_token(env: &Env, base: &str, name: &str, more: &[&str]) -> Run {
    let args = [
        "login",
        name,
        "--refresh-token-stdin",
        "--api-base",
        base,
        "--client-id",
        CLIENT_ID,
    ];
    env.run([&args[..], more].concat())
        .var("WEBEX_CONNECT_CLIENT_SECRET", CLIENT_SECRET)
}

#[test]
fn a_refresh_token_that_webex_does_not_take_is_not_stored() {
    let env = Env::new();
    let authority = Authority::plain(Reply::dead_grant());
    let run = |code: i32| {
        from_refresh_token(&env, &authority.base, "ci", &[])
            .stdin(REFRESH_TOKEN)
            .secret(REFRESH_TOKEN)
            .code(code)
    };
    run(4)
        .stderr_has("copy it again")
        .stderr_has(CLIENT_ID)
        .stderr_has("tracking id")
        .check();
    authority.token_answers(Reply::status(401, r#"{"error":"invalid_client"}"#));
    run(8).any_stderr().check();
    authority.token_answers(Reply::status(
        200,
        &token_set(r#""scope":"spark:people_read""#),
    ));
    run(0)
        .stderr_has("connected ci as jane@example.com")
        .check();
}

#[test]
fn a_refresh_token_needs_an_app() {
    let env = Env::new();
    env.run(["login", "ci", "--refresh-token-stdin"])
        .stdin(REFRESH_TOKEN)
        .code(8)
        .stderr_has("there is no app")
        .check();
    env.run([
        "login",
        "ci",
        "--refresh-token-stdin",
        "--client-id",
        CLIENT_ID,
    ])
    .stdin(REFRESH_TOKEN)
    .code(8)
    .stderr_has("there is no client secret")
    .stderr_has("WEBEX_CONNECT_CLIENT_SECRET")
    .check();
}
