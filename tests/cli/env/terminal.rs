//! A real terminal of 80 columns unless told otherwise, with a person who reads and types.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use super::Env;

/// No answer on a terminal takes longer, on a busy machine and in a debug build.
const LIMIT: Duration = Duration::from_secs(60);

pub struct Terminal {
    child: Child,
    person: File,
    screen: OwnedFd,
    chunks: Receiver<Vec<u8>>,
    reader: Option<JoinHandle<()>>,
    closing: Arc<AtomicBool>,
    seen: Vec<u8>,
    /// How much of what was seen has been waited for.
    read: usize,
}

impl Terminal {
    /// The program with these arguments in the foreground of a new terminal.
    pub fn run(env: &Env, args: &[&str]) -> Terminal {
        Terminal::of(env, env!("CARGO_BIN_EXE_webex-connect"), args)
    }

    /// Any program, with these arguments, in the foreground of a new terminal.
    pub fn of(env: &Env, program: &str, args: &[&str]) -> Terminal {
        Terminal::start(env, program, args, "xterm-256color", 80)
    }

    /// The program on a terminal of this type and so many columns.
    pub fn of_kind(env: &Env, args: &[&str], term: &str, columns: u16) -> Terminal {
        Terminal::start(
            env,
            env!("CARGO_BIN_EXE_webex-connect"),
            args,
            term,
            columns,
        )
    }

    fn start(env: &Env, program: &str, args: &[&str], term: &str, columns: u16) -> Terminal {
        let (person, screen) = open(columns);
        let stream = || Stdio::from(screen.try_clone().unwrap_or_else(|e| panic!("{e}")));
        // A session of its own, whose leader takes the terminal, for prompts that open /dev/tty. As no group leader
        // calls it, setsid does not fork: the child is the program itself.
        let mut command: Command = env.program("setsid");
        command.args(["--ctty", program]);
        command.args(args).env("TERM", term);
        command.stdin(stream()).stdout(stream()).stderr(stream());
        let child = command.spawn().unwrap_or_else(|e| panic!("setsid: {e}"));
        let mut reader = person.try_clone().unwrap_or_else(|e| panic!("{e}"));
        let (sender, chunks) = mpsc::channel();
        let closing = Arc::new(AtomicBool::new(false));
        let closed = Arc::clone(&closing);
        let reader = thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(n @ 1..) = reader.read(&mut chunk) {
                if closed.load(Ordering::SeqCst) || sender.send(chunk[..n].to_vec()).is_err() {
                    return;
                }
            }
        });
        Terminal {
            child,
            person,
            screen,
            chunks,
            reader: Some(reader),
            closing,
            seen: Vec::new(),
            read: 0,
        }
    }

    /// Waits until the text stands on the screen, after whatever was waited for before.
    pub fn shows(&mut self, text: &str) -> &mut Terminal {
        loop {
            let unread = String::from_utf8_lossy(&self.seen[self.read..]);
            if let Some(at) = unread.find(text) {
                self.read += at + text.len();
                return self;
            }
            match self.chunks.recv_timeout(LIMIT) {
                Ok(chunk) => self.seen.extend(chunk),
                Err(e) => panic!("{text:?} is not shown ({e}):\n{}", self.screen()),
            }
        }
    }

    pub fn types(&mut self, text: &str) -> &mut Terminal {
        self.person
            .write_all(text.as_bytes())
            .unwrap_or_else(|e| panic!("typing: {e}"));
        self
    }

    pub fn screen(&self) -> String {
        String::from_utf8_lossy(&self.seen).into_owned()
    }

    /// Whether what is typed shows: a program that ends gives that back.
    pub fn echoes(&self) -> bool {
        let modes = tcgetattr(&self.screen).unwrap_or_else(|e| panic!("tcgetattr: {e}"));
        modes.local_modes.contains(LocalModes::ECHO)
    }

    /// Closes the terminal's window: who runs in it is told by a hang-up. Gives the exit code.
    pub fn closes(mut self) -> i32 {
        self.closing.store(true, Ordering::SeqCst);
        // Its echo wakes the reader, who has the terminal open too.
        self.types("\n");
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap_or_else(|_| panic!("the reader"));
        }
        let (person, screen) = open(1);
        self.person = person;
        self.screen = screen;
        self.ends().0
    }

    /// The exit code as a shell gives it, and all that was shown.
    pub fn ends(&mut self) -> (i32, String) {
        let status = self.status();
        while let Ok(chunk) = self.chunks.recv_timeout(Duration::from_millis(100)) {
            self.seen.extend(chunk);
        }
        let by_signal = || 128 + status.signal().unwrap_or_default();
        (status.code().unwrap_or_else(by_signal), self.screen())
    }
}

impl Terminal {
    fn status(&mut self) -> ExitStatus {
        let since = Instant::now();
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return status,
                Ok(None) if since.elapsed() < LIMIT => thread::sleep(Duration::from_millis(5)),
                Ok(None) => {
                    self.seen.extend(self.chunks.try_iter().flatten());
                    panic!("still at it after {LIMIT:?}:\n{}", self.screen())
                }
                Err(e) => panic!("wait: {e}"),
            }
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // One that has ended can't be killed again.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn open(columns: u16) -> (File, OwnedFd) {
    let open = || -> rustix::io::Result<(File, OwnedFd)> {
        // A program that had the person's end too would never see it close.
        let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&person)?;
        unlockpt(&person)?;
        let name = ptsname(&person, Vec::new())?;
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let screen = rustix::fs::open(&name, flags, rustix::fs::Mode::empty())?;
        let size = Winsize {
            ws_row: 24,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&screen, size)?;
        Ok((File::from(person), screen))
    };
    open().unwrap_or_else(|e| panic!("a terminal: {e}"))
}
