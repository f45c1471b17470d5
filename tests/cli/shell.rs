//! `completion` and `man`, and what the completion scripts ask.

use std::fs;

use serde_json::Value;

use crate::env::{Env, Terminal};

const SHELLS: [&str; 5] = ["bash", "zsh", "fish", "powershell", "elvish"];

/// What can come after these words when this much is typed of the next; without what it is.
fn candidates(env: &Env, before: &[&str], current: &str) -> Vec<String> {
    let current = format!("--current={current}");
    let args = [&["__complete", &current, "webex-connect"], before].concat();
    let answer = env.run(args).any_stdout().check().out();
    let words = answer.lines().map(|line| line.split('\t').next());
    words.flatten().map(str::to_owned).collect()
}

/// The commands that `--help` lists below these.
fn commands(env: &Env, of: &[&str]) -> Vec<String> {
    let help = env.run([of, &["-h"]].concat()).any_stdout().check().out();
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| !line.is_empty());
    // A description may go on in lines of its own, further in.
    let listed = listed.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = listed.filter_map(|line| line.split_whitespace().next());
    names.map(str::to_owned).collect()
}

/// Nothing that is wrong with store, bus or variables may keep anyone from a script or a page.
fn nothing_works() -> Env {
    let env = Env::bare()
        .var("WEBEX_CONNECT_STORE", "neither")
        .var("WEBEX_CONNECT_KEY", "none")
        .var("WEBEX_CONNECT_CONNECTION", "-");
    fs::remove_dir_all(env.path("data")).unwrap_or_else(|e| panic!("{e}"));
    env.write("data", "");
    env
}

#[test]
fn every_shell_gets_a_script_that_asks_the_program() {
    let env = nothing_works();
    for shell in SHELLS {
        let script = env.run(["completion", shell]).any_stdout().check().out();
        for words in ["webex-connect __complete", "--current="] {
            assert!(
                script.contains(words),
                "{shell}: no {words:?} in:\n{script}"
            );
        }
        let json = env.run(["completion", shell, "--json"]).any_stdout();
        assert_eq!(
            format!(
                "{}\n",
                json.check().json()["script"]
                    .as_str()
                    .unwrap_or_default()
                    .trim_end()
            ),
            script
        );
    }
    env.run(["completion", "tcsh"])
        .code(2)
        .stderr_has("possible values: bash, zsh, fish, powershell, elvish")
        .check();
    assert_eq!(candidates(&env, &["completion"], ""), SHELLS);
}

#[test]
fn no_command_is_missing() {
    let env = Env::new();
    for of in [&[][..], &["app"]] {
        let commands = commands(&env, of);
        assert!(commands.len() > 4, "{commands:?}");
        assert_eq!(candidates(&env, of, ""), commands, "after {of:?}");
    }
    assert_eq!(candidates(&env, &[], "__"), [""; 0], "it is hidden");
}

#[test]
fn options_come_when_they_are_asked_for_or_are_all_there_is() {
    let env = Env::new();
    assert_eq!(candidates(&env, &["token"], "--no"), ["--no-input"]);
    let all = candidates(&env, &["list"], "");
    assert!(all.contains(&"--json".to_owned()), "{all:?}");
    assert_eq!(candidates(&env, &["--store"], ""), ["keyring", "file"]);
    assert_eq!(
        candidates(&env, &["login"], "--environment=webex-"),
        ["--environment=webex-gov"]
    );
    assert_eq!(
        candidates(&env, &["login", "--preset"], "inv"),
        ["invite-user"]
    );
    assert_eq!(
        candidates(&env, &["login", "--expect-user"], ""),
        [""; 0],
        "no files"
    );
    env.write("ca.pem", "");
    assert_eq!(candidates(&env, &["list", "--ca-cert"], "ca"), ["ca.pem"]);
}

#[test]
fn stored_names_come_where_names_are_taken() {
    let env = Env::new();
    for name in ["one", "Two"] {
        env.run(["login", name, "--sandbox", "--approve"])
            .any_stderr()
            .check();
    }
    env.run([
        "app",
        "add",
        "mine",
        "--client-id",
        "C0ffee",
        "--client-secret-stdin",
    ])
    .stdin("a-secret\n")
    .any_stdout()
    .any_stderr()
    .check();
    let names = ["one", "Two"];
    for command in [
        "login", "status", "check", "token", "refresh", "exec", "export", "default", "logout",
        "rename",
    ] {
        assert_eq!(candidates(&env, &[command], ""), names, "{command}");
    }
    assert_eq!(candidates(&env, &["api", "--connection"], ""), names);
    assert_eq!(
        candidates(&env, &["-v", "--store", "file", "token"], "T"),
        ["Two"]
    );
    let new_name = candidates(&env, &["rename", "one"], "");
    assert!(!new_name.contains(&"Two".to_owned()), "{new_name:?}");
    for words in [
        &["app", "show"][..],
        &["app", "update"],
        &["app", "remove"],
        &["login", "--app"],
    ] {
        assert_eq!(candidates(&env, words, ""), ["mine"], "{words:?}");
    }
    // Who it is stands behind a tab.
    env.run(["__complete", "--current=o", "webex-connect", "token"])
        .stdout("one\tsandbox.person@example.com\n")
        .check();
}

#[test]
fn scopes_come_one_by_one_also_in_a_list() {
    let env = Env::new();
    let scope = ["spark:people_read", "spark:people_write"];
    for words in [
        &["login", "--scope"][..],
        &["login", "--add-scope"],
        &["check", "--scope"],
        &["scopes"],
    ] {
        assert_eq!(candidates(&env, words, "spark:people"), scope, "{words:?}");
    }
    let list = candidates(
        &env,
        &["login", "--scope"],
        "spark:rooms_read,spark:people_r",
    );
    assert_eq!(list, ["spark:rooms_read,spark:people_read"]);
    let joined = candidates(&env, &["check"], "--scope=spark:people_r");
    assert_eq!(joined, ["--scope=spark:people_read"]);
}

/// Where there is trouble, a key press is answered by nothing: no word on stderr, exit code 0, and in time.
#[test]
fn whatever_is_wrong_a_completion_says_nothing() {
    let locked = Env::bare()
        .var("WEBEX_CONNECT_STORE", "file")
        .var("WEBEX_CONNECT_PASSPHRASE", "right");
    locked.connect_sandbox();
    let garbage = Env::new();
    garbage.connect_sandbox();
    garbage.write("data/webex-connect/store.age", "garbage");
    for (case, env) in [
        ("no keyring", Env::bare()),
        ("an empty file", Env::new()),
        ("nothing works", nothing_works()),
        (
            "another passphrase",
            locked.var("WEBEX_CONNECT_PASSPHRASE", "wrong"),
        ),
        ("a corrupt file", garbage),
    ] {
        env.run(["__complete", "--current=s", "webex-connect", "token"])
            .within(10)
            .check();
        println!("{case}: silent");
    }
    let env = Env::new();
    for args in [
        &["__complete"][..],
        &[
            "__complete",
            "--current=",
            "webex-connect",
            "nonsense",
            "--nonsense",
        ],
        &[
            "__complete",
            "--current=\u{1b}",
            "webex-connect",
            "--",
            "--",
            "token",
        ],
        &[
            "__complete",
            "--current=x",
            "webex-connect",
            "login",
            "--store=",
            "--help",
        ],
    ] {
        env.run(args).any_stdout().check();
    }
}

/// On a terminal too, where every other command would ask for the passphrase.
#[test]
fn a_completion_never_asks() {
    let env = Env::bare().var("WEBEX_CONNECT_STORE", "file");
    env.run(["login", "--sandbox", "--approve"])
        .var("WEBEX_CONNECT_PASSPHRASE", "right")
        .any_stderr()
        .check();
    let args = ["__complete", "--current=", "webex-connect", "app", "show"];
    let (code, screen) = Terminal::run(&env, &args).ends();
    assert_eq!(code, 0, "{screen}");
    assert!(!screen.to_lowercase().contains("passphrase"), "{screen}");
}

/// A connection that can't be read can still be named, to be removed.
#[test]
fn a_broken_record_is_named_and_not_told_of() {
    let env = Env::new();
    for name in ["one", "two"] {
        env.run(["login", name, "--sandbox", "--approve"])
            .any_stderr()
            .check();
    }
    env.edit_records(|name, record| {
        if name == "connection/one" {
            record["schema"] = Value::from(99);
        }
    });
    assert_eq!(candidates(&env, &["logout"], ""), ["two", "one"]);
}

#[test]
fn every_command_has_a_page() {
    let env = nothing_works();
    let pages_of = |of: &[&str]| {
        // `help` is only another way to ask for these.
        let commands = commands(&env, of).into_iter();
        commands.filter(|command| command != "help")
    };
    let mut pages = vec![vec![]];
    for command in pages_of(&[]) {
        let below = pages_of(&[&command]).map(|below| vec![command.clone(), below]);
        pages.extend(below);
        pages.push(vec![command]);
    }
    let directory = env.path("man/man1");
    let place = directory.display().to_string();
    env.run(["man", "--dir", &place])
        .stderr(&format!("wrote {} pages to {place}\n", pages.len()))
        .check();
    for page in &pages {
        let words = page.iter().map(String::as_str);
        let args: Vec<&str> = ["man"].into_iter().chain(words.clone()).collect();
        let printed = env.run(args).any_stdout().check().out();
        let words: Vec<&str> = ["webex-connect"].into_iter().chain(words).collect();
        let name = words.join("-").replace('-', "\\-");
        let usage = words.join(" ").replace('-', "\\-");
        for part in [
            format!(".SH NAME\n{name} \\- "),
            format!(".SH SYNOPSIS\n\\fB{usage}\\fR"),
            ".SH DESCRIPTION\n".to_owned(),
            ".SH OPTIONS\n".to_owned(),
        ] {
            let bare = printed.replace(".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n", "");
            assert!(bare.contains(&part), "{part:?} is not in:\n{printed}");
        }
        assert!(printed.is_ascii(), "{printed}");
        let file = directory.join(format!("{}.1", words.join("-")));
        let written =
            fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        assert_eq!(written, printed, "{}", file.display());
    }
    let json = env.run(["man", "--dir", &place, "--json"]).any_stdout();
    let listed = json.check().json()["pages"].as_array().map(Vec::len);
    assert_eq!(listed, Some(pages.len()));
}

#[test]
fn a_page_that_is_none_is_a_usage_error() {
    let env = Env::new();
    for command in [
        &["man", "nonsense"][..],
        &["man", "app", "nonsense"],
        &["man", "__complete"],
    ] {
        env.run(command)
            .code(2)
            .stderr_has("there is no manual page for this command")
            .stderr_has("`webex-connect --help`")
            .check();
    }
    let file = env.write("file", "").display().to_string();
    env.run(["man", "--dir", &file])
        .code(1)
        .stderr_has("could not write")
        .check();
}

#[test]
fn variables_and_exit_codes_are_told_once_and_in_full() {
    let env = Env::new();
    let page = env.run(["man"]).any_stdout().check().out();
    let variables = include_str!("../../src/variables.rs")
        .split('"')
        .skip(1)
        .step_by(2);
    let variables: Vec<_> = variables
        .filter(|text| text.chars().all(|c| c == '_' || c.is_ascii_uppercase()))
        .collect();
    assert!(variables.len() > 10, "{variables:?}");
    for variable in variables {
        assert!(page.contains(&format!("\\fB{variable}\\fR")), "{variable}");
    }
    let help = env.run(["--help"]).any_stdout().check().out();
    let codes = help
        .lines()
        .skip_while(|line| *line != "Exit codes:")
        .skip(1);
    let codes: Vec<_> = codes
        .filter_map(|line| line.trim().split_once(' '))
        .collect();
    assert!(codes.len() > 10, "{help}");
    for (code, meaning) in codes {
        let meaning = meaning.trim().replace('-', "\\-").replace('`', "\\(ga");
        let meaning = meaning.replace('\'', "\\*(Aq");
        let told = format!("\\fB{code}\\fR\n{meaning}");
        assert!(page.contains(&told), "{told:?} is not in:\n{page}");
    }
}
