//! `api`: one authenticated call, or all pages of a list.

mod pages;
mod request;
mod verdict;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use http::StatusCode;
use tokio::runtime::Runtime;
use url::Url;

use crate::client::{Client, Incoming};
use crate::cmd::Context;
use crate::connection::Connection;
use crate::error::{Error, Result};
use crate::moment::now;
use crate::output::Body;
use crate::session;
use crate::store::Store;
use crate::webex::{self, Call, Target};

/// What is read of a refusal for its words; the rest is only passed on.
const MAX_WORDS: usize = 64 * 1024;
/// How long a refusal whose body nobody reads may take over it: what it means is known from its status.
const WORDS_TIME: Duration = Duration::from_secs(10);

/// Make one authenticated call to the Webex API
///
/// PATH is below the API base: people/me, /people/me and /v1/people/me are the
/// same. A whole URL works too, if its host belongs to the connection's
/// environment. For Webex these are webexapis.com, analytics.webexapis.com
/// (or with a region, such as analytics-eu) and analytics-calling.webexapis.com
/// (or with -eu, -in or -au); for webex-gov, api-usgov.webex.com and
/// analytics-calling-gov.webexapis.com. The token goes nowhere else, and no
/// redirect is followed.
///
/// The body goes to stdout as it comes, whatever the status; on a terminal
/// JSON is laid out, and control characters are made visible. If Webex refuses
/// the token, it is refreshed and the call made again, once. If Webex asks to
/// slow down, that is waited for, up to a minute.
///
/// The exit code is 0 for a status of 2xx, 4 for 401, 5 for 403, 7 for 429 and
/// 5xx, 9 for a redirect, 1 for any other. A 403 tells the scope that is
/// likely missing and the command that asks for it.
///
///   $ webex-connect api people/me
///   $ webex-connect api rooms -f type=group --paginate
///   $ webex-connect api -X POST messages -f roomId=ID -f text='It works'
///   $ webex-connect api -X POST messages --input message.json
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Arguments {
    /// A path of the API, or a whole URL
    path: String,
    /// The connection; without it WEBEX_CONNECT_CONNECTION, the default, or
    /// the only one
    #[arg(short, long, value_name = "NAME")]
    connection: Option<String>,
    /// The method; without it GET, or POST with --input
    #[arg(short = 'X', long, value_name = "METHOD", allow_hyphen_values = true)]
    method: Option<String>,
    /// A string: in the query for GET and beside --input, else in a JSON body.
    /// May be given again
    #[arg(
        short,
        long = "field",
        value_name = "KEY=VALUE",
        allow_hyphen_values = true
    )]
    fields: Vec<String>,
    /// A header of the request. May be given again
    #[arg(
        short = 'H',
        long = "header",
        value_name = "NAME: VALUE",
        allow_hyphen_values = true
    )]
    headers: Vec<String>,
    /// A file with the body, sent as it is; - is stdin
    ///
    /// It is called application/json unless a Content-Type says otherwise. It is read to its end.
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Get every page of a list and print them as one: {"items":[…]}
    #[arg(long)]
    paginate: bool,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<()> {
    let mut request = request::Request::new(arguments)?;
    let (store, connection) = context.open(arguments.connection.as_deref())?;
    request.target.allowed(&connection.environment)?;
    // Only now: it may be waited for.
    request.read_stdin(arguments, context.no_input)?;
    let stored = connection.tokens.access_token.clone();
    let connection = context.usable(&store, connection)?;
    let mut caller = Caller::new(context, &store, connection, &request.target)?;
    caller.replaced = caller.connection.tokens.access_token != stored;
    let call = request.call(&caller.base);
    if arguments.paginate {
        pages::print(&mut caller, call)
    } else {
        let answer = caller.send(&call)?;
        caller.print(&call, answer, context.output.body())
    }
}

/// Makes the calls of one command. Its token is replaced at most once, before the first call or after a 401.
struct Caller<'a> {
    context: &'a Context,
    store: &'a Store,
    connection: Connection,
    replaced: bool,
    runtime: &'static Runtime,
    base: Url,
    client: Client,
}

impl<'a> Caller<'a> {
    fn new(
        context: &'a Context,
        store: &'a Store,
        connection: Connection,
        target: &Target,
    ) -> Result<Caller<'a>> {
        let runtime = session::runtime()?;
        let base = runtime.block_on(async { session::base(&connection) })?;
        let client = Client::new(&target.url(&base), &context.wire)?;
        Ok(Caller {
            context,
            store,
            connection,
            replaced: false,
            runtime,
            base,
            client,
        })
    }

    /// The answer to a call, whatever its status. A token that Webex refuses is replaced once.
    fn send(&mut self, call: &Call) -> Result<Incoming> {
        let answer = self.attempt(call)?;
        let can_refresh = self.connection.tokens.can_refresh(now());
        if answer.status() != StatusCode::UNAUTHORIZED || self.replaced || !can_refresh {
            return Ok(answer);
        }
        drop(answer);
        self.replaced = true;
        let connection = self.connection.clone();
        self.connection = session::refreshed(self.store, connection, &self.context.wire)?;
        self.attempt(call)
    }

    fn attempt(&self, call: &Call) -> Result<Incoming> {
        let token = &self.connection.tokens.access_token;
        let output = self.context.output;
        let waiting = |wait: Duration| {
            let seconds = wait.as_secs();
            output.note(&format!(
                "Webex asks to slow down (429); waiting {seconds} s"
            ));
        };
        self.runtime
            .block_on(webex::call(&self.client, call, token, waiting))
    }

    /// The next piece of an answer.
    fn chunk(&self, answer: &mut Incoming) -> Result<Option<Vec<u8>>> {
        self.runtime.block_on(answer.chunk())
    }

    /// Passes an answer's body on, and tells what its status means.
    fn print(&self, call: &Call, mut answer: Incoming, mut body: Body) -> Result<()> {
        let mut words = Vec::new();
        let passed_on = self.pass_on(&mut answer, &mut body, &mut words);
        body.finish()?;
        passed_on?;
        if answer.status().is_success() {
            if webex::is_people_me(call, &self.base)
                && let Ok(identity) = webex::person(&words)
            {
                session::learn(self.store, self.connection.clone(), &identity);
            }
            return Ok(());
        }
        Err(self.refusal(call, &answer, &words))
    }

    /// What a refusal without a body on stdout means.
    fn refused(&self, call: &Call, mut answer: Incoming) -> Error {
        let mut words = Vec::new();
        let reading = async {
            while words.len() < MAX_WORDS
                && let Ok(Some(piece)) = answer.chunk().await
            {
                words.extend(piece);
            }
        };
        // What has come by then has to do.
        let _ = self
            .runtime
            .block_on(async { tokio::time::timeout(WORDS_TIME, reading).await });
        self.refusal(call, &answer, &words)
    }

    /// To the end of the answer, or of whoever reads it.
    fn pass_on(&self, answer: &mut Incoming, body: &mut Body, words: &mut Vec<u8>) -> Result<()> {
        while let Some(piece) = self.chunk(answer)? {
            let room = MAX_WORDS.saturating_sub(words.len()).min(piece.len());
            words.extend_from_slice(&piece[..room]);
            if !body.write(&piece)? {
                return Ok(());
            }
        }
        Ok(())
    }

    fn refusal(&self, call: &Call, answer: &Incoming, words: &[u8]) -> Error {
        verdict::refusal(&self.connection, &self.base, call, answer, words)
    }
}
