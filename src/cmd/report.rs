//! A report: one line of a check each, or one JSON object.

use serde_json::{Value, json};

use crate::cmd::table::table;
use crate::error::{Result, visible};
use crate::output::Output;

/// One line of a report.
pub struct Line<'a> {
    pub check: &'a str,
    /// In one word where it can be.
    pub status: &'a str,
    pub message: &'a str,
    /// What mends it, commands in backticks.
    pub cure: Option<&'a str>,
}

/// Prints the report that was asked for.
///
/// # Errors
/// Standard output can't be written.
pub fn print(output: Output, lines: &[Line]) -> Result<()> {
    if output.json {
        let objects = lines.iter().map(|line| {
            json!({
                "check": line.check,
                "status": line.status.replace(' ', "_"),
                "message": line.message,
                "cure": line.cure,
            })
        });
        return output.result_json(&Value::Array(objects.collect()));
    }
    output.result(&text(lines, output.columns()))
}

/// Columns for the eye; on a terminal the last one is broken at words, so that the others stand free.
fn text(lines: &[Line], columns: Option<u16>) -> String {
    let mut table = table(columns);
    for line in lines {
        let cure = line.cure.map(|cure| format!("\nhint: {}", one_line(cure)));
        let said = one_line(line.message) + &cure.unwrap_or_default();
        table.add_row([line.check, line.status, said.as_str()]);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

/// A path or a name must not begin a line of its own.
fn one_line(text: &str) -> String {
    text.chars().map(visible).collect()
}
