//! Items in the keyring that another program wrote, or a newer version.

use crate::env::{Env, case_held};
use crate::secret_service::{secret_tool, unlocked};

const ITEM: [&str; 4] = ["service", "webex-connect", "username", "connection/other"];

fn tool(env: &Env, verb: &str, more: &[&str], stdin: &[u8]) -> String {
    secret_tool(env, &[&[verb][..], more, &ITEM].concat(), stdin)
}

/// ST-04 in the keyring.
#[test]
#[ignore = "needs the keyring session of tests/run"]
fn a_record_that_is_none_is_named_and_left_as_it_is() {
    let env = unlocked();
    env.connect_sandbox();
    for (case, secret) in [
        ("not UTF-8", &b"c4n4ry\xff\xfe"[..]),
        ("cut short", br#"{"schema":1,"record":"c4n4ry"#),
        ("another type", br#"["c4n4ry"]"#),
        ("newer", br#"{"schema":2,"record":"c4n4ry"}"#),
        ("NUL bytes", b"c4n4ry\0\0"),
    ] {
        let said = tool(&env, "store", &["--label=other"], secret);
        assert_eq!(said, "", "ST-04 {case}");
        let stored = tool(&env, "lookup", &[], b"");
        for command in ["token", "status"] {
            let run = env.run([command, "other"]).code(6).within(15);
            let run = run.secret("c4n4ry").secret("63346e347279");
            let run = run.secret("YzRuNHJ5").secret("99, 52, 110");
            run.stderr_has("the stored record connection/other is unreadable")
                .check();
        }
        let listed = env.run(["list", "--json"]).code(6).any_stdout();
        let listed = listed.stderr_has("connection/other").secret("c4n4ry");
        let listed = listed.check().json();
        assert_eq!(listed[0]["name"], "sandbox", "ST-04 {case}: {listed}");
        assert_eq!(tool(&env, "lookup", &[], b""), stored, "ST-04 {case}");
        env.run(["logout", "other"]).any_stderr().check();
        assert_eq!(env.connections(), ["sandbox"], "ST-04 {case}");
        case_held(format!("ST-04 keyring: {case}"));
    }
}

/// An item with our service and no name is nobody's record.
#[test]
#[ignore = "needs the keyring session of tests/run"]
fn an_item_without_a_name_is_passed_over() {
    let env = unlocked();
    let store = ["store", "--label=nameless", "service", "webex-connect"];
    secret_tool(&env, &store, b"c4n4ry");
    env.run(["list", "--json"]).stdout("[]\n").check();
    env.connect_sandbox();
    assert_eq!(env.connections(), ["sandbox"]);
}
