//! A connection to the D-Bus session bus, with limits on how long it may take.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use dbus::Message;
use dbus::arg::{AppendAll, ReadAll};
use dbus::channel::Channel;

use crate::store::keyring::bounded;
use crate::store::keyring::failure::Failure;
use crate::variables;

/// The system's variables: the address of the session bus, and the directory that holds it if there is no address.
const SESSION_BUS: &str = "DBUS_SESSION_BUS_ADDRESS";
const RUNTIME_DIR: &str = "XDG_RUNTIME_DIR";
/// How long the bus, or a program on it, may take for a call that no person has to confirm.
pub const BUS_TIME: Duration = Duration::from_secs(2);
/// The longest single wait. libdbus counts milliseconds in 32 bits.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);
/// How much earlier than the limit libdbus may give up.
const CLOCK_STEP: Duration = Duration::from_millis(100);

/// The bus itself, as an object that can be called.
pub const BUS: Object<'_> = Object {
    service: "org.freedesktop.DBus",
    path: "/org/freedesktop/DBus",
    interface: "org.freedesktop.DBus",
};

/// An object on the bus, and the interface of it that is called.
#[derive(Clone, Copy)]
pub struct Object<'a> {
    pub service: &'a str,
    pub path: &'a str,
    pub interface: &'a str,
}

/// A connection of its own to the session bus.
pub struct Bus(Channel);

impl Bus {
    /// Connects to the session bus.
    pub fn connect() -> Result<Bus, Failure> {
        let address = address()?;
        // libdbus waits without a bound for a bus that accepts the connection and then says nothing.
        let connecting = address.clone();
        let connected = bounded(BUS_TIME, move || {
            let mut channel = Channel::open_private(&connecting)?;
            channel.register()?;
            Ok::<Channel, dbus::Error>(channel)
        });
        match connected.map_err(Failure::NoThread)? {
            Some(Ok(channel)) => Ok(Bus(channel)),
            Some(Err(error)) => Err(not_connected(&address, &error)),
            None => Err(Failure::Silent(BUS_TIME)),
        }
    }

    /// Calls a method and returns its results.
    pub fn call<R: ReadAll>(
        &self,
        object: Object<'_>,
        method: &str,
        arguments: impl AppendAll,
        limit: Duration,
    ) -> Result<R, Failure> {
        let message = method_call(object, method, arguments)?;
        let begun = Instant::now();
        let reply = self
            .0
            .send_with_reply_and_block(message, limit.min(LONGEST_WAIT))
            .map_err(|error| failure(&error, begun.elapsed(), limit))?;
        reply
            .read_all()
            .map_err(|error| Failure::Refused(words(&error)))
    }

    /// Calls a method and does not wait for its results.
    pub fn notify(&self, object: Object<'_>, method: &str) {
        if let Ok(message) = method_call(object, method, ()) {
            // It is sent for the other side's sake alone.
            let _ = self.0.send(message);
            self.0.flush();
        }
    }

    /// Asks the bus for the signals that a rule matches.
    pub fn subscribe(&self, rule: &str) -> Result<(), Failure> {
        self.call(BUS, "AddMatch", (rule,), BUS_TIME)
    }

    /// Waits for a signal that `pick` takes something from. `None`: no such signal came within the limit.
    pub fn wait<T>(
        &self,
        limit: Duration,
        pick: impl Fn(&Message) -> Option<T>,
    ) -> Result<Option<T>, Failure> {
        let begun = Instant::now();
        loop {
            while let Some(message) = self.0.pop_message() {
                if let Some(picked) = pick(&message) {
                    return Ok(Some(picked));
                }
            }
            let left = limit.saturating_sub(begun.elapsed());
            if left.is_zero() {
                return Ok(None);
            }
            // A millisecond at least, because libdbus counts no smaller unit.
            let wait = left.clamp(Duration::from_millis(1), LONGEST_WAIT);
            self.0
                .read_write(Some(wait))
                .map_err(|()| Failure::Stopped)?;
        }
    }
}

fn method_call(
    object: Object<'_>,
    method: &str,
    arguments: impl AppendAll,
) -> Result<Message, Failure> {
    let mut message =
        Message::new_method_call(object.service, object.path, object.interface, method)
            .map_err(Failure::Refused)?;
    message.append_all(arguments);
    Ok(message)
}

/// What an error reply means. libdbus and the bus report a keyring that died, one that hangs and a bus that closed the
/// connection as the same error, so the time tells them apart.
fn failure(error: &dbus::Error, elapsed: Duration, limit: Duration) -> Failure {
    let name = error.name().unwrap_or_default();
    match name
        .strip_prefix("org.freedesktop.DBus.Error.")
        .unwrap_or(name)
    {
        "NoReply" | "Timeout" | "TimedOut" if elapsed + CLOCK_STEP >= limit => {
            match limit > BUS_TIME {
                true => Failure::Unanswered(limit),
                false => Failure::Silent(limit),
            }
        }
        "NoReply" | "Timeout" | "TimedOut" | "Disconnected" => Failure::Stopped,
        // The keyring was started again and does not know our session.
        "org.freedesktop.Secret.Error.NoSession" => Failure::Stopped,
        "ServiceUnknown" | "NameHasNoOwner" => Failure::Absent(words(error)),
        spawn if spawn.starts_with("Spawn.") => Failure::Absent(words(error)),
        "org.freedesktop.Secret.Error.IsLocked" => Failure::Locked,
        // Where there is no object, GNOME Keyring misses the method.
        "org.freedesktop.Secret.Error.NoSuchObject" | "UnknownObject" | "UnknownMethod" => {
            Failure::NoObject(words(error))
        }
        _ => Failure::Refused(words(error)),
    }
}

fn words(error: &dbus::Error) -> String {
    let message = error.message().filter(|message| !message.is_empty());
    message.or(error.name()).unwrap_or("unknown").to_owned()
}

/// Why there is no connection. A bus refuses other users without saying so.
fn not_connected(address: &str, error: &dbus::Error) -> Failure {
    let ours = rustix::process::geteuid().as_raw();
    let foreign = |path: &PathBuf| match fs::metadata(path) {
        Ok(found) => found.uid() != ours,
        Err(error) => error.kind() == io::ErrorKind::PermissionDenied,
    };
    match socket_paths(address).find(foreign) {
        Some(path) => Failure::OtherUser(path.display().to_string()),
        None => Failure::Absent(words(error)),
    }
}

/// The address of the session bus. Only Unix sockets are used, because they serve this machine and its one user.
fn address() -> Result<String, Failure> {
    let given = variables::read(SESSION_BUS).map_err(|error| Failure::Absent(error.to_string()))?;
    match given {
        Some(given) => unix_addresses(&given).ok_or_else(|| {
            Failure::Absent(format!(
                "{SESSION_BUS} is not a `unix:` address, and others are not supported"
            ))
        }),
        None => runtime_address().ok_or_else(|| {
            Failure::Absent(format!(
                "{SESSION_BUS} is not set, and there is no bus in {RUNTIME_DIR}"
            ))
        }),
    }
}

/// The addresses of Unix sockets in a list of addresses.
fn unix_addresses(list: &str) -> Option<String> {
    let unix: Vec<&str> = list
        .split(';')
        .filter(|address| address.starts_with("unix:"))
        .collect();
    (!unix.is_empty()).then(|| unix.join(";"))
}

/// Where a login session's bus is if no variable says so, as libdbus looks for it.
fn runtime_address() -> Option<String> {
    let directory = std::env::var_os(RUNTIME_DIR)?;
    let path = Path::new(&directory).join("bus");
    let found = fs::metadata(&path).ok()?;
    let ours = found.uid() == rustix::process::geteuid().as_raw();
    (ours && found.file_type().is_socket())
        .then(|| format!("unix:path={}", escaped(path.as_os_str())))
}

/// A value of an address: every byte that has a meaning there is written as `%` and two digits.
fn escaped(value: &OsStr) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_/.\\*".contains(&byte);
    let bytes = value.as_bytes().iter().copied();
    bytes
        .map(|byte| match plain(byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02x}"),
        })
        .collect()
}

/// The paths of the sockets in a list of addresses. Abstract sockets have none.
fn socket_paths(list: &str) -> impl Iterator<Item = PathBuf> {
    let paths = list
        .split([';', ':', ','])
        .filter_map(|pair| pair.strip_prefix("path="));
    paths.map(|path| PathBuf::from(std::ffi::OsString::from_vec(unescaped(path))))
}

fn unescaped(value: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend(before.as_bytes());
        let digits = after.get(..2);
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(b'%');
                rest = after;
            }
        }
    }
    bytes.extend(rest.as_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unix_sockets_are_used() {
        for (list, used) in [
            ("unix:path=/run/bus", Some("unix:path=/run/bus")),
            (
                "unix:abstract=/tmp/x,guid=0",
                Some("unix:abstract=/tmp/x,guid=0"),
            ),
            (
                "tcp:host=localhost,port=1;unix:path=/b",
                Some("unix:path=/b"),
            ),
            (
                "unix:path=/a;unix:path=/b",
                Some("unix:path=/a;unix:path=/b"),
            ),
            ("unixexec:path=/bin/true", None),
            ("tcp:host=localhost,port=1", None),
            ("nonce-tcp:host=localhost,port=1", None),
            ("autolaunch:", None),
            ("disabled:", None),
            ("no address", None),
            ("", None),
        ] {
            assert_eq!(unix_addresses(list).as_deref(), used, "{list}");
        }
    }

    #[test]
    fn a_path_survives_an_address() {
        for path in ["/run/user/1000/bus", "/tmp/a b;c,d%=é/bus", "/%41"] {
            let address = format!("unix:path={},guid=0", escaped(OsStr::new(path)));
            let found: Vec<PathBuf> = socket_paths(&address).collect();
            assert_eq!(found, [PathBuf::from(path)], "{address}");
        }
        let broken: Vec<PathBuf> = socket_paths("unix:path=/a%zz%4").collect();
        assert_eq!(broken, [PathBuf::from("/a%zz%4")]);
    }

    #[test]
    fn the_time_tells_a_keyring_that_hangs_from_one_that_died() {
        let no_reply = dbus::Error::new_custom("org.freedesktop.DBus.Error.NoReply", "no reply");
        let at = |elapsed, limit| failure(&no_reply, elapsed, limit);
        let long = Duration::from_secs(5);
        assert!(matches!(at(BUS_TIME, BUS_TIME), Failure::Silent(_)));
        assert!(matches!(at(long, long), Failure::Unanswered(_)));
        assert!(matches!(at(BUS_TIME, long), Failure::Stopped));
        assert!(matches!(at(Duration::ZERO, BUS_TIME), Failure::Stopped));
    }
}
