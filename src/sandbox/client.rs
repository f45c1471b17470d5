//! Client authentication at the token endpoint (RFC 6749 §2.3.1).

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::http::Request;
use crate::sandbox::answer::Refusal;
use crate::sandbox::params::Params;
use crate::sandbox::{RegisteredApp, Service};
use crate::secret::Secret;

/// Credentials from an `Authorization: Basic` header.
pub struct Basic {
    pub client_id: String,
    client_secret: Secret,
}

/// The app whose ID and secret came with the request, in the body or as Basic.
///
/// # Errors
/// In the shapes Webex uses: its API's for what is missing or unknown, the identity broker's for a wrong secret.
pub fn authenticate<'a>(
    service: &'a Service,
    request: &Request,
    params: &Params,
) -> Result<&'a RegisteredApp, Refusal> {
    let (client_id, client_secret) = presented(request, params)?;
    let missing = |name: &str| Refusal::webexapis(400, format!("{name} cannot be null or empty"));
    let client_id = client_id.ok_or_else(|| missing("client_id"))?;
    let client_secret = client_secret.ok_or_else(|| missing("client_secret"))?;
    let app = service
        .app(&client_id)
        .ok_or_else(|| Refusal::webexapis(400, "Client Id is invalid"))?;
    if app.client_secret != client_secret {
        // RFC 6749 §5.2 wants the scheme named for a client that came with the header.
        return Err(
            Refusal::idbroker(401, "invalid_client", "The client secret is wrong.")
                .with_header("WWW-Authenticate", "Basic realm=\"sandbox\""),
        );
    }
    Ok(app)
}

/// For the endpoints that take no secret in the body.
///
/// # Errors
/// There is no Basic header (RFC 6749 §5.2).
pub fn require_basic(request: &Request) -> Result<(), Refusal> {
    if basic(request).is_some() {
        return Ok(());
    }
    let description = "The client ID and secret must come as Basic in the Authorization header.";
    Err(Refusal::idbroker(401, "invalid_client", description)
        .with_header("WWW-Authenticate", "Basic realm=\"sandbox\""))
}

/// The credentials of a Basic header, each half decoded as a form value (RFC 6749 §2.3.1).
pub fn basic(request: &Request) -> Option<Basic> {
    let (scheme, encoded) = request.header("Authorization")?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return None;
    }
    let text = String::from_utf8(BASE64_STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (client_id, client_secret) = text.split_once(':')?;
    Some(Basic {
        client_id: form_decode(client_id),
        client_secret: Secret::new(form_decode(client_secret)),
    })
}

fn presented(
    request: &Request,
    params: &Params,
) -> Result<(Option<String>, Option<Secret>), Refusal> {
    let refuse = |description| Err(Refusal::invalid_request(description));
    let body_id = params.get("client_id");
    let body_secret = params.get("client_secret");
    if request.header("Authorization").is_none() {
        return Ok((body_id.map(str::to_owned), body_secret.map(Secret::new)));
    }
    let Some(basic) = basic(request) else {
        return refuse("The Authorization header is not Basic with a client ID and secret.");
    };
    if body_secret.is_some() {
        return refuse("The client secret came in the header and in the body; one is allowed.");
    }
    if body_id.is_some_and(|id| id != basic.client_id) {
        return refuse("The client_id in the body is not the one in the header.");
    }
    let secret = Some(basic.client_secret).filter(|secret| !secret.expose().is_empty());
    Ok((Some(basic.client_id).filter(|id| !id.is_empty()), secret))
}

/// A lone form value. A bare `&` in it is taken as itself: it separates nothing here.
fn form_decode(text: &str) -> String {
    let pair = format!("={}", text.replace('&', "%26"));
    url::form_urlencoded::parse(pair.as_bytes())
        .map(|(_, value)| value.into_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_decoded_as_form_values() {
        assert_eq!(form_decode("a%3Ab+c%25"), "a:b c%");
        assert_eq!(form_decode("a&b=c"), "a&b=c");
        assert_eq!(form_decode(""), "");
    }
}
