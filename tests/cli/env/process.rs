//! A child process: every byte it says is kept, every wait for it is bounded, and it never outlives its test.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::canaries::{Watch, spellings};

/// No command of a test is silent for longer, on a busy machine and in a debug build.
const LIMIT: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    Out,
    Err,
}

/// What a process reads.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// This, and then the end.
    Text(&'a [u8]),
    /// The end at once.
    Nothing,
    /// A pipe that stays open for as long as the process runs, and that nothing comes through.
    Silence,
}

enum Event {
    Line(Stream, Vec<u8>),
    Exit(ExitStatus),
}

pub struct Process {
    what: String,
    /// None for a program that is not ours.
    watch: Option<Watch>,
    pid: Pid,
    events: Receiver<Event>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    status: Option<ExitStatus>,
    since: Instant,
    /// How long it may be silent.
    limit: Duration,
    /// The end of a pipe that nothing comes through.
    _silent: Option<ChildStdin>,
}

impl Process {
    /// Starts the command, gives it `stdin` and closes that.
    pub fn spawn(command: Command, stdin: &[u8]) -> Process {
        Process::reading(command, Input::Text(stdin))
    }

    pub fn reading(mut command: Command, input: Input) -> Process {
        let what = describe(&command);
        let watch = Watch::of(&command);
        let mut child = command
            .stdin(match input {
                Input::Nothing => Stdio::null(),
                Input::Text(_) | Input::Silence => Stdio::piped(),
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{what}: {e}"));
        let (sender, events) = mpsc::channel();
        let mut pipe = child.stdin.take();
        if let Input::Text(text) = input
            && let Some(mut pipe) = pipe.take()
        {
            // A command that ends without reading its input is free to do so.
            let _ = pipe.write_all(text);
        }
        follow(child.stdout.take(), Stream::Out, sender.clone());
        follow(child.stderr.take(), Stream::Err, sender.clone());
        let pid = Pid::from_child(&child);
        thread::spawn(move || child.wait().map(|status| sender.send(Event::Exit(status))));
        Process {
            what,
            watch,
            pid,
            events,
            stdout: Vec::new(),
            stderr: Vec::new(),
            status: None,
            since: Instant::now(),
            limit: LIMIT,
            _silent: pipe,
        }
    }

    /// Lets it be silent for longer than other commands.
    #[allow(dead_code, reason = "used by tests/system")]
    pub fn silent_for(mut self, limit: Duration) -> Process {
        self.limit = limit;
        self
    }

    #[allow(dead_code, reason = "used by tests/system")]
    pub fn pid(&self) -> Pid {
        self.pid
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid, signal).unwrap_or_else(|e| panic!("{}: {signal:?}: {e}", self.what));
    }

    /// The next line on a stream, without its end; `None` once both streams have ended.
    pub fn next_line(&mut self, stream: Stream) -> Option<String> {
        loop {
            if let Event::Line(from, line) = self.next_event()?
                && from == stream
            {
                return Some(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
        }
    }

    /// Waits for the end of the process and of everything that holds its streams.
    pub fn finish(mut self) -> Finished {
        while self.next_event().is_some() {}
        let Some(status) = self.status else {
            panic!("{}: no exit status", self.what);
        };
        if let Some(watch) = &self.watch {
            watch.holds(&self.what, &self.stdout, &self.stderr);
        }
        Finished {
            what: self.what.clone(),
            code: status.code(),
            signal: status.signal(),
            stdout: std::mem::take(&mut self.stdout),
            stderr: std::mem::take(&mut self.stderr),
            took: self.since.elapsed(),
        }
    }

    /// A number out of `/proc/PID/status`: `VmHWM` in KiB, `Threads`.
    #[cfg(target_os = "linux")]
    pub fn status(&self, field: &str) -> u64 {
        let path = format!("/proc/{}/status", self.pid.as_raw_nonzero());
        self::field(&path, field).unwrap_or_else(|| panic!("{path} has no {field}"))
    }

    /// Its command line, as every user of the machine can read it.
    #[cfg(target_os = "linux")]
    pub fn arguments(&self) -> String {
        let path = format!("/proc/{}/cmdline", self.pid.as_raw_nonzero());
        std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
    }

    /// The most memory it ever had, in KiB, once it has ended.
    pub fn watch_memory(&self) -> thread::JoinHandle<u64> {
        let path = format!("/proc/{}/status", self.pid.as_raw_nonzero());
        // Once before the thread starts: on a busy machine the process may end sooner than that.
        let first = field(&path, "VmHWM").unwrap_or_default();
        thread::spawn(move || {
            let mut most = first;
            // A process that has ended, or that nobody has waited for yet, has no such line.
            while let Some(now) = field(&path, "VmHWM") {
                most = now;
                thread::sleep(Duration::from_millis(5));
            }
            most
        })
    }

    fn next_event(&mut self) -> Option<Event> {
        let limit = self.limit;
        match self.events.recv_timeout(limit) {
            Ok(event) => {
                match &event {
                    Event::Line(Stream::Out, line) => self.stdout.extend(line),
                    Event::Line(Stream::Err, line) => self.stderr.extend(line),
                    Event::Exit(status) => self.status = Some(*status),
                }
                Some(event)
            }
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!(
                "{}: still at it after {limit:?} ({})\nstdout: {}\nstderr: {}",
                self.what,
                match self.status {
                    Some(_) => "it ended, but something it started holds its output",
                    None => "it runs",
                },
                String::from_utf8_lossy(&self.stdout),
                String::from_utf8_lossy(&self.stderr),
            ),
        }
    }
}

/// A number out of a file like `/proc/PID/status`.
fn field(path: &str, field: &str) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| {
        let number = line.strip_prefix(field)?.strip_prefix(':')?;
        number.split_whitespace().next()?.parse().ok()
    })
}

impl Drop for Process {
    fn drop(&mut self) {
        while let Ok(event) = self.events.try_recv() {
            if let Event::Exit(status) = event {
                self.status = Some(status);
            }
        }
        if self.status.is_none() {
            let _ = kill_process(self.pid, Signal::KILL);
            while let Ok(Event::Line(..)) = self.events.recv_timeout(LIMIT) {}
        }
    }
}

/// Reads a stream to its end, line by line; the last may lack its end.
fn follow(stream: Option<impl Read + Send + 'static>, name: Stream, sender: Sender<Event>) {
    let Some(stream) = stream else { return };
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        loop {
            let mut line = Vec::new();
            match stream.read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => {
                    let _ = sender.send(Event::Line(name, line));
                }
            }
        }
    });
}

/// The command as typed, without its environment: that holds keys.
fn describe(command: &Command) -> String {
    let name = std::path::Path::new(command.get_program())
        .file_name()
        .unwrap_or_default();
    let words = std::iter::once(name).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}

/// What a process left behind.
pub struct Finished {
    pub what: String,
    /// `None` when a signal ended it.
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    pub took: Duration,
}

impl Finished {
    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    pub fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// stderr without the lines that carry the authorization URL: that one line may show `state`.
    pub fn said(&self) -> String {
        let err = self.err();
        let lines = err.lines().filter(|line| !line.contains("/authorize?"));
        lines.map(|line| format!("{line}\n")).collect()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout)
            .unwrap_or_else(|e| panic!("{self}\nstdout is no JSON: {e}"))
    }

    /// What holds for every command: no panic text, none of these secrets beside the authorization URL. Those that
    /// are stored, and those of the fixtures, are looked for after every run anyway.
    pub fn hold_the_oracles(&self, secrets: &[String]) {
        let said = self.said();
        for word in ["panicked", "RUST_BACKTRACE", "a fault in webex-connect"] {
            let anywhere = said.contains(word) || self.out().contains(word);
            assert!(!anywhere, "{self}\nsays {word:?}");
        }
        for secret in secrets {
            let shown = spellings(secret).iter().any(|it| said.contains(it));
            assert!(
                !shown && !said.contains(secret),
                "{self}\nshows the secret {secret:?}"
            );
        }
    }
}

impl std::fmt::Display for Finished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Finished { what, took, .. } = self;
        writeln!(
            f,
            "{what}: after {took:.1?}, code {:?}, signal {:?}",
            self.code, self.signal
        )?;
        write!(f, "stdout: {}\nstderr: {}", self.out(), self.err())
    }
}
