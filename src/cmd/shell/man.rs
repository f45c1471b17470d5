//! `man`: the manual pages, from the same doc comments as `--help`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use serde_json::json;

use crate::cli::{Cli, START};
use crate::cmd::shell::reference::{self, Entry};
use crate::error::{Error, Kind, Result};
use crate::output::Output;

const PROGRAM: &str = "webex-connect";

/// Print the manual page of the program or of a command
///
/// The page is roff, for `man`. With --dir all pages are written to a
/// directory, webex-connect.1 and one for each command, for packagers.
///
///   $ webex-connect man | man -l -
///   $ webex-connect man app add | man -l -
///   $ webex-connect man --dir debian/tmp/usr/share/man/man1
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Arguments {
    /// The command whose page is wanted; without one, the program's own
    command: Vec<String>,
    /// Write all pages to this directory, which is made if need be
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    dir: Option<PathBuf>,
}

/// # Errors
/// There is no such command, or the page can't be written.
pub fn run(output: Output, arguments: &Arguments) -> Result<()> {
    // The pages of commands are wanted, and `help` is only another way to ask for them.
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    if let Some(directory) = &arguments.dir {
        return write_all(output, &program, directory);
    }
    let mut wanted = &program;
    for name in &arguments.command {
        let known = wanted
            .find_subcommand(name)
            .filter(|command| !command.is_hide_set());
        wanted = known.ok_or_else(unknown)?;
    }
    let page = page(wanted).map_err(|_| unwritten())?;
    match output.json {
        true => output.result_json(&json!({"page": page})),
        false => output.result(page.trim_end()),
    }
}

fn unknown() -> Error {
    Error::new(Kind::Usage, "there is no manual page for this command")
        .with_hint("`webex-connect --help` lists the commands")
}

fn unwritten() -> Error {
    Error::new(Kind::Failure, "could not put the manual page into words")
}

fn write_all(output: Output, program: &Command, directory: &Path) -> Result<()> {
    let failed = |path: &Path, error: &io::Error| {
        let message = format!("could not write {}", path.display());
        Error::new(Kind::Failure, message)
            .with_detail(&error.to_string())
            .with_hint("give a directory of yours with `--dir`")
    };
    fs::create_dir_all(directory).map_err(|error| failed(directory, &error))?;
    let mut written = Vec::new();
    let mut left = vec![program];
    while let Some(command) = left.pop() {
        let path = directory.join(format!("{}.1", title(command)));
        let page = page(command).map_err(|_| unwritten())?;
        fs::write(&path, page).map_err(|error| failed(&path, &error))?;
        written.push(path);
        left.extend(command.get_subcommands().filter(|it| !it.is_hide_set()));
    }
    written.sort();
    if output.json {
        return output.result_json(&json!({"pages": written}));
    }
    let count = written.len();
    output.note(&format!("wrote {count} pages to {}", directory.display()));
    Ok(())
}

/// `webex-connect-app-add`
fn title(command: &Command) -> &str {
    command
        .get_display_name()
        .unwrap_or_else(|| command.get_name())
}

/// A page, in roff. The command is one of a tree that was built.
fn page(command: &Command) -> io::Result<String> {
    let is_program = command.get_name() == PROGRAM;
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").to_owned();
    let man = Man::new(
        command
            .clone()
            .override_usage(usage)
            .subcommand_help_heading("COMMANDS"),
    )
    .title(title(command))
    .source(format!("{PROGRAM} {}", env!("CARGO_PKG_VERSION")))
    // An empty argument has to be quoted, and is not by itself: a page of no date.
    .date("\"\"")
    .manual("User Commands");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    unhyphenated().to_writer(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    let about = command.get_long_about().or_else(|| command.get_about());
    let about = about.map(ToString::to_string).unwrap_or_default();
    // The first paragraph is the NAME already.
    let more = about
        .split_once("\n\n")
        .map_or(about.as_str(), |(_, more)| more);
    section("DESCRIPTION", more).to_writer(&mut page)?;
    if is_program {
        section("EXAMPLES", START.trim_start_matches("Start here:\n")).to_writer(&mut page)?;
    }
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    if is_program {
        list("EXIT STATUS", &reference::EXIT_CODES).to_writer(&mut page)?;
        list("ENVIRONMENT", &reference::VARIABLES).to_writer(&mut page)?;
        list("FILES", &reference::FILES).to_writer(&mut page)?;
    } else {
        see_also(command).to_writer(&mut page)?;
    }
    Ok(faithful(&String::from_utf8_lossy(&page)))
}

/// Names of variables and addresses are not torn apart at the end of a line, nor lines stretched to the margin.
fn unhyphenated() -> Roff {
    let mut roff = Roff::new();
    roff.control("nh", []).control("ad", ["l"]);
    roff
}

/// Paragraphs as they come; indented lines are examples and stay as they are.
fn section(heading: &str, text: &str) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", [heading]);
    let mut in_example = false;
    for line in text.lines() {
        let is_example = line.starts_with("  ");
        match (in_example, is_example) {
            (false, true) => drop(roff.control("RS", ["4"]).control("nf", [])),
            (true, false) => drop(roff.control("fi", []).control("RE", [])),
            _ => {}
        }
        in_example = is_example;
        match line.trim().is_empty() {
            true => roff.control("PP", []),
            false if is_example => roff.text([roman(line.strip_prefix("  ").unwrap_or(line))]),
            false => roff.text([roman(line)]),
        };
    }
    if in_example {
        roff.control("fi", []).control("RE", []);
    }
    roff
}

fn list(heading: &str, entries: &[Entry]) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", [heading]);
    for (term, meaning) in entries {
        roff.control("TP", []);
        roff.text([bold(*term)]).text([roman(*meaning)]);
    }
    roff
}

fn see_also(command: &Command) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["SEE ALSO"]);
    let parent = title(command)
        .strip_suffix(command.get_name())
        .map(|parent| parent.trim_end_matches('-'));
    if let Some(parent) = parent.filter(|parent| *parent != PROGRAM) {
        roff.text([bold(parent), roman("(1),")]);
    }
    let told = "(1), which tells of exit codes, environment and files";
    roff.text([bold(PROGRAM), roman(told)]);
    roff
}

/// What stands in an example can be copied from the page: groff prints these three as typographic characters, and
/// what is not ASCII as the encoding it guesses.
fn faithful(page: &str) -> String {
    let mut text = String::with_capacity(page.len());
    for c in page.chars() {
        match c {
            '`' => text.push_str("\\(ga"),
            '^' => text.push_str("\\(ha"),
            '~' => text.push_str("\\(ti"),
            c if c.is_ascii() => text.push(c),
            c => text.push_str(&format!("\\[u{:04X}]", u32::from(c))),
        }
    }
    text
}
