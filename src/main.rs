//! webex-connect: connects a person, bot or service app to Cisco Webex by OAuth 2.0.
//!
//! # How it is built
//!
//! `main` shuts the process off from others, parses the command line, runs one command, prints the error that ends it
//! and exits. Read from here downwards:
//!
//! * [`cli`] is the command tree. Each command's own arguments stand at the head of its file in `cmd/` (those of `app`'s in
//!   `cmd/app.rs`), where the doc comments are the manual. [`cmd`] holds what every command starts from and the match that
//!   runs one; it and `cli` know each other. Without a command there is `cmd/start.rs`.
//! * `cmd/login.rs` is a login from the first question to the last word. `login/plan.rs` settles what it will do, with
//!   `client.rs` (which app), `scopes.rs` (which scopes) and `guide.rs` (a person without an app). A grant comes by
//!   `login/way.rs` (a browser on this machine, or `paste.rs`), by `device.rs` (another device, with `qr.rs`) or is
//!   `brought.rs`; `countdown.rs` tells how long is left. `ending.rs` and `outcome.rs` store and tell what came of it, past
//!   the `cmd/guard.rs` that `import` shares.
//! * `cmd/transfer/` is `export` and `import`: `payload.rs` is what travels, `keep.rs` how it is taken in. `cmd/api/` is one
//!   call: `request.rs`, `pages.rs`, and `verdict.rs` on what a status means. `cmd/doctor.rs` tries out what a login needs,
//!   a file a check in `doctor/`. `cmd/shell.rs` is what a shell is given: completion scripts and manual pages.
//! * Several commands share `cmd/client_secret.rs` (where a client secret comes from), `place.rs` (which Webex and redirect
//!   URI are meant), `keep.rs`, `report.rs` and `table.rs`, and what `scopes.rs` says of lists, presets and names that
//!   nobody knows.
//! * [`session`] turns a stored connection into one whose token works now. `session/refresh.rs` refreshes one connection
//!   (`locking.rs` waits for its lock, `requirement.rs` decides which token will do, `save.rs` retries the save), and
//!   `all.rs` refreshes many. `session/cure.rs` has the messages and hints for a connection that cannot be used.
//!   `session/identity.rs` asks Webex whose connection it is. `session/renaming.rs` renames a connection in steps that the
//!   next command completes after a crash; `cmd/lookup.rs` calls it wherever a command looks up connections.
//! * [`oauth`] speaks the protocol, [`webex`] the API, both through [`client`], the one HTTPS client.
//! * [`store`] keeps records: in the OS keyring or in a sealed file, each with its own locks. It also seals what `export`
//!   hands over: `choice.rs` opens it, `lock.rs` locks, `save.rs` writes, `chunks.rs` splits long records. [`dirs`] opens our directories, and refuses links and other users' directories.
//! * [`connection`], [`app`], [`scope`], [`name`], [`duration`], [`moment`] and [`secret`] are the values: pure, `now`
//!   always an argument. Two look outside: `moment` at the clock and the time zone, and `app/provided.rs` for the app that
//!   variables, the administrator's file or the build provide.
//! * [`loopback`] is the redirect listener, for programs of the person's own ([`peer`]), and [`sandbox`] the embedded
//!   Webex look-alike. Both stand on [`http`], which reads bounded requests, and on [`page`], which draws what a
//!   browser shows. The sandbox shares no code with `oauth`, `connection` or `webex`: it must not share our mistakes.
//! * [`browser`], [`prompt`], [`input`], [`signals`], [`variables`] and [`output`] touch the person's side. What is
//!   printed goes through `output`, but for the questions of `prompt` and what clap writes of help and usage.
//!   [`process`] protects this process's memory, reports a panic without its message, and ends the program if a thread
//!   panics.
//!
//! `cmd` may import all of it; `session` imports `oauth`, `store`, `webex` and `sandbox`, which do not import each other.
//! `oauth` and `webex` import `client`, `store` imports `dirs`, and all of them the values and the person's side; the
//! sandbox imports values, `http` and `page`. Everything may use [`error`], whose kinds decide the exit code, and [`json`].
//! Outside crates that could spread have one home each, to which `.ci/run` holds them: reqwest and rustls in `client`,
//! oauth2 in `oauth`, tiny_http and httparse in `http`, the keyring crates in `store/keyring`, age in `store`, clap in
//! `cli`, `cmd` and here. The crate `http` has the types of requests and responses for all of them; [`http`]
//! is our server.
//!
//! # What holds
//!
//! * A login opens the browser for the sign-in last: the store was tried, every address the redirect URI can mean is
//!   bound, the app is settled. The browser is told "connected" only after the connection was stored and read back.
//! * A process that changes a stored connection or app holds its lock and reads it again inside. Locks lie with what they
//!   guard: files beside the sealed file, names on the keyring's session bus or, without one, files in the user's profile.
//!   A write replaces only the revision it was read from.
//! * A token is handed out at once, while another process refreshes it or the store cannot be written, if more than a fifth
//!   of its lead time is left. Saving new tokens is retried (`session/save.rs`).
//! * A refresh token is spent once, by whoever holds the lock, after the store has taken the record marked as begun, so
//!   that a store that takes nothing costs no grant and a run that died is explained by the next. (One that a person
//!   brings has no record yet; the store was tried with another.) What came is saved before it is used or a signal is
//!   obeyed. What was cut off is never repeated blindly.
//! * Requested and granted scopes never share a field, and where the granted set is known from is kept with it.
//! * A connection's token goes to its API base, for `api` also to the hosts that `webex/target.rs` lists, and at `logout`
//!   to its environment's revocation endpoint; nowhere else. No redirect is followed, but those by which the sandbox
//!   consents to itself.
//! * The redirect port listens to programs of the same user alone, as far as the system tells whose they are.
//! * Tokens, client secrets and states are [`secret::Secret`]s, which can't be displayed, and are taken out of foreign text
//!   however it spells them.
//! * No runtime, TLS or D-Bus is set up by a command that does not need it.
//!
//! # Where it departs from the obvious
//!
//! * `localhost` in a redirect URI is bound on both families, or another user could take the one left free.
//! * tiny_http answers but does not listen: its server has no limits (see [`http`]).
//! * On Linux a store of our own implements the keyring interface over a plain session with the Secret Service
//!   (`store/keyring/secret_service.rs`). The published store hard-codes an encrypted session, whose key agreement is
//!   slow and fails now and then with KWallet, and limits no prompt. The bus is a local socket of one user.
//! * Locks of the keyring are names on the session bus (`store/keyring/bus_lock.rs`): they hold wherever the keyring is
//!   seen, and a crash releases them.
//! * Refusals of the token endpoint are read in `oauth/refusal.rs` and not by the oauth2 crate, because Webex has two
//!   error shapes and neither always fits RFC 6749.
//! * The client's ID and redirect URI stay with a connection, beside the name of its app: a grant belongs to a client.

// clap prints the doc comments of commands as they are, brackets and all.
#![allow(rustdoc::bare_urls)]
// Tests may stop at the first surprise; the program may not. Only `output` prints, and `prompt` its
// questions; neither uses these macros.
#![cfg_attr(
    not(test),
    deny(
        clippy::dbg_macro,
        clippy::expect_used,
        clippy::panic,
        clippy::print_stderr,
        clippy::print_stdout,
        clippy::todo,
        clippy::unimplemented,
        clippy::unwrap_used,
        clippy::wildcard_imports
    )
)]

mod app;
mod browser;
mod cli;
mod client;
mod cmd;
mod connection;
mod dirs;
mod duration;
mod error;
#[cfg(test)]
mod generated;
mod http;
mod input;
mod json;
mod loopback;
mod moment;
mod name;
mod oauth;
mod output;
mod page;
mod peer;
mod process;
mod prompt;
mod sandbox;
mod scope;
mod secret;
mod session;
mod signals;
mod store;
mod variables;
mod webex;

use std::io;
use std::process::ExitCode;

use clap::Parser;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::cli::{Asked, Cli};
use crate::error::{Error, Kind, visible};
use crate::output::{Output, closed_stdout, unwritten};
use crate::store::Choice;

fn main() -> ExitCode {
    process::harden(wants_json());
    signals::outlive_the_file_limit();
    process::contained(run)
}

fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(without_secrets(error)),
    };
    let output = Output::new(cli.global.json).with_store(cli.global.store.map(Choice::name));
    let done = match cli.asked {
        Some(Asked::Command(command)) => cmd::run(&cli.global, output, command),
        Some(Asked::Shell(shell)) => cmd::shell::run(output, &shell),
        None => cmd::start::run(output),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output.error(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

/// Help and version are results; a command line that is off is an error, in JSON if JSON was asked for.
fn usage(error: clap::Error) -> ExitCode {
    if error.use_stderr() && wants_json() {
        let told = Error::new(Kind::Usage, "the command line is not understood")
            .with_detail(&headline(&error))
            .with_hint("`webex-connect --help` shows what there is");
        Output::new(true).error(&told);
        return ExitCode::from(told.exit_code());
    }
    let printed = if !error.use_stderr()
        && let Some(closed) = closed_stdout()
    {
        Err(closed)
    } else if is_fit_to_print(&error) {
        // clap colours for terminals.
        error.print()
    } else {
        Output::new(false).note(error.render().to_string().trim_end());
        Ok(())
    };
    match printed {
        Err(failure) if !error.use_stderr() && failure.kind() != io::ErrorKind::BrokenPipe => {
            Output::new(false).error(&unwritten(&failure));
            ExitCode::from(Kind::Failure.exit_code())
        }
        _ => ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(1)),
    }
}

/// Whether all that an error quotes from the command line can be shown on a terminal as it is.
fn is_fit_to_print(error: &clap::Error) -> bool {
    let text = error.render().to_string();
    text.chars().all(|c| c == '\n' || visible(c) == c)
}

/// Removes from a usage error every argument that may be a secret.
///
/// A token or a secret may be given in the wrong place: as one positional argument too many, or as the value of an
/// option that takes none (`--client-secret-stdin=…`). What clap suggests instead stays.
fn without_secrets(mut error: clap::Error) -> clap::Error {
    let text = |error: &clap::Error, kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        _ => String::new(),
    };
    let argument = text(&error, ContextKind::InvalidArg);
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let typed = text(&error, ContextKind::InvalidSubcommand);
            error.remove(ContextKind::InvalidSubcommand);
            remove_tips_with(&mut error, &typed);
        }
        ErrorKind::UnknownArgument if !is_option_name(&argument) => {
            error.remove(ContextKind::InvalidArg);
            remove_tips_with(&mut error, &argument);
        }
        // The value of an option that takes one stays: it helps to find a typing error.
        ErrorKind::InvalidValue | ErrorKind::ValueValidation if argument.starts_with('-') => {}
        ErrorKind::InvalidValue | ErrorKind::ValueValidation | ErrorKind::TooManyValues => {
            let hidden = ContextValue::String("[redacted]".to_owned());
            error.insert(ContextKind::InvalidValue, hidden);
        }
        _ => {}
    }
    error
}

/// Whether an unknown argument can be shown: `-x`, or words of lower-case letters as in `--min-valid`. A token that
/// begins with two hyphens has digits or capitals.
fn is_option_name(argument: &str) -> bool {
    const LONGEST: usize = 40;
    match argument.strip_prefix("--") {
        Some(name) => {
            let plain = |b: u8| b.is_ascii_lowercase() || b == b'-';
            name.len() <= LONGEST && name.bytes().all(plain)
        }
        None => argument.starts_with('-') && argument.chars().count() == 2,
    }
}

/// Some tips repeat an argument: "to pass 'x' as a value, use '-- x'".
fn remove_tips_with(error: &mut clap::Error, argument: &str) {
    if let Some(ContextValue::StyledStrs(mut tips)) = error.remove(ContextKind::Suggested) {
        tips.retain(|tip| !tip.to_string().contains(argument));
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
    }
}

/// What clap says is wrong, up to its first empty line, without the word `error` before it, and its tip.
fn headline(error: &clap::Error) -> String {
    let text = error.render().to_string();
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return "a command is missing".to_owned();
    }
    let tip = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("tip: "));
    let tip = tip.map_or_else(String::new, |tip| format!("; {tip}"));
    let lines = text.lines().map(str::trim);
    let first: Vec<&str> = lines.take_while(|line| !line.is_empty()).collect();
    let first = first.join(" ");
    format!("{}{tip}", first.strip_prefix("error: ").unwrap_or(&first))
}

/// Whether JSON was asked for, before the command line is understood.
fn wants_json() -> bool {
    // What follows `--` is for the command that `exec` runs.
    let mut ours = std::env::args_os().take_while(|argument| argument != "--");
    ours.any(|argument| argument == "--json")
}
