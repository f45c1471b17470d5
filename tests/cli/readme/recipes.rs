//! The recipes: each is taken out of the README and run as its own machinery would run it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use age::secrecy::ExposeSecret;
use age::x25519::Identity;
use jiff::SignedDuration;
use url::Url;

use super::Stage;
use crate::env::process::Finished;
use crate::env::readme;
use crate::env::{ConsentForm, Env, Sandbox, Terminal};

const PERSON: &str = "sandbox.person@example.com";

#[test]
fn over_ssh_the_address_is_pasted() {
    let Stage { env, sandbox } = Stage::signed_in();
    let env = env
        .var("SSH_CONNECTION", "198.51.100.9 50000 203.0.113.7 22")
        .var("USER", "jane");
    let block = readme::block_of("ssh", "console");
    let (command, shown) = block.text.split_once('\n').unwrap_or_default();
    let args: Vec<&str> = command.split(' ').skip(2).collect();
    let mut terminal = Terminal::run(&env, &args);
    terminal.shows("Ctrl-C ends it):\r\n");
    let screen = terminal.screen();
    let url = screen
        .lines()
        .find(|line| line.contains("/authorize?"))
        .unwrap_or_default();
    let url: Url = url.trim().parse().unwrap_or_else(|e| panic!("{url}: {e}"));
    let answer = ConsentForm::open(&url).press("allow").header("Location");
    terminal.types(&format!("{answer}\r"));
    let (code, screen) = terminal.ends();
    assert_eq!(code, 0, "{screen}");
    // The scene's app has another redirect URI than the README's reader.
    let callback: Url = answer.parse().unwrap_or_else(|e| panic!("{answer}: {e}"));
    let port = callback.port().unwrap_or_default().to_string();
    let shown = Stage { env, sandbox }.here(shown).replace("8911", &port);
    assert!(
        readme::shows(&shown, &screen),
        "{screen}\nwhat it shows:\n{shown}"
    );
}

/// What a machine of one's own hands to another: a connection sealed to a key.
struct Handed {
    key: String,
    sealed: String,
    sandbox: Option<Sandbox>,
}

fn hand_over() -> Handed {
    let key = Identity::generate();
    let Stage { env, sandbox } = Stage::signed_in();
    // A week ago, so that what is refreshed today is newer.
    env.age(SignedDuration::from_hours(7 * 24));
    let to = key.to_public().to_string();
    let sealed = env
        .run(["export", "work", "--to", &to])
        .any_stdout()
        .any_stderr()
        .check();
    Handed {
        key: key.to_string().expose_secret().to_owned(),
        sealed: sealed.out(),
        sandbox,
    }
}

impl Handed {
    /// A clean machine with these variables, where `curl` is the system's and `python3` only looks for its token.
    fn machine(self, variables: &[(String, String)]) -> Stage {
        let mut env = Env::bare();
        for (name, value) in variables {
            env = env.var(name, value);
        }
        let stage = Stage {
            env,
            sandbox: self.sandbox,
        }
        .with_program("");
        stage.stand_in(
            "python3",
            r#"test "$1" = notify.py && test -n "$WEBEX_ACCESS_TOKEN""#,
        );
        stage
    }

    /// The variables of a job: `NAME: value` in its YAML, secrets filled in, and those that only its comment names.
    fn variables(&self, yaml: &str, more: &[&str]) -> Vec<(String, String)> {
        let of_the_project = [
            ("WEBEX_CONNECT_KEY", self.key.as_str()),
            ("WORK_AGE", self.sealed.trim_end()),
        ];
        let secret = |value: &str| {
            let named = of_the_project
                .iter()
                .find(|(name, _)| value == *name || value == format!("${{{{ secrets.{name} }}}}"));
            named.map_or(value.to_owned(), |(_, secret)| (*secret).to_owned())
        };
        let stated = yaml.lines().filter_map(|line| line.trim().split_once(": "));
        let stated =
            stated.filter(|(name, _)| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'));
        let named = more.iter().map(|name| (*name, *name));
        let all = stated.chain(named);
        all.map(|(name, value)| (name.to_owned(), secret(value)))
            .collect()
    }
}

fn succeeds(finished: &Finished) {
    assert_eq!(finished.code, Some(0), "{finished}");
}

#[test]
#[ignore = "needs curl, which tests/run installs"]
fn the_job_of_github_actions_runs() {
    let yaml = readme::block_of("github", "yaml").text;
    let handed = hand_over();
    let mut variables = handed.variables(&yaml, &[]);
    assert_eq!(variables.len(), 3, "{yaml}");
    variables.push(("GITHUB_ACTIONS".to_owned(), "true".to_owned()));
    let (_, script) = yaml.split_once("run: |\n").unwrap_or_default();
    let finished = handed.machine(&variables).run(script);
    succeeds(&finished);
    let out = finished.out();
    assert!(
        out.contains("::add-mask::") && out.contains(PERSON),
        "{finished}"
    );
}

#[test]
fn the_job_of_gitlab_runs() {
    let yaml = readme::block_of("gitlab", "yaml").text;
    let comment = yaml.lines().find(|line| line.contains("variables: "));
    let comment = comment.unwrap_or_default();
    let handed = hand_over();
    let named: Vec<&str> = ["WEBEX_CONNECT_KEY", "WORK_AGE"]
        .into_iter()
        .filter(|name| comment.contains(name))
        .collect();
    let mut variables = handed.variables(&yaml, &named);
    assert_eq!(variables.len(), 3, "{yaml}");
    // One of the type File holds the path of a file with the value.
    assert!(comment.contains("WORK_AGE of the type File"), "{comment}");
    let files = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
    let file = files.path().join("WORK_AGE");
    fs::write(&file, &handed.sealed).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    for (name, value) in &mut variables {
        if name == "WORK_AGE" {
            *value = file.display().to_string();
        }
    }
    let (_, script) = yaml.split_once("script:\n").unwrap_or_default();
    let script: Vec<&str> = script
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- "))
        .collect();
    assert_eq!(script.len(), 3, "{yaml}");
    succeeds(&handed.machine(&variables).run(&script.join("\n")));
}

#[test]
fn the_entry_script_of_a_container_runs_again_and_again() {
    let script = readme::block_of("container", "sh").text;
    let handed = hand_over();
    let (key, sealed) = (handed.key.clone(), handed.sealed.clone());
    let comment = script.lines().nth(1).unwrap_or_default();
    let words = comment
        .split([' ', ','])
        .filter_map(|word| word.split_once('='));
    let mut variables: Vec<(String, String)> = words
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    assert_eq!(variables.len(), 2, "{comment}");
    // Of two homes, only the one of the commands is known before they run.
    let secrets = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
    let at = secrets.path().display().to_string();
    for (_, value) in &mut variables {
        *value = value.replace("/run/secrets", &at);
    }
    for (name, text) in [("webex-connect-key", &key), ("work.age", &sealed)] {
        let path = secrets.path().join(name);
        fs::write(&path, text).unwrap_or_else(|e| panic!("{name}: {e}"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400))
            .unwrap_or_else(|e| panic!("{name}: {e}"));
    }
    let stage = handed.machine(&variables);
    stage
        .env
        .write("entry", &script.replace("/run/secrets", &at));
    let start = r#"sh entry sh -c 'printf "%s\n" "$WEBEX_ACCESS_TOKEN"'"#;
    let first = stage.run(start);
    succeeds(&first);
    stage.env.run(["refresh", "--all"]).any_stderr().check();
    let token = stage.env.run(["token", "work"]).any_stdout().check().out();
    let second = stage.run(start);
    succeeds(&second);
    assert!(
        !first.out().contains(token.trim()),
        "{first}\nit was not refreshed"
    );
    assert!(
        second.out().contains(token.trim()),
        "{second}\nthe older one came back"
    );
}

/// The units as files in a home whose `~/.cargo/bin` has the program.
fn units(stage: &Stage) -> Vec<PathBuf> {
    let bin = stage.env.path(".cargo/bin");
    fs::create_dir_all(&bin).unwrap_or_else(|e| panic!("{}: {e}", bin.display()));
    let program = bin.join("webex-connect");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_webex-connect"), &program)
        .unwrap_or_else(|e| panic!("{}: {e}", program.display()));
    [
        "webex-connect-refresh.service",
        "webex-connect-refresh.timer",
    ]
    .into_iter()
    .map(|name| {
        let unit = readme::block_of(&format!("unit {name}"), "ini");
        stage.env.write(name, &unit.text)
    })
    .collect()
}

#[test]
fn what_the_timer_starts_refreshes() {
    let stage = Stage::signed_in();
    let service = fs::read_to_string(&units(&stage)[0]).unwrap_or_default();
    let start = service
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart="));
    let home = stage.env.path("").display().to_string();
    let start = start
        .unwrap_or_default()
        .replace("%h", home.trim_end_matches('/'));
    let finished = stage.run(&start);
    succeeds(&finished);
    assert!(finished.out().contains("work is refreshed"), "{finished}");
}

#[test]
#[ignore = "needs systemd-analyze, which tests/run installs"]
fn systemd_takes_the_units() {
    let stage = Stage::signed_in();
    let mut analyze = stage.env.program("systemd-analyze");
    analyze.args(["--user", "verify"]).args(units(&stage));
    crate::env::Run::new(analyze).check();
}
