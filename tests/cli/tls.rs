//! The whole job over real https with a private CA, and every certificate that must not do.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustls::ServerConfig;

use crate::env::{
    ACCESS_TOKEN, Attempt, Authority, BROWSER, CLIENT_ID, CLIENT_SECRET, CODE, Ca, Env,
    REFRESH_TOKEN, Reply, redirect_uri, self_signed,
};

/// A server with a certificate of this CA, whose tokens are stale when they come.
fn localhost(ca: &Ca) -> Authority {
    let stale = Reply::token_set(r#""expires_in":0"#);
    Authority::secure(ca.issue(&["localhost", "127.0.0.1"]), stale)
}

#[test]
fn a_private_ca_serves_login_and_refresh() {
    let ca = Ca::new();
    let authority = localhost(&ca);
    let env = Env::new();
    let file = env.write("ca.pem", &ca.pem()).display().to_string();
    let outcome = Attempt::start(&env, &authority, &["--ca-cert", &file]).returns();
    let connection = outcome.succeeds("--ca-cert");
    assert_eq!(connection["identity"]["email"], "jane@example.com");

    // The file is not remembered; said or set, it serves the refresh as well.
    env.run(["token", "work"])
        .code(7)
        .stderr_has("certificate")
        .check();
    let token = format!("{ACCESS_TOKEN}\n");
    env.run(["token", "work", "--ca-cert", &file])
        .stdout(&token)
        .check();
    let with_variable = env
        .run(["token", "work"])
        .var("WEBEX_CONNECT_CA_CERT", &file);
    with_variable.stdout(&token).check();
    let asked = ["POST /v1/access_token", "GET /v1/people/me"];
    let refreshes = ["POST /v1/access_token", "POST /v1/access_token"];
    assert_eq!(authority.asked(), [asked, refreshes].concat());
}

#[test]
fn the_variable_does_what_the_option_does() {
    let ca = Ca::new();
    let authority = localhost(&ca);
    let env = Env::new();
    // A bundle with comments and a stranger in front.
    let bundle = format!("# the lab\n{}\n{}", Ca::new().pem(), ca.pem());
    let file = env.write("ca.pem", &bundle);
    let env = env.var("WEBEX_CONNECT_CA_CERT", file);
    Attempt::start(&env, &authority, &[])
        .returns()
        .succeeds("variable");
    // By address instead of by name.
    let base = format!("https://127.0.0.1:{}/v1", authority.port);
    let base = base.as_str();
    let env = Env::new().var("WEBEX_CONNECT_CA_CERT", env.path("ca.pem"));
    Attempt::at(&env, &authority, base, &[])
        .returns()
        .succeeds("address");
}

/// TK-04. Not a byte of HTTP arrives: a half request would be a fault of the server's own account.
fn distrusted(case: &str, config: Arc<ServerConfig>, trusted: Option<&Ca>, words: &[&str]) {
    let authority = Authority::secure(config, Reply::tokens());
    let mut env = Env::new();
    if let Some(ca) = trusted {
        let file = env.write("ca.pem", &ca.pem());
        env = env.var("WEBEX_CONNECT_CA_CERT", file);
    }
    // What other programs take for "trust everything".
    for name in [
        "NODE_TLS_REJECT_UNAUTHORIZED",
        "PYTHONHTTPSVERIFY",
        "GIT_SSL_NO_VERIFY",
    ] {
        env = env.var(name, if name.starts_with("GIT") { "1" } else { "0" });
    }
    let outcome = Attempt::start(&env, &authority, &[]).returns();
    let all = [&["could not reach localhost", "certificate"], words].concat();
    outcome.fails(case, 7, &all);
    assert!(authority.asked().is_empty(), "{case}");
    assert_eq!(authority.connections(), 1, "{case}: tried again");
}

#[test]
fn a_certificate_that_does_not_hold_ends_the_login() {
    let (ca, names) = (Ca::new(), ["localhost", "127.0.0.1"]);
    distrusted(
        "TK-04 CA not given",
        ca.issue(&names),
        None,
        &["UnknownIssuer"],
    );
    distrusted("TK-04 another CA", ca.issue(&names), Some(&Ca::new()), &[]);
    distrusted("TK-04 self-signed", self_signed(&names), None, &[]);
    distrusted(
        "TK-04 self-signed, a CA given",
        self_signed(&names),
        Some(&ca),
        &[],
    );
    let wrong = ca.issue(&["webex.test", "localhost.webex.test"]);
    distrusted("TK-04 wrong name", wrong, Some(&ca), &["not valid for"]);
    let expired = ca.issue_expired(&names);
    distrusted("TK-04 expired", expired, Some(&ca), &["expired"]);
}

/// No CA makes a certificate of another host one of this host.
#[test]
fn a_certificate_of_another_host_leads_to_the_address_and_not_to_a_ca() {
    let ca = Ca::new();
    let authority = Authority::secure(ca.issue(&["webex.test"]), Reply::tokens());
    let env = Env::new();
    let file = env.write("ca.pem", &ca.pem());
    let args = ["login", "--token-stdin", "--api-base", &authority.base];
    let run = env.run(args).stdin(ACCESS_TOKEN).code(7);
    run.var("WEBEX_CONNECT_CA_CERT", &file.display().to_string())
        .stderr(
            "error: could not reach localhost: invalid peer certificate: certificate not valid for name \
             \"localhost\"; certificate is only valid for DnsName(\"webex.test\")\n\
             hint: check the address, for example `--api-base`, and the proxy: the certificate belongs to another host\n",
        )
        .check();
    env.run(args)
        .stdin(ACCESS_TOKEN)
        .code(7)
        .stderr(
            "error: could not reach localhost: invalid peer certificate: UnknownIssuer\n\
             hint: if a private CA vouches for that server, name it with `--ca-cert FILE`\n",
        )
        .check();
}

/// A refresh meets the same wall, and the record is still there afterwards.
#[test]
fn a_refresh_does_not_trust_more_than_a_login() {
    let ca = Ca::new();
    let authority = localhost(&ca);
    let env = Env::new();
    let file = env.write("ca.pem", &ca.pem()).display().to_string();
    Attempt::start(&env, &authority, &["--ca-cert", &file])
        .returns()
        .succeeds("login");
    let before = authority.asked().len();
    let failed = env.run(["token", "work"]).code(7).stderr_has("certificate");
    failed.secret(REFRESH_TOKEN).secret(CLIENT_SECRET).check();
    assert_eq!(authority.asked().len(), before);
    let listed = env.run(["list", "--json"]).any_stdout().check().json();
    assert_eq!(listed[0]["state"], "ready");
}

/// Answers any hello in TLS 1.1 and keeps what comes then.
fn tls_1_1() -> (u16, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap_or_else(|e| panic!("a port: {e}"));
    let port = listener.local_addr().map_or(0, |address| address.port());
    let heard = thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap_or_else(|e| panic!("accept: {e}"));
        let mut head = [0; 5];
        client
            .read_exact(&mut head)
            .unwrap_or_else(|e| panic!("a hello: {e}"));
        let mut hello = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
        client
            .read_exact(&mut hello)
            .unwrap_or_else(|e| panic!("a hello: {e}"));
        // A ServerHello (RFC 4346 §7.4.1.3): no session, ECDHE-RSA-AES128-CBC-SHA, no compression.
        let answer = [
            &[0x16, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2][..],
            &[7; 32],
            &[0, 0xc0, 0x13, 0],
        ];
        let sent = client.write_all(&answer.concat());
        sent.unwrap_or_else(|e| panic!("the answer: {e}"));
        let mut heard = Vec::new();
        let _ = client.set_read_timeout(Some(Duration::from_secs(5)));
        let _ = client.read_to_end(&mut heard);
        let _ = client.shutdown(Shutdown::Both);
        heard
    });
    (port, heard)
}

/// TK-04.
#[test]
fn tls_1_1_is_not_spoken() {
    let ca = Ca::new();
    let authority = localhost(&ca);
    let env = Env::new();
    let file = env.write("ca.pem", &ca.pem());
    let env = env.var("WEBEX_CONNECT_CA_CERT", file);
    let (port, heard) = tls_1_1();
    let base = format!("https://localhost:{port}/v1");
    let outcome = Attempt::at(&env, &authority, &base, &[]).returns();
    outcome.fails(
        "TK-04 TLS 1.1",
        7,
        &["could not reach localhost", "incompatible"],
    );
    let heard = heard
        .join()
        .unwrap_or_else(|_| panic!("the TLS 1.1 server"));
    // An alert record of seven bytes, and nothing after it.
    assert!(heard.len() == 7 && heard[0] == 0x15, "{heard:?}");
}

/// A login against a server by its name, with no browser opened yet.
fn offline(env: &Env, base: &str, more: &[&str]) -> crate::env::Run {
    let redirect_uri = redirect_uri();
    let args = [
        "login",
        "work",
        "--api-base",
        base,
        "--client-id",
        CLIENT_ID,
    ];
    let rest = [
        "--client-secret-stdin",
        "--redirect-uri",
        &redirect_uri,
        "--browser",
        BROWSER,
    ];
    let run = env.run([&args[..], &rest, more].concat());
    run.stdin(CLIENT_SECRET).secret(CLIENT_SECRET)
}

#[test]
fn a_machine_without_ca_certificates_is_told_before_a_browser_opens() {
    let ca = Ca::new();
    let authority = localhost(&ca);
    let env = Env::new()
        .var("SSL_CERT_FILE", "/nonexistent")
        .var("SSL_CERT_DIR", "/nonexistent");
    let refused = offline(&env, &authority.base, &[]).code(1);
    refused
        .stderr_has("ca-certificates")
        .stderr_has("--ca-cert")
        .within(5)
        .check();
    assert_eq!(env.opened(), None);
    assert!(env.connections().is_empty());

    let file = env.write("ca.pem", &ca.pem()).display().to_string();
    let attempt = Attempt::start(&env, &authority, &["--ca-cert", &file]);
    attempt.returns().succeeds("a CA of one's own is enough");
    // What needs no TLS needs no certificates.
    env.connect_sandbox();
}

#[test]
fn a_file_without_certificates_is_told_before_a_browser_opens() {
    let env = Env::new();
    let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (name, text) in [
        ("empty", ""),
        ("words", "hello\n"),
        ("key", key),
        ("broken", broken),
    ] {
        let file = env.write(name, text).display().to_string();
        let refused = offline(&env, "https://localhost:9/v1", &["--ca-cert", &file]).code(2);
        refused
            .stderr_has("CA certificates")
            .stderr_has("PEM")
            .within(5)
            .check();
    }
    // One that begins with a certificate is not cut to it.
    let long = Ca::new().pem() + &"\n".repeat(4 * 1024 * 1024);
    let long = env.write("long", &long).display().to_string();
    offline(&env, "https://localhost:9/v1", &["--ca-cert", &long])
        .code(2)
        .stderr_has("it has more than 4 MiB")
        .check();
    let missing = offline(&env, "https://localhost:9/v1", &["--ca-cert", "nowhere"]).code(2);
    missing.stderr_has("nowhere").within(5).check();
    assert_eq!(env.opened(), None);
}

/// TK-18. Whatever is turned up, secrets stay where they are.
#[test]
fn the_wire_is_shown_with_every_secret_masked() {
    let ca = Ca::new();
    let authority = localhost(&ca);
    let env = Env::new();
    let file = env.write("ca.pem", &ca.pem());
    let keys = env.path("keys.log");
    let env = env
        .var("WEBEX_CONNECT_CA_CERT", file)
        .var("SSLKEYLOGFILE", &keys)
        .var("RUST_LOG", "trace")
        .var("RUST_BACKTRACE", "full");
    let outcome = Attempt::start(&env, &authority, &["-vvvv"]).returns();
    outcome.succeeds("TK-18 everything turned up");
    let said = outcome.finished.said();
    let base = &authority.base;
    for line in [
        format!("> POST {base}/access_token grant_type=authorization_code code=…"),
        "client_secret=…".to_owned(),
        format!("> GET {base}/people/me"),
        "< 200".to_owned(),
    ] {
        assert!(said.contains(&line), "TK-18: no {line:?}: {said}");
    }
    let refreshed = env
        .run(["token", "work", "-vvvv"])
        .any_stdout()
        .any_stderr();
    let secrets = [CLIENT_SECRET, CODE, ACCESS_TOKEN, REFRESH_TOKEN];
    let refreshed = secrets
        .into_iter()
        .fold(refreshed, crate::env::Run::secret)
        .check();
    let wire = format!("> POST {base}/access_token grant_type=refresh_token refresh_token=…");
    assert!(refreshed.err().contains(&wire), "TK-18: {refreshed}");
    assert_eq!(refreshed.out(), format!("{ACCESS_TOKEN}\n"));
    assert!(!keys.exists(), "TK-18: TLS keys were logged");
}
