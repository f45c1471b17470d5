//! Troubleshooting: each text that the README quotes is brought about and compared.

use std::net::TcpListener;

use super::Stage;
use crate::env::process::Finished;
use crate::env::readme;
use crate::env::{
    Authority, CLIENT_ID, CLIENT_SECRET, Env, Login, Reply, Run, Sandbox, Scene, connected,
    expired, free_port, redirect_uri, self_signed,
};

#[test]
fn every_error_in_troubleshooting_is_what_the_program_prints() {
    let text = readme::text();
    let section = text
        .split("\n## Troubleshooting\n")
        .nth(1)
        .unwrap_or_default();
    let section = section.split("\n## ").next().unwrap_or_default();
    let quoted = section
        .lines()
        .filter_map(|line| line.strip_prefix("- `")?.strip_suffix("`\\"));
    let quoted: Vec<&str> = quoted.collect();
    let printed: Vec<String> = brought_about()
        .iter()
        .map(|finished| finished.err())
        .collect();
    for symptom in &quoted {
        let is_printed =
            |text: &String| text.lines().any(|line| readme::line_matches(symptom, line));
        assert!(
            printed.iter().any(is_printed),
            "nothing prints {symptom:?}; what was printed:\n{}",
            printed.join("\n")
        );
    }
    assert_eq!(quoted.len(), printed.len(), "{quoted:#?}");
}

fn brought_about() -> Vec<Finished> {
    vec![
        fails(&Env::bare(), &["token"], 6),
        fails(
            &Env::bare().var("WEBEX_CONNECT_STORE", "file"),
            &["login", "--sandbox", "--approve"],
            6,
        ),
        fails(&Env::new(), &["login", "--sandbox"], 4),
        fails(
            &Env::new(),
            &["login", "--sandbox", "--no-browser", "--timeout", "1"],
            4,
        ),
        port_in_use(),
        scopes_refused(),
        client_refused(),
        unknown_account(),
        lost_scopes(),
        fewer_scopes(),
        dead_grant(),
        scope_missing(),
        another_person(),
        scopes_left_out(),
        certificate(),
        sandbox_of_exec(),
    ]
}

fn fails(env: &Env, args: &[&str], code: i32) -> Finished {
    env.run(args).code(code).any_stdout().any_stderr().check()
}

fn port_in_use() -> Finished {
    let env = Env::new();
    let port = free_port();
    let redirect_uri = format!("http://127.0.0.1:{port}/callback");
    let _squatter = TcpListener::bind(("127.0.0.1", port)).unwrap_or_else(|e| panic!("{e}"));
    let sandbox = Sandbox::start(&env, &redirect_uri);
    let mut command = Login::command(&env, &sandbox, &redirect_uri);
    command.arg("--no-browser");
    let run = Run::new(command).stdin(&format!("{CLIENT_SECRET}\n"));
    run.code(8).any_stderr().check()
}

/// A login in prose against the sandbox, whose callback says this instead of bringing a code.
fn scopes_refused() -> Finished {
    let env = Env::new();
    let redirect_uri = redirect_uri();
    let sandbox = Sandbox::start(&env, &redirect_uri);
    let login = Login::in_prose(&env, &sandbox, &redirect_uri);
    let mut callback: url::Url = redirect_uri.parse().unwrap_or_else(|e| panic!("{e}"));
    callback
        .query_pairs_mut()
        .append_pair("error", "invalid_scope")
        .append_pair("state", &login.state());
    login.deliver(&crate::env::Callback(callback));
    login.finish()
}

fn client_refused() -> Finished {
    let env = Env::new();
    let sandbox = Sandbox::start(&env, &redirect_uri());
    refresh_token_brought(&env, &sandbox.base, 8)
}

/// With a client secret that is wrong.
fn refresh_token_brought(env: &Env, base: &str, code: i32) -> Finished {
    let args = [
        "login",
        "ci",
        "--refresh-token-stdin",
        "--client-id",
        CLIENT_ID,
        "--api-base",
        base,
    ];
    let run = env
        .run(args)
        .stdin("a-refresh-token")
        .var("WEBEX_CONNECT_CLIENT_SECRET", "wrong");
    run.code(code).any_stderr().check()
}

fn unknown_account() -> Finished {
    let (env, authority) = connected();
    env.edit_records(|_, record| {
        if record.get("identity").is_some() {
            record["identity"] = serde_json::Value::Null;
        }
    });
    authority.people_answers(Reply::status(500, ""));
    fails(&env, &["login", "work", "--no-browser"], 9)
}

fn lost_scopes() -> Finished {
    let (env, authority) = connected();
    let members = r#""expires_in":6000,"scope":"spark:people_read""#;
    authority.token_answers(Reply::token_set(members));
    fails(&env, &["refresh"], 0)
}

fn fewer_scopes() -> Finished {
    let env = Env::new();
    let redirect_uri = redirect_uri();
    let sandbox = Sandbox::start(&env, &redirect_uri);
    let mut login = Login::in_prose(&env, &sandbox, &redirect_uri);
    let callback = login.consent_with("allow", &["spark:rooms_write"]);
    login.deliver(&callback);
    login.finish()
}

fn dead_grant() -> Finished {
    let env = Env::new();
    let authority = expired(&env);
    authority.token_answers(Reply::dead_grant());
    fails(&env, &["token"], 4)
}

fn scope_missing() -> Finished {
    let env = Env::new();
    let redirect_uri = redirect_uri();
    let sandbox = Sandbox::start(&env, &redirect_uri);
    let more = ["--no-browser", "--scope", "spark:people_read"];
    Login::start(&env, &sandbox, &redirect_uri, &more).connects();
    fails(&env, &["api", "rooms"], 5)
}

fn another_person() -> Finished {
    let (env, _sandbox) = Scene::signed_in(&[]);
    let uri = env.record("work")["app"]["redirect_uri"].clone();
    let mut login = Login::told(
        &env,
        uri.as_str().unwrap_or_default(),
        &["work", "--no-browser"],
    );
    let callback = login.consent_as("sandbox.colleague@example.com");
    login.deliver(&callback);
    login.finish()
}

fn scopes_left_out() -> Finished {
    let Stage {
        env,
        sandbox: _sandbox,
    } = Stage::signed_in();
    fails(
        &env,
        &[
            "login",
            "work",
            "--no-browser",
            "--scope",
            "spark:people_read",
        ],
        9,
    )
}

fn certificate() -> Finished {
    let authority = Authority::secure(self_signed(&["localhost"]), Reply::tokens());
    refresh_token_brought(&Env::new(), &authority.base, 7)
}

fn sandbox_of_exec() -> Finished {
    let env = Env::new();
    env.connect_sandbox();
    fails(&env, &["exec", "sandbox", "--", "true"], 125)
}
