//! Asking a person: only on a terminal, and never left in a state the terminal does not come back from.

use std::io::{self, IsTerminal, Read};

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

/// Asks for a secret without echo, while signals are listened for: an interrupt leaves the terminal as it was.
///
/// # Errors
/// [`Kind::Interrupted`], or what was typed is no secret.
pub async fn secret(question: &'static str, signals: &mut Signals) -> Result<Secret> {
    let _restored = Restore::now();
    let (sender, typed) = tokio::sync::oneshot::channel();
    // A thread that still reads from the terminal when the program ends does not hold it up.
    std::thread::spawn(move || sender.send(rpassword::prompt_password(format!("{question}: "))));
    let failed = || Error::new(Kind::Failure, "could not read from the terminal");
    tokio::select! {
        biased;
        signal = signals.next() => Err(signal.into_error("nothing was changed")),
        typed = typed => match typed {
            Ok(Ok(typed)) => clean(&Zeroizing::new(typed), question),
            // Ctrl-C at the prompt is read as a character and raised as a signal.
            Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {
                Err(signals.next().await.into_error("nothing was changed"))
            }
            Ok(Err(error)) => Err(failed().with_detail(&error.to_string())),
            Err(_) => Err(failed()),
        },
    }
}

/// Asks for a passphrase without echo; it may be empty and may hold spaces. Ctrl-C ends the program, with the
/// terminal as it was.
pub fn passphrase(question: &str) -> Result<Zeroizing<String>> {
    rpassword::prompt_password(format!("{question}: "))
        .map(Zeroizing::new)
        .map_err(|error| {
            Error::new(Kind::Failure, "could not read from the terminal")
                .with_detail(&error.to_string())
        })
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

/// The terminal's settings, put back when dropped.
struct Restore(#[cfg(unix)] Option<rustix::termios::Termios>);

impl Restore {
    #[cfg(unix)]
    fn now() -> Restore {
        Restore(rustix::termios::tcgetattr(io::stdin()).ok())
    }

    #[cfg(not(unix))]
    fn now() -> Restore {
        Restore()
    }
}

impl Drop for Restore {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(termios) = &self.0 {
            let _ = rustix::termios::tcsetattr(
                io::stdin(),
                rustix::termios::OptionalActions::Now,
                termios,
            );
        }
    }
}
