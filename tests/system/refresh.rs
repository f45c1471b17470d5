//! Refreshes with a real gnome-keyring.

use std::collections::BTreeSet;

use rustix::process::Signal;

use crate::env::process::{Finished, Process, Stream};
use crate::env::{Env, OTHER_TOKEN, REFRESH_TOKEN, Reply, case_held, expired};
use crate::faulty_bus::{self, Fault, WRITES};
use crate::secret_service::{Bus, records, unlocked};

/// RF-01.
#[test]
#[ignore = "needs the keyring session of tests/run"]
fn sixty_four_processes_share_one_refresh_in_the_keyring() {
    let env = unlocked();
    let authority = expired(&env);
    // A second refresh would end the grant.
    let replies = [Reply::other_tokens(), Reply::dead_grant()];
    authority.token_answers(Reply::sequence(replies));
    let start = |_| Process::spawn(env.command(["token"]), b"");
    let started: Vec<_> = (0..64).map(start).collect();
    let finished: Vec<_> = started.into_iter().map(Process::finish).collect();
    for one in &finished {
        assert_eq!(one.code, Some(0), "{one}");
        assert_eq!(one.err(), "", "{one}");
    }
    let tokens: BTreeSet<_> = finished.iter().map(Finished::out).collect();
    assert_eq!(tokens, BTreeSet::from([format!("{OTHER_TOKEN}\n")]));
    assert_eq!(authority.refreshes(), 1);
    assert!(records(&env).contains(OTHER_TOKEN));
    case_held("RF-01 64 processes, keyring");
}

/// RF-06, in a keyring that is locked, or hangs, while Webex answers.
#[test]
#[ignore = "needs gnome-keyring and dbus-daemon"]
fn a_keyring_that_takes_no_new_tokens_is_an_error_that_the_next_run_explains() {
    for (case, why) in [("locks", "locked"), ("hangs", "did not answer")] {
        let bus = Bus::start(Env::bare());
        bus.unlock();
        let authority = expired(&bus.env);
        let (reply, gate) = Reply::other_tokens().held();
        authority.token_answers(reply);
        let mut token = Process::spawn(bus.env.command(["token"]), b"");
        gate.is_asked();
        let stopped = (case == "hangs").then(|| bus.stop_keyring());
        if case == "locks" {
            bus.lock();
        }
        gate.opens();
        let told = token.next_line(Stream::Err).unwrap_or_default();
        assert!(told.contains("yet, and still trying"), "{case}: {told}");
        token.signal(Signal::TERM);
        let failed = token.finish();
        failed.hold_the_oracles(&[OTHER_TOKEN, REFRESH_TOKEN].map(str::to_owned));
        assert_eq!(failed.code, Some(6), "{case}: {failed}");
        assert_eq!(failed.out(), "", "{case}: {failed}");
        for words in ["could not save the new tokens of work", why] {
            assert!(failed.err().contains(words), "{case}: {failed}");
        }
        drop(stopped);
        if case == "locks" {
            // Nobody is there to type the password.
            bus.env.run(["token"]).code(6).stderr_has(why).check();
            assert_eq!(authority.refreshes(), 1, "{case}");
            case_held("RF-06 the keyring locks");
            continue;
        }
        authority.token_answers(Reply::dead_grant());
        bus.env
            .run(["token"])
            .code(4)
            .stderr_has("was cut off, and Webex may have replaced the token then")
            .check();
        case_held("RF-06 the keyring hangs");
    }
}

/// RF-06 and RF-07, in a keyring that fails at the first write of a run, the mark, or at the second, the tokens.
#[test]
#[ignore = "needs the keyring session of tests/run"]
fn a_keyring_that_fails_at_a_write_costs_no_grant() {
    for (fault, nth, why) in [
        (Fault::Silence, 1, "did not answer"),
        (Fault::Refused, 1, "could not save in the keyring"),
        (Fault::RefusedAfterwards, 1, "could not save in the keyring"),
        (Fault::Silence, 2, "did not answer"),
        (Fault::Refused, 2, "could not save in the keyring"),
        (Fault::RefusedAfterwards, 2, "could not save in the keyring"),
    ] {
        let case = format!("{fault:?} at write {nth}");
        let env = unlocked();
        let authority = expired(&env);
        // The refresh token is spent by the first refresh.
        let replies = [Reply::other_tokens(), Reply::dead_grant()];
        authority.token_answers(Reply::sequence(replies));
        let bus = std::env::var("DBUS_SESSION_BUS_ADDRESS").unwrap_or_default();
        let faulty = faulty_bus::with(env, &bus, WRITES, fault, nth);
        let printed = format!("{OTHER_TOKEN}\n");
        let run = faulty.run(["token"]).secret(REFRESH_TOKEN);
        if nth == 1 {
            run.code(6).stderr_has(why).secret(OTHER_TOKEN).check();
        } else {
            // The new tokens exist nowhere else, so the save is tried again.
            run.stdout(&printed).any_stderr().check();
        }
        assert_eq!(authority.refreshes(), nth - 1, "{case}");
        case_held(format!("RF-0{} keyring: {case}", 8 - nth));
        let env = faulty.var("DBUS_SESSION_BUS_ADDRESS", &bus);
        env.run(["token"]).stdout(&printed).check();
        assert_eq!(authority.refreshes(), 1, "{case}");
    }
}

/// A run that waits for the keyring's answer hears of signals as any other.
#[test]
#[ignore = "needs gnome-keyring and dbus-daemon"]
fn a_signal_while_webex_is_asked_ends_a_run_with_the_keyring_too() {
    let bus = Bus::start(Env::bare());
    bus.unlock();
    let authority = expired(&bus.env);
    let (reply, gate) = Reply::other_tokens().held();
    authority.token_answers(reply);
    let token = Process::spawn(bus.env.command(["token"]), b"");
    gate.is_asked();
    token.signal(Signal::TERM);
    let finished = token.finish();
    assert_eq!(finished.code, Some(143), "{finished}");
    assert_eq!(finished.out(), "", "{finished}");
    gate.opens();
}
