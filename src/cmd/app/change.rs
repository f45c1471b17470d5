//! `app add` and `app update`.

use crate::app::provided;
use crate::app::{App, Environment, RedirectUri, checked_client_id};
use crate::cmd::Context;
use crate::cmd::app::show::{portal, portal_json, to_json, users};
use crate::cmd::app::{AddArguments, ScopeArguments, UpdateArguments, missing};
use crate::cmd::client_secret;
use crate::cmd::place::PlaceArguments;
use crate::cmd::scopes::{listed, warn_of_unknown};
use crate::error::{Error, Kind, Result};
use crate::name::Name;
use crate::output::Output;
use crate::prompt;
use crate::scope::ScopeSet;
use crate::scope::preset::Preset;
use crate::secret::Secret;
use crate::session;
use crate::signals::Signals;
use crate::store::{Key, Store};
use crate::variables;

/// Everything that can fail without the person fails before they are asked.
pub fn add(context: &Context, arguments: &AddArguments) -> Result<()> {
    let mut app = described(context, arguments)?;
    let store = context.real_store()?;
    absent(&store, &app.name)?;
    store.ensure_key()?;
    store.preflight(None)?;
    let shown = arguments.client_id.is_none() && !context.output.json;
    app.client_id = client_id(context, arguments, &app)?;
    app.client_secret = match client_secret::given(&arguments.secret, &app.client_id)? {
        Some(secret) => secret,
        None => asked(context)?,
    };
    {
        let _lock = store.lock(&Key::App(app.name.clone()))?;
        // Another process may have added it while the person typed.
        absent(&store, &app.name)?;
        store.save_app(&mut app)?;
    }
    tell(context, &store, &app, !shown)?;
    let place = store.place();
    let name = &app.name;
    context
        .output
        .note(&format!("the app {name} is kept in {place}"));
    context
        .output
        .note(&format!("next: `webex-connect login {name} --app {name}`"));
    Ok(())
}

pub fn update(context: &Context, arguments: &UpdateArguments) -> Result<()> {
    let name = Name::parse(&arguments.name)?;
    let redirect_uri = arguments.redirect_uri.as_deref();
    let redirect_uri = redirect_uri.map(RedirectUri::parse).transpose()?;
    let scopes = scopes(context.output, &arguments.scopes)?;
    let store = context.real_store()?;
    let stored = || store.app(&name)?.ok_or_else(|| missing(&name));
    let app = stored()?;
    stays(&app, arguments.client_id.as_deref(), &arguments.place)?;
    let mut secret = client_secret::given(&arguments.secret, &app.client_id)?;
    if secret.is_none() && redirect_uri.is_none() && scopes.is_none() {
        if !context.may_ask() {
            let message = format!("there is nothing to update of the app {name}");
            return Err(Error::new(Kind::Usage, message).with_hint(format!(
                "say what with `--client-secret-stdin`, `--client-secret-file FILE` or {}, `--redirect-uri URI`, \
                 `--scope SCOPES` or `--preset PRESET`",
                variables::CLIENT_SECRET
            )));
        }
        secret = Some(asked(context)?);
    }

    let _lock = store.lock(&Key::App(name.clone()))?;
    // Another process may have changed it while this one waited.
    let mut app = stored()?;
    stays(&app, arguments.client_id.as_deref(), &arguments.place)?;
    let mut changed = Vec::new();
    let is_registered_anew = redirect_uri.is_some() || scopes.is_some();
    if let Some(secret) = secret {
        app.client_secret = secret;
        changed.push("client secret");
    }
    if let Some(uri) = redirect_uri {
        app.redirect_uri = uri;
        changed.push("redirect URI");
    }
    if let Some(scopes) = scopes {
        app.scopes = scopes;
        changed.push("scopes");
    }
    store.save_app(&mut app)?;
    tell(context, &store, &app, is_registered_anew)?;
    context.output.note(&format!(
        "updated the app {}: {}",
        app.name,
        changed.join(", ")
    ));
    Ok(())
}

/// The app of the command line; its ID and secret are still empty.
fn described(context: &Context, arguments: &AddArguments) -> Result<App> {
    let name = provided::not_taken(Name::parse(&arguments.name)?)?;
    let redirect_uri = arguments.redirect_uri.given()?;
    Ok(App {
        revision: 0,
        name,
        client_id: String::new(),
        client_secret: Secret::new(""),
        redirect_uri: redirect_uri.unwrap_or_default(),
        scopes: scopes(context.output, &arguments.scopes)?.unwrap_or_else(ScopeSet::standard),
        environment: arguments.place.environment()?.unwrap_or(Environment::Webex),
    })
}

fn absent(store: &Store, name: &Name) -> Result<()> {
    match store.app(name)? {
        None => Ok(()),
        Some(app) => {
            let name = app.name;
            let message = format!("there is already an app {name}");
            Err(Error::new(Kind::Usage, message).with_hint(format!(
                "`webex-connect app update {name}` gives it a new client secret; another app needs another name"
            )))
        }
    }
}

/// The client ID of the command line. Where a person can be asked, what they need to get one is shown first.
fn client_id(context: &Context, arguments: &AddArguments, app: &App) -> Result<String> {
    let id = match &arguments.client_id {
        Some(id) => id.clone(),
        None if context.may_ask() => {
            context.output.note(&portal(app));
            context.output.note("");
            prompt::line("Client ID")?
        }
        None => {
            let name = &app.name;
            let message = format!("the client ID of {name} is missing");
            return Err(Error::new(Kind::Usage, message)
                .with_hint(format!("run `webex-connect app add {name} --client-id ID`")));
        }
    };
    checked_client_id(&id).map(str::to_owned)
}

fn asked(context: &Context) -> Result<Secret> {
    session::runtime()?.block_on(async {
        let mut signals = Signals::catch()?;
        let asked = client_secret::asked(context, &mut signals).await;
        signals.release_after(&asked);
        asked
    })
}

/// A grant belongs to a client ID in an environment, and so do the connections made with the app.
fn stays(app: &App, client_id: Option<&str>, place: &PlaceArguments) -> Result<()> {
    let name = &app.name;
    let other = |message: String| {
        Error::new(Kind::Refused, message).with_hint(
            "that is another app: `webex-connect app add OTHER --client-id ID`, with `--environment` or `--api-base` \
             where it is not Webex's",
        )
    };
    if client_id.is_some_and(|id| id != app.client_id) {
        let message = format!(
            "the app {name} has the client ID {}, which never changes",
            app.client_id
        );
        return Err(other(message));
    }
    match place.environment()? {
        Some(wanted) if wanted != app.environment => Err(other(format!(
            "the app {name} belongs to {}, and can't be moved to {wanted}",
            app.environment
        ))),
        _ => Ok(()),
    }
}

/// The scopes of all lists and presets together; none if there is neither.
fn scopes(output: Output, arguments: &ScopeArguments) -> Result<Option<ScopeSet>> {
    let mut scopes = listed(&arguments.scope)?;
    for preset in arguments.preset.iter().copied() {
        scopes.extend(Preset::scopes(preset));
    }
    warn_of_unknown(output, &scopes);
    Ok(Some(scopes).filter(|scopes| !scopes.is_empty()))
}

/// The app as JSON, or what to enter for it if that is asked for.
fn tell(context: &Context, store: &Store, app: &App, register: bool) -> Result<()> {
    if context.output.json {
        let mut json = to_json(app, &users(&app.name, &store.list()?.connections));
        json["portal"] = portal_json(app);
        return context.output.result_json(&json);
    }
    match register {
        true => context.output.result(&portal(app)),
        false => Ok(()),
    }
}
