//! The end of every login, whichever way the grant came: who signed in, what is stored, what is said.

use std::pin::pin;
use std::time::Duration;

use url::Url;

use crate::client::Client;
use crate::cmd::guard::Guard;
use crate::cmd::login::NOTHING_STORED;
use crate::cmd::login::outcome::{NewConnection, Saved, connection, identify, keep, report};
use crate::cmd::login::plan::Plan;
use crate::error::{Kind, Result};
use crate::name::Name;
use crate::oauth::Granted;
use crate::output::Output;
use crate::session::{self, NotSaved};
use crate::signals::{Signal, Signals};
use crate::store::{Key, LOCK_TIME, Lock, Store, retry_changed};

/// How long a signal waits for Webex to say who signed in, and again for the connection's lock; a signal ends the
/// program within two seconds.
const HURRY: Duration = Duration::from_millis(700);

/// What it takes to keep a grant.
pub struct Ending<'a> {
    pub output: Output,
    pub store: &'a Store,
    pub client: &'a Client,
    pub base: &'a Url,
    /// The signal that came when the tokens were there already; it ends the program once they are stored.
    pub interrupted: Option<Signal>,
    /// The connection's lock, once it is taken.
    lock: Option<Lock>,
}

impl<'a> Ending<'a> {
    pub fn new(output: Output, store: &'a Store, client: &'a Client, base: &'a Url) -> Ending<'a> {
        Ending {
            output,
            store,
            client,
            base,
            interrupted: None,
            lock: None,
        }
    }

    /// Takes the connection's lock before the tokens come, for a request that may end what another process has.
    ///
    /// # Errors
    /// [`crate::error::Kind::Interrupted`]; another process keeps it.
    pub async fn lock(&mut self, name: &Name, signals: &mut Signals) -> Result<()> {
        let name = self.store.lock_name(&Key::Connection(name.clone()));
        let locking = session::lock(name, LOCK_TIME);
        self.lock = Some(signals.unless(locking, NOTHING_STORED).await??);
        Ok(())
    }

    /// From the token answer to the stored connection. A signal only hurries it.
    pub async fn keep(
        &mut self,
        plan: Plan,
        granted: Granted,
        signals: &mut Signals,
    ) -> Result<Saved> {
        let asking = identify(self.output, self.client, self.base, &granted);
        // The guard against another account gets its chance whatever signal comes.
        let identity = self.hurried(asking, signals).await.ok().flatten();
        let (new, mut guard) = connection(plan, granted, identity);
        guard.hurried = self.interrupted.is_some();
        self.store(&guard, new, signals).await
    }

    /// Stores a connection that was made just now, and tries again while the store fails or another process is in the way:
    /// its tokens exist nowhere else. A signal ends that.
    pub async fn store(
        &mut self,
        guard: &Guard,
        new: NewConnection,
        signals: &mut Signals,
    ) -> Result<Saved> {
        let (output, store) = (self.output, self.store);
        let name = new.connection.name.clone();
        let lock_name = store.lock_name(&Key::Connection(name.clone()));
        let has_lock = self.lock.is_some();
        let attempt = |patience: Duration| {
            let _lock = match has_lock {
                true => None,
                false => Some(lock_name.take(patience)?),
            };
            retry_changed(|| keep(output, store, guard, &new))
        };
        let _limit = store.limit_writes(session::WRITE_STEP);
        let kept = match self.interrupted {
            Some(signal) => attempt(HURRY).map_err(|error| NotSaved {
                error,
                signal: Some(signal),
            }),
            None => {
                session::retry_save(output, &name, signals, || attempt(session::WRITE_STEP)).await
            }
        };
        self.lock = None;
        self.interrupted = self.interrupted.or(signals.pending().await);
        kept.map_err(|NotSaved { error, signal }| match signal {
            Some(signal) if error.kind == Kind::LockHeld => signal.into_error(&format!(
                "another webex-connect is at work on {name}, and nothing was stored"
            )),
            _ => error,
        })
    }

    /// What comes of it, or the signal. One that comes, or has come, leaves it little time.
    async fn hurried<T>(
        &mut self,
        work: impl Future<Output = T>,
        signals: &mut Signals,
    ) -> std::result::Result<T, Signal> {
        let mut work = pin!(work);
        let signal = match self.interrupted {
            Some(signal) => signal,
            None => tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                signal = signals.next() => signal,
            },
        };
        self.interrupted = Some(signal);
        let done = tokio::time::timeout(HURRY, work).await;
        done.map_err(|_| signal)
    }

    /// The last word.
    pub fn tell(self, finished: Result<Saved>) -> Result<()> {
        let saved = finished?;
        if let Some(signal) = self.interrupted {
            let name = &saved.connection.name;
            return Err(signal.into_error(&format!("{name} was stored all the same")));
        }
        report(self.output, self.store, &saved)
    }
}
