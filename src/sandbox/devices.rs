//! Device codes: what a device asked for, and what a person makes of it elsewhere (RFC 8628).

use crate::sandbox::bounded::Bounded;
use crate::sandbox::grant::Grant;
use crate::sandbox::people::Person;
use crate::sandbox::random;
use crate::scope::ScopeSet;

/// Seconds a device code holds: what Webex says.
pub const LIFE: i64 = 300;
/// Seconds between two polls at first: what Webex says.
pub const INTERVAL: i64 = 2;
/// Seconds by which each poll too early lengthens the interval (RFC 8628 §3.5).
const SLOWER: i64 = 5;
/// Device codes remembered at once. A search among them is by looking at each.
const MAX_DEVICES: usize = 1000;

/// A device that waits for a person.
pub struct Device {
    pub client_id: String,
    pub scopes: ScopeSet,
    /// Six digits, to be typed by hand.
    pub user_code: String,
    /// What stands for the user code in an address. Nobody could type it, nor guess it.
    pub hash: String,
    decision: Option<Decision>,
    interval: i64,
    polled_at: Option<i64>,
    expires_at: i64,
}

/// What a person decided.
pub enum Decision {
    Allowed(&'static Person, ScopeSet),
    Refused,
}

/// Why a device code buys nothing, or nothing yet.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    /// It was never issued, is forgotten or was used.
    Unknown,
    OtherClient,
    Expired,
    Denied,
    Pending,
    SlowDown,
}

/// Devices by device code.
pub struct Devices(Bounded<Device>);

impl Default for Devices {
    fn default() -> Devices {
        Devices(Bounded::new(MAX_DEVICES))
    }
}

impl Devices {
    /// Adds a device; gives its device code.
    pub fn issue(&mut self, client_id: &str, scopes: ScopeSet, now: i64) -> (String, &Device) {
        let device_code = random::id();
        let device = Device {
            client_id: client_id.to_owned(),
            scopes,
            user_code: self.free_user_code(now),
            hash: random::id(),
            decision: None,
            interval: INTERVAL,
            polled_at: None,
            expires_at: now.saturating_add(LIFE),
        };
        let device = self.0.insert(device_code.clone(), device);
        (device_code, device)
    }

    /// Of a million codes, a thousand at most are taken.
    fn free_user_code(&self, now: i64) -> String {
        loop {
            let code = random::digits();
            if self.by_user_code(&code, now).is_none() {
                return code;
            }
        }
    }

    /// The device that shows these digits and still waits.
    pub fn by_user_code(&self, user_code: &str, now: i64) -> Option<&Device> {
        self.waiting(now)
            .find(|device| device.user_code == user_code)
    }

    /// The device that still waits, by what stands in an address for its digits.
    pub fn by_hash(&self, hash: &str, now: i64) -> Option<&Device> {
        self.waiting(now).find(|device| device.hash == hash)
    }

    fn waiting(&self, now: i64) -> impl Iterator<Item = &Device> {
        self.0
            .values()
            .filter(move |device| device.decision.is_none() && device.expires_at > now)
    }

    /// Settles a device that still waits.
    pub fn decide(&mut self, hash: &str, decision: Decision, now: i64) -> Option<()> {
        let device = self.0.values_mut().find(|device| device.hash == hash)?;
        if device.decision.is_some() || device.expires_at <= now {
            return None;
        }
        device.decision = Some(decision);
        Some(())
    }

    /// The grant for a device code, once; it counts as a poll (RFC 8628 §3.4). In whole seconds, so that a device
    /// that waits long enough is never told to slow down.
    ///
    /// # Errors
    /// Nobody has allowed it, or it holds no more.
    pub fn poll(&mut self, device_code: &str, client_id: &str, now: i64) -> Result<Grant, Refused> {
        let device = self.0.get_mut(device_code).ok_or(Refused::Unknown)?;
        if device.client_id != client_id {
            return Err(Refused::OtherClient);
        }
        if device.expires_at <= now {
            return Err(Refused::Expired);
        }
        match &device.decision {
            Some(Decision::Refused) => return Err(Refused::Denied),
            Some(Decision::Allowed(person, scopes)) => {
                let grant = Grant {
                    client_id: client_id.to_owned(),
                    person,
                    scopes: scopes.clone(),
                };
                self.0.remove(device_code);
                return Ok(grant);
            }
            None => {}
        }
        let before = device.polled_at.replace(now);
        if before.is_some_and(|before| now < before.saturating_add(device.interval)) {
            device.interval = device.interval.saturating_add(SLOWER);
            return Err(Refused::SlowDown);
        }
        Err(Refused::Pending)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::people;

    const NOW: i64 = 1_700_000_000;

    fn issued() -> (Devices, String, String) {
        let mut devices = Devices::default();
        let (device_code, device) = devices.issue("a", ScopeSet::standard(), NOW);
        let hash = device.hash.clone();
        (devices, device_code, hash)
    }

    #[test]
    fn each_poll_too_early_adds_five_seconds_that_stay() {
        let (mut devices, code, _) = issued();
        for (after, told) in [
            (0, Refused::Pending),
            (2, Refused::Pending),
            (3, Refused::SlowDown),
            (9, Refused::SlowDown),
            (21, Refused::Pending),
            (32, Refused::SlowDown),
            (49, Refused::Pending),
        ] {
            let polled = devices.poll(&code, "a", NOW + after).unwrap_err();
            assert_eq!(polled, told, "after {after} s");
        }
    }

    #[test]
    fn a_decision_is_made_once_and_redeemed_once_by_its_client() {
        let (mut devices, code, hash) = issued();
        let allowed = || Decision::Allowed(people::hinted(None), ScopeSet::standard());
        assert!(devices.by_hash(&hash, NOW).is_some());
        assert_eq!(devices.decide(&hash, allowed(), NOW), Some(()));
        assert_eq!(devices.decide(&hash, Decision::Refused, NOW), None);
        assert!(devices.by_hash(&hash, NOW).is_none());
        let polled = devices.poll(&code, "b", NOW).unwrap_err();
        assert_eq!(polled, Refused::OtherClient);
        assert!(devices.poll(&code, "a", NOW).is_ok());
        let polled = devices.poll(&code, "a", NOW).unwrap_err();
        assert_eq!(polled, Refused::Unknown);
    }

    #[test]
    fn after_its_life_a_code_is_expired_for_both_sides() {
        let (mut devices, code, hash) = issued();
        let over = NOW + LIFE;
        assert!(devices.by_hash(&hash, over - 1).is_some());
        assert!(devices.by_hash(&hash, over).is_none());
        assert_eq!(devices.decide(&hash, Decision::Refused, over), None);
        let polled = devices.poll(&code, "a", over).unwrap_err();
        assert_eq!(polled, Refused::Expired);
    }

    #[test]
    fn a_refusal_is_told_as_often_as_it_is_asked_for() {
        let (mut devices, code, hash) = issued();
        devices.decide(&hash, Decision::Refused, NOW);
        for _ in 0..2 {
            let polled = devices.poll(&code, "a", NOW).unwrap_err();
            assert_eq!(polled, Refused::Denied);
        }
    }

    #[test]
    fn digits_name_one_device_at_a_time() {
        let mut devices = Devices::default();
        for _ in 0..3 {
            devices.issue("a", ScopeSet::standard(), NOW);
        }
        let mut codes: Vec<_> = devices.waiting(NOW).map(|d| d.user_code.clone()).collect();
        codes.sort();
        codes.dedup();
        assert_eq!(codes.len(), 3);
        let six = |code: &String| code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit());
        assert!(codes.iter().all(six), "{codes:?}");
    }
}
