//! The OS keyring as a home of records: one item each.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use dbus_secret_service_keyring_store::cred::Specifier;
use keyring::api::CredentialStore;

use crate::error::{Error, Kind, Result};

/// The `service` attribute of every item.
const SERVICE: &str = "webex-connect";
/// How long the keyring may take where nobody could answer a prompt of its own.
const UNATTENDED: Duration = Duration::from_secs(5);
/// How long it may take where a person may be typing a password into the desktop's prompt.
const ATTENDED: Duration = Duration::from_secs(60);

const OTHER_WAYS: &str =
    "unlock or start the keyring, or keep secrets in a sealed file with `--store file`";

/// Why the keyring did not open.
pub enum OpenError {
    /// There is none: no session bus, or nothing on it that keeps secrets.
    Absent(Error),
    /// It is there but not usable now.
    Other(Error),
}

type Job = Box<dyn FnOnce(&CredentialStore) + Send>;

/// A session with the keyring. A keyring may wait for a person or hang, so every call runs on a thread of its own
/// and is waited for with a bound.
pub struct Keyring {
    jobs: mpsc::Sender<Job>,
    patience: Duration,
}

impl Keyring {
    /// Opens the session, once a process.
    pub fn open() -> std::result::Result<Keyring, OpenError> {
        let patience = if std::io::stdin().is_terminal() {
            ATTENDED
        } else {
            UNATTENDED
        };
        let (jobs, todo) = mpsc::channel::<Job>();
        let (opened, opening) = mpsc::channel();
        std::thread::spawn(move || match platform_store() {
            Ok(store) => {
                if opened.send(Ok(())).is_ok() {
                    todo.iter().for_each(|job| job(store.as_ref()));
                }
            }
            // Nobody waits any longer; there is nothing left to tell.
            Err(error) => drop(opened.send(Err(error))),
        });
        match opening.recv_timeout(patience) {
            Ok(Ok(())) => Ok(Keyring { jobs, patience }),
            Ok(Err(error)) if is_silence(&error) => {
                Err(OpenError::Other(silent(Duration::from_secs(2))))
            }
            Ok(Err(error @ keyring::Error::PlatformFailure(_))) => {
                Err(OpenError::Absent(absent(&error)))
            }
            Ok(Err(error)) => Err(OpenError::Other(failed("open", &error))),
            Err(_) => Err(OpenError::Other(silent(patience))),
        }
    }

    pub fn read(&self, key: &str) -> Result<Option<String>> {
        let user = key.to_owned();
        let secret = self.ask("read", move |store| {
            match store.build(SERVICE, &user, None)?.get_secret() {
                Err(keyring::Error::NoEntry) => Ok(None),
                read => read.map(Some),
            }
        })?;
        secret.map(|secret| text(key, secret)).transpose()
    }

    /// Creates or replaces an item. The label is what a person sees in the desktop's keyring program.
    pub fn write(&self, key: &str, record: &str, label: &str) -> Result<()> {
        let (user, record, label) = (key.to_owned(), record.to_owned(), label.to_owned());
        self.ask("save", move |store| {
            let entry = store.build(
                SERVICE,
                &user,
                Some(&HashMap::from([("label", label.as_str())])),
            )?;
            entry.set_secret(record.as_bytes())?;
            // A replaced item keeps its old label. A wrong label harms nobody, so a failure is let pass.
            if let Some(item) = entry.as_any().downcast_ref::<Specifier>() {
                let _ = item.set_label(&label);
            }
            Ok(())
        })
    }

    /// Removes an item; `false` if there was none.
    pub fn remove(&self, key: &str) -> Result<bool> {
        let user = key.to_owned();
        self.ask("remove", move |store| {
            match store.build(SERVICE, &user, None)?.delete_credential() {
                Err(keyring::Error::NoEntry) => Ok(false),
                removed => removed.map(|()| true),
            }
        })
    }

    /// Every item of ours with its record, by the keyring's own search. One that is no text comes as the empty
    /// text, which no record is.
    pub fn all(&self) -> Result<Vec<(String, String)>> {
        self.ask("search", |store| {
            let mut found = Vec::new();
            for entry in store.search(&HashMap::from([("service", SERVICE)]))? {
                if let Some((_, user)) = entry.get_specifiers() {
                    found.push((
                        user,
                        String::from_utf8(entry.get_secret()?).unwrap_or_default(),
                    ));
                }
            }
            found.sort();
            Ok(found)
        })
    }

    fn ask<T, F>(&self, what: &str, job: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&CredentialStore) -> keyring::Result<T> + Send + 'static,
    {
        let (answer, answered) = mpsc::channel();
        let job: Job = Box::new(move |store| {
            // A caller that gave up has no use for the answer.
            let _ = answer.send(job(store));
        });
        if self.jobs.send(job).is_err() {
            return Err(silent(Duration::ZERO));
        }
        match answered.recv_timeout(self.patience) {
            Ok(result) => result.map_err(|error| failed(what, &error)),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                Err(silent(self.patience))
            }
        }
    }
}

/// The Secret Service over D-Bus: GNOME Keyring, KWallet, KeePassXC.
fn platform_store() -> keyring::Result<Arc<CredentialStore>> {
    let store: Arc<CredentialStore> = dbus_secret_service_keyring_store::Store::new()?;
    Ok(store)
}

fn text(key: &str, secret: Vec<u8>) -> Result<String> {
    String::from_utf8(secret).map_err(|_| {
        Error::new(
            Kind::Unreadable,
            format!("the stored record {key} is unreadable: it is corrupt"),
        )
    })
}

/// libdbus gives a daemon that hangs two seconds and then reports this.
fn is_silence(error: &keyring::Error) -> bool {
    matches!(error, keyring::Error::PlatformFailure(cause) if format!("{cause:?}").contains("NoReply"))
}

fn silent(patience: Duration) -> Error {
    let message = format!("the keyring did not answer within {} s", patience.as_secs());
    Error::new(Kind::Store, message).with_hint(OTHER_WAYS)
}

fn absent(error: &keyring::Error) -> Error {
    Error::new(
        Kind::Store,
        "there is no keyring here (no D-Bus session with a Secret Service)",
    )
    .with_detail(&cause(error))
    .with_hint("start one, or keep secrets in a sealed file with `--store file`")
}

/// The keyring's own words, but never those of errors that carry what was stored.
fn failed(what: &str, error: &keyring::Error) -> Error {
    if is_silence(error) {
        return silent(Duration::from_secs(2));
    }
    match error {
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
