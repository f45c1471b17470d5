//! The CA certificates: the system's, and those of `--ca-cert`.

use crate::app::Environment;
use crate::client::{Client, Wire};
use crate::cmd::doctor::apps::Uses;
use crate::cmd::doctor::finding::{Finding, State};
use crate::error::Result;

const CA: &str = "ca";

/// What TLS needs is there; where everything in use is on this machine, it is not missed.
pub fn examine(wire: &Wire, uses: &Uses) -> Finding {
    let message = match (client(wire), &wire.ca_cert) {
        (Ok(_), None) => "the CA certificates of the system".to_owned(),
        (Ok(_), Some(path)) => {
            let path = path.display();
            match client(&Wire::default()) {
                Ok(_) => format!("the CA certificates of the system, and those in {path}"),
                Err(_) => format!("the CA certificates in {path} alone: the system has none"),
            }
        }
        (Err(error), _) => {
            let mut finding = Finding::fail(CA, &error, "name a PEM file with `--ca-cert FILE`");
            if !uses.bases.iter().any(|base| base.scheme() == "https") {
                finding.state = State::Warning;
            }
            return finding;
        }
    };
    Finding::ok(CA, message)
}

/// A client for https, whoever is to be reached with it.
fn client(wire: &Wire) -> Result<Option<Client>> {
    let base = Environment::Webex.api_base();
    base.map(|base| Client::new(&base, wire)).transpose()
}
