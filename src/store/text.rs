//! The text in a sealed file: one JSON object of strings, a line each record, in the order of their keys. Its first
//! member, whose name is empty, has the length of each line, so that one record is read without the others, however many
//! there are. Whoever opens the file with another program may edit it: lengths that no longer fit are passed over.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};

use serde::Deserializer as _;
use serde::de::{MapAccess, Visitor};
use zeroize::Zeroizing;

pub type Records = BTreeMap<String, String>;

/// Lengths in bytes of `"KEY":"RECORD"`, without what is between two lines.
type Lengths = BTreeMap<String, u64>;

/// No record has it.
const LENGTHS: &str = "";
/// How the first line begins.
const HEAD: &str = "{\"\":";
/// Between two lines.
const BETWEEN: &str = ",\n";

/// The text of these records.
pub fn write(records: &Records) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut lines = Vec::new();
    let mut lengths = Lengths::new();
    for (key, record) in records {
        let line = format!(
            "{}:{}",
            serde_json::to_string(key)?,
            serde_json::to_string(record)?
        );
        lengths.insert(key.clone(), line.len() as u64);
        lines.push(Zeroizing::new(line));
    }
    let lengths = serde_json::to_string(&serde_json::to_string(&lengths)?)?;
    let mut text = Zeroizing::new(format!("{HEAD}{lengths}").into_bytes());
    for line in &lines {
        text.extend_from_slice(BETWEEN.as_bytes());
        text.extend_from_slice(line.as_bytes());
    }
    text.extend_from_slice(b"\n}\n");
    Ok(text)
}

/// All records.
///
/// # Errors
/// [`ErrorKind::InvalidData`] for any other text.
pub fn read_all(mut text: impl Read) -> io::Result<Records> {
    let mut whole = Zeroizing::new(Vec::new());
    text.read_to_end(&mut whole)?;
    // serde_json's own words quote what it read.
    let mut records: Records = serde_json::from_slice(&whole).map_err(|_| corrupt())?;
    records.remove(LENGTHS);
    Ok(records)
}

/// One record, if it is there.
///
/// # Errors
/// As for [`read_all`].
pub fn read_one(text: impl Read + Seek, key: &str) -> io::Result<Option<String>> {
    let mut text = BufReader::new(text);
    if let Some(found) = look_up(&mut text, key)? {
        return Ok(found);
    }
    text.seek(SeekFrom::Start(0))?;
    Ok(read_all(text)?.remove(key))
}

/// What the lengths lead to: a record, or that there is none. Nothing where they do not fit the text.
fn look_up(text: &mut (impl BufRead + Seek), key: &str) -> io::Result<Option<Option<String>>> {
    let mut head = Vec::new();
    text.read_until(b'\n', &mut head)?;
    let Some(place) = place(&head, key) else {
        return Ok(None);
    };
    let lines_start = head.len() as u64;
    let Some(length) = place.length else {
        // Believed where the lengths tell of all that is there. What closes the object is a byte longer than what is
        // between two lines; where there are no lines, it is two bytes.
        let told = lines_start.checked_add(place.all.max(1));
        let told = told.and_then(|told| told.checked_add(1));
        let end = text.seek(SeekFrom::End(0))?;
        return Ok((told == Some(end)).then_some(None));
    };
    let Some(start) = lines_start.checked_add(place.before) else {
        return Ok(None);
    };
    text.seek(SeekFrom::Start(start))?;
    // A length may say anything: what is not there takes no memory.
    let mut line = Zeroizing::new(Vec::new());
    text.take(length).read_to_end(&mut line)?;
    let record = line
        .strip_prefix(serde_json::to_string(key)?.as_bytes())
        .and_then(|rest| rest.strip_prefix(b":"))
        .and_then(|record| serde_json::from_slice(record).ok());
    Ok(record.map(Some))
}

/// What the lengths in a first line say of a key.
fn place(head: &[u8], key: &str) -> Option<Place> {
    let text = head.strip_prefix(HEAD.as_bytes())?;
    let text = text
        .strip_suffix(BETWEEN.as_bytes())
        .or_else(|| text.strip_suffix(b"\n"))?;
    let text: String = serde_json::from_slice(text).ok()?;
    let mut lengths = serde_json::Deserializer::from_str(&text);
    let place = lengths.deserialize_map(Wanted(key)).ok()?;
    lengths.end().ok()?;
    Some(place)
}

/// Where a line is, in bytes, each line with what is between two.
#[derive(Default)]
struct Place {
    /// That of the line, if there is one.
    length: Option<u64>,
    /// That of the lines before it.
    before: u64,
    /// That of all lines.
    all: u64,
}

/// Reads a [`Place`] without keeping the lengths of all others.
struct Wanted<'a>(&'a str);

impl<'de> Visitor<'de> for Wanted<'_> {
    type Value = Place;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the lengths of lines")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut lengths: A) -> Result<Place, A::Error> {
        let too_long = || serde::de::Error::custom("longer than any file");
        let mut place = Place::default();
        // A key that is spelled with escapes is none of ours.
        while let Some((key, length)) = lengths.next_entry::<&str, u64>()? {
            let whole = length
                .checked_add(BETWEEN.len() as u64)
                .ok_or_else(too_long)?;
            place.all = place.all.checked_add(whole).ok_or_else(too_long)?;
            match key.cmp(self.0) {
                Ordering::Less => place.before += whole,
                Ordering::Equal => place.length = Some(length),
                Ordering::Greater => {}
            }
        }
        Ok(place)
    }
}

fn corrupt() -> io::Error {
    ErrorKind::InvalidData.into()
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn records(number: usize, length: usize) -> Records {
        (0..number)
            .map(|at| {
                let record = format!("{{\"{at}\": \"\u{e9}\n\"}} ").repeat(length);
                (format!("connection/c{at}"), record)
            })
            .collect()
    }

    #[test]
    fn what_is_written_is_read_whole_and_one_by_one() {
        for records in [
            records(0, 0),
            records(1, 0),
            records(3, 5),
            records(700, 90),
        ] {
            let text = write(&records).unwrap();
            assert_eq!(read_all(text.as_slice()).unwrap(), records);
            for (key, record) in &records {
                let mut reader = Cursor::new(text.as_slice());
                let found = look_up(&mut reader, key).unwrap();
                assert_eq!(found, Some(Some(record.clone())), "by its length");
                let read = read_one(Cursor::new(text.as_slice()), key).unwrap();
                assert_eq!(read.as_ref(), Some(record));
            }
            let none = read_one(Cursor::new(text.as_slice()), "default").unwrap();
            assert_eq!(none, None);
            let absent = look_up(&mut Cursor::new(text.as_slice()), "default").unwrap();
            assert_eq!(absent, Some(None), "by the lengths alone");
        }
    }

    #[test]
    fn a_text_that_was_edited_is_read_all_the_same() {
        for text in [
            r#"{"a":"x","b":"y"}"#,
            "{\"\":\"{}x\",\n\"b\":\"y\"\n}",
            "{\"\":\"{\\\"a\\\":7,\\\"b\\\":7}\",\n\"b\":\"y\"\n}\n",
            "{\"\":\"{\\\"b\\\":18446744073709551615}\",\n\"b\":\"y\"\n}\n",
            "{\"\":\"{\\\"b\\\":3}\",\n\"b\":\"y\"\n}\n",
            "{\"\":\"{}\",\n\"b\":\"y\"\n}\n",
            "{\"\":\"{\\\"a\\\":7}\",\n\"a\":\"x\",\n\"b\":\"y\"\n}\n",
        ] {
            let read = read_one(Cursor::new(text), "b").unwrap();
            assert_eq!(read.as_deref(), Some("y"), "{text}");
        }
    }

    #[test]
    fn any_other_text_is_an_error() {
        for text in ["", "[]", "{", "{\"a\":1}", "{\"a\":\"x\"} {}", "null", "x"] {
            assert!(read_all(text.as_bytes()).is_err(), "{text:?}");
            assert!(read_one(Cursor::new(text), "a").is_err(), "{text:?}");
        }
    }
}
