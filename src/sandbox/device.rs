//! The device grant (RFC 8628) as Webex has it: two endpoints for the device, and pages for the person elsewhere.

use serde_json::json;

use crate::http::Request;
use crate::page::{Forms, fill, page};
use crate::sandbox::answer::{Answer, Refusal};
use crate::sandbox::authorize::{check_host, registered};
use crate::sandbox::consent::{self, Choice, Question};
use crate::sandbox::devices::{Decision, Device, INTERVAL, LIFE, Refused};
use crate::sandbox::params::Params;
use crate::sandbox::{RegisteredApp, Service, client, people, random};

/// Where the person types the digits, below the API base.
const VERIFY: &str = "device/verify";
/// Names the device in `verification_uri_complete`.
const HASH: &str = "userCode";
const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// Scopes of OpenID Connect Core §5.4, which Webex's device grant does not take.
const OPENID: [&str; 5] = ["openid", "profile", "email", "address", "phone"];

/// Webex sends the browser through one of these after the sign-in, so an app must be registered with all of them.
pub fn helper_uris() -> impl Iterator<Item = String> {
    let uri = |letter| {
        format!("https://oauth-helper-{letter}.wbx2.com/helperservice/v1/actions/device/callback")
    };
    ["a", "r", "k", "d"].into_iter().map(uri)
}

/// Answers `POST /v1/device/authorize` (RFC 8628 §3.1). No secret belongs here.
///
/// # Errors
/// The app is unknown, or what it asks for is not its to have.
pub fn authorize(service: &Service, request: &Request, now: i64) -> Result<Answer, Refusal> {
    let params = form(request)?;
    if request.header("Authorization").is_some() || params.get("client_secret").is_some() {
        return Err(Refusal::invalid_request("No client secret belongs here."));
    }
    let app = params
        .get("client_id")
        .ok_or_else(|| Refusal::webexapis(400, "client_id cannot be null or empty"))
        .map(|client_id| service.app(client_id))?
        .ok_or_else(|| Refusal::webexapis(400, "Client Id is invalid"))?;
    let scope = params.get("scope").unwrap_or_default();
    let scopes = registered(app, scope).map_err(|why| invalid("invalid_scope", why))?;
    if let Some(openid) = OPENID.into_iter().find(|scope| scopes.contains(scope)) {
        let description = format!("The device grant takes no OpenID scope, and so not {openid}.");
        return Err(invalid("invalid_scope", description));
    }
    let mut state = service.state();
    let (device_code, device) = state.devices.issue(&app.client_id, scopes, now);
    let verification_uri = service.address(VERIFY);
    let mut complete = verification_uri.clone();
    complete.query_pairs_mut().append_pair(HASH, &device.hash);
    let answer = Answer::json(&json!({
        "device_code": device_code,
        "user_code": device.user_code,
        "verification_uri": verification_uri,
        "verification_uri_complete": complete,
        "expires_in": LIFE,
        "interval": INTERVAL,
    }));
    if service.approve {
        let hash = device.hash.clone();
        let allowed = Decision::Allowed(people::hinted(None), device.scopes.clone());
        state.devices.decide(&hash, allowed, now);
    }
    Ok(answer)
}

/// Answers `POST /v1/device/token` (RFC 8628 §3.4), which wants the client as Basic.
///
/// # Errors
/// Nobody has allowed it yet, which Webex says with 428, or the code holds no more.
pub fn token(service: &Service, request: &Request, now: i64) -> Result<Answer, Refusal> {
    let params = form(request)?;
    client::require_basic(request)?;
    let app = client::authenticate(service, request, &params)?;
    match params.get("grant_type") {
        Some(GRANT_TYPE) => {}
        Some(_) => {
            let description = format!("The grant_type must be {GRANT_TYPE}.");
            return Err(invalid("unsupported_grant_type", description));
        }
        None => return Err(missing("grant_type")),
    }
    if params.get("client_id").is_none() {
        return Err(missing("client_id"));
    }
    let device_code = params
        .get("device_code")
        .ok_or_else(|| missing("device_code"))?;
    let mut state = service.state();
    let grant = state.devices.poll(device_code, &app.client_id, now);
    let grant = grant.map_err(refusal)?;
    let issued = state.tokens.issue(&random::id(), grant, now);
    Ok(Answer::json(&issued.to_json(&service.omit)))
}

/// RFC 8628 §3.5, but for the one that Webex says in its own shape.
fn refusal(refused: Refused) -> Refusal {
    match refused {
        Refused::Pending => Refusal::webexapis(428, "authorization_pending"),
        Refused::SlowDown => invalid("slow_down", "The device polls faster than its interval."),
        Refused::Expired => invalid("expired_token", "The device code has expired."),
        Refused::Denied => invalid("access_denied", "The person refused the request."),
        Refused::OtherClient => invalid(
            "invalid_grant",
            "The device code was issued to another client.",
        ),
        Refused::Unknown => invalid("invalid_grant", "The device code is unknown or was used."),
    }
}

/// Answers `GET /v1/device/verify`: the page that takes the digits, or the consent page where the address says which
/// device is meant.
///
/// # Errors
/// A page.
pub fn verify(service: &Service, request: &Request, now: i64) -> Result<Answer, Refusal> {
    check_host(service, request)?;
    let params = Params::of_query(request);
    if params.repeated() {
        return Err(Refusal::page(400, "A parameter is repeated."));
    }
    let Some(hash) = params.get(HASH) else {
        return Ok(ask_for_digits(200, ""));
    };
    let state = service.state();
    let device = state.devices.by_hash(hash, now).ok_or_else(answered)?;
    consent(service, device)
}

/// Answers `POST /v1/device/verify`: the digits, typed.
///
/// # Errors
/// A page, for what no page of ours sends.
pub fn enter(service: &Service, request: &Request, now: i64) -> Result<Answer, Refusal> {
    check_host(service, request)?;
    let form = Params::of_form(request).filter(|form| !form.repeated());
    let typed = form.as_ref().and_then(|form| form.get("user_code"));
    let digits: String = typed
        .unwrap_or_default()
        .chars()
        .filter(|c| !c.is_whitespace())
        .collect();
    let state = service.state();
    match state.devices.by_user_code(&digits, now) {
        Some(device) => consent(service, device),
        None => Ok(ask_for_digits(
            400,
            r#"<p class="notice" role="alert">No device waits with these digits.</p>"#,
        )),
    }
}

fn ask_for_digits(status: u16, notice: &str) -> Answer {
    let content = fill(include_str!("device.html"), &[("notice", notice)]);
    Answer::page(page(
        status,
        "Sandbox: connect a device",
        &content,
        Forms::Any,
    ))
}

fn consent(service: &Service, device: &Device) -> Result<Answer, Refusal> {
    let app = service.app(&device.client_id).ok_or_else(answered)?;
    if !helper_uris().all(|uri| app.redirect_uris.contains(&uri)) {
        return Ok(meaningless_error());
    }
    let leads_to = leads_to(device);
    let question = question(app, device, &leads_to);
    Ok(Answer::page(consent::ask(&question)))
}

/// Webex tells the person nothing of what is wrong with the app. The log does.
fn meaningless_error() -> Answer {
    let mut answer = Answer::from(Refusal::page(400, "Something went wrong."));
    let why = "the app lacks a redirect URI of the device grant";
    answer.error = Some(why.to_owned());
    answer
}

/// With the digits, so that a person who followed an address sees whose device they let in (RFC 8628 §5.4).
fn leads_to(device: &Device) -> String {
    format!(
        "<span id=\"device\">the device that shows <code>{}</code></span>",
        device.user_code
    )
}

fn question<'a>(app: &'a RegisteredApp, device: &'a Device, leads_to: &'a str) -> Question<'a> {
    Question {
        app,
        action: "/v1/device/consent",
        leads_to,
        person: people::hinted(None),
        scopes: &device.scopes,
        request: &device.hash,
    }
}

/// Answers `POST /v1/device/consent`: what the person decided.
///
/// # Errors
/// A page, for a form that no consent page sent or that was sent before.
pub fn decide(service: &Service, request: &Request, now: i64) -> Result<Answer, Refusal> {
    check_host(service, request)?;
    let not_ours = || Refusal::page(400, "That is not an answer to this page.");
    let form = Params::of_form(request).ok_or_else(not_ours)?;
    let choice = Choice::read(form).ok_or_else(not_ours)?;
    let mut state = service.state();
    let device = state.devices.by_hash(&choice.request, now);
    let device = device.ok_or_else(answered)?;
    let kept = choice.kept(&device.scopes).ok_or_else(not_ours)?;
    if choice.allow && kept.is_empty() {
        let app = service.app(&device.client_id).ok_or_else(not_ours)?;
        let leads_to = leads_to(device);
        let again = consent::ask_again(&question(app, device, &leads_to), &choice);
        return Ok(Answer::page(again));
    }
    let (decision, done) = if choice.allow {
        let allowed = Decision::Allowed(choice.person, kept);
        (allowed, include_str!("device_allowed.html"))
    } else {
        (Decision::Refused, include_str!("device_refused.html"))
    };
    let decided = state.devices.decide(&choice.request, decision, now);
    decided.ok_or_else(answered)?;
    Ok(Answer::page(page(
        200,
        "Sandbox: decided",
        done,
        Forms::None,
    )))
}

fn answered() -> Refusal {
    Refusal::page(400, "This request was answered before, or has expired.")
}

/// The parameters of a device's request, sent as RFC 8628 has them.
fn form(request: &Request) -> Result<Params, Refusal> {
    Params::of_post(request, |words| Refusal::webexapis(415, words))
}

fn missing(name: &str) -> Refusal {
    Refusal::invalid_request(format!("The {name} is missing."))
}

fn invalid(error: &'static str, description: impl Into<String>) -> Refusal {
    Refusal::idbroker(400, error, description)
}
