//! The only place that prints: results to stdout, talk to stderr.

mod body;
mod stdout;

use std::io::{self, IsTerminal, Write};

use serde_json::Value;
use zeroize::Zeroizing;

use crate::error::{Error, Kind, Result, visible};
use crate::secret::Secret;
use stdout::write_out;

pub use body::Body;
pub use stdout::{closed_stdout, sync_stdout, unwritten};

const RED: &str = "\u{1b}[1;31m";
const YELLOW: &str = "\u{1b}[1;33m";
const CYAN: &str = "\u{1b}[36m";
const LIGHT_ON_DARK: &str = "\u{1b}[97;40m";
const PLAIN: &str = "\u{1b}[0m";

/// How this run talks.
#[derive(Clone, Copy)]
pub struct Output {
    pub json: bool,
    stdout_is_terminal: bool,
    stderr_is_terminal: bool,
    /// Whether words of a result are coloured.
    result_colour: bool,
    /// Whether the first word of an error, a hint or a warning is coloured.
    colour: bool,
    /// The store that the command line chose, which commands that are proposed have to choose again.
    store: Option<&'static str>,
}

/// What a colour underlines; the words must say it too.
#[derive(Clone, Copy)]
pub enum Tone {
    Warning,
    Error,
}

impl Default for Output {
    fn default() -> Output {
        Output::new(false)
    }
}

impl Output {
    pub fn new(json: bool) -> Output {
        let stdout_is_terminal = io::stdout().is_terminal();
        let stderr_is_terminal = io::stderr().is_terminal();
        Output {
            json,
            stdout_is_terminal,
            stderr_is_terminal,
            result_colour: wants_colour(stdout_is_terminal),
            colour: wants_colour(stderr_is_terminal),
            store: None,
        }
    }

    /// With the store that the command line chose: it stands in every command that is proposed from here on.
    pub fn with_store(self, store: Option<&'static str>) -> Output {
        Output { store, ..self }
    }

    /// Proposed commands as they have to be typed.
    fn typed(&self, text: &str) -> String {
        match self.store {
            Some(store) => text.replace(
                "`webex-connect ",
                &format!("`webex-connect --store {store} "),
            ),
            None => text.to_owned(),
        }
    }

    /// The columns of the terminal that results go to, if they go to one.
    pub fn columns(&self) -> Option<u16> {
        self.stdout_is_terminal
            .then(|| columns_of(io::stdout()))
            .flatten()
    }

    /// The columns of the terminal that talk goes to, if it is one that draws.
    pub fn talk_columns(&self) -> Option<u16> {
        self.draws().then(|| columns_of(io::stderr())).flatten()
    }

    /// Whether talk may move the cursor.
    fn draws(&self) -> bool {
        self.stderr_is_terminal && !self.json && !is_dumb()
    }

    /// What was asked for, as text.
    ///
    /// # Errors
    /// Standard output can't be written. A reader that went away is no error.
    pub fn result(&self, text: &str) -> Result<()> {
        self.delivered(text).map(|_| ())
    }

    /// As [`Output::result`], for what has to arrive: `false` if the reader went away.
    ///
    /// # Errors
    /// As for [`Output::result`].
    pub fn delivered(&self, text: &str) -> Result<bool> {
        let text = if self.stdout_is_terminal {
            plain(text)
        } else {
            text.to_owned()
        };
        write_out(format!("{text}\n").as_bytes())
    }

    /// As [`Output::result`], with these words in colour where a line ends in them.
    ///
    /// # Errors
    /// As for [`Output::result`].
    pub fn result_with_tones(&self, text: &str, tones: &[(&str, Tone)]) -> Result<()> {
        if !self.result_colour {
            return self.result(text);
        }
        let text = if self.stdout_is_terminal {
            plain(text)
        } else {
            text.to_owned()
        };
        let lines: String = text.lines().map(|line| toned(line, tones) + "\n").collect();
        write_out(lines.as_bytes()).map(drop)
    }

    /// Somebody else's bytes, which come piece by piece.
    pub fn body(&self) -> Body {
        Body::new(self.stdout_is_terminal)
    }

    /// What was asked for, as JSON: for people on a terminal with every character visible, for programs faithful.
    ///
    /// # Errors
    /// As for [`Output::result`].
    pub fn result_json(&self, value: &Value) -> Result<()> {
        if self.stdout_is_terminal {
            self.result(&escaped(&format!("{value:#}")))
        } else {
            self.result(&value.to_string())
        }
    }

    /// A line of talk; silent with `--json`, whose reader wants events.
    pub fn note(&self, text: &str) {
        if !self.json {
            self.say(text);
        }
    }

    /// A picture in block characters: light on dark where colours can be had, whatever the terminal's own are.
    pub fn picture(&self, lines: &[String]) {
        for line in lines {
            if self.colour {
                let _ = writeln!(io::stderr(), "{LIGHT_ON_DARK}{}{PLAIN}", plain(line));
            } else {
                self.note(line);
            }
        }
    }

    /// Something the person should know although the command goes on.
    pub fn warning(&self, text: &str) {
        if self.json {
            self.event(&serde_json::json!({"event": "warning", "message": text}));
        } else {
            self.say_headed("warning", YELLOW, text);
        }
    }

    /// A line of what goes over the wire, with secrets already masked.
    pub fn wire(&self, text: &str) {
        if self.json {
            self.event(&serde_json::json!({"event": "wire", "message": text}));
        } else {
            self.say(text);
        }
    }

    /// A line of JSON among the talk, with `--json` only.
    pub fn event(&self, value: &Value) {
        if self.json {
            self.say(&escaped(&value.to_string()));
        }
    }

    /// Has the runner of a GitHub Actions job hide a secret in its log: a workflow command, on a line of its own, which
    /// it takes from stderr too. A token has none of the characters that such a command would have to escape.
    ///
    /// # Errors
    /// Standard error can't be written, and nothing would be hidden.
    pub fn github_mask(&self, secret: &Secret) -> Result<()> {
        let line = Zeroizing::new(format!("::add-mask::{}\n", secret.expose()));
        io::stderr().write_all(line.as_bytes()).map_err(|error| {
            Error::new(Kind::Failure, "could not write the mask to standard error")
                .with_detail(&error.to_string())
                .with_hint("let standard error go to the job's log, where its runner reads it")
        })
    }

    /// The error that ends the command.
    pub fn error(&self, error: &Error) {
        if self.json {
            return self.event(&error.to_json());
        }
        self.say_headed("error", RED, &error.to_string());
        if let Some(id) = &error.tracking_id {
            self.say_headed("tracking id", CYAN, id);
        }
        if let Some(hint) = &error.hint {
            self.say_headed("hint", CYAN, hint);
        }
    }

    /// Shows a line that the next one replaces; only on a terminal that draws.
    pub fn passing(&self, text: &str) {
        if self.draws() {
            let _ = write!(io::stderr(), "\r\u{1b}[K{}", plain(text));
        }
    }

    /// Takes the last [`Output::passing`] away.
    pub fn end_passing(&self) {
        if self.draws() {
            let _ = write!(io::stderr(), "\r\u{1b}[K");
        }
    }

    fn say_headed(&self, head: &str, colour: &str, text: &str) {
        if !self.colour {
            return self.say(&format!("{head}: {text}"));
        }
        // Nobody is left to tell when stderr can't be written.
        let _ = writeln!(io::stderr(), "{colour}{head}:{PLAIN} {}", plain(text));
    }

    /// Nobody is left to tell when stderr can't be written.
    fn say(&self, text: &str) {
        let text = self.typed(text);
        let text = match self.stderr_is_terminal {
            true => plain(&text),
            false => text,
        };
        let _ = writeln!(io::stderr(), "{text}");
    }
}

/// Whether a stream is the null device, which it also is where whoever started this closed it.
#[cfg(unix)]
pub fn goes_nowhere(stream: &impl std::os::fd::AsFd) -> bool {
    use std::os::unix::fs::MetadataExt;

    let stream = stream.as_fd().try_clone_to_owned();
    let stream = stream.and_then(|stream| std::fs::File::from(stream).metadata());
    // A file that is no device has the number 0.
    let device =
        |of: io::Result<std::fs::Metadata>| of.ok().map(|of| of.rdev()).filter(|of| *of != 0);
    device(stream).is_some_and(|stream| device(std::fs::metadata("/dev/null")) == Some(stream))
}

#[cfg(not(unix))]
pub fn goes_nowhere<T>(_: &T) -> bool {
    false
}

/// On terminals that can, unless the person says no (`NO_COLOR`) or always (`CLICOLOR_FORCE`).
fn wants_colour(is_terminal: bool) -> bool {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let forced = set("CLICOLOR_FORCE").is_some_and(|value| value != "0");
    set("NO_COLOR").is_none() && (forced || (is_terminal && !is_dumb()))
}

fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

#[cfg(unix)]
fn columns_of(terminal: impl std::os::fd::AsFd) -> Option<u16> {
    let size = rustix::termios::tcgetwinsize(terminal).ok()?;
    Some(size.ws_col).filter(|columns| *columns > 0)
}

#[cfg(not(unix))]
fn columns_of<T>(_: T) -> Option<u16> {
    None
}

/// A line whose last words are in colour, if they are one of these.
fn toned(line: &str, tones: &[(&str, Tone)]) -> String {
    for (words, tone) in tones {
        if let Some(start) = line.strip_suffix(words) {
            let colour = match tone {
                Tone::Warning => YELLOW,
                Tone::Error => RED,
            };
            return format!("{start}{colour}{words}{PLAIN}");
        }
    }
    line.to_owned()
}

/// Text for a terminal: line breaks stay, every other control shows as a stand-in.
fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c == '\n' { c } else { visible(c) })
        .collect()
}

/// JSON for a terminal: serde_json escapes only what is below U+0020, so the rest of the controls is escaped here.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if c == '\n' || visible(c) == c {
            text.push(c);
        } else {
            text.push_str(&format!("\\u{:04x}", c as u32));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_on_a_terminal_hides_no_controls() {
        let value = serde_json::json!({"name": "a\u{9b}b\u{202e}c\u{7f}\u{1b}"});
        let text = escaped(&value.to_string());
        assert_eq!(text, r#"{"name":"a\u009bb\u202ec\u007f\u001b"}"#);
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
