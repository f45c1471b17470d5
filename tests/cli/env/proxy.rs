//! A proxy that knows CONNECT (RFC 9110 §9.3.6) and listens to all it carries.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

/// What a proxy does with a request.
#[derive(Clone, Copy)]
pub enum Manner {
    /// Connects every name to this port here.
    LeadsTo(u16),
    /// Answers with this status line.
    Refuses(&'static str),
}

pub struct Proxy {
    /// What `HTTPS_PROXY` takes.
    pub url: String,
    heard: Arc<Mutex<Heard>>,
}

/// What clients told it.
#[derive(Clone, Default)]
pub struct Heard {
    /// The head of every request.
    pub heads: Vec<String>,
    /// What went through the tunnels towards the servers.
    pub carried: Vec<u8>,
}

impl Proxy {
    pub fn start(manner: Manner) -> Proxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let listener = listener.unwrap_or_else(|e| panic!("a port for the proxy: {e}"));
        let port = listener.local_addr().map_or(0, |address| address.port());
        let heard = Arc::<Mutex<Heard>>::default();
        let ears = Arc::clone(&heard);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let ears = Arc::clone(&ears);
                thread::spawn(move || carry(client, manner, &ears));
            }
        });
        let url = format!("http://127.0.0.1:{port}");
        Proxy { url, heard }
    }

    pub fn heard(&self) -> Heard {
        lock(&self.heard).clone()
    }
}

/// Until one side has enough.
fn carry(mut client: TcpStream, manner: Manner, heard: &Mutex<Heard>) -> Option<()> {
    let head = head(&mut client);
    lock(heard).heads.push(head);
    let port = match manner {
        Manner::LeadsTo(port) => port,
        Manner::Refuses(status) => {
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
            return client.write_all(answer.as_bytes()).ok();
        }
    };
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").ok()?;
    let (mut from, mut to) = (server.try_clone().ok()?, client.try_clone().ok()?);
    thread::spawn(move || std::io::copy(&mut from, &mut to));
    let mut chunk = [0; 8192];
    loop {
        let n = client.read(&mut chunk).ok().filter(|n| *n > 0)?;
        lock(heard).carried.extend(&chunk[..n]);
        server.write_all(&chunk[..n]).ok()?;
    }
}

/// Byte by byte: what follows the head is not for the proxy.
fn head(client: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && client.read(&mut byte).is_ok_and(|n| n > 0) {
        head.extend(byte);
    }
    String::from_utf8_lossy(&head).into_owned()
}

fn lock(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    heard
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}
