//! The app that the administrator provides in /etc/webex-connect/app.json, in an /etc of the test's own.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::json;

use crate::elevated::{again_inside, as_nobody, with_own_etc};
use crate::env::{Env, Run};

const DIRECTORY: &str = "/etc/webex-connect";
const FILE: &str = "/etc/webex-connect/app.json";
const SECRET: &str = "wxcs-canary-provided-31f0";
const NOBODY: u32 = 65534;

fn good() -> String {
    json!({
        "client_id": "Cadmin",
        "client_secret": SECRET,
        "redirect_uri": "http://localhost:6855",
        "scopes": "spark:people_read spark-admin:people_write",
        "environment": "webex-gov",
    })
    .to_string()
}

/// The directory and the file as they should be.
fn written(text: &str) {
    match fs::symlink_metadata(DIRECTORY) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(DIRECTORY).unwrap(),
        Ok(_) => fs::remove_file(DIRECTORY).unwrap(),
        Err(_) => {}
    }
    fs::create_dir(DIRECTORY).unwrap();
    fs::set_permissions(DIRECTORY, Permissions::from_mode(0o755)).unwrap();
    fs::write(FILE, text).unwrap();
    fs::set_permissions(FILE, Permissions::from_mode(0o644)).unwrap();
}

fn show(env: &Env) -> Run {
    env.run(["app", "show", "provided", "--json"])
        .secret(SECRET)
}

/// The program where every user can run it.
fn public_program(env: &Env) -> PathBuf {
    let program = env.path("webex-connect");
    fs::copy(env!("CARGO_BIN_EXE_webex-connect"), &program).unwrap();
    fs::set_permissions(env.path(""), Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    program
}

fn show_as_nobody(program: &Path) -> Run {
    let mut command = Command::new(program);
    command
        .args(["app", "show", "provided", "--json"])
        .env("HOME", "/nonexistent");
    Run::new(as_nobody(&command)).secret(SECRET)
}

#[test]
#[ignore = "needs root, or sudo, for a mount namespace"]
fn the_administrators_file_provides_an_app_to_every_user() {
    let name = "provided::the_administrators_file_provides_an_app_to_every_user";
    if again_inside(name, with_own_etc) {
        return;
    }
    let env = Env::new();
    let program = public_program(&env);
    show(&env).code(8).stderr_json("app_misconfigured").check();
    written(&good());
    for run in [show(&env), show_as_nobody(&program)] {
        let shown = run.any_stdout().check();
        assert!(!shown.out().contains(SECRET), "{shown}");
        let app = shown.json();
        assert_eq!(app["provided_by"], "system_file");
        assert_eq!(app["client_id"], "Cadmin");
        assert_eq!(app["environment"], "webex-gov");
        assert_eq!(app["redirect_uri"], "http://localhost:6855");
        assert_eq!(
            app["scopes"],
            json!(["spark-admin:people_write", "spark:people_read"])
        );
    }
    let text = env.run(["app", "show", "provided"]).any_stdout().check();
    assert!(
        text.out()
            .contains("provided by  /etc/webex-connect/app.json\n"),
        "{text}"
    );
    fs::remove_file(FILE).unwrap();
    show(&env).code(8).stderr_json("app_misconfigured").check();
}

#[test]
#[ignore = "needs root, or sudo, for a mount namespace"]
fn variables_go_before_the_file_and_nothing_is_mixed() {
    let name = "provided::variables_go_before_the_file_and_nothing_is_mixed";
    if again_inside(name, with_own_etc) {
        return;
    }
    let env = Env::new();
    written(&good());
    let app = show(&env)
        .var("WEBEX_CONNECT_CLIENT_ID", "Cenv")
        .var("WEBEX_CONNECT_CLIENT_SECRET", "from-the-environment")
        .any_stdout()
        .check()
        .json();
    assert_eq!(app["provided_by"], "environment");
    assert_eq!(app["client_id"], "Cenv");
    assert_eq!(app["redirect_uri"], "http://127.0.0.1:8911/callback");
    assert_eq!(app["environment"], "webex");
    for (variable, value) in [
        ("WEBEX_CONNECT_CLIENT_ID", "Cenv"),
        ("WEBEX_CONNECT_REDIRECT_URI", "http://127.0.0.1:1/x"),
    ] {
        show(&env)
            .var(variable, value)
            .code(8)
            .stderr_has("the app in the environment has no client")
            .check();
    }
    // The secret alone is no app.
    let app = show(&env).var("WEBEX_CONNECT_CLIENT_SECRET", "alone");
    assert_eq!(app.any_stdout().check().json()["client_id"], "Cadmin");
}

#[test]
#[ignore = "needs root, or sudo, for a mount namespace"]
fn a_file_that_others_could_change_is_refused_with_the_cure() {
    let name = "provided::a_file_that_others_could_change_is_refused_with_the_cure";
    if again_inside(name, with_own_etc) {
        return;
    }
    let env = Env::new();
    let program = public_program(&env);
    let mode = |path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    type Spoil<'a> = &'a dyn Fn();
    let cases: [(Spoil, &str, &str); 7] = [
        (
            &|| chown(FILE, Some(NOBODY), None).unwrap(),
            FILE,
            "is not owned by root",
        ),
        (
            &|| mode(FILE, 0o664),
            FILE,
            "can be written by others than root",
        ),
        (
            &|| mode(FILE, 0o646),
            FILE,
            "can be written by others than root",
        ),
        (
            &|| chown(DIRECTORY, Some(NOBODY), None).unwrap(),
            DIRECTORY,
            "is not owned by root",
        ),
        (
            &|| mode(DIRECTORY, 0o775),
            DIRECTORY,
            "can be written by others than root",
        ),
        (
            &|| mode(DIRECTORY, 0o757),
            DIRECTORY,
            "can be written by others than root",
        ),
        (
            &|| mode(DIRECTORY, 0o1777),
            DIRECTORY,
            "can be written by others than root",
        ),
    ];
    for (spoil, path, problem) in cases {
        written(&good());
        spoil();
        for run in [show(&env), show_as_nobody(&program)] {
            run.code(8)
                .stderr_json("app_misconfigured")
                .stderr_has(&format!("the provided app is not used: {path} {problem}"))
                .stderr_has(&format!(
                    "`sudo chown root:root {path} && sudo chmod go-w {path}`"
                ))
                .check();
        }
    }
    // Own apps are listed all the same.
    env.run(["app", "list", "--json"])
        .stdout("[]\n")
        .stderr_has("the provided app is not used")
        .check();
}

#[test]
#[ignore = "needs root, or sudo, for a mount namespace"]
fn what_is_no_plain_file_of_an_app_is_refused() {
    let name = "provided::what_is_no_plain_file_of_an_app_is_refused";
    if again_inside(name, with_own_etc) {
        return;
    }
    let env = Env::new();
    let program = public_program(&env);
    let elsewhere = env.write("app.json", &good());
    let aside = Path::new("/etc/webex-connect-aside");
    type Spoil<'a> = &'a dyn Fn();
    let cases: [(Spoil, &str); 9] = [
        (
            &|| symlink(&elsewhere, FILE).unwrap(),
            "app.json is a symbolic link",
        ),
        (
            &|| symlink("/nonexistent", FILE).unwrap(),
            "app.json is a symbolic link",
        ),
        (
            &|| fs::create_dir(FILE).unwrap(),
            "app.json is not a regular file",
        ),
        (
            &|| mknodat(CWD, FILE, FileType::Fifo, Mode::from(0o644), 0).unwrap(),
            "app.json is not a regular file",
        ),
        (
            &|| {
                fs::rename(DIRECTORY, aside).unwrap();
                symlink(aside, DIRECTORY).unwrap();
            },
            "/etc/webex-connect is not a directory, or behind a link",
        ),
        (
            &|| fs::write(FILE, " ".repeat(65_537)).unwrap(),
            "app.json has more than 64 KiB",
        ),
        (
            &|| fs::write(FILE, b"\xff").unwrap(),
            "app.json can't be read",
        ),
        (
            &|| fs::write(FILE, good().replace("redirect_uri", SECRET)).unwrap(),
            "app in /etc/webex-connect/app.json is not as it should be, at line 1",
        ),
        (
            &|| fs::write(FILE, "").unwrap(),
            "app in /etc/webex-connect/app.json is not as it should be, at line 1",
        ),
    ];
    for (spoil, problem) in cases {
        written(&good());
        fs::remove_file(FILE).unwrap();
        spoil();
        show(&env)
            .code(8)
            .stderr_json("app_misconfigured")
            .stderr_has(problem)
            .within(10)
            .check();
    }
    written(&good());
    fs::set_permissions(FILE, Permissions::from_mode(0o600)).unwrap();
    show_as_nobody(&program)
        .code(8)
        .stderr_has("/etc/webex-connect/app.json can't be opened: permission denied")
        .stderr_has("all may read")
        .check();
}
