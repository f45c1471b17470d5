//! Whether each Webex in use can be reached: one request each, with no token, all at once.

use std::time::Duration;

use jiff::Timestamp;
use url::Url;

use crate::app::endpoint;
use crate::client::proxy::Proxy;
use crate::client::{Answer, Client, Wire};
use crate::cmd::doctor::finding::Finding;
use crate::error::{Error, Kind, Result};
use crate::moment::now;

const NETWORK: &str = "network";
/// For one Webex, from the name's look-up to the answer. The client's own bounds add up to more than somebody who
/// is offline should wait for.
const PATIENCE: Duration = Duration::from_secs(10);

/// What came of asking one Webex.
pub struct Asked {
    pub base: Url,
    pub answer: Result<Answer>,
    /// When the answer was there.
    pub at: Timestamp,
}

/// Asks each of them who we are, without saying it. Must be called inside a runtime.
pub async fn ask(bases: &[Url], wire: &Wire) -> Vec<Asked> {
    let asking: Vec<_> = bases
        .iter()
        .map(|base| (base.clone(), tokio::spawn(one(base.clone(), wire.clone()))))
        .collect();
    let mut asked = Vec::new();
    for (base, task) in asking {
        let stopped = || Error::new(Kind::Failure, "the request was stopped");
        let (answer, at) = task.await.unwrap_or_else(|_| (Err(stopped()), now()));
        asked.push(Asked { base, answer, at });
    }
    asked
}

async fn one(base: Url, wire: Wire) -> (Result<Answer>, Timestamp) {
    let answer = match tokio::time::timeout(PATIENCE, unnamed(&base, &wire)).await {
        Ok(answer) => answer,
        Err(_) => {
            let host = base.host_str().unwrap_or_default();
            let message = format!("no answer from {host} within {} s", PATIENCE.as_secs());
            Err(Error::new(Kind::Temporary, message).with_hint(
                "check the network and the proxy, then run `webex-connect doctor` again",
            ))
        }
    };
    (answer, now())
}

async fn unnamed(base: &Url, wire: &Wire) -> Result<Answer> {
    let client = Client::new(base, wire)?;
    let request = http::Request::get(endpoint(base, "people/me").as_str())
        .header(http::header::ACCEPT, "application/json")
        .body(Vec::new())
        .map_err(|_| Error::new(Kind::Failure, "the address of people/me is not a URL"))?;
    client.send(request).await
}

pub fn examine(asked: &[Asked]) -> Vec<Finding> {
    if asked.is_empty() {
        let message = "nothing to reach: all connections here are in the sandbox";
        return vec![Finding::ok(NETWORK, message)];
    }
    asked.iter().map(finding).collect()
}

fn finding(asked: &Asked) -> Finding {
    let base = &asked.base;
    let through = Proxy::between(base).map_or_else(String::new, |proxy| {
        let named = proxy.variable.unwrap_or("the system");
        format!("; {named} leads through {}", proxy.address)
    });
    match &asked.answer {
        Ok(answer) if answer.status().as_u16() < 500 => {
            let status = answer.status().as_u16();
            Finding::ok(NETWORK, format!("{base} answers ({status}){through}"))
        }
        Ok(answer) => Finding::warning(
            NETWORK,
            format!("{base} answers with {}{through}", answer.status().as_u16()),
            "try `webex-connect doctor` again in a minute; https://status.webex.com tells of outages",
        ),
        Err(error) => {
            let mut finding = Finding::fail(NETWORK, error, "check the network");
            finding.message.push_str(&through);
            finding
        }
    }
}
