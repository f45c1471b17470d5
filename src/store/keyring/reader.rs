//! Reads from the Secret Service over a session of our own, for what must be quick: a fresh token.
//!
//! The store crate does all else, but its key agreement takes a third of a `token`: it divides where Montgomery
//! multiplication serves, and its exponents are far longer than the group is worth. It also draws them from a
//! generator that is not made for keys. What comes out is the same on the wire, and as encrypted
//! (<https://specifications.freedesktop.org/secret-service/latest/transfer-secrets.html>).

use std::collections::HashMap;
use std::sync::LazyLock;

use aes::Aes128;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockDecryptMut, KeyIvInit};
use dbus::arg::Variant;
use dbus::blocking::stdintf::org_freedesktop_dbus::Properties;
use dbus::blocking::{Connection, Proxy};
use dbus::strings::Path;
use hkdf::Hkdf;
use keyring::{Error, Result};
use num_bigint::BigUint;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::store::keyring::DBUS_TIME;

const SERVICE: &str = "org.freedesktop.secrets";
const SERVICE_PATH: &str = "/org/freedesktop/secrets";
const SERVICE_INTERFACE: &str = "org.freedesktop.Secret.Service";
const ITEM_INTERFACE: &str = "org.freedesktop.Secret.Item";
/// The attribute that tells the items of a service apart.
const USER: &str = "username";
const ALGORITHM: &str = "dh-ietf1024-sha256-aes128-cbc-pkcs7";

/// The size of the group's numbers.
const GROUP_BYTES: usize = 128;
/// The size of our exponent: twice the strength of the key that comes of it. RFC 3526 §8 asks for no more than that
/// of larger groups.
const EXPONENT_BYTES: usize = 32;

/// The prime of the Second Oakley Group (RFC 2409 §6.2); its generator is 2.
static PRIME: LazyLock<BigUint> = LazyLock::new(|| {
    const PRIME: &[u8] = b"FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74\
        020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437\
        4FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED\
        EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF";
    BigUint::parse_bytes(PRIME, 16).unwrap_or_default()
});

/// A user and the secret.
type Found = (String, Vec<u8>);
type Items = Vec<Path<'static>>;
/// An item's secret as it travels: session, initialization vector, ciphertext, content type.
type Travelling = (Path<'static>, Vec<u8>, Vec<u8>, String);

/// A session with the Secret Service that secrets are read over.
pub struct Reader {
    bus: Connection,
    session: Path<'static>,
    key: Zeroizing<[u8; 16]>,
}

impl Reader {
    /// Agrees on a key with the service.
    ///
    /// # Errors
    /// There is no bus or no service on it, or it answers with something else.
    pub fn open() -> Result<Reader> {
        let bus = Connection::new_session().map_err(failure)?;
        become_known(&bus)?;
        let pair = Pair::generate()?;
        let (theirs, session): (Variant<Vec<u8>>, Path<'static>) = proxy(&bus, SERVICE_PATH)
            .method_call(
                SERVICE_INTERFACE,
                "OpenSession",
                (ALGORITHM, Variant(pair.public.to_bytes_be())),
            )
            .map_err(failure)?;
        let theirs = BigUint::from_bytes_be(&theirs.0);
        let key = pair
            .agree(&theirs)
            .ok_or_else(|| failure("the keyring agreed to a weak key"))?;
        Ok(Reader { bus, session, key })
    }

    /// The secret of the one item with these attributes, if that item is there and unlocked; none says nothing.
    ///
    /// # Errors
    /// The service failed, or what it sent does not decrypt.
    pub fn read(&self, service: &str, user: &str) -> Result<Option<Vec<u8>>> {
        let (unlocked, locked) = self.search(&[("service", service), (USER, user)])?;
        let ([item], []) = (&unlocked[..], &locked[..]) else {
            return Ok(None);
        };
        let (secret,): (Travelling,) = proxy(&self.bus, item)
            .method_call(ITEM_INTERFACE, "GetSecret", (&self.session,))
            .map_err(failure)?;
        self.decrypt(&secret).map(Some)
    }

    /// The user and the secret of every item of a service, if all of them are unlocked; none says nothing.
    ///
    /// # Errors
    /// As for [`Reader::read`]; or an item was removed meanwhile.
    pub fn all(&self, service: &str) -> Result<Option<Vec<Found>>> {
        let (items, locked) = self.search(&[("service", service)])?;
        if !locked.is_empty() {
            return Ok(None);
        }
        let (secrets,): (HashMap<Path<'static>, Travelling>,) = proxy(&self.bus, SERVICE_PATH)
            .method_call(SERVICE_INTERFACE, "GetSecrets", (&items, &self.session))
            .map_err(failure)?;
        let user_and_secret = |(item, secret): (&Path<'static>, &Travelling)| {
            let attributes: HashMap<String, String> = proxy(&self.bus, item)
                .get(ITEM_INTERFACE, "Attributes")
                .map_err(failure)?;
            let Some(user) = attributes.get(USER) else {
                return Ok(None);
            };
            Ok(Some((user.clone(), self.decrypt(secret)?)))
        };
        let found = secrets
            .iter()
            .filter_map(|item| user_and_secret(item).transpose());
        found.collect::<Result<Vec<_>>>().map(Some)
    }

    /// The items with these attributes, unlocked and locked.
    fn search(&self, attributes: &[(&str, &str)]) -> Result<(Items, Items)> {
        let attributes: HashMap<&str, &str> = attributes.iter().copied().collect();
        proxy(&self.bus, SERVICE_PATH)
            .method_call(SERVICE_INTERFACE, "SearchItems", (attributes,))
            .map_err(failure)
    }

    fn decrypt(&self, (_, iv, ciphertext, _): &Travelling) -> Result<Vec<u8>> {
        decrypt(&self.key, iv, ciphertext)
    }
}

/// GNOME Keyring takes notice of a client beside its first request, at times only after it, and dies where that is for a
/// session (<https://gitlab.gnome.org/GNOME/gnome-keyring/-/issues/190>). This request can do without being known, and
/// once it is answered the next finds the client known.
fn become_known(bus: &Connection) -> Result<()> {
    let alias: std::result::Result<(Path<'static>,), dbus::Error> =
        proxy(bus, SERVICE_PATH).method_call(SERVICE_INTERFACE, "ReadAlias", ("default",));
    alias.map(drop).map_err(failure)
}

fn proxy<'a>(bus: &'a Connection, path: &'a str) -> Proxy<'a, &'a Connection> {
    Proxy::new(SERVICE, path, DBUS_TIME, bus)
}

fn failure(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::PlatformFailure(cause.into())
}

fn decrypt(key: &[u8; 16], iv: &[u8], ciphertext: &[u8]) -> Result<Vec<u8>> {
    let undecipherable = || failure("what the keyring sent does not decrypt");
    cbc::Decryptor::<Aes128>::new_from_slices(key, iv)
        .map_err(|_| undecipherable())?
        .decrypt_padded_vec_mut::<Pkcs7>(ciphertext)
        .map_err(|_| undecipherable())
}

/// Our half of a Diffie-Hellman key agreement, made for one session.
struct Pair {
    exponent: BigUint,
    public: BigUint,
}

impl Pair {
    fn generate() -> Result<Pair> {
        let mut bytes = Zeroizing::new([0; EXPONENT_BYTES]);
        getrandom::getrandom(bytes.as_mut()).map_err(|_| failure("no random numbers"))?;
        let exponent = BigUint::from_bytes_be(bytes.as_ref());
        let public = BigUint::from(2u8).modpow(&exponent, &PRIME);
        Ok(Pair { exponent, public })
    }

    /// The key that both sides come to; none for a number that gives everybody the same.
    fn agree(&self, theirs: &BigUint) -> Option<Zeroizing<[u8; 16]>> {
        let one = BigUint::from(1u8);
        if *theirs <= one || *theirs >= &*PRIME - &one {
            return None;
        }
        key(&theirs.modpow(&self.exponent, &PRIME))
    }
}

/// The key that the shared number stands for, with all its leading zeros.
fn key(shared: &BigUint) -> Option<Zeroizing<[u8; 16]>> {
    let digits = Zeroizing::new(shared.to_bytes_be());
    let mut padded = Zeroizing::new([0; GROUP_BYTES]);
    padded[GROUP_BYTES - digits.len()..].copy_from_slice(&digits);
    let mut key = Zeroizing::new([0; 16]);
    let extracted = Hkdf::<Sha256>::new(None, padded.as_ref());
    extracted.expand(&[], key.as_mut()).ok()?;
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_come_to_the_same_key() {
        let (ours, theirs) = (Pair::generate().unwrap(), Pair::generate().unwrap());
        assert_eq!(ours.agree(&theirs.public), theirs.agree(&ours.public));
        assert_ne!(ours.public, theirs.public);
        assert_eq!(PRIME.bits(), 1024);
    }

    #[test]
    fn a_number_that_gives_everybody_the_same_key_is_refused() {
        let ours = Pair::generate().unwrap();
        let last = &*PRIME - BigUint::from(1u8);
        for theirs in [BigUint::default(), BigUint::from(1u8), last, PRIME.clone()] {
            assert!(ours.agree(&theirs).is_none(), "{theirs}");
        }
    }

    #[test]
    fn a_short_number_keeps_its_leading_zeros() {
        let mut padded = [0; GROUP_BYTES];
        padded[GROUP_BYTES - 1] = 7;
        let mut expected = [0; 16];
        let derived = Hkdf::<Sha256>::new(None, &padded).expand(&[], &mut expected);
        derived.unwrap();
        assert_eq!(*key(&BigUint::from(7u8)).unwrap(), expected);
    }

    #[test]
    fn what_does_not_decrypt_is_an_error() {
        for (iv, ciphertext) in [(16, 0), (16, 15), (15, 16), (16, 16)] {
            assert!(decrypt(&[1; 16], &vec![0; iv], &vec![0; ciphertext]).is_err());
        }
    }
}
