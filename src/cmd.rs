//! What every command starts from, and the one match from subcommand to function.

pub mod api;
pub mod app;
pub mod check;
mod client_secret;
pub mod doctor;
pub mod exec;
mod guard;
mod keep;
pub mod list;
pub mod login;
pub mod logout;
mod lookup;
pub mod manage;
mod place;
pub mod refresh;
mod report;
pub mod sandbox;
pub mod scopes;
pub mod shell;
pub mod start;
pub mod status;
mod table;
pub mod token;
pub mod transfer;

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;

use crate::cli::{Command, Global};
use crate::client::Wire;
use crate::connection::Connection;
use crate::dirs::Loose;
use crate::error::{Error, Kind, Result};
use crate::moment::now;
use crate::name::Name;
use crate::output::Output;
use crate::prompt;
use crate::session;
use crate::store::{Choice, Store};
use crate::variables;

/// Which connection a command is about.
#[derive(Args)]
pub struct ConnectionArgument {
    /// The connection; without it WEBEX_CONNECT_CONNECTION, the default, or the only one
    pub name: Option<String>,
}

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
        no_input: global.no_input || variables::read(variables::NO_INPUT)?.is_some(),
        wire: Wire {
            ca_cert: global
                .ca_cert
                .clone()
                .or(variables::read(variables::CA_CERT)?.map(PathBuf::from)),
            output,
            trace: (global.verbose > 0).then_some(output),
        },
        now: now(),
    };
    match command {
        Command::Login(arguments) => login::run(&context, &arguments),
        Command::List(_) => list::run(&context),
        Command::Token(arguments) => token::run(&context, &arguments),
        Command::Exec(arguments) => exec::run(&context, &arguments),
        Command::Api(arguments) => api::run(&context, &arguments),
        Command::Refresh(arguments) => refresh::run(&context, &arguments),
        Command::Status(arguments) => status::run(&context, &arguments),
        Command::Check(arguments) => check::run(&context, &arguments),
        Command::Rename(arguments) => manage::rename(&context, &arguments),
        Command::Default(arguments) => manage::default(&context, &arguments),
        Command::Logout(arguments) => logout::run(&context, &arguments),
        Command::Scopes(arguments) => scopes::run(&context, &arguments),
        Command::App(arguments) => app::run(&context, &arguments),
        Command::Doctor(_) => doctor::run(&context),
        Command::Export(arguments) => transfer::export::run(&context, &arguments),
        Command::Import(arguments) => transfer::import::run(&context, &arguments),
        Command::Sandbox(arguments) => sandbox::run(&context, &arguments),
    }
}

impl Context {
    /// The store for a command about any connection.
    ///
    /// # Errors
    /// As for [`Store::open_for`].
    pub fn store(&self) -> Result<Store> {
        self.store_for(None)
    }

    /// The store for a command about the connection of this name, or about any. Warns about each file that other users
    /// could read or change, and says so if there is no keyring.
    ///
    /// # Errors
    /// As for [`Store::open_for`].
    pub fn store_for(&self, name: Option<&Name>) -> Result<Store> {
        let store = Store::open_for(self.store_choice, self.may_ask(), name)?;
        self.warn_tightened(&store);
        if store.is_sandbox_file() {
            let place = store.place();
            self.output.note(&format!(
                "there is no keyring here; this command uses the sandbox connections in {place}"
            ));
        }
        Ok(store)
    }

    /// The store for a command that needs more than sandbox connections.
    ///
    /// # Errors
    /// As for [`Store::open_real`].
    pub fn real_store(&self) -> Result<Store> {
        let store = Store::open_real(self.store_choice, self.may_ask())?;
        self.warn_tightened(&store);
        Ok(store)
    }

    /// The store for `doctor`, which reports on it itself.
    ///
    /// # Errors
    /// As for [`Store::open`].
    pub fn silent_store(&self) -> Result<Store> {
        Store::open(self.store_choice, self.may_ask())
    }

    /// The store that a login writes to.
    ///
    /// # Errors
    /// As for [`Store::open_for_login`].
    pub fn login_store(&self, sandbox: bool) -> Result<Store> {
        let store = Store::open_for_login(self.store_choice, self.may_ask(), sandbox)?;
        self.warn_tightened(&store);
        Ok(store)
    }

    fn warn_tightened(&self, store: &Store) {
        for (path, Loose { mode, is_tightened }) in store.tightened() {
            let now = match is_tightened {
                true => "was open to other users and is yours alone now",
                false => "is open to other users, and that cannot be changed",
            };
            self.output.warning(&format!(
                "{} {now} (mode {mode:o}); if another user may have read it, sign in again with `webex-connect login`",
                path.display()
            ));
        }
    }

    /// Says where a sandbox connection goes on a machine without a keyring.
    pub fn tell_of_sandbox_file(&self, store: &Store) {
        if store.is_sandbox_file() {
            let place = store.place();
            self.output.note(&format!(
                "there is no keyring here; the sandbox connection is kept in {place}"
            ));
        }
    }

    /// Whether there is a person to ask.
    pub fn may_ask(&self) -> bool {
        prompt::is_possible(self.no_input)
    }

    /// The connection with a token that is good now; one that holds only a little longer is told of.
    ///
    /// # Errors
    /// As for [`session::usable`].
    pub fn usable(&self, store: &Store, connection: Connection) -> Result<Connection> {
        let (connection, not_refreshed) = session::usable(store, connection, &self.wire)?;
        self.warn_stale(&connection.name, not_refreshed);
        Ok(connection)
    }

    /// Says why a token that soon ends was not replaced.
    pub fn warn_stale(&self, name: &Name, not_refreshed: Option<Error>) {
        if let Some(error) = not_refreshed {
            self.output.warning(&format!(
                "could not refresh {name}, whose token holds a little longer: {error}"
            ));
        }
    }
}

/// The name given by argument or variable.
///
/// # Errors
/// [`Kind::Usage`] for what can be no name.
pub fn named(argument: Option<&str>) -> Result<Option<Name>> {
    match argument {
        Some(name) => Name::parse(name).map(Some),
        None => variables::read(variables::CONNECTION)?
            .as_deref()
            .map(Name::parse)
            .transpose(),
    }
}

fn store_choice(global: &Global) -> Result<Option<Choice>> {
    if global.store.is_some() {
        return Ok(global.store);
    }
    let Some(name) = variables::read(variables::STORE)? else {
        return Ok(None);
    };
    let choice = Choice::from_name(&name).ok_or_else(|| {
        let message = format!("{} is neither `keyring` nor `file`", variables::STORE);
        Error::new(Kind::Usage, message).with_hint(format!(
            "set it to one of them, or `unset {}`",
            variables::STORE
        ))
    });
    choice.map(Some)
}
