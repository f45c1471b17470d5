//! The page on which a person says who they are and what the app may have, and the form it sends.

use std::collections::HashSet;
use std::fmt::Write as _;

use crate::http::Response;
use crate::page::{Forms, escape, fill, page};
use crate::sandbox::RegisteredApp;
use crate::sandbox::params::Params;
use crate::sandbox::people::{self, Person};
use crate::scope::ScopeSet;

/// What stands above the form when it came back with every scope unticked.
const NOTHING_KEPT: &str =
    r#"<p class="notice" role="alert">Keep at least one scope, or press Refuse.</p>"#;

/// What the page asks, whatever comes of the answer.
pub struct Question<'a> {
    pub app: &'a RegisteredApp,
    /// Where the form goes.
    pub action: &'a str,
    /// Who gets the answer, as markup.
    pub leads_to: &'a str,
    /// Who signs in unless the person says otherwise.
    pub person: &'static Person,
    pub scopes: &'a ScopeSet,
    /// The ID that the form sends back.
    pub request: &'a str,
}

/// The page, with every scope asked for ticked.
pub fn ask(question: &Question) -> Response {
    draw(200, "", question, question.person, question.scopes)
}

/// The page again, as the person left it: nothing was ticked.
pub fn ask_again(question: &Question, choice: &Choice) -> Response {
    let none = ScopeSet::default();
    draw(400, NOTHING_KEPT, question, choice.person, &none)
}

fn draw(
    status: u16,
    notice: &str,
    question: &Question,
    person: &Person,
    ticked: &ScopeSet,
) -> Response {
    let content = fill(
        include_str!("consent.html"),
        &[
            ("notice", notice),
            ("action", question.action),
            ("app", &escape(&question.app.name)),
            ("people", &options(person)),
            ("leads_to", question.leads_to),
            ("scopes", &checkboxes(question.scopes, ticked)),
            ("request", question.request),
        ],
    );
    page(status, "Sandbox: allow access?", &content, Forms::Any)
}

fn options(selected: &Person) -> String {
    people::everyone()
        .into_iter()
        .fold(String::new(), |mut options, person| {
            let mark = if person == selected { " selected" } else { "" };
            let email = escape(person.email);
            // Writing to a String cannot fail.
            let _ = write!(options, r#"<option value="{email}"{mark}>{email}</option>"#);
            options
        })
}

fn checkboxes(scopes: &ScopeSet, ticked: &ScopeSet) -> String {
    scopes.iter().fold(String::new(), |mut list, scope| {
        let mark = if ticked.contains(scope) {
            " checked"
        } else {
            ""
        };
        let scope = escape(scope);
        // Writing to a String cannot fail.
        let _ = write!(
            list,
            r#"<li><label><input type="checkbox" name="scope" value="{scope}"{mark}> <code>{scope}</code></label></li>"#
        );
        list
    })
}

/// What the form says.
#[derive(Debug, PartialEq, Eq)]
pub struct Choice {
    /// The ID of the request it answers.
    pub request: String,
    pub allow: bool,
    pub person: &'static Person,
    /// The ticked scopes, none of them twice.
    scopes: HashSet<String>,
}

impl Choice {
    /// Reads the form, if it is one that the page can have sent.
    pub fn read(mut form: Params) -> Option<Choice> {
        let sent = form.take("scope");
        let count = sent.len();
        let scopes: HashSet<String> = sent.into_iter().collect();
        if form.repeated() || scopes.len() < count {
            return None;
        }
        Some(Choice {
            request: form.get("request")?.to_owned(),
            allow: match form.get("decision")? {
                "allow" => true,
                "refuse" => false,
                _ => return None,
            },
            person: people::by_email(form.get("person")?)?,
            scopes,
        })
    }

    /// The scopes that stayed ticked of those asked for, or nothing if another came with them.
    pub fn kept(&self, asked: &ScopeSet) -> Option<ScopeSet> {
        if !self.scopes.iter().all(|scope| asked.contains(scope)) {
            return None;
        }
        let kept = self.scopes.iter().cloned().collect::<Vec<_>>();
        ScopeSet::try_from(kept).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(form: &str) -> Option<Choice> {
        Choice::read(Params::of_text(form))
    }

    #[test]
    fn a_form_states_request_decision_and_person_once_and_each_scope_once() {
        let right = "request=r&person=sandbox.person%40example.com&decision=allow";
        let choice = read(&format!("{right}&scope=spark%3Aa&scope=spark%3Ab")).unwrap();
        let asked = ScopeSet::parse("spark:a spark:b spark:c").unwrap();
        assert_eq!(choice.kept(&asked).unwrap().to_string(), "spark:a spark:b");
        for wrong in [
            &format!("{right}&scope=a&scope=a"),
            &format!("{right}&decision=refuse"),
            &right.replace("allow", "maybe"),
            &right.replace("request=r&", ""),
            &right.replace("sandbox.person", "nobody"),
            &right.replace("&decision=allow", ""),
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_scope_that_was_not_asked_for_is_not_kept() {
        let form = "request=r&person=sandbox.person%40example.com&decision=allow";
        let asked = ScopeSet::parse("spark:a").unwrap();
        let kept = |scopes: &str| read(&format!("{form}{scopes}")).unwrap().kept(&asked);
        assert_eq!(kept(""), Some(ScopeSet::default()));
        assert_eq!(kept("&scope=spark:a&scope=spark:b"), None);
        assert_eq!(kept("&scope=spark:a+spark:b"), None);
        assert_eq!(kept("&scope="), None);
    }
}
