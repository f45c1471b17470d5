//! Presets: sets of scopes with a name.

use crate::scope::ScopeSet;
use crate::scope::catalogue;

/// The scopes that look up anyone in the organisation, and that invite and change them.
const READ_PEOPLE: &str = "spark-admin:people_read";
const WRITE_PEOPLE: &str = "spark-admin:people_write";

/// In Cisco's guide, but Cisco's pages disagree on its case, and a name that Webex does not know fails a whole login:
/// [`Preset::Everything`] does without.
const ONE_TIME_PASSWORD: &str = "Identity:one_time_password";

/// A set of scopes with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    Standard,
    PeopleRead,
    InviteUser,
    PeopleAdmin,
    Everything,
    Everything90,
}

impl Preset {
    /// From the smallest to the largest.
    pub const ALL: [Preset; 6] = [
        Preset::Standard,
        Preset::PeopleRead,
        Preset::InviteUser,
        Preset::PeopleAdmin,
        Preset::Everything,
        Preset::Everything90,
    ];

    /// The preset of exactly this name.
    pub fn find(name: &str) -> Option<Preset> {
        Preset::ALL.into_iter().find(|preset| preset.name() == name)
    }

    pub fn name(self) -> &'static str {
        match self {
            Preset::Standard => "standard",
            Preset::PeopleRead => "people-read",
            Preset::InviteUser => "invite-user",
            Preset::PeopleAdmin => "people-admin",
            Preset::Everything => "everything",
            Preset::Everything90 => "everything-90",
        }
    }

    /// What it is for, in a phrase.
    pub fn about(self) -> &'static str {
        match self {
            Preset::Standard => "messages, rooms, teams and people, as you see them",
            Preset::PeopleRead => "standard, and look up anyone in the organisation",
            Preset::InviteUser => "standard, and invite or change people",
            Preset::PeopleAdmin => "standard, and look up, invite or change people",
            Preset::Everything => "what Cisco's scope guide lists, but one-time passwords",
            Preset::Everything90 => "everything, and one-time passwords",
        }
    }

    pub fn scopes(self) -> ScopeSet {
        match self {
            Preset::Standard => ScopeSet::standard(),
            Preset::PeopleRead => standard_and(&[READ_PEOPLE]),
            Preset::InviteUser => standard_and(&[WRITE_PEOPLE]),
            Preset::PeopleAdmin => standard_and(&[READ_PEOPLE, WRITE_PEOPLE]),
            Preset::Everything => guide(|name| name != ONE_TIME_PASSWORD),
            Preset::Everything90 => guide(|_| true),
        }
    }
}

fn standard_and(more: &[&str]) -> ScopeSet {
    let mut scopes = ScopeSet::standard();
    scopes.0.extend(more.iter().map(|name| (*name).to_owned()));
    scopes
}

/// What Cisco's guide to scopes lists, where `wanted`.
fn guide(wanted: impl Fn(&str) -> bool) -> ScopeSet {
    let listed = catalogue::entries().filter(|entry| entry.in_guide && wanted(entry.name));
    ScopeSet(listed.map(|entry| entry.name.to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_have_as_many_scopes_as_they_say() {
        let counts = Preset::ALL.map(|preset| (preset.name(), preset.scopes().len()));
        assert_eq!(
            counts,
            [
                ("standard", 12),
                ("people-read", 13),
                ("invite-user", 13),
                ("people-admin", 14),
                ("everything", 89),
                ("everything-90", 90),
            ]
        );
    }

    #[test]
    fn presets_are_found_by_name() {
        for preset in Preset::ALL {
            assert_eq!(Preset::find(preset.name()), Some(preset));
        }
        assert_eq!(Preset::find("Standard"), None);
    }

    #[test]
    fn presets_are_made_of_the_catalogue() {
        for preset in Preset::ALL {
            let scopes = preset.scopes();
            let mut unknown = scopes.iter().filter(|name| catalogue::find(name).is_none());
            assert_eq!(unknown.next(), None, "{}", preset.name());
        }
    }

    #[test]
    fn everything_differs_by_the_one_time_password() {
        let more = Preset::Everything90.scopes();
        let more = more.missing_from(&Preset::Everything.scopes());
        assert_eq!(more.to_string(), ONE_TIME_PASSWORD);
    }
}
