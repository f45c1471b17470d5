//! What this process keeps to itself: its memory, and what a panic would say.

use std::panic::{self, Location, UnwindSafe};
use std::process::ExitCode;
use std::thread;

use crate::error::{Error, Kind};
use crate::output::Output;
use crate::prompt;

/// Must be called on the main thread, before anything secret is read.
///
/// A panic is reported in our own words, because its message may quote a secret and its backtrace does not help the user.
/// On the main thread it then unwinds to [`contained`]. Anywhere else nobody would see it: the thread or the task ends
/// and the command waits for it forever. So the hook ends the program there.
///
/// On Linux the process becomes undumpable: it leaves no core file, and other programs of the same user can neither trace
/// it nor read its memory and its environment. A resource limit would be handed on to what `exec` runs, but this ends
/// with the program: execve(2) makes the next one dumpable again.
pub fn harden(json: bool) {
    let main_thread = thread::current().id();
    panic::set_hook(Box::new(move |fault| {
        Output::new(json).error(&told(fault.location()));
        // tokio catches the panic of a task, even of one that runs on the main thread.
        let unwinds_to_main =
            thread::current().id() == main_thread && tokio::task::try_id().is_none();
        if !unwinds_to_main {
            prompt::show_typing();
            std::process::exit(i32::from(Kind::Failure.exit_code()));
        }
    }));
    // A kernel that refuses leaves things as they are for any program; that is no reason to do nothing.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

/// Runs the program; a panic, which the hook has reported, becomes exit code 1 and not Rust's 101.
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
    use std::time::Duration;

    use super::*;

    /// Longer than a panic takes to end a process.
    const LONG: Duration = Duration::from_secs(30);

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

    /// The test runs itself in a process of its own, which the panic ends.
    #[test]
    fn a_panic_off_the_main_thread_ends_the_program() {
        const PLACE: &str = "WEBEX_CONNECT_TEST_PANIC";
        match std::env::var(PLACE).as_deref() {
            Ok("thread") => panic_in_a_thread(),
            Ok("task") => panic_in_a_task(),
            _ => {}
        }
        for place in ["thread", "task"] {
            let name = "process::tests::a_panic_off_the_main_thread_ends_the_program";
            let ended = std::process::Command::new(std::env::current_exe().unwrap())
                .args(["--exact", name, "--nocapture"])
                .env(PLACE, place)
                .output()
                .unwrap();
            let stderr = String::from_utf8_lossy(&ended.stderr);
            assert_eq!(ended.status.code(), Some(1), "{place}: {stderr}");
            let said = "error: a fault in webex-connect itself: src/process.rs:";
            assert!(stderr.contains(said), "{place}: {stderr}");
            assert!(!stderr.contains("wxat-canary"), "{place}: {stderr}");
        }
    }

    fn panic_in_a_thread() {
        harden(false);
        std::thread::spawn(|| panic!("wxat-canary"));
        std::thread::sleep(LONG);
        panic!("the program went on");
    }

    fn panic_in_a_task() {
        harden(false);
        crate::signals::runtime().unwrap().block_on(async {
            tokio::spawn(async { panic!("wxat-canary") });
            tokio::time::sleep(LONG).await;
        });
        panic!("the program went on");
    }

    #[test]
    fn a_panic_ends_with_exit_code_1() {
        let ended = contained(|| panic!("wxat-canary"));
        assert_eq!(format!("{ended:?}"), format!("{:?}", ExitCode::from(1)));
    }
}
