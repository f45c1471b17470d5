//! Which Webex is meant, for every command that can be told.

use clap::Args;

use crate::app::Environment;
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
