//! Webex's API as far as a connection needs it: who am I.

use oauth2::http::{self, header};
use serde::Deserialize;
use url::Url;

use crate::app::endpoint;
use crate::client::Client;
use crate::connection::Identity;
use crate::error::{Error, Kind, Result};
use crate::secret::Secret;

/// The longest field of an identity that is kept; Webex's IDs have about 80 characters.
const MAX_FIELD: usize = 1024;

/// Only what is needed of `people/me`: the specification shows its booleans as strings, so they stay unread.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Person {
    id: String,
    display_name: Option<String>,
    #[serde(default)]
    emails: Vec<String>,
    org_id: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// Who the access token belongs to. `None` where the token may not ask (403: it needs `spark:people_read`).
///
/// # Errors
/// [`Kind::SignIn`] if the token is not accepted; the network failed, or the answer is no person.
pub async fn people_me(
    client: &Client,
    base: &Url,
    access_token: &Secret,
) -> Result<Option<Identity>> {
    let bearer = format!("Bearer {}", access_token.expose());
    let mut bearer = header::HeaderValue::try_from(bearer)
        .map_err(|_| Error::new(Kind::Failure, "the access token does not fit into a header"))?;
    bearer.set_sensitive(true);
    let request = http::Request::get(endpoint(base, "people/me").as_str())
        .header(header::AUTHORIZATION, bearer)
        .header(header::ACCEPT, "application/json")
        .body(Vec::new())
        .map_err(|_| Error::new(Kind::Failure, "the address of people/me is not a URL"))?;
    let answer = client.send(request).await?;
    match answer.status().as_u16() {
        200 => {}
        401 => {
            return Err(Error::new(
                Kind::SignIn,
                "Webex refused the access token (401)",
            ));
        }
        403 => return Ok(None),
        status => {
            return Err(Error::new(
                Kind::Temporary,
                format!("people/me answered {status}"),
            ));
        }
    }
    let person: Person = serde_json::from_slice(answer.body())
        .map_err(|_| Error::new(Kind::Temporary, "people/me did not answer with a person"))?;
    let short = |text: &String| text.len() <= MAX_FIELD;
    Ok(Some(Identity {
        id: Some(person.id)
            .filter(short)
            .ok_or_else(|| Error::new(Kind::Temporary, "people/me answered with an endless id"))?,
        display_name: person.display_name.filter(short),
        email: person.emails.into_iter().next().filter(short),
        org_id: person.org_id.filter(short),
        kind: person.kind.filter(short),
    }))
}
