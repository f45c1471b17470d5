//! A machine without IPv6.

use std::net::{Ipv6Addr, TcpListener};
use std::process::Command;

use crate::elevated::without_ipv6;
use crate::env::Scene;
use crate::env::process::Process;

/// Set inside the namespace, where this test runs itself.
const INSIDE: &str = "WEBEX_CONNECT_TEST_WITHOUT_IPV6";

/// BD-04.
#[test]
#[ignore = "needs root, or sudo, for a network namespace"]
fn without_ipv6_localhost_means_127_0_0_1_alone() {
    let inside = std::env::var_os(INSIDE).is_some();
    if !inside {
        return again_inside("network::without_ipv6_localhost_means_127_0_0_1_alone");
    }
    let ipv6 = TcpListener::bind((Ipv6Addr::LOCALHOST, 0));
    assert!(ipv6.is_err(), "BD-04: there is IPv6 in here: {ipv6:?}");
    let mut scene = Scene::at("http://localhost:{PORT}/callback");
    let callback = scene.login.consent("allow");
    scene.connects("BD-04", &callback);
}

fn again_inside(test: &str) {
    let ourselves = std::env::current_exe().unwrap_or_else(|e| panic!("this test's binary: {e}"));
    let mut command = Command::new(ourselves);
    command
        .args([test, "--exact", "--ignored", "--nocapture"])
        .env(INSIDE, "1");
    let finished = Process::spawn(without_ipv6(&command), b"").finish();
    let passed = finished.code == Some(0) && finished.out().contains("1 passed");
    assert!(passed, "{finished}");
}
