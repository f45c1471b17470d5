//! `__complete`: what can come next on a command line. The scripts of `completion` call it at a key press, so it never
//! says anything but that, asks nothing, and takes no longer than a person would wait.

use std::ffi::OsString;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use clap::builder::StyledStr;
use clap::{Arg, Args, Command, CommandFactory, ValueHint};
use clap_complete::engine::{ArgValueCandidates, ArgValueCompleter, CompletionCandidate, complete};

use crate::cli::Cli;
use crate::name::Name;
use crate::output::Output;
use crate::scope::catalogue;
use crate::store::{Choice, Store};
use crate::variables;

/// How long the store may take to give names: who pressed a key is waiting, and a keyring may be asking its owner.
const PATIENCE: Duration = Duration::from_secs(2);

/// Print what can come next on a command line
///
/// A line each: the whole word, and behind a tab what it is.
#[derive(Args)]
#[command(disable_help_flag = true)]
pub struct Arguments {
    /// The word at the cursor, as far as it is typed
    #[arg(long, value_name = "WORD", default_value = "")]
    current: OsString,
    /// The words before it, the program's name first
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    before: Vec<OsString>,
}

/// Prints the candidates; for whatever trouble there is, none.
pub fn run(output: Output, arguments: &Arguments) {
    let mut words = arguments.before.clone();
    let at = words.len();
    words.push(arguments.current.clone());
    let mut tree = with_values(Cli::command(), "", store_choice(&arguments.before));
    let directory = std::env::current_dir().ok();
    let Ok(candidates) = complete(&mut tree, words, at, directory.as_deref()) else {
        return;
    };
    let mut lines: Vec<_> = candidates.iter().filter_map(line).collect();
    // Options crowd out what is meant, unless they are asked for or all there is.
    if arguments.current.is_empty() && lines.iter().any(|line| !line.starts_with('-')) {
        lines.retain(|line| !line.starts_with('-'));
    }
    if !lines.is_empty() {
        // A shell that went away needs no answer.
        let _ = output.result(&lines.join("\n"));
    }
}

/// Hidden commands are no candidates, nor is what would not be one word on one line.
fn line(candidate: &CompletionCandidate) -> Option<String> {
    let value = candidate.get_value().to_str()?;
    if candidate.is_hide_set() || value.contains(char::is_control) {
        return None;
    }
    let help = candidate.get_help().map(ToString::to_string);
    let help = help.as_deref().and_then(|help| help.lines().next());
    Some(help.map_or_else(|| value.to_owned(), |help| format!("{value}\t{help}")))
}

/// The store that the words typed so far choose, else the variable.
fn store_choice(words: &[OsString]) -> Option<Choice> {
    let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
    let words: Vec<_> = words.iter().flat_map(|word| word.split('=')).collect();
    let given = words.windows(2).rfind(|pair| pair[0] == "--store");
    let variable = variables::read(variables::STORE).ok().flatten();
    let name = given.map(|pair| pair[1]).or(variable.as_deref());
    name.and_then(Choice::from_name)
}

/// Tells each argument of the tree where its values come from, by what the arguments of all commands are called.
fn with_values(command: Command, parent: &str, choice: Option<Choice>) -> Command {
    let (own, of) = (command.get_name().to_owned(), parent.to_owned());
    command
        .mut_args(|argument| with_value(argument, &own, &of, choice))
        .mut_subcommands(|subcommand| with_values(subcommand, &own, choice))
}

fn with_value(argument: Arg, command: &str, parent: &str, choice: Option<Choice>) -> Arg {
    if !argument.get_action().takes_values() || !argument.get_possible_values().is_empty() {
        return argument;
    }
    let takes_name = argument
        .get_value_names()
        .is_some_and(|names| names == ["NAME"]);
    match argument.get_id().as_str() {
        // A new app's name is nobody's yet.
        "name" if parent == "app" && command == "add" => argument.value_hint(ValueHint::Other),
        "name" if parent == "app" => argument.add(stored(choice, apps)),
        "app" if takes_name => argument.add(stored(choice, apps)),
        "name" | "old" | "connection" => argument.add(stored(choice, connections)),
        "scope" | "add_scope" => argument.add(ArgValueCompleter::new(scopes)),
        "words" if command == "scopes" => argument.add(ArgValueCompleter::new(scopes)),
        "command" if command == "man" => argument.add(ArgValueCandidates::new(commands)),
        // Else any argument that is not a path would be offered files.
        _ if argument.get_value_hint() == ValueHint::Unknown => {
            argument.value_hint(ValueHint::Other)
        }
        _ => argument,
    }
}

/// Names out of the store, read on a thread that may be left behind: the process ends with it still waiting.
fn stored(choice: Option<Choice>, names: fn(&Store) -> Vec<Candidate>) -> ArgValueCandidates {
    ArgValueCandidates::new(move || {
        let (sender, receiver) = mpsc::channel();
        let reading = thread::Builder::new().spawn(move || {
            if let Ok(store) = Store::open(choice, false) {
                // Nobody is left to hear it when that took too long.
                let _ = sender.send(names(&store));
            }
        });
        // Where not even a thread can be had, the receiver hears of it.
        drop(reading);
        let names = receiver.recv_timeout(PATIENCE).unwrap_or_default();
        names.into_iter().map(Candidate::offered).collect()
    })
}

/// A value and what it is.
struct Candidate(String, Option<String>);

impl Candidate {
    fn offered(self) -> CompletionCandidate {
        CompletionCandidate::new(self.0).help(self.1.map(StyledStr::from))
    }
}

fn connections(store: &Store) -> Vec<Candidate> {
    let listing = store.list().unwrap_or_default();
    let readable = listing.connections.iter();
    let mut names: Vec<_> = readable
        .map(|connection| Candidate(connection.name.to_string(), Some(connection.account())))
        .collect();
    if !listing.unreadable.is_empty() {
        // They can still be named, to be removed.
        let all = store.connection_names().unwrap_or_default();
        let known = |name: &Name| listing.connections.iter().any(|known| known.name == *name);
        let others = all.iter().filter(|name| !known(name));
        names.extend(others.map(|name| Candidate(name.to_string(), None)));
    }
    names
}

fn apps(store: &Store) -> Vec<Candidate> {
    let apps = store.list().unwrap_or_default().apps;
    let named = apps.iter();
    named
        .map(|app| Candidate(app.name.to_string(), None))
        .collect()
}

fn commands() -> Vec<CompletionCandidate> {
    let program = Cli::command();
    let shown = program.get_subcommands().filter(|it| !it.is_hide_set());
    shown
        .map(|it| CompletionCandidate::new(it.get_name()).help(it.get_about().cloned()))
        .collect()
}

/// Scopes; in a list, the one after the last comma or space.
fn scopes(current: &std::ffi::OsStr) -> Vec<CompletionCandidate> {
    let Some(typed) = current.to_str() else {
        return Vec::new();
    };
    let (listed, last) = match typed.rfind([',', ' ']) {
        Some(at) => typed.split_at(at + 1),
        None => ("", typed),
    };
    let fitting = catalogue::entries().filter(|entry| entry.name.starts_with(last));
    fitting
        .map(|entry| {
            Candidate(
                format!("{listed}{}", entry.name),
                Some(entry.description.to_owned()),
            )
        })
        .map(Candidate::offered)
        .collect()
}
