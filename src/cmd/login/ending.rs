//! The end of every login, whichever way the grant came: who signed in, what is stored, what is said.

use std::time::Duration;

use url::Url;

use crate::client::Client;
use crate::cmd::login::outcome::{Saved, identify, report, save};
use crate::cmd::login::plan::Plan;
use crate::error::Result;
use crate::oauth::Granted;
use crate::output::Output;
use crate::signals::{Signal, Signals};
use crate::store::Store;

/// How long a signal waits for Webex to say who signed in; a signal ends the program within two seconds.
const HURRY: Duration = Duration::from_millis(700);

/// What it takes to keep a grant.
pub struct Ending<'a> {
    pub output: Output,
    pub store: &'a Store,
    pub client: &'a Client,
    pub base: &'a Url,
    /// The signal that came when the tokens were there already; it ends the program once they are stored.
    pub interrupted: Option<Signal>,
}

impl Ending<'_> {
    /// From the token answer to the stored connection. A signal only hurries it.
    pub async fn keep(
        &mut self,
        plan: Plan,
        granted: Granted,
        signals: &mut Signals,
    ) -> Result<Saved> {
        let identity = {
            let asking = identify(self.output, self.client, self.base, &granted);
            tokio::pin!(asking);
            tokio::select! {
                biased;
                signal = signals.next() => {
                    self.interrupted = Some(signal);
                    // The guard against another account gets its chance all the same.
                    tokio::time::timeout(HURRY, asking).await.unwrap_or_default()
                }
                identity = &mut asking => identity,
            }
        };
        save(self.output, self.store, plan, granted, identity)
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
