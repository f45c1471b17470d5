//! `doctor`: each thing a login needs, tried. One file a check, each giving its findings; nothing lasting is stored.

mod apps;
mod browser;
mod ca;
mod clock;
mod finding;
mod network;
mod ports;
mod proxy;
mod store;

use clap::Args;

use crate::cmd::Context;
use crate::cmd::report::{self, Line};
use crate::error::{Error, Result};
use crate::session;
use apps::Uses;
use finding::Finding;

/// Try each thing a login needs, and say what mends it
///
/// Tried are: the store (a record is written, read back and removed), what is
/// in it, the app, the port of each redirect URI, the browser, the CA
/// certificates, the proxy, each Webex in use (one request without a token),
/// and the clock. No record is left behind, and no secret is sent or shown.
///
/// It does not open a browser: `webex-connect login --sandbox` does, and shows
/// whether your browser reaches this machine.
///
/// The exit code is 0 if nothing failed, else that of the first failure: 6
/// the store, 8 the app or a port, 7 the network, 2 a file of --ca-cert, 1
/// the system's CA certificates or the clock. A warning changes nothing.
///
///   $ webex-connect doctor
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Arguments {}

pub fn run(context: &Context) -> Result<()> {
    let findings = session::runtime()?.block_on(examine(context));
    let lines: Vec<Line> = findings.iter().map(line).collect();
    report::print(context.output, &lines)?;
    verdict(&findings)
}

async fn examine(context: &Context) -> Vec<Finding> {
    let (mut findings, listing) = store::examine(context);
    let uses = Uses::of(listing.as_ref());
    findings.extend(apps::examine(listing.as_ref()));
    findings.extend(uses.redirect_uris.iter().map(ports::examine));
    findings.push(browser::examine(&uses.redirect_uris));
    findings.push(ca::examine(&context.wire, &uses));
    findings.push(proxy::examine());
    let answers = network::ask(&uses.bases, &context.wire).await;
    findings.extend(network::examine(&answers));
    findings.push(clock::examine(&answers));
    findings
}

fn line(finding: &Finding) -> Line<'_> {
    Line {
        check: finding.check,
        status: finding.state.word(),
        message: &finding.message,
        cure: finding.cure.as_deref(),
    }
}

/// The first failure decides, as it would decide over a login.
fn verdict(findings: &[Finding]) -> Result<()> {
    let Some(first) = findings.iter().find_map(Finding::kind) else {
        return Ok(());
    };
    let failed = findings.iter().filter(|finding| finding.kind().is_some());
    let mut names: Vec<&str> = failed.map(|finding| finding.check).collect();
    names.dedup();
    let message = format!("not in order: {}", names.join(", "));
    Err(Error::new(first, message)
        .with_hint("do as the report says, then run `webex-connect doctor` again"))
}
