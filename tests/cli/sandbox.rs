//! The sandbox as a server: stricter than Webex, in Webex's own shapes.

use serde_json::Value;

use crate::env::peer::{CHALLENGE, VERIFIER, called_back};
use crate::env::{CLIENT_ID, CLIENT_SECRET, ConsentForm, Env, Peer};

#[test]
fn an_authorization_request_that_is_off_is_told_to_the_app() {
    let peer = Peer::start(&[]);
    for (changes, error) in [
        (("response_type", "token"), "unsupported_response_type"),
        (("scope", "spark:no_such_thing"), "invalid_scope"),
        (("scope", "SPARK:people_read"), "invalid_scope"),
        (("scope", ""), "invalid_scope"),
        (("code_challenge", ""), "invalid_request"),
        (("code_challenge", "short"), "invalid_request"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge_method", ""), "invalid_request"),
        (("state", ""), "invalid_request"),
    ] {
        assert_eq!(
            called_back(&peer.authorize(&[changes]), "error"),
            error,
            "{changes:?}"
        );
    }
}

#[test]
fn an_unknown_app_or_address_is_told_to_the_person_alone() {
    let peer = Peer::start(&[]);
    for changes in [
        ("client_id", "nobody"),
        ("client_id", ""),
        ("redirect_uri", "http://127.0.0.1:9/callback/"),
        ("redirect_uri", "http://localhost:9/callback"),
        ("redirect_uri", ""),
    ] {
        let answer = peer.authorize(&[changes]);
        assert_eq!(
            (answer.status, answer.header("Location").as_str()),
            (400, ""),
            "{changes:?}: {answer}"
        );
    }
}

#[test]
fn the_consent_page_names_each_scope() {
    let peer = Peer::start(&[]);
    let page = peer.authorize(&[("scope", "spark:people_read spark:rooms_read")]);
    for words in [
        "spark:people_read",
        "spark:rooms_read",
        ">Allow<",
        ">Refuse<",
    ] {
        assert!(page.body.contains(words), "{words}: {page}");
    }
}

#[test]
fn the_grant_is_what_stayed_ticked() {
    let peer = Peer::start(&[]);
    let asked = "spark:people_read spark:rooms_read spark:teams_read";
    let form = peer.form(&[("scope", asked)]);
    assert_eq!(form.values("scope").join(" "), asked, "all are ticked");
    let form = form.untick(&["spark:rooms_read"]);
    let tokens = peer.tokens_of(&form);
    assert_eq!(tokens["scope"], "spark:people_read spark:teams_read");
    let refresh_token = tokens["refresh_token"].as_str().unwrap_or_default();
    let again = peer.refresh(refresh_token, &[]).json();
    assert_eq!(again["scope"], tokens["scope"], "a refresh keeps the grant");
}

#[test]
fn consent_to_no_scope_is_asked_again_and_can_still_be_given_or_refused() {
    for decision in ["allow", "refuse"] {
        let peer = Peer::start(&[]);
        let full = peer.form(&[]);
        let empty = peer.form(&[]).untick(&["spark:people_read"]);
        let page = empty.press("allow");
        assert_eq!(page.status, 400, "{page}");
        assert!(page.body.contains("Keep at least one scope"), "{page}");
        let again = ConsentForm::read(&peer.authorize_url(&[]), &page);
        assert_eq!(again.values("scope"), [""; 0], "as it was left");
        let again = again.also("scope", "spark:people_read");
        let name = if decision == "allow" { "code" } else { "error" };
        let told = called_back(&again.press(decision), name);
        assert!(decision == "allow" || told == "access_denied", "{told}");
        assert_eq!(again.press(decision).status, 400, "answered before");
        assert_ne!(called_back(&full.press("allow"), "code"), "");
    }
}

#[test]
fn a_form_that_the_page_can_t_have_sent_is_refused_and_decides_nothing() {
    let peer = Peer::start(&[]);
    for (name, value) in [
        ("scope", "spark:rooms_read"),
        ("scope", "spark:people_read"),
        ("scope", "SPARK:people_read"),
        ("scope", ""),
        ("person", "sandbox.colleague@example.com"),
        ("request", "again"),
    ] {
        for decision in ["allow", "refuse"] {
            let case = format!("{name}={value} {decision}");
            let right = peer.form(&[]);
            let request = right.values("request").concat();
            let wrong = right.also(name, value).press(decision);
            assert_eq!(wrong.status, 400, "{case}: {wrong}");
            assert_eq!(wrong.header("Location"), "", "{case}: {wrong}");
            assert!(!wrong.body.contains(&request), "{case}: {wrong}");
        }
    }
    let form = peer.form(&[]);
    assert_eq!(form.press("maybe").status, 400);
    let form = form.person("nobody@example.com");
    assert_eq!(form.press("allow").status, 400);
    let form = form.person("sandbox.person@example.com");
    assert_ne!(called_back(&form.press("allow"), "code"), "");
}

#[test]
fn whoever_was_chosen_is_whose_token_it_is() {
    let peer = Peer::start(&[]);
    let mut seen = Vec::new();
    for email in [
        "sandbox.person@example.com",
        "sandbox.colleague@example.com",
        "sandbox.stranger@example.org",
    ] {
        let tokens = peer.tokens_of(&peer.form(&[]).person(email));
        let refresh_token = tokens["refresh_token"].as_str().unwrap_or_default();
        let refreshed = peer.refresh(refresh_token, &[]).json();
        let mine = |tokens: &Value| {
            let token = tokens["access_token"].as_str().unwrap_or_default();
            peer.with_bearer("people/me", token).json()
        };
        let me = mine(&tokens);
        assert_eq!(me["emails"][0], email);
        assert_eq!(mine(&refreshed), me);
        seen.push((me["id"].to_string(), me["orgId"].to_string()));
    }
    let [(first, its), (second, same), (third, other)] = &seen[..] else {
        panic!("{seen:?}");
    };
    assert!(first != second && second != third && third != first);
    assert!(its == same && its != other, "{seen:?}");
}

#[test]
fn a_login_hint_preselects_who_signs_in_and_leaves_the_choice() {
    let peer = Peer::start(&[]);
    for (hint, prompt, selected) in [
        ("", "", "sandbox.person@example.com"),
        (
            "sandbox.colleague@example.com",
            "",
            "sandbox.colleague@example.com",
        ),
        (
            "Sandbox.Stranger@example.org",
            "",
            "sandbox.stranger@example.org",
        ),
        ("nobody@example.com", "", "sandbox.person@example.com"),
        (
            "sandbox.colleague@example.com",
            "select_account",
            "sandbox.colleague@example.com",
        ),
    ] {
        let form = peer.form(&[("login_hint", hint), ("prompt", prompt)]);
        assert_eq!(form.values("person"), [selected], "{hint} {prompt}");
        let other = form.person("sandbox.person@example.com");
        assert_ne!(called_back(&other.press("allow"), "code"), "", "{hint}");
    }
}

#[test]
fn a_code_works_once_for_its_own_client_address_and_verifier() {
    let peer = Peer::start(&[]);
    for (changes, status, words) in [
        (("code_verifier", CHALLENGE), 400, "invalid_grant"),
        (("code_verifier", ""), 400, "invalid_request"),
        (
            ("redirect_uri", "http://127.0.0.1:9/other"),
            400,
            "invalid_grant",
        ),
        (("code", "made-up"), 400, "invalid_grant"),
        (("client_secret", "wrong"), 401, "invalid_client"),
        (
            ("client_secret", ""),
            400,
            "client_secret cannot be null or empty",
        ),
        (("client_id", "nobody"), 400, "Client Id is invalid"),
        (("grant_type", "password"), 400, "unsupported_grant_type"),
    ] {
        let answer = peer.exchange(&peer.code(), &[changes]);
        assert_eq!(answer.status, status, "{changes:?}: {answer}");
        assert!(answer.body.contains(words), "{changes:?}: {answer}");
        let body = answer.json();
        assert!(
            body["trackingId"].is_string() || body["trackingID"].is_string(),
            "{answer}"
        );
    }
    let code = peer.code();
    let first = peer.exchange(&code, &[]);
    assert_eq!(first.status, 200, "{first}");
    let access_token = first.json()["access_token"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    assert_eq!(peer.with_bearer("people/me", &access_token).status, 200);
    assert_eq!(peer.exchange(&code, &[]).status, 400);
    assert_eq!(
        peer.with_bearer("people/me", &access_token).status,
        401,
        "RFC 6749 §4.1.2: revoked"
    );
}

#[test]
fn the_token_answer_has_webex_s_shape() {
    let peer = Peer::start(&["--expires-in", "60"]);
    let tokens = peer.tokens();
    assert_eq!(tokens["expires_in"], 60);
    assert_eq!(tokens["refresh_token_expires_in"], 7_775_999);
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["scope"], "spark:people_read");
    let access_token = tokens["access_token"].as_str().unwrap_or_default();
    let me = peer.with_bearer("people/me", access_token).json();
    assert_eq!(me["emails"][0], "sandbox.person@example.com");
    let expiry = peer
        .with_bearer("authorizations/tokenExpiry", access_token)
        .json()["exp"]
        .as_i64();
    let left = expiry.unwrap_or_default() - jiff::Timestamp::now().as_millisecond();
    assert!((0..=60_000).contains(&left), "milliseconds left: {left}");
    assert_eq!(peer.with_bearer("people/me", "made-up").status, 401);
}

#[test]
fn a_refresh_keeps_the_refresh_token_unless_it_rotates() {
    let peer = Peer::start(&[]);
    let first = peer.tokens();
    let refresh_token = first["refresh_token"].as_str().unwrap_or_default();
    let second = peer.refresh(refresh_token, &[]).json();
    assert_eq!(second["refresh_token"], first["refresh_token"]);
    assert_ne!(second["access_token"], first["access_token"]);
    let refused = peer.refresh("made-up", &[]);
    assert_eq!(
        (refused.status, refused.json()["error"].clone()),
        (400, "invalid_request".into()),
        "{refused}"
    );

    let peer = Peer::start(&["--rotate"]);
    let first = peer.tokens();
    let spent = first["refresh_token"].as_str().unwrap_or_default();
    let second = peer.refresh(spent, &[]).json();
    let next = second["refresh_token"].as_str().unwrap_or_default();
    assert_ne!(next, spent);
    assert_eq!(peer.refresh(spent, &[]).status, 400, "spent");
    assert_eq!(
        peer.refresh(next, &[]).status,
        400,
        "its family is dead with it"
    );
}

#[test]
fn the_log_masks_every_secret() {
    let mut peer = Peer::start(&[]);
    let tokens = peer.tokens();
    let log = Value::from(peer.sandbox.requests().to_vec()).to_string();
    assert!(
        log.contains("authorization_code") && log.contains(CLIENT_ID),
        "{log}"
    );
    for secret in [
        CLIENT_SECRET,
        VERIFIER,
        tokens["access_token"].as_str().unwrap_or_default(),
    ] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}

#[test]
fn what_it_can_t_start_with_is_said() {
    let env = Env::new();
    let file = env.write(
        "apps.json",
        r#"[{"client_id": "a", "client_secret": "c4n4ry", "redirect_uris": 7}]"#,
    );
    let file = file.to_str().unwrap_or_default();
    env.run(["sandbox", "--app", file])
        .code(2)
        .stderr_has("can't read apps from")
        .secret("c4n4ry")
        .check();
    let twice = r#"[{"client_id": "a", "client_secret": "b", "redirect_uris": []}, {"client_id": "a", "client_secret": "c", "redirect_uris": []}]"#;
    let twice = env.write("twice.json", twice);
    env.run(["sandbox", "--app", twice.to_str().unwrap_or_default()])
        .code(2)
        .stderr_has("two apps have the client ID")
        .check();
    env.run(["sandbox", "--app", "nowhere"])
        .code(2)
        .stderr_has("nowhere")
        .check();
    // A file that says it has no length has no end.
    env.run(["sandbox", "--app", "/dev/zero"])
        .code(2)
        .stderr_has("it is larger than a megabyte")
        .within(30)
        .check();
    let taken = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|socket| Ok((socket.local_addr()?.port(), socket)));
    let (port, _taken) = taken.unwrap_or_else(|e| panic!("a port: {e}"));
    env.run(["sandbox", "--port", &port.to_string()])
        .code(8)
        .stderr_has("is in use by another program")
        .check();
}
