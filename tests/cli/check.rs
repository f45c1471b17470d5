//! `check`: one condition at a time, and what a script learns of it.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::env::{ACCESS_TOKEN, Env, Reply, Run, Sandbox, Scene, connected as server};

/// With a sandbox connection that has the twelve standard scopes.
fn connected() -> Env {
    let env = Env::new();
    env.connect_sandbox();
    env
}

fn check(env: &Env, more: &[&str]) -> Run {
    env.run([&["check"][..], more].concat())
}

/// Changes the record of the connection.
fn edit(env: &Env, edit: impl Fn(&mut Value)) {
    env.edit_records(|name, record| {
        if name.starts_with("connection/") {
            edit(record);
        }
    });
}

fn verdict(env: &Env, more: &[&str], code: i32) -> Value {
    let args = [more, &["--json"]].concat();
    let run = check(env, &args).code(code).any_stdout();
    match code {
        0 => run.check().json(),
        _ => run.any_stderr().check().json(),
    }
}

/// The answer is no, in these words, and `next_command` is the one they end with.
fn refuses(env: &Env, more: &[&str], code: i32, message: &str, next: &str) {
    let way = match code {
        5 => "ask for it with ",
        _ => "",
    };
    check(env, more)
        .code(code)
        .stderr(&format!("error: {message}\nhint: {way}`{next}`\n"))
        .check();
    let verdict = verdict(env, more, code);
    assert_eq!(
        (&verdict["ok"], &verdict["next_command"]),
        (&json!(false), &json!(next)),
        "{more:?}"
    );
}

#[test]
fn what_will_do_is_passed_in_silence() {
    let env = connected();
    for more in [
        &[][..],
        &["sandbox"],
        &["SANDBOX"],
        &["--scope", "spark:people_read"],
        &[
            "--scope",
            "spark:people_read,spark:rooms_read",
            "--scope",
            "spark:teams_read",
        ],
        &["--min-valid", "1h"],
        &["--min-valid", "13d", "--refresh-min-valid", "89d"],
        &["--live"],
        &[
            "--live",
            "--scope",
            "spark:people_read",
            "--min-valid",
            "30s",
        ],
    ] {
        check(&env, more).check();
    }
}

#[test]
fn a_missing_scope_is_exit_5_and_names_it() {
    let env = connected();
    refuses(
        &env,
        &[
            "--scope",
            "spark:people_read spark:calls_read",
            "--scope",
            "Spark:people_read",
        ],
        5,
        "sandbox lacks scopes: Spark:people_read spark:calls_read",
        "webex-connect login sandbox --sandbox --add-scope \"Spark:people_read spark:calls_read\"",
    );
}

#[test]
fn a_grant_that_nobody_knows_is_exit_5_and_named() {
    let env = connected();
    edit(&env, |record| {
        record["grant"] = json!({"requested": [], "granted": [], "source": "unknown"});
    });
    refuses(
        &env,
        &["--scope", "spark:people_read"],
        5,
        "what sandbox was granted is unknown (the token was made elsewhere), so nobody can tell: spark:people_read",
        "webex-connect login sandbox --sandbox --add-scope \"spark:people_read\"",
    );
    let told = verdict(&env, &["--scope", "spark:people_read"], 5);
    assert_eq!(told["source"], "unknown");
    // Where no scope is asked about, the grant does not matter.
    check(&env, &["--min-valid", "1h"]).check();
}

#[test]
fn an_assumed_grant_counts_and_is_named_as_such() {
    let mut scene = Scene::sandboxed(&["--omit", "scope"]);
    let callback = scene.login.consent("allow");
    scene.login.deliver(&callback);
    assert_eq!(scene.login.finish().code, Some(0));
    let told = verdict(&scene.env, &["--scope", "spark:people_read"], 0);
    assert_eq!(
        (&told["ok"], &told["source"]),
        (&json!(true), &json!("assumed"))
    );
}

#[test]
fn an_access_token_that_is_too_short_is_refreshed_by_a_command_where_it_can_be() {
    let env = connected();
    let message = "the access token of sandbox is not known to be good for another 30d";
    let more = ["--min-valid", "30d"];
    // Of two weeks no refresh makes a month.
    let never = "no access token of sandbox is good for 30d: Webex gives ";
    check(&env, &more)
        .code(4)
        .stderr_has(never)
        .stderr_has("hint: ask for less with `--min-valid`")
        .check();
    env.age(SignedDuration::from_mins(90));
    let soon = "the access token of sandbox is not known to be good for another 2h";
    let refresh = "webex-connect refresh sandbox";
    refuses(&env, &["--min-valid", "2h"], 4, soon, refresh);
    edit(&env, |record| {
        record["tokens"]["refresh_token"] = Value::Null
    });
    let sign_in = "webex-connect login sandbox --sandbox";
    refuses(&env, &more, 4, message, sign_in);
    check(&env, &["--min-valid", "1h"]).check();
    // An expiry that Webex did not tell is none to rely on.
    edit(&env, |record| record["tokens"]["expires_at"] = Value::Null);
    check(&env, &[]).check();
    let message = "the access token of sandbox is not known to be good for another 1m";
    refuses(&env, &["--min-valid", "1m"], 4, message, sign_in);
}

#[test]
fn a_refresh_token_that_is_too_short_takes_a_person() {
    let env = connected();
    let sign_in = "webex-connect login sandbox --sandbox";
    let message = "the refresh token of sandbox is not known to be good for another 100d";
    let more = ["--refresh-min-valid", "100d"];
    refuses(&env, &more, 4, message, sign_in);
    for missing in ["refresh_token_expires_at", "refresh_token"] {
        edit(&env, |record| record["tokens"][missing] = Value::Null);
        let message = "the refresh token of sandbox is not known to be good for another 1m";
        refuses(&env, &["--refresh-min-valid", "1m"], 4, message, sign_in);
    }
}

#[test]
fn a_connection_that_is_over_takes_a_person() {
    let env = connected();
    let sign_in = "webex-connect login sandbox --sandbox";
    edit(&env, |record| {
        record["tokens"]["expires_at"] = json!("2020-01-01T00:00:00Z");
    });
    // Stale, but nobody has to do anything.
    check(&env, &[]).check();
    edit(&env, |record| {
        record["tokens"]["refresh_token"] = Value::Null
    });
    refuses(&env, &[], 4, "sandbox has expired", sign_in);
    // What takes a person comes before a scope.
    let more = ["--scope", "spark:calls_read"];
    refuses(&env, &more, 4, "sandbox has expired", sign_in);
    assert_eq!(verdict(&env, &more, 4)["state"], "expired");
    check(&env, &["nobody"])
        .code(4)
        .stderr(
            "error: there is no connection nobody\n\
             hint: `webex-connect list` shows what there is; `webex-connect login nobody` makes it\n",
        )
        .check();
    check(&Env::new(), &[])
        .code(4)
        .stderr_has("there is no connection yet")
        .check();
}

#[test]
fn the_verdict_has_the_same_fields_whatever_it_is() {
    let env = connected();
    let more = ["--scope", "spark:people_read spark:calls_read"];
    let mut refused = verdict(&env, &more, 5);
    let passed = verdict(&env, &[], 0);
    let keys = |verdict: &Value| -> Vec<String> {
        let members = verdict.as_object().map(|members| members.keys().cloned());
        members.into_iter().flatten().collect()
    };
    assert_eq!(keys(&refused), keys(&passed));
    for (time, days) in [
        ("access_token_expires_at", 14),
        ("refresh_token_expires_at", 90),
    ] {
        let moment = refused[time].take();
        let moment: Timestamp = moment.as_str().unwrap_or_default().parse().unwrap();
        let left = moment.duration_since(Timestamp::now());
        let days = SignedDuration::from_hours(24 * days);
        assert!(
            left <= days && left > days - SignedDuration::from_hours(1),
            "{time}: {left:?}"
        );
    }
    assert_eq!(
        refused,
        json!({
            "ok": false,
            "name": "sandbox",
            "state": "ready",
            "missing_scopes": ["spark:calls_read"],
            "source": "reported",
            "access_token_expires_at": null,
            "refresh_token_expires_at": null,
            "next_command": "webex-connect login sandbox --sandbox --add-scope \"spark:calls_read\"",
        })
    );
    assert_eq!(passed["ok"], true);
    assert_eq!(passed["next_command"], Value::Null);
    assert_eq!(passed["missing_scopes"], json!([]));
}

/// A connection with a sandbox that can be ended.
fn with_server(options: &[&str]) -> (Env, Sandbox) {
    let mut scene = Scene::sandboxed(options);
    let callback = scene.login.consent("allow");
    scene.login.deliver(&callback);
    assert_eq!(scene.login.finish().code, Some(0));
    (scene.env, scene.sandbox)
}

#[test]
fn only_live_asks_webex() {
    let (env, mut sandbox) = with_server(&[]);
    let before = sandbox.requests().len();
    check(&env, &["--min-valid", "1h"]).check();
    assert_eq!(sandbox.requests().len(), before);
    check(&env, &["--live"]).check();
    assert_eq!(sandbox.requests().len(), before + 1);
    drop(sandbox);
    check(&env, &["--live"])
        .code(7)
        .stderr_has("error: could not reach 127.0.0.1")
        .check();
    let told = verdict(&env, &["--live"], 7);
    assert_eq!(
        (&told["ok"], &told["next_command"]),
        (&json!(false), &json!("webex-connect check work --live"))
    );
}

/// A server that knows neither token ends the connection, and nobody gets the token from then on.
#[test]
fn a_token_that_webex_refused_is_not_handed_out() {
    let (env, sandbox) = with_server(&[]);
    let _forgetful = sandbox.restarted(&env);
    check(&env, &["--live"])
        .code(4)
        .stderr_has("Webex refused the refresh token")
        .stderr_has("`webex-connect login work`")
        .check();
    for args in [&["token"][..], &["check"], &["api", "people/me"]] {
        env.run(args)
            .code(4)
            .stderr_has("work needs a new sign-in")
            .check();
    }
    let listed = env.run(["list", "--json"]).any_stdout().check().json();
    assert_eq!(listed[0]["state"], "reconnect_needed", "{listed}");
    // Asked for, it is tried all the same.
    env.run(["refresh"])
        .code(4)
        .stderr_has("Webex refused the refresh token")
        .check();
}

#[test]
fn a_token_that_webex_refuses_is_replaced_before_a_person_is_called() {
    let (env, authority) = server();
    let refused = || Reply::status(401, "{}");
    authority.token_answers(Reply::status(
        200,
        r#"{"access_token":"second-token","expires_in":1209599}"#,
    ));
    for command in ["check", "status"] {
        authority.api_answers([refused(), Reply::person()]);
        env.run([command, "--live"]).any_stdout().check();
    }
    assert_eq!(authority.refreshes(), 2);
    authority.api_answers([refused()]);
    refuses(
        &env,
        &["--live"],
        4,
        "Webex refused the access token of work",
        "webex-connect login work",
    );
    let status = env.run(["status", "--live"]).code(4).any_stdout();
    let told = status
        .stderr_has("Webex refused the access token of work")
        .check();
    assert!(told.out().contains("Webex refuses the token"), "{told}");
    // Where it can't be replaced, nobody tries.
    edit(&env, |record| {
        record["tokens"]["refresh_token"] = Value::Null
    });
    let before = authority.refreshes();
    check(&env, &["--live"]).code(4).any_stderr().check();
    assert_eq!(authority.refreshes(), before);
}

#[test]
fn a_failure_of_webex_has_its_number_and_a_cure() {
    let (env, authority) = server();
    for (id, told) in [
        ("ROUTER_1".to_owned(), "tracking id: ROUTER_1\n"),
        // Whoever was sent the token could send it back.
        (format!("x{ACCESS_TOKEN}"), ""),
    ] {
        let head = format!("TrackingID: {id}\r\n");
        authority.api_answers([Reply::with(503, &head, "")]);
        env.run(["status", "--live"])
            .code(7)
            .stderr(&format!(
                "error: people/me answered 503\n{told}hint: run the same command again in a minute\n"
            ))
            .check();
    }
}

#[test]
fn live_warns_of_a_token_that_could_not_be_replaced() {
    let (env, authority) = server();
    env.age(SignedDuration::from_mins(1));
    authority.token_answers(Reply::status(503, ""));
    for command in ["check", "status"] {
        env.run([command, "--live"])
            .any_stdout()
            .stderr_has("warning: could not refresh work, whose token holds a little longer: ")
            .check();
    }
}

#[test]
fn live_refreshes_what_is_stale_and_tells_a_dead_grant() {
    let (env, mut sandbox) = with_server(&[]);
    let old = || {
        edit(&env, |record| {
            record["tokens"]["expires_at"] = json!("2020-01-01T00:00:00Z");
        });
    };
    old();
    check(&env, &["--live", "--min-valid", "1h"]).check();
    let refreshes = sandbox.requests().iter();
    let refreshes = refreshes.filter(|entry| entry["grant_type"] == "refresh_token");
    assert_eq!(refreshes.count(), 1);
    old();
    let _forgetful = sandbox.restarted(&env);
    let dead = check(&env, &["--live"])
        .code(4)
        .stderr_has("Webex refused the refresh token")
        .stderr_has("`webex-connect login work`")
        .check();
    assert!(dead.out().is_empty(), "{dead}");
    let told = verdict(&env, &["--live"], 4);
    assert_eq!(told["state"], "reconnect_needed");
    assert_eq!(told["next_command"], "webex-connect login work");
    refuses(
        &env,
        &[],
        4,
        "work needs a new sign-in",
        "webex-connect login work",
    );
}

#[test]
fn a_question_that_makes_no_sense_is_exit_2() {
    let env = connected();
    for (more, says) in [
        (["--scope", " "], "the scope list is empty"),
        (["--scope", "a\\b"], "a scope holds a character"),
        (["--min-valid", "soon"], "invalid value 'soon'"),
        (["--refresh-min-valid", "-1h"], "unexpected argument"),
    ] {
        check(&env, &more).code(2).stderr_has(says).check();
    }
}
