//! `sandbox`: the embedded Webex look-alike as a server.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use clap::Args;
use serde_json::json;

use crate::cmd::Context;
use crate::error::{Error, Kind, Result};
use crate::input;
use crate::output::Output;
use crate::sandbox::{self, ENDPOINTS, Fault, FaultError, Form, Log, Options, RegisteredApp};
use crate::session;
use crate::signals::Signals;

/// The largest file of apps read.
const MAX_APPS: u64 = 1024 * 1024;
/// Log lines that wait for a slow reader.
const MAX_LOG_LINES: usize = 10_000;

/// Run a Webex look-alike on this machine, for trying things out and for tests
///
/// The first line on stdout is its API base, for `login --api-base`. It is
/// stricter than Webex: redirect URIs and scopes must be registered, codes
/// work once, verifier and client secret are checked. It listens on 127.0.0.1
/// alone and forgets everything when it ends. Its client is `sandbox`, with
/// the secret `sandbox-secret` and the redirect URI
/// http://127.0.0.1:8911/callback, or the same on localhost.
///
/// Its consent page lets you untick scopes and choose who signs in: two people
/// of one organisation, or one of another. Behind the tokens are people/me,
/// people and rooms, which want the scopes that Webex wants; tokens are revoked
/// at /idb/oauth2/v1/revoke. The device grant is at device/authorize and
/// device/token, for apps with its four helper redirect URIs; a person types
/// the digits at device/verify.
///
///   $ webex-connect sandbox --port 8912
///   $ WEBEX_CONNECT_CLIENT_SECRET=sandbox-secret webex-connect login try \
///       --client-id sandbox --api-base http://127.0.0.1:8912/v1
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
    /// Leave members out of token answers
    ///
    /// A client has to bear each of them missing: RFC 6749 requires the token_type, and the scope where it is not what
    /// was asked for, yet Webex may leave out either. Separate them by commas, or say it again.
    #[arg(long, value_name = "MEMBER", value_delimiter = ',', value_parser = sandbox::OPTIONAL_MEMBERS)]
    omit: Vec<String>,
    /// Make an endpoint fail, as ENDPOINT=STATUS, ENDPOINT=STATUS:CODE or authorize=CODE
    ///
    /// STATUS is 400 to 599 and answers in the shape of Webex's API; with an error CODE it is the shape of the identity
    /// broker. `authorize` shows a page for a STATUS and calls the app back with a CODE. A 429 says Retry-After: 1.
    /// With `*N` at its end the first N requests fail; after them the next --fail for the endpoint holds, or none.
    /// A request that fails changes nothing.
    ///
    /// Endpoints: access_token, authorize, revoke, people/me, people, rooms, authorizations/tokenExpiry,
    /// device/authorize, device/token.
    /// For example: --fail access_token=503*2 --fail revoke=401:invalid_client --fail authorize=access_denied
    #[arg(long, value_name = "FAULT")]
    fail: Vec<String>,
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
    let options = Options {
        port: arguments.port,
        expires_in: arguments.expires_in,
        rotate: arguments.rotate,
        apps,
        form: Form::Foreground {
            omit: arguments.omit.clone(),
            faults: faults(&arguments.fail)?,
        },
        log: arguments.log.then(|| log_to(context.output)),
    };
    session::runtime()?.block_on(async {
        let mut signals = Signals::catch()?;
        let api_base = sandbox::start(options).map_err(|error| not_started(arguments, &error))?;
        if context.output.json {
            context.output.result_json(&json!({"api_base": api_base}))?;
        } else {
            context.output.result(api_base.as_str())?;
        }
        Err(signals.next().await.into_error("the sandbox has ended"))
    })
}

fn faults(texts: &[String]) -> Result<Vec<Fault>> {
    let read = |text: &String| {
        text.parse::<Fault>().map_err(|error| {
            let hint = match error {
                FaultError::Endpoint => format!("it is one of {}", ENDPOINTS.join(", ")),
                _ => "write it like `--fail access_token=503`, `--fail access_token=400:invalid_grant*1` or \
                      `--fail authorize=access_denied`"
                    .to_owned(),
            };
            Error::new(Kind::Usage, format!("can't fail like {text:?}"))
                .with_detail(&error.to_string())
                .with_hint(hint)
        })
    };
    texts.iter().map(read).collect()
}

/// Writes the log from a thread of its own: whoever does not read it holds up nobody but the log.
fn log_to(output: Output) -> Log {
    let (lines, written) = mpsc::sync_channel::<String>(MAX_LOG_LINES);
    std::thread::spawn(move || {
        for line in written {
            if output.result(&line).is_err() {
                return;
            }
        }
    });
    // A full channel drops the line.
    Box::new(move |line| drop(lines.try_send(line.to_string())))
}

fn not_started(arguments: &Arguments, error: &io::Error) -> Error {
    let port = arguments.port;
    let (kind, message, hint) = match error.kind() {
        io::ErrorKind::AddrInUse => (
            Kind::PortInUse,
            format!("port {port} is in use by another program"),
            "leave `--port` out to take a free one",
        ),
        io::ErrorKind::InvalidInput => (
            Kind::Usage,
            "the file of apps can't be used".to_owned(),
            "`webex-connect sandbox --help` shows what `--app` takes",
        ),
        _ => (
            Kind::Failure,
            format!("could not run the sandbox on port {port}"),
            "leave `--port` out to take a free one",
        ),
    };
    Error::new(kind, message)
        .with_detail(&error.to_string())
        .with_hint(hint)
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
    let text = input::file(path, MAX_APPS).map_err(|error| refused(&error.to_string()))?;
    if text.len() as u64 > MAX_APPS {
        return Err(refused("it is larger than a megabyte"));
    }
    // serde_json's own text may quote a secret.
    serde_json::from_slice(&text).map_err(|error| {
        refused(&format!(
            "line {}, column {} is not what was expected",
            error.line(),
            error.column()
        ))
    })
}
