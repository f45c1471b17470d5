//! Detects whether standard output was closed when the program started (`>&-` in a shell).
//!
//! Before `main`, std opens `/dev/null` for each closed descriptor from 0 to 2. From then on a closed stream looks like
//! one that the caller redirected to `/dev/null`, and every write to it succeeds. So a constructor, which the C runtime
//! calls before std, checks the descriptor and keeps the answer.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

static WAS_CLOSED: AtomicBool = AtomicBool::new(false);

/// The error of every write to standard output, if standard output was closed when the program started.
pub fn closed_stdout() -> Option<io::Error> {
    let was_closed = WAS_CLOSED.load(Ordering::Relaxed);
    was_closed.then(|| io::Error::other("it was closed when the program started"))
}

// The macro requires `unsafe` because std is not set up yet when the block runs. The block only calls fcntl(2) and sets
// a flag, which need nothing of std, and the lint against unsafe code applies to it as to all other code.
#[cfg(unix)]
ctor_lite::ctor! {
    unsafe fn check_stdout() {
        let flags = rustix::io::fcntl_getfd(rustix::stdio::stdout());
        WAS_CLOSED.store(flags.is_err(), Ordering::Relaxed);
    }
}
