//! Refusals, in either of Webex's shapes or in none, and what they mean.

use serde_json::Value;

use crate::app::PORTAL;
use crate::client::Answer;
use crate::error::{Error, Kind};
use crate::oauth::Purpose;
use crate::scope::ScopeSet;
use crate::scope::catalogue;
use crate::secret::{Secret, redact, tracking_id};

/// What `error` in an authorization response means (RFC 6749 §4.1.2.1), in words that help.
///
/// `command` is the login to run again, `portal` where its app is registered; `secrets` are not shown, should they come
/// back in it.
pub fn authorization_error(
    error: &str,
    description: Option<&str>,
    requested: &ScopeSet,
    command: &str,
    portal: Option<&str>,
    secrets: &[Secret],
) -> Error {
    let again = format!("run `{command}` again");
    let described = description.unwrap_or_default().to_ascii_lowercase();
    let told = match error {
        _ if is_blocked(&described) => blocked(&again),
        "access_denied" => {
            Error::new(Kind::Denied, "the request was refused on Webex's page").with_hint(again)
        }
        "invalid_scope" => Error::new(Kind::App, "Webex refused the scopes that were asked for")
            .with_hint(match portal {
                Some(portal) => format!(
                    "tick every scope you ask for on the app at {portal}, then {again}; or state fewer with `--scope` \
                     (`webex-connect scopes` explains them)"
                ),
                None => "state others with `--scope`: `webex-connect scopes` shows what there is".to_owned(),
            }),
        "server_error" | "temporarily_unavailable" => {
            Error::new(Kind::Temporary, "Webex could not finish the sign-in").with_hint(again)
        }
        "login_required" | "interaction_required" | "account_selection_required" => {
            Error::new(Kind::SignIn, "Webex wants a sign-in first").with_hint(again)
        }
        "invalid_request" | "unauthorized_client" | "unsupported_response_type" => {
            Error::new(Kind::App, "Webex refused the authorization request")
                .with_hint(match portal {
                    Some(portal) => format!("check the app at {portal}, then {again}"),
                    None => again,
                })
        }
        _ => Error::new(
            Kind::Failure,
            "Webex ended the sign-in with an error it alone knows",
        )
        .with_hint(again),
    };
    let mut detail = error.to_owned();
    if let Some(description) = description {
        detail = format!("{detail}: {description}");
    }
    // One scope that the app lacks fails the whole request, and Webex does not always say which.
    let suspects = unknown(requested);
    if error == "invalid_scope" && !suspects.is_empty() {
        detail = format!("not in the catalogue: {}; {detail}", suspects.join(" "));
    }
    told.with_detail(&redact(&detail, secrets))
}

fn unknown(requested: &ScopeSet) -> Vec<&str> {
    let known = |name: &str| catalogue::find(name).is_some();
    requested.iter().filter(|name| !known(name)).collect()
}

/// Whether Webex's words say that an organisation does not let its people use this app.
pub(super) fn is_blocked(described: &str) -> bool {
    let words = [
        "administrator",
        "blocked",
        "not allowed by",
        "org policy",
        "disabled by",
    ];
    words.iter().any(|word| described.contains(word))
}

fn blocked(again: &str) -> Error {
    Error::new(
        Kind::Denied,
        "an administrator of the organisation has blocked this app",
    )
    .with_hint(format!(
        "ask them to allow it in Control Hub (Apps, then Integrations), then {again}"
    ))
}

fn client_refused(purpose: Purpose<'_>) -> Error {
    let message = "Webex refused the app's client ID or client secret";
    let hint = match purpose {
        Purpose::Exchange(cures) | Purpose::Device(cures) => cures.mend_client.clone(),
        Purpose::Refresh(mend_client) => mend_client.to_owned(),
    };
    Error::new(Kind::App, message).with_hint(hint)
}

impl Purpose<'_> {
    /// What to run once the cause is mended.
    fn again(self) -> String {
        match self {
            Purpose::Exchange(cures) | Purpose::Device(cures) => {
                format!("run `{}` again", cures.again)
            }
            Purpose::Refresh(_) => "run the same command again".to_owned(),
        }
    }
}

/// A refusal in either of Webex's shapes, or in none.
pub struct Refusal {
    pub(super) status: u16,
    pub(super) code: Option<String>,
    pub(super) description: Option<String>,
    pub(super) tracking_id: Option<String>,
}

impl Refusal {
    pub fn read(answer: &Answer, secrets: &[Secret]) -> Refusal {
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
            tracking_id: [
                body["trackingId"].as_str(),
                body["trackingID"].as_str(),
                header,
            ]
            .into_iter()
            .flatten()
            .find_map(|id| tracking_id(id, secrets)),
        }
    }

    /// The `error` of RFC 6749 §5.2, where the answer has one.
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    pub(super) fn mentions(&self, words: &str) -> bool {
        let code = self.code.as_deref().unwrap_or_default();
        let description = self.description.as_deref().unwrap_or_default();
        format!("{code} {description}")
            .to_ascii_lowercase()
            .contains(words)
    }

    /// Webex calls a dead refresh token `invalid_request`, in words that name the refresh token.
    fn is_about_the_grant(&self) -> bool {
        self.code.as_deref() == Some("invalid_grant") || self.mentions("refresh token")
    }

    fn is_about_the_client(&self) -> bool {
        let codes = ["invalid_client", "unauthorized_client"];
        let words = ["client id", "client_id", "client secret", "client_secret"];
        codes.iter().any(|code| self.code.as_deref() == Some(code))
            || words.iter().any(|words| self.mentions(words))
    }

    /// A definite refusal names its cause; everything that may pass is [`Kind::Temporary`].
    pub fn into_error(self, purpose: Purpose<'_>) -> Error {
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
        } else if self.is_about_the_grant() {
            self.grant_error(purpose)
        } else if is_blocked(
            &self
                .description
                .as_deref()
                .unwrap_or_default()
                .to_ascii_lowercase(),
        ) {
            blocked(&purpose.again())
        } else if status == 401 || self.is_about_the_client() {
            client_refused(purpose)
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
        self.told_with(error)
    }

    /// An error with Webex's own words for it.
    pub fn told_with(self, error: Error) -> Error {
        let detail = [self.code, self.description]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(": ");
        error
            .with_detail(&detail)
            .with_tracking_id(self.tracking_id)
    }

    /// A refusal of a revocation: the status and Webex's words say all there is.
    pub fn into_revocation_error(self) -> Error {
        let kind = if self.status >= 500 || self.status == 429 {
            Kind::Temporary
        } else {
            Kind::Failure
        };
        let error = Error::new(kind, format!("Webex answered {}", self.status));
        self.told_with(error)
    }

    fn grant_error(&self, purpose: Purpose<'_>) -> Error {
        match purpose {
            Purpose::Exchange(_) => {
                Error::new(Kind::SignIn, "Webex refused the authorization code").with_hint(format!(
                    "codes live for seconds and work once: {}",
                    purpose.again()
                ))
            }
            Purpose::Device(_) => Error::new(
                Kind::Failure,
                "Webex ended the sign-in with an error it alone knows",
            ),
            Purpose::Refresh(_) if self.is_about_the_grant() => Error::new(
                Kind::SignIn,
                "Webex refused the refresh token: it was used elsewhere, revoked or has expired",
            ),
            Purpose::Refresh(_) => Error::new(
                Kind::Failure,
                format!("Webex refused the refresh ({})", self.status),
            )
            .with_hint(purpose.again()),
        }
    }
}

/// The values of a token request's form that must not come back in an error text.
pub fn form_secrets(body: &[u8]) -> Vec<Secret> {
    const SECRET: [&str; 4] = ["client_secret", "code", "code_verifier", "refresh_token"];
    url::form_urlencoded::parse(body)
        .filter(|(name, value)| SECRET.contains(&name.as_ref()) && !value.is_empty())
        .map(|(_, value)| Secret::new(value))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_come_back_in_refusals() {
        let secrets = form_secrets(b"client_secret=s3cr3t%2B&code=c0de&grant_type=x");
        assert_eq!(
            redact("bad s3cr3t+ and c0de for x", &secrets),
            "bad [redacted] and [redacted] for x"
        );
    }

    proptest::proptest! {
        #![proptest_config(crate::generated::config())]

        #[test]
        fn no_refusal_shows_a_secret_or_a_control_or_goes_on_forever(
            body in crate::generated::object(&[
                "error", "error_description", "message", "errors", "trackingId", "trackingID",
            ]),
            quoted in crate::generated::text(),
            bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
            status in 200_u16..600,
        ) {
            let secret = Secret::new(crate::generated::CANARY);
            let mut quoting = body.clone();
            quoting["error_description"] = format!("{quoted}{}{quoted}", secret.expose()).repeat(20).into();
            for body in [body.to_string().into_bytes(), quoting.to_string().into_bytes(), bytes] {
                let mut answer = Answer::new(body);
                *answer.status_mut() = http::StatusCode::from_u16(status).unwrap();
                let refusal = Refusal::read(&answer, std::slice::from_ref(&secret));
                let error = refusal.into_error(Purpose::Refresh("mend it"));
                let shown = format!("{error}{}", error.tracking_id.as_deref().unwrap_or_default());
                assert!(!shown.contains(secret.expose()), "{shown}");
                assert!(!shown.chars().any(char::is_control), "{shown:?}");
                assert!(shown.chars().count() < 1000, "{shown}");
            }
        }
    }
}
