//! Bytes of somebody else's on standard output: for programs as they came, for people as a terminal can bear them.

use serde_json::Value;

use crate::error::Result;
use crate::output::stdout::write_out;
use crate::output::{escaped, plain};

/// What is held back to be laid out for a person; nobody reads more on a terminal.
const MAX_PRETTY: usize = 4 * 1024 * 1024;

/// A body on its way to standard output.
pub struct Body {
    is_terminal: bool,
    /// On a terminal, what was not shown yet: all of it while it may still be laid out, then the start of a character.
    held: Vec<u8>,
    too_long: bool,
}

impl Body {
    pub(super) fn new(is_terminal: bool) -> Body {
        Body {
            is_terminal,
            held: Vec::new(),
            too_long: false,
        }
    }

    /// Takes a piece, and tells whether anybody reads on.
    ///
    /// # Errors
    /// Standard output can't be written. A reader that went away is no error.
    pub fn write(&mut self, piece: &[u8]) -> Result<bool> {
        if !self.is_terminal {
            return write_out(piece);
        }
        self.held.extend_from_slice(piece);
        self.too_long |= self.held.len() > MAX_PRETTY;
        if !self.too_long {
            return Ok(true);
        }
        let whole = self.held.len() - unfinished(&self.held);
        let rest = self.held.split_off(whole);
        let shown = std::mem::replace(&mut self.held, rest);
        write_out(plain(&String::from_utf8_lossy(&shown)).as_bytes())
    }

    /// Shows what was held back, on lines of its own.
    ///
    /// # Errors
    /// As for [`Body::write`].
    pub fn finish(self) -> Result<()> {
        if self.held.is_empty() && !self.too_long {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&self.held);
        // Parsed only to know that it is JSON, and of a depth that can be shown: shown are its own characters.
        let is_json = !self.too_long && serde_json::from_slice::<Value>(&self.held).is_ok();
        let mut shown = if is_json {
            escaped(&laid_out(&text))
        } else {
            plain(&text)
        };
        if !shown.ends_with('\n') {
            shown.push('\n');
        }
        write_out(shown.as_bytes()).map(drop)
    }
}

/// How many bytes at the end begin a character that is not whole yet.
fn unfinished(bytes: &[u8]) -> usize {
    let tail = bytes.iter().rev().take(3);
    let continued = tail.take_while(|byte| **byte & 0xc0 == 0x80).count();
    let Some(first) = bytes.iter().rev().nth(continued) else {
        return 0;
    };
    let length = first.leading_ones() as usize;
    if (2..=4).contains(&length) && continued + 1 < length {
        continued + 1
    } else {
        0
    }
}

/// JSON with a member or element a line, in its own order and its own spelling.
fn laid_out(json: &str) -> String {
    let mut text = String::with_capacity(json.len() * 2);
    let mut depth = 0_usize;
    let mut characters = json.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '"' => {
                text.push(c);
                string(&mut characters, &mut text);
            }
            '{' | '[' => {
                text.push(c);
                while characters.next_if(char::is_ascii_whitespace).is_some() {}
                match characters.next_if(|c| matches!(c, '}' | ']')) {
                    Some(end) => text.push(end),
                    None => {
                        depth += 1;
                        new_line(&mut text, depth);
                    }
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut text, depth);
                text.push(c);
            }
            ',' => {
                text.push(c);
                new_line(&mut text, depth);
            }
            ':' => text.push_str(": "),
            c if c.is_ascii_whitespace() => {}
            c => text.push(c),
        }
    }
    text
}

/// The rest of a string, to its closing quote.
fn string(characters: &mut impl Iterator<Item = char>, text: &mut String) {
    while let Some(c) = characters.next() {
        text.push(c);
        match c {
            '"' => return,
            '\\' => text.extend(characters.next()),
            _ => {}
        }
    }
}

fn new_line(text: &mut String, depth: usize) {
    text.push('\n');
    text.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_laid_out_in_its_own_order_and_spelling() {
        let json = r#" {"b":[1.50,{ },[ ],"a, \"{:\\",null ],"a" : {"x":"\u0041"}}"#;
        let shown = "{\n  \"b\": [\n    1.50,\n    {},\n    [],\n    \"a, \\\"{:\\\\\",\n    null\n  ],\n  \
                     \"a\": {\n    \"x\": \"\\u0041\"\n  }\n}";
        assert_eq!(laid_out(json), shown);
        assert_eq!(laid_out("\"x\""), "\"x\"");
    }

    #[test]
    fn characters_are_not_cut_between_two_pieces() {
        for (bytes, cut) in [
            (&b""[..], 0),
            (b"a", 0),
            (b"a\xc3", 1),
            ("aü".as_bytes(), 0),
            (b"\xe2\x80", 2),
            (b"\xf0\x9f\x98", 3),
            ("😀".as_bytes(), 0),
            (b"\x80\x80\x80\x80", 0),
            (b"\xff", 0),
        ] {
            assert_eq!(unfinished(bytes), cut, "{bytes:?}");
        }
    }
}
