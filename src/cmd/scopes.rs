//! `scopes`: what can be asked for, and what it allows.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::{Value, json};

use crate::cmd::Context;
use crate::cmd::table::table;
use crate::error::{Error, Kind, Result};
use crate::output::Output;
use crate::scope::ScopeSet;
use crate::scope::catalogue::{self, Audience, Entry};
use crate::scope::preset::Preset;

/// Explain scopes: what each allows and who can grant it
///
/// Without words, the whole catalogue. With words, the scopes in whose name,
/// description or audience every word occurs; case does not matter. The exact
/// name of a scope gets an explanation in full, and the exit code is 1 if no
/// scope is found.
///
/// WHO can grant it: anyone who signs in, or only an administrator or a
/// compliance officer. "depends" is said of what goes with a device or with
/// another product.
///
/// The catalogue is compiled in; neither Webex nor the store is asked. Webex
/// has scopes that it does not know, and those can be asked for all the same.
///
///   $ webex-connect scopes message
///   $ webex-connect scopes spark:people_read
///   $ webex-connect scopes --admin meeting recordings
///   $ webex-connect scopes --preset invite-user --json | jq -r '.[].name'
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Arguments {
    /// Words to search for, or exact names to explain
    words: Vec<String>,
    /// Only scopes that an administrator has to grant; the words "compliance
    /// officer" find those of a compliance officer
    #[arg(long)]
    admin: bool,
    /// Only the scopes of this preset
    #[arg(long, value_name = "NAME", value_parser = preset())]
    preset: Option<Preset>,
    /// List the presets, which are sets of scopes with a name
    #[arg(long, conflicts_with_all = ["words", "admin", "preset"])]
    presets: bool,
}

/// Reads the name of a preset.
pub fn preset() -> impl TypedValueParser<Value = Preset> {
    PossibleValuesParser::new(Preset::ALL.map(Preset::name))
        .try_map(|name| Preset::find(&name).ok_or("no such preset"))
}

/// The scopes of lists as the command line has them, all together.
///
/// # Errors
/// [`Kind::Usage`] for a list that holds no scope, or a character that scopes can't have.
pub fn listed(lists: &[String]) -> Result<ScopeSet> {
    let mut scopes = ScopeSet::default();
    for list in lists {
        scopes.extend(ScopeSet::parse(list).map_err(|error| {
            Error::new(Kind::Usage, error.to_string()).with_hint(
                "for example `--scope \"spark:people_read spark:rooms_read\"`; `webex-connect scopes` lists them",
            )
        })?);
    }
    Ok(scopes)
}

/// Says which of these scopes nobody knows here; they are taken all the same.
pub fn warn_of_unknown(output: Output, scopes: &ScopeSet) {
    for unknown in scopes.iter().filter(|name| catalogue::find(name).is_none()) {
        let meant = match catalogue::suggestions(unknown).as_slice() {
            [] => String::new(),
            names => format!("; did you mean {}?", names.join(" or ")),
        };
        output.warning(&format!(
            "{unknown} is not a scope that is known here{meant}"
        ));
    }
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<()> {
    let output = &context.output;
    if arguments.presets {
        return show_presets(output);
    }
    let named = named(arguments);
    let found = match &named {
        Some(named) => named.clone(),
        None => found(arguments)?,
    };
    if output.json {
        let found = found.into_iter().map(to_json);
        return output.result_json(&Value::Array(found.collect()));
    }
    let columns = output.columns();
    output.result(&match named {
        Some(named) => explanations(&named, arguments, columns),
        None => listing(&found, columns),
    })
}

fn show_presets(output: &Output) -> Result<()> {
    if output.json {
        return output.result_json(&Preset::ALL.map(preset_to_json).into());
    }
    output.result(&preset_table())
}

/// The scopes to explain: every word is a name, and nothing is to be filtered.
fn named(arguments: &Arguments) -> Option<Vec<Entry>> {
    if arguments.words.is_empty() || arguments.admin || arguments.preset.is_some() {
        return None;
    }
    let words = arguments.words.iter();
    words.map(|word| catalogue::find(word)).collect()
}

/// What the words and options choose; at least one.
fn found(arguments: &Arguments) -> Result<Vec<Entry>> {
    if let Some(word) = arguments.words.iter().find(|word| is_miscased(word)) {
        return Err(unknown(word));
    }
    let preset = arguments.preset.map(Preset::scopes);
    let in_preset = |name: &str| preset.as_ref().is_none_or(|scopes| scopes.contains(name));
    let found: Vec<_> = catalogue::entries()
        .filter(|entry| !arguments.admin || entry.needs_administrator())
        .filter(|entry| in_preset(entry.name))
        .filter(|entry| has_all(entry, &arguments.words))
        .collect();
    if found.is_empty() {
        return Err(nothing(arguments));
    }
    Ok(found)
}

/// A scope's whole name but for its case, which Webex would not know.
fn is_miscased(word: &str) -> bool {
    word.contains(':')
        && catalogue::find(word).is_none()
        && catalogue::names().any(|name| name.eq_ignore_ascii_case(word))
}

fn has_all(entry: &Entry, words: &[String]) -> bool {
    words.iter().all(|word| has(entry, word))
}

fn has(entry: &Entry, word: &str) -> bool {
    let word = word.to_lowercase();
    [
        entry.name,
        entry.description,
        entry.audience.word(),
        who(entry),
    ]
    .iter()
    .any(|text| text.to_lowercase().contains(&word))
}

fn nothing(arguments: &Arguments) -> Error {
    let unheard_of = |word: &&String| {
        catalogue::entries().all(|entry| !has(&entry, word))
            && (word.contains(':') || !catalogue::suggestions(word).is_empty())
    };
    if let Some(word) = arguments.words.iter().find(unheard_of) {
        return unknown(word);
    }
    let mut message = match arguments.preset {
        Some(preset) => format!("preset {} has no scope", preset.name()),
        None => "there is no scope".to_owned(),
    };
    match arguments.words.len() {
        0 => {}
        1 => message += " for this word",
        _ => message += " for these words",
    }
    if arguments.admin {
        message += " that an administrator has to grant";
    }
    Error::new(Kind::Failure, message)
        .with_hint("fewer words find more; `webex-connect scopes` lists all that are known")
}

/// Suggests known scopes. The word itself is not repeated, because it may be a secret.
fn unknown(word: &str) -> Error {
    let error = Error::new(Kind::Failure, "the catalog has no such scope");
    match catalogue::suggestions(word).as_slice() {
        [] => error.with_hint(
            "`webex-connect scopes` lists all that are known; others can be asked for all the same",
        ),
        [only] => error.with_hint(format!("did you mean `webex-connect scopes {only}`?")),
        several => error.with_hint(format!("did you mean {}?", either(several))),
    }
}

/// `a`, `b` or `c`
fn either(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [rest @ .., last] if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        all => all.join(""),
    }
}

/// Who can grant it, in a word or two.
fn who(entry: &Entry) -> &'static str {
    match entry.audience {
        Audience::User => "anyone",
        Audience::Device | Audience::Other => "depends",
        Audience::Admin | Audience::Compliance => entry.audience.role().unwrap_or_default(),
    }
}

/// A table where it fits, else two lines a scope, so that no name is broken.
fn listing(entries: &[Entry], columns: Option<u16>) -> String {
    let mut table = table(None);
    table.set_header(["NAME", "WHO", "ALLOWS TO"]);
    for entry in entries {
        table.add_row([entry.name, who(entry), entry.description]);
    }
    let table = table.trim_fmt();
    let fits = |columns: u16| {
        let width = table.lines().map(|line| line.chars().count()).max();
        width.unwrap_or_default() <= usize::from(columns)
    };
    if columns.is_none_or(fits) {
        return table;
    }
    let width = entries.iter().map(|entry| entry.name.len()).max();
    let width = width.unwrap_or_default();
    let lines = entries.iter().map(|entry| {
        format!(
            "{:<width$}  {}\n  {}",
            entry.name,
            who(entry),
            entry.description
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn explanations(named: &[Entry], arguments: &Arguments, columns: Option<u16>) -> String {
    let texts = named.iter().map(|entry| explanation(entry, columns));
    let mut texts: Vec<_> = texts.collect();
    let others: Vec<_> = catalogue::entries()
        .filter(|entry| !named.contains(entry) && has_all(entry, &arguments.words))
        .collect();
    if !others.is_empty() {
        texts.push(format!("See also:\n{}", listing(&others, columns)));
    }
    texts.join("\n\n")
}

/// One scope in full.
fn explanation(entry: &Entry, columns: Option<u16>) -> String {
    let presets = presets_with(entry.name).join(", ");
    let presets = if presets.is_empty() { "none" } else { &presets };
    let mut table = table(columns);
    for (label, text) in [
        ("scope", entry.name),
        ("allows to", entry.description),
        ("granted by", granted_by(entry.audience)),
        ("documented", documented(entry)),
        ("presets", presets),
    ] {
        table.add_row([label, text]);
    }
    // Without the table's margin, so that the longest command fits 80 columns.
    format!(
        "{}\n\n  $ webex-connect login --add-scope {}",
        table.trim_fmt(),
        entry.name
    )
}

fn granted_by(audience: Audience) -> &'static str {
    match audience {
        Audience::User => "anyone who signs in",
        Audience::Admin => "only an administrator of the organisation",
        Audience::Compliance => "only a compliance officer, which is a role of its own",
        Audience::Device => "it depends on who may use the device",
        Audience::Other => "it depends on what it belongs to; no role is known to decide",
    }
}

fn documented(entry: &Entry) -> &'static str {
    match (entry.documented, entry.in_guide) {
        (true, true) => "by Cisco, and in its guide to scopes",
        (true, false) => "by Cisco, though not in its guide to scopes",
        (false, true) => "by name only, in Cisco's guide to scopes",
        (false, false) => "not by Cisco; it was seen in use",
    }
}

fn presets_with(name: &str) -> Vec<&'static str> {
    let with = Preset::ALL.into_iter();
    let with = with.filter(|preset| preset.scopes().contains(name));
    with.map(Preset::name).collect()
}

fn to_json(entry: Entry) -> Value {
    json!({
        "name": entry.name,
        "audience": entry.audience.word(),
        "access": entry.access.word(),
        "needs_administrator": entry.needs_administrator(),
        "documented": entry.documented,
        "description": entry.description,
        "presets": presets_with(entry.name),
    })
}

fn preset_to_json(preset: Preset) -> Value {
    json!({
        "name": preset.name(),
        "about": preset.about(),
        "scopes": preset.scopes(),
    })
}

fn preset_table() -> String {
    let mut table = table(None);
    table.set_header(["NAME", "SCOPES", "ABOUT"]);
    for preset in Preset::ALL {
        let count = preset.scopes().len().to_string();
        table.add_row([preset.name(), &count, preset.about()]);
    }
    table.trim_fmt()
}
