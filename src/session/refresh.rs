//! One refresh for any number of processes, saved before anything of it is used.
//!
//! Lock the connection, read it again, save it marked as begun, ask Webex, save the answer. The marked save proves
//! that the store can be written before the refresh token is spent, and lets a later run explain a loss.

use std::fs::File;
use std::io;
use std::pin::pin;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use url::Url;

use crate::app::App;
use crate::client::{Client, Wire};
use crate::connection::{Connection, GrantSource, Mark, Tokens};
use crate::dirs;
use crate::duration;
use crate::error::{Error, Kind, Result};
use crate::moment::now;
use crate::name::Name;
use crate::oauth::{self, Fate, Granted, NotRefreshed};
use crate::session::need::Need;
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

/// The connection with an access token as needed: refreshed once, by one process, if it has to be. What comes of
/// that is not judged again, or a wrong clock could make it refresh forever.
///
/// # Errors
/// The refresh failed, and what was there before does not do either.
pub fn meet(
    store: &Store,
    connection: Connection,
    wire: &Wire,
    need: Need,
) -> Result<(Connection, Option<Error>)> {
    if need.is_met(&connection.tokens) {
        return Ok((connection, None));
    }
    let run = Run {
        store,
        wire,
        need,
        began: Instant::now(),
    };
    runtime()?.block_on(async {
        // Until they are released a signal is heard where something is waited for, and held off while something is
        // saved.
        let mut signals = Signals::catch()?;
        let outcome = run.alone(connection, &mut signals).await;
        signals.release_after(&outcome);
        outcome
    })
}

struct Run<'a> {
    store: &'a Store,
    wire: &'a Wire,
    need: Need<'a>,
    began: Instant,
}

impl Run<'_> {
    /// Takes the connection's lock, looks again, and refreshes.
    async fn alone(
        &self,
        connection: Connection,
        signals: &mut Signals,
    ) -> Result<(Connection, Option<Error>)> {
        let locking = lock(&connection.name);
        let _alone = match signals.unless(locking, "nothing was changed").await? {
            Ok(alone) => alone,
            Err(error) => return self.need.settle(connection, error),
        };
        // Another process may have refreshed or removed it while this one waited.
        let connection = stored(self.store, &connection.name)?;
        if self.need.is_met(&connection.tokens) {
            return Ok((connection, None));
        }
        match self.refresh(&connection, signals).await {
            Ok(refreshed) => Ok((refreshed, None)),
            Err(error) if matches!(error.kind, Kind::Store | Kind::Interrupted(_)) => Err(error),
            Err(error) => self.need.settle(connection, error),
        }
    }

    /// The caller holds the connection's lock.
    async fn refresh(&self, before: &Connection, signals: &mut Signals) -> Result<Connection> {
        self.check(before)?;
        let app = app_of(self.store, before)?;
        let base = base(before)?;
        let client = Client::new(&base, self.wire)?;
        let mut connection = before.clone();
        connection.mark = begun(&before.mark);
        // Another process may hold the store's lock for long, and nothing is spent yet.
        signals.released(|| self.store.save_connection(&mut connection))?;

        let own = before.app.as_ref().and_then(|app| app.name.as_ref());
        let mend_client = mend_client(own);
        let asking = self.ask(&client, &base, &app, &before.tokens, &mend_client);
        let (answer, signal) = or_signal(asking, signals).await.map_err(|signal| {
            let name = &before.name;
            signal.into_error(&format!(
                "Webex had not answered yet, and {name} is unchanged here"
            ))
        })?;
        let outcome = match answer {
            Ok(granted) => self.save(connection, granted),
            Err(refusal) => self.refused(before, connection, refusal),
        };
        match (signal.or(signals.pending().await), outcome) {
            (Some(signal), Ok(saved)) => {
                let told = format!("{} was refreshed and saved all the same", saved.name);
                Err(signal.into_error(&told))
            }
            (Some(signal), Err(error)) if error.kind != Kind::Store => {
                Err(signal.into_error(&format!("{} was not refreshed", before.name)))
            }
            (_, outcome) => outcome,
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
                // Who has a token that still holds need not wait for another.
                Some(wait) if !self.need.is_served(tokens) => tokio::time::sleep(wait).await,
                _ => return answer,
            }
        }
    }

    /// Whether asking Webex is of use. Who asks for a refresh whatever the clock says gets it whatever the mark says.
    fn check(&self, connection: &Connection) -> Result<()> {
        let name = &connection.name;
        let (message, hint) = match (&connection.tokens.refresh_token, self.need) {
            (None, _) => (
                format!("{name} can't be refreshed: it has no refresh token"),
                sign_in(connection),
            ),
            (Some(_), Need::Other(_)) => return Ok(()),
            (Some(_), Need::Valid(_)) if connection.mark.reconnect_reason().is_some() => {
                return Err(refused_before(connection));
            }
            (Some(_), Need::Valid(_)) if connection.tokens.can_refresh(now()) => {
                return Ok(());
            }
            (Some(_), Need::Valid(_)) => (
                format!("{name} can't be refreshed: its refresh token has expired"),
                format!(
                    "{}; if this machine's clock was wrong, `webex-connect refresh {name}` tries it all the same",
                    sign_in(connection)
                ),
            ),
        };
        Err(Error::new(Kind::SignIn, message).with_hint(hint))
    }

    /// The tokens exist nowhere else: they are saved before anything else happens.
    fn save(&self, mut connection: Connection, granted: Granted) -> Result<Connection> {
        connection.tokens = granted.tokens;
        connection.mark = Mark::None;
        // A refresh keeps the scopes of the grant (RFC 6749 §6); an answer that names them is better knowledge.
        if let Some(scope) = granted.scope {
            connection.grant.granted = scope;
            connection.grant.source = GrantSource::Reported;
        }
        self.store.save_connection(&mut connection).map_err(|error| {
            let name = &connection.name;
            let again = sign_in(&connection);
            Error::new(Kind::Store, format!("could not save the new tokens of {name}"))
                .with_detail(&error.to_string())
                .with_hint(format!(
                    "once the store takes them, run `webex-connect refresh {name}`; if Webex has replaced the refresh \
                     token, {again}"
                ))
        })?;
        Ok(connection)
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
                return match self.need.is_met(&now_stored.tokens) {
                    true => Ok(now_stored),
                    false => Err(error.with_hint("run the same command again")),
                };
            }
            let error = explained(error, &before.mark).with_hint(sign_in(before));
            marked.mark = Mark::ReconnectNeeded {
                reason: error.to_string(),
            };
            // The mark is a hint for later; that a person must sign in is what has to be told now.
            let _ = self.store.save_connection(&mut marked);
            return Err(error);
        }
        if refresh_token != Fate::Unknown {
            marked.mark = before.mark.clone();
            // A mark that stays says too much, and harms nobody.
            let _ = self.store.save_connection(&mut marked);
        }
        Err(patient(cured(error, before), refresh_token))
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

/// The connection's lock. A thread waits for it, so that the caller can hear a signal meanwhile.
///
/// # Errors
/// As for [`dirs::lock_connection`].
pub async fn lock(name: &Name) -> Result<File> {
    let failed = |error: io::Error| {
        Error::new(Kind::Failure, "could not start a thread for the lock").with_cause(&error)
    };
    let (sender, locked) = tokio::sync::oneshot::channel();
    let name = name.clone();
    std::thread::Builder::new()
        .spawn(move || sender.send(dirs::lock_connection(&name)))
        .map_err(failed)?;
    locked
        .await
        .unwrap_or_else(|gone| Err(failed(io::Error::other(gone))))
}

/// The mark of a refresh that begins now, or of one before whose end nobody knows.
fn begun(before: &Mark) -> Mark {
    match before {
        Mark::RefreshStarted { .. } => before.clone(),
        Mark::None | Mark::ReconnectNeeded { .. } => Mark::RefreshStarted {
            at: Timestamp::from_second(now().as_second()).unwrap_or_default(),
        },
    }
}

/// A refusal is no riddle where an earlier refresh was cut off.
fn explained(error: Error, before: &Mark) -> Error {
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
fn cured(error: Error, before: &Connection) -> Error {
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

/// A wait that Webex asked for and that is longer than this program waits is left to the person.
fn patient(error: Error, refresh_token: Fate) -> Error {
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
