//! Lines that a person types or pastes while something else is waited for.

use std::io::{self, BufRead, Read};

use tokio::sync::mpsc;

/// The longest line read: an address with a code of 4,096 characters fits.
const MAX_LINE: u64 = 16 * 1024;

/// The lines typed from now on, each as it comes; the end of the input is no line. They are read by a thread that
/// nobody waits for: it ends with the program.
pub fn lines() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(1);
    // Where not even a thread can be had, nothing is ever typed.
    let reading = std::thread::Builder::new().spawn(move || {
        while let Some(line) = next() {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    drop(reading);
    lines
}

fn next() -> Option<String> {
    wait_for_the_foreground()?;
    let mut line = Vec::new();
    let read = io::stdin()
        .lock()
        .take(MAX_LINE)
        .read_until(b'\n', &mut line);
    match read {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(String::from_utf8_lossy(&line).into_owned()),
    }
}

/// Waits until there is something to read and this program has the terminal: one that reads from the background is
/// stopped by the system (SIGTTIN), and the listener with it.
#[cfg(unix)]
fn wait_for_the_foreground() -> Option<()> {
    use std::time::Duration;

    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::process::getpgrp;
    use rustix::termios::tcgetpgrp;

    /// A shell gives no sign when it brings a program back to the foreground.
    const LOOK_AGAIN: Duration = Duration::from_millis(250);
    let stdin = io::stdin();
    loop {
        let mut ready = [PollFd::new(&stdin, PollFlags::IN)];
        match poll(&mut ready, None) {
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => return None,
            Ok(_) => {}
        }
        if tcgetpgrp(&stdin).ok()? == getpgrp() {
            return Some(());
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

#[cfg(not(unix))]
fn wait_for_the_foreground() -> Option<()> {
    Some(())
}
