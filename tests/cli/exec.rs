//! `exec`: what the command gets, what it does not, and how both end.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::env::{Env, Run, Sandbox, Scene, case_held};

const PROGRAM: &str = env!("CARGO_BIN_EXE_webex-connect");

fn refreshes(sandbox: &mut Sandbox) -> usize {
    let requests = sandbox.requests().iter();
    requests
        .filter(|entry| entry["grant_type"] == "refresh_token")
        .count()
}

/// A shell whose `$1` is the program.
fn shell(env: &Env, script: &str) -> Run {
    let mut command = env.program("sh");
    command.args(["-c", script, "sh", PROGRAM]);
    Run::new(command)
}

/// What a command prints when the shell runs it in these surroundings, by itself and through `exec work`.
fn twice(env: &Env, surroundings: &str, command: &str) -> (String, String) {
    let by_itself = shell(env, &format!("{surroundings}; exec {command}"));
    let through = shell(
        env,
        &format!("{surroundings}; exec \"$1\" exec work -- {command}"),
    );
    let said = |run: Run| run.any_stdout().check().out();
    (said(by_itself), said(through))
}

fn variables(environ: &[u8]) -> BTreeMap<String, String> {
    let text = String::from_utf8_lossy(environ).into_owned();
    let pairs = text.split('\0').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// EX-01.
#[test]
fn the_command_gets_the_access_token_and_no_secret_of_ours() {
    let (env, _sandbox) = Scene::signed_in(&[]);
    let token = env.run(["token"]).any_stdout().check().out();
    let ours = [
        ("WEBEX_CONNECT_CLIENT_SECRET", "wxcs-canary-in-a-variable"),
        ("WEBEX_CONNECT_PASSPHRASE", "wxpp-canary-in-a-variable"),
        ("WEBEX_CONNECT_PASSPHRASE_FILE", "/nonexistent"),
        ("WEBEX_ACCESS_TOKEN", "an older one"),
        ("OTHER", "stays = as it is"),
    ];
    let env = ours
        .into_iter()
        .fold(env, |env, (name, value)| env.var(name, value));
    let cat = |file: &str| {
        let mut by_itself = env.program("cat");
        by_itself.arg(file);
        let by_itself = Run::new(by_itself).any_stdout().check().stdout;
        let through = env.run(["exec", "work", "--", "cat", file]);
        (by_itself, through.any_stdout().check().stdout)
    };
    let (before, after) = cat("/proc/self/environ");
    let (mut expected, got) = (variables(&before), variables(&after));
    for secret in ["KEY", "CLIENT_SECRET", "PASSPHRASE"] {
        let name = format!("WEBEX_CONNECT_{secret}");
        assert!(expected.remove(&name).is_some(), "{name} is not set");
    }
    expected.insert("WEBEX_ACCESS_TOKEN".into(), token.trim_end().into());
    assert_eq!(got, expected, "EX-01");
    let (before, after) = cat("/proc/self/cmdline");
    assert_eq!(after, before, "EX-01: arguments");
    case_held("EX-01 environment and arguments");
}

/// EX-01. A refresh comes first, so that locks, sockets and a runtime were there to be inherited.
#[test]
fn the_command_gets_the_callers_descriptors_and_none_of_ours() {
    let (env, mut sandbox) = Scene::signed_in(&["--expires-in", "0"]);
    env.write("seven", "read by the command\n");
    let (by_itself, through) = twice(&env, "exec 7<seven", "ls /proc/self/fd");
    assert!(by_itself.contains("\n7\n"), "EX-01: {by_itself:?}");
    assert_eq!(through, by_itself, "EX-01");
    let (_, read) = twice(&env, "exec 7<seven", "cat /proc/self/fd/7");
    assert_eq!(read, "read by the command\n");
    case_held("EX-01 descriptors");
    assert_eq!(refreshes(&mut sandbox), 2);
}

#[test]
fn the_command_takes_our_place_in_the_callers_surroundings() {
    let (env, _sandbox) = Scene::signed_in(&["--expires-in", "0"]);
    let surroundings = "umask 027; ulimit -n 77; ulimit -c 5; trap '' HUP USR1; cd /";
    for command in [
        "sh -c 'umask; pwd; ulimit -a'",
        "cat /proc/self/limits",
        "grep -E '^(Sig(Blk|Ign|Cgt)|Shd.*):' /proc/self/status",
        "env --block-signal=USR2,TERM grep -E '^Sig(Blk|Ign|Cgt):' /proc/self/status",
    ] {
        let (by_itself, through) = twice(&env, surroundings, command);
        assert!(!by_itself.is_empty(), "{command}");
        assert_eq!(through, by_itself, "{command}");
    }
    let blocked = "env --block-signal=USR2,TERM";
    let mask = "grep ^SigBlk: /proc/self/status";
    let by_itself = shell(&env, &format!("exec {blocked} {mask}"));
    let through = shell(&env, &format!("exec {blocked} \"$1\" exec work -- {mask}"));
    let by_itself = by_itself.any_stdout().check().out();
    assert!(by_itself.contains("4800"), "{by_itself}");
    through.stdout(&by_itself).check();
    let pids = shell(&env, "echo $$; exec \"$1\" exec work -- sh -c 'echo $$'");
    let pids = pids.any_stdout().check().out();
    let pids: Vec<_> = pids.lines().collect();
    assert!(pids.len() == 2 && pids[0] == pids[1], "{pids:?}");
}

#[test]
fn arguments_and_input_reach_the_command_as_they_are() {
    let (env, _sandbox) = Scene::signed_in(&[]);
    let odd = ["a b", "$HOME", "*", "--json", "-v", "", "--", "';true"];
    let printf = ["exec", "--", "printf", "[%s]\n"];
    let expected: String = odd.iter().map(|word| format!("[{word}]\n")).collect();
    env.run(printf.iter().chain(&odd)).stdout(&expected).check();
    let cat = env.run(["exec", "work", "--", "cat"]);
    cat.stdin("from\0outside").stdout("from\0outside").check();
}

/// EX-03.
#[test]
fn the_exit_code_is_the_commands_or_tells_why_there_was_none() {
    let (env, mut sandbox) = Scene::signed_in(&["--expires-in", "0"]);
    let exec = |more: &[&str]| env.run([&["exec", "work"], more].concat());
    for (args, word) in [
        (&[][..], "<CMD>"),
        (&["--"], "<CMD>"),
        (&["--", ""], "the command to run is empty"),
        (&["true"], "-- <CMD>"),
        (&["--env", "PATH", "--", "true"], "--env"),
    ] {
        exec(args).code(2).stderr_has(word).check();
        case_held(format!("EX-03 {args:?}"));
    }
    assert_eq!(refreshes(&mut sandbox), 0, "EX-03: fetched for nothing");
    exec(&["--", "true"]).check();
    exec(&["--", "sh", "-c", "exit 42"]).code(42).check();
    let unknown = exec(&["--", "nonexistent"]).code(127);
    unknown
        .stderr(
            "error: could not run nonexistent: No such file or directory (os error 2)\n\
                 hint: give a program that `command -v nonexistent` finds, or its path\n",
        )
        .check();
    let denied = "error: could not run /etc/passwd: Permission denied (os error 13)\n\
                  hint: `ls -l /etc/passwd` shows whether you may run it\n";
    let file = exec(&["--", "/etc/passwd"]).code(126);
    file.stderr(denied).check();
    let script = env.script("script", "");
    env.write("script", "#!/no/such/interpreter\n");
    let unread = exec(&["--", &script]).code(127);
    unread.stderr_has("shows the interpreter").check();
    exec(&["--", "/etc"]).code(126).stderr_has("/etc").check();
    let killed = env.command(["exec", "work", "--", "sh", "-c", "kill -TERM $$"]);
    let killed = crate::env::process::Process::spawn(killed, b"").finish();
    assert_eq!(killed.signal, Some(15), "{killed}");
}

#[test]
fn without_a_token_the_command_does_not_run() {
    let (env, sandbox) = Scene::signed_in(&["--expires-in", "0"]);
    let touch = ["--", "touch", "ran"];
    let exec = |more: &[&str]| env.run([&["exec"], more, &touch].concat());
    exec(&["nobody"])
        .code(125)
        .stderr(
            "error: there is no connection nobody\nhint: `webex-connect list` shows what there is; \
             `webex-connect login nobody` makes it\n",
        )
        .check();
    exec(&["../x"]).code(2).stderr_has("a name is").check();
    let _forgetful = sandbox.restarted(&env);
    let failed = exec(&["work", "--json"]).code(125);
    let failed = failed.stderr_json("sign_in_required").check();
    let error: Value = serde_json::from_str(&failed.err()).unwrap_or_default();
    assert_eq!(error["error"]["exit_code"], 125);
    let locked = exec(&["work"]).var("WEBEX_CONNECT_KEY", "").code(125);
    locked.stderr_has("WEBEX_CONNECT_KEY").check();
    assert!(!env.path("ran").exists());
}

#[test]
fn the_variable_may_have_another_plain_name() {
    let (env, _sandbox) = Scene::signed_in(&[]);
    let token = env.run(["token"]).any_stdout().check().out();
    let script = "echo $_spark2; echo ${WEBEX_ACCESS_TOKEN-none}";
    env.run(["exec", "--env", "_spark2", "--", "sh", "-c", script])
        .stdout(&format!("{token}none\n"))
        .check();
    for name in [
        "",
        "1A",
        "A-B",
        "A=B",
        "A B",
        "É",
        "A\n",
        "PATH",
        "Path",
        "HOME",
        "IFS",
        "ENV",
        "BASH_ENV",
        "LD_PRELOAD",
        "LD_LIBRARY_PATH",
        "ld_audit",
        "GLIBC_TUNABLES",
        "DYLD_INSERT_LIBRARIES",
        "PYTHONPATH",
        "NODE_OPTIONS",
        "PERL5LIB",
        "RUBYOPT",
        "GIT_SSH_COMMAND",
        "HTTPS_PROXY",
        "no_proxy",
        "SSL_CERT_FILE",
        "WEBEX_CONNECT_KEY",
        "webex_connect_x",
    ] {
        let refused = env.run(["exec", "--env", name, "--", "touch", "ran"]);
        refused.code(2).stderr_has("--env").check();
    }
    assert!(!env.path("ran").exists());
}

#[test]
fn a_connection_to_the_embedded_sandbox_has_no_server_to_talk_to() {
    let env = Env::new();
    env.connect_sandbox();
    env.run(["exec", "--", "touch", "ran"])
        .code(125)
        .stderr(
            "error: sandbox belongs to the sandbox inside this program, which is gone when the command runs\n\
             hint: run `webex-connect sandbox --port 8912` and leave it running, then \
             `WEBEX_CONNECT_CLIENT_SECRET=sandbox-secret webex-connect login try --client-id sandbox \
             --api-base http://127.0.0.1:8912/v1`, then `webex-connect exec try -- CMD`\n",
        )
        .check();
    assert!(!env.path("ran").exists());
}
