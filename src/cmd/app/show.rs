//! `app list` and `app show`: apps in every form but with their secrets.

use serde_json::{Value, json};

use crate::app::portal::{registration, registration_json};
use crate::app::provided::{self, ProvidedApp, provided};
use crate::app::{App, Environment};
use crate::cmd::Context;
use crate::cmd::app::{ShowArguments, missing, used_by, uses};
use crate::cmd::table::table;
use crate::connection::Connection;
use crate::error::Result;
use crate::name::Name;

pub fn list(context: &Context) -> Result<()> {
    let output = context.output;
    let mut listing = context.real_store()?.list()?;
    let (apps, connections) = (&listing.apps, &listing.connections);
    if output.json {
        let rows = apps
            .iter()
            .map(|app| to_json(app, &users(&app.name, connections)));
        output.result_json(&Value::Array(rows.collect()))?;
    } else if apps.is_empty() {
        output.note("no apps of your own yet; add one with `webex-connect app add NAME`");
    } else {
        output.result(&rows(apps, connections, context))?;
    }
    match provided() {
        Ok(None) => {}
        Ok(Some(app)) => output.note(&format!(
            "one more is provided by {}: `webex-connect app show {}`",
            app.source,
            provided::NAME
        )),
        Err(error) => output.warning(&error.to_string()),
    }
    let last = listing.unreadable.pop();
    for error in &listing.unreadable {
        output.error(error);
    }
    last.map_or(Ok(()), Err)
}

fn rows(apps: &[App], connections: &[Connection], context: &Context) -> String {
    let mut table = table(context.output.columns());
    table.set_header([
        "NAME",
        "CLIENT ID",
        "ENVIRONMENT",
        "REDIRECT URI",
        "SCOPES",
        "USED BY",
    ]);
    for app in apps {
        table.add_row([
            app.name.to_string(),
            app.client_id.clone(),
            app.environment.to_string(),
            app.redirect_uri.to_string(),
            app.scopes.len().to_string(),
            used_by(&users(&app.name, connections)),
        ]);
    }
    table.trim_fmt()
}

pub fn show(context: &Context, arguments: &ShowArguments) -> Result<()> {
    let name = Name::parse(&arguments.name)?;
    if provided::is_taken(&name) {
        let app = provided()?.ok_or_else(provided::none)?;
        return show_provided(context, app);
    }
    let store = context.real_store()?;
    let app = store.app(&name)?.ok_or_else(|| missing(&name))?;
    let listing = store.list()?;
    let users = users(&app.name, &listing.connections);
    if context.output.json {
        let mut json = to_json(&app, &users);
        json["portal"] = portal_json(&app);
        return context.output.result_json(&json);
    }
    let text = format!(
        "{}\n{:<12} {}\n\n{}",
        text(&app),
        "used by",
        used_by(&users),
        portal(&app)
    );
    context.output.result(&text)
}

fn show_provided(context: &Context, provided: ProvidedApp) -> Result<()> {
    let source = provided.source;
    let app = provided.app(None)?;
    if context.output.json {
        let mut json = to_json(&app, &[]);
        json["provided_by"] = json!(source);
        json["portal"] = portal_json(&app);
        return context.output.result_json(&json);
    }
    let text = format!(
        "{}\n{:<12} {source}\n\n{}",
        text(&app),
        "provided by",
        portal(&app)
    );
    context.output.result(&text)
}

/// The connections among these that were made with an app.
pub fn users(app: &Name, connections: &[Connection]) -> Vec<Name> {
    let users = connections.iter().filter(|one| uses(one, app));
    users.map(|connection| connection.name.clone()).collect()
}

/// The stable JSON of an app. It holds no secret.
pub fn to_json(app: &App, users: &[Name]) -> Value {
    let api_base = match &app.environment {
        Environment::Custom(base) => Some(base.as_str()),
        _ => None,
    };
    json!({
        "name": app.name,
        "client_id": app.client_id,
        "environment": app.environment.name(),
        "api_base": api_base,
        "redirect_uri": app.redirect_uri,
        "scopes": app.scopes,
        "used_by": users,
    })
}

fn text(app: &App) -> String {
    let place = match &app.environment {
        Environment::Custom(base) => format!("custom ({base})"),
        public => public.to_string(),
    };
    let rows = [
        ("app", app.name.to_string()),
        ("client ID", app.client_id.clone()),
        ("secret", "kept, never shown".to_owned()),
        ("environment", place),
        ("redirect URI", app.redirect_uri.to_string()),
        ("scopes", app.scopes.len().to_string()),
    ];
    let lines = rows.map(|(label, value)| format!("{label:<12} {value}"));
    lines.join("\n")
}

pub fn portal(app: &App) -> String {
    registration(
        app.name.as_str(),
        &app.redirect_uri,
        &app.scopes,
        &app.environment,
    )
}

pub fn portal_json(app: &App) -> Value {
    registration_json(
        app.name.as_str(),
        &app.redirect_uri,
        &app.scopes,
        &app.environment,
    )
}
