//! Asking Webex about an app where nobody signs in and nothing is granted.
//!
//! Two requests, which change nothing: a code that was never issued at the token endpoint, whose refusal tells whether
//! ID and secret are taken; and an authorization request that no browser follows up. Each answer speaks of as many
//! parts as it can, and what it leaves open stays [`Verdict::Unknown`].

use oauth2::http::header;
use oauth2::http::{Request, StatusCode};
use url::{Url, form_urlencoded};

use crate::app::{App, endpoint};
use crate::client::{Answer, Client};
use crate::error::{Error, Kind, Result, foreign};
use crate::oauth::refusal::{Refusal, is_blocked};
use crate::oauth::{Authorization, Greeting, form_secrets, redact};
use crate::secret::Secret;

/// No code of Webex's: theirs have a cluster and an organisation in them.
const CODE: &str = "webex-connect-app-check";
/// Of an error page; what it says, it says early.
const MAX_PAGE: usize = 64 * 1024;

const SIGN_IN_FIRST: &str =
    "not refused before the sign-in; what comes after it can't be seen from here";
const BLOCKED: &str = "an administrator of the organisation has blocked this app";

/// What Webex says of one part of an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Accepted,
    /// Why, with Webex's own words.
    Refused(String),
    /// Why it can't be told.
    Unknown(String),
}

/// What Webex says of an app.
#[derive(Debug, PartialEq, Eq)]
pub struct Verdicts {
    pub client_id: Verdict,
    pub client_secret: Verdict,
    pub redirect_uri: Verdict,
    pub scopes: Verdict,
}

/// Asks about an app and the scopes it is kept with. The error beside the verdicts is that of the second request,
/// which then says nothing.
///
/// # Errors
/// Webex was not reached, or can't answer just now.
pub async fn examine(client: &Client, base: &Url, app: &App) -> Result<(Verdicts, Option<Error>)> {
    let greeting = Greeting {
        select_account: false,
        login_hint: None,
    };
    let authorization = Authorization::new(base, app, &app.scopes, greeting)?;
    let exchange = exchange(base, app, &authorization)?;
    let secrets = form_secrets(exchange.body());
    let answer = answered(client.send(exchange).await?)?;
    let mut verdicts = by_token_endpoint(&answer, &Refusal::read(&answer, &secrets));
    if matches!(verdicts.client_id, Verdict::Refused(_)) {
        return Ok((verdicts, None));
    }
    let request = Request::get(authorization.url.as_str())
        .header(header::ACCEPT, "text/html")
        .body(Vec::new())
        .map_err(|_| Error::new(Kind::Failure, "the authorization endpoint is not a URL"))?;
    match client.send(request).await.and_then(answered) {
        Ok(answer) => {
            verdicts.hear(&answer, app);
            Ok((verdicts, None))
        }
        Err(error) => {
            verdicts.redirect_uri = Verdict::Unknown(error.to_string());
            verdicts.scopes = Verdict::Unknown(error.to_string());
            Ok((verdicts, Some(error)))
        }
    }
}

/// A code exchange as a login makes it, for a code that was never issued.
fn exchange(base: &Url, app: &App, authorization: &Authorization) -> Result<Request<Vec<u8>>> {
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "authorization_code")
        .append_pair("code", CODE)
        .append_pair("client_id", &app.client_id)
        .append_pair("client_secret", app.client_secret.expose())
        .append_pair("redirect_uri", app.redirect_uri.as_str())
        .append_pair("code_verifier", authorization.verifier.secret())
        .finish();
    Request::post(endpoint(base, "access_token").as_str())
        .header(header::ACCEPT, "application/json")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(form.into_bytes())
        .map_err(|_| Error::new(Kind::Failure, "the token endpoint is not a URL"))
}

/// The answer, unless it says that there is none just now.
fn answered(answer: Answer) -> Result<Answer> {
    match answer.status() {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => Err(busy(&answer)),
        status if status.is_server_error() => Err(busy(&answer)),
        _ => Ok(answer),
    }
}

fn busy(answer: &Answer) -> Error {
    let message = format!("Webex can't answer just now ({})", answer.status().as_u16());
    Error::new(Kind::Temporary, message)
        .with_hint("run the same command again in a minute")
        .with_tracking_id(Refusal::read(answer, &[]).tracking_id)
}

/// The client is authenticated before its code is looked at (RFC 6749 §4.1.3): a refused code is a client that was
/// taken.
fn by_token_endpoint(answer: &Answer, refusal: &Refusal) -> Verdicts {
    let unknown = |why: &str| Verdict::Unknown(why.to_owned());
    let not_asked = || unknown("not asked: Webex does not take the client");
    let said = said(refusal);
    let mut verdicts = Verdicts {
        client_id: unknown(&said),
        client_secret: unknown(&said),
        redirect_uri: not_asked(),
        scopes: not_asked(),
    };
    let described = refusal.description.as_deref().unwrap_or_default();
    let names_id = refusal.mentions("client id") || refusal.mentions("client_id");
    let names_secret = refusal.mentions("secret");
    let code = refusal.code.as_deref().unwrap_or_default();
    let is_about_client = matches!(code, "invalid_client" | "unauthorized_client");
    if !answer.status().is_client_error() {
        // A redirect, or even tokens: nothing that Webex says to a code it did not issue.
    } else if is_blocked(&described.to_ascii_lowercase()) {
        verdicts.client_id = Verdict::Refused(format!("{BLOCKED}: {said}"));
    } else if names_secret && !names_id {
        verdicts.client_id = Verdict::Accepted;
        verdicts.client_secret = Verdict::Refused(said);
    } else if names_id && !names_secret {
        verdicts.client_secret = not_asked();
        verdicts.client_id = Verdict::Refused(said);
    } else if names_id || is_about_client || answer.status() == StatusCode::UNAUTHORIZED {
        let pair = "Webex refuses client ID and secret together, which mostly is the secret";
        verdicts.client_secret = Verdict::Refused(format!("{pair}: {said}"));
    } else if code == "invalid_grant" || refusal.mentions("code") {
        verdicts.client_id = Verdict::Accepted;
        verdicts.client_secret = Verdict::Accepted;
    }
    verdicts
}

/// A refusal in one line: its status and Webex's words.
fn said(refusal: &Refusal) -> String {
    let words = [&refusal.code, &refusal.description];
    let words: Vec<&str> = words.into_iter().flatten().map(String::as_str).collect();
    let words = match words.is_empty() {
        true => "without a reason that can be read".to_owned(),
        false => format!("with {:?}", foreign(&words.join(": "))),
    };
    let id = refusal.tracking_id.as_deref().map(foreign);
    let id = id.map_or_else(String::new, |id| format!(" (tracking id {id})"));
    format!("Webex answered {} {words}{id}", refusal.status)
}

impl Verdicts {
    pub fn is_refused(&self) -> bool {
        let all = [
            &self.client_id,
            &self.client_secret,
            &self.redirect_uri,
            &self.scopes,
        ];
        all.iter().any(|one| matches!(one, Verdict::Refused(_)))
    }

    /// What the authorization endpoint's answer adds (RFC 6749 §4.1.2.1): it calls back only who is registered.
    fn hear(&mut self, answer: &Answer, app: &App) {
        let location = answer.headers().get(header::LOCATION);
        let location = location.and_then(|location| Url::parse(location.to_str().ok()?).ok());
        match location {
            Some(location) if leads_to(&location, app.redirect_uri.as_str()) => {
                self.called_back(&location, &app.client_secret);
            }
            Some(location) => self.page(answer.status(), location.query().unwrap_or_default()),
            None => {
                let body = &answer.body()[..answer.body().len().min(MAX_PAGE)];
                self.page(answer.status(), &String::from_utf8_lossy(body));
            }
        }
    }

    fn called_back(&mut self, location: &Url, secret: &Secret) {
        let value = |name: &str| {
            let pair = location.query_pairs().find(|(key, _)| key == name);
            pair.map(|(_, value)| redact(&value, std::slice::from_ref(secret)))
        };
        let description = value("error_description").unwrap_or_default();
        let error = value("error");
        let said = foreign(&format!(
            "{}: {description}",
            error.as_deref().unwrap_or_default()
        ));
        let said = format!("Webex called back with {said:?}");
        self.redirect_uri = Verdict::Accepted;
        self.scopes = Verdict::Unknown(said.clone());
        if is_blocked(&description.to_ascii_lowercase()) {
            self.client_id = Verdict::Refused(format!("{BLOCKED}: {said}"));
            return;
        }
        match error.as_deref() {
            Some("unauthorized_client") => self.client_id = Verdict::Refused(said),
            Some("invalid_scope") => {
                self.client_id = Verdict::Accepted;
                self.scopes = Verdict::Refused(said);
            }
            None if value("code").is_some() => {
                self.client_id = Verdict::Accepted;
                self.scopes = Verdict::Accepted;
            }
            _ => self.client_id = Verdict::Accepted,
        }
    }

    /// A page for a person, or the way to one. Only the words of one that refuses are taken for anything.
    fn page(&mut self, status: StatusCode, text: &str) {
        let words = plain_words(text);
        let refuses = status.is_client_error() || words.contains("error=");
        if !refuses {
            self.redirect_uri = Verdict::Unknown(SIGN_IN_FIRST.to_owned());
            self.scopes = Verdict::Unknown(SIGN_IN_FIRST.to_owned());
            return;
        }
        let has = |some: &[&str]| some.iter().any(|word| words.contains(word));
        let status = status.as_u16();
        let about = |what: &str| format!("Webex's error page ({status}) is about {what}");
        self.redirect_uri = Verdict::Unknown(about("something else, or does not say what"));
        self.scopes = self.redirect_uri.clone();
        let is_unsettled = self.client_id != Verdict::Accepted;
        if is_blocked(&words) {
            self.client_id = Verdict::Refused(BLOCKED.to_owned());
        } else if has(&["redirect_uri", "redirect uri", "redirect url"]) {
            self.redirect_uri = Verdict::Refused(about("the redirect URI"));
        } else if is_unsettled && has(&["client_id", "client id"]) {
            self.client_id = Verdict::Refused(about("the client ID"));
        } else if has(&["invalid_scope", "invalid scope"]) {
            self.scopes = Verdict::Refused(about("the scopes"));
        }
    }
}

/// Whether it is the redirect URI with more in its query.
fn leads_to(location: &Url, redirect_uri: &str) -> bool {
    Url::parse(redirect_uri)
        .is_ok_and(|uri| uri.origin() == location.origin() && uri.path() == location.path())
}

/// The words of a page in lower case. Our own request may be quoted in it and must not be taken for a complaint.
fn plain_words(text: &str) -> String {
    let quoted = [
        "redirect_uri=",
        "client_id=",
        "redirect_uri%3d",
        "client_id%3d",
    ];
    let words = text.to_ascii_lowercase();
    quoted
        .iter()
        .fold(words, |words, quoted| words.replace(quoted, ""))
}
