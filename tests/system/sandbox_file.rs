//! Sandbox records that were made while there was no keyring, once there is one.

use std::fs;
use std::os::unix::fs::DirBuilderExt;

use crate::env::{Scene, case_held};
use crate::secret_service::{records, unlocked};

/// ST-15, the keyring being back: a real login goes there, and the file beside its key takes nothing of it.
#[test]
#[ignore = "needs the keyring session of tests/run"]
fn a_keyring_that_is_back_takes_the_real_connection() {
    let env = unlocked();
    env.run(["login", "--sandbox", "--approve"])
        .var("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
        .any_stderr()
        .check();
    let sealed = env.path("data/webex-connect/sandbox.age");
    let key = env.path("data/webex-connect/sandbox.key");
    let read = |path| fs::read(path).unwrap_or_else(|e| panic!("the sandbox file: {e}"));
    let before = (read(&sealed), read(&key));

    let redirect_uri = "http://127.0.0.1:{PORT}/callback";
    let mut scene = Scene::with(env, redirect_uri, &["--no-browser"]);
    let callback = scene.login.consent("allow");
    let page = scene.login.deliver(&callback);
    assert!(page.body.contains("You are connected"), "ST-15: {page}");
    let finished = scene.login.finish();
    assert_eq!(finished.code, Some(0), "ST-15: {finished}");
    assert_eq!(finished.json()["store"], "keyring", "ST-15: {finished}");

    let env = scene.env;
    let kept = records(&env);
    let token = env.run(["token", "work"]).any_stdout().check().out();
    assert!(kept.contains("connection/work"), "ST-15: {kept}");
    assert!(kept.contains(token.trim()), "ST-15: {kept}");
    assert_eq!((read(&sealed), read(&key)), before, "ST-15: written to");
    case_held("ST-15 the keyring is back");
}

/// Whoever forgets `--store file` is told of the sealed file. Nothing of it is read.
#[test]
#[ignore = "needs the keyring session of tests/run"]
fn a_keyring_without_the_connection_mentions_the_sealed_file() {
    let env = unlocked();
    env.run(["token", "work"])
        .code(4)
        .stderr(
            "error: there is no connection work\n\
             hint: `webex-connect list` shows what there is; `webex-connect login work` makes it\n",
        )
        .check();
    let directory = env.path("data/webex-connect");
    let mut private = fs::DirBuilder::new();
    let created = private.mode(0o700).create(&directory);
    created.unwrap_or_else(|e| panic!("{}: {e}", directory.display()));
    let sealed = env.write("data/webex-connect/store.age", "sealed");
    let elsewhere = format!(
        "; `--store file` looks in the sealed file here, {}\n",
        sealed.display()
    );
    env.run(["token", "work"])
        .code(4)
        .stderr(&format!(
            "error: there is no connection work in the OS keyring\n\
             hint: `webex-connect list` shows what there is; `webex-connect login work` makes it{elsewhere}"
        ))
        .check();
    env.run(["logout", "--all"]).any_stderr().check();
    env.run(["list"])
        .stderr(&format!(
            "no connections yet; make one with `webex-connect login`{elsewhere}"
        ))
        .check();
    env.run(["token"])
        .code(4)
        .stderr(&format!(
            "error: there is no connection yet\n\
             hint: make one with `webex-connect login`, or try it with `webex-connect login --sandbox`{elsewhere}"
        ))
        .check();
    assert_eq!(fs::read(sealed).unwrap_or_default(), b"sealed");
}
