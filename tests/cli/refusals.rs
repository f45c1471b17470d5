//! What Webex says when it says no, in both its shapes and in none, and what is made of who-am-I.

use serde_json::Value;

use crate::env::{
    ACCESS_TOKEN, Attempt, Authority, CLIENT_SECRET, CODE, Env, FOREIGN, Login, Reply, consent,
    http, redirect_uri, token_set,
};

struct Row {
    status: u16,
    headers: &'static str,
    body: String,
    code: i32,
    words: &'static [&'static str],
    tracking_id: Option<&'static str>,
}

fn row(status: u16, body: &str, code: i32, words: &'static [&'static str]) -> Row {
    Row {
        status,
        headers: "",
        body: body.to_owned(),
        code,
        words,
        tracking_id: None,
    }
}

impl Row {
    fn tracked(mut self, id: &'static str) -> Row {
        self.tracking_id = Some(id);
        self
    }

    fn header(mut self, headers: &'static str) -> Row {
        self.headers = headers;
        self
    }

    /// The exchange is refused, once, and the error says so.
    fn holds(&self) {
        let case = format!("{} {}{}", self.status, self.headers, self.body);
        let env = Env::new();
        let reply = Reply::with(self.status, self.headers, &self.body);
        let authority = Authority::plain(reply);
        let outcome = Attempt::start(&env, &authority, &[]).returns();
        outcome.fails(&case, self.code, self.words);
        assert_eq!(authority.asked().len(), 1, "{case}");
        let said = outcome.finished.err();
        let last = said.lines().last().unwrap_or_default();
        let error: Value = serde_json::from_str(last).unwrap_or_else(|e| panic!("{said}: {e}"));
        assert_eq!(error["error"]["exit_code"], self.code, "{case}: {said}");
        assert_eq!(
            error["error"]["tracking_id"].as_str(),
            self.tracking_id,
            "{case}"
        );
        assert!(
            error["error"]["hint"].is_string(),
            "{case}: no hint: {said}"
        );
    }
}

/// What webexapis.com says.
fn api(description: &str) -> String {
    format!(
        r#"{{"message":"The request could not be understood. {FOREIGN}","errors":[{{"description":"{description}"}}],"trackingId":"ROUTER_1"}}"#
    )
}

/// What idbroker says.
fn idbroker(error: &str, description: &str) -> String {
    format!(
        r#"{{"error":"{error}","error_description":"{description} {FOREIGN}","trackingID":"CLIENT_1"}}"#
    )
}

#[test]
fn what_webexapis_says_is_read_and_keeps_its_tracking_id() {
    let rows = [
        row(
            400,
            &api("Client Id is invalid"),
            8,
            &["Client Id is invalid", "client secret"],
        ),
        row(
            400,
            &api("client_secret cannot be null or empty"),
            8,
            &["client secret"],
        ),
        row(
            400,
            &api("Invalid redirect_uri"),
            8,
            &["redirect URI", "character for character"],
        ),
        row(
            400,
            &api("Invalid code"),
            4,
            &["authorization code", "Invalid code"],
        ),
    ];
    rows.into_iter()
        .for_each(|row| row.tracked("ROUTER_1").holds());
}

#[test]
fn what_idbroker_says_is_read_and_keeps_its_tracking_id() {
    let rows = [
        row(
            400,
            &idbroker("invalid_client", "no"),
            8,
            &["client ID", "invalid_client"],
        ),
        row(
            401,
            &idbroker("unauthorized_client", "no"),
            8,
            &["client ID"],
        ),
        row(
            400,
            &idbroker("invalid_grant", "expired"),
            4,
            &["authorization code", "once"],
        ),
        row(
            400,
            &idbroker("invalid_scope", "no"),
            8,
            &["scopes", "tick"],
        ),
        row(
            400,
            &idbroker("invalid_request", "redirect_uri mismatch"),
            8,
            &["redirect URI"],
        ),
        row(
            403,
            &idbroker("access_denied", "blocked"),
            4,
            &["access_denied"],
        ),
    ];
    rows.into_iter()
        .for_each(|row| row.tracked("CLIENT_1").holds());
}

#[test]
fn without_a_body_to_read_the_status_speaks() {
    let html = format!("<html><title>{FOREIGN}</title><script>alert(1)</script></html>");
    let header = "trackingid: HEADER_1\r\nContent-Type: text/html\r\n";
    let rows = [
        (400, 4, &["authorization code"][..]),
        (401, 8, &["client secret"]),
        (403, 4, &["authorization code"]),
        (404, 4, &["authorization code"]),
        (408, 7, &["just now (408)"]),
        (429, 7, &["just now (429)", "in a minute"]),
        (500, 7, &["just now (500)"]),
        (503, 7, &["just now (503)"]),
    ];
    for (status, code, words) in rows {
        row(status, "", code, words).holds();
        let page = row(status, &html, code, words).header(header);
        page.tracked("HEADER_1").holds();
    }
}

#[test]
fn a_body_of_the_wrong_types_is_no_trouble() {
    for body in [
        r#"{"error":{"a":1},"error_description":[],"trackingId":7}"#,
        r#"{"errors":{"description":"x"},"message":null}"#,
        "[]",
        "7",
        "\u{feff}{}",
        r#"{"error":"","error_description":""}"#,
        &"[".repeat(100_000),
    ] {
        row(400, body, 4, &["authorization code"]).holds();
    }
}

/// A server that repeats what it was sent.
#[test]
fn our_own_secrets_come_back_redacted() {
    let echo = format!("bad {CLIENT_SECRET} or {CODE}");
    for body in [
        format!(r#"{{"error":"invalid_client","error_description":"{echo}"}}"#),
        format!(r#"{{"error":"client_id {echo}"}}"#),
        format!(r#"{{"message":"client_secret {echo}"}}"#),
        format!(r#"{{"errors":[{{"description":"client_id {echo}"}}]}}"#),
        // The cut at 300 characters goes through the secret.
        format!(
            r#"{{"error":"invalid_client","error_description":"{}{echo}"}}"#,
            "x".repeat(262)
        ),
    ] {
        row(400, &body, 8, &["[redacted"]).holds();
    }
    let in_the_id = format!(r#"{{"error":"invalid_client","trackingId":"{CODE}"}}"#);
    row(400, &in_the_id, 8, &[]).holds();
    let beside = row(400, &in_the_id, 8, &[]).header("trackingid: HEADER_1\r\n");
    beside.tracked("HEADER_1").holds();
}

#[test]
fn a_number_that_holds_a_secret_is_not_shown_on_the_wire() {
    for (at_first, then, shown) in [
        (CLIENT_SECRET, "a b", 0),
        (CODE, ACCESS_TOKEN, 0),
        (ACCESS_TOKEN, ACCESS_TOKEN, 0),
        ("T_1", "T_2", 2),
    ] {
        let env = Env::new();
        let header = |id| format!("trackingid: {id}\r\n");
        let tokens = token_set(r#""expires_in":60"#);
        let tokens = Reply::with(200, &header(at_first), tokens);
        let authority = Authority::plain(tokens);
        let person = r#"{"id":"p","emails":["jane@example.com"]}"#;
        authority.people_answers(Reply::with(200, &header(then), person));
        let outcome = Attempt::start(&env, &authority, &["-v"]).returns();
        outcome.succeeds(at_first);
        let told = outcome.finished.err().matches("tracking id").count();
        assert_eq!(told, shown, "{at_first} {then}");
    }
}

/// A login whose people/me answers this.
fn introduced(reply: Reply) -> (Value, String) {
    let env = Env::new();
    let authority = Authority::plain(Reply::tokens());
    authority.people_answers(reply);
    let outcome = Attempt::start(&env, &authority, &[]).returns();
    let connection = outcome.succeeds("people/me");
    (connection["identity"].clone(), outcome.finished.said())
}

#[test]
fn who_am_i_is_not_needed_for_a_connection() {
    let long = format!(
        r#"{{"id":"p","displayName":"{}"}}"#,
        "J".repeat(1024 * 1024)
    );
    let no_person = format!(r#"{{"id":7,"displayName":"{FOREIGN}"}}"#);
    let endless_id = format!(r#"{{"id":"{}"}}"#, "J".repeat(2000));
    let rows = [
        (
            Reply::status(401, r#"{"message":"evil.example"}"#),
            "Webex refused the access token (401)",
        ),
        (Reply::status(429, ""), "people/me answered 429"),
        (
            Reply::status(500, "<html>evil.example"),
            "people/me answered 500",
        ),
        (Reply::status(200, &long), "longer than a megabyte"),
        (
            Reply::status(200, &no_person),
            "did not answer with a person",
        ),
        (Reply::status(200, &endless_id), "endless id"),
        (
            Reply::status(200, r#"["p","Jane",["j@example.com"],"o","person"]"#),
            "did not answer with a person",
        ),
        (Reply::status(200, ""), "did not answer with a person"),
        (Reply::raw("\u{1b}[2J\r\n\r\n"), "could not reach"),
        (Reply::raw(""), "could not reach"),
    ];
    for (reply, words) in rows {
        let (identity, said) = introduced(reply);
        assert_eq!(identity, Value::Null, "{words}: {said}");
        let warned = said.contains("could not ask Webex who signed in") && said.contains(words);
        assert!(warned, "{words}: {said}");
        assert!(!said.contains(FOREIGN), "{words}: {said}");
    }
    // No right to ask is no trouble at all.
    let (identity, said) = introduced(Reply::status(403, ""));
    assert_eq!((identity, said.as_str()), (Value::Null, ""));
}

#[test]
fn an_absurdly_long_name_is_left_out() {
    let long = "J".repeat(500_000);
    let body = format!(r#"{{"id":"p","displayName":"{long}","emails":["{long}"]}}"#);
    let (identity, said) = introduced(Reply::status(200, &body));
    assert_eq!(identity["id"], "p");
    assert_eq!(identity["display_name"], Value::Null);
    assert_eq!(identity["email"], Value::Null);
    assert_eq!(said, "");
}

#[test]
fn an_account_without_an_address_goes_by_its_name() {
    for (emails, name, account) in [
        ("null", "Jane", "Jane"),
        (r#"[""]"#, "Jane", "Jane"),
        (r#"[" ","j@example.com"]"#, "Jane", "j@example.com"),
        (r#"[""]"#, "", "unknown account"),
    ] {
        let env = Env::new();
        let authority = Authority::plain(Reply::tokens());
        let body = format!(r#"{{"id":"p","displayName":"{name}","emails":{emails}}}"#);
        authority.people_answers(Reply::status(200, &body));
        let outcome = Attempt::start(&env, &authority, &[]).returns();
        assert_eq!(outcome.succeeds(emails)["identity"]["id"], "p", "{emails}");
        let list = env.run(["list"]).any_stdout().check().out();
        assert!(list.contains(account), "{emails}: {list}");
    }
}

/// Whoever writes names in Webex can write anything.
#[test]
fn a_name_full_of_controls_stays_faithful_in_json_and_tame_in_prose() {
    let env = Env::new();
    let authority = Authority::plain(Reply::tokens());
    let body = r#"{"id":"p","emails":["a\u001b[2J\nerror: b\u202e\u009b"]}"#;
    authority.people_answers(Reply::status(200, body));
    let outcome = Attempt::start(&env, &authority, &[]).returns();
    let connection = outcome.succeeds("controls");
    let email = &connection["identity"]["email"];
    assert_eq!(email, "a\u{1b}[2J\nerror: b\u{202e}\u{9b}");

    let redirect_uri = redirect_uri();
    let login = Login::prose_at(&env, &authority.base, &redirect_uri);
    http::get(&consent(&login, &authority, &format!("code={CODE}")));
    let finished = login.finish();
    assert_eq!(finished.code, Some(0), "{finished}");
    let said = finished.err();
    let hidden = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
    assert!(
        !said.contains(hidden) && !said.contains("\nerror: b"),
        "{said:?}"
    );
    let table = env.run(["list"]).any_stdout().check().out();
    assert!(!table.contains(hidden), "{table:?}");
    assert_eq!(table.lines().count(), 2, "{table}");
    assert!(!table.contains(ACCESS_TOKEN));
}
