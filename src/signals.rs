//! The signals that end a wait: interrupt, terminate, hang-up.

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

/// Catches the signals from its making on, so that none is lost between two waits.
pub struct Signals {
    #[cfg(unix)]
    caught: [(u8, tokio::signal::unix::Signal); 3],
}

impl Signals {
    /// Must be called inside a runtime.
    ///
    /// # Errors
    /// The system refuses a handler.
    #[cfg(unix)]
    pub fn catch() -> Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};
        let catch = |number, kind| match signal(kind) {
            Ok(signal) => Ok((number, signal)),
            Err(error) => {
                let failed = Error::new(Kind::Failure, "could not listen for signals");
                Err(failed.with_detail(&error.to_string()))
            }
        };
        Ok(Signals {
            caught: [
                catch(2, SignalKind::interrupt())?,
                catch(15, SignalKind::terminate())?,
                catch(1, SignalKind::hangup())?,
            ],
        })
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
    pub fn catch() -> Result<Signals> {
        Ok(Signals {})
    }

    #[cfg(not(unix))]
    pub async fn next(&mut self) -> Signal {
        match tokio::signal::ctrl_c().await {
            Ok(()) => Signal(2),
            Err(_) => std::future::pending().await,
        }
    }

    /// A signal that has already come.
    pub async fn pending(&mut self) -> Option<Signal> {
        tokio::select! {
            biased;
            signal = self.next() => Some(signal),
            () = std::future::ready(()) => None,
        }
    }
}
