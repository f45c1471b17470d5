//! What can go wrong: one error type, whose kind decides the exit code and the machine-readable name.

use std::fmt;
use std::io;

use serde_json::{Value, json};

/// Characters of foreign text that are shown; the rest is cut.
const MAX_FOREIGN: usize = 300;

/// The kinds of failure. Exit codes and names are a promise to scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Anything without a better name.
    Failure,
    /// The command line is off.
    Usage,
    /// No such connection, or its grant is dead: a person must sign in.
    SignIn,
    /// The person or Webex refused the authorization request.
    Denied,
    /// Nobody answered in time.
    TimedOut,
    /// The grant lacks a scope, or is not known to have it.
    Scope,
    /// The store is absent, locked, hung, full or read-only.
    Store,
    /// Another process of this program holds the lock of what is needed.
    LockHeld,
    /// Another process has changed the record since it was read.
    Changed,
    /// The store holds something this program can't read.
    Unreadable,
    /// The network failed, or Webex did for the moment.
    Temporary,
    /// The app's registration does not fit: secret, redirect URI, scope.
    App,
    /// The redirect URI's port is taken.
    PortInUse,
    /// Refused for safety.
    Refused,
    /// A signal ended it; the number is the signal's.
    Interrupted(u8),
}

impl Kind {
    /// The process exit code.
    pub fn exit_code(self) -> u8 {
        match self {
            Kind::Failure => 1,
            Kind::Usage => 2,
            Kind::SignIn | Kind::Denied | Kind::TimedOut => 4,
            Kind::Scope => 5,
            Kind::Store | Kind::LockHeld | Kind::Changed | Kind::Unreadable => 6,
            Kind::Temporary => 7,
            Kind::App | Kind::PortInUse => 8,
            Kind::Refused => 9,
            Kind::Interrupted(signal) => 128 + signal,
        }
    }

    /// The `code` of a JSON error.
    pub fn code(self) -> &'static str {
        match self {
            Kind::Failure => "failure",
            Kind::Usage => "usage",
            Kind::SignIn => "sign_in_required",
            Kind::Denied => "denied",
            Kind::TimedOut => "timed_out",
            Kind::Scope => "scope_missing",
            Kind::Store | Kind::LockHeld | Kind::Changed => "store_unavailable",
            Kind::Unreadable => "store_unreadable",
            Kind::Temporary => "temporary",
            Kind::App => "app_misconfigured",
            Kind::PortInUse => "port_in_use",
            Kind::Refused => "refused",
            Kind::Interrupted(_) => "interrupted",
        }
    }
}

pub type Result<T> = std::result::Result<T, Error>;

/// A failure, told to a person: what happened, to what, and the cure.
#[derive(Clone, Debug)]
pub struct Error {
    pub kind: Kind,
    /// A lower-case phrase, ours but for the names and paths in it; it may stand on a web page, which escapes it.
    pub message: String,
    /// What a server or another program said of it, already through [`foreign`]. Never shown on a page.
    pub detail: Option<String>,
    /// The next command to run, in backticks.
    pub hint: Option<String>,
    /// Webex's own number for the request; Cisco support asks for it.
    pub tracking_id: Option<String>,
    /// Instead of the kind's, for `exec`, whose codes tell the child's failures from ours.
    pub exit_code: Option<u8>,
    /// Whether it is about a request that never reached a server.
    pub unsent: bool,
    /// Whether a server did not answer in time.
    pub timed_out: bool,
}

impl Error {
    pub fn new(kind: Kind, message: impl Into<String>) -> Error {
        Error {
            kind,
            message: message.into(),
            detail: None,
            hint: None,
            tracking_id: None,
            exit_code: None,
            unsent: false,
            timed_out: false,
        }
    }

    /// The process exit code.
    pub fn exit_code(&self) -> u8 {
        self.exit_code.unwrap_or_else(|| self.kind.exit_code())
    }

    pub fn with_exit_code(mut self, code: u8) -> Error {
        self.exit_code = Some(code);
        self
    }

    pub fn with_hint(mut self, hint: impl Into<String>) -> Error {
        self.hint = Some(hint.into());
        self
    }

    /// Adds foreign text, cleaned and cut here.
    pub fn with_detail(mut self, detail: &str) -> Error {
        self.detail = Some(foreign(detail)).filter(|detail| !detail.is_empty());
        self
    }

    /// Adds what the system said, with the cure where it gives this user no more of something.
    pub fn with_cause(self, error: &io::Error) -> Error {
        let caused = self.with_detail(&error.to_string());
        match limit_cure(error) {
            Some(cure) => caused.with_hint(cure),
            None => caused,
        }
    }

    pub fn with_tracking_id(mut self, id: Option<String>) -> Error {
        self.tracking_id = id.map(|id| foreign(&id));
        self
    }

    /// The error as `--json` prints it.
    pub fn to_json(&self) -> Value {
        json!({"error": {
            "code": self.kind.code(),
            "message": self.to_string(),
            "hint": self.hint,
            "exit_code": self.exit_code(),
            "tracking_id": self.tracking_id,
        }})
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.detail {
            Some(detail) => write!(f, ": {detail}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

/// The cure for a limit of the system that was reached.
fn limit_cure(error: &io::Error) -> Option<&'static str> {
    if error.kind() == io::ErrorKind::FileTooLarge {
        return Some(
            "raise the limit on file sizes (`ulimit -f unlimited`) and run the same command again",
        );
    }
    #[cfg(unix)]
    match rustix::io::Errno::from_io_error(error)? {
        rustix::io::Errno::MFILE | rustix::io::Errno::NFILE => {
            return Some(
                "raise the limit on open files (`ulimit -n 1024`) and run the same command again",
            );
        }
        // Threads: locks are waited for, and files that would block are not read.
        rustix::io::Errno::AGAIN => {
            return Some(
                "end other programs of this user, or raise its limit (`ulimit -u`), and run the same command again",
            );
        }
        _ => {}
    }
    None
}

/// Foreign text made fit for one line of a message: controls and bidi marks replaced, at most 300 characters.
pub fn foreign(text: &str) -> String {
    let mut clean: String = text.trim().chars().take(MAX_FOREIGN).map(visible).collect();
    if text.trim().chars().nth(MAX_FOREIGN).is_some() {
        clean.pop();
        clean.push('…');
    }
    clean
}

/// The character, or a stand-in where it would move the cursor, break the line, reorder what is read or not be seen:
/// C0, DEL, C1, line and paragraph separators, bidirectional controls, and what Unicode calls default ignorable, but for
/// the variation selectors that choose the look of the character before them.
pub fn visible(c: char) -> char {
    match c {
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{115f}'..='\u{1160}'
        | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_stays_on_one_plain_line() {
        assert_eq!(
            foreign("a\u{1b}[2J\r\nb\u{9b}c\u{202e}d\u{7f}"),
            "a\u{fffd}[2J\u{fffd}\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}"
        );
        assert_eq!(foreign(&"x".repeat(301)).chars().count(), 300);
        assert_eq!(foreign("  said  "), "said");
        assert_eq!(
            foreign("a\u{ad}b\u{e0041}c\u{180e}"),
            "a\u{fffd}b\u{fffd}c\u{fffd}"
        );
    }

    proptest::proptest! {
        #![proptest_config(crate::generated::config())]

        #[test]
        fn foreign_text_is_one_short_line_without_controls(text in "(?s).{0,400}") {
            let shown = foreign(&text);
            assert!(shown.chars().count() <= MAX_FOREIGN);
            assert!(shown.chars().all(|c| visible(c) == c), "{shown:?}");
        }
    }
}
