//! A record: what it is stored under, its text, and what makes a text no record.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::app::App;
use crate::connection::{Connection, Tokens, is_access_token, is_refresh_token};
use crate::error::{Error, Kind, Result, foreign};
use crate::name::Name;

/// The record layout this program writes. A newer one is refused and left alone.
const SCHEMA: u32 = 1;
/// The largest record read. A connection with 199 scopes and JWT tokens has about 15 kB.
const MAX_RECORD: usize = 1024 * 1024;
/// What a record is stored under. Names are folded, which makes `Work` and `work` one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    Connection(Name),
    App(Name),
    Default,
    Preflight,
}

impl Key {
    /// What it stands for, in words.
    pub fn what(&self) -> String {
        match self {
            Key::Connection(name) => format!("the connection {name}"),
            Key::App(name) => format!("the app {name}"),
            Key::Default => "the default connection".to_owned(),
            Key::Preflight => "its test of the store".to_owned(),
        }
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Key::Connection(name) => write!(f, "connection/{}", name.folded()),
            Key::App(name) => write!(f, "app/{}", name.folded()),
            Key::Default => f.write_str("default"),
            Key::Preflight => f.write_str("preflight"),
        }
    }
}

/// A record as it is stored.
#[derive(Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum Record {
    Connection(Box<Connection>),
    App(Box<App>),
    Default { name: Name },
}

/// A record as the store holds it.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub enum Stored {
    Text(String),
    /// There are several, and nothing says which is right.
    Ambiguous,
    /// It has no text.
    Corrupt,
}

impl Stored {
    /// The text of the record.
    ///
    /// # Errors
    /// [`Kind::Unreadable`] if there is not exactly one.
    pub fn into_text(self, key: &str) -> Result<String> {
        match self {
            Stored::Text(text) => Ok(text),
            Stored::Ambiguous => Err(ambiguous(key)),
            Stored::Corrupt => Err(unreadable(key, "it is corrupt")),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Envelope {
    schema: u32,
    #[serde(flatten)]
    record: Record,
}

/// The text of a record, as it is stored. Members of the `current` text that this version does not know are kept as
/// they are.
pub fn text(key: &Key, record: Record, current: Option<&str>) -> Result<String> {
    type Members = BTreeMap<String, Box<RawValue>>;
    let envelope = Envelope {
        schema: SCHEMA,
        record,
    };
    let failed = |_| {
        Error::new(
            Kind::Failure,
            format!("could not serialize the record {key}"),
        )
    };
    let text = serde_json::to_string(&envelope).map_err(failed)?;
    let Some(current) = current else {
        return Ok(text);
    };
    let new: Members = serde_json::from_str(&text).map_err(failed)?;
    // A text that cannot be read has no members to keep.
    let mut unknown: Members = serde_json::from_str(current).unwrap_or_default();
    unknown.retain(|name, _| !new.contains_key(name));
    if unknown.is_empty() {
        return Ok(text);
    }
    let unknown = serde_json::to_string(&unknown).map_err(failed)?;
    let (known, unknown) = (text.strip_suffix('}'), unknown.strip_prefix('{'));
    Ok(format!(
        "{},{}",
        known.unwrap_or_default(),
        unknown.unwrap_or_default()
    ))
}

/// The revision of a stored record.
///
/// # Errors
/// [`Kind::Unreadable`] if the text is not a record of this version.
pub fn revision(key: &Key, text: &str) -> Result<u64> {
    Ok(match parse(&key.to_string(), text)? {
        Record::Connection(connection) => connection.revision,
        Record::App(app) => app.revision,
        Record::Default { .. } => 0,
    })
}

/// Whether a record is of a kind that only a newer version knows: neither its key nor its text names one of ours.
pub fn is_unknown_kind(key: &str, text: &str) -> bool {
    #[derive(Deserialize)]
    struct Head {
        #[serde(rename = "schema")]
        _schema: u32,
        record: String,
    }
    let is_ours = |kind: &str| matches!(kind, "connection" | "app" | "default" | "preflight");
    let kind = key.split_once('/').map_or(key, |(kind, _)| kind);
    let names_another_kind = || {
        let head: Option<Head> = serde_json::from_str(text).ok();
        head.is_some_and(|head| !is_ours(&head.record))
    };
    !is_ours(kind) && names_another_kind()
}

/// Reads a record, and leaves what it can't read to whoever can.
pub fn parse(key: &str, text: &str) -> Result<Record> {
    #[derive(Deserialize)]
    struct Head {
        schema: u32,
    }
    if text.len() > MAX_RECORD {
        return Err(unreadable(key, "it is larger than any record"));
    }
    let head: Head = serde_json::from_str(text).map_err(|_| unreadable(key, "it is corrupt"))?;
    if head.schema > SCHEMA {
        return Err(unreadable(key, "a newer version of webex-connect wrote it"));
    }
    // serde_json's own text quotes the record.
    let envelope: Envelope =
        serde_json::from_str(text).map_err(|_| unreadable(key, "it is corrupt"))?;
    if let Record::Connection(connection) = &envelope.record
        && !holds_tokens(&connection.tokens)
    {
        return Err(unreadable(key, "what it holds as a token is none"));
    }
    let belongs = match &envelope.record {
        Record::Connection(connection) => {
            key == Key::Connection(connection.name.clone()).to_string()
        }
        Record::App(app) => key == Key::App(app.name.clone()).to_string(),
        Record::Default { .. } => key == Key::Default.to_string(),
    };
    if belongs {
        Ok(envelope.record)
    } else {
        Err(unreadable(key, "it belongs under another name"))
    }
}

/// Whether the tokens are such as an answer may bring: they go into headers, environments and shells from here too.
fn holds_tokens(tokens: &Tokens) -> bool {
    let refresh_token = tokens.refresh_token.as_ref();
    is_access_token(tokens.access_token.expose())
        && refresh_token.is_none_or(|token| is_refresh_token(token.expose()))
}

/// The error for a record that the store holds more than once.
pub fn ambiguous(key: &str) -> Error {
    unreadable(
        key,
        "it is ambiguous, because the keyring holds several items for it",
    )
}

/// The error for a record that stays as it is.
pub fn unreadable(key: impl std::fmt::Display, why: &str) -> Error {
    // Whoever writes into the store chooses the key.
    let key = foreign(&key.to_string());
    let is_name = |name: &str| Name::parse(name).is_ok();
    let cure = match key.split_once('/') {
        Some(("connection", name)) if is_name(name) => {
            format!("; `webex-connect logout {name}` removes it")
        }
        Some(("app", name)) if is_name(name) => {
            format!("; `webex-connect app remove {name}` removes it")
        }
        None if key == Key::Default.to_string() => {
            "; `webex-connect default NAME` makes it anew".to_owned()
        }
        _ => String::new(),
    };
    Error::new(
        Kind::Unreadable,
        format!("the stored record {key} is unreadable: {why}"),
    )
    .with_hint(format!("it was left as it is{cure}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_no_name_paints_nothing_and_is_no_command() {
        for key in [
            "connection/\u{1b}[31mx\n$(id)",
            "app/a b",
            "connection/",
            "x",
        ] {
            let error = unreadable(key, "it is corrupt");
            assert!(!error.message.contains(char::is_control), "{error:?}");
            assert_eq!(
                error.hint.as_deref(),
                Some("it was left as it is"),
                "{key:?}"
            );
        }
        for (key, cure) in [
            ("connection/work", "logout work"),
            ("app/mine", "app remove mine"),
            ("default", "default NAME"),
        ] {
            let hint = unreadable(key, "it is corrupt").hint.unwrap_or_default();
            assert!(hint.contains(cure), "{hint}");
        }
    }

    #[test]
    fn members_of_a_newer_version_are_kept_byte_for_byte() {
        let record = || Record::Default {
            name: Name::parse("work").unwrap(),
        };
        let plain = text(&Key::Default, record(), None).unwrap();
        for current in ["", "[1]", r#"{"schema":1,"record":"default","name":"old"}"#] {
            assert_eq!(text(&Key::Default, record(), Some(current)).unwrap(), plain);
        }
        let newer =
            r#"{"schema":1,"z":[1.50, 2e3],"record":"default","a":{ "b" : 1 },"name":"old"}"#;
        let kept = text(&Key::Default, record(), Some(newer)).unwrap();
        let expected = format!(
            r#"{},"a":{{ "b" : 1 }},"z":[1.50, 2e3]}}"#,
            plain.strip_suffix('}').unwrap()
        );
        assert_eq!(kept, expected);
        assert!(parse("default", &kept).is_ok());
        assert_eq!(text(&Key::Default, record(), Some(&kept)).unwrap(), kept);
    }

    #[test]
    fn only_a_newer_version_knows_other_kinds() {
        for (key, text, unknown) in [
            ("webhook/x", r#"{"schema":1,"record":"webhook"}"#, true),
            (
                "webhook/x",
                r#"{"schema":9,"record":"webhook","x":1}"#,
                true,
            ),
            ("webhook/x", r#"{"schema":1,"record":"app"}"#, false),
            ("connection/x", r#"{"schema":1,"record":"webhook"}"#, false),
            ("webhook/x", "not JSON", false),
            ("webhook/x", "", false),
        ] {
            assert_eq!(is_unknown_kind(key, text), unknown, "{key} {text}");
        }
    }

    proptest::proptest! {
        #![proptest_config(crate::generated::config())]

        #[test]
        fn any_text_is_a_record_or_an_error_that_does_not_quote_it(
            mut record in crate::generated::object(&[
                "record", "revision", "name", "auth_type", "app", "environment", "identity", "grant", "tokens", "mark",
                "client_id", "client_secret", "redirect_uri", "scopes",
            ]),
            kind in proptest::sample::select(&["connection", "app", "default", "preflight"][..]),
            schema in 0_u32..3,
            cut in 0_usize..400,
            text in crate::generated::text(),
        ) {
            record["schema"] = schema.into();
            record["record"] = kind.into();
            record["canary"] = crate::generated::CANARY.into();
            let whole = record.to_string();
            let cut: String = whole.chars().take(cut).collect();
            for text in [whole, cut, text] {
                if let Err(error) = parse("connection/work", &text) {
                    assert_eq!(error.kind, Kind::Unreadable);
                    assert!(!format!("{error:?}").contains(&crate::generated::CANARY[..12]), "{error:?}");
                }
            }
        }

        #[test]
        fn a_default_is_read_as_it_was_written(name in "[A-Za-z0-9_][A-Za-z0-9._-]{0,63}") {
            let record = Record::Default { name: Name::parse(&name).unwrap() };
            let text = text(&Key::Default, record, None).unwrap();
            let Ok(Record::Default { name: read }) = parse("default", &text) else {
                panic!("{text} is not read");
            };
            assert_eq!(read.as_str(), name);
            assert!(parse("connection/work", &text).is_err());
        }
    }
}
