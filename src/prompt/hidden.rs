//! Typing that does not show, on Unix terminals.

use std::cell::Cell;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::rc::Rc;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// rpassword edits the line; the terminal's modes are kept here, because rpassword shows the question while typing
/// still shows, and raises the signal of Ctrl-C before it puts the modes back.
pub fn read(question: &str) -> io::Result<String> {
    let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    let hidden = Modes::hide(&terminal)?;
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
    hidden_from().take();
    terminal.write_all(b"\n")?;
    if interrupted.get() {
        Err(io::ErrorKind::Interrupted.into())
    } else {
        typed
    }
}

/// What is typed, until Ctrl-C.
struct Keys {
    terminal: File,
    interrupted: Rc<Cell<bool>>,
}

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
pub struct Modes(Option<Termios>);

impl Modes {
    /// Leaves them as they are, to be put back whatever happens to them.
    pub fn now() -> Modes {
        Modes(tcgetattr(io::stdin()).ok())
    }

    /// Hides what is typed, and hands over each key, Ctrl-C among them, as it comes.
    fn hide(terminal: &File) -> io::Result<Modes> {
        let before = tcgetattr(terminal)?;
        let mut modes = before.clone();
        modes.local_modes -= LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
        *hidden_from() = Some(before.clone());
        tcsetattr(terminal, OptionalActions::Now, &modes)?;
        Ok(Modes(Some(before)))
    }
}

/// Puts the terminal's modes back where typing is hidden just now and the program is about to end.
pub fn show_typing() {
    drop(Modes(hidden_from().take()));
}

/// The modes from before typing was hidden, as long as it is.
fn hidden_from() -> MutexGuard<'static, Option<Termios>> {
    static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);
    BEFORE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Modes {
    fn drop(&mut self) {
        if let Some(modes) = &self.0 {
            // Whoever is asked has standard input on the terminal.
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, modes);
        }
    }
}
