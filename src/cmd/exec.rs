//! `exec`: a command with a valid access token in its environment.

use std::convert::Infallible;
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::Command;

use clap::Args;

use crate::app::Environment;
use crate::cmd::{ConnectionArgument, Context};
use crate::connection::Connection;
use crate::error::{Error, Kind, Result, foreign};
use crate::variables;

/// The name that Webex SDKs read.
const ACCESS_TOKEN: &str = "WEBEX_ACCESS_TOKEN";

/// Our own failures, as `env` and `timeout` tell them from the command's.
const OWN_FAILURE: u8 = 125;
const NOT_EXECUTABLE: u8 = 126;
const NOT_FOUND: u8 = 127;

/// Run a command with a valid access token in its environment
///
/// The command gets WEBEX_ACCESS_TOKEN, the name that Webex SDKs read, and
/// takes the place of this program: no shell is between. It gets no refresh
/// token and no secret of an app, and of our own variables those that hold
/// secrets are taken away. A token that is about to expire is refreshed and
/// saved first; nobody refreshes it while the command runs.
///
/// The exit code is the command's; or 125 if there is no token for it, 126 if
/// it can't be run, 127 if there is no such command.
///
///   $ webex-connect exec work -- python3 bot.py
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Arguments {
    #[command(flatten)]
    connection: ConnectionArgument,
    /// Another name for the variable
    #[arg(long, value_name = "VARIABLE", default_value = ACCESS_TOKEN, hide_default_value = true)]
    env: String,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<()> {
    let (program, rest) = split(&arguments.command)?;
    let variable = checked(&arguments.env)?;
    let connection = usable(context, arguments).map_err(own)?;
    let mut command = Command::new(program);
    command.args(rest);
    for secret in variables::SECRET {
        command.env_remove(secret);
    }
    command.env(variable, connection.tokens.access_token.expose());
    match replace(command) {
        Ok(never) => match never {},
        Err(error) => Err(not_run(Path::new(program), &error)),
    }
}

fn split(command: &[OsString]) -> Result<(&OsString, &[OsString])> {
    match command.split_first() {
        Some((program, rest)) if !program.is_empty() => Ok((program, rest)),
        _ => Err(Error::new(Kind::Usage, "the command to run is empty")
            .with_hint("for example `webex-connect exec work -- python3 bot.py`")),
    }
}

/// A variable that may carry the token: a plain name, and none that decides what other programs load, where they look
/// for it, or whom they talk to.
fn checked(name: &str) -> Result<&str> {
    const TAKEN: &str = "PATH HOME SHELL IFS ENV BASH_ENV SHELLOPTS BASHOPTS PS4 CDPATH PWD TMPDIR TEMP TMP USER \
                         LOGNAME TERM LANG PATHEXT COMSPEC SYSTEMROOT";
    const TAKEN_PREFIXES: &str = "LD_ GLIBC_ GCONV_ DYLD_ LC_ XDG_ DBUS_ SSL_ GIT_ SSH_ PYTHON PERL RUBY NODE_ JAVA_ \
                                  WEBEX_CONNECT_";
    let mut bytes = name.bytes();
    let letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    let plain =
        bytes.next().is_some_and(letter) && bytes.all(|byte| letter(byte) || byte.is_ascii_digit());
    // Windows does not tell case apart in these names.
    let upper = name.to_ascii_uppercase();
    let taken = TAKEN.split(' ').any(|taken| upper == taken)
        || upper.ends_with("_PROXY")
        || TAKEN_PREFIXES
            .split(' ')
            .any(|prefix| upper.starts_with(prefix));
    let refused = |message: &str| {
        Err(Error::new(Kind::Usage, message).with_hint(format!(
            "for example `--env {ACCESS_TOKEN}`, which is the default"
        )))
    };
    match (plain, taken) {
        (false, _) => refused("--env takes a name of letters, digits and underscores"),
        (true, true) => refused("--env names a variable that has another meaning to programs"),
        (true, false) => Ok(name),
    }
}

/// The connection with a token for the command. Its records are closed again when this returns.
fn usable(context: &Context, arguments: &Arguments) -> Result<Connection> {
    let (store, connection) = context.open(arguments.connection.name.as_deref())?;
    if connection.environment == Environment::Sandbox {
        let message = format!(
            "{} belongs to the sandbox inside this program, which is gone when the command runs",
            connection.name
        );
        return Err(Error::new(Kind::Failure, message).with_hint(
            "run `webex-connect sandbox --port 8912` and leave it running, then \
             `WEBEX_CONNECT_CLIENT_SECRET=sandbox-secret webex-connect login try --client-id sandbox \
             --api-base http://127.0.0.1:8912/v1`, then `webex-connect exec try -- CMD`",
        ));
    }
    context.usable(&store, connection)
}

/// What goes wrong before the command runs is not the command's failure, whatever its code is elsewhere. A wrong
/// command line stays one, and so does an interruption.
fn own(error: Error) -> Error {
    match error.kind {
        Kind::Usage | Kind::Interrupted(_) => error,
        _ => error.with_exit_code(OWN_FAILURE),
    }
}

/// Every descriptor of ours closes on exec; what the caller passed on stays open. Signals that are ignored stay so,
/// but for SIGPIPE: Rust's runtime has it ignored before `main`, and gives the default back here.
#[cfg(unix)]
fn replace(mut command: Command) -> io::Result<Infallible> {
    Err(std::os::unix::process::CommandExt::exec(&mut command))
}

/// Where no process can take another's place, this one waits and ends as the command did.
#[cfg(not(unix))]
fn replace(mut command: Command) -> io::Result<Infallible> {
    let status = command.status()?;
    std::process::exit(status.code().unwrap_or(1))
}

fn not_run(program: &Path, error: &io::Error) -> Error {
    // A path with a directory in it is not looked for along PATH.
    let is_there = program.components().count() > 1 && program.exists();
    let shown = foreign(&program.to_string_lossy());
    let (code, hint) = match error.kind() {
        io::ErrorKind::NotFound if is_there => (
            NOT_FOUND,
            format!(
                "`head -n 1 {shown}` shows the interpreter that it asks for and that is not there"
            ),
        ),
        io::ErrorKind::NotFound => (
            NOT_FOUND,
            format!("give a program that `command -v {shown}` finds, or its path"),
        ),
        _ => (
            NOT_EXECUTABLE,
            format!("`ls -l {shown}` shows whether you may run it"),
        ),
    };
    Error::new(Kind::Failure, format!("could not run {shown}"))
        .with_hint(hint)
        .with_detail(&error.to_string())
        .with_exit_code(code)
}
