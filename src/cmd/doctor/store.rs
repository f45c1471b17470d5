//! The store, tried out, and what is in it.

use std::path::PathBuf;

use crate::cmd::Context;
use crate::cmd::doctor::finding::Finding;
use crate::connection::{Connection, State};
use crate::dirs::Loose;
use crate::session;
use crate::store::{Listing, Store, Trial};

const STORE: &str = "store";
const CONNECTIONS: &str = "connections";
const AGAIN: &str = "mend the store, then run `webex-connect doctor` again";

/// The findings, and everything in the store if it could be read.
pub fn examine(context: &Context) -> (Vec<Finding>, Option<Listing>) {
    let store = match context.silent_store() {
        Ok(store) => store,
        Err(error) => return (vec![Finding::fail(STORE, &error, AGAIN), unknown()], None),
    };
    let mut findings = vec![tried(&store)];
    findings.extend(store.tightened().iter().map(tightened));
    match store.list() {
        Ok(listing) => {
            findings.extend(contents(&listing, context));
            (findings, Some(listing))
        }
        Err(error) => {
            // What the trial met as well is told once.
            match findings[0].kind() {
                Some(_) => findings.push(unknown()),
                None => findings.push(Finding::fail(CONNECTIONS, &error, AGAIN)),
            }
            (findings, None)
        }
    }
}

fn tried(store: &Store) -> Finding {
    let place = store.place();
    match store.try_out() {
        Ok(Trial::Works { key }) => {
            let key = key.map(|key| format!("; its key: {key}"));
            let done = "a record was written, read back and removed";
            Finding::ok(STORE, format!("{place}: {done}{}", key.unwrap_or_default()))
        }
        Ok(Trial::NoKeyYet) => Finding::warning(
            STORE,
            format!("{place} has no key yet, so nothing was written"),
            "the first `webex-connect login` makes one, and asks for its passphrase if it has to",
        ),
        Err(error) => {
            let mut finding = Finding::fail(STORE, &error, AGAIN);
            if store.no_keyring().is_some() {
                let kept = format!("; only sandbox connections can be kept, in {place}");
                finding.message.push_str(&kept);
            }
            finding
        }
    }
}

/// A file or a directory that other users could read or change until now.
fn tightened((path, loose): &(PathBuf, Loose)) -> Finding {
    let path = path.display();
    let now = match loose.is_tightened {
        true => "it is yours alone now".to_owned(),
        false => format!("run `chmod go= {path}`"),
    };
    Finding::warning(
        STORE,
        format!(
            "{path} was open to other users of this machine (mode {:o})",
            loose.mode
        ),
        format!(
            "{now}; if another user may have read it, sign in again with `webex-connect login`"
        ),
    )
}

fn contents(listing: &Listing, context: &Context) -> Vec<Finding> {
    let unreadable = listing.unreadable.iter();
    let mut findings: Vec<Finding> = unreadable
        .map(|error| Finding::fail(CONNECTIONS, error, AGAIN))
        .collect();
    let all = &listing.connections;
    let needy: Vec<&Connection> = all
        .iter()
        .filter(|connection| connection.state(context.now) != State::Ready)
        .collect();
    let Some(first) = needy.first() else {
        let message = match all.len() {
            0 => "none yet".to_owned(),
            1 => "1, good for a token without a person".to_owned(),
            count => format!("{count}, each good for a token without a person"),
        };
        findings.push(Finding::ok(CONNECTIONS, message));
        return findings;
    };
    let names: Vec<&str> = needy.iter().map(|one| one.name.as_str()).collect();
    let message = format!(
        "{} of {} need a person to sign in: {}",
        needy.len(),
        all.len(),
        names.join(", ")
    );
    let cure = format!("sign in with `{}`", session::login_command(first));
    findings.push(Finding::warning(CONNECTIONS, message, cure));
    findings
}

fn unknown() -> Finding {
    Finding::warning(CONNECTIONS, "not known: the store could not be read", AGAIN)
}
