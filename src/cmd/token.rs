//! `token`: a valid access token.

use clap::Args;
use serde_json::json;

use crate::cmd::Context;
use crate::error::Result;
use crate::session;

/// Print a valid access token
///
/// The token stands alone on stdout. One that is about to expire is refreshed
/// and saved first. A browser is never opened: where a person must sign in,
/// the exit code is 4.
///
///   $ curl -H "Authorization: Bearer $(webex-connect token work)" \
///       https://webexapis.com/v1/people/me
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Arguments {
    /// The connection; without it WEBEX_CONNECT_CONNECTION, the default, or the only one
    name: Option<String>,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<()> {
    let store = context.store()?;
    let connection = context.connection(&store, arguments.name.as_deref())?;
    let (connection, warning) = session::usable(&store, connection, &context.wire)?;
    if let Some(error) = warning {
        context.output.warning(&format!(
            "could not refresh {}, whose token holds a little longer: {error}",
            connection.name
        ));
    }
    let tokens = &connection.tokens;
    if !context.output.json {
        return context.output.result(tokens.access_token.expose());
    }
    context.output.result_json(&json!({
        "access_token": tokens.access_token,
        "token_type": "Bearer",
        "expires_at": tokens.expires_at,
        "scopes": connection.grant.granted,
    }))
}
