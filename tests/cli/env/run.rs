//! One command, and what must come of it. What is not stated must be empty, and the exit code 0.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::process::{Finished, Process};

enum Expected {
    Exactly(String),
    /// Words that must stand in it.
    Has(Vec<String>),
    /// A JSON error of this `code`, its `exit_code` that of the process.
    Error(String),
    Anything,
}

#[must_use = "nothing runs before `check`"]
pub struct Run {
    command: Command,
    stdin: Vec<u8>,
    code: i32,
    stdout: Expected,
    stderr: Expected,
    within: Option<Duration>,
    secrets: Vec<String>,
}

impl Run {
    pub fn new(command: Command) -> Run {
        Run {
            command,
            stdin: Vec::new(),
            code: 0,
            stdout: Expected::Exactly(String::new()),
            stderr: Expected::Exactly(String::new()),
            within: None,
            secrets: Vec::new(),
        }
    }

    pub fn stdin(mut self, text: &str) -> Run {
        self.stdin = text.into();
        self
    }

    pub fn var(mut self, name: &str, value: &str) -> Run {
        self.command.env(name, value);
        self
    }

    pub fn code(mut self, code: i32) -> Run {
        self.code = code;
        self
    }

    pub fn stdout(mut self, text: &str) -> Run {
        self.stdout = Expected::Exactly(text.to_owned());
        self
    }

    pub fn any_stdout(mut self) -> Run {
        self.stdout = Expected::Anything;
        self
    }

    pub fn stderr(mut self, text: &str) -> Run {
        self.stderr = Expected::Exactly(text.to_owned());
        self
    }

    /// For text that varies: a word, compared without case. May be given again.
    pub fn stderr_has(mut self, word: &str) -> Run {
        match &mut self.stderr {
            Expected::Has(words) => words.push(word.to_owned()),
            other => *other = Expected::Has(vec![word.to_owned()]),
        }
        self
    }

    pub fn stderr_json(mut self, code: &str) -> Run {
        self.stderr = Expected::Error(code.to_owned());
        self
    }

    pub fn any_stderr(mut self) -> Run {
        self.stderr = Expected::Anything;
        self
    }

    /// Starts the command without checking anything.
    #[allow(dead_code, reason = "used by tests/system")]
    pub fn start(self) -> Process {
        Process::spawn(self.command, &self.stdin)
    }

    pub fn within(mut self, seconds: u64) -> Run {
        self.within = Some(Duration::from_secs(seconds));
        self
    }

    /// Something that must not stand on stderr.
    pub fn secret(mut self, secret: &str) -> Run {
        self.secrets.push(secret.to_owned());
        self
    }

    /// Runs it and holds it to all that was stated.
    pub fn check(self) -> Finished {
        let finished = Process::spawn(self.command, &self.stdin).finish();
        finished.hold_the_oracles(&self.secrets);
        let code = finished.code;
        assert_eq!(code, Some(self.code), "{finished}\nexit code");
        holds(&self.stdout, "stdout", &finished.out(), &finished);
        holds(&self.stderr, "stderr", &finished.err(), &finished);
        if let Some(within) = self.within {
            assert!(finished.took <= within, "{finished}\ntook over {within:?}");
        }
        finished
    }
}

fn holds(expected: &Expected, stream: &str, text: &str, finished: &Finished) {
    match expected {
        Expected::Anything => {}
        Expected::Exactly(exact) => assert_eq!(text, exact, "{finished}\n{stream}"),
        Expected::Has(words) => {
            for word in words {
                let has = text.to_lowercase().contains(&word.to_lowercase());
                assert!(has, "{finished}\n{stream} lacks {word:?}");
            }
        }
        Expected::Error(code) => {
            let error: Value = serde_json::from_str(text)
                .unwrap_or_else(|e| panic!("{finished}\n{stream} is no JSON: {e}"));
            assert_eq!(error["error"]["code"], code.as_str(), "{finished}");
            assert_eq!(
                error["error"]["exit_code"],
                Value::from(finished.code),
                "{finished}"
            );
        }
    }
}
