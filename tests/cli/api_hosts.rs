//! Who gets the token of `api`: the hosts of the connection's environment and nobody else.

use crate::env::{
    ACCESS_TOKEN, Attempt, Authority, Ca, Env, Manner, Proxy, REFRESH_TOKEN, Reply, case_held,
    connected,
};

/// A connection to Webex itself, as far as its program can tell: a proxy leads every name to the scripted server.
fn webex(names: &[&str]) -> (Env, Authority, Proxy) {
    signed_in("https://webexapis.com/v1", names)
}

fn signed_in(base: &str, names: &[&str]) -> (Env, Authority, Proxy) {
    let ca = Ca::new();
    let authority = Authority::secure(ca.issue(names), Reply::tokens());
    let proxy = Proxy::start(Manner::LeadsTo(authority.port));
    let env = Env::new();
    let file = env.write("ca.pem", &ca.pem());
    let env = env
        .var("WEBEX_CONNECT_CA_CERT", file)
        .var("ALL_PROXY", &proxy.url);
    Attempt::at(&env, &authority, base, &[])
        .returns()
        .succeeds("login");
    (env, authority, proxy)
}

/// AP-01. Even a server with a certificate that is trusted never hears of the token.
#[test]
fn a_url_elsewhere_is_refused_before_anybody_is_asked() {
    let names = [
        "webexapis.com",
        "evil.example",
        "webexapis.com.evil.example",
    ];
    let (env, authority, proxy) = webex(&names);
    let (asked, heard) = (authority.connections(), proxy.heard().heads.len());
    for (url, code) in [
        ("https://evil.example/v1/people/me", 9),
        ("//evil.example/x", 2),
        ("https://webexapis.com@evil.example/", 9),
        ("https://webexapis.com.evil.example/", 9),
        ("\\\\evil.example/x", 2),
        ("https:evil.example", 2),
        ("http://webexapis.com/v1/people/me", 9),
        ("/v1/../..//evil.example", 2),
        ("https://webexapis.com:444/", 9),
        ("https://api-usgov.webex.com/v1/people/me", 9),
        ("https://analytics-calling-gov.webexapis.com/v1/cdr_feed", 9),
        ("https://analytics-gov.webexapis.com/v1", 9),
    ] {
        for more in [&[][..], &["--paginate"], &["-X", "POST", "-f", "a=b"]] {
            let refused = env.run([&["api", url], more].concat()).code(code);
            let refused = refused.secret(ACCESS_TOKEN).stderr_has("hint: ");
            refused.within(10).check();
        }
        case_held(format!("AP-01 {url}"));
    }
    assert_eq!(authority.connections(), asked, "AP-01");
    assert_eq!(proxy.heard().heads.len(), heard, "AP-01");
    env.run(["api", "https://evil.example/v1/people/me"])
        .code(9)
        .stderr(
            "error: the token of this connection goes to https://webexapis.com, analytics.webexapis.com (or with a \
             region, such as analytics-eu) and analytics-calling.webexapis.com (or with -eu, -in or -au) alone, not to \
             https://evil.example\nhint: give a path of the API, for example `webex-connect api people/me`\n",
        )
        .check();
}

#[test]
fn webexs_other_hosts_are_reached_by_their_urls() {
    let names = [
        "webexapis.com",
        "analytics.webexapis.com",
        "analytics-calling-eu.webexapis.com",
    ];
    let (env, authority, proxy) = webex(&names);
    authority.api_answers([Reply::status(200, "{}")]);
    for (url, host) in [
        ("people/me", "webexapis.com"),
        ("https://webexapis.com/identity/scim", "webexapis.com"),
        (
            "https://analytics.webexapis.com/v1/x",
            "analytics.webexapis.com",
        ),
        (
            "https://analytics-calling-eu.webexapis.com/v1/x",
            "analytics-calling-eu.webexapis.com",
        ),
    ] {
        env.run(["api", url]).stdout("{}").check();
        let requests = authority.requests();
        let last = requests.last().map(|request| request.headers("host"));
        assert_eq!(last, Some(vec![host]), "{url}");
        let head = proxy.heard().heads.pop().unwrap_or_default();
        assert!(head.starts_with(&format!("CONNECT {host}:443 ")), "{head}");
    }
    let carried = proxy.heard().carried;
    let readable = String::from_utf8_lossy(&carried);
    assert!(!readable.contains("Bearer") && !readable.contains(ACCESS_TOKEN));
}

/// The government cloud and the commercial one have call records of their own.
#[test]
fn a_government_token_reaches_the_call_records_of_the_government_alone() {
    let names = [
        "api-usgov.webex.com",
        "analytics-calling-gov.webexapis.com",
        "analytics-calling.webexapis.com",
    ];
    let (env, authority, proxy) = signed_in("https://api-usgov.webex.com/v1", &names);
    authority.api_answers([Reply::status(200, "{}")]);
    env.run([
        "api",
        "https://analytics-calling-gov.webexapis.com/v1/cdr_feed",
    ])
    .stdout("{}")
    .check();
    let heard = proxy.heard().heads;
    let host = "CONNECT analytics-calling-gov.webexapis.com:443 ";
    assert!(heard.last().is_some_and(|head| head.starts_with(host)));
    env.run(["api", "https://analytics-calling.webexapis.com/v1/cdr_feed"])
        .code(9)
        .stderr_has(
            "goes to https://api-usgov.webex.com and analytics-calling-gov.webexapis.com alone, not to \
             https://analytics-calling.webexapis.com",
        )
        .check();
    assert_eq!(proxy.heard().heads.len(), heard.len());
}

/// AP-03.
#[test]
fn redirects_are_not_followed() {
    let (env, authority) = connected();
    let other = Authority::plain(Reply::tokens());
    let itself = format!("{}/x", authority.base);
    let elsewhere = format!("{}/people/me?a=b", other.base);
    for status in [301, 302, 303, 307, 308] {
        for (to, origin) in [
            (elsewhere.as_str(), Some(other.base.trim_end_matches("/v1"))),
            ("http://evil.example/x", Some("http://evil.example")),
            (&itself, Some(authority.base.trim_end_matches("/v1"))),
            ("/v1/x", None),
        ] {
            for paginate in [&[][..], &["--paginate"]] {
                let before = authority.asked().len();
                let headers = format!("Location: {to}\r\nTrackingID: T_1\r\n");
                authority.api_answers([Reply::with(status, &headers, "moved")]);
                let run = env.run([&["api", "x"], paginate].concat());
                let to = origin
                    .map(|origin| format!(" to {origin}"))
                    .unwrap_or_default();
                run.code(9)
                    .stdout("moved")
                    .stderr(&format!(
                        "error: Webex answered with a redirect{to} ({status}), which is never followed\n\
                         tracking id: T_1\n\
                         hint: check the path, `--api-base` of the login, and the proxy\n"
                    ))
                    .check();
                assert_eq!(authority.asked().len(), before + 1, "AP-03 {status} {to}");
                case_held(format!("AP-03 {status} to {}", origin.unwrap_or("a path")));
            }
        }
    }
    assert_eq!(other.connections(), 0, "AP-03");
}

/// AP-03, where the list itself leads elsewhere.
#[test]
fn the_next_page_is_on_the_same_server_or_not_asked_for() {
    let (env, authority) = connected();
    let other = Authority::plain(Reply::tokens());
    let port = authority.port;
    for (next, words) in [
        (
            format!("{}/rooms?page=2", other.base),
            "the next page is said to be at",
        ),
        (
            "https://evil.example/rooms".to_owned(),
            "at https://evil.example, where",
        ),
        (
            format!("//127.0.0.1:{}/rooms", other.port),
            "the next page is said to be at",
        ),
        (
            format!("https://127.0.0.1:{port}/v1/rooms"),
            "the next page is said to be at",
        ),
        (
            format!("http://a:b@127.0.0.1:{port}/v1/rooms"),
            "the next page is said to be at",
        ),
    ] {
        let before = authority.asked().len();
        let link = format!("Link: <{next}>; rel=\"next\"\r\n");
        authority.api_answers([Reply::with(200, &link, r#"{"items":[1]}"#)]);
        let run = env.run(["api", "rooms", "--paginate"]).code(9);
        run.stderr_has(words).stderr_has("hint: ").check();
        assert_eq!(authority.asked().len(), before + 1, "{next}");
        case_held(format!("AP-03 the next page is {next}"));
    }
    assert_eq!(other.connections(), 0);
}

/// What a refused or failing call says holds no secret, although the server says them all.
#[test]
fn a_token_that_comes_back_in_a_refusal_stays_off_the_terminal() {
    let (env, authority) = connected();
    let said =
        format!(r#"{{"message":"bad {ACCESS_TOKEN}\u001b[2J","trackingId":"T {ACCESS_TOKEN}"}}"#);
    for status in [400, 403, 404, 500] {
        authority.api_answers([Reply::status(status, &said)]);
        let code = match status {
            403 => 5,
            500 => 7,
            _ => 1,
        };
        let run = env.run(["api", "x"]).code(code).stdout(&said);
        let run = run
            .secret(ACCESS_TOKEN)
            .secret(REFRESH_TOKEN)
            .secret("\u{1b}");
        let said = run.stderr_has("bad [redacted]").check();
        assert!(!said.err().contains("tracking id"), "{said}");
    }
}
