//! Webex's Python SDKs as people use them: a script, and `exec` in front of it.

use crate::env::{Env, Run, Sandbox, Scene};

/// As the README tells it, but for the address of the sandbox.
const WXC_SDK: &str = r#"
import sys
from wxc_sdk import WebexSimpleApi
from wxc_sdk.rest import RestSession

RestSession.BASE = sys.argv[1]
api = WebexSimpleApi()
print(api.people.me().emails[0])
"#;

/// The same for the other one.
const WEBEXPYTHONSDK: &str = r#"
import sys
from webexpythonsdk import WebexAPI

api = WebexAPI(base_url=sys.argv[1])
print(api.people.me().emails[0])
"#;

/// The interpreter that has both.
fn python() -> String {
    std::env::var("WEBEX_CONNECT_TEST_PYTHON").unwrap_or_else(|_| {
        panic!("this test needs the Python with both SDKs that `tests/run` makes: run that")
    })
}

fn script(env: &Env, sandbox: &Sandbox, exec: &[&str], script: &str) -> Run {
    env.write("me.py", script);
    let base = format!("{}/", sandbox.base);
    // One SDK joins addresses, the other strings.
    let base = match script {
        WXC_SDK => base.trim_end_matches('/'),
        _ => &base,
    };
    env.run([exec, &["--", &python(), "me.py", base]].concat())
}

#[test]
#[ignore = "needs the Python with both SDKs that tests/run makes"]
fn python_sdks_find_the_token_that_exec_gives_them() {
    let (env, mut sandbox) = Scene::signed_in(&[]);
    for sdk in [WXC_SDK, WEBEXPYTHONSDK] {
        script(&env, &sandbox, &["exec", "work"], sdk)
            .stdout("sandbox.person@example.com\n")
            .check();
        let asked = sandbox.requests().last().map(|entry| entry["path"].clone());
        assert_eq!(asked, Some("/v1/people/me".into()));
        // Without it they find none: the token is exec's doing.
        let without = ["exec", "work", "--env", "ANOTHER_NAME"];
        let without = script(&env, &sandbox, &without, sdk).code(1);
        without.stderr_has("WEBEX_ACCESS_TOKEN").check();
    }
}
