//! No command: where to begin.

use crate::cli::{ALL, START};
use crate::error::{Error, Kind, Result};
use crate::output::Output;

/// Shows the commands to start with; a program is told that it named none.
///
/// # Errors
/// With `--json`, whose reader wants no prose.
pub fn run(output: Output) -> Result<()> {
    if output.json {
        return Err(Error::new(Kind::Usage, "no command is given")
            .with_hint("`webex-connect --help` shows what there is"));
    }
    output.result(&format!(
        "webex-connect signs in to Cisco Webex once, and gives every script a token that works\n\n{START}\n\n{ALL}"
    ))
}
