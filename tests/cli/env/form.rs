//! The form of the consent page, filled in by hand.

use url::{Url, form_urlencoded};

use super::{Answer, http};

/// What the page's form would send: its hidden inputs, ticked boxes and chosen person.
pub struct ConsentForm {
    action: Url,
    pairs: Vec<(String, String)>,
}

impl ConsentForm {
    /// Opens an authorization URL, or a device's, and reads the consent page there.
    pub fn open(authorize: &Url) -> ConsentForm {
        let page = http::get(authorize);
        assert_eq!(page.status, 200, "the consent page: {page}");
        ConsentForm::read(authorize, &page)
    }

    /// Reads the consent page of an authorization URL.
    pub fn read(authorize: &Url, page: &Answer) -> ConsentForm {
        let action = tags(&page.body, "form").find_map(|tag| attribute(tag, "action"));
        let action = action.unwrap_or_else(|| panic!("no form: {page}"));
        let action = authorize
            .join(action)
            .unwrap_or_else(|e| panic!("{action}: {e}"));
        let mut pairs: Vec<_> = tags(&page.body, "input")
            .filter(|tag| match attribute(tag, "type") {
                Some("hidden") => true,
                Some("checkbox") => tag.ends_with(" checked"),
                _ => false,
            })
            .filter_map(|tag| Some((attribute(tag, "name")?.to_owned(), value(tag)?.to_owned())))
            .collect();
        let person = tags(&page.body, "option").find(|tag| tag.ends_with(" selected"));
        let person = person.and_then(value).unwrap_or_default();
        pairs.push(("person".to_owned(), person.to_owned()));
        for name in ["request", "person"] {
            let stated = pairs.iter().any(|(n, v)| n == name && !v.is_empty());
            assert!(stated, "no {name} in the consent page: {page}");
        }
        ConsentForm { action, pairs }
    }

    /// The values that a name would be sent with.
    pub fn values(&self, name: &str) -> Vec<&str> {
        let same = self.pairs.iter().filter(|(n, _)| n == name);
        same.map(|(_, value)| value.as_str()).collect()
    }

    /// Takes the ticks off these scopes.
    pub fn untick(mut self, scopes: &[&str]) -> ConsentForm {
        for scope in scopes {
            let before = self.pairs.len();
            self.pairs
                .retain(|(name, value)| name != "scope" || value != scope);
            assert_eq!(self.pairs.len(), before - 1, "{scope} is not ticked once");
        }
        self
    }

    /// Chooses who signs in, by e-mail address.
    pub fn person(mut self, email: &str) -> ConsentForm {
        self.pairs.retain(|(name, _)| name != "person");
        self.also("person", email)
    }

    /// Sends one more value, whether the page has it or not.
    pub fn also(mut self, name: &str, value: &str) -> ConsentForm {
        self.pairs.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Presses `allow` or `refuse`.
    pub fn press(&self, decision: &str) -> Answer {
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&self.pairs)
            .append_pair("decision", decision)
            .finish();
        let form_type = "application/x-www-form-urlencoded";
        http::request("POST", &self.action, form_type, &form)
    }
}

/// The opening tags of an element, without their brackets.
fn tags<'a>(html: &'a str, element: &str) -> impl Iterator<Item = &'a str> {
    html.split(&format!("<{element} "))
        .skip(1)
        .filter_map(|rest| rest.split('>').next())
        .collect::<Vec<_>>()
        .into_iter()
}

fn value(tag: &str) -> Option<&str> {
    attribute(tag, "value")
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let start = format!("{name}=\"");
    let at = tag.find(&start)? + start.len();
    tag[at..].split('"').next()
}
