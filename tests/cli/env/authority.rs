//! A scripted authorization server in the test process. It is stricter than Webex in what it takes, and answers
//! whatever a test tells it to.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use sha2::{Digest, Sha256};
use url::form_urlencoded;

use super::devices::{DEVICE, Devices, POLL, judge_first, judge_poll};
use super::reply::{ACCESS_TOKEN, CODE, OTHER_TOKEN, REFRESH_TOKEN, Reply, Stream};
use super::{CLIENT_ID, CLIENT_SECRET};

const TOKEN: &str = "/v1/access_token";
const PEOPLE: &str = "/v1/people/me";
const REVOKE: &str = "/idb/oauth2/v1/revoke";
const AUTHORIZE: &str = "/v1/authorize?";
/// What `app check` gives for a code.
const NO_CODE: &str = "webex-connect-app-check";

/// Longer than the program waits for anything.
const LIMIT: Duration = Duration::from_secs(60);

#[derive(Clone)]
pub struct Request {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Request {
    pub fn headers(&self, name: &str) -> Vec<&str> {
        let same = self
            .headers
            .iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case(name));
        same.map(|(_, value)| value.as_str()).collect()
    }

    /// The body's form; a field that comes twice has both values.
    pub fn form(&self) -> BTreeMap<String, String> {
        let mut fields = BTreeMap::<String, String>::new();
        for (name, value) in form_urlencoded::parse(self.body.as_bytes()) {
            let field = fields.entry(name.into_owned()).or_default();
            field.push_str(&value);
        }
        fields
    }
}

/// What a test consented to, and what the code is therefore bound to (RFC 7636 §4.6).
#[derive(Clone, Default)]
pub struct Consent {
    pub redirect_uri: String,
    pub code_challenge: String,
}

#[derive(Default)]
struct Seen {
    requests: Vec<Request>,
    faults: Vec<String>,
    connections: usize,
    consent: Consent,
}

struct Shared {
    seen: Mutex<Seen>,
    token: Mutex<Reply>,
    people: Mutex<Reply>,
    revocation: Mutex<Reply>,
    /// Set where nobody signs in, for `doctor` and `app check`: what the authorization endpoint answers.
    probe: Mutex<Option<Reply>>,
    api: Mutex<VecDeque<Reply>>,
    devices: Mutex<Devices>,
    over: AtomicBool,
}

pub struct Authority {
    /// What `--api-base` takes.
    pub base: String,
    pub port: u16,
    shared: Arc<Shared>,
}

impl Authority {
    /// Over plain http, with a proper person at `people/me`.
    pub fn plain(token: Reply) -> Authority {
        Authority::serve(None, token)
    }

    /// Over TLS, as `https://localhost`.
    pub fn secure(config: Arc<ServerConfig>, token: Reply) -> Authority {
        Authority::serve(Some(config), token)
    }

    fn serve(config: Option<Arc<ServerConfig>>, token: Reply) -> Authority {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .unwrap_or_else(|e| panic!("a port for the authority: {e}"));
        let port = listener.local_addr().map_or(0, |address| address.port());
        let base = match config {
            Some(_) => format!("https://localhost:{port}/v1"),
            None => format!("http://127.0.0.1:{port}/v1"),
        };
        let shared = Arc::new(Shared {
            seen: Mutex::default(),
            token: Mutex::new(token),
            people: Mutex::new(Reply::person()),
            revocation: Mutex::new(Reply::status(200, "")),
            probe: Mutex::default(),
            api: Mutex::default(),
            devices: Mutex::default(),
            over: AtomicBool::new(false),
        });
        let server = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if server.over.load(Ordering::Relaxed) {
                    return;
                }
                let (server, config) = (Arc::clone(&server), config.clone());
                thread::spawn(move || server.connection(stream, config));
            }
        });
        Authority { base, port, shared }
    }

    pub fn token_answers(&self, reply: Reply) {
        *lock(&self.shared.token) = reply;
    }

    pub fn people_answers(&self, reply: Reply) -> &Authority {
        *lock(&self.shared.people) = reply;
        self
    }

    pub fn revocation_answers(&self, reply: Reply) {
        *lock(&self.shared.revocation) = reply;
    }

    /// From now on nobody signs in: no bearer and no code of ours are in order, and the authorization endpoint answers
    /// this.
    pub fn probed(&self, authorize: Reply) -> &Authority {
        *lock(&self.shared.probe) = Some(authorize);
        self
    }

    /// What calls of the API get from now on, in this order and the last one for good. It is the test's to say which
    /// calls are in order; none is without a bearer.
    pub fn api_answers(&self, replies: impl IntoIterator<Item = Reply>) -> &Authority {
        *lock(&self.shared.api) = replies.into_iter().collect();
        self
    }

    /// What a device gets from now on.
    pub fn device_answers(&self, devices: Devices) {
        *lock(&self.shared.devices) = devices;
    }

    /// The time between a request of the device's and the one before it.
    pub fn device_gaps(&self) -> Vec<Duration> {
        lock(&self.shared.devices).gaps()
    }

    /// Every HTTP request so far.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.shared.seen).requests.clone()
    }

    /// From now on only this code exchange is in order.
    pub fn consents(&self, consent: Consent) {
        lock(&self.shared.seen).consent = consent;
    }

    /// How many came, a TLS handshake that failed among them.
    pub fn connections(&self) -> usize {
        lock(&self.shared.seen).connections
    }

    /// Every HTTP request so far, as `METHOD target`.
    pub fn asked(&self) -> Vec<String> {
        let seen = lock(&self.shared.seen);
        let lines = seen.requests.iter();
        lines
            .map(|r| format!("{} {}", r.method, r.target))
            .collect()
    }

    /// How often a refresh was asked for.
    pub fn refreshes(&self) -> usize {
        let seen = lock(&self.shared.seen);
        let forms = seen.requests.iter().map(Request::form);
        forms
            .filter(|form| {
                form.get("grant_type")
                    .is_some_and(|it| it == "refresh_token")
            })
            .count()
    }

    /// The form of the last request to the token endpoint.
    pub fn last_form(&self) -> BTreeMap<String, String> {
        let seen = lock(&self.shared.seen);
        let mut requests = seen.requests.iter().rev();
        let last = requests.find(|request| request.target == TOKEN);
        last.map(Request::form).unwrap_or_default()
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        let faults = lock(&self.shared.seen).faults.join("\n");
        if !thread::panicking() {
            assert!(faults.is_empty(), "malformed requests:\n{faults}");
        }
    }
}

impl Shared {
    fn connection(&self, tcp: TcpStream, config: Option<Arc<ServerConfig>>) {
        lock(&self.seen).connections += 1;
        let _ = tcp.set_read_timeout(Some(LIMIT));
        let _ = tcp.set_write_timeout(Some(LIMIT));
        let Some(config) = config else {
            return self.answer(&mut { tcp });
        };
        let connection = ServerConnection::new(config).unwrap_or_else(|e| panic!("TLS: {e}"));
        let mut stream = StreamOwned::new(connection, tcp);
        self.answer(&mut stream);
        stream.conn.send_close_notify();
        let _ = stream.flush();
    }

    fn answer(&self, stream: &mut dyn Stream) {
        let mut bytes = Vec::new();
        let request = match read(stream, &mut bytes) {
            Ok(request) => request,
            // A client that never said a word of HTTP: a failed handshake, or one connection too many.
            Err(_) if bytes.is_empty() => return,
            Err(e) => return self.fault(format!("half a request: {e}: {}", show(&bytes))),
        };
        let reply = match request.target.as_str() {
            TOKEN => lock(&self.token).clone(),
            REVOKE => lock(&self.revocation).clone(),
            authorize if authorize.starts_with(AUTHORIZE) => self
                .probe()
                .unwrap_or_else(|| Reply::status(404, "nobody may ask this")),
            DEVICE => lock(&self.devices).begins(),
            POLL => lock(&self.devices).polls(),
            _ => self
                .api_reply()
                .unwrap_or_else(|| lock(&self.people).clone()),
        };
        let judged = self.judge(&request);
        lock(&self.seen).requests.push(request);
        match judged {
            Ok(()) => reply.send(stream),
            Err(fault) => {
                self.fault(format!("{fault}:\n{}", show(&bytes)));
                Reply::status(418, "malformed").send(stream);
            }
        }
    }

    fn probe(&self) -> Option<Reply> {
        lock(&self.probe).clone()
    }

    fn api_reply(&self) -> Option<Reply> {
        let mut replies = lock(&self.api);
        match replies.len() {
            0 | 1 => replies.front().cloned(),
            _ => replies.pop_front(),
        }
    }

    fn fault(&self, fault: String) {
        lock(&self.seen).faults.push(fault);
    }

    /// Webex would let some of this pass.
    fn judge(&self, request: &Request) -> Result<(), String> {
        holds("one Host", request.headers("host").len() == 1)?;
        let plain = request.headers("accept-encoding").is_empty();
        holds("no compression", plain)?;
        holds("no cookies", request.headers("cookie").is_empty())?;
        match (request.method.as_str(), request.target.as_str()) {
            ("POST", TOKEN) => self.judge_token(request),
            ("GET", PEOPLE) if self.probe().is_some() => {
                let bare = request.headers("authorization").is_empty();
                holds("no Authorization", bare && request.body.is_empty())
            }
            ("GET", authorize) if authorize.starts_with(AUTHORIZE) && self.probe().is_some() => {
                holds(
                    "no secret in an address",
                    !authorize.contains(CLIENT_SECRET),
                )
            }
            ("POST", DEVICE) => judge_first(request),
            ("POST", POLL) => judge_poll(request),
            _ if !lock(&self.api).is_empty() => {
                let bearer = request.headers("authorization");
                let one = bearer.len() == 1 && bearer[0].starts_with("Bearer ");
                holds("a bearer, once", one)
            }
            ("GET", PEOPLE) => {
                let bearer = format!("Bearer {ACCESS_TOKEN}");
                let right = request.headers("authorization") == [bearer.as_str()];
                holds("the bearer, once", right)?;
                holds("no body", request.body.is_empty())
            }
            ("POST", REVOKE) => {
                let client = BASE64_STANDARD.encode(format!("{CLIENT_ID}:{CLIENT_SECRET}"));
                let basic = format!("Basic {client}");
                let right = request.headers("authorization") == [basic.as_str()];
                holds("the client as Basic, once", right)?;
                let form = request.form();
                let token = form.get("token").map_or("", String::as_str);
                let known = match form.get("token_type_hint").map(String::as_str) {
                    Some("refresh_token") => token == REFRESH_TOKEN,
                    _ => [ACCESS_TOKEN, OTHER_TOKEN].contains(&token),
                };
                holds("the token of its hint", known)
            }
            _ => Err("nobody may ask this".to_owned()),
        }
    }

    fn judge_token(&self, request: &Request) -> Result<(), String> {
        let form = ["application/x-www-form-urlencoded"];
        holds("the content type", request.headers("content-type") == form)?;
        let bare = request.headers("authorization").is_empty();
        holds("no Authorization beside the form", bare)?;
        let fields = request.form();
        let consent = lock(&self.seen).consent.clone();
        let expected = match fields.get("grant_type").map(String::as_str) {
            Some("authorization_code") => {
                let verifier = fields.get("code_verifier").cloned().unwrap_or_default();
                let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier));
                let (code, redirect_uri) = match self.probe() {
                    Some(_) => (NO_CODE, fields.get("redirect_uri").cloned()),
                    None => (CODE, Some(consent.redirect_uri)),
                };
                let fits = self.probe().is_some() || challenge == consent.code_challenge;
                holds("the verifier fits", fits)?;
                vec![
                    ("grant_type", "authorization_code".to_owned()),
                    ("code", code.to_owned()),
                    ("redirect_uri", redirect_uri.unwrap_or_default()),
                    ("code_verifier", verifier),
                ]
            }
            Some("refresh_token") => vec![
                ("grant_type", "refresh_token".to_owned()),
                ("refresh_token", REFRESH_TOKEN.to_owned()),
            ],
            _ => return Err("no grant_type".to_owned()),
        };
        let client = [("client_id", CLIENT_ID), ("client_secret", CLIENT_SECRET)];
        let client = client.map(|(name, value)| (name, value.to_owned()));
        let expected = expected.into_iter().chain(client);
        let expected: BTreeMap<_, _> = expected.map(|(n, v)| (n.to_owned(), v)).collect();
        holds("exactly these fields", fields == expected)
    }
}

pub fn holds(what: &str, right: bool) -> Result<(), String> {
    right.then_some(()).ok_or_else(|| format!("not so: {what}"))
}

/// A test that failed elsewhere must not hide behind this one.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn show(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// One whole request; what came stays in `bytes` when it is none.
fn read(stream: &mut dyn Stream, bytes: &mut Vec<u8>) -> io::Result<Request> {
    let mut chunk = [0; 8192];
    loop {
        if let Some(request) = parse(bytes) {
            return Ok(request);
        }
        match stream.read(&mut chunk) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => bytes.extend(&chunk[..n]),
            // A machine that is halted and goes on interrupts what has a time-out.
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

fn parse(bytes: &[u8]) -> Option<Request> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = show(&bytes[..end]);
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
    let request = Request {
        method: first.next()?.to_owned(),
        target: first.next()?.to_owned(),
        headers: headers.collect(),
        body: show(&bytes[end + 4..]),
    };
    let length = request.headers("content-length");
    let length = length.first().map_or(0, |n| n.parse().unwrap_or(0));
    (bytes.len() - end - 4 >= length).then_some(request)
}
