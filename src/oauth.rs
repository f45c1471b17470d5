//! The protocol: authorization request, code exchange, refresh, and Webex's two error shapes.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use oauth2::{
    AccessToken, AuthType, AuthUrl, AuthorizationCode, Client as OAuthClient, ClientId,
    ClientSecret, CsrfToken, EmptyExtraTokenFields, EndpointNotSet, EndpointSet, HttpRequest,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RefreshToken, RequestTokenError, Scope,
    StandardRevocableToken, StandardTokenIntrospectionResponse, TokenResponse, TokenUrl,
};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use url::Url;

use crate::app::{App, PORTAL, endpoint};
use crate::client::{Answer, Client};
use crate::connection::Tokens;
use crate::error::{Error, Kind, Result};
use crate::scope::ScopeSet;
use crate::secret::Secret;

/// `state` in bytes before encoding; RFC 6749 §10.10 asks for what can't be guessed.
const STATE_BYTES: u32 = 32;
/// The longest token taken. Webex's JWTs are about 1.7 kB.
const MAX_TOKEN: usize = 16 * 1024;
/// Ten years in seconds: a longer lifetime is cut to it, so that dates stay dates.
const MAX_LIFETIME: u64 = 10 * 365 * 24 * 3600;

/// Everything an authorization request needs to be finished later.
pub struct Authorization {
    pub url: Url,
    pub state: Secret,
    verifier: PkceCodeVerifier,
}

/// How Webex should greet the person.
pub enum Greeting {
    /// A new connection: let the person choose the account (`prompt=select_account`).
    SelectAccount,
    /// A reconnect: the account of before (`login_hint`).
    Hint(String),
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
        let (name, value) = match greeting {
            Greeting::SelectAccount => ("prompt", "select_account".to_owned()),
            Greeting::Hint(email) => ("login_hint", email),
        };
        let (url, state) = client
            .authorize_url(|| CsrfToken::new_random_len(STATE_BYTES))
            .add_scopes(scopes.iter().map(|scope| Scope::new(scope.to_owned())))
            .add_extra_param(name, value)
            .set_pkce_challenge(challenge)
            .url();
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

/// What `error` in an authorization response means (RFC 6749 §4.1.2.1), in words that help.
pub fn authorization_error(error: &str, description: Option<&str>) -> Error {
    let again = "run the same `webex-connect login` again";
    let told = match error {
        "access_denied" => {
            Error::new(Kind::Denied, "the request was refused on Webex's page").with_hint(again)
        }
        "invalid_scope" => Error::new(Kind::App, "Webex refused the scopes that were asked for").with_hint(
            format!("tick every scope you ask for on the app at {PORTAL}, or ask for fewer with `--scope`"),
        ),
        "server_error" | "temporarily_unavailable" => {
            Error::new(Kind::Temporary, "Webex could not finish the sign-in").with_hint(again)
        }
        "login_required" | "interaction_required" | "account_selection_required" => {
            Error::new(Kind::SignIn, "Webex wants a sign-in first").with_hint(again)
        }
        "invalid_request" | "unauthorized_client" | "unsupported_response_type" => {
            Error::new(Kind::App, "Webex refused the authorization request")
                .with_hint(format!("check the app at {PORTAL}"))
        }
        _ => Error::new(Kind::Failure, "Webex ended the sign-in with an error it alone knows").with_hint(again),
    };
    let detail = [Some(error), description]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(": ");
    told.with_detail(&detail)
}

/// What a token answer grants.
#[derive(Debug)]
pub struct Granted {
    pub tokens: Tokens,
    /// The answer's `scope`, if it had one.
    pub scope: Option<ScopeSet>,
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
#[derive(Clone, Copy, PartialEq)]
enum Purpose {
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

/// The values of a token request's form that must not come back in an error text.
fn form_secrets(body: &[u8]) -> Vec<Secret> {
    const SECRET: [&str; 4] = ["client_secret", "code", "code_verifier", "refresh_token"];
    url::form_urlencoded::parse(body)
        .filter(|(name, value)| SECRET.contains(&name.as_ref()) && !value.is_empty())
        .map(|(_, value)| Secret::new(value))
        .collect()
}

/// The oauth2 crate's error for a 200: its text may quote the body, so it is not shown.
fn unusable(error: RequestTokenError<Error, NoErrorBody>) -> Error {
    match error {
        RequestTokenError::Request(error) => error,
        _ => bad_answer("it is not a token set"),
    }
}

fn bad_answer(what: &str) -> Error {
    Error::new(
        Kind::Temporary,
        format!("the token endpoint's answer can't be used: {what}"),
    )
    .with_hint("nothing was stored; run the same command again")
}

/// A refusal in either of Webex's shapes, or in none.
struct Refusal {
    status: u16,
    code: Option<String>,
    description: Option<String>,
    tracking_id: Option<String>,
}

impl Refusal {
    fn read(answer: &Answer, secrets: &[Secret]) -> Refusal {
        let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        let text = |value: &Value| value.as_str().map(|text| redact(text, secrets));
        let described = || text(&body["errors"][0]["description"]);
        let header = answer
            .headers()
            .get("trackingid")
            .and_then(|id| id.to_str().ok());
        Refusal {
            status: answer.status().as_u16(),
            code: text(&body["error"]),
            description: text(&body["error_description"])
                .or_else(described)
                .or_else(|| text(&body["message"])),
            tracking_id: text(&body["trackingId"])
                .or_else(|| text(&body["trackingID"]))
                .or_else(|| header.map(|id| redact(id, secrets))),
        }
    }

    fn mentions(&self, words: &str) -> bool {
        let code = self.code.as_deref().unwrap_or_default();
        let description = self.description.as_deref().unwrap_or_default();
        format!("{code} {description}")
            .to_ascii_lowercase()
            .contains(words)
    }

    /// A definite refusal names its cause; everything that may pass is [`Kind::Temporary`].
    fn into_error(self, purpose: Purpose) -> Error {
        let status = self.status;
        let error = if (300..400).contains(&status) {
            let message = format!(
                "the token endpoint answered with a redirect ({status}), which is never followed"
            );
            Error::new(Kind::Refused, message).with_hint("check `--api-base` and the proxy")
        } else if status >= 500 || status == 429 || status == 408 {
            Error::new(
                Kind::Temporary,
                format!("Webex can't answer just now ({status})"),
            )
            .with_hint("run the same command again in a minute")
        } else if status == 401 || self.mentions("client") {
            Error::new(Kind::App, "Webex refused the app's client ID or client secret").with_hint(format!(
                "compare both with {PORTAL}, then run `webex-connect login` with `--client-id` again"
            ))
        } else if self.mentions("redirect") {
            Error::new(Kind::App, "Webex refused the redirect URI").with_hint(format!(
                "register it on the app at {PORTAL}, character for character"
            ))
        } else if self.mentions("scope") {
            Error::new(Kind::App, "Webex refused the scopes")
                .with_hint(format!("tick them on the app at {PORTAL}"))
        } else {
            self.grant_error(purpose)
        };
        let detail = [self.code, self.description]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(": ");
        error
            .with_detail(&detail)
            .with_tracking_id(self.tracking_id)
    }

    /// Webex calls a dead refresh token `invalid_request`, in words that name the refresh token.
    fn grant_error(&self, purpose: Purpose) -> Error {
        match purpose {
            Purpose::Exchange => Error::new(Kind::SignIn, "Webex refused the authorization code")
                .with_hint("codes live for seconds and work once: run the same `webex-connect login` again"),
            Purpose::Refresh if self.mentions("invalid_grant") || self.mentions("refresh token") => {
                Error::new(Kind::SignIn, "Webex refused the refresh token: it was used elsewhere, revoked or has expired")
            }
            Purpose::Refresh => Error::new(Kind::Failure, format!("Webex refused the refresh ({})", self.status))
                .with_hint("run `webex-connect login` to sign in again if this goes on"),
        }
    }
}

fn redact(text: &str, secrets: &[Secret]) -> String {
    secrets.iter().fold(text.to_owned(), |text, secret| {
        text.replace(secret.expose(), "[redacted]")
    })
}

/// RFC 6749 §5.1 as Webex fills it: `token_type` and `scope` may be missing, numbers may be strings.
#[derive(Serialize, Deserialize)]
struct TokenAnswer {
    access_token: AccessToken,
    #[serde(default)]
    token_type: TokenType,
    #[serde(default, deserialize_with = "lifetime")]
    expires_in: Option<u64>,
    refresh_token: Option<RefreshToken>,
    #[serde(default, deserialize_with = "lifetime")]
    refresh_token_expires_in: Option<u64>,
    scope: Option<String>,
    #[serde(skip)]
    scopes: Option<Vec<Scope>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct TokenType(String);

impl Default for TokenType {
    fn default() -> TokenType {
        TokenType("Bearer".to_owned())
    }
}

impl oauth2::TokenType for TokenType {}

impl TokenResponse for TokenAnswer {
    type TokenType = TokenType;

    fn access_token(&self) -> &AccessToken {
        &self.access_token
    }

    fn token_type(&self) -> &TokenType {
        &self.token_type
    }

    fn expires_in(&self) -> Option<std::time::Duration> {
        self.expires_in.map(std::time::Duration::from_secs)
    }

    fn refresh_token(&self) -> Option<&RefreshToken> {
        self.refresh_token.as_ref()
    }

    fn scopes(&self) -> Option<&Vec<Scope>> {
        self.scopes.as_ref()
    }
}

impl fmt::Debug for TokenAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenAnswer(…)")
    }
}

impl TokenAnswer {
    /// Checks everything before anything is kept: bearer tokens are b64token (RFC 6750 §2.1), and what is later
    /// put in headers, environments and shells must be nothing else.
    fn into_granted(self, now: Timestamp) -> Result<Granted> {
        if !self.token_type.0.eq_ignore_ascii_case("bearer") {
            return Err(bad_answer("its token_type is not Bearer"));
        }
        if !is_b64token(self.access_token.secret()) {
            return Err(bad_answer("its access_token is not a bearer token"));
        }
        if self
            .refresh_token
            .as_ref()
            .is_some_and(|token| !is_printable(token.secret()))
        {
            return Err(bad_answer("its refresh_token is not printable ASCII"));
        }
        let scope = match self.scope.as_deref().map(ScopeSet::parse_strict) {
            None | Some(Err(crate::scope::ScopeError::Empty)) => None,
            Some(Ok(scope)) => Some(scope),
            Some(Err(_)) => return Err(bad_answer("its scope holds control characters")),
        };
        let obtained_at = whole_seconds(now);
        let tokens = Tokens {
            access_token: Secret::new(self.access_token.into_secret()),
            expires_at: self.expires_in.map(|seconds| after(obtained_at, seconds)),
            refresh_token: self
                .refresh_token
                .map(|token| Secret::new(token.into_secret())),
            refresh_token_expires_at: self
                .refresh_token_expires_in
                .map(|seconds| after(obtained_at, seconds)),
            obtained_at,
        };
        Ok(Granted { tokens, scope })
    }
}

/// Webex's clock counts seconds; fractions would only be noise in JSON.
fn whole_seconds(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

fn after(moment: Timestamp, seconds: u64) -> Timestamp {
    let seconds = i64::try_from(seconds.min(MAX_LIFETIME)).unwrap_or(0);
    moment
        .saturating_add(SignedDuration::from_secs(seconds))
        .unwrap_or(Timestamp::MAX)
}

/// A lifetime in seconds: a number, or digits in a string. `null` is unknown; what is negative or no number at all
/// is refused, and the error does not quote it.
fn lifetime<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Option<u64>, D::Error> {
    let whole = |number: f64| (number >= 0.0).then_some(number as u64);
    let seconds = match Value::deserialize(deserializer)? {
        Value::Null => return Ok(None),
        Value::Number(number) => number.as_u64().or_else(|| number.as_f64().and_then(whole)),
        Value::String(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok(),
        _ => None,
    };
    seconds
        .map(Some)
        .ok_or_else(|| serde::de::Error::custom("not a lifetime in seconds"))
}

/// RFC 6750 §2.1.
fn is_b64token(token: &str) -> bool {
    let body = token.trim_end_matches('=');
    token.len() <= MAX_TOKEN
        && !body.is_empty()
        && body
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b))
}

fn is_printable(token: &str) -> bool {
    (1..=MAX_TOKEN).contains(&token.len()) && token.bytes().all(|b| b.is_ascii_graphic())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(body: &str) -> Option<Granted> {
        let answer: TokenAnswer = serde_json::from_str(body).ok()?;
        answer.into_granted(Timestamp::from_second(0).unwrap()).ok()
    }

    fn expiry(expires_in: &str) -> Option<Option<i64>> {
        let granted = granted(&format!(
            r#"{{"access_token":"a","expires_in":{expires_in}}}"#
        ))?;
        Some(granted.tokens.expires_at.map(Timestamp::as_second))
    }

    #[test]
    fn lifetimes() {
        assert_eq!(expiry("1209599"), Some(Some(1_209_599)));
        assert_eq!(expiry("\"1209599\""), Some(Some(1_209_599)));
        assert_eq!(expiry("3.5"), Some(Some(3)));
        assert_eq!(expiry("0"), Some(Some(0)));
        assert_eq!(expiry("null"), Some(None));
        assert_eq!(
            expiry("18446744073709551615"),
            Some(Some(MAX_LIFETIME as i64))
        );
        for refused in ["-1", "1e400", "\"soon\"", "\"\"", "[]", "true"] {
            assert_eq!(expiry(refused), None, "{refused}");
        }
    }

    #[test]
    fn access_tokens_are_bearer_tokens_or_nothing() {
        for refused in [
            "",
            "a b",
            "x\\r\\nSet-Cookie: a",
            "x\\u0000",
            "\\u001b]52;c;AAAA\\u0007",
            "é",
            "===",
            "'; touch x; '",
        ] {
            assert!(
                granted(&format!(r#"{{"access_token":"{refused}"}}"#)).is_none(),
                "{refused}"
            );
        }
        assert!(
            granted(&format!(
                r#"{{"access_token":"{}"}}"#,
                "A".repeat(2_000_000)
            ))
            .is_none()
        );
        assert!(granted(r#"{"access_token":"aB0-._~+/=="}"#).is_some());
        assert!(granted(r#"{"access_token":"a","token_type":"mac"}"#).is_none());
        assert!(granted(r#"{"access_token":"a","refresh_token":""}"#).is_none());
    }

    #[test]
    fn secrets_do_not_come_back_in_refusals() {
        let secrets = form_secrets(b"client_secret=s3cr3t%2B&code=c0de&grant_type=x");
        assert_eq!(
            redact("bad s3cr3t+ and c0de for x", &secrets),
            "bad [redacted] and [redacted] for x"
        );
    }
}
