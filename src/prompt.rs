//! Asking a person: only on a terminal, and never left in a state the terminal does not come back from.

#[cfg(unix)]
use std::cell::Cell;
#[cfg(unix)]
use std::fs::{File, OpenOptions};
#[cfg(unix)]
use std::io::Write;
use std::io::{self, IsTerminal, Read};
#[cfg(unix)]
use std::rc::Rc;

#[cfg(unix)]
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::error::{Error, Kind, Result};
use crate::secret::Secret;
use crate::signals::Signals;

/// The longest secret read from a pipe, a file or a prompt.
const MAX_SECRET: u64 = 64 * 1024;

/// Whether somebody can be asked: input and messages are both on a terminal.
pub fn is_possible(no_input: bool) -> bool {
    !no_input && io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks for a secret without echo, while signals are listened for: whatever ends it leaves the terminal as it was.
///
/// # Errors
/// [`Kind::Interrupted`], or what was typed is no secret.
pub async fn secret(question: &'static str, signals: &mut Signals) -> Result<Secret> {
    let _restored = Hidden::only_to_restore();
    let (sender, typed) = tokio::sync::oneshot::channel();
    // A thread that still reads from the terminal when the program ends does not hold it up.
    std::thread::spawn(move || sender.send(passphrase(question)));
    tokio::select! {
        biased;
        signal = signals.next() => Err(signal.into_error("nothing was changed")),
        typed = typed => match typed {
            Ok(typed) => clean(&typed?, question),
            Err(_) => Err(Error::new(Kind::Failure, "could not read from the terminal")),
        },
    }
}

/// Asks for a passphrase without echo; it may be empty and may hold spaces.
///
/// # Errors
/// [`Kind::Interrupted`] for Ctrl-C.
pub fn passphrase(question: &str) -> Result<Zeroizing<String>> {
    read_hidden(&format!("{question}: "))
        .map(Zeroizing::new)
        .map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => {
                Error::new(Kind::Interrupted(2), "interrupted; nothing was changed")
            }
            _ => Error::new(Kind::Failure, "could not read from the terminal")
                .with_detail(&error.to_string()),
        })
}

/// rpassword edits the line; the terminal's modes are kept here, because rpassword shows the question while typing
/// still shows, and raises the signal of Ctrl-C before it puts the modes back.
#[cfg(unix)]
fn read_hidden(question: &str) -> io::Result<String> {
    let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    let hidden = Hidden::on(&terminal)?;
    terminal.write_all(question.as_bytes())?;
    let keys = Keys {
        terminal: terminal.try_clone()?,
        interrupted: Rc::default(),
    };
    let interrupted = Rc::clone(&keys.interrupted);
    let config = rpassword::ConfigBuilder::new()
        .input_reader(keys)
        .output_discard()
        .build();
    let typed = rpassword::read_password_with_config(config);
    drop(hidden);
    terminal.write_all(b"\n")?;
    if interrupted.get() {
        Err(io::ErrorKind::Interrupted.into())
    } else {
        typed
    }
}

#[cfg(not(unix))]
fn read_hidden(question: &str) -> io::Result<String> {
    rpassword::prompt_password(question)
}

/// What is typed, until Ctrl-C.
#[cfg(unix)]
struct Keys {
    terminal: File,
    interrupted: Rc<Cell<bool>>,
}

#[cfg(unix)]
impl Read for Keys {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        const CTRL_C: u8 = 3;
        let n = self.terminal.read(buffer)?;
        if buffer[..n].contains(&CTRL_C) {
            self.interrupted.set(true);
            return Ok(0);
        }
        Ok(n)
    }
}

/// The terminal's modes, put back when dropped.
struct Hidden(#[cfg(unix)] Option<Termios>);

impl Hidden {
    /// Hides what is typed, and hands over each key, Ctrl-C among them, as it comes.
    #[cfg(unix)]
    fn on(terminal: &File) -> io::Result<Hidden> {
        let before = tcgetattr(terminal)?;
        let mut modes = before.clone();
        modes.local_modes -= LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
        tcsetattr(terminal, OptionalActions::Now, &modes)?;
        Ok(Hidden(Some(before)))
    }

    #[cfg(unix)]
    fn only_to_restore() -> Hidden {
        Hidden(tcgetattr(io::stdin()).ok())
    }

    #[cfg(not(unix))]
    fn only_to_restore() -> Hidden {
        Hidden()
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(modes) = &self.0 {
            // Whoever is asked has standard input on the terminal.
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, modes);
        }
    }
}

/// Reads a secret from standard input, all of it.
pub fn secret_from_stdin(what: &str) -> Result<Secret> {
    read_secret(io::stdin().lock(), what)
}

/// Reads a secret from a file.
pub fn secret_from_file(path: &std::path::Path, what: &str) -> Result<Secret> {
    let file = std::fs::File::open(path).map_err(|error| {
        Error::new(
            Kind::Usage,
            format!("could not open {} for the {what}", path.display()),
        )
        .with_detail(&error.to_string())
    })?;
    read_secret(file, what)
}

fn read_secret(source: impl Read, what: &str) -> Result<Secret> {
    let mut text = Zeroizing::new(String::new());
    source
        .take(MAX_SECRET)
        .read_to_string(&mut text)
        .map_err(|error| {
            Error::new(Kind::Usage, format!("could not read the {what}"))
                .with_detail(&error.to_string())
        })?;
    clean(&text, what)
}

/// Without the line end and white space around it; a secret has none inside and is not empty.
pub fn clean(text: &str, what: &str) -> Result<Secret> {
    let text = text.trim();
    if text.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(Error::new(
            Kind::Usage,
            format!("the {what} is empty or has white space in it"),
        ));
    }
    Ok(Secret::new(text))
}
