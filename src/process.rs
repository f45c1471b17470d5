//! What this process keeps to itself: its memory, and what a panic would say.

use std::panic::{self, Location, UnwindSafe};
use std::process::ExitCode;

use crate::error::{Error, Kind};
use crate::output::Output;

/// To be called before anything secret is read.
///
/// A panic is told in words of our own, for its message may quote a secret and its backtrace helps nobody here. On
/// Linux the process becomes undumpable: it leaves no core file, and other programs of the same user can neither trace
/// it nor read its memory and its environment. A resource limit would be handed on to what `exec` runs, but this ends
/// with the program: execve(2) makes the next one dumpable again.
pub fn harden(json: bool) {
    panic::set_hook(Box::new(move |fault| {
        Output::new(json).error(&told(fault.location()));
    }));
    // A kernel that refuses leaves things as they are for any program; that is no reason to do nothing.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

/// Runs the program; a panic, of which the hook has told, becomes exit code 1 and not Rust's 101.
pub fn contained(run: impl FnOnce() -> ExitCode + UnwindSafe) -> ExitCode {
    panic::catch_unwind(run).unwrap_or_else(|_| ExitCode::from(Kind::Failure.exit_code()))
}

/// Where it happened is a place in the source, known when this was built; what was said there is left out.
fn told(place: Option<&Location<'_>>) -> Error {
    let place = place.map(|place| format!("{}:{}", place.file(), place.line()));
    Error::new(Kind::Failure, "a fault in webex-connect itself")
        .with_detail(&place.unwrap_or_default())
        .with_hint("please report it, with this and the output of `webex-connect --version`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_by_its_place_alone() {
        let here = Location::caller();
        let error = told(Some(here));
        let place = format!("src/process.rs:{}", here.line());
        assert_eq!(
            error.to_string(),
            format!("a fault in webex-connect itself: {place}")
        );
        assert_eq!(told(None).to_string(), "a fault in webex-connect itself");
        assert_eq!(error.exit_code(), 1);
    }

    #[test]
    fn a_panic_ends_with_exit_code_1() {
        let ended = contained(|| panic!("wxat-canary"));
        assert_eq!(format!("{ended:?}"), format!("{:?}", ExitCode::from(1)));
    }
}
