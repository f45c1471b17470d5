//! Known secrets taken out of foreign text, however it spells them: a server may send back what it was sent.

use url::form_urlencoded;

use crate::secret::Secret;

const REDACTED: &str = "[redacted]";
/// What is shorter is found in anything that is decoded, and inside of words that mean nothing of the kind.
const SHORTEST: usize = 8;
/// The longest tracking ID shown; Webex's have about 45 characters.
const MAX_ID: usize = 128;

/// The text without these secrets: as they are, and as the word they are part of where that is percent-encoded, hex or
/// Base64.
pub fn redact(text: &str, secrets: &[Secret]) -> String {
    let mut spelled = Vec::new();
    for secret in secrets.iter().map(Secret::expose) {
        // Basic encodes a client's credentials as form values first (RFC 6749 §2.3.1).
        let encoded: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        spelled.extend([secret.to_owned(), encoded]);
    }
    spelled.retain(|secret| !secret.is_empty());
    let text = spelled.iter().fold(text.to_owned(), |text, secret| {
        match secret.len() < SHORTEST {
            true => without_word(&text, secret),
            false => text.replace(secret.as_str(), REDACTED),
        }
    });
    spelled.retain(|secret| secret.len() >= SHORTEST);
    let words = text.split_inclusive(char::is_whitespace).map(|word| {
        let bare = word.trim_end();
        match hides(bare.as_bytes(), &spelled) {
            true => word.replace(bare, REDACTED),
            false => word.to_owned(),
        }
    });
    words.collect()
}

/// The text without a short secret where that is a word of its own.
fn without_word(text: &str, secret: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(secret) {
        let (before, found) = rest.split_at(at);
        let after = &found[secret.len()..];
        let joins = |c: char| c.is_alphanumeric();
        let is_part = before.ends_with(joins)
            || (before.is_empty() && clean.ends_with(joins))
            || after.starts_with(joins);
        clean.push_str(before);
        clean.push_str(if is_part { secret } else { REDACTED });
        rest = after;
    }
    clean.push_str(rest);
    clean
}

/// A server's number for a request, if it is fit to be shown: no text, and nothing with one of these secrets in it.
pub fn tracking_id(id: &str, secrets: &[Secret]) -> Option<String> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    let is_id = (1..=MAX_ID).contains(&id.len()) && id.bytes().all(is_plain);
    (is_id && redact(id, secrets) == id).then(|| id.to_owned())
}

/// Whether a secret comes out of the word when it is decoded.
fn hides(word: &[u8], secrets: &[String]) -> bool {
    let holds = |bytes: &[u8]| {
        let mut secrets = secrets.iter().map(String::as_bytes);
        secrets.any(|secret| bytes.windows(secret.len()).any(|at| at == secret))
    };
    // Once for what is percent-encoded, and once more for what lies below it.
    let decoded = percent_decoded(word);
    holds(&decoded)
        || [word, &decoded].into_iter().any(|word| {
            unpacked(word, 6, sextet).any(|bytes| holds(&bytes))
                || unpacked(word, 4, hex_digit).any(|bytes| holds(&bytes))
        })
}

fn percent_decoded(word: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((first, after)) = rest.split_first() {
        let digits = after
            .first_chunk()
            .and_then(|[high, low]| Some(hex_digit(*high)? << 4 | hex_digit(*low)?));
        (rest, _) = match digits {
            Some(byte) if *first == b'%' => (&after[2..], decoded.push(byte)),
            _ => (after, decoded.push(*first)),
        };
    }
    decoded
}

/// The bytes that each run of digits, of so many `bits`, stands for, whichever of the first of them begins a byte.
fn unpacked(
    word: &[u8],
    bits: usize,
    digit: fn(u8) -> Option<u8>,
) -> impl Iterator<Item = Vec<u8>> {
    // After 24 bits Base64 begins anew; hex does after 8.
    let starts = 8 / (8 - bits);
    let runs = word.split(move |byte| digit(*byte).is_none());
    runs.flat_map(move |run| {
        (0..starts.min(run.len())).map(move |start| {
            let (mut bytes, mut kept, mut value) = (Vec::new(), 0, 0_u32);
            for digit in run[start..].iter().filter_map(|byte| digit(*byte)) {
                value = (value << bits | u32::from(digit)) & 0xffff;
                kept += bits;
                if kept >= 8 {
                    kept -= 8;
                    bytes.extend((value >> kept).to_le_bytes().first());
                }
            }
            bytes
        })
    })
}

/// Base64's value of a character, in either alphabet (RFC 4648 §4, §5).
fn sextet(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

fn hex_digit(byte: u8) -> Option<u8> {
    let value = char::from(byte).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};

    use super::*;

    const SECRET: &str = "s3cr3t+/~?with=all";

    fn spellings() -> Vec<String> {
        let each = |spell: fn(u8) -> String| SECRET.bytes().map(spell).collect::<String>();
        let form: String = form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
        let mut spellings = vec![
            SECRET.to_owned(),
            form.to_lowercase(),
            each(|byte| format!("%{byte:02x}")),
            each(|byte| format!("%{byte:02X}")),
            each(|byte| format!("{byte:02x}")),
            each(|byte| format!("{byte:02X}")),
            format!("0{}", each(|byte| format!("{byte:02x}"))),
        ];
        for before in ["", "i", "id", "id:"] {
            for secret in [SECRET, &form] {
                let pair = format!("{before}{secret}");
                let standard = BASE64_STANDARD.encode(&pair);
                spellings.push(standard.replace('+', "%2b").replace('=', "%3D"));
                spellings.push(BASE64_URL_SAFE_NO_PAD.encode(&pair));
                spellings.push(format!("Basic:x{standard}"));
                spellings.push(standard);
            }
        }
        spellings
    }

    #[test]
    fn an_echo_is_taken_out_however_it_is_spelled() {
        for spelled in spellings() {
            let text = format!("bad Basic {spelled} here");
            let shown = redact(&text, &[Secret::new(SECRET)]);
            assert_eq!(shown, "bad Basic [redacted] here", "{spelled}");
            assert_eq!(tracking_id(&spelled, &[Secret::new(SECRET)]), None);
        }
    }

    #[test]
    fn other_text_stays_as_it_is() {
        let text = "  The client id C1d2 is not %known%2, try 00ff00ff00 or QUJDREVGR0hJSktM\n";
        for secret in [SECRET, "", "\u{e9}", "ab"] {
            assert_eq!(redact(text, &[Secret::new(secret)]), text, "{secret}");
        }
    }

    #[test]
    fn a_short_secret_is_taken_out_where_it_is_a_word() {
        let tok = [Secret::new("tok")];
        for (text, shown) in [
            ("the token is bad", "the token is bad"),
            (
                "tok, or \"tok\": tok",
                "[redacted], or \"[redacted]\": [redacted]",
            ),
            ("toktok tok_ stok tok", "toktok [redacted]_ stok [redacted]"),
        ] {
            assert_eq!(redact(text, &tok), shown);
        }
    }

    #[test]
    fn a_tracking_id_is_an_id() {
        let secrets = [Secret::new(SECRET), Secret::new("WXATcanary")];
        for id in ["ROUTER_65-x.1", &"x".repeat(MAX_ID)] {
            assert_eq!(tracking_id(id, &secrets).as_deref(), Some(id));
        }
        for id in [
            "",
            "a b",
            "a\u{1b}",
            "x=1",
            "é",
            "A_WXATcanary1",
            &"x".repeat(MAX_ID + 1),
        ] {
            assert_eq!(tracking_id(id, &secrets), None, "{id}");
        }
    }
}
