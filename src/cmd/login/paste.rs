//! The person's own way to bring the answer back, where a browser can't reach this machine by itself.

use std::env;
use std::net::IpAddr;

use tokio::sync::mpsc;

use crate::app::RedirectUri;
use crate::browser::{Surroundings, surroundings};
use crate::loopback::{Callback, Expected, Pasted};
use crate::output::Output;
use crate::prompt;

/// A terminal that is listened to while the listener waits.
pub struct Paste {
    output: Output,
    uri: RedirectUri,
    lines: Option<mpsc::Receiver<String>>,
}

impl Paste {
    /// Nobody pastes anything.
    pub fn none(output: Output, uri: &RedirectUri) -> Paste {
        Paste {
            output,
            uri: uri.clone(),
            lines: None,
        }
    }

    /// Says what can be done from here, and listens to the terminal if a person sits at it.
    pub fn invite(output: Output, may_ask: bool, uri: &RedirectUri, left: &str) -> Paste {
        match surroundings() {
            Surroundings::Ssh => {
                output
                    .note("where your browser is, run this first, so that it can come back here:");
                output.note(&format!("  {}", tunnel(uri)));
            }
            Surroundings::Container | Surroundings::Wsl if may_ask => {
                output.note(
                    "a browser outside can't come back here by itself: `--device` needs none here",
                );
            }
            _ => {}
        }
        let mut paste = Paste::none(output, uri);
        if may_ask {
            output.note(&format!(
                "or paste the address that the browser ends on here, and press Enter (within {left}; Ctrl-C ends it):"
            ));
            paste.lines = Some(prompt::lines());
        }
        paste
    }

    pub fn is_open(&self) -> bool {
        self.lines.is_some()
    }

    /// The answer to this login once it is pasted. Anything else is explained and forgotten. Nothing at the end of the
    /// input, which ends no login; after that it waits for ever.
    pub async fn callback(&mut self, expected: &Expected) -> Option<Callback> {
        while let Some(lines) = &mut self.lines {
            let Some(line) = lines.recv().await else {
                self.lines = None;
                return None;
            };
            match expected.pasted(&line, &self.uri) {
                Pasted::Callback(callback) => return Some(callback),
                Pasted::AuthorizationUrl => self.output.note(
                    "that is the address to open; paste the one that the browser ends on, after the sign-in",
                ),
                // An empty line needs no words.
                Pasted::Other if line.trim().is_empty() => {}
                Pasted::Other => self.output.note(&format!(
                    "that is not the answer to this sign-in, which begins with {}? and has a code and a state in it",
                    self.uri
                )),
            }
        }
        std::future::pending().await
    }
}

/// The command that carries the redirect port from the person's machine to this one, as far as the environment tells.
pub fn tunnel(uri: &RedirectUri) -> String {
    let port = uri.port();
    let host = uri.host();
    let user = env::var("USER").unwrap_or_default();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let user = match !user.is_empty() && user.chars().all(is_plain) {
        true => user,
        false => "USER".to_owned(),
    };
    // client address, client port, server address, server port: sshd(8).
    let connection = env::var("SSH_CONNECTION").unwrap_or_default();
    let mut words = connection.split(' ').skip(2);
    let server = words.next().and_then(|word| word.parse::<IpAddr>().ok());
    let server = server.map_or("HOST".to_owned(), |address| address.to_string());
    let ssh_port = words.next().and_then(|word| word.parse::<u16>().ok());
    let ssh_port = match ssh_port {
        None | Some(22) => String::new(),
        Some(port) => format!(" -p {port}"),
    };
    format!("ssh -L {port}:{host}:{port}{ssh_port} {user}@{server}")
}
