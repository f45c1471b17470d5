//! `sandbox`: the embedded Webex look-alike as a server.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::cmd::Context;
use crate::error::{Error, Kind, Result};
use crate::sandbox::{self, Form, Log, Options, RegisteredApp, Sandbox};
use crate::session;
use crate::signals::Signals;

/// The largest file of apps read.
const MAX_APPS: u64 = 1024 * 1024;

/// Run a Webex look-alike on this machine, for trying things out and for tests
///
/// The first line on stdout is its API base, for `login --api-base`. It is
/// stricter than Webex: redirect URIs and scopes must be registered, codes
/// work once, verifier and client secret are checked. It listens on 127.0.0.1
/// alone and forgets everything when it ends. Its client is `sandbox`, with
/// the secret `sandbox-secret` and the redirect URI
/// http://127.0.0.1:8911/callback, or the same on localhost.
///
///   $ webex-connect sandbox --port 8912
///   $ echo sandbox-secret | webex-connect login try --client-id sandbox \
///       --client-secret-stdin --api-base http://127.0.0.1:8912/v1
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Arguments {
    /// The port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// The life of an access token, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = sandbox::DEFAULT_EXPIRES_IN)]
    expires_in: u64,
    /// Replace the refresh token at every use; a used one kills its whole family
    #[arg(long)]
    rotate: bool,
    /// The registered apps instead of the one built in
    ///
    /// A JSON array of {"client_id", "client_secret", "redirect_uris": […], "scopes": […]}; without "scopes" an app
    /// may ask for every known one.
    #[arg(long, value_name = "FILE")]
    app: Option<PathBuf>,
    /// Write one line of JSON per request to stdout, secrets masked
    #[arg(long)]
    log: bool,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<()> {
    let apps = match &arguments.app {
        Some(path) => read_apps(path)?,
        None => vec![sandbox::default_app(vec![
            "http://127.0.0.1:8911/callback".to_owned(),
            "http://localhost:8911/callback".to_owned(),
        ])],
    };
    let output = context.output;
    let log: Option<Log> = arguments.log.then(|| -> Log {
        // A reader that went away ends the log, not the server.
        Box::new(move |line| drop(output.result(&line.to_string())))
    });
    let options = Options {
        port: arguments.port,
        expires_in: arguments.expires_in,
        rotate: arguments.rotate,
        apps,
        form: Form::Foreground,
        log,
    };
    session::runtime()?.block_on(async {
        let failed = |error: std::io::Error| {
            let message = format!("could not run the sandbox on port {}", arguments.port);
            Error::new(Kind::PortInUse, message)
                .with_detail(&error.to_string())
                .with_hint("leave `--port` out to take a free one")
        };
        let mut signals = Signals::catch()?;
        let sandbox = Sandbox::start(options).map_err(failed)?;
        output.result(sandbox.api_base().as_str())?;
        Err(signals.next().await.into_error("the sandbox has ended"))
    })
}

fn read_apps(path: &Path) -> Result<Vec<RegisteredApp>> {
    let refused = |why: &str| {
        Error::new(
            Kind::Usage,
            format!("can't read apps from {}", path.display()),
        )
        .with_detail(why)
        .with_hint("`webex-connect sandbox --help` shows what the file holds")
    };
    let size = std::fs::metadata(path)
        .map_err(|error| refused(&error.to_string()))?
        .len();
    if size > MAX_APPS {
        return Err(refused("it is larger than a megabyte"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| refused(&error.to_string()))?;
    // serde_json's own text may quote a secret.
    serde_json::from_str(&text).map_err(|error| {
        refused(&format!(
            "line {}, column {} is not what was expected",
            error.line(),
            error.column()
        ))
    })
}
