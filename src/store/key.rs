//! The key of a sealed file: where it comes from, and how it is unlocked.

use std::cell::OnceCell;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use age::secrecy::{ExposeSecret, SecretString};
use age::x25519::Identity;
use zeroize::Zeroizing;

use crate::dirs;
use crate::error::{Error, Kind, Result};
use crate::prompt;
use crate::store::named::{AGE_MAGIC, MAX_KEY_FILE, check_private, read_named};
use crate::store::private::{PrivateFile, read_bounded};
use crate::variables::{self, CREDENTIALS, KEY, KEY_FILE, PASSPHRASE, PASSPHRASE_FILE};

/// scrypt's cost when a key is sealed: 2^15 takes a tenth of a second and 32 MB.
const WORK_FACTOR: u8 = 15;
/// The highest cost taken when one is opened: 2^18 takes 0.8 s and 281 MB. More would be somebody's trap.
const MAX_WORK_FACTOR: u8 = 18;
/// What the key is called among systemd's credentials.
const CREDENTIAL: &str = "webex-connect-key";

/// The sources of one key. It is looked for and unlocked once a process.
pub struct KeySource {
    /// The key file beside the sealed file.
    file: PrivateFile,
    /// Whether the environment may name the key.
    takes_variables: bool,
    /// Whether a person may be asked for the passphrase.
    may_ask: bool,
    unlocked: OnceCell<Unlocked>,
}

/// A key, and what the source is called that has it.
struct Unlocked {
    identity: Identity,
    place: String,
}

impl KeySource {
    pub fn new(file: PrivateFile, takes_variables: bool, may_ask: bool) -> KeySource {
        KeySource {
            file,
            takes_variables,
            may_ask,
            unlocked: OnceCell::new(),
        }
    }

    /// The key from the first source that has one: the variable with the key, the file that a variable names, the
    /// systemd credential `webex-connect-key`, the file beside the store.
    ///
    /// # Errors
    /// A source holds something else, or its passphrase is wrong or missing.
    pub fn find(&self) -> Result<Option<&Identity>> {
        if self.unlocked.get().is_none()
            && let Some(unlocked) = self.unlock()?
        {
            // Nobody else sets it: the cell is not shared between threads.
            let _ = self.unlocked.set(unlocked);
        }
        Ok(self.unlocked.get().map(|unlocked| &unlocked.identity))
    }

    /// Makes the key file, sealed if there is a passphrase: from a variable, or typed by the person, who may also
    /// choose none.
    ///
    /// # Errors
    /// There is nobody to ask, or the file can't be written.
    pub fn create(&self) -> Result<()> {
        let passphrase = match self.given_passphrase()? {
            Some(passphrase) => Some(passphrase),
            None if self.may_ask => self.choose_passphrase()?,
            None => return Err(self.missing()),
        };
        self.write(passphrase)
    }

    /// Makes a plain key file, unasked: only for what is worth nothing.
    pub fn create_plain(&self) -> Result<()> {
        self.write(None)
    }

    /// The key file beside the sealed file, whether there is one or not.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    pub fn file(&self) -> &PrivateFile {
        &self.file
    }

    /// Whether the key file beside the sealed file exists and is sealed with a passphrase.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn is_sealed(&self) -> Result<bool> {
        let bytes = self.file.read(MAX_KEY_FILE)?;
        Ok(bytes.is_some_and(|bytes| bytes.starts_with(AGE_MAGIC)))
    }

    /// The name of the source that has the key.
    ///
    /// # Errors
    /// As for [`KeySource::find`].
    pub fn place(&self) -> Result<Option<String>> {
        self.find()?;
        Ok(self.unlocked.get().map(|unlocked| unlocked.place.clone()))
    }

    /// Whether a first write would make a key: with a passphrase that is given or that a person can type. The sandbox's
    /// key needs none.
    ///
    /// # Errors
    /// A passphrase that can't be read.
    pub fn can_be_made(&self) -> Result<bool> {
        Ok(!self.takes_variables || self.may_ask || self.given_passphrase()?.is_some())
    }

    /// The error that names every source.
    pub fn missing(&self) -> Error {
        Error::new(Kind::Store, "there is no key for the sealed file").with_hint(format!(
            "set {PASSPHRASE} or {PASSPHRASE_FILE} and one is made at {}, or bring your own \
             (`age-keygen`) in {KEY} or {KEY_FILE}, or as the systemd credential {CREDENTIAL}",
            self.path().display()
        ))
    }

    /// The cure where something is sealed already, and its key is in no source.
    pub fn bring_back(&self) -> String {
        format!(
            "put its key back at {}, or give it in {KEY} or {KEY_FILE}, or as the systemd credential {CREDENTIAL}; \
             without that key, move the file away and sign in again",
            self.path().display()
        )
    }

    fn unlock(&self) -> Result<Option<Unlocked>> {
        if self.takes_variables
            && let Some(provided) = self.provided()?
        {
            return Ok(Some(provided));
        }
        let Some(file) = self.file.open(MAX_KEY_FILE)? else {
            return Ok(None);
        };
        let path = self.path();
        let found = file
            .metadata()
            .map_err(|error| dirs::cannot("read", path, &error))?;
        let bytes = read_bounded(file, path, MAX_KEY_FILE)?;
        if !bytes.starts_with(AGE_MAGIC) {
            check_private(path, &found)?;
        }
        let identity = self.open(path, bytes)?;
        let place = path.display().to_string();
        Ok(Some(Unlocked { identity, place }))
    }

    /// What the surroundings provide. A key handed over by a secret manager may be a symbolic link or belong to root.
    fn provided(&self) -> Result<Option<Unlocked>> {
        if let Some(key) = variables::read(KEY)? {
            let identity = parse(&key, KEY)?;
            let place = KEY.to_owned();
            return Ok(Some(Unlocked { identity, place }));
        }
        let named = match variables::read(KEY_FILE)? {
            Some(path) => Some((PathBuf::from(path), KEY_FILE.to_owned())),
            None => {
                credential()?.map(|path| (path, format!("the systemd credential {CREDENTIAL}")))
            }
        };
        let Some((path, place)) = named else {
            return Ok(None);
        };
        let identity = self.open(&path, read_named(&path)?)?;
        Ok(Some(Unlocked { identity, place }))
    }

    fn open(&self, path: &Path, bytes: Zeroizing<Vec<u8>>) -> Result<Identity> {
        let source = path.display().to_string();
        if !bytes.starts_with(AGE_MAGIC) {
            return parse(&String::from_utf8_lossy(&bytes), &source);
        }
        let passphrase = match self.given_passphrase()? {
            Some(passphrase) => passphrase,
            None if self.may_ask => ask(&format!("Passphrase for {source}"))?,
            None => {
                let hint = format!("give it in {PASSPHRASE} or {PASSPHRASE_FILE}");
                let message =
                    format!("the key {source} is sealed and there is no passphrase for it");
                return Err(Error::new(Kind::Store, message).with_hint(hint));
            }
        };
        let mut lock = age::scrypt::Identity::new(passphrase);
        lock.set_max_work_factor(MAX_WORK_FACTOR);
        let opened = age::decrypt(&lock, &bytes).map_err(|error| not_opened(&source, &error))?;
        parse(&String::from_utf8_lossy(&Zeroizing::new(opened)), &source)
    }

    fn given_passphrase(&self) -> Result<Option<SecretString>> {
        if !self.takes_variables {
            return Ok(None);
        }
        if let Some(passphrase) = variables::read(PASSPHRASE)? {
            return Ok(Some(SecretString::from(passphrase.as_str())));
        }
        let Some(path) = variables::read(PASSPHRASE_FILE)? else {
            return Ok(None);
        };
        let bytes = read_named(Path::new(path.as_str()))?;
        let text = Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned());
        match text.trim_end_matches(['\r', '\n']) {
            "" => Err(Error::new(
                Kind::Usage,
                format!("the passphrase in {} is empty", path.as_str()),
            )
            .with_hint(format!(
                "{PASSPHRASE_FILE} names a file whose one line is the passphrase"
            ))),
            passphrase => Ok(Some(SecretString::from(passphrase))),
        }
    }

    fn choose_passphrase(&self) -> Result<Option<SecretString>> {
        let path = self.path().display();
        let chosen = ask(&format!(
            "Choose a passphrase for the key of the sealed file (Enter for none: {path} is then plain)"
        ))?;
        if chosen.expose_secret().is_empty() {
            return Ok(None);
        }
        let again = ask("The same passphrase again")?;
        if again.expose_secret() != chosen.expose_secret() {
            return Err(Error::new(
                Kind::Usage,
                "the two passphrases differ; nothing was stored",
            )
            .with_hint("run the same command again"));
        }
        Ok(Some(chosen))
    }

    fn write(&self, passphrase: Option<SecretString>) -> Result<()> {
        let identity = Identity::generate();
        let mut text = Zeroizing::new(Vec::new());
        writeln!(text, "{}", identity.to_string().expose_secret())
            .map_err(|error| dirs::cannot("save", self.path(), &error))?;
        let bytes = match passphrase {
            None => text,
            Some(passphrase) => {
                let mut lock = age::scrypt::Recipient::new(passphrase);
                lock.set_work_factor(WORK_FACTOR);
                let sealed = age::encrypt(&lock, &text)
                    .map_err(|_| Error::new(Kind::Failure, "could not seal the key"))?;
                Zeroizing::new(sealed)
            }
        };
        self.file.replace(&bytes)?;
        // Who has just chosen a passphrase is not asked for it.
        let place = self.path().display().to_string();
        let _ = self.unlocked.set(Unlocked { identity, place });
        Ok(())
    }
}

/// The identity that opens what another machine sealed: of the file that is named, else from wherever the surroundings
/// provide the sealed file's key.
///
/// # Errors
/// As for [`KeySource::find`].
pub fn identity(file: Option<&Path>, may_ask: bool) -> Result<Option<Identity>> {
    let unused = PrivateFile::new(Path::new(""), "");
    let source = KeySource::new(unused, true, may_ask);
    match file {
        Some(path) => {
            // A file that an argument names is not the store's.
            let bytes = read_named(path).map_err(|error| Error {
                kind: Kind::Usage,
                ..error
            })?;
            source.open(path, bytes).map(Some)
        }
        None => Ok(source.provided()?.map(|provided| provided.identity)),
    }
}

/// The key among systemd's credentials, if it is there.
fn credential() -> Result<Option<PathBuf>> {
    let Some(directory) = variables::read(CREDENTIALS)? else {
        return Ok(None);
    };
    let path = Path::new(&directory).join(CREDENTIAL);
    match path.symlink_metadata() {
        Ok(_) => Ok(Some(path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(dirs::cannot("look at", &path, &error)),
    }
}

fn ask(question: &str) -> Result<SecretString> {
    Ok(SecretString::from(prompt::passphrase(question)?.as_str()))
}

fn not_opened(source: &str, error: &age::DecryptError) -> Error {
    let (message, hint) = match error {
        age::DecryptError::ExcessiveWork { .. } => (
            format!(
                "the key {source} asks for more scrypt work than 2^{MAX_WORK_FACTOR}; it was not tried"
            ),
            "open it with `age -d` and seal it again with `age -p`, which asks for no more".to_owned(),
        ),
        age::DecryptError::DecryptionFailed | age::DecryptError::KeyDecryptionFailed => (
            format!("the passphrase does not open the key {source}"),
            format!("give the right one in {PASSPHRASE} or {PASSPHRASE_FILE}"),
        ),
        _ => (
            format!("the key {source} is unreadable: it is corrupt"),
            "put a copy of it back; without one, what it sealed stays closed, and each login has to be made anew"
                .to_owned(),
        ),
    };
    Error::new(Kind::Unreadable, message).with_hint(hint)
}

/// The identity in a text as age-keygen writes it: comment lines and one key.
fn parse(text: &str, source: &str) -> Result<Identity> {
    let key = text
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with('#'));
    key.and_then(|key| Identity::from_str(key).ok())
        .ok_or_else(|| {
            Error::new(Kind::Store, format!("{source} holds no age identity"))
                .with_hint("an identity is one line, AGE-SECRET-KEY-1…, as `age-keygen` writes it")
        })
}
