//! The client's credentials in a header, where Webex wants them there: for revocation and for the device grant.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::HeaderValue;
use url::form_urlencoded;

use crate::app::App;
use crate::error::{Error, Kind, Result};

/// The client's credentials (RFC 6749 §2.3.1), each encoded as a form value first.
pub fn basic(app: &App) -> Result<HeaderValue> {
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
