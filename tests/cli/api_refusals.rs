//! What a refusal of the API comes to: the exit code, the words, the next command.

use std::time::Duration;

use crate::env::{ACCESS_TOKEN, Env, Reply, Scene, connected};

const TRACKED: &str = "TrackingID: ROUTER_1\r\n";

/// A refusal in the API's own shape.
fn refusal(status: u16, message: &str) -> (Reply, String) {
    let body = format!(
        r#"{{"message":"{message}","errors":[{{"description":"{message}"}}],"trackingId":"ROUTER_1"}}"#
    );
    (Reply::with(status, TRACKED, &body), body)
}

const NOT_MODIFIED: &str = "hint: leave out the `If-None-Match` or `If-Modified-Since` header\n";
const REFUSED: &str =
    "hint: compare what `-v` shows of the request with https://developer.webex.com/docs\n";

#[test]
fn every_status_has_its_exit_code_and_the_body_comes_out() {
    let (env, authority) = connected();
    for (status, code, message, hint) in [
        (304, 1, "GET /v1/x has not changed (304)", NOT_MODIFIED),
        (400, 1, "Webex refused GET /v1/x (400)", REFUSED),
        (
            404,
            1,
            "there is no GET /v1/x (404)",
            "hint: check the path and the IDs in it; what an account may not see is not there for it\n",
        ),
        (409, 1, "Webex refused GET /v1/x (409)", REFUSED),
        (451, 1, "Webex refused GET /v1/x (451)", REFUSED),
        (
            500,
            7,
            "Webex failed at GET /v1/x (500)",
            "hint: run the same command again in a minute\n",
        ),
        (
            503,
            7,
            "Webex failed at GET /v1/x (503)",
            "hint: run the same command again in a minute\n",
        ),
    ] {
        let (reply, body) = refusal(status, "What it is.");
        authority.api_answers([reply]);
        // A 304 has no body (RFC 9110 §15.4.5).
        let (body, detail) = if status == 304 {
            ("", "")
        } else {
            (body.as_str(), ": What it is.")
        };
        env.run(["api", "x?y=z"])
            .code(code)
            .stdout(body)
            .stderr(&format!(
                "error: {message}{detail}\ntracking id: ROUTER_1\n{hint}"
            ))
            .check();
    }
    for (body, detail) in [
        ("", ""),
        ("<html>no</html>", ""),
        (r#"{"error":"e","error_description":"d"}"#, ": d"),
    ] {
        authority.api_answers([Reply::with(418, "", body)]);
        let run = env.run(["api", "x"]).code(1).stdout(body);
        run.stderr(&format!(
            "error: Webex refused GET /v1/x (418){detail}\n{REFUSED}"
        ))
        .check();
    }
    authority.api_answers([refusal(404, "no").0]);
    let json = env
        .run(["api", "x", "--json"])
        .code(1)
        .any_stdout()
        .stderr_json("failure")
        .check();
    assert!(json.err().contains(r#""tracking_id":"ROUTER_1""#), "{json}");
}

fn bearers(authority: &crate::env::Authority) -> Vec<String> {
    let requests = authority.requests();
    let calls = requests.iter().filter(|request| request.target == "/v1/x");
    calls
        .map(|call| call.headers("authorization").concat())
        .collect()
}

#[test]
fn a_refused_token_is_replaced_once() {
    let (env, authority) = connected();
    authority.token_answers(Reply::status(
        200,
        r#"{"access_token":"second-token","expires_in":1209599}"#,
    ));
    authority.api_answers([refusal(401, "no").0, Reply::status(200, "{}")]);
    env.run(["api", "-X", "POST", "x", "--input", "-"])
        .stdin("body")
        .stdout("{}")
        .check();
    assert_eq!(
        bearers(&authority),
        [
            format!("Bearer {ACCESS_TOKEN}"),
            "Bearer second-token".to_owned()
        ]
    );
    let bodies: Vec<_> = authority
        .requests()
        .into_iter()
        .rev()
        .step_by(2)
        .take(2)
        .map(|r| r.body)
        .collect();
    assert_eq!(bodies, ["body", "body"]);
    env.run(["token"]).stdout("second-token\n").check();

    let (reply, body) = refusal(401, "Still no.");
    authority.api_answers([reply]);
    let before = authority.asked().len();
    env.run(["api", "x"])
        .code(4)
        .stdout(&body)
        .stderr(
            "error: Webex refused the access token of work (401): Still no.\ntracking id: ROUTER_1\n\
             hint: sign in again with `webex-connect login work`\n",
        )
        .check();
    assert_eq!(
        authority.asked()[before..],
        ["GET /v1/x", "POST /v1/access_token", "GET /v1/x"]
    );
}

#[test]
fn a_refused_token_that_can_not_be_replaced_says_so() {
    let (env, authority) = connected();
    authority.api_answers([refusal(401, "no").0]);
    authority.token_answers(Reply::status(400, r#"{"error":"invalid_grant"}"#));
    let dead = env.run(["api", "x"]).code(4);
    dead.stderr_has("refused the refresh token")
        .stderr_has("webex-connect login work")
        .check();
    authority.token_answers(Reply::status(503, ""));
    env.run(["api", "x"])
        .code(7)
        .stderr_has("can't answer just now")
        .check();
    env.edit_records(|_, record| {
        if let Some(refresh_token) = record.pointer_mut("/tokens/refresh_token") {
            *refresh_token = serde_json::Value::Null;
        }
    });
    let (reply, body) = refusal(401, "no");
    authority.api_answers([reply]);
    let before = authority.asked().len();
    let refused = env.run(["api", "x"]).code(4).stdout(&body);
    refused
        .stderr_has("refused the access token of work (401)")
        .check();
    assert_eq!(authority.asked().len(), before + 1);
}

/// A token that was stale is fresh when it is refused: nothing is tried twice.
#[test]
fn one_refresh_is_enough_for_a_run() {
    let (env, mut sandbox) = Scene::signed_in(&["--expires-in", "0"]);
    let refused = env.run(["api", "people/me"]).code(4).any_stdout();
    refused
        .stderr_has("refused the access token of work (401)")
        .check();
    let requests = sandbox.requests().iter();
    let refreshes = requests.filter(|entry| entry["grant_type"] == "refresh_token");
    assert_eq!(refreshes.count(), 1);
}

fn forbidden(env: &Env, args: &[&str], body: &str, message: &str, hint: &str) {
    let run = env.run([&["api"], args].concat()).code(5).stdout(body);
    run.stderr(&format!(
        "error: Webex refused {message}\ntracking id: ROUTER_1\nhint: {hint}\n"
    ))
    .check();
}

#[test]
fn a_403_names_the_scope_that_is_missing_and_the_command_that_asks_for_it() {
    let (env, authority) = connected();
    let (reply, body) = refusal(403, "Forbidden.");
    authority.api_answers([reply]);
    forbidden(
        &env,
        &["-X", "POST", "people", "-f", "displayName=x"],
        &body,
        "POST /v1/people (403), and work lacks the scope spark-admin:people_write: Forbidden.",
        "ask for it with `webex-connect login work --add-scope spark-admin:people_write`",
    );
    forbidden(
        &env,
        &["/v1/workspaces/x?y"],
        &body,
        "GET /v1/workspaces/x (403), and work lacks the scope spark:workspaces_read or spark-admin:workspaces_read: \
         Forbidden.",
        "ask for it with `webex-connect login work --add-scope spark:workspaces_read`",
    );
    forbidden(
        &env,
        &["rooms"],
        &body,
        "GET /v1/rooms (403) although work has the scope spark:rooms_read: Forbidden.",
        "the account lacks a role or a licence for it: ask your Webex administrator",
    );
    forbidden(
        &env,
        &["webhooks"],
        &body,
        "GET /v1/webhooks (403): a scope, a role or a licence is missing: Forbidden.",
        "`webex-connect status work` shows the scopes there are; if another is needed, ask for it with \
         `webex-connect login work --add-scope SCOPE`",
    );
    let json = env.run(["api", "rooms", "--json"]).code(5).stdout(&body);
    json.stderr_json("scope_missing").check();
}

#[test]
fn a_429_is_waited_for_as_webex_asks() {
    let (env, authority) = connected();
    let slow = |retry_after: &str| Reply::with(429, &format!("{retry_after}{TRACKED}"), "{}");
    for (retry_after, waited) in [("Retry-After: 1\r\n", 1), ("Retry-After: 0\r\n", 1)] {
        let answers = [
            slow(retry_after),
            slow(retry_after),
            Reply::status(200, "good"),
        ];
        authority.api_answers(answers);
        let finished = env
            .run(["api", "-X", "POST", "x", "-f", "a=b"])
            .stdout("good")
            .stderr(&format!("Webex asks to slow down (429); waiting {waited} s\n").repeat(2))
            .check();
        assert!(
            finished.took >= Duration::from_secs(2 * waited),
            "{finished}"
        );
    }
    let too_long = slow("Retry-After: 3600\r\n");
    authority.api_answers([too_long.clone()]);
    let before = authority.asked().len();
    env.run(["api", "x"])
        .code(7)
        .stdout("{}")
        .stderr(
            "error: Webex asks to slow down (429)\ntracking id: ROUTER_1\n\
             hint: run the same command again in 3600 s\n",
        )
        .within(10)
        .check();
    assert_eq!(authority.asked().len(), before + 1);
    // What is waited for in all is bounded.
    authority.api_answers([slow("Retry-After: 1\r\n"), too_long]);
    env.run(["api", "x", "--json"])
        .code(7)
        .stdout("{}")
        .stderr_json("temporary")
        .within(10)
        .check();
}
