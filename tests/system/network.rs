//! A machine without IPv6, and one whose names nobody looks up.

use std::net::{Ipv6Addr, TcpListener, UdpSocket};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::elevated::{again_inside, with_own_resolver, without_ipv6};
use crate::env::process::Process;
use crate::env::{Env, Scene};

/// BD-04.
#[test]
#[ignore = "needs root, or sudo, for a network namespace"]
fn without_ipv6_localhost_means_127_0_0_1_alone() {
    let name = "network::without_ipv6_localhost_means_127_0_0_1_alone";
    if again_inside(name, without_ipv6) {
        return;
    }
    let ipv6 = TcpListener::bind((Ipv6Addr::LOCALHOST, 0));
    assert!(ipv6.is_err(), "BD-04: there is IPv6 in here: {ipv6:?}");
    let mut scene = Scene::at("http://localhost:{PORT}/callback");
    let callback = scene.login.consent("allow");
    scene.connects("BD-04 no IPv6", &callback);
}

/// A look-up can't be called off, and the system gives it ten seconds and more: nobody waits for its end.
#[test]
#[ignore = "needs root, or sudo, for a network namespace"]
fn a_resolver_that_never_answers_holds_up_neither_a_signal_nor_the_end() {
    let name = "network::a_resolver_that_never_answers_holds_up_neither_a_signal_nor_the_end";
    if again_inside(name, with_own_resolver) {
        return;
    }
    let silent = || UdpSocket::bind("127.0.0.1:53").unwrap_or_else(|e| panic!("port 53: {e}"));
    let env = Env::new();
    let login = || {
        let token = b"abcdefghijklmnopqrstuvwxyz012345";
        Process::spawn(env.command(["login", "bot", "--token-stdin"]), token)
    };
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let resolver = silent();
        let process = login();
        let asked = resolver.recv(&mut [0; 512]);
        assert!(asked.is_ok_and(|length| length > 0));
        let since = Instant::now();
        process.signal(signal);
        let finished = process.finish();
        assert_eq!(finished.code, Some(code), "{finished}");
        assert!(since.elapsed() < Duration::from_secs(5), "{finished}");
    }
    let _resolver = silent();
    let finished = login().finish();
    assert_eq!(finished.code, Some(7), "{finished}");
    let told = "error: timed out waiting for webexapis.com (10 s)\n";
    assert!(finished.err().starts_with(told), "{finished}");
}
