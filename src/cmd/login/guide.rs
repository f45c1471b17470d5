//! The way from no app to a registered one, for a person at a terminal.

use crate::app::portal::registration;
use crate::app::provided::SYSTEM_FILE;
use crate::app::{Environment, PORTAL, RedirectUri, is_credential};
use crate::browser;
use crate::cmd::Context;
use crate::cmd::login::Arguments;
use crate::cmd::login::client::{Client, new_own_app};
use crate::cmd::place;
use crate::error::{Error, Kind, Result};
use crate::loopback::Listener;
use crate::name::Name;
use crate::prompt;
use crate::scope::ScopeSet;
use crate::store::Store;
use crate::variables;

/// Says what to register, opens the portal, and asks for the client ID; the secret is asked for later, as ever.
///
/// # Errors
/// [`Kind::App`] with the commands to run where nobody can be asked.
pub fn register(
    context: &Context,
    arguments: &Arguments,
    store: &Store,
    name: &Name,
    scopes: &ScopeSet,
    environment: Option<&Environment>,
) -> Result<Client> {
    let redirect_uri = arguments.redirect_uri.given()?.unwrap_or_default();
    if !context.may_ask() {
        return Err(match arguments.refresh_token_stdin {
            true => no_app_for_the_token(name, environment),
            false => no_app(name, &redirect_uri, environment),
        });
    }
    // Nobody registers an app for a store that then can't keep it, or for a port that is taken.
    store.ensure_key()?;
    store.preflight(None)?;
    if !arguments.device {
        drop(Listener::bind(&redirect_uri)?);
    }
    let output = context.output;
    let environment_or = environment.unwrap_or(&Environment::Webex);
    output.note(
        "there is no app to sign in with yet: Webex takes sign-ins only for an app (it\n\
         says \"integration\") that you registered there, which is done once\n",
    );
    output.note(&registration(
        name.as_str(),
        &redirect_uri,
        scopes,
        environment_or,
    ));
    output.note("");
    let opens = !arguments.no_browser && browser::is_desktop();
    if opens || arguments.browser.is_some() {
        prompt::line(&format!("Press Enter to open {PORTAL}"))?;
        // Where no browser comes up, the address stands on the screen.
        drop(browser::open(PORTAL, arguments.browser.as_deref()));
    }
    output.note("Webex then shows the app's client ID and, this once, its client secret");
    loop {
        let client_id = prompt::line("Client ID")?;
        match client_id.trim() {
            "" => output.note("it stands on the app's page at Webex (Ctrl-C ends this)"),
            id if !is_credential(id) => {
                output.note("a client ID has no white space in it");
            }
            id => return new_own_app(name, id, redirect_uri, environment),
        }
    }
}

fn no_app_for_the_token(name: &Name, environment: Option<&Environment>) -> Error {
    let place = environment.map(place::option).unwrap_or_default();
    Error::new(Kind::App, "there is no app that the refresh token could belong to").with_hint(format!(
        "say which it is: `webex-connect login {name} --refresh-token-stdin --client-id ID --client-secret-file \
         FILE{place}`"
    ))
}

fn no_app(name: &Name, redirect_uri: &RedirectUri, environment: Option<&Environment>) -> Error {
    let place = environment.map(place::option).unwrap_or_default();
    Error::new(Kind::App, "there is no app to sign in with").with_hint(format!(
        "register one at {PORTAL} with the redirect URI {redirect_uri}, then run `webex-connect login {name} \
         --client-id ID --client-secret-stdin{place}`; `webex-connect app add {name} --client-id ID{place}` says all \
         there is to enter; {} and {} provide an app to every login, and so does {SYSTEM_FILE}",
        variables::CLIENT_ID,
        variables::CLIENT_SECRET
    ))
}
