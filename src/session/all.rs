//! A refresh of many connections: a few at a time, within a time limit for all of them.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use crate::app::Environment;
use crate::client::Wire;
use crate::connection::Connection;
use crate::error::{Error, Kind, Result};
use crate::session::identity::owner;
use crate::session::refresh::{WRITE_STEP, refresh_locked};
use crate::session::requirement::TokenRequirement;
use crate::session::runtime;
use crate::signals::Signals;
use crate::store::Store;

/// No refresh begins later than this after the first one. A timer that runs every hour must not meet its predecessor.
const RUN_TIME: Duration = Duration::from_secs(300);

/// What became of one connection.
pub type Outcome = Result<Connection>;

/// Refreshes each connection, four at a time, and calls `report` for each in order. If a server does not answer in time,
/// the remaining connections of its environment fail at once. A signal stops further refreshes. Returns an outcome for
/// each connection that was tried. Must not be called inside a runtime.
///
/// # Errors
/// Signals cannot be caught. The failure of one connection is its outcome.
pub fn refresh_all(
    store: &Store,
    connections: &[Connection],
    wire: &Wire,
    report: impl FnMut(&Connection, &Outcome),
) -> Result<Vec<Outcome>> {
    let run = AllRun {
        store,
        connections,
        wire,
        began: Instant::now(),
        progress: RefCell::new(Progress {
            next: 0,
            outcomes: connections.iter().map(|_| None).collect(),
            reported: 0,
            unresponsive: Vec::new(),
            is_interrupted: false,
            report,
        }),
    };
    let limit = store.limit_writes(WRITE_STEP);
    let finished = runtime()?.block_on(async {
        let signals = Signals::catch()?;
        let (one, two, three, four) = tokio::join!(run.work(), run.work(), run.work(), run.work());
        let finished = one.and(two).and(three).and(four);
        signals.release_after(&finished);
        finished
    });
    drop(limit);
    finished?;
    let outcomes = run.progress.into_inner().outcomes;
    Ok(outcomes.into_iter().flatten().collect())
}

struct AllRun<'a, R> {
    store: &'a Store,
    connections: &'a [Connection],
    wire: &'a Wire,
    began: Instant,
    progress: RefCell<Progress<R>>,
}

struct Progress<R> {
    /// The next connection to try.
    next: usize,
    outcomes: Vec<Option<Outcome>>,
    /// How many outcomes were reported, from the first on.
    reported: usize,
    /// Environments whose server did not answer, with the error of the first connection.
    unresponsive: Vec<(Environment, Error)>,
    is_interrupted: bool,
    report: R,
}

impl<R: FnMut(&Connection, &Outcome)> AllRun<'_, R> {
    /// Refreshes one connection after the other until none is left.
    async fn work(&self) -> Result<()> {
        let mut signals = Signals::catch()?;
        while let Some(index) = self.take() {
            let connection = &self.connections[index];
            let outcome = match self.refused_early(connection) {
                Some(error) => Err(error),
                None => self.refresh(connection, &mut signals).await,
            };
            self.finish(index, outcome);
        }
        Ok(())
    }

    fn take(&self) -> Option<usize> {
        let mut progress = self.progress.borrow_mut();
        let index = progress.next;
        if progress.is_interrupted || index >= self.connections.len() {
            return None;
        }
        progress.next += 1;
        Some(index)
    }

    /// Why a connection is not tried at all.
    fn refused_early(&self, connection: &Connection) -> Option<Error> {
        if self.began.elapsed() >= RUN_TIME {
            let message = format!("this run has taken {} s already", RUN_TIME.as_secs());
            return Some(
                Error::new(Kind::Temporary, message).with_hint("run the same command again"),
            );
        }
        let progress = self.progress.borrow();
        let mut unresponsive = progress.unresponsive.iter();
        let (_, error) =
            unresponsive.find(|(environment, _)| *environment == connection.environment)?;
        let error = error.clone();
        let message = format!(
            "the server did not answer for another connection ({})",
            error.message
        );
        Some(Error { message, ..error })
    }

    async fn refresh(&self, connection: &Connection, signals: &mut Signals) -> Outcome {
        let known = connection.tokens.access_token.clone();
        let requirement = TokenRequirement::Other(&known);
        let (mut refreshed, _) = refresh_locked(
            self.store,
            connection.clone(),
            self.wire,
            requirement,
            signals,
        )
        .await?;
        let asking = owner(self.store, &refreshed, self.wire);
        let saved = format!("{} was refreshed and saved all the same", refreshed.name);
        if let Some(identity) = signals.unless(asking, &saved).await?.into_known() {
            refreshed.identity = Some(identity);
        }
        Ok(refreshed)
    }

    fn finish(&self, index: usize, outcome: Outcome) {
        let progress = &mut *self.progress.borrow_mut();
        if let Err(error) = &outcome {
            progress.is_interrupted |= matches!(error.kind, Kind::Interrupted(_));
            if error.timed_out {
                let environment = self.connections[index].environment.clone();
                progress.unresponsive.push((environment, error.clone()));
            }
        }
        progress.outcomes[index] = Some(outcome);
        while let Some(Some(outcome)) = progress.outcomes.get(progress.reported) {
            (progress.report)(&self.connections[progress.reported], outcome);
            progress.reported += 1;
        }
    }
}
