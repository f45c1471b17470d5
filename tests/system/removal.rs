//! A keyring that does not let go of a connection.

use crate::env::{Env, Run, case_held, expired};
use crate::faulty_bus::{self, Fault, REMOVALS};
use crate::secret_service::{Bus, unlocked};

/// LO-02: the error says that it is still there, and so it is; nothing is revoked before it is gone.
#[test]
#[ignore = "needs the keyring session of tests/run"]
fn a_keyring_that_does_not_remove_a_connection_is_an_error_that_says_so() {
    for (fault, why) in [
        (Fault::Silence, "did not answer"),
        (Fault::Refused, "could not remove from the keyring"),
    ] {
        let env = unlocked();
        let authority = expired(&env);
        let bus = std::env::var("DBUS_SESSION_BUS_ADDRESS").unwrap_or_default();
        let faulty = faulty_bus::with(env, &bus, REMOVALS, fault, 1);
        says_so(faulty.run(["logout", "work"]), why);
        let env = faulty.var("DBUS_SESSION_BUS_ADDRESS", &bus);
        assert_eq!(env.connections(), ["work"], "LO-02 {fault:?}");
        assert!(
            !authority
                .asked()
                .iter()
                .any(|asked| asked.contains("revoke")),
            "LO-02 {fault:?}: {:?}",
            authority.asked()
        );
        env.run(["logout", "work"]).any_stderr().check();
        assert!(env.connections().is_empty(), "LO-02 {fault:?}");
        case_held(format!("LO-02 {fault:?}"));
    }
}

/// LO-02, with a keyring that answers nothing at all.
#[test]
#[ignore = "needs gnome-keyring and dbus-daemon"]
fn a_hung_keyring_keeps_what_a_logout_was_to_remove_and_says_so() {
    let bus = Bus::start(Env::bare());
    bus.unlock();
    let _authority = expired(&bus.env);
    let stopped = bus.stop_keyring();
    says_so(bus.env.run(["logout", "work"]), "did not answer");
    bus.env
        .run(["logout", "--all"])
        .code(6)
        .stderr_has("could not remove anything")
        .within(15)
        .check();
    drop(stopped);
    assert_eq!(bus.env.connections(), ["work"], "LO-02");
    case_held("LO-02 hung");
}

fn says_so(logout: Run, why: &str) {
    logout
        .code(6)
        .stderr_has("could not remove work")
        .stderr_has(why)
        .stderr_has("hint: ")
        .within(15)
        .check();
}
