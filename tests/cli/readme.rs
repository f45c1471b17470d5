//! The README, word by word: its commands are run in a home of their own, a sandbox standing in for Webex, and what
//! they print is compared with what it shows.

mod complete;
mod recipes;
mod symptoms;

use std::thread::{self, JoinHandle};

use url::Url;

use crate::env::process::{Finished, Process, Stream};
use crate::env::readme::{self, Block};
use crate::env::{CLIENT_ID, CLIENT_SECRET, ConsentForm, Env, Sandbox, Scene, http, redirect_uri};

/// The scenes whose blocks [`Stage::plays`]; the others have a test of their own.
const PLAYED: [&str; 5] = ["home", "source", "webex", "work", "tokens"];
const OTHERS: [&str; 9] = [
    "container",
    "github",
    "gitlab",
    "sdk",
    "sdk webexpythonsdk",
    "sdk wxc-sdk",
    "ssh",
    "unit webex-connect-refresh.service",
    "unit webex-connect-refresh.timer",
];

#[test]
fn every_block_is_run_by_a_test() {
    for Block {
        line,
        language,
        scene,
        needs,
        ..
    } in readme::blocks()
    {
        let scene = scene.as_str();
        let played = PLAYED.contains(&scene) && ["sh", "console"].contains(&language.as_str());
        let known = played || (OTHERS.contains(&scene) && needs.is_empty());
        assert!(
            known,
            "README.md:{line}: no test runs a {language} block of the scene {scene:?}"
        );
    }
}

#[test]
fn commands_do_what_the_readme_shows() {
    play(|block| block.needs.is_empty());
}

#[test]
#[ignore = "needs curl, jq, age and man, which tests/run installs"]
fn commands_with_other_programs_work_as_the_readme_shows() {
    play(|block| !block.needs.is_empty());
}

fn play(wanted: impl Fn(&Block) -> bool) {
    let blocks = readme::blocks().into_iter();
    let played = blocks.filter(|block| PLAYED.contains(&block.scene.as_str()) && wanted(block));
    let count = played
        .map(|block| Stage::set(&block.scene).plays(&block))
        .count();
    assert!(count > 0, "no blocks to play");
}

/// A home in which a block is run.
pub struct Stage {
    pub env: Env,
    sandbox: Option<Sandbox>,
}

impl Stage {
    pub fn set(scene: &str) -> Stage {
        match scene {
            "home" => Stage::without_webex(),
            "source" => Stage::in_the_source_tree(),
            "webex" => Stage::before_webex(),
            "work" => Stage::signed_in(),
            "tokens" => Stage::with_tokens(),
            other => panic!("there is no scene {other:?}"),
        }
    }

    fn without_webex() -> Stage {
        Stage {
            env: Env::new(),
            sandbox: None,
        }
        .with_program("")
    }

    /// What is run there would build or run these very tests: `cargo` and the scripts are stand-ins, and the scripts
    /// have to be there.
    fn in_the_source_tree() -> Stage {
        let stage = Stage::without_webex();
        stage.stand_in(
            "cargo",
            r#"case "$*" in
            "run -- "*) shift 2; exec webex-connect "$@" ;;
            "install --locked --path ." | test) ;;
            *) exit 1 ;;
            esac"#,
        );
        std::fs::create_dir(stage.env.path("tests")).unwrap_or_else(|e| panic!("tests: {e}"));
        for script in ["tests/run", "tests/bench"] {
            let real = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(script);
            assert!(real.is_file(), "{script}");
            stage.env.script(script, ":");
        }
        stage
    }

    /// An app is registered at Webex, and nothing is stored yet. The client secret, which a person would type, comes
    /// from its variable.
    fn before_webex() -> Stage {
        let env = Env::new();
        let redirect_uri = redirect_uri();
        let sandbox = Sandbox::start(&env, &redirect_uri);
        let env = env.var("WEBEX_CONNECT_CLIENT_SECRET", CLIENT_SECRET);
        let place = format!("--redirect-uri {redirect_uri}");
        Stage {
            env,
            sandbox: Some(sandbox),
        }
        .with_program(&place)
    }

    /// `work` is connected.
    pub fn signed_in() -> Stage {
        let (env, sandbox) = Scene::signed_in(&[]);
        Stage {
            env,
            sandbox: Some(sandbox),
        }
        .with_program("")
    }

    /// With tokens that somebody made elsewhere.
    fn with_tokens() -> Stage {
        let mut stage = Stage::signed_in();
        let token = stage.env.run(["token", "work"]).any_stdout().check().out();
        let refresh_token = stage.env.record("work")["tokens"]["refresh_token"].clone();
        let refresh_token = refresh_token.as_str().unwrap_or_default().to_owned();
        stage.env.write("client-secret", CLIENT_SECRET);
        stage.env = stage
            .env
            .var("WEBEX_BOT_TOKEN", token.trim())
            .var("WEBEX_REFRESH_TOKEN", refresh_token);
        stage
    }

    /// The program as the README's reader has it: on the PATH, and at Webex, which is the sandbox here. Where a
    /// browser would be opened, nothing is: the person of [`Stage::run`] opens the printed address.
    fn with_program(mut self, at_login: &str) -> Stage {
        let bin = self.env.path("bin");
        std::fs::create_dir(&bin).unwrap_or_else(|e| panic!("{}: {e}", bin.display()));
        let place = self
            .sandbox
            .as_ref()
            .map(|sandbox| format!("--api-base {}", sandbox.base));
        let place = place.unwrap_or_default();
        let program = env!("CARGO_BIN_EXE_webex-connect");
        self.stand_in(
            "webex-connect",
            &format!(
                r#"case "$*" in
                *"--environment webex-gov"*) ;;
                "app add "*) set -- "$@" {place} ;;
                "import"*) set -- "$@" {place} ;;
                "login "*"-token-stdin"*) set -- "$@" {place} ;;
                "login "*"--device"*) set -- "$@" {place} {at_login} ;;
                *"--approve"*) ;;
                "login --sandbox"*) set -- "$@" --browser true ;;
                "login "*) set -- "$@" {place} {at_login} --browser true ;;
                esac
                exec {program} "$@""#
            ),
        );
        let path = format!("{}:/usr/bin:/bin", bin.display());
        self.env = self.env.var("PATH", path);
        self
    }

    pub fn stand_in(&self, name: &str, lines: &str) {
        self.env.script(&format!("bin/{name}"), lines);
    }

    /// Runs a block and holds it to what it shows.
    fn plays(&self, block: &Block) {
        let place = format!("README.md:{}", block.line);
        if block.language == "sh" {
            let finished = self.run(&block.text);
            assert_eq!(finished.code, Some(0), "{place}: {finished}");
            return;
        }
        let commands = commands(&block.text);
        assert!(!commands.is_empty(), "{place}: no command after `$ `");
        for (command, shown) in commands {
            let finished = self.run(&command);
            let shown = self.here(&shown);
            let same = readme::shows(&shown, &finished.out());
            assert!(same, "{place}: {finished}\nwhat it shows:\n{shown}");
        }
    }

    /// Runs commands in a shell, with a person who signs in where an address to do so is printed.
    pub fn run(&self, commands: &str) -> Finished {
        let mut shell = self.env.program("bash");
        let script = format!("exec 2>&1\n{}", self.here(commands));
        shell.args(["-eu", "-o", "pipefail", "-c", &script]);
        let mut process = Process::spawn(shell, b"");
        let mut person = Vec::new();
        while let Some(line) = process.next_line(Stream::Out) {
            person.extend(sign_in(line.trim()));
        }
        let finished = process.finish();
        for visit in person {
            visit
                .join()
                .unwrap_or_else(|_| panic!("the person's browser: {finished}"));
        }
        finished.hold_the_oracles(&[CLIENT_SECRET.to_owned()]);
        finished
    }

    /// What stands for something of the reader's, as it is here.
    pub fn here(&self, text: &str) -> String {
        let store = self.env.path("data/webex-connect/store.age");
        let text = text
            .replace("YOUR_CLIENT_ID", CLIENT_ID)
            .replace("jane@example.com", "sandbox.person@example.com")
            .replace("the OS keyring", &store.display().to_string());
        match &self.sandbox {
            Some(sandbox) => text.replace("https://webexapis.com/v1", &sandbox.base),
            None => text,
        }
    }
}

/// The commands after `$ `, continued after `\`, each with what is shown below it.
fn commands(text: &str) -> Vec<(String, String)> {
    let mut commands: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("$ "), commands.last_mut()) {
            (Some(command), _) => commands.push((command.to_owned(), String::new())),
            (None, Some((command, shown))) if command.ends_with('\\') && shown.is_empty() => {
                *command = format!("{command}\n{line}");
            }
            (None, Some((_, shown))) => *shown += &format!("{line}\n"),
            (None, None) => panic!("shown before any command: {line}"),
        }
    }
    commands
}

/// Opens an address to sign in at, and allows everything. The last page comes only when the login is over.
fn sign_in(line: &str) -> Option<JoinHandle<()>> {
    let address: Url = line.parse().ok()?;
    if line.contains("/device/verify?") {
        let done = ConsentForm::open(&address).press("allow");
        assert_eq!(done.status, 200, "{done}");
        return None;
    }
    let authorize = match readme::is_start_address(line) {
        true => http::get(&address).header("Location"),
        false if line.contains("/authorize?") => line.to_owned(),
        false => return None,
    };
    let authorize: Url = authorize
        .parse()
        .unwrap_or_else(|e| panic!("{authorize}: {e}"));
    let callback = ConsentForm::open(&authorize)
        .press("allow")
        .header("Location");
    let callback: Url = callback
        .parse()
        .unwrap_or_else(|e| panic!("{callback}: {e}"));
    Some(thread::spawn(move || {
        http::get(&callback);
    }))
}
