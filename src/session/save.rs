//! New tokens on their way to the store. They exist nowhere else, so a save that fails is tried again and again.

use std::time::{Duration, Instant};

use crate::connection::Connection;
use crate::error::{Error, Kind, Result};
use crate::name::Name;
use crate::oauth::Granted;
use crate::output::Output;
use crate::scope::ScopeSet;
use crate::session::{sign_in, stored};
use crate::signals::{Signal, Signals};
use crate::store::Store;

/// How long a store that fails is tried: time to make room on a disk or to unlock a keyring. A lock that another process
/// holds is waited for until a signal comes.
const SAVE_TIME: Duration = Duration::from_secs(120);
/// The pause after the first attempt; it doubles up to the longest one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// After this long a warning says what the command waits for.
const WARN_AFTER: Duration = Duration::from_secs(3);

/// Saves the tokens before anything else happens: they exist nowhere else.
///
/// # Errors
/// [`Kind::Store`], as for [`retry_save`].
pub async fn save_tokens(
    store: &Store,
    output: Output,
    marked: Connection,
    granted: Granted,
    signals: &mut Signals,
) -> Result<Connection> {
    let name = marked.name.clone();
    let saving = retry_save(output, &name, signals, || {
        save_once(store, &marked, &granted)
    });
    let (saved, lost) = saving.await.map_err(|NotSaved { error, .. }| {
        let again = sign_in(&marked);
        Error::new(Kind::Store, format!("could not save the new tokens of {name}"))
            .with_detail(&error.to_string())
            .with_hint(format!(
                "once the store can be written, run `webex-connect refresh {name}`; if Webex has replaced the refresh \
                 token, {again}"
            ))
    })?;
    if !lost.is_empty() {
        output.warning(&format!(
            "{name} lost scopes in this refresh: {lost}; `webex-connect login {name}` asks for them again"
        ));
    }
    Ok(saved)
}

/// Puts the new tokens into the record. If another process has changed it meanwhile, the record it wrote is kept:
/// with the new tokens in it if it holds the refresh token that was spent, else with its own, which are newer.
fn save_once(
    store: &Store,
    marked: &Connection,
    granted: &Granted,
) -> Result<(Connection, ScopeSet)> {
    let mut connection = marked.clone();
    let lost = connection.apply_refresh(granted.tokens.clone(), granted.scope.clone());
    match store.save_connection(&mut connection) {
        Err(error) if error.kind == Kind::Changed => {}
        saved => return saved.map(|()| (connection, lost)),
    }
    let mut newer = stored(store, &marked.name)?;
    let is_saved = newer.tokens.access_token == granted.tokens.access_token;
    if is_saved || newer.tokens.refresh_token != marked.tokens.refresh_token {
        return Ok((newer, ScopeSet::default()));
    }
    let lost = newer.apply_refresh(granted.tokens.clone(), granted.scope.clone());
    store.save_connection(&mut newer)?;
    Ok((newer, lost))
}

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
/// The last error of `save`: 120 s after the first error of the store, or at a signal.
pub async fn retry_save<T>(
    output: Output,
    name: &Name,
    signals: &mut Signals,
    mut save: impl FnMut() -> Result<T>,
) -> std::result::Result<T, NotSaved> {
    let since = Instant::now();
    let mut failing_since = None;
    let mut has_warned = false;
    let mut pause = FIRST_PAUSE;
    loop {
        let error = match save() {
            Ok(saved) => return Ok(saved),
            Err(error) => error,
        };
        let is_final = match error.kind {
            Kind::LockHeld => false,
            Kind::Store | Kind::Unreadable => {
                failing_since.get_or_insert_with(Instant::now).elapsed() >= SAVE_TIME
            }
            _ => true,
        };
        if is_final {
            return Err(NotSaved {
                error,
                signal: None,
            });
        }
        if !has_warned && since.elapsed() >= WARN_AFTER {
            has_warned = true;
            output.warning(&format!(
                "could not save the new tokens of {name} yet, and still trying: {error}"
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
            () = tokio::time::sleep(pause) => {}
        }
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}
