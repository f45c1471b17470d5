//! Directories that are not what they seem: links, and the home of another user.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::elevated::as_root;
use crate::env::process::{Finished, Process};
use crate::env::{Env, case_held};
use crate::secret_service::unlocked;

const DIRECTORIES: [&str; 2] = [".local/share", ".local/state"];

/// A home directory of the user `nobody`.
struct Home(PathBuf);

impl Home {
    fn new(env: &Env, name: &str) -> Home {
        let home = Home(env.path(name));
        home.prepare("mkdir -m 755 -p .local/share .local/state && chown -R 65534:65534 .");
        home
    }

    /// Runs a script as root in the home directory.
    fn prepare(&self, script: &str) {
        let mut shell = Command::new("sh");
        let path = self.0.display().to_string();
        let script = format!("mkdir -p \"$1\" && cd \"$1\" && {script}");
        shell.args(["-euc", &script, "sh", &path]);
        let finished = Process::spawn(as_root(&[], &shell), b"").finish();
        assert_eq!(finished.code, Some(0), "{finished}");
    }

    /// Runs one of our commands as root with this home.
    fn root_runs(&self, env: &Env, args: &[&str]) -> Finished {
        let mut command = env.command(args);
        command
            .env("HOME", &self.0)
            .env_remove("XDG_DATA_HOME")
            .env_remove("XDG_STATE_HOME");
        Process::spawn(as_root(&[], &command), b"").finish()
    }

    /// Everything in it: path, owner, mode and kind.
    fn inventory(&self) -> Vec<(PathBuf, u32, u32)> {
        let mut found = Vec::new();
        list(&self.0, &mut found);
        found.sort();
        found
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let mut remove = Command::new("rm");
        remove.args(["-rf", "--"]).arg(&self.0);
        let _ = as_root(&[], &remove).status();
    }
}

fn list(directory: &Path, found: &mut Vec<(PathBuf, u32, u32)>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let (path, metadata) = (entry.path(), entry.metadata());
        let metadata = metadata.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        found.push((path.clone(), metadata.uid(), metadata.mode()));
        if metadata.is_dir() {
            list(&path, found);
        }
    }
}

const COMMANDS: [&[&str]; 5] = [
    &["logout", "x"],
    &["list"],
    &["token", "x"],
    &["refresh", "--all"],
    &[
        "login",
        "x",
        "--token-stdin",
        "--api-base",
        "http://127.0.0.1:9/v1",
    ],
];

/// The link leads to a directory of root's, which only root could change.
fn a_link_changes_nothing(env: &Env, store: &str) {
    for directory in DIRECTORIES {
        let home = Home::new(env, "nobody");
        let target = Home(env.path("target"));
        target.prepare("chmod 755 . && touch kept && chmod 644 kept");
        // Nothing but the link is wrong with this home.
        home.prepare(
            "install -d -m 700 -o root .local/share/webex-connect .local/state/webex-connect",
        );
        let link = format!(
            "rmdir {directory}/webex-connect && ln -s {} {directory}/webex-connect && chown -h 65534 {directory}/webex-connect",
            target.0.display()
        );
        home.prepare(&link);
        let mode = || {
            fs::metadata(&target.0)
                .map(|found| (found.uid(), found.mode()))
                .ok()
        };
        let before = (home.inventory(), target.inventory(), mode());
        for command in COMMANDS {
            let finished = home.root_runs(env, command);
            assert_eq!(finished.code, Some(6), "{finished}");
            assert_eq!(finished.out(), "", "{finished}");
            assert!(finished.err().contains("is a symbolic link"), "{finished}");
            let after = (home.inventory(), target.inventory(), mode());
            assert_eq!(after, before, "{finished}");
        }
        case_held(format!("ST-08 a link at {directory}, {store}"));
    }
}

/// A link of the user's own, one level higher, leads to a directory of root's that has the name of ours.
#[test]
#[ignore = "needs root, or sudo"]
fn a_link_on_the_way_to_our_directory_is_not_followed_by_root() {
    let env = Env::new();
    for directory in DIRECTORIES {
        let home = Home::new(&env, "nobody");
        let target = Home(env.path("target"));
        target.prepare("mkdir -m 755 webex-connect && touch webex-connect/app.json");
        home.prepare(
            "install -d -m 700 -o root .local/share/webex-connect .local/state/webex-connect",
        );
        let link = format!(
            "rm -r {directory} && ln -s {} {directory} && chown -h 65534 {directory}",
            target.0.display()
        );
        home.prepare(&link);
        let before = target.inventory();
        for command in COMMANDS {
            let finished = home.root_runs(&env, command);
            assert_eq!(finished.code, Some(6), "{finished}");
            let words = "belongs to another user (uid 65534";
            assert!(finished.err().contains(words), "{finished}");
            assert_eq!(target.inventory(), before, "{finished}");
        }
        case_held(format!("ST-08 a link above {directory}"));
    }
}

fn root_creates_nothing(env: &Env) {
    let home = Home::new(env, "nobody");
    let before = home.inventory();
    for command in COMMANDS {
        let finished = home.root_runs(env, command);
        assert_eq!(finished.code, Some(6), "{finished}");
        for words in [
            "belongs to another user (uid 65534, and this program runs as uid 0)",
            "`HOME=/root`",
            "`XDG_DATA_HOME`",
        ] {
            assert!(finished.err().contains(words), "{finished}");
        }
        assert_eq!(home.inventory(), before, "{finished}");
    }
}

#[test]
#[ignore = "needs root, or sudo"]
fn a_link_in_place_of_our_directory_is_not_followed_by_root() {
    a_link_changes_nothing(&Env::new(), "sealed file");
}

#[test]
#[ignore = "needs root, or sudo, and the keyring session of tests/run"]
fn a_link_in_place_of_our_directory_is_not_followed_with_a_keyring_either() {
    a_link_changes_nothing(&unlocked(), "keyring");
}

#[test]
#[ignore = "needs root, or sudo, and the keyring session of tests/run"]
fn root_creates_nothing_in_another_users_home() {
    root_creates_nothing(&Env::new());
    root_creates_nothing(&unlocked());
}

#[test]
#[ignore = "needs root, or sudo"]
fn a_directory_that_an_administrator_made_in_another_users_home_works() {
    let env = Env::new();
    let home = Home::new(&env, "nobody");
    home.prepare(
        "install -d -m 700 -o root -g root .local/share/webex-connect .local/state/webex-connect",
    );
    let login = home.root_runs(&env, &["login", "--sandbox", "--approve"]);
    assert_eq!(login.code, Some(0), "{login}");
    let token = home.root_runs(&env, &["token", "sandbox"]);
    assert_eq!(token.code, Some(0), "{token}");
    assert_ne!(token.out(), "", "{token}");
}
