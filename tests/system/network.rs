//! A machine without IPv6.

use std::net::{Ipv6Addr, TcpListener};

use crate::elevated::{again_inside, without_ipv6};
use crate::env::Scene;

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
    scene.connects("BD-04", &callback);
}
