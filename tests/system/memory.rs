//! What is in the program's memory stays there.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::elevated::as_nobody;
use crate::env::process::Process;
use crate::env::{Env, Gate, Reply, case_held, expired};

/// TC-04: killed by what usually leaves a core file, in the middle of a refresh, with the tokens in its memory.
#[test]
#[ignore = "needs a machine that keeps core files"]
fn a_crash_leaves_no_core_file() {
    for signal in [Signal::SEGV, Signal::ABORT, Signal::QUIT] {
        let env = Env::new();
        let authority = expired(&env);
        let (reply, gate) = Reply::other_tokens().held();
        authority.token_answers(reply);
        let program = env!("CARGO_BIN_EXE_webex-connect");
        let status = crashed(&env, &[program, "token", "work"], signal, Some(&gate));
        assert_eq!(status.signal(), Some(signal.as_raw()), "TC-04");
        assert!(!status.core_dumped(), "TC-04: {signal:?} dumped a core");
        assert_eq!(cores(&env), 0, "TC-04: {signal:?} left a core file");
        case_held(format!("TC-04 {signal:?}"));
        gate.opens();
        // What would have shown it: any other program does leave one.
        let other = crashed(&Env::bare(), &["sleep", "60"], signal, None);
        assert!(other.core_dumped(), "this machine keeps no core files");
    }
}

/// TC-04: another program of the same user, with no rights that root has.
#[test]
#[ignore = "needs root, or sudo, to act as another user"]
fn another_program_of_the_same_user_reads_no_memory() {
    let sandbox = env!("CARGO_BIN_EXE_webex-connect");
    for name in ["mem", "environ", "maps"] {
        let said = read_by_its_user(sandbox, name);
        assert!(said.contains("Permission denied"), "TC-04: {name}: {said}");
        case_held(format!("TC-04 /proc/PID/{name}"));
    }
    // What would have shown it. (The memory of others is shut off on many machines anyway.)
    for name in ["environ", "maps"] {
        assert_eq!(read_by_its_user("sleep", name), "", "any program's {name}");
    }
}

/// What head(1) says when it opens a file of the running program in `/proc`; both belong to the same ordinary user.
fn read_by_its_user(program: &str, name: &str) -> String {
    // `sandbox` tells by its first line that it runs; the other is known by its name.
    const SCRIPT: &str = r#"
        case $1 in
        sleep) sleep 60 & until grep -q ^sleep "/proc/$!/cmdline"; do :; done ;;
        *) mkfifo "$2/line"; "$1" sandbox >"$2/line" 2>&1 & read -r _ <"$2/line" ;;
        esac
        head -c 1 "/proc/$!/$3" >/dev/null
        kill "$!""#;
    let directory = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777))
        .unwrap_or_else(|e| panic!("{e}"));
    let mut sh = Command::new("sh");
    sh.args(["-c", SCRIPT, "sh", program]);
    sh.arg(directory.path()).arg(name);
    let finished = Process::spawn(as_nobody(&sh), b"").finish();
    assert_eq!(finished.code, Some(0), "{finished}");
    finished.err()
}

/// Runs a program that may leave a core file of any size, in the home; sends it the signal once it is asked.
fn crashed(env: &Env, program: &[&str], signal: Signal, gate: Option<&Gate>) -> ExitStatus {
    let mut command = env.program("sh");
    command
        .args(["-c", "ulimit -c unlimited && exec \"$@\"", "sh"])
        .args(program)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = command.spawn().unwrap_or_else(|e| panic!("sh: {e}"));
    match gate {
        Some(gate) => {
            gate.is_asked();
        }
        None => wait_for(&child, program[0]),
    }
    // Rust looks at the first SIGSEGV for an overflow of the stack, and lets the next one through.
    loop {
        kill_process(Pid::from_child(&child), signal).unwrap_or_else(|e| panic!("{e}"));
        std::thread::sleep(Duration::from_millis(20));
        if let Some(status) = child.try_wait().unwrap_or_else(|e| panic!("wait: {e}")) {
            return status;
        }
    }
}

/// Until the shell has become the program.
fn wait_for(child: &Child, program: &str) {
    let path = format!("/proc/{}/cmdline", child.id());
    while !fs::read_to_string(&path).is_ok_and(|line| line.starts_with(program)) {
        std::thread::yield_now();
    }
}

fn cores(env: &Env) -> usize {
    let entries = fs::read_dir(env.path("")).unwrap_or_else(|e| panic!("the home: {e}"));
    let names = entries.flatten().map(|entry| entry.file_name());
    names
        .filter(|name| name.to_string_lossy().starts_with("core"))
        .count()
}
