//! One refresh for any number of processes, saved before anything of it is used.
//!
//! Take the connection's lock, read the record again, save it marked as begun, ask Webex, save the answer. The marked
//! save proves that the store can be written before the refresh token is spent, and lets a later run explain a loss.

use std::pin::pin;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use url::Url;

use crate::app::App;
use crate::client::{Client, Wire};
use crate::connection::{Connection, Mark, Tokens};
use crate::error::{Error, Kind, Result};
use crate::moment::now;
use crate::oauth::{self, Fate, Granted, NotRefreshed};
use crate::session::locking::{Locked, lock_or_serve};
use crate::session::refusal::{explained, with_sign_in, with_wait};
use crate::session::renaming::not_renamed;
use crate::session::requirement::TokenRequirement;
use crate::session::save::save_tokens;
use crate::session::{app_of, base, mend_client, refused_before, runtime, sign_in, stored};
use crate::signals::{Signal, Signals};
use crate::store::Store;

/// How often a refresh is sent again after Webex said that it is busy.
const MAX_REPEATS: u32 = 2;
/// The wait before the first repeat where Webex names none; it doubles.
const BACK_OFF: Duration = Duration::from_secs(1);
/// No repeat is sent later than this after the run began to wait for the lock: with the 30 s that a request may take
/// it stays well below the 75 s for which others wait, it has room for the 15 s that a 429 usually means, and of many
/// that wait for a busy Webex only the first are patient with it.
const REPEAT_TIME: Duration = Duration::from_secs(20);
/// How long an answer under way is waited for after a signal: it may hold the only copy of a new refresh token, and
/// whoever sent the signal expects the end within 2 s.
const GRACE: Duration = Duration::from_secs(1);
/// How long a process whose current token still serves tries to reach the server. Once the request is sent, it waits
/// for the answer as long as any other.
const HURRIED_CONNECT_TIME: Duration = Duration::from_secs(3);
/// How long one attempt to write waits for another process that writes. Between two attempts a signal is noticed.
pub const WRITE_STEP: Duration = Duration::from_millis(300);
/// How often a refresh starts over because another process has changed the record without its lock.
const MAX_RESTARTS: u32 = 5;

/// Returns the connection with a token that meets the requirement. If necessary, one process refreshes it once. The new
/// token is not checked again: with a wrong clock that would refresh forever.
///
/// # Errors
/// The refresh failed, and the token from before does not satisfy the requirement either.
pub fn ensure(
    store: &Store,
    connection: Connection,
    wire: &Wire,
    requirement: TokenRequirement,
) -> Result<(Connection, Option<Error>)> {
    if requirement.is_met(&connection.tokens, now()) {
        return Ok((connection, None));
    }
    runtime()?.block_on(async {
        // Until they are released a signal is noticed where something is waited for, and held off while something is
        // saved.
        let mut signals = Signals::catch()?;
        let limit = store.limit_writes(WRITE_STEP);
        let outcome = refresh_locked(store, connection, wire, requirement, &mut signals).await;
        drop(limit);
        signals.release_after(&outcome);
        outcome
    })
}

/// As [`ensure`], inside a runtime and with the caller's signals. The caller has limited the store's writes to
/// [`WRITE_STEP`].
///
/// # Errors
/// As for [`ensure`].
pub async fn refresh_locked(
    store: &Store,
    connection: Connection,
    wire: &Wire,
    requirement: TokenRequirement<'_>,
    signals: &mut Signals,
) -> Result<(Connection, Option<Error>)> {
    let run = Run {
        store,
        wire,
        requirement,
        began: Instant::now(),
    };
    run.locked(connection, signals).await
}

struct Run<'a> {
    store: &'a Store,
    wire: &'a Wire,
    requirement: TokenRequirement<'a>,
    began: Instant,
}

/// Why a refresh brought no new tokens.
enum Failure {
    /// Nothing was lost: the current token may be handed out if it is still valid.
    NotRefreshed(Error),
    /// The run ends: a signal came, or new tokens could not be saved.
    End(Error),
}

impl Run<'_> {
    /// Takes the connection's lock, reads the record again, and refreshes. With a token that serves it does not wait for
    /// another process that holds the lock.
    async fn locked(
        &self,
        connection: Connection,
        signals: &mut Signals,
    ) -> Result<(Connection, Option<Error>)> {
        let name = connection.name.clone();
        let locking = lock_or_serve(self.store, connection, self.requirement, signals);
        let _lock = match locking.await? {
            Locked::Lock(lock) => lock,
            Locked::Served(served) => return Ok(*served),
        };
        let mut restarts = 0;
        loop {
            // Another process may have refreshed or removed it while this one waited.
            let current = stored(self.store, &name)?;
            if self.requirement.is_met(&current.tokens, now()) {
                return Ok((current, None));
            }
            if current.is_being_renamed() {
                let error = not_renamed(&current);
                return self.requirement.or_serve_current(current, error);
            }
            match self.refresh(&current, signals).await {
                Ok(refreshed) => return Ok((refreshed, None)),
                Err(Failure::NotRefreshed(error))
                    if error.kind == Kind::Changed && restarts < MAX_RESTARTS =>
                {
                    restarts += 1;
                }
                Err(Failure::NotRefreshed(error)) => {
                    return self.requirement.or_serve_current(current, error);
                }
                Err(Failure::End(error)) => return Err(error),
            }
        }
    }

    fn serves(&self, connection: &Connection) -> bool {
        self.requirement.serves(&connection.tokens, now())
    }

    /// The caller holds the connection's lock.
    async fn refresh(
        &self,
        before: &Connection,
        signals: &mut Signals,
    ) -> std::result::Result<Connection, Failure> {
        let (client, base, app) = self.prepare(before).map_err(Failure::NotRefreshed)?;
        let mut marked = before.clone();
        marked.mark = begun(&before.mark);
        self.save_mark(&mut marked, signals).await?;

        let own = before.app.as_ref().and_then(|app| app.name.as_ref());
        let mend_client = mend_client(own);
        let asking = self.ask(&client, &base, &app, &before.tokens, &mend_client);
        let (answer, signal) = or_signal(asking, signals).await.map_err(|signal| {
            let name = &before.name;
            Failure::End(signal.into_error(&format!(
                "Webex had not answered yet, and {name} is unchanged here"
            )))
        })?;
        let outcome = match answer {
            Ok(granted) => save_tokens(self.store, self.wire.output, marked, granted, signals)
                .await
                .map_err(Failure::End),
            Err(refusal) => self
                .refused(before, marked, refusal)
                .map_err(Failure::NotRefreshed),
        };
        match (signal.or(signals.pending().await), outcome) {
            (Some(signal), Ok(saved)) => {
                let what_now = format!("{} was refreshed and saved all the same", saved.name);
                Err(Failure::End(signal.into_error(&what_now)))
            }
            (Some(signal), Err(Failure::NotRefreshed(_))) => {
                let what_now = format!("{} was not refreshed", before.name);
                Err(Failure::End(signal.into_error(&what_now)))
            }
            (_, outcome) => outcome,
        }
    }

    /// Everything that can fail before the record is marked.
    fn prepare(&self, connection: &Connection) -> Result<(Client, Url, App)> {
        self.check(connection)?;
        let app = app_of(self.store, connection)?;
        let base = base(connection)?;
        let client = match self.serves(connection) {
            true => Client::with_connect_time(&base, self.wire, HURRIED_CONNECT_TIME)?,
            false => Client::new(&base, self.wire)?,
        };
        Ok((client, base, app))
    }

    /// Saves the record marked as begun. Another process may write to the store for long, and nothing is spent yet: a
    /// signal ends the wait, and a process whose token serves does not wait.
    async fn save_mark(
        &self,
        marked: &mut Connection,
        signals: &mut Signals,
    ) -> std::result::Result<(), Failure> {
        loop {
            let Err(error) = self.store.save_connection(marked) else {
                return Ok(());
            };
            let patience = self.requirement.patience(&marked.tokens, now());
            if error.kind != Kind::LockHeld || self.began.elapsed() >= patience {
                return Err(Failure::NotRefreshed(error));
            }
            if let Some(signal) = signals.pending().await {
                return Err(Failure::End(signal.into_error("nothing was changed")));
            }
        }
    }

    /// Asks Webex, and again where it says that it is busy. After a time-out or a broken connection nothing is sent
    /// again: Webex may have replaced the refresh token and sees a thief in whoever uses the old one (RFC 9700
    /// §4.14.2), which would end the grant and the access token that may still hold.
    async fn ask(
        &self,
        client: &Client,
        base: &Url,
        app: &App,
        tokens: &Tokens,
        mend_client: &str,
    ) -> std::result::Result<Granted, NotRefreshed> {
        let mut waits = (0..MAX_REPEATS).map(|repeat| BACK_OFF * 2_u32.pow(repeat));
        loop {
            let answer = oauth::refresh(client, base, app, tokens, mend_client, now()).await;
            let Err(NotRefreshed {
                refresh_token: Fate::Busy(asked),
                ..
            }) = answer
            else {
                return answer;
            };
            let wait = waits.next().map(|wait| asked.unwrap_or(wait));
            let wait = wait.filter(|wait| self.began.elapsed() + *wait <= REPEAT_TIME);
            match wait {
                // A process whose token is still valid does not wait for another.
                Some(wait) if !self.requirement.is_usable(tokens, now()) => {
                    tokio::time::sleep(wait).await;
                }
                _ => return answer,
            }
        }
    }

    /// Checks that a refresh is possible. Ignores the expiry of the refresh token, because a wrong clock may have computed
    /// it: Webex decides, and its refusal is stored.
    fn check(&self, connection: &Connection) -> Result<()> {
        if connection.tokens.refresh_token.is_none() {
            let message = format!(
                "{} can't be refreshed: it has no refresh token",
                connection.name
            );
            return Err(Error::new(Kind::SignIn, message).with_hint(sign_in(connection)));
        }
        let is_refused = connection.mark.reconnect_reason().is_some();
        match self.requirement {
            TokenRequirement::Valid(_) if is_refused => Err(refused_before(connection)),
            // An explicit refresh is tried whatever the mark says.
            TokenRequirement::Valid(_) | TokenRequirement::Other(_) => Ok(()),
        }
    }

    /// A definite refusal is kept with the connection, unless newer tokens have come from elsewhere. `marked` is the
    /// connection as it is stored.
    fn refused(
        &self,
        before: &Connection,
        mut marked: Connection,
        refusal: NotRefreshed,
    ) -> Result<Connection> {
        let NotRefreshed {
            error,
            refresh_token,
        } = refusal;
        if error.kind == Kind::SignIn {
            let now_stored = stored(self.store, &before.name)?;
            if now_stored.tokens.access_token != before.tokens.access_token {
                return match self.requirement.is_met(&now_stored.tokens, now()) {
                    true => Ok(now_stored),
                    false => Err(error.with_hint("run the same command again")),
                };
            }
            let error = explained(error, &before.mark).with_hint(sign_in(before));
            marked.mark = Mark::ReconnectNeeded {
                reason: error.to_string(),
            };
            // The mark is a hint for later. The user has to know now that a new sign-in is necessary.
            let _ = self.store.save_connection(&mut marked);
            return Err(error);
        }
        if refresh_token != Fate::Unknown {
            marked.mark = before.mark.clone();
            // A mark that stays makes a later refusal sound worse, and does no other harm.
            let _ = self.store.save_connection(&mut marked);
        }
        Err(with_wait(with_sign_in(error, before), refresh_token))
    }
}

/// The answer, and a signal that came before it; the signal alone if no answer follows soon.
async fn or_signal<T>(
    asking: impl Future<Output = T>,
    signals: &mut Signals,
) -> std::result::Result<(T, Option<Signal>), Signal> {
    let mut asking = pin!(asking);
    let signal = tokio::select! {
        biased;
        answer = &mut asking => return Ok((answer, None)),
        signal = signals.next() => signal,
    };
    let answer = tokio::time::timeout(GRACE, asking).await;
    answer
        .map(|answer| (answer, Some(signal)))
        .map_err(|_| signal)
}

/// The mark of a refresh that begins now, or of an earlier one whose outcome is unknown.
fn begun(before: &Mark) -> Mark {
    match before {
        Mark::RefreshStarted { .. } => before.clone(),
        Mark::None | Mark::ReconnectNeeded { .. } => Mark::RefreshStarted {
            at: Timestamp::from_second(now().as_second()).unwrap_or_default(),
        },
    }
}
