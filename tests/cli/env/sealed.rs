//! The plaintext of a sealed file: one JSON object that maps the key of each record to the record.

use std::collections::BTreeMap;

pub type Records = BTreeMap<String, String>;

/// Parses the records.
pub fn records(text: &[u8]) -> Records {
    let text = String::from_utf8_lossy(text);
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("the records: {e}: {text}"))
}

/// Serializes records.
pub fn text(records: &Records) -> Vec<u8> {
    serde_json::json!(records).to_string().into_bytes()
}
