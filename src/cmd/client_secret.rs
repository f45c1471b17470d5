//! Where a client secret comes from, for every command that takes one.

use std::path::PathBuf;

use clap::Args;

use crate::cmd::Context;
use crate::error::{Error, Kind, Result};
use crate::prompt;
use crate::secret::Secret;
use crate::signals::Signals;
use crate::variables;

const WHAT: &str = "client secret";
const FLAG: &str = "--client-secret-stdin";

/// Where the client secret is read.
#[derive(Args)]
pub struct SecretArguments {
    /// Read the client secret from standard input
    ///
    /// Input is read to its end.
    #[arg(long, conflicts_with = "client_secret_file")]
    client_secret_stdin: bool,
    /// Read the client secret from a file
    #[arg(long, value_name = "FILE")]
    client_secret_file: Option<PathBuf>,
}

impl SecretArguments {
    /// Whether a client secret comes with the command line.
    pub fn is_given(&self) -> bool {
        self.client_secret_stdin || self.client_secret_file.is_some()
    }
}

/// The client secret from the first source that has it, short of the person. The variable is passed over where it
/// goes with another client ID: ID and secret are never of two sources.
///
/// # Errors
/// A source that was named can't be read, or holds no secret.
pub fn given(arguments: &SecretArguments, client_id: &str) -> Result<Option<Secret>> {
    if arguments.client_secret_stdin {
        return prompt::secret_from_stdin(FLAG, WHAT).map(Some);
    }
    if let Some(path) = &arguments.client_secret_file {
        return prompt::secret_from_file(path, WHAT).map(Some);
    }
    if variables::read(variables::CLIENT_ID)?.is_some_and(|id| id != client_id) {
        return Ok(None);
    }
    variables::read(variables::CLIENT_SECRET)?
        .map(|secret| prompt::clean(&secret, WHAT))
        .transpose()
}

/// Asks the person for it, without echo.
///
/// # Errors
/// [`Kind::App`] where nobody can be asked; [`Kind::Interrupted`].
pub async fn asked(context: &Context, signals: &mut Signals) -> Result<Secret> {
    if context.may_ask() {
        return prompt::secret("Client secret", signals).await;
    }
    Err(missing(false))
}

/// The error that names every source short of the person; standard input may be taken by something else.
pub fn missing(stdin_is_taken: bool) -> Error {
    let stdin = match stdin_is_taken {
        true => "",
        false => "`--client-secret-stdin`, ",
    };
    Error::new(
        Kind::App,
        "there is no client secret, and Webex asks for one even with PKCE",
    )
    .with_hint(format!(
        "give it with {stdin}`--client-secret-file FILE` or {}",
        variables::CLIENT_SECRET
    ))
}
