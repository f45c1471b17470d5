//! Locks that are names on the session bus.
//!
//! A lock has to live with the records that it guards. A name belongs to one connection at a time, for every container
//! that shares the bus, and the bus takes it back if its owner crashes.

use std::fmt::Write;
use std::time::{Duration, Instant};

use dbus::Message;

use crate::error::{Error, Kind, Result};
use crate::store::keyring::bus::{BUS, BUS_TIME, Bus};
use crate::store::keyring::failure::{self, Failure};

const PREFIX: &str = "webex_connect.lock.";
/// `DBUS_NAME_FLAG_DO_NOT_QUEUE`: the bus must not give the lock to a process that waits for it while that is stopped.
const DO_NOT_QUEUE: u32 = 4;
/// `DBUS_REQUEST_NAME_REPLY_PRIMARY_OWNER`.
const PRIMARY_OWNER: u32 = 1;

/// A lock that is held for as long as this lives.
pub struct KeyringLock {
    /// Closing the connection gives up its name.
    _bus: Bus,
}

/// Takes a lock. `None`: another process still holds it after `patience`; zero tries once.
///
/// # Errors
/// [`Kind::Store`]: the bus does not answer, or refuses the name.
pub fn lock(name: &str, patience: Duration) -> Result<Option<KeyringLock>> {
    take(&format!("{PREFIX}{}", escaped(name)), patience).map_err(|failure| failed(name, failure))
}

fn take(name: &str, patience: Duration) -> std::result::Result<Option<KeyringLock>, Failure> {
    let begun = Instant::now();
    let bus = Bus::connect()?;
    if request(&bus, name)? {
        return Ok(Some(KeyringLock { _bus: bus }));
    }
    if patience.is_zero() {
        return Ok(None);
    }
    // Before the next request, so that a release after it is not missed.
    bus.subscribe(&format!(
        "type='signal',sender='{0}',path='{1}',interface='{0}',member='NameOwnerChanged',arg0='{name}'",
        BUS.service, BUS.path
    ))?;
    loop {
        if request(&bus, name)? {
            return Ok(Some(KeyringLock { _bus: bus }));
        }
        let left = patience.saturating_sub(begun.elapsed());
        if bus
            .wait(left, |message| is_release(message, name).then_some(()))?
            .is_none()
        {
            return Ok(None);
        }
    }
}

fn request(bus: &Bus, name: &str) -> std::result::Result<bool, Failure> {
    let (answer,): (u32,) = bus.call(BUS, "RequestName", (name, DO_NOT_QUEUE), BUS_TIME)?;
    Ok(answer == PRIMARY_OWNER)
}

/// Whether a signal says that the name has no owner any more.
fn is_release(message: &Message, name: &str) -> bool {
    message
        .member()
        .is_some_and(|member| &*member == "NameOwnerChanged")
        && message
            .read3::<&str, &str, &str>()
            .is_ok_and(|(changed, _, owner)| changed == name && owner.is_empty())
}

fn failed(name: &str, failure: Failure) -> Error {
    match failure {
        Failure::Refused(words) => Error::new(
            Kind::Store,
            format!("the session bus refused the lock {name}"),
        )
        .with_detail(&words)
        .with_hint(format!(
            "let this program own names that begin with `{PREFIX}` on the session bus, or keep secrets in a sealed file \
             with `--store file`"
        )),
        Failure::Silent(limit) => Error::new(
            Kind::Store,
            format!("the session bus did not answer within {} s", limit.as_secs()),
        )
        .with_hint(failure::OTHER_STORE),
        failure => failure::failed("lock a record in the keyring", name, &failure.into()),
    }
}

/// Writes a name with the characters `[A-Za-z0-9_]` alone. Different names stay different: `_` begins an escape, and no
/// escape is the beginning of another.
///
/// D-Bus advises against hyphens, and takes no element that is empty or begins with a digit.
pub fn escaped(name: &str) -> String {
    if name.is_empty() {
        return "_".to_owned();
    }
    let mut escaped = String::with_capacity(name.len());
    for (at, byte) in name.bytes().enumerate() {
        match byte {
            b'0'..=b'9' if at > 0 => escaped.push(char::from(byte)),
            b'A'..=b'Z' | b'a'..=b'z' => escaped.push(char::from(byte)),
            b'_' => escaped.push_str("__"),
            b'-' => escaped.push_str("_h"),
            b'.' => escaped.push_str("_d"),
            // A `String` takes every character.
            byte => {
                let _ = write!(escaped, "_x{byte:02x}");
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_name_is_escaped_as_in_this_table() {
        for (name, expected) in [
            ("work", "work"),
            ("connection-work.prod", "connection_hwork_dprod"),
            ("app-a_b", "app_ha__b"),
            ("7up", "_x37up"),
            ("x7", "x7"),
            ("", "_"),
            ("_", "__"),
            ("-", "_h"),
            ("_h", "__h"),
            ("_x2d", "__x2d"),
            ("é", "_xc3_xa9"),
            ("a/b", "a_x2fb"),
        ] {
            assert_eq!(escaped(name), expected, "{name:?}");
        }
    }

    #[test]
    fn a_name_of_80_characters_fits_a_name_of_the_bus() {
        let longest = escaped(&"-".repeat(80));
        assert!("webex_connect.lock.".len() + longest.len() <= 255);
    }

    #[test]
    fn different_names_stay_different() {
        let letters = ["", "_", "-", ".", "h", "d", "x", "3", "7", "é"];
        let mut names = BTreeSet::new();
        for one in letters {
            for two in letters {
                for three in letters {
                    names.insert([one, two, three, "x2d"].concat());
                    names.insert([one, two, three].concat());
                }
            }
        }
        let all: BTreeSet<String> = names.iter().map(|name| escaped(name)).collect();
        assert_eq!(all.len(), names.len());
    }

    proptest::proptest! {
        #![proptest_config(crate::generated::config())]

        #[test]
        fn any_name_gives_one_element_of_a_bus_name(name in "(?s).{0,40}") {
            let escaped = escaped(&name);
            assert!(!escaped.is_empty());
            assert!(!escaped.starts_with(|first: char| first.is_ascii_digit()));
            assert!(escaped.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
        }
    }
}
