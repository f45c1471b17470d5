//! The command tree and the options every command takes. Each command's own arguments stand at the head of its file.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, Args, Parser, Subcommand};

use crate::cmd::shell::{Shell, reference};
use crate::cmd::{
    api, app, check, doctor, exec, list, login, logout, manage, refresh, sandbox, scopes, status,
    token, transfer,
};
use crate::store::Choice;

/// Connect a person, bot or service app to Cisco Webex by OAuth 2.0 and keep that connection usable
///
/// Sign in once; scripts then ask for a token that works, or get an exit code that says what to do. Tokens and
/// granted scopes are kept in the OS keyring.
#[derive(Parser)]
#[command(name = "webex-connect", version)]
#[command(after_help = START, after_long_help = after_long_help())]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    /// Without any, a newcomer is shown where to begin.
    #[command(subcommand)]
    pub asked: Option<Asked>,
}

/// Where a newcomer begins; the manual shows it too.
pub const START: &str = "\
Start here:
  $ webex-connect login --sandbox    try it: no account, no app, no set-up
  $ webex-connect login work         sign in to Webex; it leads you through
  $ webex-connect token work         print a token that works, for your scripts";

/// Where the rest is.
pub const ALL: &str = "\
`webex-connect --help` shows every command, `webex-connect login --help` one.";

fn after_long_help() -> String {
    format!("{START}\n\nExit codes:\n{}", reference::exit_codes())
}

/// Options that every command takes.
#[derive(Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Print JSON, errors included
    #[arg(long, global = true)]
    pub json: bool,
    /// Where connections are kept
    ///
    /// The keyring is the default; `file` is a sealed file, `$XDG_DATA_HOME/webex-connect/store.age`.
    /// WEBEX_CONNECT_STORE says the same for every command.
    #[arg(long, global = true, value_name = "STORE", value_parser = store_choice())]
    pub store: Option<Choice>,
    /// Trust the CA certificates in this PEM file, besides the system's
    ///
    /// WEBEX_CONNECT_CA_CERT says the same for every command.
    #[arg(long, global = true, value_name = "FILE")]
    pub ca_cert: Option<PathBuf>,
    /// Show what goes over the wire, secrets masked
    #[arg(long, short, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// Never ask anything
    ///
    /// Whatever is missing becomes an error. WEBEX_CONNECT_NO_INPUT=1 says the same for every command.
    #[arg(long, global = true)]
    pub no_input: bool,
}

fn store_choice() -> impl TypedValueParser<Value = Choice> {
    PossibleValuesParser::new(Choice::NAMES)
        .try_map(|name| Choice::from_name(&name).ok_or("no such store"))
}

/// What is asked for: a command with all that a run starts from, or what needs none of it.
#[derive(Subcommand)]
pub enum Asked {
    #[command(flatten)]
    Command(Command),
    #[command(flatten)]
    Shell(Shell),
}

/// What can be done.
#[derive(Subcommand)]
pub enum Command {
    Login(Box<login::Arguments>),
    List(list::Arguments),
    Status(status::Arguments),
    Check(check::Arguments),
    Token(token::Arguments),
    Refresh(refresh::Arguments),
    Exec(exec::Arguments),
    Api(api::Arguments),
    Rename(manage::RenameArguments),
    Default(manage::DefaultArguments),
    Logout(logout::Arguments),
    Scopes(scopes::Arguments),
    App(app::Arguments),
    Doctor(doctor::Arguments),
    Export(transfer::export::Arguments),
    Import(transfer::import::Arguments),
    Sandbox(sandbox::Arguments),
}
