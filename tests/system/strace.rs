//! Commands under strace: what they call, and what becomes of them when a call fails or kills them.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use rustix::process::Pid;

use crate::elevated::tracing;
use crate::env::Env;

/// The n-th call of a name that one thread makes, as strace counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    pub name: String,
    pub nth: usize,
}

/// A command of ours under strace with these options, which write nothing.
pub fn under(env: &Env, options: &[&str], args: &[&str]) -> Command {
    traced(env, "/dev/null", options, args)
}

/// Killed at a call.
pub fn killed_at(env: &Env, call: &Call, args: &[&str]) -> Command {
    let Call { name, nth } = call;
    let trace = format!("trace={name}");
    let inject = format!("inject={name}:signal=KILL:when={nth}");
    under(env, &["-e", &trace, "-e", &inject], args)
}

/// A call fails as on a broken disk, or a broken connection to the keyring.
pub fn failing_at(env: &Env, call: &Call, args: &[&str]) -> Command {
    let Call { name, nth } = call;
    let trace = format!("trace={name}");
    let inject = format!("inject={name}:error=EIO:when={nth}");
    under(env, &["-e", &trace, "-e", &inject], args)
}

/// The calls by which the sealed file is replaced, in their order, and what the line of such a call has in it. The name
/// of the temporary file is another one each time.
pub const REPLACING: [(&str, &str); 4] = [
    ("openat", ".new\""),
    ("write", ".new>"),
    ("fsync", ".new>"),
    ("renameat", "store.age\""),
];

/// A command of ours in which a fault strikes a call of a kind that has this text, at its n-th time or, with a `+`, from
/// then on. The calls are counted in a rehearsal, after which the sealed file is put back. strace writes to `log`.
pub fn with_fault(
    env: &Env,
    (name, text): (&str, &str),
    fault: &str,
    (nth, lasts): (usize, &str),
    log: &str,
    args: &[&str],
) -> Command {
    let store = env.path("data/webex-connect/store.age");
    let before = fs::read(&store).ok();
    let calls = calls_with(env, args, name, text);
    let restored = match before {
        Some(bytes) => fs::write(&store, bytes),
        None => fs::remove_file(&store),
    };
    restored.unwrap_or_else(|e| panic!("{}: {e}", store.display()));
    let trace = format!("trace={name}");
    let when = calls[nth - 1].nth;
    let inject = format!("inject={name}:{fault}:when={when}{lasts}");
    alone(env, log, &["-e", &trace, "-e", &inject], args)
}

/// Stopped, as by Ctrl-Z, at a call. What strace says of it goes to the file.
pub fn stopped_at(env: &Env, call: &Call, file: &str, args: &[&str]) -> Command {
    let Call { name, nth } = call;
    let trace = format!("trace={name}");
    let inject = format!("inject={name}:signal=STOP:when={nth}");
    alone(env, file, &["-e", &trace, "-e", &inject], args)
}

/// The calls of a name that the main thread makes in a run and whose line has this text, in their order. Lines show the
/// paths of descriptors.
pub fn calls_with(env: &Env, args: &[&str], name: &str, text: &str) -> Vec<Call> {
    let file = env.path("trace");
    let path = file.display().to_string();
    let trace = format!("trace={name}");
    let output = alone(env, &path, &["-y", "-e", &trace], args).output();
    let output = output.unwrap_or_else(|e| panic!("strace: {e}"));
    assert!(output.status.success(), "{output:?}");
    let trace = fs::read_to_string(&file).unwrap_or_else(|e| panic!("{path}: {e}"));
    fs::remove_file(&file).unwrap_or_else(|e| panic!("{path}: {e}"));
    let start = format!("{name}(");
    let lines = trace.lines().filter(|line| line.starts_with(&start));
    let found = lines.enumerate().filter(|(_, line)| line.contains(text));
    let calls: Vec<_> = found
        .map(|(at, _)| Call {
            name: name.to_owned(),
            nth: at + 1,
        })
        .collect();
    assert!(!calls.is_empty(), "no {name} with {text:?}:\n{trace}");
    calls
}

/// The calls of a run from the n-th line that has one text to the first after it that has the other.
pub fn calls(env: &Env, args: &[&str], from: (&str, usize), to: &str) -> Vec<Call> {
    let file = env.path("trace");
    let path = file.display().to_string();
    let output = traced(env, &path, &[], args).output();
    let output = output.unwrap_or_else(|e| panic!("strace: {e}"));
    assert!(output.status.success(), "{output:?}");
    let trace = fs::read_to_string(&file).unwrap_or_else(|e| panic!("{path}: {e}"));
    // It shows what went over the wire, and is no file of the program's.
    fs::remove_file(&file).unwrap_or_else(|e| panic!("{path}: {e}"));
    let mut counts = BTreeMap::<(&str, &str), usize>::new();
    let mut met = BTreeSet::new();
    let mut calls = Vec::new();
    let (from, mut to_go) = from;
    for line in trace.lines() {
        to_go = to_go.saturating_sub(usize::from(line.contains(from)));
        let inside = to_go == 0;
        let Some((thread, call)) = line.split_once(' ') else {
            continue;
        };
        // Not the second half of a call, and no signal or exit.
        let Some((name, _)) = call.trim_start().split_once('(') else {
            continue;
        };
        if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            continue;
        }
        let count = counts.entry((thread, name)).or_default();
        *count += 1;
        let call = Call {
            name: name.to_owned(),
            nth: *count,
        };
        // Only the thread that gets there first is killed at it.
        if met.insert(call.clone()) && inside {
            calls.push(call);
        }
        if inside && line.contains(to) {
            return calls;
        }
    }
    panic!("no line with {to:?} after one with {from:?}:\n{trace}");
}

/// The process that a strace started.
pub fn child(strace: Pid) -> Pid {
    let strace = strace.as_raw_nonzero();
    let path = format!("/proc/{strace}/task/{strace}/children");
    let children = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let first = children.split_whitespace().next();
    let child = first.and_then(|pid| Pid::from_raw(pid.parse().ok()?));
    child.unwrap_or_else(|| panic!("{path}: {children:?}"))
}

fn traced(env: &Env, file: &str, options: &[&str], args: &[&str]) -> Command {
    alone(env, file, &[&["-f"], options].concat(), args)
}

/// Under strace with its main thread alone.
fn alone(env: &Env, file: &str, options: &[&str], args: &[&str]) -> Command {
    let mut command = env.program("strace");
    command.args(["-qq", "-o", file]).args(options);
    command.arg(env!("CARGO_BIN_EXE_webex-connect")).args(args);
    tracing(command)
}
