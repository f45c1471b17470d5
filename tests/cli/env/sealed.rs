//! The text in a sealed file: a JSON object of strings, one a record, and one without a name that is no record.

use std::collections::BTreeMap;

pub type Records = BTreeMap<String, String>;

/// Reads what a sealed file held.
pub fn records(text: &[u8]) -> Records {
    let text = String::from_utf8_lossy(text);
    let mut records: Records =
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("the records: {e}: {text}"));
    records.remove("");
    records
}

/// What a sealed file may hold.
pub fn text(records: &Records) -> Vec<u8> {
    serde_json::json!(records).to_string().into_bytes()
}
