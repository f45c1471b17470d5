//! The OS keyring as a home of records: one item each.

mod platform;
#[cfg(not(any(target_os = "macos", windows)))]
mod reader;

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use crate::error::{Error, Kind, Result};
use crate::moment::now;
use crate::store::chunks::{self, ChunkWrite};
use crate::store::keyring::platform::Session;
use crate::store::lock::LockName;
use crate::store::record::unreadable;

/// How long the keyring may take where nobody could answer a prompt of its own.
const UNATTENDED: Duration = Duration::from_secs(5);
/// How long it may take where a person may be typing a password into the desktop's prompt.
const ATTENDED: Duration = Duration::from_secs(60);

const OTHER_WAYS: &str = "unlock or start the keyring, or keep secrets in a sealed file with `--store file` or WEBEX_CONNECT_STORE=file";

/// Why the keyring did not open.
pub enum OpenError {
    /// There is none: no session bus, or nothing on it that keeps secrets.
    Absent(Error),
    /// It is there but not usable now.
    Other(Error),
}

type Job = Box<dyn FnOnce(&Session) + Send>;

/// A session with the keyring. A keyring may wait for a person or hang, so every call runs on a thread of its own
/// and is waited for with a bound.
pub struct Keyring {
    jobs: mpsc::Sender<Job>,
    patience: Duration,
    /// The longest text one item takes, in bytes.
    limit: usize,
}

impl Keyring {
    /// Opens the session, once a process.
    pub fn open() -> std::result::Result<Keyring, OpenError> {
        Keyring::open_with(platform::LIMIT)
    }

    fn open_with(limit: usize) -> std::result::Result<Keyring, OpenError> {
        let patience = if std::io::stdin().is_terminal() {
            ATTENDED
        } else {
            UNATTENDED
        };
        let (jobs, todo) = mpsc::channel::<Job>();
        let (opened, opening) = mpsc::channel();
        let started = std::thread::Builder::new().spawn(move || match Session::open() {
            Ok(session) => {
                if opened.send(Ok(())).is_ok() {
                    todo.iter().for_each(|job| job(&session));
                }
            }
            // Nobody waits any longer; there is nothing left to tell.
            Err(error) => drop(opened.send(Err(error))),
        });
        if let Err(error) = started {
            let failed = Error::new(Kind::Store, "could not start a thread for the keyring");
            return Err(OpenError::Other(failed.with_cause(&error)));
        }
        match opening.recv_timeout(patience) {
            Ok(Ok(())) => Ok(Keyring {
                jobs,
                patience,
                limit,
            }),
            Ok(Err(error)) if is_silence(&error) => Err(OpenError::Other(silent(DBUS_TIME))),
            Ok(Err(error @ keyring::Error::PlatformFailure(_))) => {
                Err(OpenError::Absent(absent(&error)))
            }
            Ok(Err(error)) => Err(OpenError::Other(failed("open", &error))),
            Err(_) => Err(OpenError::Other(unanswered(patience))),
        }
    }

    pub fn read(&self, key: &str) -> Result<Option<String>> {
        let own = self.read_item(key)?;
        let Some(own) = own else { return Ok(None) };
        let chunks = chunks::named_by(key, &own);
        if chunks.is_empty() {
            return Ok(Some(own));
        }
        let texts = chunks
            .iter()
            .map(|chunk| self.read_item(chunk)?.ok_or_else(|| incomplete(key)));
        texts.collect::<Result<String>>().map(Some)
    }

    /// The lock of this name.
    pub fn lock_name(&self, name: String, what: String) -> LockName {
        LockName::beside(&crate::dirs::data().unwrap_or_default(), name, what)
    }

    /// Creates or replaces a record. The label is what a person sees in the desktop's keyring program.
    pub fn write(
        &self,
        key: &str,
        record: &str,
        label: &str,
        expected: Option<&str>,
    ) -> Result<bool> {
        if self.read(key)?.as_deref() != expected {
            return Ok(false);
        }
        let generation = format!("{:x}", now().as_nanosecond());
        let changes = chunks::write(key, record, self.limit, &generation, &self.items()?);
        changes
            .into_iter()
            .try_for_each(|change| self.take(change, label).map(|_| ()))?;
        Ok(true)
    }

    /// Removes a record; `false` if there was none.
    pub fn remove(&self, key: &str) -> Result<bool> {
        let mut removed = false;
        for change in chunks::removal(key, &self.items()?) {
            removed |= self.take(change, "")?;
        }
        Ok(removed)
    }

    /// Every record of ours, by the keyring's own search. One that can't be put together comes as the empty text,
    /// which no record is.
    pub fn all(&self) -> Result<Vec<(String, String)>> {
        let found = self.ask("search", Session::all)?.into_iter();
        let items: BTreeMap<String, String> = found
            .map(|(item, secret)| {
                let text = secret.and_then(|secret| String::from_utf8(secret).ok());
                (item, text.unwrap_or_default())
            })
            .collect();
        let whole = |key: &str, own: &str| -> String {
            let chunks = chunks::named_by(key, own);
            if chunks.is_empty() {
                return own.to_owned();
            }
            let texts: Option<String> = chunks
                .iter()
                .map(|chunk| items.get(chunk).cloned())
                .collect();
            texts.unwrap_or_default()
        };
        let records = items.iter().filter(|(item, _)| !chunks::is_chunk(item));
        Ok(records
            .map(|(key, own)| (key.clone(), whole(key, own)))
            .collect())
    }

    /// The names of all items, where records can have chunks.
    fn items(&self) -> Result<Vec<String>> {
        if self.limit == usize::MAX {
            return Ok(Vec::new());
        }
        self.ask("search", |session| {
            let entries = platform::search(session.store()?)?;
            Ok(entries
                .iter()
                .filter_map(|entry| entry.get_specifiers())
                .map(|(_, item)| item)
                .collect())
        })
    }

    fn read_item(&self, item: &str) -> Result<Option<String>> {
        let name = item.to_owned();
        let secret = self.ask("read", move |session| session.read(&name))?;
        secret
            .map(|secret| String::from_utf8(secret).map_err(|_| incomplete(item)))
            .transpose()
    }

    /// One change; `false` if there was nothing to remove.
    fn take(&self, change: ChunkWrite, label: &str) -> Result<bool> {
        match change {
            ChunkWrite::Write { item, text } => {
                let label = label.to_owned();
                self.ask("save", move |session| {
                    let entry = platform::writable(session.store()?, &item, &label)?;
                    entry.set_secret(text.as_bytes())?;
                    platform::relabel(&entry, &label);
                    Ok(true)
                })
            }
            ChunkWrite::Remove { item } => self.ask("remove", move |session| {
                let entry = session.store()?.build(platform::SERVICE, &item, None)?;
                match entry.delete_credential() {
                    Err(keyring::Error::NoEntry) => Ok(false),
                    removed => removed.map(|()| true),
                }
            }),
        }
    }

    fn ask<T, F>(&self, what: &str, job: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Session) -> keyring::Result<T> + Send + 'static,
    {
        let (answer, answered) = mpsc::channel();
        let job: Job = Box::new(move |session| {
            // A caller that gave up has no use for the answer.
            let _ = answer.send(job(session));
        });
        // Where the thread has ended, so has the receiver below.
        let _ = self.jobs.send(job);
        match answered.recv_timeout(self.patience) {
            Ok(result) => result.map_err(|error| failed(what, &error)),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                Err(unanswered(self.patience))
            }
        }
    }
}

fn incomplete(key: &str) -> Error {
    unreadable(key, "it is corrupt")
}

/// How long libdbus waits for an answer.
const DBUS_TIME: Duration = Duration::from_secs(2);

/// libdbus gives a daemon that hangs two seconds and then reports this.
fn is_silence(error: &keyring::Error) -> bool {
    matches!(error, keyring::Error::PlatformFailure(cause) if format!("{cause:?}").contains("NoReply"))
}

fn silent(patience: Duration) -> Error {
    let message = format!("the keyring did not answer within {} s", patience.as_secs());
    Error::new(Kind::Store, message).with_hint(OTHER_WAYS)
}

/// libdbus would have noticed a keyring that hangs: one that takes longer waits for its own prompt, most likely.
fn unanswered(patience: Duration) -> Error {
    let seconds = patience.as_secs();
    let message = format!(
        "the keyring did not answer within {seconds} s: it may be locked, with a prompt that nobody answers"
    );
    Error::new(Kind::Store, message).with_hint(OTHER_WAYS)
}

fn absent(error: &keyring::Error) -> Error {
    Error::new(
        Kind::Store,
        "there is no keyring here (no D-Bus session with a Secret Service)",
    )
    .with_detail(&cause(error))
    .with_hint("start one, or keep secrets in a sealed file with `--store file` or WEBEX_CONNECT_STORE=file")
}

/// The keyring's own words, but never those of errors that carry what was stored.
fn failed(what: &str, error: &keyring::Error) -> Error {
    if is_silence(error) {
        return silent(DBUS_TIME);
    }
    match error {
        keyring::Error::NoStorageAccess(cause) if format!("{cause:?}") == "NoResult" => {
            let message = format!("could not {what}: the keyring has no default collection");
            Error::new(Kind::Store, message).with_hint(
                "make one and set it as default with your desktop's keyring program, or keep secrets in a sealed \
                 file with `--store file`",
            )
        }
        keyring::Error::NoStorageAccess(_) => Error::new(
            Kind::Store,
            format!("could not {what} in the keyring: it is locked, or its prompt was dismissed"),
        )
        .with_hint(OTHER_WAYS),
        keyring::Error::Ambiguous(_) => {
            Error::new(Kind::Unreadable, "the keyring holds the same record twice")
                .with_hint("remove one of them with your desktop's keyring program")
        }
        keyring::Error::PlatformFailure(_) => {
            Error::new(Kind::Store, format!("could not {what} in the keyring"))
                .with_detail(&cause(error))
                .with_hint(OTHER_WAYS)
        }
        _ => Error::new(Kind::Store, format!("could not {what} in the keyring"))
            .with_hint(OTHER_WAYS),
    }
}

fn cause(error: &keyring::Error) -> String {
    match error {
        keyring::Error::PlatformFailure(cause) | keyring::Error::NoStorageAccess(cause) => {
            cause.to_string()
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[ignore = "needs the keyring session of tests/run"]
    fn a_record_longer_than_an_item_survives_in_chunks() {
        assert!(
            std::env::var_os("WEBEX_CONNECT_TEST_SESSION").is_some(),
            "run this through tests/run"
        );
        let keyring = Keyring::open_with(2560).unwrap_or_else(|_| panic!("no keyring"));
        let key = "connection/in-chunks";
        for length in [9_000, 100, 5_000, 2_560, 20_000] {
            let record = "é".repeat(length / 2);
            let before = keyring.read(key).unwrap();
            keyring
                .write(key, &record, "in chunks", before.as_deref())
                .unwrap();
            assert_eq!(keyring.read(key).unwrap().as_deref(), Some(record.as_str()));
            assert_eq!(keyring.all().unwrap(), [(key.to_owned(), record.clone())]);
            let chunks = if record.len() > 2560 {
                record.len().div_ceil(2560)
            } else {
                0
            };
            assert_eq!(
                keyring.items().unwrap().len(),
                1 + chunks,
                "no stale chunk stays"
            );
        }
        assert!(keyring.remove(key).unwrap());
        assert!(keyring.items().unwrap().is_empty());
    }
}
