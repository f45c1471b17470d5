//! The completion scripts in the real shells, typed in a terminal, and the manual as groff shows it.
//!
//! What a shell made of a key press is seen by what the command it completed then does.

use std::path::Path;

use crate::env::process::Process;
use crate::env::{Env, Terminal};
use crate::secret_service::unlocked;

/// A home with the connections `one` and `two`, and the program in its PATH.
fn home() -> Env {
    let program = Path::new(env!("CARGO_BIN_EXE_webex-connect"));
    let directory = program.parent().unwrap_or(program).display();
    let env = Env::new().var("PATH", format!("{directory}:/usr/bin:/bin"));
    for name in ["one", "two"] {
        env.run(["login", name, "--sandbox", "--approve"])
            .any_stderr()
            .check();
    }
    env
}

/// Types into a shell that has loaded its script and says `ready`. The file is how the shell writes the beginning of a
/// name with a space in it.
fn completes(env: &Env, shell: &mut Terminal, file: &str) {
    completes_words(shell);
    // As the value of an option, apart and joined.
    shell.types("webex-connect check one --scope spark:memberships_re\t--js\t\r");
    shell.shows("\"ok\": true");
    shell.types("webex-connect check one --scope=spark-admin:roles_re\t--js\t\r");
    shell.shows("spark-admin:roles_read");
    // In quotes, and the second of a list.
    shell.types(
        "webex-connect check one --scope \"spark:rooms_read,spark-admin:people_wr\t--js\t\r",
    );
    shell.shows("\"spark-admin:people_write\"");
    // Out of a fixed list.
    shell.types("webex-connect completion elv\t>script; head -n 1 script\r");
    shell.shows("for elvish");
    // A file whose name has a space.
    env.write("a store.pem", "");
    shell.types(&format!(
        "webex-connect --ca-cert {file}\tlogin one --sandbox --approve\r"
    ));
    shell.shows("certificate");
    ends(shell);
}

fn completes_words(shell: &mut Terminal) {
    shell.shows("ready");
    // A command, a connection and an option.
    shell.types("webex-connect stat\ttw\t--js\t\r");
    shell.shows("\"name\": \"two\"");
    // A scope, whose colon is where bash breaks words.
    shell.types("webex-connect scopes spark:people_re\t\r");
    shell.shows("look up colleagues");
}

fn ends(shell: &mut Terminal) {
    shell.types("exit\r");
    let (_, screen) = shell.ends();
    for prose in ["panicked", "not found", "keyring"] {
        assert!(!screen.contains(prose), "{prose:?} in:\n{screen}");
    }
}

#[test]
#[ignore = "needs the bash of Debian"]
fn bash_completes_commands_options_and_names() {
    let env = home();
    let mut shell = Terminal::of(&env, "bash", &["--norc", "--noprofile", "-i"]);
    shell.types("source <(webex-connect completion bash); echo re''ady\r");
    completes(&env, &mut shell, "a\\ st");
}

#[test]
#[ignore = "needs zsh"]
fn zsh_completes_commands_options_and_names() {
    let env = home();
    let mut shell = Terminal::of(&env, "zsh", &["-f", "-i"]);
    shell.types("autoload -Uz compinit; compinit -u; source <(webex-connect completion zsh); echo re''ady\r");
    completes(&env, &mut shell, "a\\ st");
}

/// As packages install it.
#[test]
#[ignore = "needs zsh"]
fn zsh_loads_the_script_by_itself() {
    let env = home();
    let script = env.run(["completion", "zsh"]).any_stdout().check().out();
    env.write("_webex-connect", &script);
    let mut shell = Terminal::of(&env, "zsh", &["-f", "-i"]);
    shell.types("fpath=(~ $fpath); autoload -Uz compinit; compinit -u; echo re''ady\r");
    completes_words(&mut shell);
    ends(&mut shell);
}

#[test]
#[ignore = "needs fish"]
fn fish_completes_commands_options_and_names() {
    let env = home();
    let mut shell = Terminal::of(&env, "fish", &["--no-config", "-i"]);
    shell.types("webex-connect completion fish | source; echo re''ady\r");
    completes(&env, &mut shell, "a\\ st");
}

#[test]
#[ignore = "needs the keyring session of tests/run"]
fn names_come_out_of_the_keyring() {
    let env = unlocked();
    env.run(["login", "Work", "--sandbox", "--approve"])
        .any_stderr()
        .check();
    env.run(["__complete", "--current=W", "webex-connect", "token"])
        .stdout("Work\tsandbox.person@example.com\n")
        .check();
    env.run(["logout", "Work"]).any_stderr().check();
}

/// It shows a menu where others complete a word that has to be quoted, so only plain words are typed.
#[test]
#[ignore = "needs elvish"]
fn elvish_completes_commands_options_and_names() {
    let env = home();
    let mut shell = Terminal::of(&env, "elvish", &["-norc", "-i"]);
    shell.types("eval (webex-connect completion elvish | slurp); echo re''ady\r");
    completes_words(&mut shell);
    ends(&mut shell);
}

/// As `man` shows them on a terminal of 80 columns.
#[test]
#[ignore = "needs groff"]
fn the_manual_is_laid_out_for_people() {
    let env = home();
    let shown = |page: &[&str]| {
        let source = env
            .run([&["man"], page].concat())
            .any_stdout()
            .check()
            .out();
        let mut groff = env.program("groff");
        groff.args(["-man", "-Tutf8", "-P-c", "-P-b", "-P-o", "-P-u", "-ww"]);
        let finished = Process::spawn(groff, source.as_bytes()).finish();
        assert_eq!(finished.code, Some(0), "{finished}");
        assert_eq!(finished.err(), "", "{page:?}");
        finished.out()
    };
    let main = shown(&[]);
    for lines in [
        "webex-connect(1)                 User Commands                webex-connect(1)\n",
        "NAME\n       webex-connect - Connect a person, bot or service app to Cisco Webex by\n",
        "SYNOPSIS\n       webex-connect [OPTIONS] [COMMAND]\n",
        "EXAMPLES\n           $ webex-connect login --sandbox    try it: no account, no app, no set-up\n           $ webex-connect login work         sign in to Webex; it leads you through\n",
        "EXIT STATUS\n       0      done\n",
        "ENVIRONMENT\n       WEBEX_CONNECT_CONNECTION\n",
        "FILES\n       $XDG_DATA_HOME/webex-connect/store.age\n",
    ] {
        assert!(main.contains(lines), "{lines:?} is not in:\n{main}");
    }
    // Examples as in `--help`, with their quotes, their `$` and the backslashes at their ends.
    for page in ["token", "list", "sandbox", "completion"] {
        let help = env.run([page, "--help"]).any_stdout().check().out();
        let about = help.lines().take_while(|line| !line.starts_with("Usage"));
        let example: Vec<_> = about.filter(|line| line.starts_with("  ")).collect();
        assert!(!example.is_empty(), "{page}: no example in:\n{help}");
        let page = shown(&[page]);
        for line in example {
            let line = format!("\n         {line}\n");
            assert!(page.contains(&line), "{line:?} is not in:\n{page}");
        }
    }
    let add = shown(&["app", "add"]);
    assert!(
        add.contains("SEE ALSO\n       webex-connect-app(1), webex-connect(1),"),
        "{add}"
    );
}
