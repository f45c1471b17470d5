//! `login`: makes a connection, or makes one again.

mod brought;
mod client;
mod countdown;
mod device;
mod ending;
mod guide;
mod outcome;
mod paste;
mod plan;
mod qr;
mod scopes;
mod way;

use std::time::Duration;

use clap::Args;
use url::Url;

use crate::client::{Client, Wire};
use crate::cmd::Context;
use crate::cmd::client_secret::{self, SecretArguments};
use crate::cmd::guard::Guard;
use crate::cmd::place::{PlaceArguments, RedirectUriArgument};
use crate::cmd::scopes::preset;
use crate::error::{Error, Kind, Result};
use crate::loopback::{Browser, Callback, Listener};
use crate::moment::now;
use crate::name::Name;
use crate::oauth::Authorization;
use crate::scope::preset::Preset;
use crate::secret::Secret;
use crate::session;
use crate::signals::Signals;
use crate::store::Store;
use ending::Ending;
use outcome::{Saved, accept};
pub use paste::tunnel;
use plan::Plan;
use way::{Asked, Way};

/// What an interruption leaves behind while nothing was granted.
const NOTHING_STORED: &str = "nothing was stored";
/// How long a browser that holds its connection open may hold up the end of a login.
const SHOW_TIME: Duration = Duration::from_secs(1);

/// Sign in to Webex and store the connection
///
/// Opens the browser on Webex's own sign-in page, waits for it to come back
/// to this machine, and stores the tokens and the granted scopes. The page
/// says "connected" only when everything is stored and was read back.
///
/// Where an app (Webex says "integration") is provided to this machine, scopes
/// are all there is to give. Otherwise one is registered once, at
/// https://developer.webex.com/my-apps; without any, a person at a terminal is
/// led through it. The app's redirect URI has to be the one used here,
/// character for character.
///
///   $ webex-connect login --sandbox
///   $ webex-connect login work --add-scope spark-admin:people_write
///   $ webex-connect login work --client-id C0ffee --scope spark:people_read
///   $ webex-connect login work --device
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Arguments {
    /// The connection; without it WEBEX_CONNECT_CONNECTION, the default, the only one, or a new one
    name: Option<String>,
    /// Sign in with this app of yours (`webex-connect app list`)
    #[arg(long, value_name = "NAME", conflicts_with = "client_id")]
    app: Option<String>,
    /// Your app's client ID; the app is registered under the connection's name
    ///
    /// Its client secret is asked for without echo, or taken from --client-secret-stdin, --client-secret-file or
    /// WEBEX_CONNECT_CLIENT_SECRET.
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    #[command(flatten)]
    secret: SecretArguments,
    #[command(flatten)]
    redirect_uri: RedirectUriArgument,
    /// The whole set of scopes to ask for, separated by spaces or commas; repeatable
    /// [default: what the connection asked for before, else the app's list, else the twelve standard scopes]
    #[arg(long, value_name = "SCOPES")]
    scope: Vec<String>,
    /// Scopes to ask for besides the default ones of --scope, or besides those stated; repeatable
    #[arg(long, value_name = "SCOPES")]
    add_scope: Vec<String>,
    /// A set of scopes by name (`webex-connect scopes --presets`); repeatable
    #[arg(long, value_name = "PRESET", value_parser = preset())]
    preset: Vec<Preset>,
    #[command(flatten)]
    guard: Guard,
    #[command(flatten)]
    place: PlaceArguments,
    /// How long to wait for the browser, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
    /// Open the address with this program instead of the desktop's browser
    #[arg(long, value_name = "CMD", conflicts_with = "no_browser")]
    browser: Option<String>,
    /// Open nothing; print the address to open
    #[arg(long)]
    no_browser: bool,
    /// Sign in from any other device: type six digits there, or scan a code; nothing comes back to this machine
    ///
    /// Webex's device grant. It needs no browser, no port and no terminal here, so it works over SSH, in containers and
    /// in CI. The app must have four more redirect URIs, which `webex-connect app show NAME` lists. Not for webex-gov.
    #[arg(long, conflicts_with_all = ["browser", "no_browser"])]
    device: bool,
    /// Store the access token on standard input: a personal one, a bot's or a service app's
    ///
    /// Webex says whose it is and when it ends. It can't be refreshed, and nobody tells its scopes. Alone, after
    /// `Bearer `, or as JSON with an access_token. Input is read to its end.
    #[arg(long, conflicts_with_all = ["app", "client_id", "client_secret_stdin", "client_secret_file", "redirect_uri",
        "scope", "add_scope", "preset", "browser", "no_browser", "device", "sandbox", "refresh_token_stdin"])]
    token_stdin: bool,
    /// Store a connection from the refresh token on standard input, with the app it belongs to
    ///
    /// For service apps and for secrets of CI: give the app with --app, or with --client-id and its secret. Alone, or as
    /// the JSON that the portal shows. Input is read to its end.
    #[arg(long, conflicts_with_all = ["client_secret_stdin", "scope", "add_scope", "preset", "browser", "no_browser",
        "device", "sandbox"])]
    refresh_token_stdin: bool,
    /// Sign in to the embedded look-alike: no account, no app, no set-up
    #[arg(long, conflicts_with_all = ["app", "client_id", "client_secret_stdin", "client_secret_file", "redirect_uri", "environment", "api_base"])]
    sandbox: bool,
    /// With --sandbox: consent by itself, for machines without a desktop
    #[arg(long, conflicts_with_all = ["browser", "no_browser"])]
    approve: bool,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<()> {
    // A requirement of an argument falls away where another argument rules the required one out.
    if arguments.approve && !arguments.sandbox {
        return Err(
            Error::new(Kind::Usage, "`--approve` goes with `--sandbox` alone").with_hint(
                "add `--sandbox`, or leave `--approve` out: at Webex only the person can consent",
            ),
        );
    }
    let runtime = session::runtime()?;
    if arguments.token_stdin {
        runtime.block_on(brought::access_token(context, arguments))
    } else if arguments.refresh_token_stdin {
        runtime.block_on(brought::refresh_token(context, arguments))
    } else {
        runtime.block_on(login(context, arguments))
    }
}

/// Where a grant comes from.
enum Route {
    Browser(Way),
    /// From another device; no browser comes back to this machine.
    Device,
}

/// The order is the promise: everything that can fail without the person fails before the browser opens, and the
/// browser is told only what is stored.
async fn login(context: &Context, arguments: &Arguments) -> Result<()> {
    let (store, mut plan, route) = settle(context, arguments)?;
    plan.ask_owner(&store, &context.wire).await?;
    let secret = given_secret(&plan, arguments)?;
    // Until here a signal just ends the program, whatever it waits for; there is nothing to undo.
    let mut signals = Signals::catch()?;
    if plan.brings_secret {
        plan.app.client_secret = match secret {
            Some(secret) => secret,
            None => client_secret::asked(context, &mut signals).await?,
        };
    }
    match route {
        Route::Browser(way) => in_browser(context, arguments, &store, plan, way, signals).await,
        Route::Device => device::login(context, arguments, &store, plan, signals).await,
    }
}

async fn in_browser(
    context: &Context,
    arguments: &Arguments,
    store: &Store,
    mut plan: Plan,
    way: Way,
    mut signals: Signals,
) -> Result<()> {
    let output = context.output;
    let ready = Ready::new(&mut plan, &way, &context.wire)?;
    let authorization = Authorization::new(&ready.base, &plan.app, &plan.scopes, plan.greeting())?;
    let Ready {
        listener,
        base,
        client,
    } = ready;
    let asked = Asked {
        plan: &plan,
        authorization: &authorization,
        base: &base,
        timeout: arguments.timeout,
        trace: context.wire.trace,
        may_ask: context.may_ask(),
    };
    let (callback, browser) = way.ask(output, listener, asked, &mut signals).await?;
    let mut ending = Ending::new(output, store, &client, &base);
    let finished = finish(&mut ending, authorization, plan, callback, &mut signals).await;
    tokio::select! {
        biased;
        signal = signals.next() => ending.interrupted = ending.interrupted.or(Some(signal)),
        () = show(browser, &finished) => {}
    }
    ending.tell(finished)
}

/// The last leg: from the callback to the stored connection. Until Webex has answered, a signal ends the login.
async fn finish(
    ending: &mut Ending<'_>,
    authorization: Authorization,
    plan: Plan,
    callback: Callback,
    signals: &mut Signals,
) -> Result<Saved> {
    let (client, base) = (ending.client, ending.base);
    let secrets = [plan.app.client_secret.clone(), authorization.state.clone()];
    let code = accept(callback, &plan, &secrets)?;
    let cures = plan.cures();
    let now = now();
    let exchange = authorization.exchange(client, base, &plan.app, &code, &cures, now);
    let granted = signals.unless(exchange, NOTHING_STORED).await??;
    ending.keep(plan, granted, signals).await
}

/// Tells the browser how it ended. One that keeps the connection open is not waited for long.
async fn show(browser: Browser, finished: &Result<Saved>) {
    let page = async {
        match finished {
            Ok(saved) => browser.show_connected(saved.connection.name.as_str()).await,
            Err(error) => browser.show_error(error).await,
        }
    };
    // The page itself is written at once; what takes time is a browser that does not hang up.
    let _ = tokio::time::timeout(SHOW_TIME, page).await;
}

/// The store, tried out, and what the login will do: everything short of a secret and a port.
fn settle(context: &Context, arguments: &Arguments) -> Result<(Store, Plan, Route)> {
    let store = context.login_store(arguments.sandbox)?;
    let plan = Plan::settle(context, arguments, &store)?;
    let route = if arguments.device {
        device::check(&plan)?;
        Route::Device
    } else {
        Route::Browser(Way::choose(context, arguments, &plan)?)
    };
    try_out(context, &store, &plan.name)?;
    Ok((store, plan, route))
}

/// Makes sure, before anything is asked of Webex, that what comes of it can be kept.
fn try_out(context: &Context, store: &Store, name: &Name) -> Result<()> {
    store.ensure_key()?;
    context.tell_of_sandbox_file(store);
    store.preflight(Some(name))
}

/// The client secret from the first source that has it, short of the person.
fn given_secret(plan: &Plan, arguments: &Arguments) -> Result<Option<Secret>> {
    if !plan.brings_secret {
        return Ok(None);
    }
    client_secret::given(&arguments.secret, &plan.app.client_id)
}

/// Everything bound and set up, with nobody told yet.
struct Ready {
    listener: Listener,
    base: Url,
    client: Client,
}

impl Ready {
    /// Binds the redirect URI; for the sandbox, starts it and settles the redirect URI on the way.
    fn new(plan: &mut Plan, way: &Way, wire: &Wire) -> Result<Ready> {
        if let Some(base) = plan.app.environment.api_base() {
            let client = Client::new(&base, wire)?;
            let listener = Listener::bind(&plan.app.redirect_uri)?;
            return Ok(Ready {
                listener,
                base,
                client,
            });
        }
        let listener = Listener::bind_any()?;
        plan.app.redirect_uri = listener.redirect_uri().clone();
        let redirect_uris = vec![plan.app.redirect_uri.to_string()];
        let base = session::embedded_sandbox(redirect_uris, matches!(way, Way::Approve))?;
        Ok(Ready {
            listener,
            client: Client::new(&base, wire)?,
            base,
        })
    }
}
