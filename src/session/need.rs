//! What is wanted of an access token, and whether tokens have it.

use jiff::SignedDuration;

use crate::connection::{Connection, Freshness, Tokens};
use crate::error::{Error, Result};
use crate::moment::now;
use crate::secret::Secret;

/// What the caller wants of the access token.
#[derive(Clone, Copy)]
pub enum Need<'a> {
    /// That it is good now, and for so long where that is said.
    Valid(Option<SignedDuration>),
    /// That it is not this one.
    Other(&'a Secret),
}

impl Need<'_> {
    /// Whether the tokens are good without a refresh.
    pub fn is_met(self, tokens: &Tokens) -> bool {
        let fresh = || tokens.freshness(now()) == Freshness::Fresh;
        match self {
            Need::Valid(_) => fresh() && self.is_served(tokens),
            Need::Other(known) => tokens.access_token != *known,
        }
    }

    /// Whether the tokens do for now where no refresh succeeds.
    pub fn is_served(self, tokens: &Tokens) -> bool {
        let now = now();
        let enough = |least| tokens.left(now).is_some_and(|left| left >= least);
        match self {
            Need::Valid(least) => {
                tokens.freshness(now) != Freshness::Expired && least.is_none_or(enough)
            }
            Need::Other(_) => false,
        }
    }

    /// What a failed refresh comes to.
    ///
    /// # Errors
    /// The refresh's own, where the tokens do not serve.
    pub fn settle(
        self,
        connection: Connection,
        error: Error,
    ) -> Result<(Connection, Option<Error>)> {
        match self.is_served(&connection.tokens) {
            true => Ok((connection, Some(error))),
            false => Err(error),
        }
    }
}
