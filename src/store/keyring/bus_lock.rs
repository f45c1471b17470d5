//! Locks that are names on the session bus.
//!
//! A lock has to live with the records that it guards. A name belongs to one connection at a time, for every container
//! that shares the bus, and the bus takes it back if its owner crashes.

use std::time::{Duration, Instant};

use dbus::Message;

use crate::error::{Error, Kind, Result};
use crate::store::keyring::bus::{BUS, BUS_TIME, Bus};
use crate::store::keyring::failure::{self, Failure};
use crate::store::keyring::lock_name::escaped;

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

/// Whether a signal says that nobody owns the name any more.
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
