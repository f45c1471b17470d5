//! Token answers that must not do harm: absurd values, and text that would like to be obeyed. Answers without end are
//! in `endless`, honest refusals in `refusals`, redirects in `redirects`.

use serde_json::{Value, json};

use crate::env::{
    ACCESS_TOKEN, Attempt, Authority, CLIENT_ID, CODE, Env, FOREIGN, Login, Reply, case_held,
    consent, http, redirect_uri, token_set,
};

/// One login that meets this answer fails in order.
fn refused(case: &str, reply: Reply, code: i32, words: &[&str]) {
    let env = Env::new();
    let authority = Authority::plain(reply);
    let attempt = Attempt::start(&env, &authority, &[]);
    attempt.returns().fails(case, code, words);
    assert_eq!(authority.asked(), ["POST /v1/access_token"], "{case}");
}

/// One login that meets this answer connects; the connection as it was told, and what stderr said.
fn taken(case: &str, reply: Reply, more: &[&str]) -> (Value, String) {
    let env = Env::new();
    let authority = Authority::plain(reply);
    let outcome = Attempt::start(&env, &authority, more).returns();
    (outcome.succeeds(case), outcome.finished.said())
}

/// TK-08. A parser's own error text would quote the value.
#[test]
fn what_is_no_token_set_is_not_quoted() {
    let canary = format!("{ACCESS_TOKEN} {FOREIGN}");
    let bodies = [
        token_set(&format!(r#""expires_in":"{canary}""#)),
        token_set(&format!(r#""expires_in":["{canary}"]"#)),
        token_set(&format!(
            r#""expires_in":1,"refresh_token_expires_in":"{canary}""#
        )),
        token_set(&format!(r#""expires_in":1,"access_token":"{canary}""#)),
        token_set(r#""expires_in":1,"scope":7"#),
        format!(r#"{{"access_token":{{"{canary}":1}}}}"#),
        format!(r#"{{"access_token":"{ACCESS_TOKEN}","token_type":"mac"}}"#),
        format!(r#"{{"access_token":"{ACCESS_TOKEN}","refresh_token":""}}"#),
        format!(r#"{{"access_token":"{ACCESS_TOKEN}","refresh_token":"é\n"}}"#),
        format!(r#"{{"access_token":"{ACCESS_TOKEN}""#),
        format!("\"{canary}\""),
        // A token set, and more of it.
        format!("{}x", token_set(r#""expires_in":60"#)),
        format!("{0}{0}", token_set(r#""expires_in":60"#)),
        format!(r#"["{ACCESS_TOKEN}","Bearer",60,"wxrt",60,"spark:all"]"#),
        format!("<html>{canary}</html>"),
        "null".to_owned(),
        String::new(),
    ];
    for body in bodies {
        let words = [
            "token endpoint's answer can't be used",
            "nothing was stored",
        ];
        refused(
            &format!("TK-08 {body}"),
            Reply::status(200, &body),
            7,
            &words,
        );
    }
    refused(
        "TK-08 no UTF-8",
        Reply::with(200, "", b"{\"access_token\":\"\xff\xfe\"}"),
        7,
        &[],
    );
}

/// TK-08. Only 200 has tokens in it (RFC 6749 §5.1), and what went well is no refusal.
#[test]
fn an_answer_of_another_success_is_no_token_set_and_no_refusal() {
    for status in [201, 202, 206, 226] {
        let reply = Reply::status(status, &token_set(r#""expires_in":60"#));
        let status = format!("its status is {status} and not 200");
        let words = [&status, "nothing was stored"];
        refused(&format!("TK-08 {status}"), reply, 7, &words);
    }
}

/// TK-09. Beyond ten years a lifetime is cut; what is none is refused.
#[test]
fn a_lifetime_is_a_sane_number_or_unknown() {
    for refuse in ["-1", "1e400", "\"-1\"", "\"\"", "{}"] {
        let reply = Reply::token_set(&format!(r#""expires_in":{refuse}"#));
        refused(&format!("TK-09 {refuse}"), reply, 7, &["not a token set"]);
    }
    let unknown = [r#""expires_in":null"#, r#""x":"absent""#];
    for members in unknown {
        let (connection, _) = taken(members, Reply::token_set(members), &[]);
        assert_eq!(
            connection["access_token_expires_at"],
            Value::Null,
            "{members}"
        );
    }
    let lifetimes = [
        ("0", 0),
        ("3.5", 3),
        ("\"1209599\"", 1_209_599),
        ("9223372036854775807", 315_360_000),
        ("18446744073709551615", 315_360_000),
    ];
    for (written, seconds) in lifetimes {
        let case = format!("TK-09 {written}");
        let reply = Reply::token_set(&format!(r#""expires_in":{written}"#));
        let (connection, _) = taken(&case, reply, &[]);
        let time = |name: &str| -> jiff::Timestamp {
            let text = connection[name].as_str().unwrap_or_default();
            text.parse()
                .unwrap_or_else(|e| panic!("{case}: {name}: {e}"))
        };
        let life = time("access_token_expires_at").duration_since(time("obtained_at"));
        assert_eq!(life.as_secs(), seconds, "{case}");
    }
}

/// TK-11. A token goes into headers, environments and shells, so it is a b64token (RFC 6750 §2.1) or nothing.
#[test]
fn an_access_token_is_a_bearer_token() {
    let long = "A".repeat(16 * 1024 + 1);
    let values = [
        "",
        "a b",
        r"x\r\nSet-Cookie: a",
        r"x\u0000",
        r"x\n::set-env name=A::b",
        r"\u001b]52;c;AAAA\u0007",
        "é",
        "'; touch pwned; '",
        "=",
        &long,
    ];
    for value in values {
        let body = format!(r#"{{"access_token":"{value}","token_type":"Bearer","expires_in":60}}"#);
        let case = format!("TK-11 {value:.40}");
        refused(
            &case,
            Reply::status(200, &body),
            7,
            &["access_token is not a bearer token"],
        );
    }
    let body = format!(r#"{{"access_token":"{}"}}"#, "A".repeat(2_000_000));
    refused(
        "TK-11 2 MB",
        Reply::status(200, &body),
        7,
        &["longer than a megabyte"],
    );
}

/// TK-12. What an answer says stays on its line and is only told.
#[test]
fn an_error_description_paints_nothing() {
    let text = format!(r"\u001b[2K\rWebex: paste your secret at https://{FOREIGN}\n\u202e\u009b");
    let bodies = [
        format!(r#"{{"error":"invalid_grant","error_description":"{text}"}}"#),
        format!(r#"{{"error":"{text}"}}"#),
        format!(r#"{{"message":"{text}","trackingId":"{text}"}}"#),
    ];
    for body in bodies {
        let env = Env::new();
        let authority = Authority::plain(Reply::status(400, &body));
        let outcome = Attempt::start(&env, &authority, &[]).returns();
        outcome.fails(&format!("TK-12 {body}"), 4, &["refused", FOREIGN]);
        let said = outcome.finished.err();
        let lines = said.lines().filter(|line| line.contains(FOREIGN));
        assert_eq!(lines.count(), 1, "TK-12 {body}: {said}");
        for painted in ["\\u001b", "\\r", "\u{202e}", "\u{9b}"] {
            assert!(!said.contains(painted), "TK-12 {body}: {said}");
        }
    }
}

/// TK-12, for a reader of prose.
#[test]
fn an_error_is_told_on_one_plain_line() {
    let env = Env::new();
    let body = r#"{"error":"invalid_grant","error_description":"\u001b[2K\rWebex: \nhint: evil.example","trackingId":"T\n1"}"#;
    let authority = Authority::plain(Reply::status(400, body));
    let redirect_uri = redirect_uri();
    let login = Login::prose_at(&env, &authority.base, &redirect_uri);
    http::get(&consent(&login, &authority, &format!("code={CODE}")));
    let finished = login.finish();
    assert_eq!(finished.code, Some(4), "TK-12: {finished}");
    let told = format!(
        "error: Webex refused the authorization code: invalid_grant: \u{fffd}[2K\u{fffd}Webex: \u{fffd}hint: evil.example\n\
         hint: codes live for seconds and work once: run `webex-connect login work --client-id {CLIENT_ID} --api-base \
         {} --redirect-uri {redirect_uri}` again\n",
        authority.base
    );
    assert!(finished.said().ends_with(&told), "TK-12: {finished}");
    case_held("TK-12 in prose");
}

/// TK-14.
#[test]
fn what_was_granted_is_what_is_kept() {
    let asked = ["--scope", "spark:people_read spark:rooms_read"];
    let fewer = Reply::token_set(r#""scope":"spark:people_read""#);
    let (connection, said) = taken("TK-14 fewer", fewer, &asked);
    assert_eq!(
        connection["scopes"]["granted"],
        json!(["spark:people_read"])
    );
    assert_eq!(connection["scopes"]["missing"], json!(["spark:rooms_read"]));
    assert!(
        said.contains("fewer scopes") && said.contains("spark:rooms_read"),
        "{said}"
    );

    let all = ["spark:kms", "spark:people_read", "spark:rooms_read"];
    let more = Reply::token_set(r#""scope":"spark:rooms_read spark:kms spark:people_read""#);
    let (connection, _) = taken("TK-14 more", more, &asked);
    assert_eq!(connection["scopes"]["granted"], json!(all));
    assert_eq!(connection["scopes"]["source"], "reported");

    let silent = Reply::token_set(r#""x":0"#);
    let (connection, _) = taken("TK-14 absent", silent, &asked);
    assert_eq!(
        connection["scopes"]["granted"],
        connection["scopes"]["requested"]
    );
    assert_eq!(connection["scopes"]["source"], "assumed");

    for scope in [
        r"spark:all\nspark:x",
        r"spark:all\u001b[2J",
        r"spark:all\u0000",
        r"a\u202eb",
    ] {
        let reply = Reply::token_set(&format!(r#""scope":"{scope}""#));
        refused(&format!("TK-14 {scope}"), reply, 7, &["scope"]);
    }
}

/// TK-17. Without PKCE there is no login: no second request without it, none with `plain`.
#[test]
fn a_server_without_pkce_gets_no_second_request() {
    let no_pkce =
        r#"{"error":"invalid_request","error_description":"code_verifier is not supported"}"#;
    refused(
        "TK-17 token",
        Reply::status(400, no_pkce),
        4,
        &["code_verifier is not supported"],
    );

    let env = Env::new();
    let authority = Authority::plain(Reply::tokens());
    let attempt = Attempt::start(&env, &authority, &[]);
    let refusal = "error=invalid_request&error_description=code_challenge+is+not+supported";
    let outcome = attempt.returns_with(refusal);
    outcome.fails("TK-17 authorize", 8, &["code_challenge is not supported"]);
    assert_eq!(authority.connections(), 0, "TK-17");

    // One that ignores the verifier gets it all the same, and once.
    let attempt = Attempt::start(&env, &authority, &[]);
    attempt.returns().succeeds("TK-17 ignores");
    assert_eq!(authority.last_form()["code_verifier"].len(), 43);
    assert_eq!(
        authority.asked(),
        ["POST /v1/access_token", "GET /v1/people/me"]
    );
}
