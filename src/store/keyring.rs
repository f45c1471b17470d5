//! The OS keyring as a store: one item for each record.

#[cfg(not(any(target_os = "macos", windows)))]
mod bus;
#[cfg(not(any(target_os = "macos", windows)))]
mod bus_lock;
#[cfg(not(any(target_os = "macos", windows)))]
mod credential;
mod failure;
#[cfg(any(target_os = "macos", windows))]
mod lock_directory;
mod platform;
#[cfg(not(any(target_os = "macos", windows)))]
mod prompt;
#[cfg(not(any(target_os = "macos", windows)))]
mod secret_service;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use keyring::CredentialStore;

use crate::error::{Error, Result};
use crate::moment::now;
use crate::store::chunks::{self, ChunkWrite};
use crate::store::keyring::failure::{Failure, absent, failed, other_user};
use crate::store::record::Stored;

/// How long the keyring may take where nobody could answer a prompt of its own.
const UNATTENDED: Duration = Duration::from_secs(5);
/// How long it may take where a person may be typing a password into the desktop's prompt.
const ATTENDED: Duration = Duration::from_secs(60);

/// Locks that every process with this keyring sees.
pub use platform::{KeyringLock, lock};

/// Why the keyring did not open.
pub enum OpenError {
    /// There is none: no session bus, or nothing on it that keeps secrets.
    Absent(Error),
    /// It is there but not usable now.
    Other(Error),
}

/// A session with the keyring. A keyring may wait for a person or hang, so every call has a limit.
pub struct Keyring {
    /// Opened again after the connection to it broke.
    store: RefCell<Arc<CredentialStore>>,
    is_attended: bool,
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
        let is_attended = io::stdin().is_terminal();
        let patience = match is_attended {
            true => ATTENDED,
            false => UNATTENDED,
        };
        let store = limited(patience, move || platform::open(patience, is_attended))
            .map_err(|error| OpenError::Other(error_of_open(&error)))?;
        match store {
            Ok(store) => Ok(Keyring {
                store: RefCell::new(store),
                is_attended,
                patience,
                limit,
            }),
            Err(error) => Err(match (failure::carried_by(&error), &error) {
                (Some(Failure::Absent(words)), _) => OpenError::Absent(absent(words)),
                (Some(Failure::OtherUser(path)), _) => OpenError::Absent(other_user(path)),
                (None, keyring::Error::PlatformFailure(cause)) => {
                    OpenError::Absent(absent(&cause.to_string()))
                }
                _ => OpenError::Other(error_of_open(&error)),
            }),
        }
    }

    /// The text of a record.
    ///
    /// # Errors
    /// `Kind::Store` if the keyring does not answer, `Kind::Unreadable` if the record is damaged or there are
    /// several items for it.
    pub fn read(&self, key: &str) -> Result<Option<String>> {
        let stored = self.stored(key)?;
        stored.map(|stored| stored.into_text(key)).transpose()
    }

    /// Creates or replaces a record, if what is stored now is the text that the writer read: `expected`, or nothing.
    /// `false`: it is another text, and nothing was written. People see the label in the desktop's keyring program.
    ///
    /// # Errors
    /// As for [`Keyring::read`]. Nothing is written over a record that can't be read.
    pub fn write(
        &self,
        key: &str,
        record: &str,
        label: &str,
        expected: Option<&str>,
    ) -> Result<bool> {
        let generation = format!("{:x}", now().as_nanosecond());
        let changes = chunks::write(key, record, self.limit, &generation, &self.items()?);
        if self.read(key)?.as_deref() != expected {
            return Ok(false);
        }
        for change in changes {
            self.apply(key, change, label)?;
        }
        Ok(true)
    }

    /// Removes a record and every item of it; `false` if there was none.
    pub fn remove(&self, key: &str) -> Result<bool> {
        let mut removed = false;
        for change in chunks::removal(key, &self.items()?) {
            removed |= self.apply(key, change, "")?;
        }
        Ok(removed)
    }

    /// Every record of this program, by the keyring's own search.
    pub fn all(&self) -> Result<Vec<(String, Stored)>> {
        let mut items: BTreeMap<String, Stored> = BTreeMap::new();
        for (item, secret) in self.ask("search the keyring", "", platform::all)? {
            items
                .entry(item)
                .and_modify(|stored| *stored = Stored::Ambiguous)
                .or_insert_with(|| stored(secret));
        }
        let mut records = Vec::new();
        for (key, own) in items.iter().filter(|(item, _)| !chunks::is_chunk(item)) {
            let stored = match chunks::joined(key, own, |chunk| Ok(items.get(chunk).cloned()))? {
                Some(stored) => Some(stored),
                // A writer may have replaced the record during the search.
                None => self.stored(key)?,
            };
            records.extend(stored.map(|stored| (key.clone(), stored)));
        }
        Ok(records)
    }

    fn stored(&self, key: &str) -> Result<Option<Stored>> {
        chunks::read(key, |item| self.item(key, item))
    }

    /// An item of a record, without its chunks.
    fn item(&self, key: &str, item: &str) -> Result<Option<Stored>> {
        let name = item.to_owned();
        let read = move |store: &CredentialStore| match platform::read(store, &name) {
            Err(keyring::Error::Ambiguous(_)) => Ok(Some(Stored::Ambiguous)),
            Err(keyring::Error::BadDataFormat(..)) => Ok(Some(Stored::Corrupt)),
            secret => Ok(secret?.map(|secret| stored(Some(secret)))),
        };
        self.ask("read from the keyring", key, read)
    }

    /// The names of all items, where records can have chunks.
    fn items(&self) -> Result<Vec<String>> {
        match self.limit {
            usize::MAX => Ok(Vec::new()),
            _ => self.ask("search the keyring", "", platform::names),
        }
    }

    /// One change to the items of a record; `false` if there was nothing to remove.
    fn apply(&self, key: &str, change: ChunkWrite, label: &str) -> Result<bool> {
        match change {
            ChunkWrite::Write { item, text } => {
                let label = label.to_owned();
                self.ask("save in the keyring", key, move |store| {
                    platform::write(store, &item, &label, text.as_bytes()).map(|()| true)
                })
            }
            ChunkWrite::Remove { item } => self.ask("remove from the keyring", key, move |store| {
                platform::remove(store, &item)
            }),
        }
    }

    fn ask<T, F>(&self, what: &str, key: &str, job: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&CredentialStore) -> keyring::Result<T> + Send + 'static,
    {
        let store = Arc::clone(&self.store.borrow());
        let done = limited(self.patience, move || job(store.as_ref())).flatten();
        done.map_err(|error| {
            if let Some(Failure::Stopped) = failure::carried_by(&error) {
                self.reopen();
            }
            failed(what, key, &error)
        })
    }

    /// Opens the session again, for the next call: the one that failed may have had its effect.
    fn reopen(&self) {
        let (patience, is_attended) = (self.patience, self.is_attended);
        let opened = limited(patience, move || platform::open(patience, is_attended)).flatten();
        if let Ok(store) = opened {
            self.store.replace(store);
        }
    }
}

/// Runs a job within a limit, by a thread if the keyring's store has no limits of its own.
fn limited<T, F>(limit: Duration, job: F) -> keyring::Result<T>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    if platform::LIMITS_TIME {
        return Ok(job());
    }
    match bounded(limit, job) {
        Ok(Some(done)) => Ok(done),
        Ok(None) => Err(Failure::Unanswered(limit).into()),
        Err(error) => Err(Failure::NoThread(error).into()),
    }
}

/// Runs a job on a thread of its own. `None`: it takes longer than this.
fn bounded<T, F>(limit: Duration, job: F) -> io::Result<Option<T>>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    let (sender, receiver) = mpsc::channel();
    // A caller that gave up has no use for the result.
    thread::Builder::new().spawn(move || drop(sender.send(job())))?;
    Ok(receiver.recv_timeout(limit).ok())
}

fn error_of_open(error: &keyring::Error) -> Error {
    failed("open the keyring", "", error)
}

fn stored(secret: Option<Vec<u8>>) -> Stored {
    match secret.map(String::from_utf8) {
        Some(Ok(text)) => Stored::Text(text),
        Some(Err(_)) | None => Stored::Corrupt,
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Instant;

    use crate::error::Kind;

    use super::*;

    const WINDOWS_LIMIT: usize = 2560;
    /// Names the lock that a test process is to hold.
    const HOLDER: &str = "WEBEX_CONNECT_TEST_LOCK";
    /// Set for a test process on a bus that refuses locks.
    const REFUSED: &str = "WEBEX_CONNECT_TEST_REFUSED";

    fn keyring(limit: usize) -> Keyring {
        assert!(
            std::env::var_os("WEBEX_CONNECT_TEST_SESSION").is_some(),
            "run this through tests/run"
        );
        match Keyring::open_with(limit) {
            Ok(keyring) => keyring,
            Err(OpenError::Absent(error) | OpenError::Other(error)) => panic!("{error}"),
        }
    }

    /// Writes a record over whatever is stored.
    fn write(keyring: &Keyring, key: &str, record: &str) {
        let stored = keyring.read(key).unwrap();
        let written = keyring.write(key, record, "a test", stored.as_deref());
        assert!(written.unwrap(), "{key} changed");
    }

    #[test]
    #[ignore = "needs the keyring session of tests/run"]
    fn a_record_longer_than_an_item_survives_in_chunks() {
        let keyring = keyring(WINDOWS_LIMIT);
        let key = "connection/in-chunks";
        for length in [9_000, 100, 5_000, 2_560, 20_000] {
            let record = "é".repeat(length / 2);
            write(&keyring, key, &record);
            assert_eq!(keyring.read(key).unwrap().as_deref(), Some(record.as_str()));
            let all = keyring.all().unwrap();
            assert_eq!(all, [(key.to_owned(), Stored::Text(record.clone()))]);
            let chunks = if record.len() > WINDOWS_LIMIT {
                record.len().div_ceil(WINDOWS_LIMIT)
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

    #[test]
    #[ignore = "needs the keyring session of tests/run"]
    fn a_reader_beside_a_writer_sees_whole_records() {
        let key = "connection/beside";
        let record = |number: usize| {
            let letter = char::from(b'a' + (number % 26) as u8);
            letter.to_string().repeat(3_000 + 700 * (number % 20))
        };
        let is_whole = |text: &str| {
            let first = text.chars().next();
            text.len() >= 3_000 && text.chars().all(|c| Some(c) == first)
        };
        let written = AtomicBool::new(false);
        let reads = thread::scope(|scope| {
            let writer = keyring(WINDOWS_LIMIT);
            write(&writer, key, &record(0));
            let readers: Vec<_> = (0..2)
                .map(|_| {
                    scope.spawn(|| {
                        let reader = keyring(WINDOWS_LIMIT);
                        let mut reads = 0;
                        while !written.load(Ordering::Relaxed) {
                            let read = reader.read(key).unwrap().unwrap();
                            assert!(is_whole(&read), "a mixed record");
                            let all = reader.all().unwrap();
                            let Some((_, Stored::Text(listed))) =
                                all.iter().find(|(found, _)| found == key)
                            else {
                                panic!("the record is not listed");
                            };
                            assert!(is_whole(listed), "a mixed record is listed");
                            reads += 1;
                        }
                        reads
                    })
                })
                .collect();
            for number in 1..60 {
                write(&writer, key, &record(number));
            }
            written.store(true, Ordering::Relaxed);
            let reads: usize = readers
                .into_iter()
                .map(|reader| reader.join().unwrap())
                .sum();
            writer.remove(key).unwrap();
            reads
        });
        assert!(reads > 10, "only {reads} reads");
    }

    #[test]
    #[ignore = "needs the keyring session of tests/run"]
    fn a_write_changes_only_the_record_that_was_read() {
        for limit in [usize::MAX, 4] {
            let keyring = keyring(limit);
            let key = "connection/compared";
            let write = |record, expected| keyring.write(key, record, "a test", expected).unwrap();
            assert!(!write("new record", Some("a record")), "it does not exist");
            assert_eq!(keyring.read(key).unwrap(), None);
            assert!(write("first record", None));
            assert!(!write("new record", None), "it exists");
            assert!(!write("new record", Some("other record")));
            assert_eq!(keyring.read(key).unwrap().as_deref(), Some("first record"));
            assert!(write("second record", Some("first record")));
            assert_eq!(keyring.read(key).unwrap().as_deref(), Some("second record"));
            assert!(keyring.remove(key).unwrap());
        }
    }

    /// Holds a lock for the tests below, in a process of its own.
    #[test]
    #[ignore = "needs the keyring session of tests/run"]
    fn a_process_that_holds_a_lock() {
        let Ok(name) = std::env::var(HOLDER) else {
            return;
        };
        let _lock = super::lock(&name, Duration::ZERO).unwrap();
        std::fs::write(std::env::var("WEBEX_CONNECT_TEST_HELD").unwrap(), "held").unwrap();
        thread::sleep(Duration::from_secs(60));
    }

    /// One test of this module in a process of its own.
    fn test_process(test: &str) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let test = format!("store::keyring::tests::{test}");
        command.args([&test, "--exact", "--ignored", "--nocapture"]);
        command
    }

    fn holder(name: &str) -> Child {
        let directory = tempfile::tempdir().unwrap();
        let held = directory.path().join("held");
        let child = test_process("a_process_that_holds_a_lock")
            .env(HOLDER, name)
            .env("WEBEX_CONNECT_TEST_HELD", &held)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while !held.exists() {
            assert!(begun.elapsed() < Duration::from_secs(30), "no lock is held");
            thread::sleep(Duration::from_millis(10));
        }
        child
    }

    #[test]
    #[ignore = "needs the keyring session of tests/run"]
    fn a_lock_excludes_other_processes_until_its_holder_is_killed() {
        let name = "connection-held.by_a-test";
        let mut holder = holder(name);
        let lock = |patience| super::lock(name, patience).unwrap();
        assert!(lock(Duration::ZERO).is_none());
        let begun = Instant::now();
        assert!(lock(Duration::from_millis(300)).is_none());
        assert!(begun.elapsed() >= Duration::from_millis(300));
        assert!(begun.elapsed() < Duration::from_secs(5));
        let other = super::lock("connection-held-by_a-test", Duration::ZERO);
        assert!(other.unwrap().is_some(), "another name is another lock");
        thread::scope(|scope| {
            let waiting = scope.spawn(|| lock(Duration::from_secs(30)).is_some());
            thread::sleep(Duration::from_millis(300));
            let killed = Instant::now();
            holder.kill().unwrap();
            assert!(waiting.join().unwrap(), "a killed holder keeps its lock");
            assert!(killed.elapsed() < Duration::from_secs(2), "that took long");
        });
        holder.wait().unwrap();
        let held = lock(Duration::ZERO);
        assert!(held.is_some(), "the lock of the waiting thread is gone");
        assert!(lock(Duration::ZERO).is_none(), "one process, two locks");
        drop(held);
        assert!(lock(Duration::from_secs(5)).is_some());
    }

    #[test]
    #[ignore = "needs the keyring session of tests/run"]
    fn everyone_who_waits_for_a_lock_gets_it_once() {
        let holds = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    let lock = super::lock("many", Duration::from_secs(60)).unwrap();
                    assert!(lock.is_some());
                    assert!(!holds.swap(true, Ordering::SeqCst), "two hold it");
                    thread::sleep(Duration::from_millis(5));
                    holds.store(false, Ordering::SeqCst);
                });
            }
        });
    }

    /// Asks for a lock on a bus whose policy refuses it, in a process of its own.
    #[test]
    #[ignore = "needs dbus-daemon"]
    fn a_process_that_is_refused_a_lock() {
        if std::env::var_os(REFUSED).is_none() {
            return;
        }
        let error = platform::lock("work", Duration::ZERO).err().unwrap();
        assert_eq!(error.kind, Kind::Store);
        assert_eq!(error.message, "the session bus refused the lock work");
        assert!(error.detail.is_some());
        let hint = error.hint.unwrap();
        assert!(hint.contains("`webex_connect.lock.`"), "{hint}");
    }

    #[test]
    #[ignore = "needs dbus-daemon"]
    fn a_bus_that_refuses_a_lock_is_an_error_that_says_so() {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("bus.conf");
        let policy = r#"<deny own_prefix="webex_connect"/>"#;
        let address = format!("unix:path={}", directory.path().join("bus").display());
        let text = format!(
            "<busconfig><listen>{address}</listen><policy context='default'><allow send_destination='*' eavesdrop='true'/>\
             <allow eavesdrop='true'/><allow own='*'/><allow user='*'/>{policy}</policy></busconfig>"
        );
        std::fs::write(&config, text).unwrap();
        let mut bus = Command::new("dbus-daemon")
            .arg(format!("--config-file={}", config.display()))
            .args(["--nofork", "--nopidfile", "--print-address"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let out = bus.stdout.take().unwrap();
        io::BufRead::read_line(&mut io::BufReader::new(out), &mut line).unwrap();
        let refused = test_process("a_process_that_is_refused_a_lock")
            .env(REFUSED, "1")
            .env("DBUS_SESSION_BUS_ADDRESS", &address)
            .status();
        bus.kill().unwrap();
        bus.wait().unwrap();
        assert!(refused.unwrap().success());
    }
}
