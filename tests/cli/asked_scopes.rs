//! Which scopes a login asks for, and what it says of them before a browser opens.

use std::collections::BTreeSet;

use crate::env::{
    Attempt, Authority, CLIENT_ID, CLIENT_SECRET, Env, Login, Reply, Sandbox, redirect_uri,
};

const STANDARD: &str = "spark:memberships_read spark:memberships_write spark:messages_read \
                        spark:messages_write spark:organizations_read spark:people_read spark:rooms_read \
                        spark:rooms_write spark:team_memberships_read spark:team_memberships_write \
                        spark:teams_read spark:teams_write";

/// With an app in the environment, so that nothing has to be said but scopes.
fn provided(uri: &str) -> Env {
    Env::new()
        .var("WEBEX_CONNECT_CLIENT_ID", CLIENT_ID)
        .var("WEBEX_CONNECT_CLIENT_SECRET", CLIENT_SECRET)
        .var("WEBEX_CONNECT_REDIRECT_URI", uri)
}

fn sorted(scopes: &str) -> String {
    let scopes: BTreeSet<&str> = scopes.split_whitespace().collect();
    scopes.into_iter().collect::<Vec<_>>().join(" ")
}

/// Each login asks for exactly these scopes; none of them is finished.
fn asks(env: &Env, uri: &str, name: &[&str], rows: &[(&[&str], String)]) {
    for (more, expected) in rows {
        let args = [name, &["--no-browser"], more].concat();
        let login = Login::again(env, uri, &args);
        assert_eq!(login.asks("scope"), sorted(expected), "{more:?}");
    }
}

fn standard_and(more: &str) -> String {
    format!("{STANDARD} {more}")
}

#[test]
fn a_first_login_asks_for_the_twelve_unless_it_is_told_otherwise() {
    let uri = redirect_uri();
    let env = provided(&uri);
    let write = "spark-admin:people_write";
    let both = "spark-admin:people_read spark-admin:people_write";
    asks(
        &env,
        &uri,
        &["work"],
        &[
            (&[], STANDARD.to_owned()),
            (&["--add-scope", write], standard_and(write)),
            (
                &["--add-scope", write, "--add-scope", "spark:a, spark:b"],
                standard_and("spark-admin:people_write spark:a spark:b"),
            ),
            (
                &["--scope", "spark:people_read"],
                "spark:people_read".to_owned(),
            ),
            (
                &["--scope", "spark:b,spark:a", "--scope", "spark:c spark:a"],
                "spark:a spark:b spark:c".to_owned(),
            ),
            (
                &["--scope", "spark:a", "--add-scope", "spark:b"],
                "spark:a spark:b".to_owned(),
            ),
            (&["--preset", "standard"], STANDARD.to_owned()),
            (
                &["--preset", "people-read"],
                standard_and("spark-admin:people_read"),
            ),
            (&["--preset", "invite-user"], standard_and(write)),
            (&["--preset", "people-admin"], standard_and(both)),
            (
                &["--preset", "people-read", "--preset", "invite-user"],
                standard_and(both),
            ),
            (
                &["--preset", "people-read", "--add-scope", write],
                standard_and(both),
            ),
            (
                &["--preset", "standard", "--scope", "spark:a"],
                standard_and("spark:a"),
            ),
        ],
    );
}

#[test]
fn an_app_s_own_list_comes_before_the_twelve() {
    let uri = redirect_uri();
    let env = Env::new();
    let add = ["app", "add", "own", "--client-id", CLIENT_ID];
    let more = ["--redirect-uri", &uri, "--scope", "spark:a spark:b"];
    env.run([&add[..], &more].concat())
        .var("WEBEX_CONNECT_CLIENT_SECRET", CLIENT_SECRET)
        .any_stdout()
        .any_stderr()
        .check();
    asks(
        &env,
        &uri,
        &["work", "--app", "own"],
        &[
            (&[], "spark:a spark:b".to_owned()),
            (
                &["--add-scope", "spark:c"],
                "spark:a spark:b spark:c".to_owned(),
            ),
            (&["--scope", "spark:c"], "spark:c".to_owned()),
            (&["--preset", "standard"], STANDARD.to_owned()),
        ],
    );
}

#[test]
fn a_reconnect_asks_for_what_was_asked_for_before() {
    let uri = redirect_uri();
    let env = provided(&uri);
    let sandbox = Sandbox::start(&env, &uri);
    let first = ["work", "--no-browser", "--api-base", &sandbox.base];
    let scope = ["--scope", "spark:people_read spark:rooms_read"];
    let mut login = Login::again(&env, &uri, &[&first[..], &scope].concat());
    // What is missing is asked for again; what was granted is not the measure.
    let callback = login.consent_with("allow", &["spark:rooms_read"]);
    login.deliver(&callback);
    assert_eq!(login.finish().code, Some(0));
    let before = "spark:people_read spark:rooms_read";
    asks(
        &env,
        &uri,
        &["work"],
        &[
            (&[], before.to_owned()),
            (&["--add-scope", "spark:a"], format!("{before} spark:a")),
            (
                &["--scope", "spark:people_read spark:a"],
                "spark:people_read spark:a".to_owned(),
            ),
            (
                &["--scope", "spark:people_read", "--add-scope", "spark:a"],
                "spark:people_read spark:a".to_owned(),
            ),
            (
                &["--preset", "people-admin"],
                standard_and("spark-admin:people_read spark-admin:people_write"),
            ),
        ],
    );
    // What a reconnect asked for is what the next one starts from.
    Login::again(
        &env,
        &uri,
        &["work", "--no-browser", "--add-scope", "spark:calls_read"],
    )
    .connects();
    asks(
        &env,
        &uri,
        &["work"],
        &[(&[], format!("{before} spark:calls_read"))],
    );
}

#[test]
fn what_is_no_scope_is_refused() {
    let uri = redirect_uri();
    let env = provided(&uri);
    for (more, says) in [
        (["--scope", " ,"], "the scope list is empty"),
        (["--add-scope", ""], "the scope list is empty"),
        (["--add-scope", "a\"b"], "a scope holds a character"),
        (["--preset", "nothing"], "possible values: standard"),
    ] {
        env.run([&["login", "--no-browser"][..], &more].concat())
            .code(2)
            .stderr_has(says)
            .check();
    }
}

/// What a login that nobody finishes said before the address, line by line.
fn said_before_the_address(more: &[&str]) -> Vec<String> {
    let uri = redirect_uri();
    let env = provided(&uri);
    let login = Login::told(&env, &uri, &[&["work", "--no-browser"], more].concat());
    login.process.signal(rustix::process::Signal::TERM);
    let said = login.finish().err();
    let before = said
        .split("open this address in a browser to sign in:")
        .next();
    before
        .unwrap_or_default()
        .lines()
        .map(str::to_owned)
        .collect()
}

#[test]
fn stating_the_whole_set_says_what_is_left_out() {
    let left_out = |count: usize| {
        format!(
            "`--scope` states the whole set: {count} of the 12 standard scopes are not in it; `--add-scope` would \
             keep them"
        )
    };
    for (more, expected) in [
        (&["--scope", "spark:people_read"][..], vec![left_out(11)]),
        (&["--scope", "spark:calls_read"], vec![left_out(12)]),
        (
            &[
                "--scope",
                "spark:people_read",
                "--add-scope",
                "spark:rooms_read",
            ],
            vec![left_out(10)],
        ),
        (&["--scope", STANDARD], vec![]),
        (&["--add-scope", "spark:calls_read"], vec![]),
        (
            &["--preset", "people-read", "--scope", "spark:calls_read"],
            vec![
                "these take the role of administrator in the organisation: spark-admin:people_read"
                    .to_owned(),
            ],
        ),
        (&[], vec![]),
    ] {
        assert_eq!(said_before_the_address(more), expected, "{more:?}");
    }
}

#[test]
fn a_role_that_scopes_take_is_said_before_the_browser_opens() {
    let said = said_before_the_address(&[
        "--preset",
        "people-admin",
        "--add-scope",
        "spark-compliance:meetings_read",
    ]);
    assert_eq!(
        said,
        [
            "these take the role of administrator in the organisation: spark-admin:people_read \
             spark-admin:people_write",
            "these take the role of compliance officer in the organisation: spark-compliance:meetings_read",
        ]
    );
}

#[test]
fn an_unknown_scope_is_warned_about_and_asked_for_all_the_same() {
    for (scope, suggestion) in [
        (
            "identity:one_time_password",
            "; did you mean Identity:one_time_password?",
        ),
        ("spark:people_raed", "; did you mean spark:people_read?"),
        ("nothing:at_all_like_it", ""),
    ] {
        let said = said_before_the_address(&["--add-scope", scope]);
        let warning = format!("warning: {scope} is not a scope that is known here{suggestion}");
        assert_eq!(said, [warning], "{scope}");
    }
    // Case as it was typed, to Webex and back.
    let env = Env::new();
    let scopes = "identity:one_time_password spark:people_read";
    let reply = Reply::token_set(&format!(r#""expires_in":60,"scope":"{scopes}""#));
    let authority = Authority::plain(reply);
    let attempt = Attempt::start(&env, &authority, &["--scope", scopes]);
    assert_eq!(attempt.login.asks("scope"), scopes);
    let outcome = attempt.returns();
    let connection = outcome.succeeds("a case variant");
    assert_eq!(
        connection["scopes"]["granted"],
        serde_json::json!(["identity:one_time_password", "spark:people_read"])
    );
    env.run(["check", "work", "--scope", "identity:one_time_password"])
        .check();
    env.run(["check", "work", "--scope", "Identity:one_time_password"])
        .code(5)
        .any_stderr()
        .check();
}

#[test]
fn ninety_scopes_go_all_the_way() {
    let uri = redirect_uri();
    let env = provided(&uri);
    let sandbox = Sandbox::start(&env, &uri);
    let args = ["work", "--no-browser", "--api-base", &sandbox.base];
    let login = Login::again(
        &env,
        &uri,
        &[&args[..], &["--preset", "everything-90"]].concat(),
    );
    let asked = login.asks("scope");
    assert_eq!(asked.split(' ').count(), 90, "{asked}");
    let one_time_password = "Identity:one_time_password";
    assert!(asked.split(' ').any(|scope| scope == one_time_password));
    let finished = login.connects();
    assert!(!finished.err().contains("warning"), "{finished}");
    let scopes = &finished.json()["scopes"];
    for set in ["requested", "granted"] {
        assert_eq!(scopes[set].as_array().map(Vec::len), Some(90), "{scopes}");
    }
    env.run(["check", "--scope", &asked]).check();
    let status = env.run(["status"]).any_stdout().check().out();
    assert!(
        status.contains("requested    90 scopes, 90 of them granted\n"),
        "{status}"
    );
}
