//! The redirect port: whose it is, where it listens, and that it is given back.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::time::Duration;

use crate::env::{
    BROWSER, CLIENT_SECRET, Env, Login, Run, Sandbox, Scene, case_held, free_port, is_free,
};

/// BD-01.
#[test]
fn a_taken_port_ends_the_login_before_a_browser_opens() {
    squatted("BD-01", "127.0.0.1", "http://127.0.0.1:{PORT}/callback");
}

/// BD-02: with 127.0.0.1 alone free, a client that tries ::1 first would deliver the code to whoever has it.
#[test]
fn a_port_taken_on_the_other_family_ends_the_login_too() {
    squatted("BD-02", "[::1]", "http://localhost:{PORT}/callback");
}

fn squatted(case: &str, host: &str, redirect_uri: &str) {
    let env = Env::new();
    let port = free_port();
    let redirect_uri = redirect_uri.replace("{PORT}", &port.to_string());
    let squatter = TcpListener::bind(format!("{host}:{port}"))
        .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
        .unwrap_or_else(|e| panic!("{case}: {e}"));
    let sandbox = Sandbox::start(&env, &redirect_uri);
    let mut command = Login::command(&env, &sandbox, &redirect_uri);
    command.args(["--browser", BROWSER]);
    Run::new(command)
        .stdin(&format!("{CLIENT_SECRET}\n"))
        .secret(CLIENT_SECRET)
        .code(8)
        .stderr_has("in use")
        .stderr_has(&port.to_string())
        .stderr_has("device")
        .check();
    assert_eq!(env.opened(), None, "{case}: a browser was opened");
    match squatter.accept() {
        Err(e) if e.kind() == ErrorKind::WouldBlock => {}
        other => panic!("{case}: someone talked to the squatter: {other:?}"),
    }
    assert!(env.connections().is_empty(), "{case}");
    case_held(format!("{case} another program"));
}

/// BD-05.
#[cfg(target_os = "linux")]
#[test]
fn the_port_listens_on_the_loopback_addresses_of_its_host_alone() {
    const V4: &str = "0100007F";
    const V6: &str = "00000000000000000000000001000000";
    for (redirect_uri, expected) in [
        ("http://127.0.0.1:{PORT}/callback", &[V4][..]),
        ("http://localhost:{PORT}/callback", &[V6, V4]),
    ] {
        let mut scene = Scene::at(redirect_uri);
        let case = format!("BD-05 {redirect_uri}");
        assert_eq!(listening(scene.login.port()), expected, "{case}");
        let callback = scene.login.consent("allow");
        scene.connects(&case, &callback);
    }
}

/// The local addresses on which someone listens on this port, as the kernel writes them (RFC 1700 byte order
/// reversed in words of four).
#[cfg(target_os = "linux")]
fn listening(port: u16) -> Vec<String> {
    const LISTEN: &str = "0A";
    // While others come and go, the table can show a row twice: hence the set.
    let port = format!("{port:04X}");
    ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{path}: {e}")))
        .flat_map(|table| table.lines().skip(1).map(str::to_owned).collect::<Vec<_>>())
        .filter_map(|row| {
            let mut columns = row.split_whitespace().skip(1);
            let (address, local_port) = columns.next()?.split_once(':')?;
            let state = columns.nth(1)?;
            (local_port == port && state == LISTEN).then(|| address.to_owned())
        })
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect()
}

/// CB-22.
#[test]
fn without_a_callback_the_login_times_out_and_gives_the_port_back() {
    let scene = Scene::with(
        Env::new(),
        "http://127.0.0.1:{PORT}/callback",
        &["--no-browser", "--timeout", "5"],
    );
    let port = scene.login.port();
    let Scene {
        env,
        sandbox,
        login,
    } = scene;
    let finished = login.finish();
    assert_eq!(finished.code, Some(4), "CB-22: {finished}");
    assert!(finished.took <= Duration::from_secs(8), "CB-22: {finished}");
    assert!(finished.said().contains("timed_out"), "CB-22: {finished}");
    assert!(is_free(port), "CB-22: port {port} is still taken");
    assert!(env.connections().is_empty(), "CB-22");
    drop(sandbox);
    #[cfg(target_os = "linux")]
    env.nothing_runs();
    case_held("CB-22 no callback");
}
