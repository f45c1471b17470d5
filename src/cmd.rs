//! What every command starts from, and the one match from subcommand to function.

pub mod list;
pub mod login;
pub mod manage;
pub mod sandbox;
pub mod status;
pub mod token;

use std::path::PathBuf;

use jiff::Timestamp;

use crate::cli::{Command, Global};
use crate::client::Wire;
use crate::connection::Connection;
use crate::error::{Error, Kind, Result};
use crate::name::Name;
use crate::output::Output;
use crate::prompt;
use crate::session;
use crate::store::{Choice, STORE_VARIABLE, Store};

/// Names the connection for commands that are given none.
const CONNECTION_VARIABLE: &str = "WEBEX_CONNECT_CONNECTION";
/// Says the same as `--ca-cert`.
const CA_CERT_VARIABLE: &str = "WEBEX_CONNECT_CA_CERT";
/// Any value but the empty one means `--no-input`.
const NO_INPUT_VARIABLE: &str = "WEBEX_CONNECT_NO_INPUT";

/// The run's surroundings.
pub struct Context {
    pub output: Output,
    pub store_choice: Option<Choice>,
    pub no_input: bool,
    pub wire: Wire,
    pub now: Timestamp,
}

/// Runs one command.
///
/// # Errors
/// Whatever the command could not do; `main` prints it.
pub fn run(global: &Global, output: Output, command: Command) -> Result<()> {
    let context = Context {
        output,
        store_choice: store_choice(global)?,
        no_input: global.no_input || variable(NO_INPUT_VARIABLE)?.is_some(),
        wire: Wire {
            ca_cert: global
                .ca_cert
                .clone()
                .or(variable(CA_CERT_VARIABLE)?.map(PathBuf::from)),
            trace: (global.verbose > 0).then_some(output),
        },
        now: Timestamp::now(),
    };
    match command {
        Command::Login(arguments) => login::run(&context, &arguments),
        Command::List(_) => list::run(&context),
        Command::Token(arguments) => token::run(&context, &arguments),
        Command::Status(arguments) => status::run(&context, &arguments),
        Command::Rename(arguments) => manage::rename(&context, &arguments),
        Command::Default(arguments) => manage::default(&context, &arguments),
        Command::Logout(arguments) => manage::logout(&context, &arguments),
        Command::Sandbox(arguments) => sandbox::run(&context, &arguments),
    }
}

impl Context {
    pub fn store(&self) -> Result<Store> {
        Store::open(self.store_choice, self.may_ask())
    }

    /// Whether there is a person to ask.
    pub fn may_ask(&self) -> bool {
        prompt::is_possible(self.no_input)
    }

    /// The connection meant: by argument, by variable, the default, or the only one.
    ///
    /// # Errors
    /// There is none, or several and no way to choose.
    pub fn connection(&self, store: &Store, argument: Option<&str>) -> Result<Connection> {
        if let Some(name) = named(argument)? {
            return store
                .connection(&name)?
                .ok_or_else(|| session::no_connection(name.as_str()));
        }
        if let Some(name) = store.default_name()?
            && let Some(connection) = store.connection(&name)?
        {
            return Ok(connection);
        }
        let mut listing = store.list()?;
        if let Some(error) = listing.unreadable.pop() {
            return Err(error);
        }
        match (listing.connections.pop(), listing.connections.is_empty()) {
            (Some(only), true) => Ok(only),
            (Some(_), false) => Err(Error::new(Kind::Usage, "there are several connections and none is the default")
                .with_hint("name one; `webex-connect list` shows them")),
            (None, _) => Err(Error::new(Kind::SignIn, "there is no connection yet")
                .with_hint("make one with `webex-connect login`, or try it with `webex-connect login --sandbox`")),
        }
    }
}

/// The name given by argument or variable.
pub fn named(argument: Option<&str>) -> Result<Option<Name>> {
    match argument {
        Some(name) => Name::parse(name).map(Some),
        None => variable(CONNECTION_VARIABLE)?
            .as_deref()
            .map(Name::parse)
            .transpose(),
    }
}

fn store_choice(global: &Global) -> Result<Option<Choice>> {
    if global.store.is_some() {
        return Ok(global.store);
    }
    match variable(STORE_VARIABLE)?.as_deref() {
        None => Ok(None),
        Some("keyring") => Ok(Some(Choice::Keyring)),
        Some("file") => Ok(Some(Choice::File)),
        Some(_) => Err(Error::new(
            Kind::Usage,
            format!("{STORE_VARIABLE} is neither `keyring` nor `file`"),
        )),
    }
}

/// A variable's value; empty counts as unset.
pub fn variable(name: &str) -> Result<Option<String>> {
    match std::env::var(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => {
            Err(Error::new(Kind::Usage, format!("{name} is not text")))
        }
    }
}
