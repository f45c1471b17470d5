//! Which scopes a login asks for, and what a person should know of them before the browser opens.

use crate::cmd::login::Arguments;
use crate::cmd::scopes::warn_of_unknown;
use crate::connection::Connection;
use crate::error::{Error, Kind, Result};
use crate::output::Output;
use crate::scope::ScopeSet;
use crate::scope::catalogue::{self, Audience};
use crate::scope::preset::Preset;

/// `--scope` and presets state the whole set; `--add-scope` adds, to that or to what would be asked for anyway: what
/// the connection asked for before, else the app's own list, else the standard scopes.
///
/// # Errors
/// A list that holds no scope, or a character that scopes can't have.
pub fn wanted(
    arguments: &Arguments,
    existing: Option<&Connection>,
    apps_own: &ScopeSet,
) -> Result<ScopeSet> {
    let mut wanted = stated(arguments)?;
    if wanted.is_empty() {
        wanted = match existing {
            // A connection made from a token of somebody else's making asked for nothing.
            Some(connection) if !connection.grant.requested.is_empty() => {
                connection.grant.requested.clone()
            }
            _ if !apps_own.is_empty() => apps_own.clone(),
            _ => ScopeSet::standard(),
        };
    }
    for list in &arguments.add_scope {
        wanted.extend(parsed(list)?);
    }
    Ok(wanted)
}

/// Whether the command line states the whole set.
pub fn is_stated(arguments: &Arguments) -> bool {
    !arguments.scope.is_empty() || !arguments.preset.is_empty()
}

/// Says what is unusual about the set: scopes nobody knows, standard ones left out, and those that only an
/// administrator can grant.
pub fn tell(output: Output, arguments: &Arguments, wanted: &ScopeSet) {
    warn_of_unknown(output, wanted);
    let left_out = ScopeSet::standard().missing_from(wanted);
    if !arguments.scope.is_empty() && !left_out.is_empty() {
        output.note(&format!(
            "`--scope` states the whole set: {} of the 12 standard scopes are not in it; `--add-scope` would keep them",
            left_out.len()
        ));
    }
    for audience in [Audience::Admin, Audience::Compliance] {
        let theirs: Vec<&str> = wanted
            .iter()
            .filter(|name| catalogue::find(name).is_some_and(|entry| entry.audience == audience))
            .collect();
        if let Some(role) = audience.role().filter(|_| !theirs.is_empty()) {
            let theirs = theirs.join(" ");
            output.note(&format!(
                "these take the role of {role} in the organisation: {theirs}"
            ));
        }
    }
}

fn stated(arguments: &Arguments) -> Result<ScopeSet> {
    let mut stated = ScopeSet::default();
    for list in &arguments.scope {
        stated.extend(parsed(list)?);
    }
    for preset in arguments.preset.iter().copied() {
        stated.extend(Preset::scopes(preset));
    }
    Ok(stated)
}

fn parsed(list: &str) -> Result<ScopeSet> {
    ScopeSet::parse(list).map_err(|error| {
        Error::new(Kind::Usage, error.to_string())
            .with_hint("for example `--scope \"spark:people_read spark:rooms_read\"`; `webex-connect scopes` lists them")
    })
}
