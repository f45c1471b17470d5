//! Login, token, refresh, rename, logout and crashes in an order nobody chose, against a server that ends a grant when a
//! refresh token comes twice.
//!
//! The seeds are fixed and decide what is run; which of the processes that run at once comes first is the machine's
//! choice. A failure shows all that was run before it.

use std::fs;
use std::thread;
use std::time::Duration;

use crate::env::process::{Finished, Process};
use crate::env::{Env, Login, Sandbox, Scene};

const STEPS: usize = 14;
/// The names that the connection moves between.
const NAMES: [&str; 2] = ["work", "other"];

#[test]
fn no_order_of_commands_breaks_the_store_or_costs_a_grant() {
    for seed in [1, 2, 3] {
        Story::begin(seed).run();
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Token,
    Refresh,
    Rename,
    Logout,
    /// `token`, `refresh` or `rename`, killed at any moment.
    Crash(&'static str),
}

struct Story {
    env: Env,
    _sandbox: Sandbox,
    redirect_uri: String,
    random: Random,
    /// Whether a process was killed since the last login, which may have cost the grant.
    crashed: bool,
    told: Vec<String>,
}

impl Story {
    fn begin(seed: u64) -> Story {
        let mut scene = Scene::sandboxed(&["--rotate", "--expires-in", "0"]);
        let redirect_uri = scene.login.asks("redirect_uri");
        let callback = scene.login.consent("allow");
        scene.login.deliver(&callback);
        let finished = scene.login.finish();
        assert_eq!(finished.code, Some(0), "{finished}");
        Story {
            env: scene.env,
            _sandbox: scene.sandbox,
            redirect_uri,
            random: Random(seed),
            crashed: false,
            told: vec![format!("seed {seed}")],
        }
    }

    fn run(mut self) {
        for _ in 0..STEPS {
            match self.stored().first() {
                None => self.signs_in("work"),
                Some(name) => self.step(&name.clone()),
            }
        }
    }

    /// One to three processes at once, and what has to hold after them.
    fn step(&mut self, name: &str) {
        let acts: Vec<Act> = (0..=self.random.below(3))
            .map(|_| self.random.act())
            .collect();
        self.told.push(format!("{name}: {acts:?}"));
        let other = NAMES.into_iter().find(|it| *it != name).unwrap_or(NAMES[0]);
        let started: Vec<_> = acts
            .iter()
            .map(|act| self.start(*act, name, other))
            .collect();
        self.crashed |= acts.iter().any(|act| matches!(act, Act::Crash(_)));
        for (act, process) in acts.iter().zip(started) {
            if let Act::Crash(_) = act {
                thread::sleep(Duration::from_millis(self.random.below(40)));
                // It is killed unless it has ended.
                drop(process);
                continue;
            }
            self.ended(*act, &acts, &process.finish());
        }
        let stored = self.stored();
        let gone = acts.contains(&Act::Logout);
        assert!(gone || !stored.is_empty(), "the connection is lost\n{self}");
        assert!(self.crashed || stored.len() < 2, "{stored:?}\n{self}");
        for name in stored {
            self.works_or_is_explained(&name);
        }
        self.nothing_else_is_left();
    }

    fn start(&self, act: Act, name: &str, other: &str) -> Process {
        let args = match act {
            Act::Token | Act::Crash("token") => vec!["token", name],
            Act::Refresh | Act::Crash("refresh") => vec!["refresh", name],
            Act::Rename | Act::Crash(_) => vec!["rename", name, other],
            Act::Logout => vec!["logout", name],
        };
        Process::spawn(self.env.command(args), b"")
    }

    /// Without crashes, a command fails only because another one took the connection away.
    fn ended(&self, act: Act, acts: &[Act], finished: &Finished) {
        finished.hold_the_oracles(&[]);
        let taken = acts
            .iter()
            .filter(|it| matches!(it, Act::Rename | Act::Logout))
            .count();
        let alone = taken == usize::from(matches!(act, Act::Rename | Act::Logout));
        let allowed: &[i32] = match act {
            Act::Logout => &[0],
            _ if alone && !self.crashed => &[0],
            // Where a crash left it under both names, the other one is taken.
            Act::Rename => &[0, 2, 4],
            _ => &[0, 4],
        };
        let fits = finished.code.is_some_and(|code| allowed.contains(&code));
        assert!(fits, "{finished}\n{self}");
        let silent = finished.code == Some(0) || finished.stdout.is_empty();
        assert!(silent, "failed, yet wrote on stdout: {finished}\n{self}");
    }

    fn works_or_is_explained(&mut self, name: &str) {
        let token = Process::spawn(self.env.command(["token", name]), b"").finish();
        if token.code == Some(0) {
            return;
        }
        assert!(self.crashed, "{token}\n{self}");
        assert_eq!(token.code, Some(4), "{token}\n{self}");
        let again = format!("webex-connect login {name}`");
        assert!(token.err().contains(&again), "{token}\n{self}");
        self.signs_in(name);
    }

    /// The names in the store, which can always be read.
    fn stored(&self) -> Vec<String> {
        let listed = Process::spawn(self.env.command(["list", "--json"]), b"").finish();
        assert_eq!(listed.code, Some(0), "{listed}\n{self}");
        let rows = listed.json();
        let names = rows.as_array().into_iter().flatten();
        let names = names.filter_map(|row| row["name"].as_str().map(str::to_owned));
        names
            .inspect(|name| assert!(NAMES.contains(&name.as_str()), "{listed}\n{self}"))
            .collect()
    }

    fn signs_in(&mut self, name: &str) {
        self.told.push(format!("login {name}"));
        // Its tokens expire at once, so the account is never known.
        let args = [
            name,
            "--app",
            "work",
            "--no-browser",
            "--allow-other-identity",
        ];
        let login = Login::again(&self.env, &self.redirect_uri, &args);
        login.connects();
        self.crashed = self.stored().len() > 1;
    }

    fn nothing_else_is_left(&self) {
        let directory = self.env.path("data/webex-connect");
        let entries = fs::read_dir(directory).unwrap_or_else(|e| panic!("{e}\n{self}"));
        for entry in entries.flatten() {
            let name = entry.file_name();
            // What a killed writer left is of no use, and removed by the next.
            let name = name.to_string_lossy().into_owned();
            let is_temporary = name.starts_with("store.age.") && name.ends_with(".new");
            let fits =
                name == "store.age" || name.ends_with(".lock") || (self.crashed && is_temporary);
            assert!(fits, "{name:?} is left\n{self}");
        }
    }
}

impl std::fmt::Display for Story {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.told.join("\n"))
    }
}

/// Numbers that are the same in every run (xorshift, Marsaglia 2003).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }

    fn act(&mut self) -> Act {
        match self.below(20) {
            0..8 => Act::Token,
            8..12 => Act::Refresh,
            12..15 => Act::Rename,
            15 => Act::Logout,
            16 => Act::Crash("rename"),
            17 => Act::Crash("refresh"),
            _ => Act::Crash("token"),
        }
    }
}
