//! The authorization endpoint (RFC 6749 §3.1): what an app asks for, and what a person decides.

use url::Url;

use crate::http::Request;
use crate::page::escape;
use crate::sandbox::answer::{Answer, Refusal};
use crate::sandbox::bounded::Bounded;
use crate::sandbox::codes::{Terms, is_challenge};
use crate::sandbox::consent::{self, Choice, Question};
use crate::sandbox::faults::Outcome;
use crate::sandbox::params::Params;
use crate::sandbox::{RegisteredApp, Service, people, random};
use crate::scope::ScopeSet;

/// Seconds a consent page may stay open.
const REQUEST_LIFE: i64 = 10 * 60;
/// Consent pages open at once.
const MAX_REQUESTS: usize = 1000;
/// Scopes named in an `invalid_scope`; more would not fit where a callback's address has to.
const MAX_NAMED: usize = 5;

/// Authorization requests that wait for a person, by the random ID in their page.
pub struct Pending(Bounded<(Asked, i64)>);

impl Default for Pending {
    fn default() -> Pending {
        Pending(Bounded::new(MAX_REQUESTS))
    }
}

/// An authorization request with nothing wrong in it.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    terms: Terms,
    state: String,
}

/// What an app is told of a request it got wrong: `error` and `error_description` (RFC 6749 §4.1.2.1).
type Wrong = (&'static str, String);

/// Answers `GET /v1/authorize`: a consent page, or the app called back at once.
///
/// # Errors
/// A page, and no callback, where the app or its address is in doubt.
pub fn ask(service: &Service, request: &Request, now: i64) -> Result<Answer, Refusal> {
    check_host(service, request)?;
    let params = Params::of_query(request);
    let (app, redirect_uri) = addressee(service, &params)?;
    let fault = service.state().faults.strike("authorize");
    match fault {
        Some(Outcome::Refuse(refusal)) => return Err(refusal),
        Some(Outcome::CallBack { error, description }) => {
            return refuse(redirect_uri, params.get("state"), &error, description);
        }
        None => {}
    }
    match read(app, redirect_uri, &params) {
        Err((error, description)) => refuse(redirect_uri, params.get("state"), error, &description),
        Ok(asked) if service.approve => allow(service, asked, now),
        Ok(asked) => {
            let id = random::id();
            let back = leads_to(&asked.terms);
            let page = consent::ask(&question(app, &asked.terms, &back, &id));
            let entry = (asked, now.saturating_add(REQUEST_LIFE));
            service.state().pending.0.insert(id, entry);
            Ok(Answer::page(page))
        }
    }
}

/// Answers `POST /v1/authorize`: what the person decided.
///
/// # Errors
/// A page, for a form that no consent page sent or that was sent before.
pub fn decide(service: &Service, request: &Request, now: i64) -> Result<Answer, Refusal> {
    check_host(service, request)?;
    let Some(form) = Params::of_form(request) else {
        return Err(Refusal::page(415, "That is not the form of this page."));
    };
    let not_ours = || Refusal::page(400, "That is not an answer to this page.");
    let answered = || Refusal::page(400, "This request was answered before, or has expired.");
    let choice = Choice::read(form).ok_or_else(not_ours)?;
    let mut state = service.state();
    let waiting = state.pending.0.get(&choice.request);
    let (asked, _) = waiting
        .filter(|(_, expires_at)| *expires_at > now)
        .ok_or_else(answered)?;
    let kept = choice.kept(&asked.terms.scopes).ok_or_else(not_ours)?;
    if choice.allow && kept.is_empty() {
        // Nothing is decided yet, so the request goes on waiting.
        let app = service.app(&asked.terms.client_id).ok_or_else(not_ours)?;
        let back = leads_to(&asked.terms);
        let question = question(app, &asked.terms, &back, &choice.request);
        let page = consent::ask_again(&question, &choice);
        return Ok(Answer::page(page));
    }
    let decided = state.pending.0.remove(&choice.request);
    drop(state);
    let (mut asked, _) = decided.ok_or_else(answered)?;
    if choice.allow {
        asked.terms.person = choice.person;
        asked.terms.scopes = kept;
        return allow(service, asked, now);
    }
    let (uri, state) = (&asked.terms.redirect_uri, &asked.state);
    let description = "The person refused the request.";
    refuse(uri, Some(state), "access_denied", description)
}

fn question<'a>(
    app: &'a RegisteredApp,
    terms: &'a Terms,
    leads_to: &'a str,
    request: &'a str,
) -> Question<'a> {
    Question {
        app,
        action: "/v1/authorize",
        leads_to,
        person: terms.person,
        scopes: &terms.scopes,
        request,
    }
}

fn leads_to(terms: &Terms) -> String {
    format!("<code>{}</code>", escape(&terms.redirect_uri))
}

/// A page of another site can come here under a name of its own that resolves to 127.0.0.1; it would then read the
/// consent page and press its button.
pub fn check_host(service: &Service, request: &Request) -> Result<(), Refusal> {
    let host = request.header("Host").unwrap_or_default();
    if service.hosts.iter().any(|h| h.eq_ignore_ascii_case(host)) {
        return Ok(());
    }
    let description = "The sandbox answers only to 127.0.0.1 and localhost.";
    Err(Refusal::page(421, description))
}

/// The app and where to call it back. Whoever is wrong about these is not called (RFC 6749 §4.1.2.1).
fn addressee<'a, 'b>(
    service: &'a Service,
    params: &'b Params,
) -> Result<(&'a RegisteredApp, &'b str), Refusal> {
    if params.repeated() {
        return Err(Refusal::page(400, "A parameter is repeated."));
    }
    let app = params
        .get("client_id")
        .and_then(|client_id| service.app(client_id))
        .ok_or_else(|| Refusal::page(400, "The client_id is unknown."))?;
    let redirect_uri = params
        .get("redirect_uri")
        .filter(|sent| app.redirect_uris.iter().any(|known| known == sent))
        .ok_or_else(|| {
            let sent = params.get("redirect_uri").unwrap_or_default();
            let description = format!(
                "The redirect_uri {sent:?} is not registered on the app, character by character."
            );
            Refusal::page(400, description)
        })?;
    Ok((app, redirect_uri))
}

fn read(app: &RegisteredApp, redirect_uri: &str, params: &Params) -> Result<Asked, Wrong> {
    if params.get("response_type") != Some("code") {
        let description = "The response_type must be code.".to_owned();
        return Err(("unsupported_response_type", description));
    }
    let invalid = |description: &str| ("invalid_request", description.to_owned());
    let state = params
        .get("state")
        .ok_or_else(|| invalid("The state is missing."))?;
    let code_challenge = params
        .get("code_challenge")
        .filter(|challenge| is_challenge(challenge))
        .ok_or_else(|| invalid("The code_challenge is missing or not 43 base64url characters."))?;
    if params.get("code_challenge_method") != Some("S256") {
        return Err(invalid("The code_challenge_method must be S256."));
    }
    let scopes = registered(app, params.get("scope").unwrap_or_default())
        .map_err(|description| ("invalid_scope", description))?;
    Ok(Asked {
        terms: Terms {
            client_id: app.client_id.clone(),
            redirect_uri: redirect_uri.to_owned(),
            code_challenge: code_challenge.to_owned(),
            person: people::hinted(params.get("login_hint")),
            scopes,
        },
        state: state.to_owned(),
    })
}

/// The scopes asked for, if the app is registered with each of them.
pub fn registered(app: &RegisteredApp, scope: &str) -> Result<ScopeSet, String> {
    let scopes = ScopeSet::parse_strict(scope)
        .map_err(|_| "The scope is empty or holds a character it can't have.".to_owned())?;
    let unknown = scopes.missing_from(&app.scopes);
    if unknown.is_empty() {
        return Ok(scopes);
    }
    let named: Vec<&str> = unknown.iter().take(MAX_NAMED).collect();
    let more = match unknown.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Err(format!(
        "Not registered on the app: {}{more}.",
        named.join(", ")
    ))
}

fn allow(service: &Service, asked: Asked, now: i64) -> Result<Answer, Refusal> {
    let redirect_uri = asked.terms.redirect_uri.clone();
    let code = service.state().codes.issue(asked.terms, now);
    let location = callback(&redirect_uri, &[("code", &code), ("state", &asked.state)])?;
    Ok(Answer::redirect(&location, None))
}

fn refuse(
    redirect_uri: &str,
    state: Option<&str>,
    error: &str,
    description: &str,
) -> Result<Answer, Refusal> {
    let mut pairs = vec![("error", error), ("error_description", description)];
    pairs.extend(state.map(|state| ("state", state)));
    let location = callback(redirect_uri, &pairs)?;
    Ok(Answer::redirect(&location, Some(error)))
}

/// The redirect URI with parameters after those of its own (RFC 6749 §3.1.2).
fn callback(redirect_uri: &str, pairs: &[(&str, &str)]) -> Result<Url, Refusal> {
    let mut location = Url::parse(redirect_uri)
        .map_err(|_| Refusal::page(400, "The registered redirect_uri is no address."))?;
    location.query_pairs_mut().extend_pairs(pairs);
    Ok(location)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::default_app;

    #[test]
    fn parameters_follow_those_of_the_redirect_uri() {
        let built = |uri| callback(uri, &[("code", "a b&c")]).unwrap().to_string();
        assert_eq!(
            built("http://127.0.0.1:1"),
            "http://127.0.0.1:1/?code=a+b%26c"
        );
        assert_eq!(built("http://h/cb?x=1"), "http://h/cb?x=1&code=a+b%26c");
        assert_eq!(built("http://h/cb?"), "http://h/cb?code=a+b%26c");
        assert_eq!(built("app:/cb"), "app:/cb?code=a+b%26c");
    }

    #[test]
    fn a_scope_must_be_registered() {
        let mut app = default_app(Vec::new());
        app.scopes = ScopeSet::parse("a b").unwrap();
        assert_eq!(registered(&app, "b a"), Ok(app.scopes.clone()));
        assert_eq!(
            registered(&app, "a A"),
            Err("Not registered on the app: A.".to_owned())
        );
        assert_eq!(
            registered(&app, "1 2 3 4 5 6 7"),
            Err("Not registered on the app: 1, 2, 3, 4, 5 and 2 more.".to_owned())
        );
        assert!(registered(&app, "").is_err() && registered(&app, "a\tb").is_err());
    }
}
