//! The apps there are, and what they make a login use: redirect URIs and API bases.

use url::Url;

use crate::app::provided::{self, ProvidedApp, provided};
use crate::app::{Environment, RedirectUri};
use crate::cmd::doctor::finding::Finding;
use crate::store::Listing;

const APP: &str = "app";

/// What logins and refreshes on this machine use, each once.
pub struct Uses {
    /// At least one: a login without an app of its own begins with the default.
    pub redirect_uris: Vec<RedirectUri>,
    /// None if nothing here is on the network: all there is are connections to the sandbox.
    pub bases: Vec<Url>,
}

impl Uses {
    /// By what the store holds, if that is known, and by the provided app.
    pub fn of(listing: Option<&Listing>) -> Uses {
        let provided = provided().ok().flatten();
        let apps = listing.map_or(&[][..], |listing| &listing.apps);
        let connections = listing.map_or(&[][..], |listing| &listing.connections);
        let by_provider = provided.as_ref().map(|app| app.redirect_uri.clone());
        let uris = apps.iter().map(|app| app.redirect_uri.clone());
        let mut redirect_uris = each_once(by_provider.into_iter().chain(uris));
        if redirect_uris.is_empty() {
            redirect_uris.push(RedirectUri::default());
        }
        let by_provider = provided.map(|app| app.environment.unwrap_or(Environment::Webex));
        let of_apps = apps.iter().map(|app| app.environment.clone());
        let of_connections = connections.iter().map(|one| one.environment.clone());
        let mut environments: Vec<Environment> = by_provider
            .into_iter()
            .chain(of_apps)
            .chain(of_connections)
            .collect();
        if environments.is_empty() {
            environments.push(Environment::Webex);
        }
        let bases = environments.iter().filter_map(Environment::api_base);
        Uses {
            redirect_uris,
            bases: each_once(bases),
        }
    }
}

fn each_once<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = Vec::new();
    for item in items {
        if !seen.contains(&item) {
            seen.push(item);
        }
    }
    seen
}

pub fn examine(listing: Option<&Listing>) -> Vec<Finding> {
    let mut findings = Vec::new();
    match provided() {
        Ok(Some(app)) => findings.push(Finding::ok(APP, by_whom(&app))),
        Ok(None) => {}
        Err(error) => {
            let look = format!("`webex-connect app show {}` says the same", provided::NAME);
            findings.push(Finding::fail(APP, &error, &look));
        }
    }
    match listing {
        Some(listing) if !listing.apps.is_empty() => {
            let names: Vec<&str> = listing.apps.iter().map(|app| app.name.as_str()).collect();
            let message = format!("{} of your own: {}", names.len(), names.join(", "));
            findings.push(Finding::ok(APP, message));
        }
        None if findings.is_empty() => findings.push(Finding::warning(
            APP,
            "none is provided; your own are not known: the store could not be read",
            "mend the store, then run `webex-connect doctor` again",
        )),
        Some(_) if findings.is_empty() => findings.push(Finding::warning(
            APP,
            "there is none, neither provided nor your own",
            "add one with `webex-connect app add NAME`; `webex-connect login --sandbox` needs none",
        )),
        Some(_) | None => {}
    }
    findings
}

fn by_whom(app: &ProvidedApp) -> String {
    format!("provided by {}, client ID {}", app.source, app.client_id)
}
