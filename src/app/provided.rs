//! An app that whoever packages or administers this machine provides, so that the person needs none of their own.
//!
//! Its client secret can be read by everybody who may use it and protects nothing from them (RFC 8252 §8.5).

#[cfg_attr(not(unix), path = "provided/system_file_elsewhere.rs")]
mod system_file;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::app::{App, DEFAULT_REDIRECT_URI, Environment, RedirectUri, is_credential};
use crate::error::{Error, Kind, Result};
use crate::name::Name;
use crate::scope::ScopeSet;
use crate::secret::Secret;
use crate::variables;

/// What a provided app is called.
pub const NAME: &str = "provided";
/// The administrator's file. Its place is fixed: who could move it could choose the app.
pub const SYSTEM_FILE: &str = "/etc/webex-connect/app.json";

/// Whether a name is the provided app's; no own app may take it.
pub fn is_taken(name: &Name) -> bool {
    name.folded() == NAME
}

/// The name, for an own app.
///
/// # Errors
/// [`Kind::Usage`] for the provided app's.
pub fn not_taken(name: Name) -> Result<Name> {
    match is_taken(&name) {
        false => Ok(name),
        true => Err(Error::new(
            Kind::Usage,
            format!("{name} means the app that is provided to this machine"),
        )
        .with_hint("choose another name, for example `webex-connect app add work`")),
    }
}

/// Where a provided app comes from. ID, secret and redirect URI are all of one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    Environment,
    SystemFile,
    Build,
}

/// For people: "provided by …".
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Source::Environment => "the environment",
            Source::SystemFile => SYSTEM_FILE,
            Source::Build => "this build",
        })
    }
}

/// A provided app.
#[derive(Debug)]
pub struct ProvidedApp {
    pub source: Source,
    pub client_id: String,
    pub client_secret: Secret,
    pub redirect_uri: RedirectUri,
    /// What its provider means it to ask for, where they say so.
    pub scopes: Option<ScopeSet>,
    /// Where it belongs; an app out of variables belongs where the command line says.
    pub environment: Option<Environment>,
}

impl ProvidedApp {
    /// The app for a login or a refresh in `wanted`; without that, in the app's own environment, else Webex.
    ///
    /// # Errors
    /// [`Kind::Refused`] if the app belongs to another environment: its secret goes nowhere else.
    pub fn app(self, wanted: Option<&Environment>) -> Result<App> {
        let environment = match (self.environment, wanted) {
            (Some(own), Some(wanted)) if own != *wanted => {
                let source = self.source;
                let message =
                    format!("the app provided by {source} belongs to {own}, not to {wanted}");
                return Err(Error::new(Kind::Refused, message).with_hint(
                    "use an app of your own: `webex-connect app add NAME --client-id ID`",
                ));
            }
            (Some(own), _) => own,
            (None, Some(wanted)) => wanted.clone(),
            (None, None) => Environment::Webex,
        };
        Ok(App {
            revision: 0,
            name: Name::parse(NAME)?,
            client_id: self.client_id,
            client_secret: self.client_secret,
            redirect_uri: self.redirect_uri,
            scopes: self.scopes.unwrap_or_else(ScopeSet::standard),
            environment,
        })
    }
}

/// The provided app, from the first source that has one.
///
/// # Errors
/// [`Kind::App`] if that source is wrong in any way: another one is never taken in its stead.
pub fn provided() -> Result<Option<ProvidedApp>> {
    if let Some(app) = from_variables()? {
        return Ok(Some(app));
    }
    if let Some(text) = system_file::read(SYSTEM_FILE)? {
        return from_file(&text).map(Some);
    }
    from_build(
        option_env!("WEBEX_CONNECT_BUILD_CLIENT_ID"),
        option_env!("WEBEX_CONNECT_BUILD_CLIENT_SECRET"),
        option_env!("WEBEX_CONNECT_BUILD_REDIRECT_URI"),
    )
}

/// The error where somebody asks for the provided app and there is none.
pub fn none() -> Error {
    Error::new(Kind::App, "no app is provided to this machine").with_hint(
        "add one of your own with `webex-connect app add NAME`, or see what there is with `webex-connect app list`",
    )
}

/// Three variables. The secret alone is no app: it goes with `--client-id`.
fn from_variables() -> Result<Option<ProvidedApp>> {
    let id = variables::read(variables::CLIENT_ID)?;
    let secret = variables::read(variables::CLIENT_SECRET)?;
    let redirect_uri = variables::read(variables::REDIRECT_URI)?;
    let lacks = |what: &str| {
        let all = format!("{}, {}", variables::CLIENT_ID, variables::CLIENT_SECRET);
        Error::new(
            Kind::App,
            format!("the app in the environment has no {what}"),
        )
        .with_hint(format!(
            "set {all} and, if need be, {}; or unset all three",
            variables::REDIRECT_URI
        ))
    };
    match (id, secret, redirect_uri) {
        (None, _, None) => Ok(None),
        (None, _, Some(_)) => Err(lacks("client ID")),
        (Some(_), None, _) => Err(lacks("client secret")),
        (Some(id), Some(secret), redirect_uri) => {
            let given = Given {
                client_id: id,
                client_secret: Secret::new(secret),
                redirect_uri,
                scopes: None,
                environment: None,
            };
            given.checked(Source::Environment).map(Some)
        }
    }
}

fn from_file(text: &str) -> Result<ProvidedApp> {
    // serde_json's own text quotes what it stumbles over, which may be the secret.
    let given: Given = serde_json::from_str(text).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        wrong(Source::SystemFile, &format!("is not as it should be, at {place}")).with_hint(
            "it holds one JSON object of client_id, client_secret and, if need be, redirect_uri, scopes, environment",
        )
    })?;
    let environment = given.environment.clone();
    let mut app = given.checked(Source::SystemFile)?;
    app.environment = Some(match environment.as_deref() {
        None | Some("webex") => Environment::Webex,
        Some("webex-gov") => Environment::WebexGov,
        Some(base) => Environment::from_api_base(base).map_err(|_| {
            let problem =
                "names an environment that is neither webex nor webex-gov nor an https URL";
            wrong(Source::SystemFile, problem)
        })?,
    });
    Ok(app)
}

/// The three values a packager compiled in; empty ones count as none.
fn from_build(
    id: Option<&str>,
    secret: Option<&str>,
    redirect_uri: Option<&str>,
) -> Result<Option<ProvidedApp>> {
    let set = |value: Option<&str>| {
        value
            .filter(|value| !value.is_empty())
            .map(ToOwned::to_owned)
    };
    let given = match (set(id), set(secret), set(redirect_uri)) {
        (None, None, None) => return Ok(None),
        (Some(client_id), Some(secret), redirect_uri) => Given {
            client_id,
            client_secret: Secret::new(secret),
            redirect_uri,
            scopes: None,
            environment: None,
        },
        _ => {
            let problem = "has only half of an app compiled in";
            return Err(wrong(Source::Build, problem).with_hint(
                "build it with WEBEX_CONNECT_BUILD_CLIENT_ID and WEBEX_CONNECT_BUILD_CLIENT_SECRET, or with neither",
            ));
        }
    };
    let mut app = given.checked(Source::Build)?;
    app.environment = Some(Environment::Webex);
    Ok(Some(app))
}

/// A provided app as it is written down.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    client_id: String,
    client_secret: Secret,
    redirect_uri: Option<String>,
    scopes: Option<Scopes>,
    environment: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Scopes {
    List(Vec<String>),
    Text(String),
}

impl Given {
    fn checked(self, source: Source) -> Result<ProvidedApp> {
        if !is_credential(&self.client_id) {
            return Err(wrong(
                source,
                "has a client ID that is empty or has white space in it",
            ));
        }
        if !is_credential(self.client_secret.expose()) {
            return Err(wrong(
                source,
                "has a client secret that is empty or has white space in it",
            ));
        }
        let redirect_uri = self.redirect_uri.as_deref().unwrap_or(DEFAULT_REDIRECT_URI);
        let redirect_uri = RedirectUri::parse(redirect_uri).map_err(|_| {
            wrong(
                source,
                "has a redirect URI that is not http on this machine with a port",
            )
            .with_hint(format!("for example {DEFAULT_REDIRECT_URI}"))
        })?;
        let scopes = self.scopes.map(|scopes| match scopes {
            Scopes::List(names) => ScopeSet::parse(&names.join(" ")),
            Scopes::Text(text) => ScopeSet::parse(&text),
        });
        let scopes = scopes.transpose().map_err(|error| {
            wrong(source, "has scopes that are none").with_detail(&error.to_string())
        })?;
        Ok(ProvidedApp {
            source,
            client_id: self.client_id,
            client_secret: self.client_secret,
            redirect_uri,
            scopes,
            environment: None,
        })
    }
}

fn wrong(source: Source, problem: &str) -> Error {
    let subject = match source {
        Source::Environment => "the app in the environment".to_owned(),
        Source::SystemFile => format!("the provided app in {SYSTEM_FILE}"),
        Source::Build => "this build".to_owned(),
    };
    let cure = match source {
        Source::Environment => format!(
            "set {}, {} and {} anew, or unset all three",
            variables::CLIENT_ID,
            variables::CLIENT_SECRET,
            variables::REDIRECT_URI
        ),
        Source::SystemFile => "ask the administrator of this machine to mend it".to_owned(),
        Source::Build => "ask whoever built this program".to_owned(),
    };
    Error::new(Kind::App, format!("{subject} {problem}")).with_hint(cure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_has_a_whole_app_or_none() {
        let built = |id, secret, uri| from_build(id, secret, uri);
        assert!(built(None, None, None).unwrap().is_none());
        assert!(built(Some(""), Some(""), Some("")).unwrap().is_none());
        for half in [
            (Some("id"), None, None),
            (None, Some("secret"), None),
            (None, None, Some(DEFAULT_REDIRECT_URI)),
            (Some("id"), Some(""), Some(DEFAULT_REDIRECT_URI)),
        ] {
            assert_eq!(built(half.0, half.1, half.2).unwrap_err().kind, Kind::App);
        }
        let app = built(Some("id"), Some("secret"), None).unwrap().unwrap();
        assert_eq!(app.source, Source::Build);
        assert_eq!(app.client_id, "id");
        assert_eq!(app.client_secret.expose(), "secret");
        assert_eq!(app.redirect_uri.as_str(), DEFAULT_REDIRECT_URI);
        assert_eq!(app.environment, Some(Environment::Webex));
        let uri = "http://localhost:6855";
        let app = built(Some("id"), Some("secret"), Some(uri))
            .unwrap()
            .unwrap();
        assert_eq!(app.redirect_uri.as_str(), uri);
        assert!(built(Some("id"), Some("secret"), Some("https://x/")).is_err());
    }

    #[test]
    fn a_file_says_where_it_belongs_and_what_to_ask_for() {
        let app = from_file(r#"{"client_id": "i", "client_secret": "s"}"#).unwrap();
        assert_eq!(app.environment, Some(Environment::Webex));
        assert!(app.scopes.is_none());
        for scopes in [r#""spark:b spark:a""#, r#"["spark:a", "spark:b"]"#] {
            let text = format!(
                r#"{{"client_id": "i", "client_secret": "s", "scopes": {scopes}, "environment": "webex-gov"}}"#
            );
            let app = from_file(&text).unwrap();
            assert_eq!(app.environment, Some(Environment::WebexGov));
            assert_eq!(app.scopes.unwrap().to_string(), "spark:a spark:b");
        }
        let base = r#"{"client_id": "i", "client_secret": "s", "environment": "https://webex.example/v1"}"#;
        let app = from_file(base).unwrap();
        assert_eq!(app.environment.unwrap().name(), "custom");
    }

    #[test]
    fn a_file_that_is_off_is_refused_without_a_word_of_it() {
        for text in [
            "",
            "[]",
            r#"{"client_id": "i"}"#,
            r#"{"client_id": "i", "client_secret": 5314}"#,
            r#"{"client_id": "i", "client_secret": "s3cret 5314"}"#,
            r#"{"client_id": "", "client_secret": "s3cret"}"#,
            r#"{"client_id": "i", "client_secret": "s3cret", "s3cret": 1}"#,
            r#"{"client_id": "i", "client_secret": "s3cret", "redirect_uri": "https://s3cret/"}"#,
            r#"{"client_id": "i", "client_secret": "s3cret", "scopes": []}"#,
            r#"{"client_id": "i", "client_secret": "s3cret", "scopes": "\""}"#,
            r#"{"client_id": "i", "client_secret": "s3cret", "environment": "s3cret"}"#,
            r#"{"client_id": "i", "client_secret": "s3cret", "environment": "http://s3cret/v1"}"#,
        ] {
            let error = from_file(text).unwrap_err();
            let told = format!("{error} {:?}", error.hint);
            assert_eq!(error.kind, Kind::App, "{text}");
            assert!(told.contains(SYSTEM_FILE), "{told}");
            assert!(!told.contains("s3cret") && !told.contains("5314"), "{told}");
        }
    }

    #[test]
    fn an_app_stays_where_it_belongs() {
        let app = || {
            from_build(Some("id"), Some("secret"), None)
                .unwrap()
                .unwrap()
        };
        assert_eq!(app().app(None).unwrap().environment, Environment::Webex);
        let elsewhere = app().app(Some(&Environment::WebexGov));
        assert_eq!(elsewhere.err().unwrap().kind, Kind::Refused);
        let mut anywhere = app();
        anywhere.environment = None;
        let app = anywhere.app(Some(&Environment::WebexGov)).unwrap();
        assert_eq!(app.environment, Environment::WebexGov);
    }
}
