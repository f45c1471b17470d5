//! An answer of any length, read piece by piece.

use std::time::Duration;

use crate::client::awake::within;
use crate::client::failure::{failed, timed_out};
use crate::error::Result;

/// Between two pieces of a body: as long as a whole short answer may take. All of it may take as long as it likes.
const IDLE_TIME: Duration = Duration::from_secs(30);

/// An answer whose head has come.
pub struct Incoming {
    response: reqwest::Response,
    host: String,
}

impl Incoming {
    pub(super) fn new(response: reqwest::Response, host: String) -> Incoming {
        Incoming { response, host }
    }

    pub fn status(&self) -> http::StatusCode {
        self.response.status()
    }

    pub fn headers(&self) -> &http::HeaderMap {
        self.response.headers()
    }

    /// The next piece of the body; none after the last.
    ///
    /// # Errors
    /// The answer breaks off, or nothing comes for 30 s.
    pub async fn chunk(&mut self) -> Result<Option<Vec<u8>>> {
        match within(IDLE_TIME, self.response.chunk()).await {
            Some(Ok(chunk)) => Ok(chunk.map(Vec::from)),
            Some(Err(error)) => {
                let mut error = failed(&self.host, error);
                error.message = format!("the answer from {} broke off", self.host);
                Err(error)
            }
            None => Err(timed_out(&self.host, IDLE_TIME)),
        }
    }
}
