//! The catalogue: every scope that Webex is known to have, and what it lets an app do.
//!
//! It is never complete, and Cisco's own pages disagree on the case of some names. So it explains and suggests, and
//! a scope that is not in it may still be asked for.

use strsim::osa_distance;

/// One line a scope, under a heading; the columns are the fields of [`Entry`].
const CATALOGUE: &str = include_str!("catalogue.tsv");

/// Names that are offered for one that is unknown; more is a list to read, and there is `webex-connect scopes`.
const MAX_SUGGESTIONS: usize = 3;

/// The longest text that is compared. The longest name has 44 characters; what is far longer is no slip of the hand.
const MAX_COMPARED: usize = 64;

/// One scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// As Webex spells it; case matters.
    pub name: &'static str,
    pub audience: Audience,
    pub access: Access,
    /// Cisco describes it somewhere; otherwise it was only seen in use.
    pub documented: bool,
    /// Cisco's guide to scopes lists it.
    pub in_guide: bool,
    /// What an app with it can do: a phrase to come after "lets an app".
    pub description: &'static str,
}

/// For whom a scope is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    User,
    Device,
    Admin,
    Compliance,
    /// Contact Center, guests, OpenID Connect: the description tells.
    Other,
}

/// What a scope lets an app do to what it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Read,
    Write,
    /// Both, or neither is the word for it.
    Other,
}

/// The catalogue, in its order.
pub fn entries() -> impl Iterator<Item = Entry> {
    CATALOGUE.lines().skip(1).filter_map(Entry::read)
}

/// The names in the catalogue, in its order.
pub fn names() -> impl Iterator<Item = &'static str> {
    entries().map(|entry| entry.name)
}

/// The scope of exactly this name.
pub fn find(name: &str) -> Option<Entry> {
    entries().find(|entry| entry.name == name)
}

impl Entry {
    /// `None` for a line that is none; a test holds that there is no such line.
    fn read(line: &'static str) -> Option<Entry> {
        let mut columns = line.split('\t');
        let entry = Entry {
            name: columns.next()?,
            audience: Audience::read(columns.next()?)?,
            access: Access::read(columns.next()?)?,
            documented: yes(columns.next()?)?,
            in_guide: yes(columns.next()?)?,
            description: columns.next()?,
        };
        columns.next().is_none().then_some(entry)
    }

    /// Whether only an administrator can grant it. Compliance scopes are not among them: they take a compliance
    /// officer, a role of its own. See [`Audience::role`] for both.
    pub fn needs_administrator(&self) -> bool {
        self.audience == Audience::Admin
    }
}

impl Audience {
    fn read(word: &str) -> Option<Audience> {
        let all = [
            Audience::User,
            Audience::Device,
            Audience::Admin,
            Audience::Compliance,
            Audience::Other,
        ];
        all.into_iter().find(|audience| audience.word() == word)
    }

    /// The word in the catalogue.
    pub fn word(self) -> &'static str {
        match self {
            Audience::User => "user",
            Audience::Device => "device",
            Audience::Admin => "admin",
            Audience::Compliance => "compliance",
            Audience::Other => "other",
        }
    }

    /// The role without which Webex refuses the person who signs in, as far as it is a matter of role.
    pub fn role(self) -> Option<&'static str> {
        match self {
            Audience::Admin => Some("administrator"),
            Audience::Compliance => Some("compliance officer"),
            Audience::User | Audience::Device | Audience::Other => None,
        }
    }
}

impl Access {
    fn read(word: &str) -> Option<Access> {
        let all = [Access::Read, Access::Write, Access::Other];
        all.into_iter().find(|access| access.word() == word)
    }

    /// The word in the catalogue.
    pub fn word(self) -> &'static str {
        match self {
            Access::Read => "read",
            Access::Write => "write",
            Access::Other => "other",
        }
    }
}

fn yes(word: &str) -> Option<bool> {
    match word {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

/// "Did you mean": what a scope that is not in the catalogue was probably meant to be, likeliest first.
///
/// A name that differs in nothing but case is the answer; else those that are few slips away, in the whole or after
/// the colon. Nothing for what is far from all, and nothing for a name that is in the catalogue.
pub fn suggestions(unknown: &str) -> Vec<&'static str> {
    if unknown.chars().count() > MAX_COMPARED || find(unknown).is_some() {
        return Vec::new();
    }
    let same_but_case = names().filter(|name| name.eq_ignore_ascii_case(unknown));
    let same_but_case: Vec<_> = same_but_case.take(MAX_SUGGESTIONS).collect();
    if !same_but_case.is_empty() {
        return same_but_case;
    }
    let unknown = folded(unknown);
    let mut near: Vec<_> = names()
        .filter_map(|name| Some((slips(&unknown, &folded(name))?, name)))
        .collect();
    near.sort_by_key(|(slips, _)| *slips);
    let least = near.first().map_or(0, |(slips, _)| *slips);
    near.into_iter()
        .take_while(|(slips, _)| *slips <= least + 1)
        .take(MAX_SUGGESTIONS)
        .map(|(_, name)| name)
        .collect()
}

/// Without case and without the difference of `-` and `_`.
fn folded(name: &str) -> String {
    name.to_lowercase().replace('-', "_")
}

/// The slips of the hand between two folded names, unless there are too many. A prefix that is missing is one slip;
/// one that is another scope's is two, so that the same prefix comes first.
fn slips(unknown: &str, name: &str) -> Option<usize> {
    let whole = few_slips(unknown, name);
    let part = match (unknown.split_once(':'), name.split_once(':')) {
        (Some((_, unknown)), Some((_, name))) => few_slips(unknown, name).map(|slips| slips + 2),
        (None, Some((_, name))) => few_slips(unknown, name).map(|slips| slips + 1),
        _ => None,
    };
    whole.into_iter().chain(part).min()
}

/// One slip for every five characters, and three at most: more than that turns most names into another one.
fn few_slips(unknown: &str, name: &str) -> Option<usize> {
    let limit = (unknown.chars().count() / 5).min(3);
    Some(osa_distance(unknown, name)).filter(|slips| *slips <= limit)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Columns of a small terminal, less the indent that descriptions are listed with.
    const DESCRIPTION: usize = 78;

    #[test]
    fn every_line_reads() {
        assert_eq!(entries().count(), CATALOGUE.lines().count() - 1);
        assert_eq!(entries().count(), 179);
        let distinct: BTreeSet<_> = names().collect();
        assert_eq!(distinct.len(), 179);
    }

    #[test]
    fn every_scope_is_told_in_a_phrase_of_its_own() {
        let mut told = BTreeSet::new();
        for Entry {
            name, description, ..
        } in entries()
        {
            assert!(told.insert(description), "{name}");
            assert!(
                !description.is_empty() && !description.ends_with('.'),
                "{name}"
            );
            assert!(description.chars().count() <= DESCRIPTION, "{name}");
            assert!(description.chars().all(|c| !c.is_control()), "{name}");
        }
    }

    #[test]
    fn roles_follow_the_audience() {
        let role = |name: &str| find(name).and_then(|entry| entry.audience.role());
        assert_eq!(role("spark:people_read"), None);
        assert_eq!(role("spark-admin:people_read"), Some("administrator"));
        assert_eq!(
            role("spark-compliance:events_read"),
            Some("compliance officer")
        );
        let admins = entries().filter(Entry::needs_administrator).count();
        let lines = CATALOGUE.lines();
        assert_eq!(
            admins,
            lines.filter(|line| line.contains("\tadmin\t")).count()
        );
    }

    #[test]
    fn case_alone_is_the_first_thing_meant() {
        assert_eq!(
            suggestions("identity:one_time_password"),
            ["Identity:one_time_password"]
        );
        assert_eq!(suggestions("SPARK:PEOPLE_READ"), ["spark:people_read"]);
        assert_eq!(suggestions("Identity:contact"), ["identity:contact"]);
    }

    #[test]
    fn slips_are_forgiven() {
        for (unknown, meant) in [
            ("spark:poeple_read", "spark:people_read"),
            ("spark:people-read", "spark:people_read"),
            ("spark_admin:people_read", "spark-admin:people_read"),
            ("spark.rooms_read", "spark:rooms_read"),
            ("spark:room_read", "spark:rooms_read"),
            ("sprak-admin:license_read", "spark-admin:licenses_read"),
            ("meetings:schedules_read", "meeting:schedules_read"),
            ("analytics_read_all", "analytics:read_all"),
            ("opendi", "openid"),
        ] {
            assert_eq!(suggestions(unknown), [meant], "{unknown}");
        }
    }

    #[test]
    fn a_missing_or_foreign_prefix_is_supplied() {
        let people = [
            "spark:people_read",
            "spark-admin:people_read",
            "identity:people_read",
        ];
        assert_eq!(suggestions("people_read"), people);
        assert_eq!(suggestions("webex:people_read"), people);
        assert_eq!(suggestions("webex:cdr_read"), [""; 0]);
    }

    #[test]
    fn what_is_far_off_or_known_has_no_suggestion() {
        for text in [
            "",
            ":",
            "x",
            "spark:",
            "drive:files_read_only",
            "spark:people_read",
            &"spark:people_read".repeat(9),
            "\u{1b}[2J",
        ] {
            assert_eq!(suggestions(text), [""; 0], "{text}");
        }
    }
}
