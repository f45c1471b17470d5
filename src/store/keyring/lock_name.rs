//! Names of locks, written so that the session bus and every file system take them.

use std::fmt::Write;

/// Writes a name with the characters `[A-Za-z0-9_]` alone. Different names stay different: `_` begins an escape, and no
/// escape is the beginning of another.
///
/// D-Bus advises against hyphens, and takes no element that is empty or begins with a digit.
pub fn escaped(name: &str) -> String {
    if name.is_empty() {
        return "_".to_owned();
    }
    let mut escaped = String::with_capacity(name.len());
    for (at, byte) in name.bytes().enumerate() {
        match byte {
            b'0'..=b'9' if at > 0 => escaped.push(char::from(byte)),
            b'A'..=b'Z' | b'a'..=b'z' => escaped.push(char::from(byte)),
            b'_' => escaped.push_str("__"),
            b'-' => escaped.push_str("_h"),
            b'.' => escaped.push_str("_d"),
            // A `String` takes every character.
            byte => {
                let _ = write!(escaped, "_x{byte:02x}");
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_name_is_escaped_as_in_this_table() {
        for (name, expected) in [
            ("work", "work"),
            ("connection-work.prod", "connection_hwork_dprod"),
            ("app-a_b", "app_ha__b"),
            ("7up", "_x37up"),
            ("x7", "x7"),
            ("", "_"),
            ("_", "__"),
            ("-", "_h"),
            ("_h", "__h"),
            ("_x2d", "__x2d"),
            ("é", "_xc3_xa9"),
            ("a/b", "a_x2fb"),
        ] {
            assert_eq!(escaped(name), expected, "{name:?}");
        }
    }

    #[test]
    fn a_name_of_80_characters_fits_a_name_of_the_bus() {
        let longest = escaped(&"-".repeat(80));
        assert!("webex_connect.lock.".len() + longest.len() <= 255);
    }

    #[test]
    fn different_names_stay_different() {
        let letters = ["", "_", "-", ".", "h", "d", "x", "3", "7", "é"];
        let mut names = BTreeSet::new();
        for one in letters {
            for two in letters {
                for three in letters {
                    names.insert([one, two, three, "x2d"].concat());
                    names.insert([one, two, three].concat());
                }
            }
        }
        let all: BTreeSet<String> = names.iter().map(|name| escaped(name)).collect();
        assert_eq!(all.len(), names.len());
    }

    proptest::proptest! {
        #![proptest_config(crate::generated::config())]

        #[test]
        fn any_name_gives_one_element_of_a_bus_name(name in "(?s).{0,40}") {
            let escaped = escaped(&name);
            assert!(!escaped.is_empty());
            assert!(!escaped.starts_with(|first: char| first.is_ascii_digit()));
            assert!(escaped.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
        }
    }
}
