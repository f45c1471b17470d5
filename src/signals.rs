//! The signals that end a wait: interrupt, terminate, hang-up.

use std::io;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::error::{Error, Kind, Result};

/// A signal that asked this program to end, by its number.
#[derive(Clone, Copy)]
pub struct Signal(u8);

impl Signal {
    pub fn into_error(self, what_now: &str) -> Error {
        Error::new(
            Kind::Interrupted(self.0),
            format!("interrupted; {what_now}"),
        )
    }
}

/// Catches the signals from its making on, so that none is lost between two waits; on Windows only during a wait.
pub struct Signals {
    #[cfg(unix)]
    caught: Vec<(u8, tokio::signal::unix::Signal)>,
}

/// Whether a signal ends the program at once, as it did before the first was caught.
static RELEASED: AtomicBool = AtomicBool::new(false);

impl Signals {
    /// Must be called inside a runtime. A signal that the caller had us ignore (`nohup`) stays ignored.
    ///
    /// # Errors
    /// The system refuses a handler.
    pub fn catch() -> Result<Signals> {
        RELEASED.store(false, Ordering::SeqCst);
        Signals::listen()
    }

    /// The next signal; it waits for as long as none comes.
    #[cfg(unix)]
    pub async fn next(&mut self) -> Signal {
        std::future::poll_fn(|context| {
            for (number, signal) in &mut self.caught {
                if signal.poll_recv(context).is_ready() {
                    return std::task::Poll::Ready(Signal(*number));
                }
            }
            std::task::Poll::Pending
        })
        .await
    }

    #[cfg(not(unix))]
    pub async fn next(&mut self) -> Signal {
        match tokio::signal::ctrl_c().await {
            Ok(()) => Signal(2),
            Err(_) => std::future::pending().await,
        }
    }

    /// What comes of it, unless a signal comes first.
    ///
    /// # Errors
    /// [`Kind::Interrupted`], with what that leaves behind.
    pub async fn unless<T>(&mut self, work: impl Future<Output = T>, what_now: &str) -> Result<T> {
        tokio::select! {
            biased;
            signal = self.next() => Err(signal.into_error(what_now)),
            done = work => Ok(done),
        }
    }

    /// A signal that has come already. The runtime hears of one only when it waits, so it is made to wait a moment.
    pub async fn pending(&mut self) -> Option<Signal> {
        tokio::time::timeout(Duration::from_millis(1), self.next())
            .await
            .ok()
    }

    /// Gives the signals their usual meaning back. Handlers can't be taken out again, so a thread ends the program
    /// in their place.
    fn release(self) {
        let_go();
    }

    /// Releases the signals once something was waited for, unless a signal ended that: it has had its effect, and the
    /// program still reports it.
    pub fn release_after<T>(self, outcome: &Result<T>) {
        if !matches!(outcome, Err(error) if matches!(error.kind, Kind::Interrupted(_))) {
            self.release();
        }
    }

    #[cfg(unix)]
    fn listen() -> Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};
        let ignored = ignored();
        let mut caught = Vec::new();
        for (number, kind) in [
            (2, SignalKind::interrupt()),
            (15, SignalKind::terminate()),
            (1, SignalKind::hangup()),
        ] {
            if ignored & (1 << (number - 1)) == 0 {
                let signal = signal(kind).map_err(|error| {
                    Error::new(Kind::Failure, "could not listen for signals").with_cause(&error)
                })?;
                caught.push((number, signal));
            }
        }
        Ok(Signals { caught })
    }

    #[cfg(not(unix))]
    fn listen() -> Result<Signals> {
        Ok(Signals {})
    }
}

/// A runtime for this thread alone, which can catch signals.
///
/// # Errors
/// The system gives no descriptors for it.
pub fn runtime() -> io::Result<Runtime> {
    // tokio panics where it finds none for its signals, the last of the five it takes: so there have to be six.
    #[cfg(unix)]
    drop(
        (0..3)
            .map(|_| std::os::unix::net::UnixStream::pair())
            .collect::<io::Result<Vec<_>>>()?,
    );
    Builder::new_current_thread().enable_all().build()
}

/// Lets a write beyond the limit on file sizes (`ulimit -f`), if there is one, fail, where SIGXFSZ would end the program
/// half way. tokio's handlers stay for good and are not handed on to what `exec` runs.
#[cfg(unix)]
pub fn outlive_the_file_limit() {
    use rustix::process::{Resource, Signal, getrlimit};
    use tokio::signal::unix::{SignalKind, signal};

    if getrlimit(Resource::Fsize).current.is_none() {
        return;
    }
    // A system that gives no runtime leaves things as they are.
    if let Ok(runtime) = runtime() {
        let _inside = runtime.enter();
        let _ = signal(SignalKind::from_raw(Signal::XFSZ.as_raw()));
    }
}

#[cfg(not(unix))]
pub fn outlive_the_file_limit() {}

/// Signals end the program from here on, as they would any other.
fn let_go() {
    static OBEYING: Once = Once::new();
    RELEASED.store(true, Ordering::SeqCst);
    OBEYING.call_once(|| {
        let (sender, listening) = mpsc::channel();
        // Where no thread can be had, signals go unheard until something is waited for again.
        drop(std::thread::Builder::new().spawn(|| obey(sender)));
        // A signal that nobody listens for when it comes is lost.
        let _ = listening.recv();
    });
}

/// Says when it listens for signals, and then obeys them until the program ends.
fn obey(listening: Sender<()>) {
    let Ok(runtime) = runtime() else { return };
    runtime.block_on(async {
        let Ok(mut signals) = Signals::listen() else {
            return;
        };
        let _ = listening.send(());
        loop {
            let Signal(number) = signals.next().await;
            if RELEASED.load(Ordering::SeqCst) {
                std::process::exit(128 + i32::from(number));
            }
        }
    });
}

/// The signals this process was started with ignored, a bit each; none where the system does not tell.
#[cfg(unix)]
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}
