//! Tokens that people already have: an access token from the portal, a bot's, or a refresh token of a service app.

use serde_json::Value;
use url::Url;

use crate::app::{Environment, PORTAL};
use crate::client::Client;
use crate::cmd::Context;
use crate::cmd::client_secret;
use crate::cmd::guard::ANOTHER_LOGIN;
use crate::cmd::login::NOTHING_STORED;
use crate::cmd::login::ending::Ending;
use crate::cmd::login::outcome::NewConnection;
use crate::cmd::login::plan::{Plan, target, wanted_environment};
use crate::cmd::login::{Arguments, given_secret, try_out};
use crate::cmd::place;
use crate::connection::{
    AuthType, Connection, Grant, Mark, Tokens, is_access_token, is_refresh_token,
};
use crate::error::{Error, Kind, Result};
use crate::moment::now;
use crate::name::Name;
use crate::oauth;
use crate::prompt;
use crate::scope::ScopeSet;
use crate::secret::Secret;
use crate::signals::Signals;
use crate::webex;

/// The members of a token answer (RFC 6749 §5.1) that a person may bring.
const ACCESS_TOKEN: &str = "access_token";
const REFRESH_TOKEN: &str = "refresh_token";

/// Stores an access token that was made elsewhere: Webex says whose it is and when it ends. It can't be refreshed, and
/// nobody tells its scopes.
///
/// # Errors
/// It is no token, Webex does not take it, or the name belongs to a connection of another kind.
pub async fn access_token(context: &Context, arguments: &Arguments) -> Result<()> {
    let store = context.login_store(false)?;
    let wanted = wanted_environment(arguments)?;
    let (name, mut existing) = target(context, arguments, &store, wanted.as_ref())?;
    let environment = place(&name, existing.as_ref(), wanted)?;
    can_come(ACCESS_TOKEN)?;
    try_out(context, &store, &name)?;
    let mut guard = arguments.guard.clone();
    if let Some(existing) = &mut existing {
        guard.ask_owner(&store, existing, &context.wire).await;
        guard.complete(existing, ANOTHER_LOGIN)?;
    }
    let access_token = given(ACCESS_TOKEN)?;
    let mut signals = Signals::catch()?;
    let base = api_base(&environment)?;
    let client = Client::new(&base, &context.wire)?;
    let asking = async {
        let identity = webex::people_me(&client, &base, &access_token).await;
        let identity = identity.map_err(|error| refused(error, &name, &environment))?;
        let expires_at = webex::token_expiry(&client, &base, &access_token).await?;
        Ok::<_, Error>((identity, expires_at))
    };
    let (identity, expires_at) = signals.unless(asking, NOTHING_STORED).await??;
    let connection = Connection {
        revision: 0,
        name,
        auth_type: AuthType::AccessToken,
        app: None,
        environment,
        identity,
        grant: Grant::new(ScopeSet::default(), None),
        tokens: Tokens {
            access_token,
            expires_at,
            refresh_token: None,
            refresh_token_expires_at: None,
            obtained_at: now(),
        },
        mark: Mark::None,
        renaming_to: None,
        renamed_from: None,
    };
    let new = NewConnection {
        connection,
        own_app: None,
    };
    let mut ending = Ending::new(context.output, &store, &client, &base);
    let finished = ending.store(&guard, new, &mut signals).await;
    ending.tell(finished)
}

/// Refreshes a refresh token that was made elsewhere, with the client it belongs to, and stores what comes of it.
///
/// # Errors
/// Webex does not take it, or what came of it can't be kept.
pub async fn refresh_token(context: &Context, arguments: &Arguments) -> Result<()> {
    let store = context.login_store(false)?;
    let mut plan = Plan::settle(context, arguments, &store)?;
    can_come(REFRESH_TOKEN)?;
    try_out(context, &store, &plan.name)?;
    plan.ask_owner(&store, &context.wire).await?;
    match given_secret(&plan, arguments)? {
        Some(secret) => plan.app.client_secret = secret,
        // Nobody can be asked: standard input is taken.
        None if plan.brings_secret => return Err(client_secret::missing(true)),
        None => {}
    }
    let refresh_token = given(REFRESH_TOKEN)?;
    let mut signals = Signals::catch()?;
    let base = api_base(&plan.app.environment)?;
    let client = Client::new(&base, &context.wire)?;
    let mut ending = Ending::new(context.output, &store, &client, &base);
    // A process that refreshes the same connection may be about to spend the same token.
    ending.lock(&plan.name, &mut signals).await?;
    let now = now();
    let before = Tokens {
        // Nothing is known of the access token that came with it.
        access_token: Secret::new(""),
        expires_at: None,
        refresh_token: Some(refresh_token),
        refresh_token_expires_at: None,
        obtained_at: now,
    };
    let mend_client = plan.cures().mend_client;
    let refreshing = oauth::refresh(&client, &base, &plan.app, &before, &mend_client, now);
    let granted = signals.unless(refreshing, NOTHING_STORED).await?;
    let granted = granted.map_err(|refusal| match refusal.error.kind {
        Kind::SignIn => refusal.error.with_hint(format!(
            "copy it again, and check at {PORTAL} that it belongs to the client ID {}",
            plan.app.client_id
        )),
        _ => refusal.error,
    })?;
    let finished = ending.keep(plan, granted, &mut signals).await;
    ending.tell(finished)
}

/// Makes sure that a token can come on standard input, before anything is waited for.
fn can_come(member: &str) -> Result<()> {
    prompt::piped(flag(member)).map_err(|error| error.with_hint(hint(member)))
}

/// The token on standard input: alone, after `Bearer `, or in the JSON that the portal shows.
fn given(member: &str) -> Result<Secret> {
    let off = |what: String| Error::new(Kind::Usage, what).with_hint(hint(member));
    let text = prompt::text_from_stdin(flag(member), member)
        .map_err(|error| error.with_hint(hint(member)))?;
    let text = text.trim();
    let bare = text
        .strip_prefix("Bearer")
        .filter(|rest| !rest.starts_with(|c: char| !c.is_whitespace()));
    let mut token = Secret::new(bare.unwrap_or(text).trim());
    if text.starts_with('{') {
        // serde_json's own text may quote the token.
        let json: Value = serde_json::from_str(text).map_err(|_| {
            off("what came on standard input begins like JSON and is none".to_owned())
        })?;
        let value = json[member].as_str();
        token = value
            .map(Secret::new)
            .ok_or_else(|| off(format!("the JSON on standard input has no {member}")))?;
    }
    let fits = match member {
        ACCESS_TOKEN => is_access_token(token.expose()),
        _ => is_refresh_token(token.expose()),
    };
    match fits {
        true => Ok(token),
        false => Err(off(format!("what came on standard input is no {member}"))),
    }
}

fn flag(member: &str) -> &'static str {
    match member {
        ACCESS_TOKEN => "--token-stdin",
        _ => "--refresh-token-stdin",
    }
}

fn hint(member: &str) -> String {
    let flag = flag(member);
    format!("pipe it in: `webex-connect login NAME {flag} <file`")
}

/// A connection keeps its kind and its environment; a new one belongs where the command line says, else to Webex.
fn place(
    name: &Name,
    existing: Option<&Connection>,
    wanted: Option<Environment>,
) -> Result<Environment> {
    let Some(existing) = existing else {
        return Ok(wanted.unwrap_or(Environment::Webex));
    };
    let message = match wanted {
        _ if existing.auth_type != AuthType::AccessToken => {
            format!("{name} was made by a sign-in with an app; its type never changes")
        }
        Some(wanted) if wanted != existing.environment => {
            format!(
                "{name} belongs to {}, not to {wanted}",
                existing.environment
            )
        }
        _ => return Ok(existing.environment.clone()),
    };
    Err(Error::new(Kind::Refused, message)
        .with_hint("to keep both, use another name: `webex-connect login NAME --token-stdin`"))
}

fn api_base(environment: &Environment) -> Result<Url> {
    environment.api_base().ok_or_else(|| {
        Error::new(
            Kind::Usage,
            "the embedded sandbox takes no tokens from elsewhere",
        )
        .with_hint("run `webex-connect sandbox` and name it with `--api-base`")
    })
}

fn refused(error: Error, name: &Name, environment: &Environment) -> Error {
    match error.kind {
        Kind::SignIn => Error {
            message: "Webex does not accept this access token".to_owned(),
            ..error
        }
        .with_hint(format!(
            "copy it again (a personal one lives 12 hours), then run `webex-connect login {name} --token-stdin{}`",
            place::option(environment)
        )),
        _ => error,
    }
}
