//! A clock that is wrong, or that was set between two runs: faketime(1) tells the program another time than its servers.

use crate::env::{Attempt, Authority, Ca, Env, Reply, Run, Scene, case_held};

/// A command of ours whose clock says this: `+20d`, `@1960-01-01 00:00:00`.
fn at(env: &Env, time: &str, args: &[&str]) -> Run {
    let program = env.command(args);
    let mut command = env.program("faketime");
    command
        .args(["--exclude-monotonic", "-f", time])
        .arg(program.get_program())
        .args(args);
    Run::new(command).within(30)
}

/// Access tokens of the sandbox live for 14 days, refresh tokens for 90.
#[test]
#[ignore = "needs faketime"]
fn however_the_clock_is_set_a_run_refreshes_once_at_most() {
    let (env, mut sandbox) = Scene::signed_in(&[]);
    for (time, refreshes) in [
        ("+0d", 0),
        ("+20d", 1),
        ("+20d", 1),
        // Tokens of a day to come say nothing.
        ("+0d", 2),
        ("-3650d", 3),
        ("-3650d", 3),
    ] {
        at(&env, time, &["token"]).any_stdout().check();
        assert_eq!(sandbox.refreshes(), refreshes, "{time}");
    }
    // To a clock that is right again the refresh token expired long ago. Webex decides, and takes it.
    for _ in 0..2 {
        env.run(["token"]).any_stdout().check();
        assert_eq!(sandbox.refreshes(), 4);
    }
    case_held("RF-13 by a clock that is wrong");
}

#[test]
#[ignore = "needs faketime"]
fn a_clock_far_from_this_century_breaks_nothing() {
    for time in [
        "@1960-01-01 00:00:00",
        "@1970-01-01 00:00:01",
        "@2038-01-19 03:14:08",
        "@2106-02-07 06:28:16",
        "@2262-04-12 00:00:00",
        "@9999-12-29 00:00:00",
    ] {
        let env = Env::new();
        for args in [
            &["login", "--sandbox", "--approve"][..],
            &["token"],
            &["refresh"],
            &["token", "--json"],
            &["list"],
            &["status", "--live"],
            &["check", "--min-valid", "1h"],
            &["logout", "sandbox"],
        ] {
            at(&env, time, args).any_stdout().any_stderr().check();
        }
    }
}

/// Beyond the last moment that can be told, every token has expired.
#[test]
#[ignore = "needs faketime"]
fn a_clock_beyond_the_last_day_is_no_fault() {
    let env = Env::new();
    env.connect_sandbox();
    let time = "@9999-12-31 10:00:00";
    at(&env, time, &["list"]).any_stdout().check();
    at(&env, time, &["token"])
        .code(4)
        .stderr_has("has expired")
        .check();
    at(&env, time, &["login", "late", "--sandbox", "--approve"])
        .any_stderr()
        .check();
}

#[test]
#[ignore = "needs faketime"]
fn a_certificate_that_is_expired_by_a_wrong_clock_is_not_trusted() {
    let ca = Ca::new();
    let stale = Reply::token_set(r#""expires_in":0"#);
    let authority = Authority::secure(ca.issue(&["localhost"]), stale);
    let env = Env::new();
    let file = env.write("ca.pem", &ca.pem());
    let env = env.var("WEBEX_CONNECT_CA_CERT", file);
    Attempt::start(&env, &authority, &[])
        .returns()
        .succeeds("login");
    for (time, why) in [
        ("@1970-01-01 00:00:01", "not valid yet"),
        ("@5000-01-01 00:00:00", "expired"),
    ] {
        at(&env, time, &["refresh"])
            .code(7)
            .stderr_has(why)
            .stderr_has("clock")
            .check();
        case_held(format!("TK-04 {why} by this machine's clock"));
    }
    assert_eq!(authority.refreshes(), 0);
}
