//! The report of a whole run, which `tests/run` sums up: the hostile cases that were tried, and the search for secrets.

use std::fmt::Display;
use std::fs::File;
use std::io::Write;

/// Where each line is added; nothing is told without it.
pub const REPORT: &str = "WEBEX_CONNECT_TEST_REPORT";

/// A fault of a hostile case, and all that must hold did hold: "CB-13 an endless request line". Words that do not begin
/// with a case's id are no hostile case.
pub fn case_held(fault: impl Display) {
    let fault = fault.to_string();
    let (id, words) = fault.split_at_checked(5).unwrap_or_default();
    let shape = |(at, byte): (usize, u8)| match at {
        0 | 1 => byte.is_ascii_uppercase(),
        2 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    if id.len() == 5 && id.bytes().enumerate().all(shape) {
        tell(&["fault", id, &words.escape_debug().to_string()]);
    }
}

/// One home's share of the search: so many outputs and files were searched for so many secrets.
pub fn searched(places: usize, secrets: usize) {
    tell(&["searched", &places.to_string(), &secrets.to_string()]);
}

/// A secret stands where none may.
pub fn found(place: &str) {
    tell(&["found", place]);
}

/// Tests run side by side, so a line is one write.
fn tell(fields: &[&str]) {
    let Some(path) = std::env::var_os(REPORT) else {
        return;
    };
    let report = File::options().append(true).create(true).open(&path);
    let told = report.and_then(|mut report| {
        let line = format!("{}\n", fields.join("\t"));
        report.write_all(line.as_bytes())
    });
    told.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
}
