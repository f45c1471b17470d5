//! The protocol: authorization request, code exchange, refresh, device grant, and Webex's two error shapes.

mod answer;
mod basic;
pub mod device;
mod refusal;
mod revoke;
pub mod trial;

use std::cell::Cell;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, Client as OAuthClient, ClientId, ClientSecret, CsrfToken,
    EmptyExtraTokenFields, EndpointNotSet, EndpointSet, HttpRequest, PkceCodeChallenge,
    PkceCodeVerifier, RedirectUrl, RefreshToken, RequestTokenError, Scope, StandardRevocableToken,
    StandardTokenIntrospectionResponse, TokenUrl,
};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::app::{App, endpoint};
use crate::client::{Answer, Client, named_wait, retry_after};
use crate::connection::Tokens;
use crate::error::{Error, Kind, Result};
use crate::json;
use crate::scope::ScopeSet;
use crate::secret::Secret;
use answer::{TokenAnswer, TokenType, bad_answer};
use refusal::{Refusal, form_secrets};

pub use crate::secret::redact;
pub use answer::Granted;
pub use refusal::authorization_error;
pub use revoke::revoke;

/// `state` in bytes before encoding; RFC 6749 §10.10 asks for what can't be guessed.
const STATE_BYTES: u32 = 32;

/// Everything an authorization request needs to be finished later.
pub struct Authorization {
    pub url: Url,
    pub state: Secret,
    verifier: PkceCodeVerifier,
}

/// How Webex should greet the person.
pub struct Greeting {
    /// Let the person choose the account (`prompt=select_account`).
    pub select_account: bool,
    /// The account to suggest, by its e-mail address (`login_hint`).
    pub login_hint: Option<String>,
}

impl Authorization {
    /// Builds the authorization request with `state` and a PKCE challenge (RFC 7636, S256).
    ///
    /// # Errors
    /// A URL that the oauth2 crate does not take; none of ours is.
    pub fn new(
        base: &Url,
        app: &App,
        scopes: &ScopeSet,
        greeting: Greeting,
    ) -> Result<Authorization> {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let client = oauth_client(base, app)?;
        let mut request = client
            .authorize_url(|| CsrfToken::new_random_len(STATE_BYTES))
            .add_scopes(scopes.iter().map(|scope| Scope::new(scope.to_owned())))
            .set_pkce_challenge(challenge);
        if greeting.select_account {
            request = request.add_extra_param("prompt", "select_account");
        }
        if let Some(email) = greeting.login_hint {
            request = request.add_extra_param("login_hint", email);
        }
        let (url, state) = request.url();
        Ok(Authorization {
            url,
            state: Secret::new(state.into_secret()),
            verifier,
        })
    }

    /// Exchanges the code, once: a code is never sent twice (RFC 6749 §4.1.2).
    ///
    /// # Errors
    /// Webex refused it, did not answer, or answered with something that is not a token set.
    pub async fn exchange(
        self,
        client: &Client,
        base: &Url,
        app: &App,
        code: &Secret,
        cures: &Cures,
        now: Timestamp,
    ) -> Result<Granted> {
        let oauth = oauth_client(base, app)?;
        let send = |request: HttpRequest| token_request(client, request, Purpose::Exchange(cures));
        let answer = oauth
            .exchange_code(AuthorizationCode::new(code.expose().to_owned()))
            .set_pkce_verifier(self.verifier)
            .request_async(&send)
            .await;
        answer.map_err(unusable)?.into_granted(now)
    }
}

/// A refresh that brought no tokens.
pub struct NotRefreshed {
    pub error: Error,
    pub refresh_token: Fate,
}

/// What an unsuccessful refresh means for the refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// No answer of Webex's came that can be read, so it may have been replaced (RFC 9700 §4.14.2).
    Unknown,
    /// Webex was not reached, or answered: it is what it was before.
    Kept,
    /// The same, and Webex could not answer for the moment; how long to wait, if it said so.
    Busy(Option<Duration>),
}

/// Gets new tokens for a refresh token (RFC 6749 §6). If the answer brings no refresh token, the old one goes on.
/// `mend_client` is the cure where Webex does not take the client.
///
/// # Errors
/// [`Kind::SignIn`] if the grant is dead, [`Kind::App`] if the client is refused, [`Kind::Temporary`] for the rest
/// that may pass.
pub async fn refresh(
    client: &Client,
    base: &Url,
    app: &App,
    tokens: &Tokens,
    mend_client: &str,
    now: Timestamp,
) -> std::result::Result<Granted, NotRefreshed> {
    // A request that is never sent leaves everything as it is.
    let fate = Cell::new(Fate::Kept);
    let answer = ask_for_refresh(client, base, app, tokens, mend_client, &fate).await;
    let granted = answer.and_then(|answer| answer.into_granted(now));
    match granted {
        Ok(granted) => Ok(succeed(granted, tokens)),
        Err(error) => Err(NotRefreshed {
            error,
            refresh_token: fate.get(),
        }),
    }
}

async fn ask_for_refresh(
    client: &Client,
    base: &Url,
    app: &App,
    tokens: &Tokens,
    mend_client: &str,
    fate: &Cell<Fate>,
) -> Result<TokenAnswer> {
    let Some(old) = &tokens.refresh_token else {
        return Err(Error::new(
            Kind::SignIn,
            "this connection has no refresh token",
        ));
    };
    let oauth = oauth_client(base, app)?;
    let send = async |request: HttpRequest| {
        fate.set(Fate::Unknown);
        let secrets = form_secrets(request.body());
        let answer = client.send(request).await;
        fate.set(fate_by(&answer));
        read_answer(answer?, &secrets, Purpose::Refresh(mend_client))
    };
    let old = RefreshToken::new(old.expose().to_owned());
    let answer = oauth.exchange_refresh_token(&old).request_async(&send);
    answer.await.map_err(unusable)
}

fn fate_by(answer: &Result<Answer>) -> Fate {
    match answer {
        Err(error) if error.unsent => Fate::Kept,
        Err(_) => Fate::Unknown,
        Ok(answer) => match answer.status().as_u16() {
            // An answer to a request that was done, whatever it holds.
            200..300 => Fate::Unknown,
            // Webex sends 429 without a time, or with one that is none: then 15 s are meant.
            429 => Fate::Busy(Some(retry_after(answer.headers()))),
            503 => Fate::Busy(named_wait(answer.headers())),
            // A gateway that got no answer, or none that it could read.
            502 | 504 => Fate::Unknown,
            _ => Fate::Kept,
        },
    }
}

/// What the answer leaves out goes on from the tokens before: Webex may answer with the same ones again.
fn succeed(granted: Granted, before: &Tokens) -> Granted {
    let Granted { mut tokens, scope } = granted;
    if tokens.refresh_token.is_none() || tokens.refresh_token == before.refresh_token {
        tokens.refresh_token.clone_from(&before.refresh_token);
        let expires_at = tokens.refresh_token_expires_at;
        tokens.refresh_token_expires_at = expires_at.or(before.refresh_token_expires_at);
    }
    if tokens.access_token == before.access_token {
        tokens.expires_at = tokens.expires_at.or(before.expires_at);
    }
    Granted { tokens, scope }
}

type WebexOAuthClient = OAuthClient<
    NoErrorBody,
    TokenAnswer,
    StandardTokenIntrospectionResponse<EmptyExtraTokenFields, TokenType>,
    StandardRevocableToken,
    NoErrorBody,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

fn oauth_client(base: &Url, app: &App) -> Result<WebexOAuthClient> {
    let url = |path| endpoint(base, path).to_string();
    let parsed = (|| {
        let client = OAuthClient::new(ClientId::new(app.client_id.clone()))
            .set_client_secret(ClientSecret::new(app.client_secret.expose().to_owned()))
            .set_auth_type(AuthType::RequestBody)
            .set_auth_uri(AuthUrl::new(url("authorize"))?)
            .set_token_uri(TokenUrl::new(url("access_token"))?)
            .set_redirect_uri(RedirectUrl::new(app.redirect_uri.as_str().to_owned())?);
        Ok::<_, url::ParseError>(client)
    })();
    parsed.map_err(|_| {
        Error::new(
            Kind::Failure,
            "an endpoint of this environment is not a URL",
        )
    })
}

/// What a token request is for; the same refusal means different things.
#[derive(Clone, Copy)]
pub enum Purpose<'a> {
    Exchange(&'a Cures),
    /// With what a person can do about a client that Webex does not take.
    Refresh(&'a str),
    /// A device's first request or one of its polls.
    Device(&'a Cures),
}

/// What a person can do about a sign-in that Webex refuses.
pub struct Cures {
    /// About a client that it does not take.
    pub mend_client: String,
    /// The command that signs in like this again.
    pub again: String,
}

async fn token_request(
    client: &Client,
    request: HttpRequest,
    purpose: Purpose<'_>,
) -> Result<Answer> {
    let secrets = form_secrets(request.body());
    read_answer(client.send(request).await?, &secrets, purpose)
}

/// Refusals become errors here, where status and headers are known. The oauth2 crate sees only token sets: it would
/// not mind what follows one, or an array.
fn read_answer(answer: Answer, secrets: &[Secret], purpose: Purpose<'_>) -> Result<Answer> {
    if answer.status() == 200 {
        return match json::object::<TokenAnswer>(answer.body()) {
            Some(_) => Ok(answer),
            None => Err(bad_answer("it is not a token set")),
        };
    }
    if answer.status().is_success() || answer.status().is_informational() {
        let status = answer.status().as_u16();
        return Err(bad_answer(&format!("its status is {status} and not 200")));
    }
    Err(Refusal::read(&answer, secrets).into_error(purpose))
}

/// The oauth2 crate's error for a 200: its text may quote the body, so it is not shown.
fn unusable(error: RequestTokenError<Error, NoErrorBody>) -> Error {
    match error {
        RequestTokenError::Request(error) => error,
        _ => bad_answer("it is not a token set"),
    }
}

/// Refusals are read in [`read_answer`]; the oauth2 crate never meets one, so its error type has no values.
#[derive(Debug, Serialize, Deserialize)]
enum NoErrorBody {}

impl fmt::Display for NoErrorBody {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

impl oauth2::ErrorResponse for NoErrorBody {}

#[cfg(test)]
mod tests {

    use super::*;

    fn fate(status: u16, retry_after: Option<&str>) -> Fate {
        let mut answer = http::Response::builder().status(status);
        if let Some(value) = retry_after {
            answer = answer.header(http::header::RETRY_AFTER, value);
        }
        fate_by(&Ok(answer.body(Vec::new()).unwrap()))
    }

    #[test]
    fn a_busy_webex_says_how_long_or_not() {
        let seconds = |seconds| Fate::Busy(Some(Duration::from_secs(seconds)));
        for (value, wait) in [
            (Some("7"), 7),
            (Some(" 7 "), 7),
            (Some("0"), 1),
            (None, 15),
            (Some(""), 15),
            (Some("-1"), 15),
            (Some("1.5"), 15),
            (Some("soon"), 15),
            (Some("Wed, 21 Oct 2026 07:28:00 GMT"), 15),
            (Some("99999999999999999999"), 15),
        ] {
            assert_eq!(fate(429, value), seconds(wait), "{value:?}");
        }
        assert_eq!(fate(503, Some("2")), seconds(2));
        assert_eq!(fate(503, Some("soon")), Fate::Busy(None));
    }

    #[test]
    fn only_an_answer_says_that_the_refresh_token_is_kept() {
        for status in [301, 400, 401, 403, 408, 500] {
            assert_eq!(fate(status, None), Fate::Kept, "{status}");
        }
        for status in [200, 201, 204, 502, 504] {
            assert_eq!(fate(status, None), Fate::Unknown, "{status}");
        }
        let lost = Error::new(Kind::Temporary, "lost");
        assert_eq!(fate_by(&Err(lost.clone())), Fate::Unknown);
        let unsent = Error {
            unsent: true,
            ..lost
        };
        assert_eq!(fate_by(&Err(unsent)), Fate::Kept);
    }
}
