//! Proxies from the environment: they carry TLS they cannot read, and never what belongs to this machine.

use crate::env::{Attempt, Authority, CLIENT_SECRET, CODE, Ca, Env, Manner, Proxy, Reply};

/// A name that only the proxy knows.
const BASE: &str = "https://webex.test/v1";

/// A server by that name, and a home that trusts it.
fn webex_test() -> (Env, Authority) {
    let ca = Ca::new();
    let authority = Authority::secure(ca.issue(&["webex.test", "localhost"]), Reply::tokens());
    let env = Env::new();
    let file = env.write("ca.pem", &ca.pem());
    (env.var("WEBEX_CONNECT_CA_CERT", file), authority)
}

#[test]
fn a_proxy_carries_the_login_and_can_not_read_it() {
    for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
        let (env, authority) = webex_test();
        let proxy = Proxy::start(Manner::LeadsTo(authority.port));
        let env = env.var(variable, &proxy.url);
        let attempt = Attempt::at(&env, &authority, BASE, &[]);
        let connection = attempt.returns().succeeds(variable);
        assert_eq!(connection["api_base"], BASE);
        assert_eq!(authority.asked().len(), 2, "{variable}");
        let heard = proxy.heard();
        assert!(
            !heard.heads.is_empty(),
            "{variable}: nobody asked the proxy"
        );
        for head in &heard.heads {
            let connects = head.starts_with("CONNECT webex.test:443 HTTP/1.1\r\n");
            assert!(connects, "{variable}: {head}");
        }
        // A TLS handshake record, of TLS 1.x.
        assert_eq!(heard.carried[..2], [0x16, 3], "{variable}");
        let all = String::from_utf8_lossy(&heard.carried).into_owned() + &heard.heads.concat();
        for secret in [CLIENT_SECRET, CODE, "access_token", "Bearer"] {
            assert!(!all.contains(secret), "{variable}: the proxy saw {secret}");
        }
    }
}

#[test]
fn a_proxy_that_wants_a_password_gets_it_and_nobody_else_does() {
    let (env, authority) = webex_test();
    let proxy = Proxy::start(Manner::LeadsTo(authority.port));
    let url = proxy.url.replace("http://", "http://jane:pr0xy-pass@");
    let env = env.var("HTTPS_PROXY", url);
    let attempt = Attempt::at(&env, &authority, BASE, &["-v"]);
    let outcome = attempt.returns();
    outcome.succeeds("a password");
    let head = proxy.heard().heads.concat().to_lowercase();
    assert!(head.contains("proxy-authorization: basic "), "{head}");
    assert!(
        !outcome.finished.err().contains("pr0xy-pass"),
        "{}",
        outcome.finished
    );
}

#[test]
fn a_proxy_that_refuses_is_named_as_the_trouble() {
    for status in [
        "407 Proxy Authentication Required",
        "502 Bad Gateway",
        "403 Forbidden",
    ] {
        let (env, authority) = webex_test();
        let proxy = Proxy::start(Manner::Refuses(status));
        let url = proxy.url.replace("http://", "http://jane:pr0xy-pass@");
        let env = env.var("HTTPS_PROXY", url);
        let outcome = Attempt::at(&env, &authority, BASE, &[]).returns();
        outcome.fails(status, 7, &["could not reach webex.test", "proxy"]);
        assert!(
            !outcome.finished.err().contains("pr0xy-pass"),
            "{}",
            outcome.finished
        );
        assert_eq!(authority.connections(), 0, "{status}");
        assert!(!proxy.heard().heads.is_empty(), "{status}");
    }
}

#[test]
fn a_proxy_that_can_not_be_used_is_not_gone_round() {
    for value in ["http://jane:pr0xy-pass@[bad", "ftp://proxy.test", "://"] {
        let env = Env::new().var("HTTPS_PROXY", value);
        let login = [
            "login",
            "--token-stdin",
            "--api-base",
            "https://webex.test/v1",
        ];
        let refused = |run: crate::env::Run| run.stdin("wxat-brought").secret("pr0xy-pass");
        refused(env.run(login))
            .code(2)
            .stderr_has("HTTPS_PROXY names no proxy that could be used")
            .stderr_has("`unset HTTPS_PROXY`")
            .check();
        // What needs none is asked; this name is nobody's.
        refused(env.run(login))
            .var("NO_PROXY", "webex.test")
            .code(7)
            .stderr_has("could not reach webex.test")
            .check();
    }
}

/// reqwest ignores a variable that is not Unicode, and would send the request without the proxy.
#[test]
fn a_variable_that_is_not_unicode_is_an_error() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let not_unicode = OsStr::from_bytes(b"http://proxy\xff.test:3128");
    for (variable, other) in [
        ("HTTPS_PROXY", ""),
        ("https_proxy", ""),
        ("ALL_PROXY", ""),
        ("all_proxy", ""),
        // The first spelling counts, although reqwest would take the other one.
        ("HTTPS_PROXY", "https_proxy"),
        ("NO_PROXY", "HTTPS_PROXY"),
        ("no_proxy", "HTTPS_PROXY"),
    ] {
        let (env, authority) = webex_test();
        let proxy = Proxy::start(Manner::LeadsTo(authority.port));
        let env = match other {
            "" => env,
            other => env.var(other, &proxy.url),
        };
        let env = env.var(variable, not_unicode);
        env.run(["login", "--token-stdin", "--api-base", BASE])
            .stdin("wxat-brought")
            .code(2)
            .stderr(&format!(
                "error: {variable} is not text\n\
                 hint: set it to a valid value, or `unset {variable}`\n"
            ))
            .check();
        assert!(proxy.heard().heads.is_empty(), "{variable}");
        assert_eq!(authority.connections(), 0, "{variable}");
        let doctor = env.run(["doctor"]).any_stdout().any_stderr().code(2);
        let said = doctor.check().out();
        assert!(
            said.contains(&format!("proxy        warning  {variable} is not text")),
            "{said}"
        );
        // Requests to this machine use no proxy.
        env.connect_sandbox();
    }
}

#[test]
fn a_proxy_is_not_bypassed_in_a_cgi_program() {
    let (env, authority) = webex_test();
    let proxy = Proxy::start(Manner::LeadsTo(authority.port));
    let env = env.var("HTTPS_PROXY", &proxy.url);
    env.run(["login", "--token-stdin", "--api-base", BASE])
        .var("REQUEST_METHOD", "GET")
        .stdin("wxat-brought")
        .code(2)
        .stderr_has("HTTPS_PROXY has no effect where REQUEST_METHOD is set")
        .check();
    assert!(proxy.heard().heads.is_empty());
}

/// A proxy that is not there does not make the program go round it.
#[test]
fn without_its_proxy_nothing_goes_out() {
    let (env, authority) = webex_test();
    let closed = format!("http://127.0.0.1:{}", crate::env::free_port());
    let env = env.var("HTTPS_PROXY", closed);
    let base = "https://localhost.test/v1";
    let outcome = Attempt::at(&env, &authority, base, &[]).returns();
    outcome.fails(
        "no proxy there",
        7,
        &["could not reach localhost.test through the proxy"],
    );
    assert_eq!(authority.connections(), 0);
}

#[test]
fn no_proxy_leaves_the_proxy_out() {
    let (env, authority) = webex_test();
    let proxy = Proxy::start(Manner::LeadsTo(authority.port));
    let env = env
        .var("HTTPS_PROXY", &proxy.url)
        .var("NO_PROXY", "webex.test");
    let outcome = Attempt::at(&env, &authority, BASE, &[]).returns();
    // Without the proxy nobody knows the name.
    outcome.fails("NO_PROXY", 7, &["could not reach webex.test"]);
    assert!(proxy.heard().heads.is_empty());
}

#[test]
fn what_is_on_this_machine_never_goes_through_a_proxy() {
    let (env, authority) = webex_test();
    let proxy = Proxy::start(Manner::Refuses("502 Bad Gateway"));
    let names = [
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
    ];
    let env = names
        .into_iter()
        .fold(env, |env, name| env.var(name, &proxy.url));
    Attempt::start(&env, &authority, &[])
        .returns()
        .succeeds("https");
    let plain = Authority::plain(Reply::tokens());
    let home = names
        .into_iter()
        .fold(Env::new(), |env, name| env.var(name, &proxy.url));
    Attempt::start(&home, &plain, &[])
        .returns()
        .succeeds("http");
    home.connect_sandbox();
    assert!(proxy.heard().heads.is_empty());
}
