//! The canary scan: what must stay secret is looked for, however it may be spelled, in all that the program says and in
//! all that a test leaves in its home.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex, MutexGuard};

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};

use super::devices::DEVICE_CODE;
use super::reply::{ACCESS_TOKEN, CODE, OTHER_TOKEN, REFRESH_TOKEN};
use super::report;
use super::sandbox::{CLIENT_SECRET, OTHER_CLIENT};

/// So much of a secret is looked for, from its beginning: enough to be no accident, and found in what is cut off too.
const PIECE: usize = 24;
/// What is shorter is a word like any other.
const SHORTEST: usize = 12;

const SECRET_VARIABLES: [&str; 3] = [
    "WEBEX_CONNECT_CLIENT_SECRET",
    "WEBEX_CONNECT_KEY",
    "WEBEX_CONNECT_PASSPHRASE",
];

/// `token` and `exec` are asked for the access token, and a server may send it back to `api`: on stdout, all three.
const SHOW_TOKENS: [&str; 3] = ["token", "exec", "api"];

/// The secrets of the homes in use, by what is known of each so far.
static KNOWN: LazyLock<Mutex<BTreeMap<PathBuf, Known>>> = LazyLock::new(Mutex::default);

#[derive(Clone, Default)]
struct Known {
    /// [`SHOW_TOKENS`] may show these.
    access_tokens: BTreeSet<String>,
    others: BTreeSet<String>,
    /// What the test itself put into its home.
    fixtures: BTreeSet<PathBuf>,
    /// How many outputs were searched.
    outputs: usize,
    /// The stores that were read, as they were.
    stores: BTreeMap<PathBuf, Vec<u8>>,
}

/// One run of the program, and where it leaves its secrets.
pub struct Watch {
    home: PathBuf,
    key: Option<String>,
    shows_token: bool,
    /// Such a line on stderr is how GitHub is told what to mask.
    masks: bool,
}

impl Watch {
    /// Of a command that runs the program, itself or through another one. Secrets that are stored now are known.
    pub fn of(command: &Command) -> Option<Watch> {
        let program = std::iter::once(command.get_program());
        let words: Vec<_> = program.chain(command.get_args()).collect();
        let is_ours = |word: &&OsStr| *word == env!("CARGO_BIN_EXE_webex-connect");
        if !words.iter().any(is_ours) {
            return None;
        }
        let variable = |name: &str| {
            let mut variables = command.get_envs();
            let (_, value) = variables.find(|(given, _)| *given == name)?;
            value.map(|value| value.to_string_lossy().into_owned())
        };
        let home = PathBuf::from(variable("HOME")?);
        let given = SECRET_VARIABLES.iter().filter_map(|name| variable(name));
        at(&home, |known| known.others.extend(given));
        let watch = Watch {
            home,
            key: variable("WEBEX_CONNECT_KEY"),
            shows_token: words
                .iter()
                .any(|word| SHOW_TOKENS.iter().any(|it| word == it)),
            masks: words.iter().any(|word| *word == "--github-mask")
                && variable("GITHUB_ACTIONS").is_some_and(|value| value == "true"),
        };
        watch.learn();
        Some(watch)
    }

    /// Fails if any of it shows a secret that was stored before the run or is stored after it.
    pub fn holds(&self, what: &str, stdout: &[u8], stderr: &[u8]) {
        self.learn();
        let known = at(&self.home, |known| {
            known.outputs += 2;
            known.clone()
        });
        let stdout = String::from_utf8_lossy(stdout);
        let stderr = String::from_utf8_lossy(stderr);
        for secret in &known.others {
            shows_not(what, "stdout", &stdout, secret);
            shows_not(what, "stderr", &stderr, secret);
        }
        for token in &known.access_tokens {
            if !self.masks {
                shows_not(what, "stderr", &stderr, token);
            }
            if !self.shows_token {
                shows_not(what, "stdout", &stdout, token);
            }
        }
    }

    /// Reads what is stored, where it changed since the last time.
    fn learn(&self) {
        let data = self.home.join("data/webex-connect");
        for (name, key) in [("store.age", "store.key"), ("sandbox.age", "sandbox.key")] {
            let path = data.join(name);
            let Some(sealed) = regular(&path) else {
                continue;
            };
            if at(&self.home, |known| known.stores.get(&path) == Some(&sealed)) {
                continue;
            }
            let beside = regular(&data.join(key));
            let beside = beside.map(|key| String::from_utf8_lossy(&key).into_owned());
            let keys = self.key.iter().chain(&beside);
            // A sealed key, or a file that a test broke: nothing to learn there.
            let opened = keys
                .filter_map(|key| key.trim().parse::<age::x25519::Identity>().ok())
                .find_map(|key| age::decrypt(&key, &sealed).ok());
            // Whatever the layout of the file: quotes in it may stand behind backslashes.
            let opened = opened.unwrap_or_default();
            let text = String::from_utf8_lossy(&opened).replace('\\', "");
            at(&self.home, |known| {
                known.stores.insert(path, sealed);
                known.access_tokens.extend(members(&text, "access_token"));
                known.others.extend(members(&text, "refresh_token"));
                known.others.extend(members(&text, "client_secret"));
            });
        }
    }
}

/// The texts that stand under a name in JSON.
fn members(json: &str, name: &str) -> Vec<String> {
    let start = format!("\"{name}\":\"");
    let values = json.split(&start).skip(1);
    let values = values.filter_map(|rest| rest.split('"').next());
    values.map(str::to_owned).collect()
}

/// Whether a secret is looked for in what the commands of a home say.
pub fn knows(home: &Path, secret: &str) -> bool {
    at(home, |known| {
        known.access_tokens.contains(secret) || known.others.contains(secret)
    })
}

/// The bytes of a file. A test may have put a FIFO or a device in its place, which would be waited for.
fn regular(path: &Path) -> Option<Vec<u8>> {
    let is_file = fs::metadata(path).is_ok_and(|found| found.is_file());
    is_file.then(|| fs::read(path).ok()).flatten()
}

/// What a test puts into a home is its own affair.
pub fn fixture(home: &Path, path: &Path) {
    at(home, |known| known.fixtures.insert(path.to_owned()));
}

/// Fails if a file in the home holds a secret as anybody could read it. The home is forgotten.
pub fn nothing_left(home: &Path) {
    let found = lock().remove(home).unwrap_or_else(fixed);
    if std::thread::panicking() {
        return;
    }
    let mut files = Vec::new();
    walk(home, &mut files);
    files.retain(|path| !found.fixtures.contains(path));
    for path in &files {
        let Ok(bytes) = fs::read(path) else { continue };
        let text = String::from_utf8_lossy(&bytes);
        // A plain key is what such a file is for.
        let is_key = path.extension().is_some_and(|extension| extension == "key");
        for secret in found.access_tokens.iter().chain(&found.others) {
            if !(is_key && secret.starts_with("AGE-SECRET-KEY-")) {
                shows_not("what is left", &path.display().to_string(), &text, secret);
            }
        }
    }
    let secrets = found.access_tokens.len() + found.others.len();
    report::searched(found.outputs + files.len(), secrets);
}

fn walk(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => walk(&entry.path(), files),
            Ok(kind) if kind.is_file() => files.push(entry.path()),
            _ => {}
        }
    }
}

fn shows_not(what: &str, place: &str, text: &str, secret: &str) {
    for spelled in spellings(secret) {
        if let Some(at) = text.find(&spelled) {
            let line = text[..at].lines().count();
            report::found(&format!("{what}: {place}"));
            panic!("{what}: {place} shows the secret {secret:?} as {spelled:?} in line {line}");
        }
    }
}

/// The secret as it is, percent-encoded, in Base64 wherever it begins in what is encoded, in hex, and as a list of
/// numbers. Nothing for what is too short to be looked for.
pub fn spellings(secret: &str) -> Vec<String> {
    let piece = &secret.as_bytes()[..secret.len().min(PIECE)];
    if piece.len() < SHORTEST {
        return Vec::new();
    }
    let each = |spell: &dyn Fn(&u8) -> String, between: &str| {
        piece.iter().map(spell).collect::<Vec<_>>().join(between)
    };
    let mut spellings = vec![
        String::from_utf8_lossy(piece).into_owned(),
        url::form_urlencoded::byte_serialize(piece).collect(),
        each(&|byte| format!("%{byte:02X}"), ""),
        each(&|byte| format!("%{byte:02x}"), ""),
        each(&|byte| format!("{byte:02x}"), ""),
        each(&|byte| format!("{byte:02X}"), ""),
        each(&u8::to_string, ", "),
        each(&u8::to_string, ","),
    ];
    for engine in [BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD] {
        for before in 0..3 {
            let encoded = engine.encode([&vec![0; before], piece].concat());
            // Six bits a character; those at either end that hold bits of something else are left out.
            let whole = (before * 8).div_ceil(6)..(before + piece.len()) * 8 / 6;
            spellings.push(encoded[whole].to_owned());
        }
    }
    spellings
}

fn at<T>(home: &Path, act: impl FnOnce(&mut Known) -> T) -> T {
    act(lock().entry(home.to_owned()).or_insert_with(fixed))
}

/// What every home begins with: the secrets of the fixtures.
fn fixed() -> Known {
    let owned = |secrets: &[&str]| secrets.iter().map(|secret| (*secret).to_owned()).collect();
    Known {
        access_tokens: owned(&[ACCESS_TOKEN, OTHER_TOKEN]),
        others: owned(&[
            CLIENT_SECRET,
            OTHER_CLIENT.1,
            REFRESH_TOKEN,
            CODE,
            DEVICE_CODE,
        ]),
        ..Known::default()
    }
}

/// A test that failed elsewhere must not hide behind this one.
fn lock() -> MutexGuard<'static, BTreeMap<PathBuf, Known>> {
    KNOWN
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}
