//! Asking a person: only on a terminal, and never left in a state the terminal does not come back from.

#[cfg_attr(not(unix), path = "prompt/hidden_elsewhere.rs")]
mod hidden;
mod typed;

use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::path::Path;

use zeroize::Zeroizing;

use crate::error::{Error, Kind, Result};
use crate::input;
use crate::secret::Secret;
use crate::signals::Signals;

pub use hidden::show_typing;
pub use typed::lines;

/// The longest secret read from a pipe, a file or a prompt.
const MAX_SECRET: usize = 64 * 1024;
/// What to do where a question got no answer.
const UNASKED: &str =
    "run the same command again, or with `--no-input` to be told which option gives the answer";

/// Whether somebody can be asked: input and messages are both on a terminal.
pub fn is_possible(no_input: bool) -> bool {
    !no_input && io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks for a secret without echo, while signals are listened for: whatever ends it leaves the terminal as it was.
///
/// # Errors
/// [`Kind::Interrupted`], [`Kind::Failure`] if the terminal can't be read, [`Kind::Usage`] if what was typed is no
/// secret.
pub async fn secret(question: &'static str, signals: &mut Signals) -> Result<Secret> {
    let _restored = hidden::Modes::now();
    let (sender, typed) = tokio::sync::oneshot::channel();
    // A thread that still reads from the terminal when the program ends does not hold it up.
    let asking = std::thread::Builder::new().spawn(move || sender.send(passphrase(question)));
    // Where not even a thread can be had, the receiver below hears of it.
    drop(asking);
    tokio::select! {
        biased;
        signal = signals.next() => Err(signal.into_error("nothing was changed")),
        typed = typed => match typed {
            Ok(typed) => clean(&typed?, &question.to_lowercase()),
            Err(_) => Err(unread()),
        },
    }
}

/// Asks for a line that shows as it is typed, and gives it without the white space around it. A signal meanwhile does
/// what it does to the program; there is nothing to put back.
///
/// # Errors
/// [`Kind::Failure`]: the terminal can't be read, or its end has come.
pub fn line(question: &str) -> Result<String> {
    let failed = |error: io::Error| unread().with_detail(&error.to_string());
    let mut stderr = io::stderr();
    write!(stderr, "{question}: ")
        .and_then(|()| stderr.flush())
        .map_err(failed)?;
    let mut typed = String::new();
    let bytes = io::stdin()
        .lock()
        .take(MAX_SECRET as u64)
        .read_line(&mut typed)
        .map_err(failed)?;
    match bytes {
        0 => Err(Error::new(
            Kind::Failure,
            "the input ended before an answer; nothing was changed",
        )
        .with_hint(UNASKED)),
        _ => Ok(typed.trim().to_owned()),
    }
}

/// Asks for a passphrase without echo; it may be empty and may hold spaces.
///
/// # Errors
/// [`Kind::Interrupted`] for Ctrl-C, [`Kind::Failure`] if the terminal can't be read.
pub fn passphrase(question: &str) -> Result<Zeroizing<String>> {
    hidden::read(&format!("{question}: "))
        .map(Zeroizing::new)
        .map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => {
                Error::new(Kind::Interrupted(2), "interrupted; nothing was changed")
            }
            _ => unread().with_detail(&error.to_string()),
        })
}

fn unread() -> Error {
    Error::new(Kind::Failure, "could not read from the terminal").with_hint(UNASKED)
}

/// Reads standard input, all of it, as text that holds a secret.
///
/// # Errors
/// [`Kind::Usage`]: it is a terminal, where what is typed would show and might never come; or it can't be read.
pub fn text_from_stdin(flag: &str, what: &str) -> Result<Zeroizing<String>> {
    piped(flag)?;
    let failed = |error: io::Error| {
        Error::new(
            Kind::Usage,
            format!("could not read the {what} from standard input"),
        )
        .with_detail(&error.to_string())
        .with_hint(format!("pipe it in: `{flag} <file`"))
    };
    let bytes = input::stdin(MAX_SECRET as u64).map_err(failed)?;
    text(&bytes).map_err(failed)
}

/// Makes sure that standard input is no terminal.
///
/// # Errors
/// [`Kind::Usage`]: it is one.
pub fn piped(flag: &str) -> Result<()> {
    if !io::stdin().is_terminal() {
        return Ok(());
    }
    let message = format!("{flag} reads a pipe or a file, and standard input is a terminal");
    Err(Error::new(Kind::Usage, message).with_hint(format!("pipe it in: `{flag} <file`")))
}

/// Reads a secret from standard input, all of it.
///
/// # Errors
/// As for [`text_from_stdin`]; it is no secret.
pub fn secret_from_stdin(flag: &str, what: &str) -> Result<Secret> {
    clean(&text_from_stdin(flag, what)?, what)
}

/// Reads a secret from a file.
///
/// # Errors
/// [`Kind::Usage`]: it can't be read, or holds no secret.
pub fn secret_from_file(path: &Path, what: &str) -> Result<Secret> {
    let failed = |error: io::Error| {
        Error::new(
            Kind::Usage,
            format!("could not read the {what} from {}", path.display()),
        )
        .with_detail(&error.to_string())
        .with_hint("give a file of text that is there and that you may read")
    };
    let bytes = input::file(path, MAX_SECRET as u64).map_err(failed)?;
    clean(&text(&bytes).map_err(failed)?, what)
}

fn text(bytes: &[u8]) -> io::Result<Zeroizing<String>> {
    match str::from_utf8(bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "it is not text")),
    }
}

/// Without the line end and white space around it; a secret has none inside and is not empty.
///
/// # Errors
/// [`Kind::Usage`]: it is too long, empty, or has white space or control characters in it.
pub fn clean(text: &str, what: &str) -> Result<Secret> {
    let text = text.trim();
    if text.len() > MAX_SECRET {
        return Err(Error::new(
            Kind::Usage,
            format!("the {what} has more than {MAX_SECRET} bytes"),
        )
        .with_hint("give it alone, without anything around it"));
    }
    if text.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(Error::new(
            Kind::Usage,
            format!("the {what} is empty or has white space in it"),
        )
        .with_hint("copy it again, whole and alone"));
    }
    Ok(Secret::new(text))
}
