//! `exec` with a real keyring behind it: its bus connection ends with us.

use crate::env::{Run, Scene, case_held};
use crate::secret_service::unlocked;

/// EX-01.
#[test]
#[ignore = "needs the keyring session of tests/run"]
fn the_command_gets_no_descriptor_of_the_keyrings_bus() {
    let redirect_uri = "http://127.0.0.1:{PORT}/callback";
    let mut scene = Scene::with(unlocked(), redirect_uri, &["--no-browser"]);
    let callback = scene.login.consent("allow");
    scene.login.deliver(&callback);
    let finished = scene.login.finish();
    assert_eq!(finished.code, Some(0), "{finished}");
    let list = |script: &str| {
        let mut command = scene.env.program("sh");
        command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_webex-connect")]);
        Run::new(command).any_stdout().check().out()
    };
    let by_itself = list("exec 7</dev/null; exec ls /proc/self/fd");
    let through = list("exec 7</dev/null; exec \"$1\" exec work -- ls /proc/self/fd");
    assert!(by_itself.contains("\n7\n"), "EX-01: {by_itself:?}");
    assert_eq!(through, by_itself, "EX-01");
    case_held("EX-01 the bus of the keyring");
    scene.env.run(["logout", "work"]).any_stderr().check();
}
