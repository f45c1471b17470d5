//! Records longer than one keyring item may be: the text in chunks, and a head that names them.
//!
//! A write stores the chunks first, under a new generation, and the head last. The old head names the old chunks, which
//! are removed only after the head was replaced. So a crash between any two steps leaves the old record or the new one,
//! and the next write removes the chunks that a crash left behind.
//!
//! A reader that finds a chunk missing reads the head again: a writer may have replaced it meanwhile.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind, Result};
use crate::store::record::Stored;

/// Separates a record's key from the name of a chunk; no key contains it.
const MARK: char = '#';
/// How a head begins. A record never begins like this, because it is JSON with other members.
const HEAD: &str = "{\"parts\":";
/// The most chunks that are read. A record of a megabyte has fewer.
const MAX_CHUNKS: usize = 1024;
/// How often a reader starts over because the record changed.
const ATTEMPTS: usize = 10;

/// One change to the items of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChunkWrite {
    Write { item: String, text: String },
    Remove { item: String },
}

/// The text of the record's own item if the record is stored in chunks.
#[derive(Serialize, Deserialize)]
struct Head {
    /// The member keeps the name that earlier versions wrote.
    #[serde(rename = "parts")]
    chunks: usize,
    generation: String,
}

/// The changes that store `text` as the record, in order. `items` are the names of all items; `generation` is a name
/// that no earlier write used.
pub fn write(
    key: &str,
    text: &str,
    limit: usize,
    generation: &str,
    items: &[String],
) -> Vec<ChunkWrite> {
    let mut writes = Vec::new();
    let mut own = text.to_owned();
    if text.len() > limit {
        let chunks = split(text, limit);
        own = format!("{HEAD}{},\"generation\":\"{generation}\"}}", chunks.len());
        let chunks = chunks.iter().enumerate();
        writes.extend(chunks.map(|(number, chunk)| ChunkWrite::Write {
            item: chunk_name(key, generation, number),
            text: (*chunk).to_owned(),
        }));
    }
    let kept: Vec<String> = writes.iter().map(|write| write.item().to_owned()).collect();
    writes.push(ChunkWrite::Write {
        item: key.to_owned(),
        text: own,
    });
    let stale = items
        .iter()
        .filter(|item| is_chunk_of(item, key) && !kept.contains(item));
    writes.extend(stale.map(|item| ChunkWrite::Remove { item: item.clone() }));
    writes
}

/// The changes that remove a record: the head first, so that the record is gone at once.
pub fn removal(key: &str, items: &[String]) -> Vec<ChunkWrite> {
    let chunks = items.iter().filter(|item| is_chunk_of(item, key)).cloned();
    std::iter::once(key.to_owned())
        .chain(chunks)
        .map(|item| ChunkWrite::Remove { item })
        .collect()
}

/// Reads a record by its items, whole at one moment: never one half of an old record and one of a new one.
///
/// # Errors
/// Those of `item`, and [`Kind::Store`] if the record changes again and again.
pub fn read(
    key: &str,
    mut item: impl FnMut(&str) -> Result<Option<Stored>>,
) -> Result<Option<Stored>> {
    let Some(mut own) = item(key)? else {
        return Ok(None);
    };
    for _ in 0..ATTEMPTS {
        if let Some(stored) = joined(key, &own, &mut item)? {
            return Ok(Some(stored));
        }
        let Some(now) = item(key)? else {
            return Ok(None);
        };
        if now == own {
            return Ok(Some(Stored::Corrupt));
        }
        own = now;
    }
    let message = format!("the record {key} changed {ATTEMPTS} times while it was read");
    Err(Error::new(Kind::Store, message).with_hint("run the same command again"))
}

/// The record that its own item begins, with the text of all chunks. `None`: a chunk is missing.
///
/// # Errors
/// Those of `item`.
pub fn joined(
    key: &str,
    own: &Stored,
    mut item: impl FnMut(&str) -> Result<Option<Stored>>,
) -> Result<Option<Stored>> {
    let Stored::Text(text) = own else {
        return Ok(Some(own.clone()));
    };
    let chunks = named_by(key, text);
    if chunks.is_empty() {
        return Ok(Some(own.clone()));
    }
    let mut joined = String::new();
    for chunk in chunks {
        match item(&chunk)? {
            Some(Stored::Text(text)) => joined.push_str(&text),
            other => return Ok(other),
        }
    }
    Ok(Some(Stored::Text(joined)))
}

/// The items that hold the record's text, given the text of its own item. Empty if that is the whole text.
fn named_by(key: &str, own: &str) -> Vec<String> {
    match own
        .starts_with(HEAD)
        .then(|| serde_json::from_str::<Head>(own))
    {
        Some(Ok(head)) => (0..head.chunks.min(MAX_CHUNKS))
            .map(|n| chunk_name(key, &head.generation, n))
            .collect(),
        _ => Vec::new(),
    }
}

/// Whether an item is a chunk of any record.
pub fn is_chunk(item: &str) -> bool {
    item.contains(MARK)
}

impl ChunkWrite {
    /// The name of the item that changes.
    pub fn item(&self) -> &str {
        match self {
            ChunkWrite::Write { item, .. } | ChunkWrite::Remove { item } => item,
        }
    }
}

fn chunk_name(key: &str, generation: &str, number: usize) -> String {
    format!("{key}{MARK}{generation}.{number}")
}

fn is_chunk_of(item: &str, key: &str) -> bool {
    item.split_once(MARK).is_some_and(|(owner, _)| owner == key)
}

/// Chunks of at most `limit` bytes, cut between characters.
fn split(text: &str, limit: usize) -> Vec<&str> {
    let mut chunks = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        // Each chunk takes at least one character, or the loop would never end.
        let end = (1..=limit.min(rest.len()))
            .rev()
            .find(|at| rest.is_char_boundary(*at));
        let (chunk, after) = rest.split_at(end.unwrap_or(rest.len()));
        chunks.push(chunk);
        rest = after;
    }
    chunks
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const KEY: &str = "connection/work";
    const LIMIT: usize = 2560;

    type Items = BTreeMap<String, String>;

    fn apply(items: &mut Items, change: &ChunkWrite) {
        match change {
            ChunkWrite::Write { item, text } => items.insert(item.clone(), text.clone()),
            ChunkWrite::Remove { item } => items.remove(item),
        };
    }

    fn read_from(items: &Items) -> Option<String> {
        let item = |item: &str| Ok(items.get(item).cloned().map(Stored::Text));
        match read(KEY, item).unwrap()? {
            Stored::Text(text) => Some(text),
            other => panic!("{other:?}"),
        }
    }

    fn write_to(items: &Items, text: &str, generation: &str) -> Vec<ChunkWrite> {
        let names: Vec<String> = items.keys().cloned().collect();
        write(KEY, text, LIMIT, generation, &names)
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
            write_to(&before.clone(), &old, "g1")
                .iter()
                .for_each(|change| apply(&mut before, change));
            let changes = write_to(&before, &new, "g2");
            for crash in 0..=changes.len() {
                let mut items = before.clone();
                changes[..crash]
                    .iter()
                    .for_each(|change| apply(&mut items, change));
                let text = read_from(&items).unwrap();
                assert!(
                    text == old || text == new,
                    "{old_length} to {new_length}, after {crash} changes"
                );
                // The next write removes the chunks that the crash left behind.
                write_to(&items.clone(), &new, "g3")
                    .iter()
                    .for_each(|change| apply(&mut items, change));
                assert_eq!(read_from(&items).as_deref(), Some(new.as_str()));
                let used = 1 + named_by(KEY, &items[KEY]).len();
                assert_eq!(items.len(), used, "stale chunks stay");
                assert!(items.values().all(|text| text.len() <= LIMIT));
            }
        }
    }

    /// The changes of a writer happen one by one, each just before a read of an item.
    #[test]
    fn a_reader_beside_a_writer_reads_the_old_record_or_the_new_one() {
        let (old, new) = (record('o', 3 * LIMIT), record('n', 5 * LIMIT));
        let mut before = Items::new();
        write_to(&before.clone(), &old, "g1")
            .iter()
            .for_each(|change| apply(&mut before, change));
        let changes = write_to(&before, &new, "g2");
        for begins in 0..12 {
            let mut items = before.clone();
            let mut left = changes.iter();
            let mut reads = 0;
            let read = read(KEY, |item| {
                reads += 1;
                // The writer is quicker than the reader.
                for change in left.by_ref().take(if reads > begins { 4 } else { 0 }) {
                    apply(&mut items, change);
                }
                Ok(items.get(item).cloned().map(Stored::Text))
            });
            let Some(Stored::Text(text)) = read.unwrap() else {
                panic!("the writer begins at read {begins}");
            };
            assert!(text == old || text == new, "a mixed record");
        }
    }

    #[test]
    fn only_a_head_that_stays_makes_a_missing_chunk_damage() {
        let head = |generation: &str| {
            Stored::Text(format!(r#"{{"parts":2,"generation":"{generation}"}}"#))
        };
        let is_head = |item: &str| item == KEY;
        let damaged = read(KEY, |item| Ok(is_head(item).then(|| head("g"))));
        assert_eq!(damaged.unwrap(), Some(Stored::Corrupt));

        let mut heads = 0;
        let restless = read(KEY, |item| {
            heads += usize::from(is_head(item));
            Ok(is_head(item).then(|| head(&heads.to_string())))
        });
        assert_eq!(restless.unwrap_err().kind, Kind::Store);
        assert_eq!(heads, 1 + ATTEMPTS);

        let mut heads = 0;
        let removed = read(KEY, |item| {
            heads += usize::from(is_head(item));
            Ok((is_head(item) && heads == 1).then(|| head("g")))
        });
        assert_eq!(removed.unwrap(), None);
    }

    #[test]
    fn a_record_with_an_ambiguous_or_damaged_chunk_is_that_itself() {
        for stored in [Stored::Ambiguous, Stored::Corrupt] {
            let own = Stored::Text(r#"{"parts":2,"generation":"g"}"#.to_owned());
            let joined = joined(KEY, &own, |_| Ok(Some(stored.clone())));
            assert_eq!(joined.unwrap(), Some(stored));
        }
    }

    #[test]
    fn a_removal_takes_the_head_first_and_every_chunk() {
        let mut items = Items::new();
        write_to(&items.clone(), &record('x', 9000), "g1")
            .iter()
            .for_each(|change| apply(&mut items, change));
        items.insert("connection/work2".to_owned(), "{}".to_owned());
        let names: Vec<String> = items.keys().cloned().collect();
        let changes = removal(KEY, &names);
        assert_eq!(
            changes[0],
            ChunkWrite::Remove {
                item: KEY.to_owned()
            }
        );
        changes.iter().for_each(|change| apply(&mut items, change));
        assert_eq!(items.into_keys().collect::<Vec<_>>(), ["connection/work2"]);
    }

    #[test]
    fn a_head_that_names_too_many_chunks_is_cut_off() {
        assert_eq!(
            named_by(KEY, r#"{"parts":18446744073709551615,"generation":"g"}"#).len(),
            MAX_CHUNKS
        );
        assert!(named_by(KEY, r#"{"parts":-1,"generation":"g"}"#).is_empty());
    }

    proptest::proptest! {
        #![proptest_config(crate::generated::config())]

        #[test]
        fn any_record_is_read_back_from_its_chunks(
            text in "(?s)\\{.{0,200}",
            limit in 4_usize..100,
            own in crate::generated::pieces(&[HEAD, "1", "99999999999999999999", ",", "\"generation\":", "\"g\"", "}"]),
        ) {
            let mut items = Items::new();
            for change in write(KEY, &text, limit, "g", &[]) {
                if let ChunkWrite::Write { text, item } = &change {
                    assert!(text.len() <= limit || item == KEY);
                }
                apply(&mut items, &change);
            }
            assert_eq!(read_from(&items), Some(text));
            assert!(named_by(KEY, &own).len() <= MAX_CHUNKS);
        }
    }
}
