//! Waiting for a lock without making the caller wait for a token that it has.

use std::io;
use std::time::{Duration, Instant};

use crate::connection::Connection;
use crate::error::{Error, Kind, Result};
use crate::moment::now;
use crate::session::requirement::TokenRequirement;
use crate::session::stored;
use crate::signals::Signals;
use crate::store::{Key, LOCK_TIME, Lock, LockName, Store};

/// What became of the wait for a connection's lock.
pub enum Locked {
    Lock(Lock),
    /// No refresh is necessary, or the current token is handed out with the reason why there was none.
    Served(Box<(Connection, Option<Error>)>),
}

/// Takes the connection's lock. If another process holds it, a token that serves is handed out at once, and any valid
/// one shortly before it expires or after 75 s. If the lock cannot be used, as in a read-only store, any valid token is
/// handed out.
///
/// # Errors
/// The current token does not satisfy the requirement; a signal came.
pub async fn lock_or_serve(
    store: &Store,
    mut connection: Connection,
    requirement: TokenRequirement<'_>,
    signals: &mut Signals,
) -> Result<Locked> {
    let name = store.lock_name(&Key::Connection(connection.name.clone()));
    let since = Instant::now();
    loop {
        let patience = requirement.patience(&connection.tokens, now());
        let locking = lock(
            name.clone(),
            patience.min(LOCK_TIME.saturating_sub(since.elapsed())),
        );
        let error = match signals.unless(locking, "nothing was changed").await? {
            Ok(lock) => return Ok(Locked::Lock(lock)),
            Err(error) => error,
        };
        // The process that holds the lock may have saved a token.
        connection = stored(store, &connection.name).unwrap_or(connection);
        let tokens = &connection.tokens;
        if requirement.is_met(tokens, now()) {
            return Ok(Locked::Served(Box::new((connection, None))));
        }
        // The token may have expired meanwhile.
        let may_wait = error.kind == Kind::LockHeld && since.elapsed() < LOCK_TIME;
        if requirement.is_usable(tokens, now()) || !may_wait {
            let served = requirement.or_serve_current(connection, error)?;
            return Ok(Locked::Served(Box::new(served)));
        }
    }
}

/// Takes a lock. A thread waits for it, so that the caller can notice a signal meanwhile.
///
/// # Errors
/// As for [`LockName::take`].
pub async fn lock(name: LockName, patience: Duration) -> Result<Lock> {
    if patience.is_zero() {
        return name.take(patience);
    }
    let failed = |error: io::Error| {
        Error::new(Kind::Failure, "could not start a thread for the lock").with_cause(&error)
    };
    let (sender, locked) = tokio::sync::oneshot::channel();
    std::thread::Builder::new()
        .spawn(move || sender.send(name.take(patience)))
        .map_err(failed)?;
    locked
        .await
        .unwrap_or_else(|gone| Err(failed(io::Error::other(gone))))
}
