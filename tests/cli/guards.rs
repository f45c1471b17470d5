//! What a login does not do unasked: give up scopes, or put another account in the place of one.

use serde_json::{Value, json};

use crate::env::{
    Answer, Attempt, Authority, BROWSER, CLIENT_ID, CLIENT_SECRET, Env, Login, Reply, Sandbox,
    redirect_uri,
};

const PERSON: &str = "sandbox.person@example.com";
const COLLEAGUE: &str = "sandbox.colleague@example.com";
const STRANGER: &str = "sandbox.stranger@example.org";
const TWO: &str = "spark:people_read spark:rooms_read";

/// A sandbox, an app for it in the environment, and a place for connections.
struct Place {
    env: Env,
    sandbox: Sandbox,
    uri: String,
}

impl Place {
    fn new() -> Place {
        let uri = redirect_uri();
        let env = Env::new()
            .var("WEBEX_CONNECT_CLIENT_ID", CLIENT_ID)
            .var("WEBEX_CONNECT_CLIENT_SECRET", CLIENT_SECRET)
            .var("WEBEX_CONNECT_REDIRECT_URI", &uri);
        let sandbox = Sandbox::start(&env, &uri);
        Place { env, sandbox, uri }
    }

    /// With the connection `work` of the first person, who has these scopes.
    fn connected(scopes: &str) -> Place {
        let place = Place::new();
        place.login(&["--scope", scopes]).connects();
        place
    }

    fn args<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        let args = ["work", "--api-base", &self.sandbox.base, "--no-browser"];
        [&args[..], more].concat()
    }

    fn login(&self, more: &[&str]) -> Login {
        Login::again(&self.env, &self.uri, &self.args(more))
    }

    /// The same in prose.
    fn told(&self, more: &[&str]) -> Login {
        Login::told(&self.env, &self.uri, &self.args(more))
    }

    fn token(&self) -> String {
        self.env.run(["token", "work"]).any_stdout().check().out()
    }

    /// The login ends in exit 9 with this talk after the address, and leaves every record as it was.
    fn refuses(&self, mut login: Login, consent: impl Fn(&mut Login) -> Answer, said: &str) {
        let before = (self.env.records(), self.token());
        let page = consent(&mut login);
        assert!(page.body.contains("Not connected"), "{page}");
        let finished = login.finish();
        assert_eq!(finished.code, Some(9), "{finished}");
        let talk = finished.err();
        let (_, after) = talk.split_once("/authorize?").unwrap_or_default();
        let (_, after) = after.split_once('\n').unwrap_or_default();
        assert_eq!(after, said, "{finished}");
        assert_eq!((self.env.records(), self.token()), before, "{finished}");
    }
}

fn allows_as(person: &'static str) -> impl Fn(&mut Login) -> Answer {
    move |login| {
        let callback = login.consent_as(person);
        login.deliver(&callback)
    }
}

fn allows_without(scope: &'static str) -> impl Fn(&mut Login) -> Answer {
    move |login| {
        let callback = login.consent_with("allow", &[scope]);
        login.deliver(&callback)
    }
}

#[test]
fn a_smaller_request_of_a_connection_in_use_opens_nothing() {
    let mut place = Place::connected(TWO);
    let before = (place.env.records(), place.sandbox.requests().len());
    for (more, lost) in [
        (["--scope", "spark:people_read"], "spark:rooms_read"),
        (["--scope", "spark:calls_read"], TWO),
    ] {
        let args = [&["login", "work", "--browser", BROWSER], &more[..]].concat();
        place
            .env
            .run(args)
            .code(9)
            .stderr(&format!(
                "error: this request leaves out scopes that work has: {lost}\n\
                 hint: add scopes with `--add-scope`, give these up with `--allow-fewer-scopes`, or keep both with \
                 another name: `webex-connect login NAME`\n"
            ))
            .check();
    }
    assert_eq!(place.env.opened(), None);
    assert_eq!(
        (place.env.records(), place.sandbox.requests().len()),
        before
    );
    // As much, or more, is no smaller request; neither is another name.
    for more in [
        &["--scope", TWO][..],
        &["--preset", "standard"],
        &[
            "--scope",
            "spark:people_read",
            "--add-scope",
            "spark:rooms_read",
        ],
    ] {
        drop(place.login(more));
    }
    let other = ["other", "--no-browser", "--scope", "spark:people_read"];
    drop(Login::again(&place.env, &place.uri, &other));
}

#[test]
fn a_connection_that_is_not_ready_has_nothing_to_lose() {
    let place = Place::connected(TWO);
    place.env.edit_records(|name, record| {
        if name == "connection/work" {
            record["tokens"]["expires_at"] = json!("2020-01-01T00:00:00Z");
            record["tokens"]["refresh_token"] = Value::Null;
        }
    });
    place.env.run(["check"]).code(4).any_stderr().check();
    let connection = place.login(&["--scope", "spark:people_read"]).connects();
    let scopes = &connection.json()["scopes"];
    assert_eq!(scopes["granted"], json!(["spark:people_read"]));
    assert_eq!(scopes["lost"], json!(["spark:rooms_read"]));
    place.env.run(["check"]).check();
}

#[test]
fn a_narrower_grant_is_not_stored_and_both_sets_are_shown() {
    let place = Place::connected(TWO);
    place.refuses(
        place.told(&[]),
        allows_without("spark:rooms_read"),
        "work has 2: spark:people_read spark:rooms_read\n\
         the new grant has 1: spark:people_read\n\
         error: Webex granted less than work has; the new grant was not stored and work stays as it was; missing: \
         spark:rooms_read\n\
         hint: the new grant lives on until it expires; keep every scope ticked in `webex-connect login work`, or \
         accept fewer with `--allow-fewer-scopes`\n",
    );
    // One gained does not make up for one lost.
    let mut login = place.login(&["--add-scope", "spark:calls_read"]);
    allows_without("spark:rooms_read")(&mut login);
    let finished = login.finish();
    assert_eq!(finished.code, Some(9), "{finished}");
    let event = finished
        .err()
        .lines()
        .find(|line| line.contains("fewer_scopes"))
        .map(str::to_owned);
    let event: Value = serde_json::from_str(&event.unwrap_or_default()).unwrap();
    assert_eq!(
        event,
        json!({
            "event": "fewer_scopes",
            "stored": ["spark:people_read", "spark:rooms_read"],
            "granted": ["spark:calls_read", "spark:people_read"],
            "missing": ["spark:rooms_read"],
        })
    );
}

#[test]
fn fewer_scopes_pass_where_they_are_allowed() {
    let place = Place::connected(TWO);
    let mut login = place.told(&["--allow-fewer-scopes"]);
    allows_without("spark:rooms_read")(&mut login);
    let finished = login.finish();
    assert_eq!(finished.code, Some(0), "{finished}");
    assert!(
        finished
            .err()
            .contains("\nno longer granted: spark:rooms_read\n"),
        "{finished}"
    );
    // It asked for more before, so a request for what it has left is no smaller one.
    place.login(&["--scope", "spark:people_read"]).connects();
    let place = Place::connected(TWO);
    let less = ["--scope", "spark:people_read", "--allow-fewer-scopes"];
    let connection = place.login(&less).connects().json();
    assert_eq!(
        connection["scopes"]["requested"],
        json!(["spark:people_read"])
    );
    assert_eq!(connection["scopes"]["lost"], json!(["spark:rooms_read"]));
}

#[test]
fn a_first_login_that_gets_fewer_is_stored_with_a_warning() {
    let place = Place::new();
    let mut login = place.told(&["--scope", TWO]);
    allows_without("spark:rooms_read")(&mut login);
    let finished = login.finish();
    assert_eq!(finished.code, Some(0), "{finished}");
    let warning = "warning: Webex granted fewer scopes than asked; missing: spark:rooms_read; tick them on the app \
                   at https://developer.webex.com/my-apps and on the consent page, then run `webex-connect login \
                   work` again\n";
    assert!(finished.err().contains(warning), "{finished}");
    assert!(
        finished
            .err()
            .contains("\n2 scopes asked for, 1 granted (as Webex reported)\n"),
        "{finished}"
    );
    place.env.run(["check"]).check();
}

#[test]
fn another_person_or_organisation_does_not_take_a_connection_over() {
    let place = Place::connected(TWO);
    for other in [COLLEAGUE, STRANGER] {
        place.refuses(
            place.told(&[]),
            allows_as(other),
            &format!(
                "error: work belongs to {PERSON}, and {other} signed in; nothing was stored \
                 (`--allow-other-identity` lets work change hands)\n\
                 hint: to keep both: `webex-connect login NAME`\n"
            ),
        );
    }
    // Another name keeps both.
    let other = ["other", "--no-browser", "--api-base", &place.sandbox.base];
    let mut login = Login::again(&place.env, &place.uri, &other);
    allows_as(STRANGER)(&mut login);
    assert_eq!(login.finish().code, Some(0));
    assert_eq!(place.env.connections(), ["other", "work"]);

    let mut login = place.login(&["--allow-other-identity"]);
    allows_as(STRANGER)(&mut login);
    let finished = login.finish();
    assert_eq!(finished.code, Some(0), "{finished}");
    assert_eq!(finished.json()["identity"]["email"], STRANGER);
}

/// Webex answers as this person.
fn person(id: &str, org: &str) -> Reply {
    let body = format!(r#"{{"id":"{id}","emails":["{PERSON}"],"orgId":"{org}","type":"person"}}"#);
    Reply::status(200, &body)
}

#[test]
fn the_same_address_elsewhere_is_another_account() {
    let env = Env::new();
    let authority = Authority::plain(Reply::tokens());
    authority.people_answers(person("p", "o"));
    Attempt::start(&env, &authority, &[])
        .returns()
        .succeeds("first");
    for (id, org) in [("q", "o"), ("p", "another")] {
        authority.people_answers(person(id, org));
        let outcome = Attempt::start(&env, &authority, &[]).returns();
        let words = [
            "another account or organisation signed in",
            "webex-connect login NAME",
        ];
        outcome.fails(&format!("{id} {org}"), 9, &words);
    }
    authority.people_answers(person("p", "o"));
    Attempt::start(&env, &authority, &[])
        .returns()
        .succeeds("same");
}

/// Otherwise whoever comes next would find nobody to be compared with.
#[test]
fn a_reconnect_while_webex_does_not_tell_who_it_is_is_not_stored() {
    let env = Env::new();
    let authority = Authority::plain(Reply::tokens());
    Attempt::start(&env, &authority, &[])
        .returns()
        .succeeds("first");
    for answer in [
        Reply::status(500, ""),
        Reply::status(503, ""),
        Reply::status(403, "{}"),
        Reply::status(200, "<html>"),
    ] {
        authority.people_answers(answer);
        let outcome = Attempt::start(&env, &authority, &[]).returns();
        let words = ["could not tell whether work still belongs to jane@example.com"];
        outcome.fails("again", 7, &words);
    }
    // And nobody known is not the one expected.
    let outcome = Attempt::start(&env, &authority, &["--expect-user", PERSON]).returns();
    outcome.fails("expected", 9, &["could not tell whether"]);
    let outcome = Attempt::start(&env, &authority, &["--allow-other-identity"]).returns();
    outcome.succeeds("allowed");
    let listed = env.run(["list", "--json"]).any_stdout().check().json();
    assert_eq!(listed[0]["identity"], Value::Null);
}

#[test]
fn whoever_is_not_expected_is_refused_at_a_first_login_too() {
    let place = Place::new();
    let mut login = place.told(&["--expect-user", COLLEAGUE]);
    assert_eq!(login.asks("login_hint"), COLLEAGUE);
    allows_as(PERSON)(&mut login);
    let finished = login.finish();
    assert_eq!(finished.code, Some(9), "{finished}");
    let end = format!(
        "error: {PERSON} signed in, not {COLLEAGUE}; nothing was stored\n\
         hint: sign in as {COLLEAGUE}, or leave out `--expect-user`\n"
    );
    assert!(finished.err().ends_with(&end), "{finished}");
    assert!(place.env.connections().is_empty());
    // Addresses compare without case, as Webex compares them.
    let expected = COLLEAGUE.to_uppercase();
    let mut login = place.login(&["--expect-user", &expected]);
    allows_as(COLLEAGUE)(&mut login);
    assert_eq!(login.finish().code, Some(0));
    // `--allow-other-identity` does not let anyone in whom `--expect-user` keeps out.
    let both = ["--expect-user", COLLEAGUE, "--allow-other-identity"];
    let mut login = place.login(&both);
    allows_as(STRANGER)(&mut login);
    assert_eq!(login.finish().code, Some(9));
}

#[test]
fn nobody_known_is_not_the_one_expected() {
    let place = Place::new();
    let more = ["--scope", "spark:rooms_read", "--expect-user", PERSON];
    let mut login = place.told(&more);
    allows_as(PERSON)(&mut login);
    let finished = login.finish();
    assert_eq!(finished.code, Some(9), "{finished}");
    let end = format!(
        "error: could not tell whether {PERSON} signed in, so nothing was stored\n\
         hint: ask for the scope spark:people_read too, or leave out `--expect-user`\n"
    );
    assert!(finished.err().ends_with(&end), "{finished}");
    assert!(place.env.connections().is_empty());
}

#[test]
fn where_the_scopes_do_not_tell_who_it_is_a_reconnect_says_so() {
    let place = Place::connected("spark:rooms_read");
    let login = place.told(&[]);
    let finished = login.connects();
    let warning = "warning: could not tell whether work still belongs to the same account: asking takes the scope \
                   spark:people_read\n";
    assert!(finished.err().contains(warning), "{finished}");
    // Once it is known, a login that does not tell is warned about too.
    place
        .login(&["--add-scope", "spark:people_read"])
        .connects();
    let less = ["--scope", "spark:rooms_read", "--allow-fewer-scopes"];
    let finished = place.told(&less).connects();
    assert!(finished.err().contains(warning), "{finished}");
    // A first login has nobody to be compared with.
    let other = ["other", "--no-browser", "--scope", "spark:rooms_read"];
    let other = [&other[..], &["--api-base", &place.sandbox.base]].concat();
    let finished = Login::told(&place.env, &place.uri, &other).connects();
    assert!(!finished.err().contains("warning"), "{finished}");
}

#[test]
fn webex_is_told_whom_to_expect() {
    let place = Place::new();
    let asks = |more: &[&str], prompt: &str, hint: &str| {
        let login = place.login(more);
        assert_eq!(
            (login.asks("prompt"), login.asks("login_hint")),
            (prompt.to_owned(), hint.to_owned()),
            "{more:?}"
        );
        login
    };
    asks(&["--expect-user", COLLEAGUE], "select_account", COLLEAGUE);
    asks(&[], "select_account", "").connects();
    asks(&["--expect-user", COLLEAGUE], "", COLLEAGUE);
    asks(&[], "", PERSON);
}
