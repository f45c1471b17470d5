//! `TZ` and `TZDIR`, whatever they name.

use std::fs;
use std::path::Path;

use crate::env::Env;
use crate::env::process::Process;

/// What `status` shows of the access token's expiry with these variables.
fn expiry(env: &Env, variables: &[(&str, &str)]) -> String {
    let mut command = env.command(["status"]);
    command.envs(variables.iter().copied());
    let process = Process::spawn(command, b"");
    let memory = process.watch_memory();
    let finished = process.finish();
    assert_eq!(finished.code, Some(0), "{variables:?}: {finished}");
    assert!(finished.took.as_secs() < 10, "{variables:?}: {finished}");
    let memory = memory.join().unwrap();
    assert!(memory < 64 * 1024, "{variables:?}: {memory} kB");
    let out = finished.out();
    let line = out.lines().find(|line| line.contains("until "));
    line.unwrap_or_else(|| panic!("{finished}")).to_owned()
}

fn pipe(env: &Env, name: &str) -> String {
    let pipe = env.path(name);
    let made = env.program("mkfifo").arg(&pipe).status();
    assert!(made.is_ok_and(|status| status.success()));
    pipe.display().to_string()
}

#[test]
fn a_time_zone_that_can_not_be_read_is_utc() {
    let env = Env::new();
    env.connect_sandbox();
    let pipe = pipe(&env, "pipe");
    let large = env
        .write("large", &"x".repeat(1024 * 1024))
        .display()
        .to_string();
    for tz in [
        "",
        ":",
        "nonsense",
        "Nowhere/Else",
        ":/dev/zero",
        "/dev/zero",
        ":/dev/full",
        "../../../dev/zero",
        "/dev/stdin",
        "/proc/kmsg",
        "/etc",
        "/etc/passwd",
        &pipe,
        &format!(":{pipe}"),
        &large,
    ] {
        let shown = expiry(&env, &[("TZ", tz)]);
        assert!(shown.contains(" UTC, in "), "{tz}: {shown}");
    }
}

#[test]
fn nothing_in_a_directory_of_time_zones_is_waited_for() {
    let env = Env::new();
    env.connect_sandbox();
    let home = env.path("").display().to_string();
    let pipe = pipe(&env, "pipe");
    for directory in [
        home.as_str(),
        "/dev",
        "/proc/self/fd",
        &pipe,
        "/nonexistent",
    ] {
        for tz in ["pipe", "zero", "Europe/Berlin"] {
            let shown = expiry(&env, &[("TZDIR", directory), ("TZ", tz)]);
            assert!(shown.contains(" UTC, in "), "{directory} {tz}: {shown}");
        }
        // The time zone of the machine is not looked for there.
        expiry(&env, &[("TZDIR", directory)]);
    }
}

#[test]
fn a_time_zone_is_a_rule_a_name_or_a_path() {
    let env = Env::new();
    env.connect_sandbox();
    for tz in ["<X01>-5", "<X01>-5<X02>,0/0,J365/25"] {
        let shown = expiry(&env, &[("TZ", tz)]);
        assert!(
            shown.contains(" X01, in ") || shown.contains(" X02, in "),
            "{tz}: {shown}"
        );
    }
    let berlin = Path::new("/usr/share/zoneinfo/Europe/Berlin");
    if !berlin.exists() {
        return;
    }
    fs::copy(berlin, env.path("mine")).unwrap();
    let mine = env.path("mine").display().to_string();
    let home = env.path("").display().to_string();
    for variables in [
        &[("TZ", "Europe/Berlin")][..],
        &[("TZ", ":Europe/Berlin")],
        &[("TZ", "/usr/share/zoneinfo/Europe/Berlin")],
        &[("TZ", &mine)],
        &[("TZ", "mine"), ("TZDIR", &home)],
    ] {
        let shown = expiry(&env, variables);
        let central = shown.contains(" CET, in ") || shown.contains(" CEST, in ");
        assert!(central, "{variables:?}: {shown}");
    }
}
