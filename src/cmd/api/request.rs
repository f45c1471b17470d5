//! The request that a command line describes, before anybody is asked for a token.

use std::io::{self, IsTerminal};
use std::path::Path;

use http::Method;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value};
use url::Url;
use zeroize::Zeroizing;

use crate::cmd::api::Arguments;
use crate::error::{Error, Kind, Result, foreign};
use crate::input;
use crate::webex::{Call, Target};

/// The largest body sent. Webex takes attachments of 100 MB; a body is kept in case it must be sent again.
const MAX_INPUT: u64 = 128 * 1024 * 1024;

/// Headers that are the connection's or the protocol's own.
const REFUSED: [&str; 14] = [
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

pub struct Request {
    pub target: Target,
    method: Method,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Request {
    /// # Errors
    /// [`Kind::Usage`] for whatever does not make a request.
    pub fn new(arguments: &Arguments) -> Result<Request> {
        let target = Target::parse(&arguments.path)?;
        let headers = headers(&arguments.headers)?;
        let method = method(arguments)?;
        let fields = fields(&arguments.fields)?;
        let mut request = Request {
            target,
            query: Vec::new(),
            headers: HeaderMap::new(),
            body: Vec::new(),
            method,
        };
        if let Some(path) = &arguments.input {
            request.query = fields;
            if !is_stdin(path) {
                let body = input::file(path, MAX_INPUT).map_err(|error| unread(path, &error))?;
                request.body = bounded(path, body)?;
            }
        } else if fields.is_empty() || has_no_body(&request.method) {
            request.query = fields;
        } else {
            request.body = json(fields)?;
        }
        request.headers = headers;
        Ok(request)
    }

    /// Reads the body from standard input, if it is to come from there. A terminal is read only where a person may be
    /// asked.
    ///
    /// # Errors
    /// It can't be read, or is too large.
    pub fn read_stdin(&mut self, arguments: &Arguments, no_input: bool) -> Result<()> {
        let Some(path) = arguments.input.as_deref().filter(|path| is_stdin(path)) else {
            return Ok(());
        };
        if no_input && io::stdin().is_terminal() {
            let message = "the body is read from standard input, and that is a terminal";
            return Err(usage(message, "pipe it in, or name a file: `--input FILE`"));
        }
        let body = input::stdin(MAX_INPUT).map_err(|error| unread(path, &error))?;
        self.body = bounded(path, body)?;
        Ok(())
    }

    /// The call, once the API base is known.
    pub fn call(mut self, base: &Url) -> Call {
        if !self.body.is_empty() && !self.headers.contains_key(CONTENT_TYPE) {
            let json = HeaderValue::from_static("application/json");
            self.headers.insert(CONTENT_TYPE, json);
        }
        let mut url = self.target.url(base);
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        Call {
            method: self.method,
            url,
            headers: self.headers,
            body: self.body,
        }
    }
}

fn usage(message: impl Into<String>, hint: &str) -> Error {
    Error::new(Kind::Usage, message).with_hint(hint)
}

fn has_no_body(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

fn method(arguments: &Arguments) -> Result<Method> {
    let default = if arguments.input.is_some() {
        "POST"
    } else {
        "GET"
    };
    let name = arguments.method.as_deref().unwrap_or(default);
    let method = Method::from_bytes(name.to_ascii_uppercase().as_bytes())
        .ok()
        .filter(|method| !matches!(*method, Method::CONNECT | Method::TRACE));
    let method = method.ok_or_else(|| usage("invalid method", "for example `-X POST`"))?;
    if arguments.paginate && method != Method::GET {
        return Err(usage("--paginate goes with GET", "leave one of them out"));
    }
    Ok(method)
}

fn headers(lines: &[String]) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = header(line).ok_or_else(|| {
            // The line is not repeated: it may hold credentials.
            usage(
                "invalid header: it is not `NAME: VALUE`",
                "for example `-H 'Accept: application/json'`",
            )
        })?;
        if REFUSED.contains(&name.as_str()) {
            let message = format!("the header {name} is not for `-H`");
            return Err(usage(message, "the connection decides it: leave it out"));
        }
        headers.append(name, value);
    }
    Ok(headers)
}

fn header(line: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = line.split_once(':')?;
    let name = http::HeaderName::from_bytes(name.as_bytes()).ok()?;
    let value = http::HeaderValue::from_str(value.trim_matches([' ', '\t'])).ok()?;
    Some((name, value))
}

fn fields(fields: &[String]) -> Result<Vec<(String, String)>> {
    let pairs = fields.iter().map(|field| {
        let pair = field.split_once('=').filter(|(key, _)| !key.is_empty());
        let (key, value) = pair.ok_or_else(|| {
            usage(
                "invalid field: it is not `KEY=VALUE`",
                "for example `-f max=10`",
            )
        })?;
        Ok((key.to_owned(), value.to_owned()))
    });
    pairs.collect()
}

fn json(fields: Vec<(String, String)>) -> Result<Vec<u8>> {
    let mut body = Map::new();
    for (key, value) in fields {
        if body.contains_key(&key) {
            let message = format!("the field {} comes twice", foreign(&key));
            return Err(usage(
                message,
                "give a body that is no flat object with `--input FILE`",
            ));
        }
        body.insert(key, Value::String(value));
    }
    Ok(Value::Object(body).to_string().into_bytes())
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

fn bounded(path: &Path, mut body: Zeroizing<Vec<u8>>) -> Result<Vec<u8>> {
    if body.len() as u64 > MAX_INPUT {
        let message = format!("the body in {} has more than 128 MiB", path.display());
        return Err(Error::new(Kind::Usage, message).with_hint("send less in one call"));
    }
    Ok(std::mem::take(&mut *body))
}

fn unread(path: &Path, error: &io::Error) -> Error {
    let message = format!("could not read the body from {}", path.display());
    Error::new(Kind::Usage, message)
        .with_detail(&error.to_string())
        .with_hint("`--input` takes a file that you may read, or - for standard input")
}
