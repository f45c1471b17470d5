//! The text in a sealed file: a line of JSON with the length of each record, then the records in the order of their
//! keys, a line each. One record is read without the others, however many there are.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};

use zeroize::Zeroizing;

pub type Records = BTreeMap<String, String>;

/// Lengths in bytes, without the newline.
type Lengths = BTreeMap<String, u64>;

/// The text of these records.
pub fn write(records: &Records) -> io::Result<Zeroizing<Vec<u8>>> {
    let lengths: Lengths = records
        .iter()
        .map(|(key, record)| (key.clone(), record.len() as u64))
        .collect();
    let mut text = Zeroizing::new(serde_json::to_vec(&lengths)?);
    text.push(b'\n');
    for record in records.values() {
        text.extend_from_slice(record.as_bytes());
        text.push(b'\n');
    }
    Ok(text)
}

/// All records.
///
/// # Errors
/// [`ErrorKind::InvalidData`] or [`ErrorKind::UnexpectedEof`] for any other text.
pub fn read_all(mut text: impl Read) -> io::Result<Records> {
    let mut whole = Zeroizing::new(Vec::new());
    text.read_to_end(&mut whole)?;
    let mut rest = whole.as_slice();
    let mut line = Vec::new();
    rest.read_until(b'\n', &mut line)?;
    let mut records = Records::new();
    for (key, length) in lengths(&line)? {
        let length = usize::try_from(length).map_err(|_| corrupt())?;
        let (record, after) = rest.split_at_checked(length).ok_or_else(corrupt)?;
        rest = after.strip_prefix(b"\n").ok_or_else(corrupt)?;
        let record = String::from_utf8(record.to_vec()).map_err(|_| corrupt())?;
        records.insert(key, record);
    }
    match rest {
        [] => Ok(records),
        _ => Err(corrupt()),
    }
}

/// One record, if it is there.
///
/// # Errors
/// As for [`read_all`], as far as the text is read.
pub fn read_one(text: impl Read + Seek, key: &str) -> io::Result<Option<String>> {
    let mut text = BufReader::new(text);
    let mut line = Vec::new();
    text.read_until(b'\n', &mut line)?;
    let lengths = lengths(&line)?;
    let Some(length) = lengths.get(key) else {
        return Ok(None);
    };
    let start = lengths
        .range::<String, _>(..key.to_owned())
        .map(|(_, length)| length.checked_add(1))
        .try_fold(line.len() as u64, |at, length| at.checked_add(length?))
        .ok_or_else(corrupt)?;
    text.seek(SeekFrom::Start(start))?;
    // A length may say anything: what is not there takes no memory.
    let mut record = String::new();
    text.take(*length).read_to_string(&mut record)?;
    match record.len() as u64 == *length {
        true => Ok(Some(record)),
        false => Err(corrupt()),
    }
}

fn lengths(line: &[u8]) -> io::Result<Lengths> {
    let line = line.strip_suffix(b"\n").ok_or_else(corrupt)?;
    // serde_json's own words quote what it read.
    serde_json::from_slice(line).map_err(|_| corrupt())
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
            .map(|at| (format!("connection/c{at}"), format!("{at} ").repeat(length)))
            .collect()
    }

    #[test]
    fn what_is_written_is_read_whole_and_one_by_one() {
        for records in [
            records(0, 0),
            records(1, 0),
            records(3, 5),
            records(700, 900),
        ] {
            let text = write(&records).unwrap();
            assert_eq!(read_all(text.as_slice()).unwrap(), records);
            for (key, record) in &records {
                let read = read_one(Cursor::new(text.as_slice()), key).unwrap();
                assert_eq!(read.as_ref(), Some(record));
            }
            let none = read_one(Cursor::new(text.as_slice()), "default").unwrap();
            assert_eq!(none, None);
        }
    }

    #[test]
    fn any_other_text_is_an_error() {
        for text in [
            "",
            "{}",
            "{\"a\":1}\n",
            "{\"a\":1}\nx",
            "{\"a\":2}\nx\n",
            "{\"a\":1}\nx\n\n",
            "{\"a\":18446744073709551615}\nx\n",
            "{\"a\":-1}\nx\n",
            "{\"a\":\"x\"}\n",
            "[1]\nx\n",
        ] {
            assert!(read_all(text.as_bytes()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn lengths_that_lie_take_no_memory_and_never_another_record() {
        let end = u64::MAX;
        for text in [
            format!("{{\"a\":{end},\"b\":1}}\nx\ny\n"),
            format!("{{\"b\":{end}}}\nx\n"),
            "{\"a\":7,\"b\":1}\nx\ny\n".to_owned(),
            "{\"b\":2}\n\u{e9}".replace('2', "1"),
        ] {
            let read = read_one(Cursor::new(text.as_bytes()), "b");
            assert!(read.is_err(), "{text:?}: {read:?}");
        }
    }
}
