//! Who comes to the redirect port: only programs of the person's own may take part.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::http::Request;
use crate::output::Output;
use crate::peer::{Peer, owner};

/// Where it is told who else has tried to come in.
pub struct Watch {
    output: Output,
    /// The wire, if it is shown.
    trace: Option<Output>,
    /// Told once: whoever tries again and again must not flood the terminal.
    warned: AtomicBool,
}

impl Watch {
    pub fn new(output: Output, trace: Option<Output>) -> Watch {
        Watch {
            output,
            trace,
            warned: AtomicBool::new(false),
        }
    }

    /// Whether the other end is a program of the person's. Where the system does not say, it counts as one.
    pub fn admits(&self, request: &Request) -> bool {
        match request.ends.map(|(local, peer)| owner(local, peer)) {
            Some(Peer::Ours) => true,
            Some(Peer::Other) => {
                if !self.warned.swap(true, Ordering::Relaxed) {
                    self.output.warning(
                        "another user of this machine has tried to take part in this sign-in and was refused",
                    );
                }
                false
            }
            // A page that was closed, or somebody who hides behind a reset: nobody waits for the answer.
            Some(Peer::Gone) | None => false,
            Some(Peer::Unknown) => {
                if let Some(wire) = &self.trace {
                    wire.wire("the system does not tell whose program came to the redirect port");
                }
                true
            }
        }
    }
}
