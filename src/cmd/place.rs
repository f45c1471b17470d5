//! Which Webex an app is registered at, and with which redirect URI: for every command that can be told.

use clap::Args;

use crate::app::{Environment, RedirectUri};
use crate::error::Result;

/// Where an app is registered.
#[derive(Args)]
pub struct PlaceArguments {
    /// Which Webex the app is registered at
    #[arg(long, value_enum, conflicts_with = "api_base")]
    environment: Option<PublicEnvironment>,
    /// Another API base: https, or http on this machine
    #[arg(long, value_name = "URL")]
    api_base: Option<String>,
}

/// The redirect URI of an app that is new here.
#[derive(Args)]
pub struct RedirectUriArgument {
    /// The redirect URI registered on the app: http on 127.0.0.1, localhost or ::1, with a port
    /// [default: http://127.0.0.1:8911/callback]
    ///
    /// It is taken as it is, so an app registered for another Webex tool works unchanged:
    /// http://localhost:6001/redirect, http://localhost:8085/callback, http://localhost:6855
    #[arg(long, value_name = "URI")]
    redirect_uri: Option<String>,
}

impl RedirectUriArgument {
    pub fn is_given(&self) -> bool {
        self.redirect_uri.is_some()
    }

    /// The redirect URI that the command line names, if it names one.
    ///
    /// # Errors
    /// As for [`RedirectUri::parse`].
    pub fn given(&self) -> Result<Option<RedirectUri>> {
        let text = self.redirect_uri.as_deref();
        text.map(RedirectUri::parse).transpose()
    }
}

/// The option that names an environment, after a space; nothing for the one meant without it.
pub fn option(environment: &Environment) -> String {
    match environment {
        Environment::Webex => String::new(),
        Environment::WebexGov => " --environment webex-gov".to_owned(),
        Environment::Custom(base) => format!(" --api-base {base}"),
        Environment::Sandbox => " --sandbox".to_owned(),
    }
}

/// The public Webex environments.
#[derive(Clone, Copy, clap::ValueEnum)]
enum PublicEnvironment {
    Webex,
    WebexGov,
}

impl PlaceArguments {
    /// The environment the command line names, if it names one.
    ///
    /// # Errors
    /// [`Kind::Usage`](crate::error::Kind::Usage) for an API base that can be none.
    pub fn environment(&self) -> Result<Option<Environment>> {
        if let Some(base) = &self.api_base {
            return Environment::from_api_base(base).map(Some);
        }
        Ok(self.environment.map(|environment| match environment {
            PublicEnvironment::Webex => Environment::Webex,
            PublicEnvironment::WebexGov => Environment::WebexGov,
        }))
    }
}
