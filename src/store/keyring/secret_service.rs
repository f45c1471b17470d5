//! The calls of the Secret Service API that this program needs (GNOME Keyring, KWallet, KeePassXC).
//!
//! Secrets travel over a *plain* session. The bus is a local socket of one user, and a program that can read it can also
//! ask the keyring for the secrets, so encryption would not protect them. See
//! <https://specifications.freedesktop.org/secret-service/latest/transfer-secrets.html>.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::time::Duration;

use dbus::arg::{Append, AppendAll, Arg, Get, ReadAll, RefArg, Variant};
use dbus::strings::Path;

use crate::store::keyring::bus::{BUS_TIME, Bus, Object};
use crate::store::keyring::failure::Failure;
use crate::store::keyring::prompt;

pub const NAME: &str = "org.freedesktop.secrets";
const SERVICE_PATH: &str = "/org/freedesktop/secrets";
const SERVICE: &str = "org.freedesktop.Secret.Service";
const COLLECTION: &str = "org.freedesktop.Secret.Collection";
const ITEM: &str = "org.freedesktop.Secret.Item";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
/// What the API returns in place of an object or a prompt that does not exist.
const NO_OBJECT: &str = "/";
/// The content type of every secret that this program writes.
const CONTENT_TYPE: &str = "application/octet-stream";
/// The label of a default collection that this program asks for, as libsecret calls it.
const COLLECTION_LABEL: &str = "Default keyring";

pub type ObjectPath = Path<'static>;
type Result<T> = std::result::Result<T, Failure>;
type Attributes<'a> = [(&'a str, &'a str)];
/// A secret as it travels: session, parameters of the session's algorithm, value, content type.
type Secret = (ObjectPath, Vec<u8>, Vec<u8>, String);
/// The result of a call that may need a prompt: what it made, and the prompt.
type Prompted<T> = (T, ObjectPath);

/// An item that a search found.
#[derive(Clone)]
pub struct Found {
    pub path: ObjectPath,
    pub is_locked: bool,
}

/// A session with the Secret Service.
pub struct Service {
    bus: Bus,
    session: ObjectPath,
    /// The collection for new items, if there is one.
    default: OnceCell<ObjectPath>,
    /// How long a call may take that may wait for a person.
    patience: Duration,
    /// Whether a person is there to answer a prompt.
    is_attended: bool,
}

impl Service {
    /// Connects to the keyring.
    pub fn open(patience: Duration, is_attended: bool) -> Result<Service> {
        let bus = Bus::connect()?;
        // GNOME Keyring learns of a new client at its first call, and may crash if that call opens a session
        // (<https://gitlab.gnome.org/GNOME/gnome-keyring/-/issues/190>). So this one goes first.
        let (default,): (ObjectPath,) = bus.call(service(), "ReadAlias", ("default",), BUS_TIME)?;
        let (_, session): (Variant<Box<dyn RefArg>>, ObjectPath) = called(
            &bus,
            service(),
            "OpenSession",
            ("plain", Variant("")),
            BUS_TIME,
        )?;
        Ok(Service {
            bus,
            session,
            default: existing(default).map_or_else(OnceCell::new, OnceCell::from),
            patience,
            is_attended,
        })
    }

    /// The items with these attributes. If there are none, the default collection is unlocked first, because some
    /// keyrings hide the items of a locked collection.
    pub fn find(&self, attributes: &Attributes<'_>) -> Result<Vec<Found>> {
        let found = self.search(attributes)?;
        match found.is_empty() && self.reveal()? {
            true => self.search(attributes),
            false => Ok(found),
        }
    }

    fn search(&self, attributes: &Attributes<'_>) -> Result<Vec<Found>> {
        let attributes: HashMap<&str, &str> = attributes.iter().copied().collect();
        let (unlocked, locked): (Vec<ObjectPath>, Vec<ObjectPath>) =
            self.ask(service(), "SearchItems", (attributes,))?;
        let found = |is_locked| move |path| Found { path, is_locked };
        let unlocked = unlocked.into_iter().map(found(false));
        Ok(unlocked
            .chain(locked.into_iter().map(found(true)))
            .collect())
    }

    /// Unlocks the default collection; `false` if a search already saw all items.
    fn reveal(&self) -> Result<bool> {
        let Some(default) = self.default.get() else {
            return match self.is_any_collection_open()? {
                true => Ok(false),
                false => Err(Failure::NotOpen),
            };
        };
        if !self.is_locked(default)? {
            return Ok(false);
        }
        self.unlock(std::slice::from_ref(default))?;
        Ok(true)
    }

    fn is_any_collection_open(&self) -> Result<bool> {
        let collections: Vec<ObjectPath> = self.property(SERVICE_PATH, SERVICE, "Collections")?;
        for collection in collections {
            if !self.is_locked(&collection)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a collection is locked. A keyring that does not say so shows what it has.
    fn is_locked(&self, collection: &ObjectPath) -> Result<bool> {
        match self.property(collection, COLLECTION, "Locked") {
            Err(Failure::Refused(_) | Failure::NoObject(_)) => Ok(false),
            locked => locked,
        }
    }

    /// Unlocks items or collections, with a prompt if the keyring wants one.
    pub fn unlock(&self, objects: &[ObjectPath]) -> Result<()> {
        let (_, prompt): Prompted<Vec<ObjectPath>> = self.ask(service(), "Unlock", (objects,))?;
        self.prompt(prompt).map(drop)
    }

    pub fn attributes(&self, item: &ObjectPath) -> Result<HashMap<String, String>> {
        self.property(item, ITEM, "Attributes")
    }

    pub fn secret(&self, item: &ObjectPath) -> Result<Vec<u8>> {
        let (secret,): (Secret,) = self.ask(object(item, ITEM), "GetSecret", (&self.session,))?;
        Ok(secret.2)
    }

    /// The secrets of several unlocked items. An item that does not exist any more has none.
    pub fn secrets(&self, items: &[ObjectPath]) -> Result<HashMap<ObjectPath, Vec<u8>>> {
        let arguments = (items, &self.session);
        let (secrets,): (HashMap<ObjectPath, Secret>,) =
            match self.ask(service(), "GetSecrets", arguments) {
                // Not every keyring passes over an item that was removed.
                Err(Failure::Refused(_)) => Default::default(),
                secrets => secrets?,
            };
        let value = |(item, secret): (ObjectPath, Secret)| (item, secret.2);
        Ok(secrets.into_iter().map(value).collect())
    }

    /// Creates an item in the default collection.
    pub fn create(&self, attributes: &Attributes<'_>, label: &str, secret: &[u8]) -> Result<()> {
        let collection = match self.default.get() {
            Some(default) => {
                if self.is_locked(default)? {
                    self.unlock(std::slice::from_ref(default))?;
                }
                default
            }
            None => {
                let created = self.create_default_collection()?;
                self.default.get_or_init(|| created)
            }
        };
        match self.create_in(collection, attributes, label, secret) {
            // The keyring may have created an item all the same.
            Err(failure @ Failure::Refused(_)) => self.after_refusal(attributes, secret, failure),
            created => created,
        }
    }

    fn create_in(
        &self,
        collection: &ObjectPath,
        attributes: &Attributes<'_>,
        label: &str,
        secret: &[u8],
    ) -> Result<()> {
        let attributes: HashMap<String, String> = attributes
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let properties = HashMap::from([
            ("org.freedesktop.Secret.Item.Label", boxed(printable(label))),
            ("org.freedesktop.Secret.Item.Attributes", boxed(attributes)),
        ]);
        let arguments = (properties, self.wrapped(secret), true);
        let (_, prompt): Prompted<ObjectPath> =
            self.ask(object(collection, COLLECTION), "CreateItem", arguments)?;
        self.prompt(prompt).map(drop)
    }

    /// KWallet creates an item before it stores the secret. Removes an item that was left without one, and returns the
    /// failure unless the secret is stored.
    fn after_refusal(
        &self,
        attributes: &Attributes<'_>,
        secret: &[u8],
        failure: Failure,
    ) -> Result<()> {
        for item in self.search(attributes).unwrap_or_default() {
            match self.secret(&item.path) {
                Ok(stored) if stored == secret => return Ok(()),
                Ok(stored) if stored.is_empty() => {
                    let _ = self.delete(&item.path);
                }
                _ => {}
            }
        }
        Err(failure)
    }

    /// Has the keyring create the collection for new items, which asks a person for its password.
    fn create_default_collection(&self) -> Result<ObjectPath> {
        if !self.is_attended {
            return Err(Failure::NoDefaultCollection);
        }
        let label = boxed(COLLECTION_LABEL.to_owned());
        let properties = HashMap::from([("org.freedesktop.Secret.Collection.Label", label)]);
        let (collection, prompt): Prompted<ObjectPath> =
            self.ask(service(), "CreateCollection", (properties, "default"))?;
        let prompted = self.prompt(prompt)?;
        existing(collection)
            .or(prompted)
            .ok_or(Failure::NoDefaultCollection)
    }

    /// Replaces the secret of an item, and its label. A wrong label does no harm, so a failure of that is ignored.
    pub fn replace(&self, item: &ObjectPath, label: Option<&str>, secret: &[u8]) -> Result<()> {
        let of_item = object(item, ITEM);
        let () = self.call(of_item, "SetSecret", (self.wrapped(secret),))?;
        let Some(label) = label.map(printable) else {
            return Ok(());
        };
        let is_same = |stored: String| stored == label;
        if !self.property(item, ITEM, "Label").is_ok_and(is_same) {
            let arguments = (ITEM, "Label", Variant(label));
            let _: Result<()> = self.call(object(item, PROPERTIES), "Set", arguments);
        }
        Ok(())
    }

    pub fn delete(&self, item: &ObjectPath) -> Result<()> {
        let (prompt,): (ObjectPath,) = self.call(object(item, ITEM), "Delete", ())?;
        self.prompt(prompt).map(drop)
    }

    fn wrapped<'a>(&'a self, secret: &'a [u8]) -> (&'a ObjectPath, &'a [u8], &'a [u8], &'a str) {
        (&self.session, &[], secret, CONTENT_TYPE)
    }

    fn prompt(&self, prompt: ObjectPath) -> Result<Option<ObjectPath>> {
        match existing(prompt) {
            Some(prompt) => prompt::complete(&self.bus, &prompt, self.patience),
            None => Ok(None),
        }
    }

    /// A call that may wait for a person.
    fn ask<R: ReadAll>(
        &self,
        object: Object<'_>,
        method: &str,
        arguments: impl AppendAll,
    ) -> Result<R> {
        called(&self.bus, object, method, arguments, self.patience)
    }

    /// A call that the keyring answers at once.
    fn call<R: ReadAll>(
        &self,
        object: Object<'_>,
        method: &str,
        arguments: impl AppendAll,
    ) -> Result<R> {
        called(&self.bus, object, method, arguments, BUS_TIME)
    }

    fn property<T>(&self, path: &str, interface: &str, name: &str) -> Result<T>
    where
        T: Arg + for<'a> Get<'a>,
    {
        let (value,): (Variant<T>,) =
            self.call(object(path, PROPERTIES), "Get", (interface, name))?;
        Ok(value.0)
    }
}

/// Calls an object of the keyring. If the service object lacks a method, that does not mean that an item is missing.
fn called<R: ReadAll>(
    bus: &Bus,
    object: Object<'_>,
    method: &str,
    arguments: impl AppendAll,
    limit: Duration,
) -> Result<R> {
    bus.call(object, method, arguments, limit)
        .map_err(|failure| match failure {
            Failure::NoObject(words) if object.path == SERVICE_PATH => Failure::Refused(words),
            failure => failure,
        })
}

fn service() -> Object<'static> {
    object(SERVICE_PATH, SERVICE)
}

/// An object of the keyring, and the interface of it that is called.
pub fn object<'a>(path: &'a str, interface: &'a str) -> Object<'a> {
    Object {
        service: NAME,
        path,
        interface,
    }
}

/// A path that the API returned, unless it stands for nothing.
pub fn existing(path: ObjectPath) -> Option<ObjectPath> {
    (&*path != NO_OBJECT).then_some(path)
}

/// D-Bus takes no text with a NUL.
fn printable(label: &str) -> String {
    label.replace('\0', "\u{fffd}")
}

fn boxed(value: impl RefArg + Append + 'static) -> Variant<Box<dyn RefArg>> {
    Variant(Box::new(value))
}
