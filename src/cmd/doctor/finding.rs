//! What a check found.

use crate::error::{Error, Kind};

/// One line of the report.
pub struct Finding {
    pub check: &'static str,
    pub state: State,
    pub message: String,
    /// What mends it; each that is not in order has one.
    pub cure: Option<String>,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Ok,
    /// A login may succeed all the same.
    Warning,
    /// A login would fail, as an error of this kind.
    Fail(Kind),
}

impl State {
    pub fn word(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Warning => "warning",
            State::Fail(_) => "fail",
        }
    }
}

impl Finding {
    pub fn ok(check: &'static str, message: impl Into<String>) -> Finding {
        Finding {
            check,
            state: State::Ok,
            message: message.into(),
            cure: None,
        }
    }

    pub fn warning(
        check: &'static str,
        message: impl Into<String>,
        cure: impl Into<String>,
    ) -> Finding {
        Finding {
            check,
            state: State::Warning,
            message: message.into(),
            cure: Some(cure.into()),
        }
    }

    /// The error that a login would end with; `otherwise` is the cure where the error has no hint.
    pub fn fail(check: &'static str, error: &Error, otherwise: &str) -> Finding {
        let cure = error.hint.clone().unwrap_or_else(|| otherwise.to_owned());
        Finding {
            check,
            state: State::Fail(error.kind),
            message: error.to_string(),
            cure: Some(cure),
        }
    }

    pub fn kind(&self) -> Option<Kind> {
        match self.state {
            State::Fail(kind) => Some(kind),
            State::Ok | State::Warning => None,
        }
    }
}
