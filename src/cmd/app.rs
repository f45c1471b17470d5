//! `app`: the person's own apps. `app/change.rs` adds and updates one, `app/show.rs` shows them, `app/check.rs` asks
//! Webex about one.

mod change;
mod check;
mod show;

use clap::{Args, Subcommand};
use serde_json::json;

use crate::app::provided;
use crate::cmd::Context;
use crate::cmd::client_secret::SecretArguments;
use crate::cmd::place::{PlaceArguments, RedirectUriArgument};
use crate::cmd::scopes;
use crate::connection::Connection;
use crate::error::{Error, Kind, Result};
use crate::name::Name;
use crate::scope::preset::Preset;
use crate::store::{Key, Store};

/// Keep the apps you registered at Webex
///
/// An app (Webex says "integration") is an OAuth client: a client ID, a
/// client secret, a redirect URI and the scopes it may ask for. It is
/// registered once at https://developer.webex.com/my-apps, and here under a
/// name. Its secret is kept in the store and never shown.
///
///   $ webex-connect app add work --client-id C0ffee
///   $ webex-connect login --app work
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Arguments {
    #[command(subcommand)]
    command: AppCommand,
}

#[derive(Subcommand)]
enum AppCommand {
    Add(AddArguments),
    Update(UpdateArguments),
    List(ListArguments),
    Show(ShowArguments),
    Remove(RemoveArguments),
    Check(check::Arguments),
}

/// Add an app, and say what to enter at Webex for it
///
/// The client secret is asked for without echo, or taken from
/// --client-secret-stdin, --client-secret-file or
/// WEBEX_CONNECT_CLIENT_SECRET. What to enter in the developer portal is
/// printed: a name, every redirect URI, the scopes to tick.
///
///   $ webex-connect app add work --client-id C0ffee
///   $ webex-connect app add ci --client-id C0ffee --client-secret-stdin <secret
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct AddArguments {
    /// What the app is to be called here
    name: String,
    /// Its client ID; asked for where a person can be asked
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    #[command(flatten)]
    secret: SecretArguments,
    #[command(flatten)]
    redirect_uri: RedirectUriArgument,
    #[command(flatten)]
    scopes: ScopeArguments,
    #[command(flatten)]
    place: PlaceArguments,
}

/// Give an app a new client secret, redirect URI or scopes
///
/// The client secret comes from where `app add` takes it from; without any
/// option it is asked for. An app's client ID and environment never change:
/// its grants belong to them.
///
///   $ webex-connect app update work --client-secret-file new-secret
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct UpdateArguments {
    /// The app
    name: String,
    #[command(flatten)]
    secret: SecretArguments,
    /// Its new redirect URI
    #[arg(long, value_name = "URI")]
    redirect_uri: Option<String>,
    #[command(flatten)]
    scopes: ScopeArguments,
    /// Its client ID, which can't change
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    #[command(flatten)]
    place: PlaceArguments,
}

/// What the app may ask for: all of these together.
#[derive(Args)]
struct ScopeArguments {
    /// The whole set of scopes to tick, separated by spaces or commas; repeatable
    /// [default for a new app: the twelve standard scopes]
    #[arg(long, value_name = "SCOPES")]
    scope: Vec<String>,
    /// A set of scopes by name (`webex-connect scopes --presets`); repeatable
    #[arg(long, value_name = "PRESET", value_parser = scopes::preset())]
    preset: Vec<Preset>,
}

/// List your apps
///
/// Shows name, client ID, environment, redirect URI, the number of scopes
/// and the connections made with it.
///
///   $ webex-connect app list --json | jq -r '.[].client_id'
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct ListArguments {}

/// Show an app, and what to enter at Webex for it
///
/// Shows everything but the client secret. `provided` is the app that this
/// machine's packager or administrator provides, if there is one.
///
///   $ webex-connect app show work
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct ShowArguments {
    /// The app
    name: String,
}

/// Remove an app from this machine
///
/// Refused while connections use it, which could not be refreshed any more.
/// Webex is not told: there the app is deleted in the developer portal. Removing
/// what is not there is no error.
///
///   $ webex-connect app remove work
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct RemoveArguments {
    /// The app to remove
    name: String,
    /// Remove it although connections use it
    #[arg(long)]
    force: bool,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<()> {
    match &arguments.command {
        AppCommand::Add(arguments) => change::add(context, arguments),
        AppCommand::Update(arguments) => change::update(context, arguments),
        AppCommand::List(_) => show::list(context),
        AppCommand::Show(arguments) => show::show(context, arguments),
        AppCommand::Remove(arguments) => remove(context, arguments),
        AppCommand::Check(arguments) => check::run(context, arguments),
    }
}

fn remove(context: &Context, arguments: &RemoveArguments) -> Result<()> {
    let name = Name::parse(&arguments.name)?;
    let store = context.real_store()?;
    let _lock = store.lock(&Key::App(name.clone()))?;
    if !arguments.force {
        let users = users_in(&store, &name)?;
        if !users.is_empty() {
            let message = format!("the app {name} is used by {}", used_by(&users));
            return Err(Error::new(Kind::Refused, message).with_hint(format!(
                "`webex-connect logout {}` removes a connection; `webex-connect app remove {name} --force` removes \
                 the app all the same, and then they can't be refreshed",
                users[0]
            )));
        }
    }
    let left = show::users(&name, &store.list()?.connections);
    let removed = store.remove(&Key::App(name.clone()))?;
    if removed && !left.is_empty() {
        let left = used_by(&left);
        context.output.warning(&format!(
            "without the app {name}, {left} can't be refreshed"
        ));
    }
    if context.output.json {
        return context
            .output
            .result_json(&json!({"name": name, "removed": removed}));
    }
    let place = store.place();
    context.output.note(&match removed {
        true => format!("removed the app {name} from {place}; at Webex it stays registered"),
        false => format!("there is no app {name} in {place}; nothing to remove"),
    });
    Ok(())
}

/// The connections made with an app. Each has to be readable: one that is not may need the app.
fn users_in(store: &Store, app: &Name) -> Result<Vec<Name>> {
    let mut users = Vec::new();
    for name in store.connection_names()? {
        if let Some(connection) = store.connection(&name)?
            && uses(&connection, app)
        {
            users.push(connection.name);
        }
    }
    Ok(users)
}

fn uses(connection: &Connection, app: &Name) -> bool {
    let made_with = connection.app.as_ref();
    made_with.and_then(|made_with| made_with.name.as_ref()) == Some(app)
}

fn used_by(users: &[Name]) -> String {
    let names: Vec<&str> = users.iter().map(Name::as_str).collect();
    match names.is_empty() {
        true => "-".to_owned(),
        false => names.join(", "),
    }
}

fn missing(name: &Name) -> Error {
    if provided::is_taken(name) {
        return Error::new(Kind::App, "the provided app can't be changed here")
            .with_hint("`webex-connect app show provided` says who provides it");
    }
    Error::new(Kind::App, format!("there is no app {name}")).with_hint(format!(
        "`webex-connect app list` shows what there is; `webex-connect app add {name}` adds it"
    ))
}
