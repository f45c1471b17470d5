//! The end of every login, whichever way the grant came: who signed in, what is stored, what is said.

use std::fs::File;
use std::pin::pin;
use std::time::Duration;

use url::Url;

use crate::client::Client;
use crate::cmd::guard::Guard;
use crate::cmd::login::NOTHING_STORED;
use crate::cmd::login::outcome::{OwnApp, Saved, connection, identify, keep, report};
use crate::cmd::login::plan::Plan;
use crate::connection::Connection;
use crate::error::Result;
use crate::name::Name;
use crate::oauth::Granted;
use crate::output::Output;
use crate::session;
use crate::signals::{Signal, Signals};
use crate::store::Store;

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
    alone: Option<File>,
}

impl<'a> Ending<'a> {
    pub fn new(output: Output, store: &'a Store, client: &'a Client, base: &'a Url) -> Ending<'a> {
        Ending {
            output,
            store,
            client,
            base,
            interrupted: None,
            alone: None,
        }
    }

    /// Takes the connection's lock before the tokens come, for a request that may end what another process has.
    ///
    /// # Errors
    /// [`crate::error::Kind::Interrupted`]; another process keeps it.
    pub async fn alone(&mut self, name: &Name, signals: &mut Signals) -> Result<()> {
        let locked = signals.unless(session::lock(name), NOTHING_STORED).await?;
        self.alone = Some(locked?);
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
        let (connection, mut guard, own_app) = connection(plan, granted, identity);
        guard.hurried = self.interrupted.is_some();
        self.store(&guard, connection, own_app, signals).await
    }

    /// Stores a connection that was made just now. A signal only hurries it, unless another process is in the way.
    pub async fn store(
        &mut self,
        guard: &Guard,
        connection: Connection,
        own_app: Option<OwnApp>,
        signals: &mut Signals,
    ) -> Result<Saved> {
        if self.alone.is_none() {
            let name = &connection.name;
            let locked = self.hurried(session::lock(name), signals).await;
            let locked = locked.map_err(|signal| {
                signal.into_error(&format!(
                    "another webex-connect is at work on {name}, and nothing was stored"
                ))
            })?;
            self.alone = Some(locked?);
        }
        let kept = keep(self.output, self.store, guard, connection, own_app);
        self.alone = None;
        self.interrupted = self.interrupted.or(signals.pending().await);
        kept
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
