//! New tokens that the store does not take yet. They exist nowhere else, so saving them is tried again and again.

use std::time::{Duration, Instant};

use crate::error::{Error, Kind, Result};
use crate::name::Name;
use crate::output::Output;
use crate::signals::{Signal, Signals};

/// How long a store that fails is tried: time to make room on a disk or to unlock a keyring. A lock that another process
/// holds is waited for until a signal comes.
const SAVE_TIME: Duration = Duration::from_secs(120);
/// The pause between two attempts.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// After this long the user is told what the command waits for.
const TELL_AFTER: Duration = Duration::from_secs(3);

/// Why new tokens were not saved.
pub struct NotSaved {
    /// The last error of the store.
    pub error: Error,
    /// The signal that ended the attempts.
    pub signal: Option<Signal>,
}

/// Saves the new tokens of a connection with `save`, and tries again while the store fails. A refusal by a guard is final.
///
/// # Errors
/// The last error of `save`, after 120 s or at a signal.
pub async fn keep_saving<T>(
    output: Output,
    name: &Name,
    signals: &mut Signals,
    mut save: impl FnMut() -> Result<T>,
) -> std::result::Result<T, NotSaved> {
    let since = Instant::now();
    let mut is_told = false;
    loop {
        let error = match save() {
            Ok(saved) => return Ok(saved),
            Err(error) => error,
        };
        let is_final = match error.kind {
            Kind::LockHeld => false,
            Kind::Store | Kind::Unreadable => since.elapsed() >= SAVE_TIME,
            _ => true,
        };
        if is_final {
            return Err(NotSaved {
                error,
                signal: None,
            });
        }
        if !is_told && since.elapsed() >= TELL_AFTER {
            is_told = true;
            output.warning(&format!(
                "the new tokens of {name} are not saved yet, and this command goes on trying: {error}"
            ));
        }
        tokio::select! {
            biased;
            signal = signals.next() => {
                return Err(NotSaved {
                    error,
                    signal: Some(signal),
                });
            }
            () = tokio::time::sleep(RETRY_PAUSE) => {}
        }
    }
}
