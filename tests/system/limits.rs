//! A machine that gives no more of something: prlimit(1) sets where that begins.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::elevated::as_nobody;
use crate::env::process::{Finished, Process};
use crate::env::{Env, Scene, case_held};

/// A command of ours with this limit.
fn limited(env: &Env, limit: &str, args: &[&str]) -> Finished {
    let program = env.command(args);
    let mut command = env.program("prlimit");
    command.arg(limit).arg(program.get_program()).args(args);
    let finished = Process::spawn(command, b"").finish();
    finished.hold_the_oracles(&[]);
    finished
}

/// It failed with a cure, and printed nothing.
fn says_so(finished: &Finished, words: &[&str]) {
    assert_eq!(finished.out(), "", "{finished}");
    for words in words {
        assert!(finished.err().contains(words), "{words}: {finished}");
    }
}

/// Below four the program itself can't be loaded.
#[test]
#[ignore = "needs prlimit"]
fn descriptors_that_run_out_anywhere_are_an_error_and_lose_nothing() {
    let (env, mut sandbox) = Scene::signed_in(&["--expires-in", "0"]);
    let mut failed = 0;
    for files in 4..=24 {
        let refresh = limited(&env, &format!("--nofile={files}"), &["refresh"]);
        if refresh.code != Some(0) {
            failed += 1;
            says_so(&refresh, &["error: ", "Too many open files", "\nhint: "]);
        }
        assert_eq!(env.connections(), ["work"], "{files}: {refresh}");
    }
    assert!((5..20).contains(&failed), "{failed}");
    env.run(["token"]).any_stdout().check();
    assert!(sandbox.refreshes() > 0);
}

#[test]
#[ignore = "needs prlimit"]
fn a_file_that_may_not_grow_is_an_error_and_the_old_one_stays() {
    let env = Env::new();
    env.connect_sandbox();
    for args in [
        &["refresh"][..],
        &["login", "x", "--sandbox", "--approve"],
        &["logout", "sandbox"],
        &["rename", "sandbox", "other"],
    ] {
        let finished = limited(&env, "--fsize=100", args);
        assert_eq!(finished.code, Some(6), "{finished}");
        says_so(&finished, &["could not save", "`ulimit -f unlimited`"]);
        assert_eq!(env.connections(), ["sandbox"], "{finished}");
        case_held(format!("ST-13 no file may grow: {args:?}"));
    }
}

/// The signal for it would end the program without a word.
#[test]
#[ignore = "needs prlimit"]
fn output_to_a_file_that_may_not_grow_is_an_error() {
    let env = Env::new();
    let program = env!("CARGO_BIN_EXE_webex-connect");
    for (script, code) in [
        ("exec prlimit --fsize=0 \"$1\" scopes >out", 1),
        ("exec prlimit --fsize=0 \"$1\" --help >out", 1),
        ("exec prlimit --fsize=0 \"$1\" no-such-command 2>out", 2),
    ] {
        let mut sh = env.program("sh");
        sh.args(["-c", script, "sh", program]);
        let finished = Process::spawn(sh, b"").finish();
        assert_eq!(finished.code, Some(code), "{script}: {finished}");
        if code == 1 {
            says_so(&finished, &["could not write to standard output", "hint: "]);
        }
    }
}

/// As another user, for root has no such limit.
#[test]
#[ignore = "needs root, or sudo, to act as another user"]
fn threads_that_run_out_are_an_error() {
    let home = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o777))
        .unwrap_or_else(|e| panic!("{e}"));
    let run = |limit: &str, args: &[&str]| {
        let mut command = Command::new("prlimit");
        command
            .arg(limit)
            .arg(env!("CARGO_BIN_EXE_webex-connect"))
            .args(args)
            .env("HOME", home.path().join("home"))
            .env("WEBEX_CONNECT_PASSPHRASE", "of nobody's")
            .env("WEBEX_CONNECT_STORE", "file");
        Process::spawn(as_nobody(&command), b"").finish()
    };
    let login = run("--nproc=4096", &["login", "--sandbox", "--approve"]);
    assert_eq!(login.code, Some(0), "{login}");
    let refresh = run("--nproc=1", &["refresh"]);
    assert_eq!(refresh.code, Some(1), "{refresh}");
    says_so(&refresh, &["could not start a thread", "`ulimit -u`"]);
    let refresh = run("--nproc=4096", &["refresh"]);
    assert_eq!(refresh.code, Some(0), "{refresh}");
}
