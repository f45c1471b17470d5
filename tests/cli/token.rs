//! `token`: one that works, or an exit code that says what to do.

use jiff::SignedDuration;
use serde_json::Value;

use crate::env::{Env, Scene, case_held};

fn token(env: &Env) -> String {
    env.run(["token"]).any_stdout().check().out()
}

#[test]
fn a_fresh_token_is_printed_alone_and_without_asking_webex() {
    let (env, mut sandbox) = Scene::signed_in(&[]);
    let before = sandbox.requests().len();
    let first = token(&env);
    assert!(
        first.ends_with('\n') && !first.trim_end().contains(char::is_whitespace),
        "{first:?}"
    );
    assert_eq!(token(&env), first);
    let json = env
        .run(["token", "work", "--json"])
        .any_stdout()
        .check()
        .json();
    assert_eq!(json["access_token"], first.trim_end());
    assert_eq!(json["token_type"], "Bearer");
    assert_eq!(json["scopes"].as_array().map(Vec::len), Some(12));
    assert!(json["expires_at"].is_string());
    assert_eq!(
        json.as_object().map(serde_json::Map::len),
        Some(4),
        "{json}"
    );
    assert_eq!(sandbox.requests().len(), before);
}

#[test]
fn a_stale_token_is_refreshed_and_saved() {
    // A life of no seconds: every token is stale when it comes.
    let (env, mut sandbox) = Scene::signed_in(&["--expires-in", "0"]);
    let first = token(&env);
    let second = token(&env);
    assert_ne!(first, second);
    assert_eq!(sandbox.refreshes(), 2);
}

#[test]
fn a_rotated_refresh_token_is_the_one_used_next() {
    let (env, mut sandbox) = Scene::signed_in(&["--expires-in", "0", "--rotate"]);
    let tokens: Vec<_> = (0..4).map(|_| token(&env)).collect();
    assert_eq!(sandbox.refreshes(), 4);
    assert!(
        tokens.windows(2).all(|pair| pair[0] != pair[1]),
        "{tokens:?}"
    );
}

#[test]
fn a_dead_grant_is_kept_and_says_that_a_person_must_sign_in() {
    let (env, sandbox) = Scene::signed_in(&["--expires-in", "0"]);
    let _forgetful = sandbox.restarted(&env);
    let failed = env
        .run(["token", "--json"])
        .code(4)
        .stderr_json("sign_in_required")
        .check();
    let error: Value = serde_json::from_str(&failed.err()).unwrap_or_default();
    let error = &error["error"];
    assert!(
        error["hint"]
            .as_str()
            .is_some_and(|hint| hint.contains("sign in again")),
        "{error}"
    );
    assert!(
        error["message"]
            .as_str()
            .is_some_and(|text| text.contains("used elsewhere, revoked")),
        "{error}"
    );
    assert!(error["tracking_id"].is_string(), "{error}");
    let listed = env.run(["list", "--json"]).any_stdout().check().json();
    assert_eq!(listed[0]["state"], "reconnect_needed");
}

#[test]
fn webex_out_of_reach_is_exit_7() {
    let (env, sandbox) = Scene::signed_in(&["--expires-in", "0"]);
    drop(sandbox);
    env.run(["token"])
        .code(7)
        .stderr_has("could not reach 127.0.0.1")
        .stderr_has("run the same command again")
        .check();
    let listed = env.run(["list", "--json"]).any_stdout().check().json();
    assert_eq!(listed[0]["state"], "ready");
}

#[test]
fn a_sandbox_connection_refreshes_without_a_server() {
    let env = Env::new();
    env.connect_sandbox();
    let first = token(&env);
    // Two weeks later.
    env.edit_records(|_, record| {
        if let Some(expires_at) = record.pointer_mut("/tokens/expires_at") {
            *expires_at = "2020-01-01T00:00:00Z".into();
        }
    });
    let second = token(&env);
    assert_ne!(first, second);
    assert_eq!(token(&env), second);
}

#[test]
fn a_header_is_printed_whole() {
    let (env, _sandbox) = Scene::signed_in(&[]);
    let header = format!("Authorization: Bearer {}", token(&env));
    env.run(["token", "--header"]).stdout(&header).check();
    for args in [
        ["token", "--header", "--json"],
        ["--json", "token", "--header"],
    ] {
        env.run(args).code(2).stderr_json("usage").check();
    }
}

#[test]
fn a_token_valid_for_longer_than_what_is_left_is_a_new_one() {
    let (env, mut sandbox) = Scene::signed_in(&[]);
    let valid = |least: &str| {
        let args = ["token", "--min-valid", least];
        env.run(args).any_stdout().check().out()
    };
    let first = valid("13d23h");
    env.age(SignedDuration::from_hours(2));
    assert_eq!(valid("1h59m"), first);
    assert_eq!(sandbox.refreshes(), 0);
    let second = valid("3h");
    assert_ne!(second, first);
    assert_eq!(valid("3h"), second);
    assert_eq!(sandbox.refreshes(), 1);
    // The usual lead is kept, however little is asked for.
    env.age(SignedDuration::from_mins(4));
    assert_ne!(valid("1m"), second);
}

#[test]
fn a_life_that_no_token_has_is_an_error_and_no_token() {
    let (env, mut sandbox) = Scene::signed_in(&["--expires-in", "3600"]);
    env.run(["token", "--min-valid", "90m"])
        .code(1)
        .stderr_has("the access token of work is valid for 59m")
        .stderr_has(", and 1h30m was asked for")
        .stderr_has("`--min-valid`")
        .check();
    assert_eq!(sandbox.refreshes(), 0, "no new token would last longer");
    // A refresh that fails is no reason to hand out less than was asked for, and every reason to if it is enough.
    drop(sandbox);
    env.age(SignedDuration::from_mins(4));
    let args = |least: &'static str| ["token", "--min-valid", least];
    env.run(args("5m"))
        .code(7)
        .stderr_has("could not reach 127.0.0.1")
        .check();
    env.run(args("3m"))
        .any_stdout()
        .stderr_has("warning: could not refresh work, whose token holds a little longer")
        .check();
    env.age(SignedDuration::from_secs(-1));
    env.run(args("0s")).code(7).any_stderr().check();
}

#[test]
fn without_a_refresh_token_what_is_left_has_to_do() {
    let (env, mut sandbox) = Scene::signed_in(&[]);
    let forget = |pointer: &str| {
        env.edit_records(|_, record| {
            if let Some(value) = record.pointer_mut(pointer) {
                *value = Value::Null;
            }
        });
    };
    forget("/tokens/refresh_token");
    env.age(SignedDuration::from_hours(1));
    let args = |least: &'static str| ["token", "--min-valid", least];
    env.run(args("59m")).any_stdout().check();
    env.run(args("2h"))
        .code(4)
        .stderr_has("the access token of work is valid for 59m")
        .stderr_has("and 2h was asked for; work can't be refreshed: it has no refresh token")
        .stderr_has("sign in again")
        .check();
    // Nobody knows how long it holds: it is handed out, but not for a time.
    forget("/tokens/expires_at");
    token(&env);
    env.run(args("1s"))
        .code(4)
        .stderr_has("valid for an unknown time, and 1s was asked for")
        .check();
    assert_eq!(sandbox.refreshes(), 0);
}

#[test]
fn nonsense_is_no_duration() {
    let env = Env::new();
    for least in ["", "5", "h", "1.5h", "1 h", "one hour", "1h1h", "99999d"] {
        env.run(["token", "--min-valid", least])
            .code(2)
            .stderr_has("--min-valid")
            .stderr_has("a duration is")
            .check();
    }
}

/// TC-02.
#[test]
#[cfg(target_os = "linux")]
fn on_a_terminal_stands_the_token_and_nothing_else() {
    let (env, _sandbox) = Scene::signed_in(&["--expires-in", "0"]);
    let (code, screen) = crate::env::Terminal::run(&env, &["token"]).ends();
    assert_eq!(code, 0, "{screen}");
    let token = screen.strip_suffix("\r\n").unwrap_or_default();
    assert!(
        token.len() > 16 && !token.contains(char::is_whitespace),
        "{screen:?}"
    );
    case_held("TC-02 on a terminal");
}

#[test]
fn which_connection_is_meant() {
    let env = Env::new();
    env.run(["token"])
        .code(4)
        .stderr(
            "error: there is no connection yet\nhint: make one with `webex-connect login`, or try it with \
             `webex-connect login --sandbox`\n",
        )
        .check();
    env.run(["login", "one", "--sandbox", "--approve"])
        .any_stderr()
        .check();
    env.run(["login", "two", "--sandbox", "--approve"])
        .any_stderr()
        .check();
    let named = |name: &str| env.run(["token", name]).any_stdout().check().out();
    assert_eq!(token(&env), named("one"), "the first one is the default");
    let by_variable = env
        .run(["token"])
        .var("WEBEX_CONNECT_CONNECTION", "TWO")
        .any_stdout()
        .check()
        .out();
    assert_eq!(by_variable, named("two"));
    env.run(["logout", "one"]).any_stderr().check();
    assert_eq!(token(&env), named("two"), "the only one");
    env.run(["token", "three"])
        .code(4)
        .stderr(
            "error: there is no connection three\nhint: `webex-connect list` shows what there is; \
             `webex-connect login three` makes it\n",
        )
        .check();
    env.run(["token", "../x"])
        .code(2)
        .stderr_has("a name is 1 to 64")
        .check();
}

#[test]
fn logout_twice_is_no_error() {
    let env = Env::new();
    env.connect_sandbox();
    let removed = |env: &Env| {
        env.run(["logout", "sandbox", "--json"])
            .any_stdout()
            .check()
            .json()["removed"]
            .clone()
    };
    assert_eq!(removed(&env), true);
    assert_eq!(removed(&env), false);
    assert!(env.connections().is_empty());
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_behind_stdout_is_an_error_and_a_closed_pipe_is_not() {
    let env = Env::new();
    env.connect_sandbox();
    let shell = |script: &str| {
        let mut command = env.program("sh");
        command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_webex-connect")]);
        crate::env::Run::new(command)
    };
    shell("exec \"$1\" token >/dev/full")
        .code(1)
        .stderr_has("could not write to standard output")
        .check();
    shell("{ \"$1\" token; echo $? >rc; } | true; read rc <rc; exit $rc").check();
}

/// TC-03.
#[test]
fn in_a_job_of_github_actions_the_token_is_masked_before_it_is_printed() {
    let (env, _sandbox) = Scene::signed_in(&[]);
    let token = token(&env);
    let mask = format!("::add-mask::{token}");
    let masked = |args: &[&str]| {
        let args = [&["token", "--github-mask"], args].concat();
        env.run(args).var("GITHUB_ACTIONS", "true").stderr(&mask)
    };
    masked(&[]).stdout(&token).check();
    let header = format!("Authorization: Bearer {token}");
    masked(&["--header"]).stdout(&header).check();
    let json = masked(&["--json"]).any_stdout().check().json();
    assert_eq!(json["access_token"], token.trim_end());
    // Not unasked.
    env.run(["token"])
        .var("GITHUB_ACTIONS", "true")
        .stdout(&token)
        .check();
    case_held("TC-03 in a job");
}

/// TC-03: anywhere else the mask would be what shows the token.
#[test]
fn outside_of_github_actions_nothing_is_masked_or_printed() {
    let env = Env::new();
    env.connect_sandbox();
    let token = token(&env);
    for value in ["", "false", "1", "TRUE"] {
        env.run(["token", "--github-mask"])
            .var("GITHUB_ACTIONS", value)
            .secret(token.trim_end())
            .code(2)
            .stderr(
                "error: --github-mask is for jobs of GitHub Actions, where GITHUB_ACTIONS is true; elsewhere it would \
                 show the token\n\
                 hint: leave it out\n",
            )
            .check();
        case_held(format!("TC-03 where GITHUB_ACTIONS is {value:?}"));
    }
    env.run(["token", "--github-mask", "--json"])
        .code(2)
        .stderr_json("usage")
        .check();
}

/// What can't be masked is not printed.
#[test]
fn a_mask_that_can_not_be_written_leaves_no_token() {
    let (env, _sandbox) = Scene::signed_in(&[]);
    let mut command = env.command(["token", "--github-mask"]);
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
    command.env("GITHUB_ACTIONS", "true").stderr(full.unwrap());
    let finished = command.output().unwrap();
    assert_eq!(finished.status.code(), Some(1), "{finished:?}");
    assert!(finished.stdout.is_empty(), "{finished:?}");
    for closed in ["2>&-", "2>/dev/null"] {
        let mut command = env.program("sh");
        let script = format!("GITHUB_ACTIONS=true exec \"$1\" token --github-mask {closed}");
        command.args(["-c", &script, "sh", env!("CARGO_BIN_EXE_webex-connect")]);
        let run = crate::env::Run::new(command).code(2);
        run.any_stderr().check();
    }
}

/// A refresh comes first, and what it says.
#[test]
fn a_token_that_was_just_refreshed_is_the_one_masked() {
    let (env, _sandbox) = Scene::signed_in(&["--expires-in", "0"]);
    let finished = env
        .run(["token", "--github-mask"])
        .var("GITHUB_ACTIONS", "true")
        .any_stdout()
        .any_stderr()
        .check();
    assert_eq!(finished.err(), format!("::add-mask::{}", finished.out()));
}
