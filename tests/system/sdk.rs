//! Webex's Python SDKs as people use them: the scripts of the README, and `exec` in front of them.

use crate::env::{Env, Run, Sandbox, Scene, readme};

/// What the README leaves out, because Webex needs none of it: where the sandbox is.
const AT_THE_SANDBOX: [(&str, &str); 2] = [
    (
        "wxc-sdk",
        "from wxc_sdk.rest import RestSession\nRestSession.BASE = '{BASE}'\n",
    ),
    (
        "webexpythonsdk",
        "import functools, webexpythonsdk\n\
         webexpythonsdk.WebexAPI = functools.partial(webexpythonsdk.WebexAPI, base_url='{BASE}/')\n",
    ),
];

/// The interpreter that has both.
fn python() -> String {
    std::env::var("WEBEX_CONNECT_TEST_PYTHON").unwrap_or_else(|_| {
        panic!("this test needs the Python with both SDKs that `tests/run` makes: run that")
    })
}

/// The README's command, with this program and that Python in it.
fn script(env: &Env, exec: &[&str]) -> Run {
    let command = readme::block_of("sdk", "sh").text;
    let words: Vec<&str> = command.split_whitespace().collect();
    let after = ["webex-connect", "exec", "work", "--", "python3"];
    assert_eq!(words[..5], after, "{command}");
    env.run([exec, &["--", &python()], &words[5..]].concat())
}

fn prepare(env: &Env, sandbox: &Sandbox, sdk: &str, place: &str) {
    let told = readme::block_of(&format!("sdk {sdk}"), "python").text;
    let place = place.replace("{BASE}", &sandbox.base);
    env.write("me.py", &format!("{place}{told}"));
}

#[test]
#[ignore = "needs the Python with both SDKs that tests/run makes"]
fn python_sdks_find_the_token_that_exec_gives_them() {
    let (env, mut sandbox) = Scene::signed_in(&[]);
    for (sdk, place) in AT_THE_SANDBOX {
        prepare(&env, &sandbox, sdk, place);
        script(&env, &["exec", "work"])
            .stdout("sandbox.person@example.com\n")
            .check();
        let asked = sandbox.requests().last().map(|entry| entry["path"].clone());
        assert_eq!(asked, Some("/v1/people/me".into()));
        // Without it they find none: the token is exec's doing.
        let without = script(&env, &["exec", "work", "--env", "ANOTHER_NAME"]).code(1);
        without.stderr_has("WEBEX_ACCESS_TOKEN").check();
    }
}
