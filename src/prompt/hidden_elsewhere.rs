//! Typing that does not show, where rpassword does all of it.

use std::io;

pub fn read(question: &str) -> io::Result<String> {
    rpassword::prompt_password(question)
}

/// rpassword puts the console's modes back itself.
pub struct Modes;

impl Modes {
    pub fn now() -> Modes {
        Modes
    }
}

/// There is nothing to put back: rpassword has the console's modes.
pub fn show_typing() {}
