//! What takes root: acting as another user, and a network namespace. Whoever is not root goes through sudo.

use std::ffi::{OsStr, OsString};
use std::process::Command;

use rustix::process::{getegid, geteuid};

/// The command as the user `nobody`.
pub fn as_nobody(command: &Command) -> Command {
    as_root(&as_user(65534, 65534), command)
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
fn as_root(words: &[OsString], command: &Command) -> Command {
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
