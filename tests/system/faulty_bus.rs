//! A keyring that fails when it is changed: the real one, behind a socket that passes every message on but one.

use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::env::Env;

/// What happens to one change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is lost, and never answered.
    Silence,
    /// It is answered with an error, and not done.
    Refused,
    /// It is done, and answered with an error.
    RefusedAfterwards,
}

/// The calls of the Secret Service that write a record.
pub const WRITES: &[&[u8]] = &[b"CreateItem\0", b"SetSecret\0"];
/// The one that removes it.
pub const REMOVALS: &[&[u8]] = &[b"Delete\0"];
/// The client's last word before its first message.
const BEGIN: &[u8] = b"BEGIN\r\n";

/// A home like this one, whose commands each meet the fault at their n-th call of these names.
pub fn with(env: Env, bus: &str, names: &'static [&'static [u8]], fault: Fault, nth: usize) -> Env {
    let path = env.path("run/faulty-bus");
    let listener = UnixListener::bind(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let real = socket_of(bus);
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let bus = UnixStream::connect(&real).unwrap_or_else(|e| panic!("{real}: {e}"));
            relay(client, bus, names, fault, nth);
        }
    });
    let address = format!("unix:path={}", path.display());
    env.var("DBUS_SESSION_BUS_ADDRESS", address)
}

fn socket_of(bus: &str) -> String {
    let path = bus
        .split([':', ','])
        .find_map(|part| part.strip_prefix("path="));
    path.unwrap_or_else(|| panic!("not the address of a socket: {bus}"))
        .to_owned()
}

fn relay(
    client: UnixStream,
    bus: UnixStream,
    names: &'static [&'static [u8]],
    fault: Fault,
    nth: usize,
) {
    let cloned = |stream: &UnixStream| stream.try_clone().unwrap_or_else(|e| panic!("{e}"));
    // The call whose answer is to be replaced.
    let doomed = Arc::new(Mutex::new(None));
    let (mut from_client, mut to_client) = (cloned(&client), client);
    let (mut from_bus, mut to_bus) = (cloned(&bus), bus);
    let replaced = Arc::clone(&doomed);
    let mut answers = cloned(&to_client);
    thread::spawn(move || {
        // Either side may go at any time; then so does the other.
        let _ = client_to_bus(
            &mut from_client,
            &mut to_bus,
            &mut to_client,
            names,
            |serial, seen| {
                let hit = seen == nth;
                if hit && fault == Fault::RefusedAfterwards {
                    *replaced.lock().unwrap_or_else(|e| e.into_inner()) = Some(serial);
                }
                hit.then_some(fault)
            },
        );
        let _ = to_bus.shutdown(std::net::Shutdown::Both);
    });
    thread::spawn(move || {
        let _ = bus_to_client(&mut from_bus, &mut answers, &doomed);
        let _ = answers.shutdown(std::net::Shutdown::Both);
    });
}

fn client_to_bus(
    client: &mut UnixStream,
    bus: &mut UnixStream,
    back: &mut UnixStream,
    names: &[&[u8]],
    mut judge: impl FnMut(u32, usize) -> Option<Fault>,
) -> io::Result<()> {
    let mut words = Vec::new();
    while !words.ends_with(BEGIN) {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        words.extend(byte);
        bus.write_all(&byte)?;
    }
    let mut changes = 0;
    loop {
        let message = Message::read(client)?;
        let mut fault = None;
        if message.calls_one_of(names) {
            changes += 1;
            fault = judge(message.serial(), changes);
        }
        match fault {
            Some(Fault::Silence) => {}
            Some(Fault::Refused) => back.write_all(&error_to(message.serial()))?,
            Some(Fault::RefusedAfterwards) | None => bus.write_all(&message.0)?,
        }
    }
}

fn bus_to_client(
    bus: &mut UnixStream,
    client: &mut UnixStream,
    doomed: &Mutex<Option<u32>>,
) -> io::Result<()> {
    // The bus's side of the greeting is lines: OK, and an answer about descriptors.
    let mut first = [0];
    loop {
        bus.read_exact(&mut first)?;
        if first[0] == b'l' || first[0] == b'B' {
            break;
        }
        let mut line = first.to_vec();
        while !line.ends_with(b"\r\n") {
            bus.read_exact(&mut first)?;
            line.extend(first);
        }
        client.write_all(&line)?;
    }
    let mut message = Message::read_after(first[0], bus)?;
    loop {
        let serial = *doomed.lock().unwrap_or_else(|e| e.into_inner());
        match serial {
            Some(serial) if message.answers(serial) => client.write_all(&error_to(serial))?,
            _ => client.write_all(&message.0)?,
        }
        message = Message::read(bus)?;
    }
}

/// One message of the D-Bus protocol, little-endian as everything here.
struct Message(Vec<u8>);

impl Message {
    fn read(stream: &mut UnixStream) -> io::Result<Message> {
        let mut first = [0];
        stream.read_exact(&mut first)?;
        Message::read_after(first[0], stream)
    }

    fn read_after(first: u8, stream: &mut UnixStream) -> io::Result<Message> {
        let mut bytes = vec![0; 16];
        bytes[0] = first;
        stream.read_exact(&mut bytes[1..])?;
        let mut message = Message(bytes);
        let length = message.header() + message.number(4) as usize;
        message.0.resize(length, 0);
        stream.read_exact(&mut message.0[16..])?;
        Ok(message)
    }

    fn number(&self, at: usize) -> u32 {
        let bytes = [self.0[at], self.0[at + 1], self.0[at + 2], self.0[at + 3]];
        u32::from_le_bytes(bytes)
    }

    /// The length of the header, which ends on eight bytes.
    fn header(&self) -> usize {
        (16 + self.number(12) as usize).next_multiple_of(8)
    }

    fn serial(&self) -> u32 {
        self.number(8)
    }

    fn has(&self, bytes: &[u8]) -> bool {
        let header = &self.0[..self.header()];
        header.windows(bytes.len()).any(|window| window == bytes)
    }

    /// A method call (type 1) of one of these names.
    fn calls_one_of(&self, names: &[&[u8]]) -> bool {
        self.0[1] == 1 && names.iter().any(|name| self.has(name))
    }

    fn answers(&self, serial: u32) -> bool {
        let field = [&[5, 1, b'u', 0][..], &serial.to_le_bytes()].concat();
        self.0[1] == 2 && self.has(&field)
    }
}

/// An error (type 3) in answer to a call.
fn error_to(serial: u32) -> Vec<u8> {
    const NAME: &[u8] = b"org.freedesktop.DBus.Error.Failed";
    let mut fields = [&[5, 1, b'u', 0][..], &serial.to_le_bytes()].concat();
    fields.extend([4, 1, b's', 0]);
    fields.extend((NAME.len() as u32).to_le_bytes());
    fields.extend(NAME);
    fields.push(0);
    let mut message = vec![b'l', 3, 1, 1];
    message.extend(0_u32.to_le_bytes());
    message.extend(u32::MAX.to_le_bytes());
    message.extend((fields.len() as u32).to_le_bytes());
    message.extend(fields);
    message.resize(message.len().next_multiple_of(8), 0);
    message
}
