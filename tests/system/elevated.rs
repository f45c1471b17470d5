//! What takes root: acting as another user, a network namespace, an /etc of one's own. Whoever is not root goes through
//! sudo.

use std::ffi::{OsStr, OsString};
use std::process::Command;

use rustix::process::{getegid, geteuid};

use crate::env::process::Process;
use crate::env::report::REPORT;

/// Set where a test runs itself once more, in other surroundings.
const INSIDE: &str = "WEBEX_CONNECT_TEST_INSIDE";

/// The command as the user `nobody`.
pub fn as_nobody(command: &Command) -> Command {
    as_root(&as_user(65534, 65534), command)
}

/// strace(1), by root for us: the memory of the program is shut off from others of its user's.
pub fn tracing(strace: Command) -> Command {
    if geteuid().is_root() {
        return strace;
    }
    let name = Command::new("id").arg("-un").output();
    let name = name.unwrap_or_else(|e| panic!("id: {e}")).stdout;
    let mut as_us = Command::new(strace.get_program());
    as_us.args(["-u", String::from_utf8_lossy(&name).trim()]);
    as_us.args(strace.get_args());
    let variables = strace.get_envs();
    as_us.envs(variables.filter_map(|(name, value)| Some((name, value?))));
    let mut elevated = as_root(&[], &as_us);
    elevated.current_dir(strace.get_current_dir().unwrap_or("/".as_ref()));
    elevated
}

/// The command as root, with a copy of /etc in place of the machine's own, that ends with it.
pub fn with_own_etc(command: &Command) -> Command {
    let script = "copy=$(mktemp -d) && mount -t tmpfs etc \"$copy\" && cp -a /etc/. \"$copy\" && \
        mount --bind \"$copy\" /etc && umount \"$copy\" && rmdir \"$copy\" && exec \"$@\"";
    let words = ["unshare", "--mount", "sh", "-c", script, "sh"].map(OsString::from);
    as_root(&words, command)
}

/// Runs the test named in the surroundings that `enter` makes; `false` if this is the run inside them.
pub fn again_inside(test: &str, enter: impl FnOnce(&Command) -> Command) -> bool {
    if std::env::var_os(INSIDE).is_some_and(|inside| inside == test) {
        return false;
    }
    let ourselves = std::env::current_exe().unwrap_or_else(|e| panic!("this test's binary: {e}"));
    let mut command = Command::new(ourselves);
    command
        .args([test, "--exact", "--ignored", "--nocapture"])
        .env(INSIDE, test)
        .envs(std::env::var_os(REPORT).map(|report| (REPORT, report)));
    let finished = Process::spawn(enter(&command), b"").finish();
    let passed = finished.code == Some(0) && finished.out().contains("1 passed");
    assert!(passed, "{finished}");
    true
}

/// The command as ourselves, in a network namespace that has 127.0.0.1 and no IPv6.
pub fn without_ipv6(command: &Command) -> Command {
    let script =
        "ip link set lo up && echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6 && exec \"$@\"";
    let mut words = ["unshare", "--net", "sh", "-c", script, "sh"]
        .map(OsString::from)
        .to_vec();
    words.extend(as_user(geteuid().as_raw(), getegid().as_raw()));
    as_root(&words, command)
}

/// The command as ourselves, where every name is looked up at 127.0.0.1, port 53, which whoever likes may bind.
pub fn with_own_resolver(command: &Command) -> Command {
    let script = "ip link set lo up && echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start && \
        conf=$(mktemp) && echo nameserver 127.0.0.1 >\"$conf\" && chmod 644 \"$conf\" && \
        mount --bind \"$conf\" /etc/resolv.conf && rm \"$conf\" && exec \"$@\"";
    let mut words = ["unshare", "--net", "--mount", "sh", "-c", script, "sh"]
        .map(OsString::from)
        .to_vec();
    words.extend(as_user(geteuid().as_raw(), getegid().as_raw()));
    as_root(&words, command)
}

fn as_user(uid: u32, gid: u32) -> Vec<OsString> {
    let words = [
        "setpriv".to_owned(),
        format!("--reuid={uid}"),
        format!("--regid={gid}"),
        "--clear-groups".to_owned(),
    ];
    words.map(OsString::from).to_vec()
}

/// `words` and then the command, run by root in the command's own environment.
pub fn as_root(words: &[OsString], command: &Command) -> Command {
    let env = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"].map(OsString::from);
    let variables = command.get_envs().filter_map(|(name, value)| {
        let mut variable = name.to_owned();
        variable.push("=");
        variable.push(value?);
        (name != "PATH").then_some(variable)
    });
    let sudo: &[&str] = if geteuid().is_root() {
        &[]
    } else {
        &["sudo", "-n"]
    };
    let program = std::iter::once(command.get_program()).chain(command.get_args());
    let all: Vec<OsString> = sudo
        .iter()
        .map(OsString::from)
        .chain(env)
        .chain(variables)
        .chain(words.iter().cloned())
        .chain(program.map(OsStr::to_owned))
        .collect();
    let mut elevated = Command::new(&all[0]);
    elevated.args(&all[1..]).current_dir("/");
    elevated
}
