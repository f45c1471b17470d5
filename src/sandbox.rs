//! The sandbox: a Webex look-alike inside this program, on loopback, for trying a login without an account.
//!
//! It is stricter than Webex: what it lets pass is right by RFC 6749, RFC 7636 and RFC 8628, what it refuses it
//! explains. It shares nothing with the client side of this program but the HTTP server, the pages, the scope
//! catalogue and the type of a secret, so that a mistake there is not mirrored here.

mod answer;
mod authorize;
mod bearer;
mod bounded;
mod client;
mod codes;
mod consent;
mod described;
mod device;
mod devices;
mod directory;
mod exchange;
mod faults;
mod grant;
mod kept;
mod listing;
mod log;
mod params;
mod people;
mod random;
mod revoke;
mod rooms;
mod tokens;

use std::collections::HashSet;
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::http::{Request, Response, Server, Verdict};
use crate::moment::now;
use crate::scope::{ScopeSet, catalogue};
use crate::secret::Secret;

use answer::{Answer, Refusal};
use faults::{Faults, Outcome};
use grant::Lifetimes;
use tokens::Tokens;

pub use faults::{ENDPOINTS, Fault, FaultError, OPTIONAL_MEMBERS};

/// The client ID of the app that is there without registering one.
pub const CLIENT_ID: &str = "sandbox";
/// Its secret. It is public on purpose: it opens nothing but the sandbox.
pub const CLIENT_SECRET: &str = "sandbox-secret";
/// Seconds an access token lives: what Webex answers, 14 days less the second it took.
pub const DEFAULT_EXPIRES_IN: u64 = 1_209_599;

/// The largest form taken. A refresh token that describes all of the catalogue has 8 KiB.
const MAX_BODY: usize = 16 * 1024;

/// An app known to the sandbox (RFC 6749 §2).
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "AppFile")]
pub struct RegisteredApp {
    pub name: String,
    pub client_id: String,
    pub client_secret: Secret,
    /// Compared verbatim, as Webex does: strings, not addresses.
    pub redirect_uris: Vec<String>,
    pub scopes: ScopeSet,
}

/// The app of `sandbox` / `sandbox-secret`, registered for the device grant too and with every scope of the catalogue.
pub fn default_app(mut redirect_uris: Vec<String>) -> RegisteredApp {
    redirect_uris.extend(device::helper_uris());
    RegisteredApp {
        name: "Sandbox app".to_owned(),
        client_id: CLIENT_ID.to_owned(),
        client_secret: Secret::new(CLIENT_SECRET),
        redirect_uris,
        scopes: every_scope(),
    }
}

/// How a sandbox is to behave.
pub struct Options {
    /// The port on 127.0.0.1; 0 takes any that is free.
    pub port: u16,
    /// Seconds an access token lives.
    pub expires_in: u64,
    /// Whether each refresh retires the refresh token it used (RFC 9700 §4.14.2).
    pub rotate: bool,
    pub apps: Vec<RegisteredApp>,
    pub form: Form,
    pub log: Option<Log>,
}

/// Where a sandbox runs, which decides what its tokens are.
pub enum Form {
    /// A server of its own: opaque tokens, kept in memory, gone when it ends.
    Foreground {
        /// Members left out of token answers, out of [`OPTIONAL_MEMBERS`].
        omit: Vec<String>,
        faults: Vec<Fault>,
    },
    /// Inside another command: tokens describe themselves, so that they hold after this process.
    Embedded {
        /// The authorization endpoint answers at once, as if Allow had been pressed.
        approve: bool,
    },
}

/// Takes one JSON value a request. Secrets never reach it.
pub type Log = Box<dyn Fn(&Value) + Send + Sync>;

/// Binds 127.0.0.1 and serves as a task of the current tokio runtime, with which it ends. Gives the API base,
/// `http://127.0.0.1:PORT/v1`.
///
/// # Errors
/// [`io::ErrorKind::InvalidInput`] for an app that could never be used; no runtime, or the port is taken.
pub fn start(options: Options) -> io::Result<Url> {
    let runtime = tokio::runtime::Handle::try_current().map_err(io::Error::other)?;
    check_apps(&options.apps)?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port));
    let server = Server::bind(&[address], MAX_BODY)?;
    let port = server.port()?;
    let api_base = Url::parse(&format!("http://127.0.0.1:{port}/v1")).map_err(io::Error::other)?;
    let service = Service::new(options, api_base.clone(), port);
    runtime.spawn(
        server.serve(move |request| -> Verdict<Infallible> {
            Verdict::Answer(service.answer(request))
        }),
    );
    Ok(api_base)
}

/// Refuses at the start what would otherwise show as a puzzling refusal in the middle of a login.
fn check_apps(apps: &[RegisteredApp]) -> io::Result<()> {
    let refuse = |reason: String| Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
    let mut seen = HashSet::new();
    for app in apps {
        let id = &app.client_id;
        if id.is_empty() || app.client_secret.expose().is_empty() {
            return refuse("an app has no client ID or no client secret".to_owned());
        }
        if !seen.insert(id) {
            return refuse(format!("two apps have the client ID {id:?}"));
        }
        for uri in &app.redirect_uris {
            // RFC 6749 §3.1.2: absolute, and without a fragment.
            if !Url::parse(uri).is_ok_and(|uri| uri.fragment().is_none()) {
                return refuse(format!("{uri:?} can't be a redirect URI"));
            }
        }
    }
    Ok(())
}

/// An app as a file states it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AppFile {
    name: Option<String>,
    client_id: String,
    client_secret: Secret,
    redirect_uris: Vec<String>,
    #[serde(default = "every_scope")]
    scopes: ScopeSet,
}

impl From<AppFile> for RegisteredApp {
    fn from(file: AppFile) -> RegisteredApp {
        RegisteredApp {
            name: file.name.unwrap_or_else(|| file.client_id.clone()),
            client_id: file.client_id,
            client_secret: file.client_secret,
            redirect_uris: file.redirect_uris,
            scopes: file.scopes,
        }
    }
}

/// The catalogue as a set. It is compiled in, and a test holds that it reads.
fn every_scope() -> ScopeSet {
    ScopeSet::try_from(catalogue::names().map(str::to_owned).collect::<Vec<_>>())
        .unwrap_or_default()
}

/// What the endpoints share.
struct Service {
    apps: Vec<RegisteredApp>,
    approve: bool,
    omit: Vec<String>,
    api_base: Url,
    /// The names by which a browser may have come here.
    hosts: [String; 2],
    state: Mutex<State>,
    log: Option<Log>,
}

/// All that changes, behind one lock.
struct State {
    pending: authorize::Pending,
    codes: codes::Codes,
    devices: devices::Devices,
    tokens: Tokens,
    faults: Faults,
}

impl Service {
    fn new(options: Options, api_base: Url, port: u16) -> Service {
        let lifetimes = Lifetimes {
            expires_in: options.expires_in,
            rotate: options.rotate,
        };
        let (tokens, approve, omit, faults) = match options.form {
            Form::Foreground { omit, faults } => (Tokens::kept(lifetimes), false, omit, faults),
            Form::Embedded { approve } => (
                Tokens::described(lifetimes),
                approve,
                Vec::new(),
                Vec::new(),
            ),
        };
        Service {
            apps: options.apps,
            approve,
            omit,
            api_base,
            hosts: [format!("127.0.0.1:{port}"), format!("localhost:{port}")],
            state: Mutex::new(State {
                pending: authorize::Pending::default(),
                codes: codes::Codes::default(),
                devices: devices::Devices::default(),
                tokens,
                faults: Faults::new(faults),
            }),
            log: options.log,
        }
    }

    fn answer(&self, request: &Request) -> Response {
        let now = now();
        let answer = self
            .route(request, now.as_second())
            .unwrap_or_else(Answer::from);
        if let Some(log) = &self.log {
            log(&log::entry(request, &answer, now));
        }
        answer.response
    }

    fn route(&self, request: &Request, now: i64) -> Result<Answer, Refusal> {
        let (path, method) = (request.path(), request.method.as_str());
        self.fail(path)?;
        match (path, method) {
            ("/v1/authorize", "GET") => authorize::ask(self, request, now),
            ("/v1/authorize", "POST") => authorize::decide(self, request, now),
            ("/v1/access_token", "POST") => exchange::answer(self, request, now),
            ("/v1/device/authorize", "POST") => device::authorize(self, request, now),
            ("/v1/device/token", "POST") => device::token(self, request, now),
            ("/v1/device/verify", "GET") => device::verify(self, request, now),
            ("/v1/device/verify", "POST") => device::enter(self, request, now),
            ("/v1/device/consent", "POST") => device::decide(self, request, now),
            ("/v1/people/me", "GET") => directory::me(self, request, now),
            ("/v1/people", "GET") => directory::list(self, request, now),
            ("/v1/people", "POST") => directory::add(self, request, now),
            ("/v1/rooms", "GET") => rooms::list(self, request, now),
            ("/v1/authorizations/tokenExpiry", "GET") => bearer::token_expiry(self, request, now),
            (revoke::PATH, "POST") => revoke::answer(self, request, now),
            (room, "GET") if room.starts_with(rooms::PREFIX) => rooms::one(self, request, now),
            ("/v1/authorize" | "/v1/device/verify" | "/v1/people", _) => {
                Err(Refusal::method("GET, POST"))
            }
            (
                "/v1/access_token"
                | "/v1/device/authorize"
                | "/v1/device/token"
                | "/v1/device/consent"
                | revoke::PATH,
                _,
            ) => Err(Refusal::method("POST")),
            ("/v1/people/me" | "/v1/rooms" | "/v1/authorizations/tokenExpiry", _) => {
                Err(Refusal::method("GET"))
            }
            _ => Err(Refusal::not_found()),
        }
    }

    /// Fails before anything else, so that a request that is to fail changes nothing. The authorization endpoint
    /// does so by itself, once it knows whom to call back.
    fn fail(&self, path: &str) -> Result<(), Refusal> {
        let endpoint = match path.strip_prefix("/v1/") {
            Some("authorize" | "revoke") => return Ok(()),
            Some(endpoint) => endpoint,
            None if path == revoke::PATH => "revoke",
            None => return Ok(()),
        };
        match self.state().faults.strike(endpoint) {
            Some(Outcome::Refuse(refusal)) => Err(refusal),
            _ => Ok(()),
        }
    }

    /// The address of a path below the API base.
    fn address(&self, path: &str) -> Url {
        let mut address = self.api_base.clone();
        address.set_path(&format!("{}/{path}", self.api_base.path()));
        address
    }

    fn app(&self, client_id: &str) -> Option<&RegisteredApp> {
        self.apps.iter().find(|app| app.client_id == client_id)
    }

    /// A panic elsewhere leaves whole records behind, so the state is taken over.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_app_has_the_whole_catalogue() {
        assert_eq!(
            default_app(Vec::new()).scopes.len(),
            catalogue::names().count()
        );
    }

    #[test]
    fn an_app_file_may_leave_out_name_and_scopes_and_add_nothing() {
        let text = r#"{"client_id": "a", "client_secret": "b", "redirect_uris": []}"#;
        let app: RegisteredApp = serde_json::from_str(text).unwrap();
        assert_eq!((app.name.as_str(), app.scopes), ("a", every_scope()));
        let text = r#"{"client_id": "a", "client_secret": "b", "redirect_uris": [], "x": 1}"#;
        assert!(serde_json::from_str::<RegisteredApp>(text).is_err());
    }

    #[test]
    fn an_app_that_could_never_be_used_is_refused() {
        let with = |uri: &str| [default_app(vec![uri.to_owned()])];
        assert!(check_apps(&with("http://127.0.0.1:8911")).is_ok());
        assert!(check_apps(&with("/callback")).is_err());
        assert!(check_apps(&with("http://127.0.0.1/#x")).is_err());
        assert!(check_apps(&[default_app(Vec::new()), default_app(Vec::new())]).is_err());
    }
}
