//! Records longer than one keyring item may be: the text in parts, and a head that names them.
//!
//! Parts are written first, under a generation of their own, and the head last. Until the head is replaced it names
//! the old parts, which are removed only after that: a crash between any two writes leaves the old record or the new
//! one. What a crash leaves over is removed by the next write.

use serde::{Deserialize, Serialize};

/// Between a record's key and the name of a part; no record's key has it.
const MARK: char = '#';
/// How a head begins; no record does, for a record is JSON with other fields.
const HEAD: &str = "{\"parts\":";

/// One change to the keyring's items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Write { item: String, text: String },
    Remove { item: String },
}

/// What stands in the record's own item instead of its text.
#[derive(Serialize, Deserialize)]
struct Head {
    parts: usize,
    generation: String,
}

/// The steps that make `text` the record, in their order. `items` are the record's items now, its own and its parts;
/// `generation` is a name that no earlier write used.
pub fn steps(key: &str, text: &str, limit: usize, generation: &str, items: &[String]) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut own = text.to_owned();
    if text.len() > limit {
        let pieces = pieces(text, limit);
        own = format!("{HEAD}{},\"generation\":\"{generation}\"}}", pieces.len());
        let parts = pieces.iter().enumerate();
        steps.extend(parts.map(|(number, piece)| Step::Write {
            item: part(key, generation, number),
            text: (*piece).to_owned(),
        }));
    }
    let kept: Vec<String> = steps.iter().map(|step| step.item().to_owned()).collect();
    steps.push(Step::Write {
        item: key.to_owned(),
        text: own,
    });
    let stale = items
        .iter()
        .filter(|item| is_part_of(item, key) && !kept.contains(item));
    steps.extend(stale.map(|item| Step::Remove { item: item.clone() }));
    steps
}

/// The steps that remove a record: the head first, so that it is gone at once.
pub fn removal(key: &str, items: &[String]) -> Vec<Step> {
    let parts = items.iter().filter(|item| is_part_of(item, key)).cloned();
    std::iter::once(key.to_owned())
        .chain(parts)
        .map(|item| Step::Remove { item })
        .collect()
}

/// The items that hold the text of which `own` is the record's own item; none if that is the whole text.
pub fn named_by(key: &str, own: &str) -> Vec<String> {
    match own
        .starts_with(HEAD)
        .then(|| serde_json::from_str::<Head>(own))
    {
        Some(Ok(head)) => (0..head.parts.min(MAX_PARTS))
            .map(|n| part(key, &head.generation, n))
            .collect(),
        _ => Vec::new(),
    }
}

/// Whether an item is a part, of whatever record.
pub fn is_part(item: &str) -> bool {
    item.contains(MARK)
}

/// More parts than any record of a megabyte has.
const MAX_PARTS: usize = 1024;

impl Step {
    fn item(&self) -> &str {
        match self {
            Step::Write { item, .. } | Step::Remove { item } => item,
        }
    }
}

fn part(key: &str, generation: &str, number: usize) -> String {
    format!("{key}{MARK}{generation}.{number}")
}

fn is_part_of(item: &str, key: &str) -> bool {
    item.split_once(MARK).is_some_and(|(owner, _)| owner == key)
}

/// Pieces of at most `limit` bytes, cut between characters.
fn pieces(text: &str, limit: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        // At least one character a piece, or it would never end.
        let end = (1..=limit.min(rest.len()))
            .rev()
            .find(|at| rest.is_char_boundary(*at));
        let (piece, after) = rest.split_at(end.unwrap_or(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const KEY: &str = "connection/work";
    const LIMIT: usize = 2560;

    type Items = BTreeMap<String, String>;

    fn apply(items: &mut Items, step: &Step) {
        match step {
            Step::Write { item, text } => items.insert(item.clone(), text.clone()),
            Step::Remove { item } => items.remove(item),
        };
    }

    fn read(items: &Items) -> Option<String> {
        let own = items.get(KEY)?;
        let parts = named_by(KEY, own);
        if parts.is_empty() {
            return Some(own.clone());
        }
        parts
            .iter()
            .map(|part| items.get(part).map(String::as_str))
            .collect()
    }

    fn write(items: &Items, text: &str, generation: &str) -> Vec<Step> {
        let names: Vec<String> = items.keys().cloned().collect();
        steps(KEY, text, LIMIT, generation, &names)
    }

    fn record(letter: char, length: usize) -> String {
        format!(
            "{{\"schema\":1,\"é\":\"{}\"}}",
            letter.to_string().repeat(length)
        )
    }

    /// ST-06, with Windows' limit.
    #[test]
    fn a_crash_between_any_two_writes_leaves_the_old_record_or_the_new_one() {
        let lengths = [10, LIMIT - 25, LIMIT, 3 * LIMIT, 9 * LIMIT];
        for (old_length, new_length) in lengths
            .iter()
            .flat_map(|old| lengths.map(|new| (*old, new)))
        {
            let (old, new) = (record('o', old_length), record('n', new_length));
            let mut before = Items::new();
            write(&before.clone(), &old, "g1")
                .iter()
                .for_each(|step| apply(&mut before, step));
            let steps = write(&before, &new, "g2");
            for crash in 0..=steps.len() {
                let mut items = before.clone();
                steps[..crash]
                    .iter()
                    .for_each(|step| apply(&mut items, step));
                let text = read(&items).unwrap();
                assert!(
                    text == old || text == new,
                    "{old_length} to {new_length}, after {crash} steps"
                );
                // Whatever the crash left over, the next write takes away.
                write(&items.clone(), &new, "g3")
                    .iter()
                    .for_each(|step| apply(&mut items, step));
                assert_eq!(read(&items).as_deref(), Some(new.as_str()));
                let used = 1 + named_by(KEY, &items[KEY]).len();
                assert_eq!(items.len(), used, "stale parts stay");
                assert!(items.values().all(|text| text.len() <= LIMIT));
            }
        }
    }

    #[test]
    fn a_removal_takes_the_head_first_and_every_part() {
        let mut items = Items::new();
        write(&items.clone(), &record('x', 9000), "g1")
            .iter()
            .for_each(|step| apply(&mut items, step));
        items.insert("connection/work2".to_owned(), "{}".to_owned());
        let names: Vec<String> = items.keys().cloned().collect();
        let steps = removal(KEY, &names);
        assert_eq!(
            steps[0],
            Step::Remove {
                item: KEY.to_owned()
            }
        );
        steps.iter().for_each(|step| apply(&mut items, step));
        assert_eq!(items.into_keys().collect::<Vec<_>>(), ["connection/work2"]);
    }

    #[test]
    fn a_head_that_names_endless_parts_is_cut_off() {
        assert_eq!(
            named_by(KEY, r#"{"parts":18446744073709551615,"generation":"g"}"#).len(),
            MAX_PARTS
        );
        assert!(named_by(KEY, r#"{"parts":-1,"generation":"g"}"#).is_empty());
    }

    proptest::proptest! {
        #![proptest_config(crate::generated::config())]

        #[test]
        fn any_record_comes_back_out_of_its_parts(
            text in "(?s)\\{.{0,200}",
            limit in 4_usize..100,
            own in crate::generated::pieces(&[HEAD, "1", "99999999999999999999", ",", "\"generation\":", "\"g\"", "}"]),
        ) {
            let mut items = Items::new();
            for step in steps(KEY, &text, limit, "g", &[]) {
                if let Step::Write { text, item } = &step {
                    assert!(text.len() <= limit || item == KEY);
                }
                apply(&mut items, &step);
            }
            assert_eq!(read(&items), Some(text));
            assert!(named_by(KEY, &own).len() <= MAX_PARTS);
        }
    }
}
