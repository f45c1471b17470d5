//! What can go wrong with a keyring, and how this program reports it.

use std::fmt;
use std::io;
use std::time::Duration;

use crate::error::{Error, Kind};
use crate::store::record::ambiguous;

pub const OTHER_STORE: &str = "unlock or start the keyring, or keep secrets in a sealed file with `--store file` or WEBEX_CONNECT_STORE=file";

/// A failure that this program detects itself. It travels inside the errors of the keyring interface.
#[derive(Debug)]
#[cfg_attr(
    any(target_os = "macos", windows),
    allow(dead_code, reason = "the session bus has most of them")
)]
pub enum Failure {
    /// There is no session bus, or no keyring on it. The text says why.
    Absent(String),
    /// The session bus at this path belongs to another user.
    OtherUser(String),
    /// Something that answers at once did not, for this long.
    Silent(Duration),
    /// A call that may wait for a person was not answered, for this long.
    Unanswered(Duration),
    /// The keyring or the bus stopped before it answered.
    Stopped,
    Locked,
    /// A prompt of the keyring was dismissed.
    Dismissed,
    /// The keyring has unlocked no collection, so it may have records that it does not show.
    NotOpen,
    /// There is no collection to create an item in.
    NoDefaultCollection,
    /// The object does not exist any more, in the words of the bus.
    NoObject(String),
    /// The keyring refused, in these words.
    Refused(String),
    /// The system refused a thread.
    NoThread(io::Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Absent(words) | Failure::NoObject(words) | Failure::Refused(words) => {
                f.write_str(words)
            }
            Failure::OtherUser(path) => write!(f, "{path} belongs to another user"),
            Failure::Silent(limit) | Failure::Unanswered(limit) => {
                write!(f, "no answer within {} s", limit.as_secs())
            }
            Failure::Stopped => f.write_str("it stopped"),
            Failure::Locked => f.write_str("it is locked"),
            Failure::Dismissed => f.write_str("its prompt was dismissed"),
            Failure::NotOpen => f.write_str("no keyring is open"),
            Failure::NoDefaultCollection => f.write_str("no default collection"),
            Failure::NoThread(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Failure {}

impl From<Failure> for keyring::Error {
    fn from(failure: Failure) -> keyring::Error {
        match failure {
            Failure::Locked | Failure::Dismissed => {
                keyring::Error::NoStorageAccess(Box::new(failure))
            }
            Failure::NoObject(_) => keyring::Error::NoEntry,
            _ => keyring::Error::PlatformFailure(Box::new(failure)),
        }
    }
}

/// The failure that an error of the keyring interface carries, if it is one of ours.
pub fn carried_by(error: &keyring::Error) -> Option<&Failure> {
    match error {
        keyring::Error::PlatformFailure(cause) | keyring::Error::NoStorageAccess(cause) => {
            cause.downcast_ref()
        }
        _ => None,
    }
}

/// The error for a keyring that does not exist here.
pub fn absent(words: &str) -> Error {
    let message = match cfg!(any(target_os = "macos", windows)) {
        true => "there is no keyring here",
        false => "there is no keyring here (no D-Bus session with a Secret Service)",
    };
    Error::new(Kind::Store, message)
        .with_detail(words)
        .with_hint("start one, or keep secrets in a sealed file with `--store file` or WEBEX_CONNECT_STORE=file")
}

/// The error for a session bus that serves another user.
pub fn other_user(path: &str) -> Error {
    let message = format!(
        "there is no keyring for this user: the session bus {path} belongs to another user"
    );
    Error::new(Kind::Store, message).with_hint(
        "run the command as that user, or unset DBUS_SESSION_BUS_ADDRESS and keep secrets in a sealed file with \
         `--store file` or WEBEX_CONNECT_STORE=file",
    )
}

/// The error for a call that may wait for a person and was not answered.
fn unanswered(limit: Duration) -> Error {
    let seconds = limit.as_secs();
    let message = format!(
        "the keyring did not answer within {seconds} s: it may be locked, with a prompt that nobody answers"
    );
    Error::new(Kind::Store, message).with_hint(OTHER_STORE)
}

/// The error for an attempt to `what` ("read from the keyring") that concerned this record. It quotes the keyring, but
/// not those errors of the interface that carry what was stored.
pub fn failed(what: &str, key: &str, error: &keyring::Error) -> Error {
    match error {
        keyring::Error::Ambiguous(_) => ambiguous(key),
        keyring::Error::PlatformFailure(cause) => match carried_by(error) {
            Some(failure) => known(what, failure),
            None => refused(what, &cause.to_string()),
        },
        keyring::Error::NoStorageAccess(_) => Error::new(
            Kind::Store,
            format!("could not {what}: it is locked, or its prompt was dismissed"),
        )
        .with_hint(OTHER_STORE),
        _ => refused(what, ""),
    }
}

fn known(what: &str, failure: &Failure) -> Error {
    match failure {
        Failure::OtherUser(path) => other_user(path),
        Failure::Silent(limit) => {
            let message = format!("the keyring did not answer within {} s", limit.as_secs());
            Error::new(Kind::Store, message).with_hint(OTHER_STORE)
        }
        Failure::Unanswered(limit) => unanswered(*limit),
        // Its name was on the bus when the keyring was opened.
        Failure::Stopped | Failure::Absent(_) => Error::new(
            Kind::Store,
            format!("could not {what}: the keyring stopped before it answered"),
        )
        .with_hint(
            "run the same command again; if that fails too, start the keyring, or keep secrets in a sealed file with \
             `--store file`",
        ),
        Failure::NotOpen => Error::new(Kind::Store, "no keyring is open").with_hint(
            "open or create one with your desktop's keyring program (`secret-tool store --label=test test test` makes \
             the keyring ask for it), or keep secrets in a sealed file with `--store file`",
        ),
        Failure::NoDefaultCollection => Error::new(
            Kind::Store,
            format!("could not {what}: the keyring has no default collection"),
        )
        .with_hint(
            "create one and set it as default with your desktop's keyring program (`secret-tool store --label=test \
             test test` makes the keyring ask for it), or keep secrets in a sealed file with `--store file`",
        ),
        Failure::NoThread(error) => {
            Error::new(Kind::Store, "could not start a thread for the keyring").with_cause(error)
        }
        Failure::Refused(_) | Failure::NoObject(_) | Failure::Locked | Failure::Dismissed => {
            refused(what, &failure.to_string())
        }
    }
}

fn refused(what: &str, words: &str) -> Error {
    Error::new(Kind::Store, format!("could not {what}"))
        .with_detail(words)
        .with_hint(OTHER_STORE)
}
