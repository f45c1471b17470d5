//! The Secret Service as a store of the keyring interface, like the stores of the other systems.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use keyring::api::{Credential, CredentialApi, CredentialStoreApi};
use keyring::{Entry, Error, Result};

use crate::store::keyring::failure::Failure;
use crate::store::keyring::secret_service::{Found, Service};

/// The attributes that name an item.
const SERVICE: &str = "service";
const USER: &str = "username";
/// The modifier that gives a new or replaced item its label.
pub const LABEL: &str = "label";

type Shared = Arc<Mutex<Service>>;

/// The store: one session with the Secret Service.
pub struct Store(Shared);

impl Store {
    /// Opens the session. `patience` limits each call that may wait for a person; `is_attended` says that one is there.
    ///
    /// # Errors
    /// There is no keyring, or it does not answer.
    pub fn open(patience: Duration, is_attended: bool) -> Result<Arc<Store>> {
        let service = Service::open(patience, is_attended)?;
        Ok(Arc::new(Store(Arc::new(Mutex::new(service)))))
    }
}

impl CredentialStoreApi for Store {
    fn vendor(&self) -> String {
        "Secret Service, by webex-connect".to_owned()
    }

    fn id(&self) -> String {
        "session bus".to_owned()
    }

    fn build(
        &self,
        service: &str,
        user: &str,
        modifiers: Option<&HashMap<&str, &str>>,
    ) -> Result<Entry> {
        let label = modifiers.and_then(|modifiers| modifiers.get(LABEL));
        Ok(Entry::new_with_credential(Arc::new(Specifier {
            shared: Arc::clone(&self.0),
            service: service.to_owned(),
            user: user.to_owned(),
            label: label.map(|label| (*label).to_owned()),
        })))
    }

    fn search(&self, spec: &HashMap<&str, &str>) -> Result<Vec<Entry>> {
        let service = lock(&self.0);
        let spec: Vec<(&str, &str)> = spec.iter().map(|(name, value)| (*name, *value)).collect();
        let found = service.find(&spec)?;
        let locked: Vec<_> = found
            .iter()
            .filter(|item| item.is_locked)
            .map(|item| item.path.clone())
            .collect();
        if !locked.is_empty() {
            service.unlock(&locked)?;
        }
        let paths: Vec<_> = found.into_iter().map(|item| item.path).collect();
        // One call for all of them, before each is asked for its name.
        let mut secrets = match paths.is_empty() {
            true => HashMap::new(),
            false => service.secrets(&paths)?,
        };
        let mut entries = Vec::new();
        for path in paths {
            let attributes = match service.attributes(&path) {
                // Another program removed it since the search.
                Err(Failure::NoObject(_) | Failure::Refused(_)) => continue,
                attributes => attributes?,
            };
            let attribute = |name: &str| attributes.get(name).cloned();
            entries.push(Entry::new_with_credential(Arc::new(Item {
                shared: Arc::clone(&self.0),
                specifiers: attribute(SERVICE).zip(attribute(USER)),
                secret: Mutex::new(secrets.remove(&path)),
                found: Found {
                    path,
                    is_locked: false,
                },
            })));
        }
        Ok(entries)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// An item by its attributes. It need not exist.
struct Specifier {
    shared: Shared,
    service: String,
    user: String,
    label: Option<String>,
}

impl Specifier {
    fn attributes(&self) -> [(&str, &str); 2] {
        [(SERVICE, &self.service), (USER, &self.user)]
    }

    /// The one item with the attributes, unlocked.
    fn only(&self, service: &Service) -> Result<Found> {
        let mut found = service.find(&self.attributes())?;
        match found.len() {
            0 => Err(Error::NoEntry),
            1 => {
                let item = found.remove(0);
                unlocked(service, &item)?;
                Ok(item)
            }
            _ => Err(Error::Ambiguous(
                found.into_iter().map(|item| self.entry(item)).collect(),
            )),
        }
    }

    fn entry(&self, found: Found) -> Entry {
        Entry::new_with_credential(self.credential(found))
    }

    fn credential(&self, found: Found) -> Arc<Credential> {
        Arc::new(Item {
            shared: Arc::clone(&self.shared),
            found,
            specifiers: self.get_specifiers(),
            secret: Mutex::new(None),
        })
    }
}

impl CredentialApi for Specifier {
    fn set_secret(&self, secret: &[u8]) -> Result<()> {
        let service = lock(&self.shared);
        match self.only(&service) {
            Ok(item) => Ok(service.replace(&item.path, self.label.as_deref(), secret)?),
            Err(Error::NoEntry) => {
                let label = self.label.as_deref().unwrap_or(&self.user);
                Ok(service.create(&self.attributes(), label, secret)?)
            }
            Err(error) => Err(error),
        }
    }

    fn get_secret(&self) -> Result<Vec<u8>> {
        let service = lock(&self.shared);
        let item = self.only(&service)?;
        Ok(service.secret(&item.path)?)
    }

    fn delete_credential(&self) -> Result<()> {
        let service = lock(&self.shared);
        let item = self.only(&service)?;
        Ok(service.delete(&item.path)?)
    }

    fn get_credential(&self) -> Result<Option<Arc<Credential>>> {
        let item = self.only(&lock(&self.shared))?;
        Ok(Some(self.credential(item)))
    }

    fn get_specifiers(&self) -> Option<(String, String)> {
        Some((self.service.clone(), self.user.clone()))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// An item that a search found.
struct Item {
    shared: Shared,
    found: Found,
    specifiers: Option<(String, String)>,
    /// The secret that the search brought, for the first caller that asks.
    secret: Mutex<Option<Vec<u8>>>,
}

impl CredentialApi for Item {
    fn set_secret(&self, secret: &[u8]) -> Result<()> {
        let service = lock(&self.shared);
        unlocked(&service, &self.found)?;
        lock(&self.secret).take();
        Ok(service.replace(&self.found.path, None, secret)?)
    }

    fn get_secret(&self) -> Result<Vec<u8>> {
        if let Some(secret) = lock(&self.secret).take() {
            return Ok(secret);
        }
        let service = lock(&self.shared);
        unlocked(&service, &self.found)?;
        Ok(service.secret(&self.found.path)?)
    }

    fn delete_credential(&self) -> Result<()> {
        let service = lock(&self.shared);
        unlocked(&service, &self.found)?;
        lock(&self.secret).take();
        Ok(service.delete(&self.found.path)?)
    }

    fn get_credential(&self) -> Result<Option<Arc<Credential>>> {
        Ok(None)
    }

    fn get_specifiers(&self) -> Option<(String, String)> {
        self.specifiers.clone()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn unlocked(service: &Service, item: &Found) -> Result<()> {
    match item.is_locked {
        true => Ok(service.unlock(std::slice::from_ref(&item.path))?),
        false => Ok(()),
    }
}

/// A thread that panicked left the session as usable as it was: each call stands alone.
fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
