//! `app check`: what Webex refuses of an app, as far as its answers tell, and that asking leaves nothing behind.

use std::fs;

use serde_json::{Value, json};

use crate::env::process::Finished;
use crate::env::{
    Authority, CLIENT_ID, CLIENT_SECRET, Ca, Env, OTHER_CLIENT, Reply, Sandbox, free_port,
    redirect_uri,
};

const STORE: &str = "data/webex-connect/store.age";
const BEFORE_SIGN_IN: &str =
    "not refused before the sign-in; what comes after it can't be seen from here";

struct App<'a> {
    client_id: &'a str,
    secret: &'a str,
    redirect_uri: &'a str,
    scope: &'a str,
}

impl App<'_> {
    fn add(&self, env: &Env, base: &str) {
        let app = ["app", "add", "work", "--client-id", self.client_id];
        let place = ["--api-base", base, "--redirect-uri", self.redirect_uri];
        env.run([&app[..], &place, &["--scope", self.scope]].concat())
            .var("WEBEX_CONNECT_CLIENT_SECRET", self.secret)
            .any_stdout()
            .any_stderr()
            .check();
    }
}

/// As it is registered at the sandbox.
fn right(redirect_uri: &str) -> App<'_> {
    App {
        client_id: CLIENT_ID,
        secret: CLIENT_SECRET,
        redirect_uri,
        scope: "spark:people_read spark:rooms_read",
    }
}

/// `app check work --json`, to end with this code. Nothing is stored, and nothing secret said.
fn checked(env: &Env, code: i32) -> Finished {
    let before = fs::read(env.path(STORE)).unwrap();
    let run = env.run(["app", "check", "work", "--json"]);
    let run = run.any_stdout().code(code).secret(CLIENT_SECRET);
    let finished = match code {
        0 => run.check(),
        8 => run.stderr_json("app_misconfigured").check(),
        _ => run.stderr_json("temporary").check(),
    };
    assert!(!finished.out().contains(CLIENT_SECRET), "{finished}");
    assert_eq!(fs::read(env.path(STORE)).unwrap(), before, "{finished}");
    finished
}

const PARTS: [&str; 4] = ["client_id", "client_secret", "redirect_uri", "scopes"];

/// Each part's status. What is refused has a cure, and nothing else has one.
fn statuses(finished: &Finished) -> [String; 4] {
    let rows = finished.json();
    let rows = rows.as_array().cloned().unwrap_or_default();
    assert_eq!(rows.len(), 4, "{finished}");
    PARTS.map(|part| {
        let row = rows.iter().find(|row| row["check"] == part);
        let row = row.cloned().unwrap_or_default();
        let status = row["status"].as_str().unwrap_or_default().to_owned();
        assert_eq!(row["cure"].is_string(), status == "refused", "{finished}");
        status
    })
}

/// What is said of a part.
fn said(finished: &Finished, part: &str) -> String {
    let rows = finished.json();
    let row = rows
        .as_array()
        .into_iter()
        .flatten()
        .find(|row| row["check"] == part);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    row.map(|row| text(&row["message"]) + " " + &text(&row["cure"]))
        .unwrap_or_default()
}

const UNKNOWN: &str = "could_not_tell";

#[test]
fn an_app_in_order_is_told_line_by_line() {
    let env = Env::new();
    let uri = redirect_uri();
    let mut sandbox = Sandbox::start(&env, &uri);
    right(&uri).add(&env, &sandbox.base);
    let text = format!(
        "\
client_id      ok              {CLIENT_ID}
client_secret  ok              the one kept here
redirect_uri   could not tell  {BEFORE_SIGN_IN}
scopes         could not tell  {BEFORE_SIGN_IN}
"
    );
    env.run(["app", "check", "WORK"]).stdout(&text).check();
    let asked = sandbox.requests().to_vec();
    let paths: Vec<_> = asked.iter().map(|entry| entry["path"].clone()).collect();
    assert_eq!(json!(paths), json!(["/v1/access_token", "/v1/authorize"]));
    let status = statuses(&checked(&env, 0));
    assert_eq!(status, ["ok", "ok", UNKNOWN, UNKNOWN]);
}

#[test]
fn the_sandbox_refuses_one_part_at_a_time() {
    let uri = redirect_uri();
    let other_uri = uri.replace("/callback", "/callback/");
    let unknown = App {
        client_id: "Cunknown",
        ..right(&uri)
    };
    let outdated = App {
        secret: OTHER_CLIENT.1,
        ..right(&uri)
    };
    let elsewhere = right(&other_uri);
    let greedy = App {
        scope: "spark:people_read spark:never_heard_of",
        ..right(&uri)
    };
    for (app, expected, part, words) in [
        (
            unknown,
            ["refused", UNKNOWN, UNKNOWN, UNKNOWN],
            "client_id",
            ["Client Id is invalid", "compare Cunknown"],
        ),
        (
            outdated,
            ["ok", "refused", UNKNOWN, UNKNOWN],
            "client_secret",
            ["client secret is wrong", "`webex-connect app update work`"],
        ),
        (
            elsewhere,
            ["ok", "ok", "refused", UNKNOWN],
            "redirect_uri",
            ["error page (400)", "/callback/ to the app at"],
        ),
        (
            greedy,
            ["ok", "ok", "ok", "refused"],
            "scopes",
            ["spark:never_heard_of", "`webex-connect app show work`"],
        ),
    ] {
        let env = Env::new();
        let sandbox = Sandbox::start(&env, &uri);
        app.add(&env, &sandbox.base);
        let finished = checked(&env, 8);
        assert_eq!(statuses(&finished), expected, "{finished}");
        let said = said(&finished, part);
        for word in words {
            assert!(said.contains(word), "lacks {word:?}: {finished}");
        }
        env.run(["app", "check", "work"])
            .code(8)
            .any_stdout()
            .stderr(
                "error: Webex refuses a part of the app work\n\
                 hint: do as the report says, then run `webex-connect app check work` again\n",
            )
            .check();
    }
}

/// An app at a scripted Webex: what its token endpoint and its authorization endpoint answer.
fn scripted(token: Reply, authorize: Reply, code: i32) -> Finished {
    let authority = Authority::plain(token);
    authority.probed(authorize);
    let env = Env::new();
    right("http://127.0.0.1:8911/callback").add(&env, &authority.base);
    checked(&env, code)
}

fn unknown_code() -> Reply {
    Reply::status(
        400,
        r#"{"error":"invalid_grant","error_description":"unknown code"}"#,
    )
}

fn sent_to(location: &str) -> Reply {
    Reply::with(302, &format!("Location: {location}\r\n"), "")
}

fn to_sign_in() -> Reply {
    sent_to("https://idbroker.webex.com/idb/oauth2/v1/authorize?redirect_uri=x&client_id=y")
}

#[test]
fn what_the_token_endpoint_says_is_told_apart() {
    let in_words = |description: &str| {
        let body = json!({
            "message": description,
            "errors": [{"description": description}],
            "trackingId": "ROUTER_5F3A",
        });
        Reply::status(400, &body.to_string())
    };
    let coded = |status, code: &str, description: &str| {
        let body = json!({"error": code, "error_description": description});
        Reply::status(status, &body.to_string())
    };
    let (ok, refused) = ("ok", "refused");
    for (case, reply, id, secret, code) in [
        ("grant", unknown_code(), ok, ok, 0),
        (
            "Webex's way",
            coded(
                400,
                "invalid_request",
                "The authorization code provided is expired or invalid.",
            ),
            ok,
            ok,
            0,
        ),
        (
            "no secret",
            in_words("client_secret cannot be null or empty"),
            ok,
            refused,
            8,
        ),
        ("ID", in_words("Client Id is invalid"), refused, UNKNOWN, 8),
        (
            "pair",
            coded(401, "invalid_client", "Client authentication failed."),
            UNKNOWN,
            refused,
            8,
        ),
        (
            "both named",
            coded(400, "invalid_client", "Bad client_id or client_secret."),
            UNKNOWN,
            refused,
            8,
        ),
        ("bare 401", Reply::status(401, ""), UNKNOWN, refused, 8),
        (
            "blocked",
            coded(
                400,
                "invalid_request",
                "This app is blocked by an administrator.",
            ),
            refused,
            UNKNOWN,
            8,
        ),
        (
            "redirect URI and code",
            coded(
                400,
                "invalid_grant",
                "The code is invalid or does not match the redirect_uri.",
            ),
            ok,
            ok,
            0,
        ),
        (
            "opaque",
            Reply::status(400, "<html>Bad Request</html>"),
            UNKNOWN,
            UNKNOWN,
            0,
        ),
        (
            "a redirect",
            sent_to("https://evil.example/"),
            UNKNOWN,
            UNKNOWN,
            0,
        ),
        ("tokens", Reply::tokens(), UNKNOWN, UNKNOWN, 0),
    ] {
        let finished = scripted(reply, to_sign_in(), code);
        let [told_id, told_secret, uri, scopes] = statuses(&finished);
        assert_eq!(
            [told_id.as_str(), &told_secret],
            [id, secret],
            "{case}: {finished}"
        );
        assert_eq!([uri, scopes], [UNKNOWN, UNKNOWN], "{case}: {finished}");
    }
    let finished = scripted(in_words("redirect_uri mismatch"), to_sign_in(), 8);
    let expected = [UNKNOWN, UNKNOWN, refused, UNKNOWN];
    assert_eq!(statuses(&finished), expected, "{finished}");
    let finished = scripted(in_words("Client Id is invalid"), to_sign_in(), 8);
    let said = said(&finished, "client_id");
    assert!(said.contains("(tracking id ROUTER_5F3A)"), "{finished}");
}

#[test]
fn what_the_authorization_endpoint_says_is_told_apart() {
    let back = |query: &str| sent_to(&format!("http://127.0.0.1:8911/callback?{query}&state=x"));
    let page = |status, text: &str| Reply::with(status, "Content-Type: text/html\r\n", text);
    let quoted = "<p>Bad request: /authorize?client_id=a&redirect_uri=b&scope=c</p>";
    let (ok, refused) = ("ok", "refused");
    for (case, reply, uri, scopes, code) in [
        ("to sign in", to_sign_in(), UNKNOWN, UNKNOWN, 0),
        (
            "a page",
            page(200, "<form>client_id redirect_uri error=null</form>"),
            UNKNOWN,
            UNKNOWN,
            0,
        ),
        (
            "a scope",
            back("error=invalid_scope&error_description=spark:x"),
            ok,
            refused,
            8,
        ),
        (
            "sign in first",
            back("error=login_required"),
            ok,
            UNKNOWN,
            0,
        ),
        ("consent by itself", back("code=c0de"), ok, ok, 0),
        (
            "another's address",
            sent_to("http://127.0.0.1:8911/other?error=invalid_scope"),
            UNKNOWN,
            refused,
            8,
        ),
        (
            "mismatch",
            page(400, "<h1>Invalid redirect_uri</h1>"),
            refused,
            UNKNOWN,
            8,
        ),
        (
            "mismatch, sent on",
            sent_to("https://idbroker.webex.com/idb/error?error=redirect_uri_mismatch"),
            refused,
            UNKNOWN,
            8,
        ),
        ("a quotation", page(400, quoted), UNKNOWN, UNKNOWN, 0),
        ("no words", page(400, ""), UNKNOWN, UNKNOWN, 0),
    ] {
        let finished = scripted(unknown_code(), reply, code);
        let expected = [ok, ok, uri, scopes];
        assert_eq!(statuses(&finished), expected, "{case}: {finished}");
    }
    // Where the token endpoint left the ID open, a call back settles it.
    let refusal = Reply::status(401, r#"{"error":"invalid_client"}"#);
    let finished = scripted(refusal, back("error=login_required"), 8);
    assert_eq!(
        statuses(&finished),
        [ok, refused, ok, UNKNOWN],
        "{finished}"
    );
    let finished = scripted(unknown_code(), back("error=unauthorized_client"), 8);
    assert_eq!(
        statuses(&finished),
        [refused, ok, ok, UNKNOWN],
        "{finished}"
    );
}

/// What comes back from elsewhere stands on one line, without controls and without the secret.
#[test]
fn foreign_words_are_quoted_clean() {
    let body = json!({
        "error": "invalid_client",
        "error_description": format!("\u{1b}[2J bad secret {CLIENT_SECRET}\r\nok"),
    });
    let finished = scripted(Reply::status(401, &body.to_string()), to_sign_in(), 8);
    let refused = said(&finished, "client_secret");
    assert!(refused.contains("[redacted]"), "{finished}");
    assert!(!refused.contains(|c: char| c.is_control()), "{finished}");
    let query = format!("error=invalid_scope&error_description=%1B%0A{CLIENT_SECRET}");
    let back = sent_to(&format!("http://127.0.0.1:8911/callback?{query}"));
    let finished = scripted(unknown_code(), back, 8);
    let refused = said(&finished, "scopes");
    assert!(refused.contains("[redacted]"), "{finished}");
    assert!(!refused.contains(|c: char| c.is_control()), "{finished}");
}

#[test]
fn a_webex_that_is_not_there_is_no_verdict() {
    let env = Env::new();
    let base = format!("http://127.0.0.1:{}/v1", free_port());
    right(&redirect_uri()).add(&env, &base);
    let finished = checked(&env, 7);
    assert!(finished.stdout.is_empty(), "{finished}");
    for status in [429, 500, 503] {
        let finished = scripted(Reply::status(status, ""), to_sign_in(), 7);
        assert!(finished.stdout.is_empty(), "{finished}");
        // What was told before stays told.
        let finished = scripted(unknown_code(), Reply::status(status, ""), 7);
        assert_eq!(statuses(&finished), ["ok", "ok", UNKNOWN, UNKNOWN]);
        let told = format!("Webex can't answer just now ({status}) ");
        assert_eq!(said(&finished, "redirect_uri"), told, "{finished}");
    }
}

#[test]
fn a_provided_app_is_asked_about_by_that_name() {
    let uri = redirect_uri();
    let env = Env::bare();
    env.run(["app", "check", "provided"])
        .code(8)
        .stderr_has("no app is provided")
        .check();
    // Over the proxy's port, which nobody has: the question would go to Webex itself.
    let env = env
        .var("WEBEX_CONNECT_CLIENT_ID", CLIENT_ID)
        .var("WEBEX_CONNECT_CLIENT_SECRET", CLIENT_SECRET)
        .var("WEBEX_CONNECT_REDIRECT_URI", &uri)
        .var("HTTPS_PROXY", format!("http://127.0.0.1:{}", free_port()));
    let file = env.write("ca.pem", &Ca::new().pem());
    env.var("WEBEX_CONNECT_CA_CERT", file)
        .run(["app", "check", "provided"])
        .code(7)
        .stderr_has("could not reach webexapis.com through the proxy")
        .secret(CLIENT_SECRET)
        .check();
}

#[test]
fn an_app_that_is_not_there_is_told() {
    Env::new()
        .run(["app", "check", "nowhere"])
        .code(8)
        .stderr_has("there is no app nowhere")
        .check();
}
