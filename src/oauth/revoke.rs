//! Revocation (RFC 7009), at Webex's identity broker and not at its API.

use http::header;
use url::{Url, form_urlencoded};

use crate::app::App;
use crate::client::Client;
use crate::connection::Tokens;
use crate::error::{Error, Kind, Result};
use crate::oauth::basic::basic;
use crate::oauth::refusal::Refusal;

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
