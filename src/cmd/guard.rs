//! What neither a login nor an import does unasked: lose scopes that a connection has, or put another account in its place.

use clap::Args;
use jiff::Timestamp;
use serde_json::json;

use crate::client::Wire;
use crate::connection::{Connection, Grant, GrantSource, Identity, State};
use crate::error::{Error, Kind, Result};
use crate::output::Output;
use crate::scope::{ScopeSet, WHO_AM_I};
use crate::session::{self, Owner};
use crate::store::Store;

/// The hint that keeps both connections after a login.
pub const ANOTHER_LOGIN: &str = "to keep both: `webex-connect login NAME`";

/// Whom the command line expects, and what it lets pass.
#[derive(Args, Clone, Default)]
pub struct Guard {
    /// Refuse anyone but this account
    #[arg(long, value_name = "EMAIL")]
    expect_user: Option<String>,
    /// Let another account or organisation take the connection over
    #[arg(long)]
    allow_other_identity: bool,
    /// Let the connection lose scopes it has
    #[arg(long)]
    allow_fewer_scopes: bool,
    /// A signal left no time to ask who signed in; what Webex granted is stored all the same.
    #[arg(skip)]
    pub hurried: bool,
    /// The owner of the connection that is about to be replaced, as Webex reported it.
    #[arg(skip)]
    owner: Option<Owner>,
}

impl Guard {
    pub fn expect_user(&self) -> Option<&str> {
        self.expect_user.as_deref()
    }

    /// Asks who owns the connection that is about to be replaced, unless its record says so or its owner does not matter.
    pub async fn ask_owner(&mut self, store: &Store, existing: &Connection, wire: &Wire) {
        if !self.allow_other_identity {
            self.owner = Some(session::owner(store, existing, wire).await);
        }
    }

    /// Fills in the owner of the connection that is about to be replaced, as Webex reported it. Refuses if the owner is
    /// unknown although the scopes allow asking. `another_name` is the hint that keeps both connections.
    ///
    /// # Errors
    /// [`Kind::Refused`]; nothing was stored.
    pub fn complete(&self, existing: &mut Connection, another_name: &str) -> Result<()> {
        if existing.identity.is_some() || self.allow_other_identity {
            return Ok(());
        }
        match &self.owner {
            Some(Owner::Known(identity)) => existing.identity = Some(identity.clone()),
            Some(Owner::Hidden) => {}
            _ if existing.grant.may_identify() => {
                let name = &existing.name;
                let message = format!(
                    "could not find out which account {name} belongs to, so nothing was stored"
                );
                return Err(Error::new(Kind::Refused, message).with_hint(format!(
                    "{another_name}; to let any account take {name} over, give the same command with \
                     `--allow-other-identity`"
                )));
            }
            _ => {}
        }
        Ok(())
    }

    /// Stops a request that states less than a connection in use has, before a browser opens.
    ///
    /// # Errors
    /// [`Kind::Refused`] with what would be lost.
    pub fn request(&self, existing: &Connection, wanted: &ScopeSet, now: Timestamp) -> Result<()> {
        let lost = asked_and_had(&existing.grant).missing_from(wanted);
        if self.allow_fewer_scopes || lost.is_empty() || existing.state(now) != State::Ready {
            return Ok(());
        }
        let name = &existing.name;
        let message = format!("this request leaves out scopes that {name} has: {lost}");
        Err(Error::new(Kind::Refused, message).with_hint(
            "add scopes with `--add-scope`, give these up with `--allow-fewer-scopes`, or keep both with another \
             name: `webex-connect login NAME`",
        ))
    }

    /// Stops a grant that turned out narrower than that of a connection in use, and shows both.
    ///
    /// # Errors
    /// [`Kind::Refused`]; nothing was stored.
    pub fn grant(
        &self,
        output: Output,
        existing: &Connection,
        new: &Grant,
        now: Timestamp,
    ) -> Result<()> {
        let had = match new.source {
            GrantSource::Reported => existing.grant.granted.clone(),
            // Not told what was granted, so only what was asked for can be compared.
            GrantSource::Assumed | GrantSource::Unknown => asked_and_had(&existing.grant),
        };
        let lost = had.missing_from(&new.granted);
        if self.allow_fewer_scopes || lost.is_empty() || existing.state(now) != State::Ready {
            return Ok(());
        }
        let (name, old) = (&existing.name, &existing.grant.granted);
        output.event(&json!({
            "event": "fewer_scopes", "stored": old, "granted": new.granted, "missing": lost,
        }));
        output.note(&format!("{name} has {}: {old}", old.len()));
        output.note(&format!(
            "the new grant has {}: {}",
            new.granted.len(),
            new.granted
        ));
        let message = format!(
            "Webex granted less than {name} has; the new grant was not stored and {name} stays as it was; missing: \
             {lost}"
        );
        let ended = existing.environment.grants_page();
        let ended = ended.map_or_else(String::new, |page| format!(" or is ended at {page}"));
        Err(Error::new(Kind::Refused, message).with_hint(format!(
            "the new grant lives on until it expires{ended}; keep every scope ticked in `webex-connect login {name}`, \
             or accept fewer with `--allow-fewer-scopes`"
        )))
    }

    /// Stops another account than the one expected, or than the one that a connection had before. Where Webex does
    /// not tell who signed in, gives a warning to show instead.
    ///
    /// # Errors
    /// [`Kind::Refused`]; nothing was stored.
    pub fn identity(
        &self,
        existing: Option<&Connection>,
        new: Option<&Identity>,
        granted: &ScopeSet,
    ) -> Result<Option<String>> {
        if let Some(expected) = &self.expect_user {
            expect(expected, new)?;
        }
        let Some(existing) = existing.filter(|_| !self.allow_other_identity) else {
            return Ok(None);
        };
        let name = &existing.name;
        match (&existing.identity, new) {
            (Some(old), Some(new)) if is_other(old, new) => {
                let (before, now) = (old.account(), new.account());
                let whose = if before == now {
                    "another account or organisation"
                } else {
                    &now
                };
                let message = format!(
                    "{name} belongs to {before}, and {whose} signed in; nothing was stored \
                     (`--allow-other-identity` lets {name} change hands)"
                );
                Err(Error::new(Kind::Refused, message).with_hint(ANOTHER_LOGIN))
            }
            (Some(_), Some(_)) => Ok(None),
            // Who may ask and gets no answer asks again, or the next login had nobody to compare with.
            (Some(old), None) if granted.contains(WHO_AM_I) && !self.hurried => {
                let before = old.account();
                let message = format!(
                    "could not tell whether {name} still belongs to {before}, so nothing was stored"
                );
                Err(Error::new(Kind::Temporary, message).with_hint(format!(
                    "run `webex-connect login {name}` again, or let it change hands with `--allow-other-identity`"
                )))
            }
            _ => {
                let why = match granted.contains(WHO_AM_I) {
                    true => String::new(),
                    false => format!(": asking takes the scope {WHO_AM_I}"),
                };
                Ok(Some(format!(
                    "could not tell whether {name} still belongs to the same account{why}"
                )))
            }
        }
    }
}

/// What an earlier login asked for and got. Webex adds scopes of its own (`spark:kms`), which nobody asks for.
fn asked_and_had(grant: &Grant) -> ScopeSet {
    let never_had = grant.missing();
    grant.requested.missing_from(&never_had)
}

fn expect(expected: &str, new: Option<&Identity>) -> Result<()> {
    let email = new.and_then(|identity| identity.email.as_deref());
    if email.is_some_and(|email| email.eq_ignore_ascii_case(expected)) {
        return Ok(());
    }
    let (message, hint) = match new {
        Some(new) => (
            format!(
                "{} signed in, not {expected}; nothing was stored",
                new.account()
            ),
            format!("sign in as {expected}, or leave out `--expect-user`"),
        ),
        None => (
            format!("could not tell whether {expected} signed in, so nothing was stored"),
            format!("ask for the scope {WHO_AM_I} too, or leave out `--expect-user`"),
        ),
    };
    Err(Error::new(Kind::Refused, message).with_hint(hint))
}

/// E-mail addresses and names change; the ID does not, and neither does the organisation of an account.
fn is_other(old: &Identity, new: &Identity) -> bool {
    let moved = matches!((&old.org_id, &new.org_id), (Some(old), Some(new)) if old != new);
    old.id != new.id || moved
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str) -> ScopeSet {
        ScopeSet::parse(text).unwrap()
    }

    #[test]
    fn a_scope_that_webex_added_is_not_missed_in_a_request() {
        let grant = Grant::new(set("a b c"), Some(set("a b spark:kms")));
        assert_eq!(asked_and_had(&grant), set("a b"));
    }

    #[test]
    fn an_account_is_its_id_and_its_organisation() {
        let identity = |id: &str, org: Option<&str>| Identity {
            id: id.to_owned(),
            display_name: None,
            email: None,
            org_id: org.map(str::to_owned),
            kind: None,
        };
        assert!(!is_other(
            &identity("p", Some("o")),
            &identity("p", Some("o"))
        ));
        assert!(!is_other(&identity("p", Some("o")), &identity("p", None)));
        assert!(is_other(
            &identity("p", Some("o")),
            &identity("q", Some("o"))
        ));
        assert!(is_other(
            &identity("p", Some("o")),
            &identity("p", Some("r"))
        ));
    }
}
