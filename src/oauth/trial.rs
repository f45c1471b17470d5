//! Asking Webex about an app where nobody signs in and nothing is granted.
//!
//! Two requests, which change nothing: a code that was never issued at the token endpoint, whose refusal tells whether
//! ID and secret are taken; and an authorization request that no browser follows up. Each answer speaks of as many
//! parts as it can, and what it leaves open stays [`Verdict::Unknown`].

use http::header;
use http::{Request, StatusCode};
use url::{Url, form_urlencoded};

use crate::app::{App, endpoint};
use crate::client::{Answer, Client};
use crate::error::{Error, Kind, Result, foreign};
use crate::oauth::refusal::{Refusal, is_blocked};
use crate::oauth::{Authorization, Greeting, form_secrets};
use crate::secret::{Secret, redact};

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
    let answer = answered(client.send(exchange).await?, &secrets)?;
    let mut verdicts = by_token_endpoint(&Refusal::read(&answer, &secrets));
    if matches!(verdicts.client_id, Verdict::Refused(_)) {
        return Ok((verdicts, None));
    }
    let request = Request::get(authorization.url.as_str())
        .header(header::ACCEPT, "text/html")
        .body(Vec::new())
        .map_err(|_| Error::new(Kind::Failure, "the authorization endpoint is not a URL"))?;
    let answer = client.send(request).await;
    match answer.and_then(|answer| answered(answer, &secrets)) {
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
fn answered(answer: Answer, secrets: &[Secret]) -> Result<Answer> {
    match answer.status() {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => Err(busy(&answer, secrets)),
        status if status.is_server_error() => Err(busy(&answer, secrets)),
        _ => Ok(answer),
    }
}

fn busy(answer: &Answer, secrets: &[Secret]) -> Error {
    let message = format!("Webex can't answer just now ({})", answer.status().as_u16());
    Error::new(Kind::Temporary, message)
        .with_hint("run the same command again in a minute")
        .with_tracking_id(Refusal::read(answer, secrets).tracking_id)
}

/// What a refusal at the token endpoint is about.
enum Fault {
    Blocked,
    ClientId,
    ClientSecret,
    /// ID or secret, without saying which.
    Client,
    RedirectUri,
    Code,
    Untold,
}

impl Fault {
    fn of(refusal: &Refusal) -> Fault {
        let described = refusal.description.as_deref().unwrap_or_default();
        let code = refusal.code.as_deref().unwrap_or_default();
        let mentions = |words: [&str; 2]| words.iter().any(|words| refusal.mentions(words));
        let id = mentions(["client id", "client_id"]);
        let secret = refusal.mentions("secret");
        let client = matches!(code, "invalid_client" | "unauthorized_client");
        if !(400..500).contains(&refusal.status) {
            // A redirect, or even tokens: nothing that Webex says to a code it did not issue.
            Fault::Untold
        } else if is_blocked(&described.to_ascii_lowercase()) {
            Fault::Blocked
        } else if secret && !id {
            Fault::ClientSecret
        } else if id && !secret {
            Fault::ClientId
        } else if id || client || refusal.status == 401 {
            Fault::Client
        } else if code == "invalid_grant" || refusal.mentions("code") {
            Fault::Code
        } else if mentions(["redirect uri", "redirect_uri"]) {
            Fault::RedirectUri
        } else {
            Fault::Untold
        }
    }
}

/// The client is authenticated before its code is looked at (RFC 6749 §4.1.3): a refused code is a client that was
/// taken.
fn by_token_endpoint(refusal: &Refusal) -> Verdicts {
    let said = said(refusal);
    let not_asked = "not asked: Webex does not take the client".to_owned();
    let mut verdicts = Verdicts {
        client_id: Verdict::Unknown(said.clone()),
        client_secret: Verdict::Unknown(said.clone()),
        redirect_uri: Verdict::Unknown(not_asked.clone()),
        scopes: Verdict::Unknown(not_asked.clone()),
    };
    match Fault::of(refusal) {
        Fault::Blocked => verdicts.client_id = Verdict::Refused(format!("{BLOCKED}: {said}")),
        Fault::ClientId => {
            verdicts.client_id = Verdict::Refused(said);
            verdicts.client_secret = Verdict::Unknown(not_asked);
        }
        Fault::ClientSecret => {
            verdicts.client_id = Verdict::Accepted;
            verdicts.client_secret = Verdict::Refused(said);
        }
        Fault::Client => {
            let pair = "client ID and secret together, which mostly is the secret";
            verdicts.client_secret = Verdict::Refused(format!("{pair}: {said}"));
        }
        Fault::RedirectUri => verdicts.redirect_uri = Verdict::Refused(said),
        Fault::Code => {
            verdicts.client_id = Verdict::Accepted;
            verdicts.client_secret = Verdict::Accepted;
        }
        Fault::Untold => {}
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
        let before = self.redirect_uri.clone();
        let status = answer.status();
        let location = answer.headers().get(header::LOCATION);
        let location = location.and_then(|location| Url::parse(location.to_str().ok()?).ok());
        let value = |location: &Url, name: &str| {
            let pair = location.query_pairs().find(|(key, _)| key == name);
            pair.map(|(_, value)| redact(&value, std::slice::from_ref(&app.client_secret)))
        };
        match location {
            Some(location) if leads_to(&location, app.redirect_uri.as_str()) => {
                let description = value(&location, "error_description").unwrap_or_default();
                let has_code = value(&location, "code").is_some();
                self.called_back(value(&location, "error"), &description, has_code);
            }
            Some(location) => match value(&location, "error") {
                Some(error) => {
                    let description = value(&location, "error_description").unwrap_or_default();
                    self.refused_by_page(status, &format!("{error} {description}"));
                }
                None => self.sign_in_first(),
            },
            None if status.is_client_error() => {
                let body = &answer.body()[..answer.body().len().min(MAX_PAGE)];
                self.refused_by_page(status, &String::from_utf8_lossy(body));
            }
            None => self.sign_in_first(),
        }
        if matches!(before, Verdict::Refused(_)) {
            self.redirect_uri = before;
        }
    }

    fn sign_in_first(&mut self) {
        self.redirect_uri = Verdict::Unknown(SIGN_IN_FIRST.to_owned());
        self.scopes = Verdict::Unknown(SIGN_IN_FIRST.to_owned());
    }

    fn called_back(&mut self, error: Option<String>, description: &str, has_code: bool) {
        let error = error.unwrap_or_default();
        let said = foreign(&format!("{error}: {description}"));
        let said = format!("Webex called back with {said:?}");
        self.redirect_uri = Verdict::Accepted;
        self.client_id = Verdict::Accepted;
        self.scopes = match error.as_str() {
            "invalid_scope" => Verdict::Refused(said.clone()),
            "" if has_code => Verdict::Accepted,
            _ => Verdict::Unknown(said.clone()),
        };
        if is_blocked(&description.to_ascii_lowercase()) {
            self.client_id = Verdict::Refused(format!("{BLOCKED}: {said}"));
        } else if error == "unauthorized_client" {
            self.client_id = Verdict::Refused(said);
        }
    }

    /// The words of an error page, or those that came with the way to one.
    fn refused_by_page(&mut self, status: StatusCode, text: &str) {
        let words = plain_words(text);
        let has = |some: &[&str]| some.iter().any(|word| words.contains(word));
        let status = status.as_u16();
        let about = |what: &str| format!("Webex's error page ({status}) is about {what}");
        self.redirect_uri = Verdict::Unknown(about("something else, or does not say what"));
        self.scopes = self.redirect_uri.clone();
        if is_blocked(&words) {
            self.client_id = Verdict::Refused(BLOCKED.to_owned());
        } else if has(&["redirect_uri", "redirect uri", "redirect url"]) {
            self.redirect_uri = Verdict::Refused(about("the redirect URI"));
        } else if self.client_id != Verdict::Accepted && has(&["client_id", "client id"]) {
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
