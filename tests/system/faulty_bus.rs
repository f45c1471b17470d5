//! A keyring that fails when it is changed, or whose prompt comes to nothing: the real one, behind a socket that passes
//! every message on but one.

use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::env::Env;

/// What happens to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A write is lost, and never answered.
    Silence,
    /// A write is answered with an error, and not done.
    Refused,
    /// A write is done, and answered with an error.
    RefusedAfterwards,
    /// A prompt is shown to nobody, and closed at once.
    Dismissed,
    /// A prompt is shown, and stays.
    Unanswered,
}

/// The calls of the Secret Service that write a record.
pub const WRITES: &[&[u8]] = &[b"CreateItem\0", b"SetSecret\0"];
/// The one that removes it.
pub const REMOVALS: &[&[u8]] = &[b"Delete\0"];
/// The interface whose one method used here shows a prompt.
pub const PROMPTS: &[&[u8]] = &[PROMPT];
const PROMPT: &[u8] = b"org.freedesktop.Secret.Prompt\0";
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
    let mut seen = 0;
    loop {
        let message = Message::read(client)?;
        let mut hit = None;
        if message.calls_one_of(names) {
            seen += 1;
            hit = judge(message.serial(), seen);
        }
        match hit {
            Some(Fault::Silence) => {}
            Some(Fault::Unanswered) => back.write_all(&return_to(message.serial()))?,
            Some(Fault::Dismissed) => {
                back.write_all(&return_to(message.serial()))?;
                back.write_all(&dismissal(&message.path()))?;
            }
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

    /// The object that is called: field 1 of the header.
    fn path(&self) -> Vec<u8> {
        let header = &self.0[..self.header()];
        let at = header
            .windows(4)
            .position(|window| window == b"\x01\x01o\0");
        let at = at.unwrap_or_else(|| panic!("a call of no object")) + 4;
        header[at + 4..][..self.number(at) as usize].to_vec()
    }

    fn answers(&self, serial: u32) -> bool {
        let field = [&[5, 1, b'u', 0][..], &serial.to_le_bytes()].concat();
        self.0[1] == 2 && self.has(&field)
    }
}

/// An error (type 3) in answer to a call.
fn error_to(serial: u32) -> Vec<u8> {
    let name = text(4, b's', b"org.freedesktop.DBus.Error.Failed");
    message(3, &[answer_to(serial), name], &[])
}

/// A return (type 2) of nothing.
fn return_to(serial: u32) -> Vec<u8> {
    message(2, &[answer_to(serial)], &[])
}

/// The signal (type 4) of a prompt that was dismissed: `true`, and a variant that means nothing.
fn dismissal(path: &[u8]) -> Vec<u8> {
    let signature = [&[8, 1, b'g', 0, 2][..], b"bv\0"].concat();
    let fields = [
        text(1, b'o', path),
        text(2, b's', &PROMPT[..PROMPT.len() - 1]),
        text(3, b's', b"Completed"),
        signature,
    ];
    let body = [
        &1_u32.to_le_bytes()[..],
        b"\x01s\0\0",
        &0_u32.to_le_bytes(),
        b"\0",
    ]
    .concat();
    message(4, &fields, &body)
}

/// A header field that says which call is answered.
fn answer_to(serial: u32) -> Vec<u8> {
    [&[5, 1, b'u', 0][..], &serial.to_le_bytes()].concat()
}

/// A header field of text.
fn text(field: u8, kind: u8, text: &[u8]) -> Vec<u8> {
    let length = (text.len() as u32).to_le_bytes();
    [&[field, 1, kind, 0][..], &length, text, b"\0"].concat()
}

fn message(kind: u8, fields: &[Vec<u8>], body: &[u8]) -> Vec<u8> {
    let mut header = Vec::new();
    for field in fields {
        // Each begins on eight bytes, as does their list.
        header.resize(header.len().next_multiple_of(8), 0);
        header.extend(field);
    }
    let mut message = vec![b'l', kind, 1, 1];
    message.extend((body.len() as u32).to_le_bytes());
    message.extend(u32::MAX.to_le_bytes());
    message.extend((header.len() as u32).to_le_bytes());
    message.extend(header);
    message.resize(message.len().next_multiple_of(8), 0);
    message.extend(body);
    message
}
