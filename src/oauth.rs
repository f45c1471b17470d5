//! The protocol: authorization request, code exchange, refresh, and Webex's two error shapes.

mod answer;
mod refusal;
pub mod trial;

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use oauth2::http;
use oauth2::http::header::{self, HeaderValue};
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, Client as OAuthClient, ClientId, ClientSecret, CsrfToken,
    EmptyExtraTokenFields, EndpointNotSet, EndpointSet, HttpRequest, PkceCodeChallenge,
    PkceCodeVerifier, RedirectUrl, RefreshToken, RequestTokenError, Scope, StandardRevocableToken,
    StandardTokenIntrospectionResponse, TokenUrl,
};
use serde::{Deserialize, Serialize};
use url::{Url, form_urlencoded};

use crate::app::{App, endpoint};
use crate::client::{Answer, Client};
use crate::connection::Tokens;
use crate::error::{Error, Kind, Result};
use crate::scope::ScopeSet;
use crate::secret::Secret;
use answer::{TokenAnswer, TokenType, bad_answer};
use refusal::{Refusal, form_secrets};

pub use answer::Granted;
pub use refusal::{authorization_error, redact};

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
        now: Timestamp,
    ) -> Result<Granted> {
        let oauth = oauth_client(base, app)?;
        let send = |request: HttpRequest| token_request(client, request, Purpose::Exchange);
        let answer = oauth
            .exchange_code(AuthorizationCode::new(code.expose().to_owned()))
            .set_pkce_verifier(self.verifier)
            .request_async(&send)
            .await;
        answer.map_err(unusable)?.into_granted(now)
    }
}

/// Gets new tokens for a refresh token (RFC 6749 §6). If the answer brings no refresh token, the old one goes on.
///
/// # Errors
/// [`Kind::SignIn`] if the grant is dead, [`Kind::App`] if the client is refused, [`Kind::Temporary`] for the rest
/// that may pass.
pub async fn refresh(
    client: &Client,
    base: &Url,
    app: &App,
    tokens: &Tokens,
    now: Timestamp,
) -> Result<Granted> {
    let Some(old) = &tokens.refresh_token else {
        return Err(Error::new(
            Kind::SignIn,
            "this connection has no refresh token",
        ));
    };
    let oauth = oauth_client(base, app)?;
    let send = |request: HttpRequest| token_request(client, request, Purpose::Refresh);
    let old_token = RefreshToken::new(old.expose().to_owned());
    let answer = oauth
        .exchange_refresh_token(&old_token)
        .request_async(&send)
        .await;
    let mut granted = answer.map_err(unusable)?.into_granted(now)?;
    if granted.tokens.refresh_token.is_none() {
        granted.tokens.refresh_token = Some(old.clone());
        granted.tokens.refresh_token_expires_at = tokens.refresh_token_expires_at;
    }
    Ok(granted)
}

/// Ends a grant: its refresh token first, then its access token, which may live on otherwise (RFC 7009 §2.1). Webex
/// wants the client's credentials as Basic. The oauth2 crate revokes over https alone and so not in a sandbox.
///
/// # Errors
/// Webex refused or did not answer; what was not revoked stays valid.
pub async fn revoke(client: &Client, endpoint: &Url, app: &App, tokens: &Tokens) -> Result<()> {
    let refresh = tokens
        .refresh_token
        .as_ref()
        .map(|token| (token, "refresh_token"));
    for (token, hint) in refresh
        .into_iter()
        .chain([(&tokens.access_token, "access_token")])
    {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("token", token.expose())
            .append_pair("token_type_hint", hint)
            .finish();
        let request = http::Request::post(endpoint.as_str())
            .header(header::AUTHORIZATION, basic(app)?)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form.into_bytes())
            .map_err(|_| Error::new(Kind::Failure, "the revocation endpoint is not a URL"))?;
        let answer = client.send(request).await?;
        if answer.status() != 200 {
            let secrets = [token.clone(), app.client_secret.clone()];
            return Err(Refusal::read(&answer, &secrets).into_revocation_error());
        }
    }
    Ok(())
}

/// The client's credentials (RFC 6749 §2.3.1), each encoded as a form value first.
fn basic(app: &App) -> Result<HeaderValue> {
    let encoded =
        |text: &str| -> String { form_urlencoded::byte_serialize(text.as_bytes()).collect() };
    let pair = format!(
        "{}:{}",
        encoded(&app.client_id),
        encoded(app.client_secret.expose())
    );
    let mut value = HeaderValue::try_from(format!("Basic {}", BASE64_STANDARD.encode(pair)))
        .map_err(|_| {
            Error::new(
                Kind::Failure,
                "the client ID and secret do not fit into a header",
            )
        })?;
    value.set_sensitive(true);
    Ok(value)
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
pub enum Purpose {
    Exchange,
    Refresh,
}

/// Sends a token request. Refusals become errors here, where status and headers are known; the oauth2 crate sees
/// only answers with status 200.
async fn token_request(client: &Client, request: HttpRequest, purpose: Purpose) -> Result<Answer> {
    let secrets = form_secrets(request.body());
    let answer = client.send(request).await?;
    if answer.status() == 200 {
        return Ok(answer);
    }
    Err(Refusal::read(&answer, &secrets).into_error(purpose))
}

/// The oauth2 crate's error for a 200: its text may quote the body, so it is not shown.
fn unusable(error: RequestTokenError<Error, NoErrorBody>) -> Error {
    match error {
        RequestTokenError::Request(error) => error,
        _ => bad_answer("it is not a token set"),
    }
}

/// Refusals are read in [`token_request`]; the oauth2 crate never meets one, so its error type has no values.
#[derive(Debug, Serialize, Deserialize)]
enum NoErrorBody {}

impl fmt::Display for NoErrorBody {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

impl oauth2::ErrorResponse for NoErrorBody {}
