//! A rename in steps, each of which the next command can complete if the process is killed.
//!
//! `rename` marks the record of the old name with the new one, writes the record of the new name, marked with the old one,
//! moves the default, removes the old record and the mark. A record with a mark is therefore an interrupted rename, or one
//! under way, whose process holds both locks. Such a record is not refreshed: the other one may have the same grant.

use std::cmp::Ordering;
use std::time::Duration;

use crate::connection::Connection;
use crate::error::{Error, Kind, Result};
use crate::name::Name;
use crate::session::stored;
use crate::store::{Key, LOCK_TIME, Lock, Store};

/// How long a command waits to complete an interrupted rename. A process that holds a lock may be that rename.
const PATIENCE: Duration = Duration::from_millis(300);

/// The old and the new name of a connection.
#[derive(Debug, PartialEq, Eq)]
pub struct Rename {
    pub old: Name,
    pub new: Name,
}

/// Renames a connection.
///
/// # Errors
/// [`Kind::SignIn`] if there is no such connection, [`Kind::Usage`] if the new name is taken, and the store's errors.
pub fn rename(store: &Store, rename: &Rename) -> Result<()> {
    let Rename { old, new } = rename;
    let _locks = lock_both(store, rename, LOCK_TIME)?;
    let mut connection = stored(store, old)?;
    // Names are stored without case, so this is one record.
    if old == new {
        connection.name = new.clone();
        return store.save_connection(&mut connection);
    }
    if store.connection(new)?.is_some() {
        return Err(
            Error::new(Kind::Usage, format!("there is already a connection {new}")).with_hint(
                format!("choose another name, or remove it with `webex-connect logout {new}`"),
            ),
        );
    }
    connection.renaming_to = Some(new.clone());
    store.save_connection(&mut connection)?;
    write(store, connection, rename, 0)
}

/// The error for a connection whose rename could not be completed yet. Until then neither record is refreshed or removed:
/// both may have the same grant.
pub fn not_renamed(connection: &Connection) -> Error {
    let message = format!("the rename of {} is not complete yet", connection.name);
    Error::new(Kind::LockHeld, message).with_hint("run the same command again")
}

/// Completes the rename that a record is marked with. Returns the names if the connection now has the new one.
///
/// A failure is not an error: a token that is still valid can be used, and the next command tries again.
pub fn complete_rename(store: &Store, marked: &Connection) -> Option<Rename> {
    let name = marked.name.clone();
    let rename = match (&marked.renaming_to, &marked.renamed_from) {
        (Some(new), _) => Rename {
            old: name,
            new: new.clone(),
        },
        (None, Some(old)) => Rename {
            old: old.clone(),
            new: name,
        },
        (None, None) => return None,
    };
    let _limit = store.limit_writes(PATIENCE);
    let completed = complete(store, &rename);
    completed.unwrap_or_default().then_some(rename)
}

/// Returns whether the connection now has the new name.
fn complete(store: &Store, rename: &Rename) -> Result<bool> {
    let Rename { old, new } = rename;
    if old == new {
        return Ok(false);
    }
    let _locks = lock_both(store, rename, PATIENCE)?;
    let existing = store.connection(new)?;
    let Some(mut marked) = store.connection(old)? else {
        // Another process has removed the old record.
        let is_renamed = existing.is_some();
        unmark(store, existing)?;
        return Ok(is_renamed);
    };
    if marked.renaming_to.as_ref() != Some(new) {
        // Somebody signed in under the old name since.
        unmark(store, existing)?;
        return Ok(false);
    }
    match (next(&marked, existing.as_ref()), existing) {
        (Step::Write { revision }, _) => write(store, marked, rename, revision)?,
        (Step::Remove, Some(existing)) => remove_old(store, existing, rename)?,
        (Step::Remove | Step::Unmark, existing) => {
            unmark(store, existing)?;
            marked.renaming_to = None;
            store.save_connection(&mut marked)?;
            return Ok(false);
        }
    }
    Ok(true)
}

/// Removes the mark of the record with the new name.
fn unmark(store: &Store, renamed: Option<Connection>) -> Result<()> {
    match renamed {
        Some(mut renamed) if renamed.renamed_from.is_some() => {
            renamed.renamed_from = None;
            store.save_connection(&mut renamed)
        }
        _ => Ok(()),
    }
}

/// What is left to do of an interrupted rename.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// Write the old record under the new name, over this revision.
    Write { revision: u64 },
    /// Remove the old record: the one of the new name is as new.
    Remove,
    /// Keep both: they may be different grants.
    Unmark,
}

/// Decides how to complete a rename. The newer tokens are kept: a refresh token that was replaced is worth nothing.
fn next(marked: &Connection, existing: Option<&Connection>) -> Step {
    let Some(existing) = existing else {
        return Step::Write { revision: 0 };
    };
    if !marked.may_share_grant(existing) {
        return Step::Unmark;
    }
    let is_first_revision = existing.revision <= 1;
    let is_same_grant = marked.tokens.access_token == existing.tokens.access_token
        || (marked.identity.is_some() && existing.identity.is_some());
    match existing.tokens.obtained_at.cmp(&marked.tokens.obtained_at) {
        Ordering::Greater => Step::Remove,
        // The record of the new name was changed after it was copied.
        Ordering::Equal if !is_first_revision => Step::Remove,
        Ordering::Equal | Ordering::Less if is_same_grant => Step::Write {
            revision: existing.revision,
        },
        Ordering::Equal | Ordering::Less => Step::Unmark,
    }
}

fn write(store: &Store, marked: Connection, rename: &Rename, revision: u64) -> Result<()> {
    let mut renamed = Connection {
        name: rename.new.clone(),
        renaming_to: None,
        renamed_from: Some(rename.old.clone()),
        revision,
        ..marked
    };
    store.save_connection(&mut renamed)?;
    remove_old(store, renamed, rename)
}

fn remove_old(store: &Store, renamed: Connection, rename: &Rename) -> Result<()> {
    if store.is_default(&rename.old) {
        store.save_default(&renamed)?;
    }
    store.remove(&Key::Connection(rename.old.clone()))?;
    unmark(store, Some(renamed))
}

/// Takes the locks of both names, in the order of the names, so that two renames cannot wait for each other.
fn lock_both(store: &Store, rename: &Rename, patience: Duration) -> Result<Vec<Lock>> {
    let mut names = vec![&rename.old, &rename.new];
    names.sort_by_key(|name| name.folded());
    names.dedup();
    names
        .into_iter()
        .map(|name| {
            store
                .lock_name(&Key::Connection(name.clone()))
                .take(patience)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn connection(edit: impl Fn(&mut Value)) -> Connection {
        let mut json = json!({
            "revision": 1,
            "name": "old",
            "auth_type": "own_app",
            "app": {"name": "app", "client_id": "C1", "redirect_uri": "http://127.0.0.1:8911/callback"},
            "environment": "webex",
            "identity": {"id": "p1"},
            "grant": {"requested": [], "granted": [], "source": "assumed"},
            "tokens": {
                "access_token": "a",
                "expires_at": null,
                "refresh_token": "r",
                "refresh_token_expires_at": null,
                "obtained_at": "2026-01-01T00:00:01Z",
            },
        });
        edit(&mut json);
        serde_json::from_value(json).unwrap()
    }

    fn with<'a>(members: &'a [(&'a str, Value)]) -> impl Fn(&mut Value) + 'a {
        move |json| {
            for (pointer, value) in members {
                let (parent, name) = pointer.rsplit_once('/').unwrap();
                json.pointer_mut(parent).unwrap()[name] = value.clone();
            }
        }
    }

    #[test]
    fn the_newer_tokens_are_kept() {
        let (earlier, later) = ("2026-01-01T00:00:00Z", "2026-01-01T00:00:02Z");
        let token = ("/tokens/access_token", json!("b"));
        let nobody = ("/identity", Value::Null);
        let obtained_at = |at: &str| ("/tokens/obtained_at", json!(at));
        let write = |revision| Step::Write { revision };
        let marked = connection(|_| {});
        for (case, existing, expected) in [
            ("an exact copy", vec![], write(1)),
            (
                "a copy that was used",
                vec![("/revision", json!(2))],
                Step::Remove,
            ),
            (
                "refreshed after the copy",
                vec![token.clone(), obtained_at(later)],
                Step::Remove,
            ),
            (
                "the old one was refreshed",
                vec![token.clone(), obtained_at(earlier)],
                write(1),
            ),
            (
                "refreshed in the same second",
                vec![token.clone()],
                write(1),
            ),
            (
                "the new one was refreshed in the same second",
                vec![token.clone(), ("/revision", json!(3))],
                Step::Remove,
            ),
            (
                "a copy of an unknown person",
                vec![nobody.clone()],
                write(1),
            ),
            (
                "an unknown person with older tokens",
                vec![nobody.clone(), token.clone(), obtained_at(earlier)],
                Step::Unmark,
            ),
            (
                "an unknown person with newer tokens",
                vec![nobody, token, obtained_at(later)],
                Step::Remove,
            ),
            (
                "another person",
                vec![("/identity/id", json!("p2"))],
                Step::Unmark,
            ),
            (
                "another client",
                vec![("/app/client_id", json!("C2"))],
                Step::Unmark,
            ),
            (
                "another environment",
                vec![("/environment", json!("webex-gov"))],
                Step::Unmark,
            ),
        ] {
            let existing = connection(with(&existing));
            assert_eq!(next(&marked, Some(&existing)), expected, "{case}");
        }
        assert_eq!(next(&marked, None), write(0));
    }
}
