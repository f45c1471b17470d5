//! The text in a sealed file: a line of JSON with the length of each record, then the records in the order of their
//! keys, a line each.

use std::collections::BTreeMap;

pub type Records = BTreeMap<String, String>;

/// Reads what a sealed file held.
pub fn records(text: &[u8]) -> Records {
    let text = String::from_utf8_lossy(text);
    let (lengths, records) = text.split_once('\n').unwrap_or_default();
    let lengths: BTreeMap<String, usize> =
        serde_json::from_str(lengths).unwrap_or_else(|e| panic!("the lengths: {e}: {text}"));
    let mut rest = records;
    let records = lengths.into_iter().map(|(key, length)| {
        let (record, after) = rest.split_at(length);
        rest = after
            .strip_prefix('\n')
            .unwrap_or_else(|| panic!("{key} goes on: {text}"));
        (key, record.to_owned())
    });
    records.collect()
}

/// What a sealed file holds.
pub fn text(records: &Records) -> Vec<u8> {
    let lengths: BTreeMap<&String, usize> = records
        .iter()
        .map(|(key, record)| (key, record.len()))
        .collect();
    let mut text = serde_json::json!(lengths).to_string();
    for record in records.values() {
        text.push('\n');
        text.push_str(record);
    }
    text.push('\n');
    text.into_bytes()
}
