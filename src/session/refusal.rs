//! What is added to the error of a refresh that failed, so that it names the cause and the way out.

use jiff::SignedDuration;

use crate::connection::{Connection, Mark};
use crate::duration;
use crate::error::{Error, Kind};
use crate::oauth::Fate;
use crate::session::sign_in;

/// Explains a refusal by an earlier refresh that was cut off.
pub fn explained(error: Error, before: &Mark) -> Error {
    let Mark::RefreshStarted { at } = before else {
        return error;
    };
    let message = format!(
        "{}; a refresh at {at} was cut off, and Webex may have replaced the token then",
        error.message
    );
    Error { message, ..error }
}

/// A refusal that may call for a new sign-in names the connection's own.
pub fn with_sign_in(error: Error, before: &Connection) -> Error {
    let sign_in = sign_in(before);
    match (error.kind, &error.hint) {
        (Kind::Failure | Kind::Denied, Some(hint)) => {
            let hint = format!("{hint}; if that does not help, {sign_in}");
            error.with_hint(hint)
        }
        (Kind::Failure | Kind::Denied, None) => error.with_hint(sign_in),
        _ => error,
    }
}

/// A wait that Webex asks for and that is longer than this program waits is left to the user.
pub fn with_wait(error: Error, refresh_token: Fate) -> Error {
    match refresh_token {
        Fate::Busy(Some(wait)) => {
            let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
            error.with_hint(format!(
                "run the same command again in {}",
                duration::text(wait)
            ))
        }
        Fate::Busy(None) | Fate::Kept | Fate::Unknown => error,
    }
}
