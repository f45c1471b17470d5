//! Files that are pipes: `<(…)` in a shell, or a named one. Each can be read only once.

use std::fs;
use std::thread;

use age::secrecy::ExposeSecret;
use age::x25519::Identity;

use crate::env::process::{Process, Stream};
use crate::env::{Attempt, Authority, Ca, Env, Handover, Reply, Run};
use crate::passphrase::keyless;

/// The program as `$p` in a script of bash.
fn bash(env: &Env, script: &str) -> Run {
    let mut command = env.program("bash");
    command.env("p", env!("CARGO_BIN_EXE_webex-connect"));
    command.args(["-c", script]);
    Run::new(command)
}

#[test]
fn the_key_may_come_through_a_pipe() {
    let env = keyless();
    let key = Identity::generate().to_string();
    env.write("key", key.expose_secret());
    bash(
        &env,
        "WEBEX_CONNECT_KEY_FILE=<(cat key) exec $p login --sandbox --approve",
    )
    .any_stderr()
    .check();
    bash(
        &env,
        "WEBEX_CONNECT_KEY_FILE=/dev/stdin exec $p list --json <key",
    )
    .any_stdout()
    .check();
    let pipe = env.path("pipe");
    let made = env.program("mkfifo").arg(&pipe).status();
    assert!(made.is_ok_and(|status| status.success()));
    let (writer, text) = (pipe.clone(), key.expose_secret().to_owned());
    let writing = thread::spawn(move || fs::write(writer, text));
    let listed = env.run(["list", "--json"]);
    let listed = listed.var("WEBEX_CONNECT_KEY_FILE", &pipe.display().to_string());
    assert_eq!(listed.any_stdout().check().json()[0]["name"], "sandbox");
    writing.join().unwrap().unwrap();
}

/// The first login asks for the passphrase more than once: to try the store, to make the key, to open it.
#[test]
fn the_passphrase_may_come_through_a_pipe() {
    let env = keyless();
    let with_passphrase = |args: &str| {
        let script = format!("WEBEX_CONNECT_PASSPHRASE_FILE=<(echo correct horse) exec $p {args}");
        bash(&env, &script)
    };
    with_passphrase("login --sandbox --approve")
        .any_stderr()
        .check();
    let listed = with_passphrase("list --json").any_stdout().check();
    assert_eq!(listed.json()[0]["name"], "sandbox");
    env.run(["list"])
        .var("WEBEX_CONNECT_PASSPHRASE", "correct horse")
        .any_stdout()
        .check();
}

/// One pipe serves two purposes: its key opens the export and the store.
#[test]
fn the_identity_of_an_import_may_come_through_a_pipe() {
    for (set, option) in [
        ("", "--identity <(cat ci.key)"),
        (
            "WEBEX_CONNECT_KEY= WEBEX_CONNECT_KEY_FILE=<(cat ci.key) ",
            "",
        ),
    ] {
        let handover = Handover::new(&[]);
        handover.there.write("sealed", &handover.exported(&[]));
        let base = &handover.sandbox.base;
        let script = format!("{set}exec $p import --api-base {base} {option} <sealed");
        bash(&handover.there, &script)
            .stderr_has("work is kept in")
            .check();
    }
}

/// A refresh and a call each have a client of their own; `doctor` has more.
#[test]
fn certificates_may_come_through_a_pipe() {
    let ca = Ca::new();
    let stale = Reply::token_set(r#""expires_in":0"#);
    let authority = Authority::secure(ca.issue(&["localhost"]), stale);
    let env = Env::new();
    let file = env.write("ca.pem", &ca.pem()).display().to_string();
    Attempt::start(&env, &authority, &["--ca-cert", &file])
        .returns()
        .succeeds("--ca-cert");
    let script = "exec $p api people/me --ca-cert <(cat ca.pem)";
    bash(&env, script).any_stdout().check();
    bash(
        &env,
        "WEBEX_CONNECT_CA_CERT=<(cat ca.pem) exec $p api people/me",
    )
    .any_stdout()
    .check();
    authority.probed(Reply::status(200, ""));
    let doctor = bash(&env, "exec $p doctor --json --ca-cert <(cat ca.pem)");
    let doctor = doctor.any_stdout().any_stderr().check().out();
    assert!(!doctor.contains("\"fail\""), "{doctor}");
}

#[test]
fn a_client_secret_and_the_apps_of_a_sandbox_may_come_through_a_pipe() {
    let env = Env::new();
    let apps = r#"[{"client_id": "a", "client_secret": "b-secret", "redirect_uris": ["http://127.0.0.1:1/"]}]"#;
    env.write("apps.json", apps);
    let mut command = env.program("bash");
    command.args(["-c", "exec \"$1\" sandbox --app <(cat apps.json)", "bash"]);
    command.arg(env!("CARGO_BIN_EXE_webex-connect"));
    let mut sandbox = Process::spawn(command, b"");
    let base = sandbox.next_line(Stream::Out).unwrap_or_default();
    assert!(
        base.starts_with("http://127.0.0.1:"),
        "{}",
        sandbox.finish()
    );
    let app = "exec $p app add a --client-id a --client-secret-file <(echo b-secret)";
    bash(&env, app).any_stdout().any_stderr().check();
}

#[test]
fn a_directory_an_endless_file_and_a_missing_one_are_errors() {
    let env = keyless();
    for (file, reason) in [
        ("data", "it is not a regular file or a pipe"),
        ("/dev/zero", "it is too large"),
        ("nowhere", "No such file or directory"),
    ] {
        for variable in ["WEBEX_CONNECT_KEY_FILE", "WEBEX_CONNECT_PASSPHRASE_FILE"] {
            env.run(["login", "--sandbox", "--approve"])
                .var(variable, file)
                .within(30)
                .code(6)
                .stderr_has(&format!("could not open {file}: {reason}"))
                .check();
        }
    }
}
