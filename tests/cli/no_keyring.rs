//! A machine without a keyring, where nobody chose another store: the sandbox file never passes for the real store.

use std::fs;

use crate::env::Env;

const SANDBOX: &str = "data/webex-connect/sandbox.age";
const SEALED: &str = "data/webex-connect/store.age";

/// A sandbox connection in the sandbox file.
fn with_sandbox() -> Env {
    let env = Env::bare();
    env.connect_sandbox();
    assert!(env.path(SANDBOX).exists());
    env
}

/// A sealed file beside it. Nothing of it may be read, so its content does not matter.
fn add_sealed_file(env: &Env) {
    env.write(SEALED, "sealed");
}

fn using(env: &Env) -> String {
    let place = env.path(SANDBOX).display().to_string();
    format!("there is no keyring here; this command uses the sandbox connections in {place}\n")
}

/// Commands about no connection in particular.
const ANY: [&[&str]; 7] = [
    &["list"],
    &["token"],
    &["status"],
    &["check"],
    &["api", "people/me"],
    &["refresh"],
    &["exec", "--", "true"],
];

/// The exit code of a command: `exec` has its own where it runs nothing.
fn code(command: &[&str], code: i32) -> i32 {
    if command[0] == "exec" { 125 } else { code }
}

#[test]
fn the_sandbox_connections_are_used_and_it_is_said() {
    let env = with_sandbox();
    let named: [&[&str]; 6] = [
        &["token", "sandbox"],
        &["status", "sandbox"],
        &["api", "people/me", "-c", "SANDBOX"],
        &["exec", "sandbox", "--", "true"],
        &["default", "sandbox"],
        &["rename", "sandbox", "Sandbox"],
    ];
    for command in ANY.into_iter().chain(named) {
        // `exec` refuses connections of the embedded sandbox, which would be gone when the program runs.
        let said = env
            .run(command)
            .code(code(command, 0))
            .any_stdout()
            .any_stderr()
            .check();
        assert!(said.err().starts_with(&using(&env)), "{said}");
        let count = said.err().matches("keyring").count();
        assert_eq!(count, 1, "{said}");
    }
    // JSON names the store.
    let listed = env.run(["list", "--json"]).any_stdout().check().json();
    assert_eq!(listed[0]["store"], "sandbox-file");
    env.run(["logout", "sandbox"])
        .stderr_has(&using(&env))
        .stderr_has("removed Sandbox from ")
        .check();
}

/// A cron job must not be green while no real connection is refreshed.
#[test]
fn refresh_all_fails_before_it_refreshes_anything() {
    for prepare in [|_: &Env| {}, add_sealed_file] {
        let env = with_sandbox();
        prepare(&env);
        let before = fs::read(env.path(SANDBOX)).unwrap_or_default();
        for more in [&[][..], &["--json"]] {
            let args = [&["refresh", "--all"], more].concat();
            env.run(args).code(6).stderr_has("no keyring").check();
        }
        assert_eq!(fs::read(env.path(SANDBOX)).unwrap_or_default(), before);
    }
}

#[test]
fn a_sandbox_file_without_connections_is_no_store() {
    let env = with_sandbox();
    env.run(["logout", "sandbox"]).any_stderr().check();
    assert!(env.path(SANDBOX).exists());
    let others: [&[&str]; 4] = [
        &["token", "sandbox"],
        &["logout", "sandbox"],
        &["logout", "--all"],
        &["refresh", "--all"],
    ];
    for command in ANY.into_iter().chain(others) {
        env.run(command)
            .code(code(command, 6))
            .stderr_has("there is no keyring here")
            .stderr_has("`--store file`")
            .check();
    }
    env.connect_sandbox();
    env.run(["token"]).any_stdout().any_stderr().check();
}

/// The real connections are in the sealed file: a forgotten `--store file` must not look like a success.
#[test]
fn a_sealed_file_is_proposed_and_not_passed_over() {
    for env in [Env::bare(), with_sandbox()] {
        let had_sandbox = env.path(SANDBOX).exists();
        if !had_sandbox {
            // Makes the directory.
            env.connect_sandbox();
            env.run(["logout", "sandbox"]).any_stderr().check();
        }
        add_sealed_file(&env);
        let path = env.path(SEALED).display().to_string();
        let hint = format!(
            "hint: there is a sealed file here, {path}: use it with `--store file` or WEBEX_CONNECT_STORE=file\n"
        );
        let others: [&[&str]; 5] = [
            &["token", "work"],
            &["logout", "work"],
            &["logout", "--all"],
            &["refresh", "--all"],
            &["app", "list"],
        ];
        for command in ANY.into_iter().chain(others) {
            let said = env.run(command).code(code(command, 6)).any_stderr().check();
            assert!(said.err().contains("there is no keyring here"), "{said}");
            assert!(said.err().ends_with(&hint), "{said}");
        }
        // A sandbox connection that is named can be meant only there.
        if had_sandbox {
            for command in [&["token", "sandbox"][..], &["logout", "sandbox"]] {
                let said = env.run(command).any_stdout().any_stderr().check();
                assert!(said.err().contains(&using(&env)), "{said}");
            }
        }
        assert_eq!(fs::read(env.path(SEALED)).unwrap_or_default(), b"sealed");
    }
}

/// The name may come in the variable.
#[test]
fn the_variable_names_a_sandbox_connection_too() {
    let env = with_sandbox();
    add_sealed_file(&env);
    env.run(["token"])
        .var("WEBEX_CONNECT_CONNECTION", "sandbox")
        .any_stdout()
        .stderr(&using(&env))
        .check();
}

/// Apps are never in the sandbox file, so an empty list would be wrong.
#[test]
fn apps_need_a_real_store() {
    let env = with_sandbox();
    for command in [&["app", "list"][..], &["app", "show", "work"]] {
        env.run(command)
            .code(6)
            .stderr_has("there is no keyring here")
            .check();
    }
}

#[test]
fn a_chosen_store_is_used_without_a_word() {
    let env = with_sandbox();
    env.run(["list"])
        .var("WEBEX_CONNECT_STORE", "file")
        .stderr("no connections yet; make one with `webex-connect login`\n")
        .check();
}
