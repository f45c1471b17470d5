//! The made-up people who can sign in.

/// Someone with an account. IDs are constant, so that a login can be compared with the one before.
#[derive(Debug, PartialEq, Eq)]
pub struct Person {
    /// A UUID, as Webex has them inside its public IDs.
    pub id: &'static str,
    pub email: &'static str,
    pub first_name: &'static str,
    pub last_name: &'static str,
    /// The organisation's UUID, which codes and tokens name too.
    pub organization: &'static str,
}

impl Person {
    pub fn name(&self) -> String {
        format!("{} {}", self.first_name, self.last_name)
    }
}

/// Whoever signs in when nobody says who.
static FIRST: Person = Person {
    id: "5a6d0b0c-5a4d-4b0e-8a0d-000000000002",
    email: "sandbox.person@example.com",
    first_name: "Sandbox",
    last_name: "Person",
    organization: "5a6d0b0c-5a4d-4b0e-8a0d-000000000001",
};

static COLLEAGUE: Person = Person {
    id: "5a6d0b0c-5a4d-4b0e-8a0d-000000000003",
    email: "sandbox.colleague@example.com",
    first_name: "Sandbox",
    last_name: "Colleague",
    organization: FIRST.organization,
};

/// Someone of another organisation.
static STRANGER: Person = Person {
    id: "5a6d0b0c-5a4d-4b0e-8a0d-000000000005",
    email: "sandbox.stranger@example.org",
    first_name: "Sandbox",
    last_name: "Stranger",
    organization: "5a6d0b0c-5a4d-4b0e-8a0d-000000000004",
};

pub fn everyone() -> [&'static Person; 3] {
    [&FIRST, &COLLEAGUE, &STRANGER]
}

/// The person meant by a `login_hint`. It is a hint: one that fits nobody leaves the first.
pub fn hinted(login_hint: Option<&str>) -> &'static Person {
    login_hint.and_then(by_email).unwrap_or(&FIRST)
}

/// E-mail addresses compare without case, as Webex compares them.
pub fn by_email(email: &str) -> Option<&'static Person> {
    everyone()
        .into_iter()
        .find(|person| person.email.eq_ignore_ascii_case(email))
}

pub fn by_id(id: &str) -> Option<&'static Person> {
    everyone().into_iter().find(|person| person.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_that_fits_nobody_leaves_the_first_person() {
        assert_eq!(hinted(None), &FIRST);
        assert_eq!(hinted(Some("nobody@example.com")), &FIRST);
        assert_eq!(hinted(Some("Sandbox.Stranger@Example.org")), &STRANGER);
    }
}
