//! `status`: one connection in full.

use clap::Args;
use jiff::Timestamp;
use serde_json::Value;

use crate::cmd::{ConnectionArgument, Context};
use crate::connection::{Connection, Grant, GrantSource, State};
use crate::error::{Error, Kind, Result, foreign};
use crate::moment::until;
use crate::scope::{WHO_AM_I, catalogue, counted};
use crate::session::{self, Live};
use crate::store::Store;

/// Show one connection in full
///
/// Who signed in, with which app, which scopes were asked for, granted,
/// missing and lost at a refresh, what each of them allows, and until when it
/// holds. The exit code is 0 if a token can be had without a person, and 4 if
/// a person must sign in.
///
/// With --live, Webex is asked whether the token works; one that is stale or
/// that Webex refuses is refreshed.
///
///   $ webex-connect status work --live
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Arguments {
    #[command(flatten)]
    connection: ConnectionArgument,
    /// Ask Webex whether the token works
    #[arg(long)]
    live: bool,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<()> {
    let (store, mut connection) = context.open(arguments.connection.name.as_deref())?;
    let mut live = None;
    if arguments.live {
        let asked = session::ask_webex(&store, connection, &context.wire)?;
        connection = asked.connection;
        live = Some(asked.live);
        context.warn_stale(&connection.name, asked.not_refreshed);
    }
    show(context, &store, &connection, live.as_ref())?;
    match (live, connection.state(context.now)) {
        (Some(Live::Refused), _) => Err(Error::new(
            Kind::SignIn,
            format!("Webex refused the access token of {}", connection.name),
        )
        .with_hint(session::sign_in(&connection))),
        (_, State::Ready) => Ok(()),
        (_, State::Expired) => Err(Error::new(
            Kind::SignIn,
            format!("{} has expired", connection.name),
        )
        .with_hint(session::sign_in(&connection))),
        (_, State::ReconnectNeeded) => Err(session::refused_before(&connection)),
    }
}

fn show(
    context: &Context,
    store: &Store,
    connection: &Connection,
    live: Option<&Live>,
) -> Result<()> {
    let is_default = store.is_default(&connection.name);
    if context.output.json {
        let mut json = connection.to_json(is_default, store.name(), context.now);
        if let Some(live) = live {
            json["live"] = match live {
                Live::Works(identity) => serde_json::json!({"works": true, "identity": identity}),
                Live::Refused => serde_json::json!({"works": false, "identity": Value::Null}),
            };
        }
        return context.output.result_json(&json);
    }
    context
        .output
        .result(&text(connection, is_default, store, context.now, live))
}

fn text(
    connection: &Connection,
    is_default: bool,
    store: &Store,
    now: Timestamp,
    live: Option<&Live>,
) -> String {
    let mut lines = Vec::new();
    let mut line = |label: &str, value: String| lines.push(format!("{label:<12} {value}"));
    let default = if is_default { " (default)" } else { "" };
    line("connection", format!("{}{default}", connection.name));
    line("account", person(connection));
    if let Some(org) = connection
        .identity
        .as_ref()
        .and_then(|identity| identity.org_id.as_ref())
    {
        line("organisation", foreign(org));
    }
    line("type", auth_type(connection));
    if let Some(app) = &connection.app {
        line(
            "app",
            app.name
                .as_ref()
                .map_or("provided".to_owned(), ToString::to_string),
        );
        line("client ID", app.client_id.clone());
        line("redirect URI", app.redirect_uri.to_string());
    }
    line("access token", until(connection.tokens.expires_at, now));
    line(
        "refresh",
        match connection.tokens.refresh_token {
            Some(_) if connection.mark.reconnect_reason().is_some() => {
                "refused by Webex".to_owned()
            }
            Some(_) => until(connection.tokens.refresh_token_expires_at, now),
            None => "none".to_owned(),
        },
    );
    line("kept in", store.place());
    line("state", state(connection, live, now));
    lines.extend(scopes(&connection.grant));
    lines.join("\n")
}

/// The grant: each scope that was granted, is missing or was lost, with what it allows. The requested scopes are those
/// that were granted and those that are missing.
fn scopes(grant: &Grant) -> Vec<String> {
    let missing = grant.missing();
    let wanted = match grant.requested.len() {
        0 => "none: the token was made elsewhere".to_owned(),
        n => format!("{}, {} of them granted", counted(n), n - missing.len()),
    };
    let granted = match grant.source {
        GrantSource::Unknown => grant.source.phrase().to_owned(),
        _ => format!(
            "{}, {}",
            counted(grant.granted.len()),
            grant.source.phrase()
        ),
    };
    let mut lines = vec![
        format!("{:<12} {wanted}", "requested"),
        format!("{:<12} {granted}", "granted"),
    ];
    lines.extend(grant.granted.iter().flat_map(|name| {
        let unasked = match grant.requested.contains(name) {
            true => "",
            false => " (not asked for)",
        };
        explained(name, unasked)
    }));
    for (label, scopes, what) in [
        ("missing", &missing, "asked for and not granted"),
        (
            "lost",
            &grant.lost,
            "granted before a refresh and not after it",
        ),
    ] {
        if !scopes.is_empty() {
            let head = format!("{}, {what}", counted(scopes.len()));
            lines.push(format!("{label:<12} {head}"));
            lines.extend(scopes.iter().flat_map(|name| explained(name, "")));
        }
    }
    lines
}

/// Two lines a scope: name and description side by side would not fit 80 columns.
fn explained(name: &str, mark: &str) -> [String; 2] {
    let about =
        catalogue::find(name).map_or("not in the catalogue of scopes", |entry| entry.description);
    [format!("  {name}{mark}"), format!("    {about}")]
}

fn person(connection: &Connection) -> String {
    let Some(identity) = &connection.identity else {
        let why = match connection.grant.granted.contains(WHO_AM_I) {
            true => "Webex was not asked, or did not say",
            false => "the scopes do not allow asking",
        };
        return format!("unknown ({why})");
    };
    let kind = identity.kind.as_deref().unwrap_or("person");
    // Somebody chose these: none may begin a line of its own.
    foreign(&match (&identity.display_name, &identity.email) {
        (Some(name), Some(email)) => format!("{name} <{email}> ({kind})"),
        (Some(only), None) | (None, Some(only)) => format!("{only} ({kind})"),
        (None, None) => format!("{} ({kind})", identity.id),
    })
}

fn auth_type(connection: &Connection) -> String {
    let kind = connection.auth_type.phrase();
    let place = connection.environment.api_base();
    let place = place.map_or_else(|| "embedded".to_owned(), |base| base.to_string());
    format!("{kind}, {} ({place})", connection.environment.name())
}

fn state(connection: &Connection, live: Option<&Live>, now: Timestamp) -> String {
    let state = match connection.state(now) {
        State::Ready => "ready",
        State::Expired => "expired: a person must sign in",
        State::ReconnectNeeded => "reconnect needed: a person must sign in",
    };
    match live {
        None => state.to_owned(),
        Some(Live::Works(_)) => format!("{state}; Webex accepts the token"),
        Some(Live::Refused) => format!("{state}; Webex refuses the token"),
    }
}
