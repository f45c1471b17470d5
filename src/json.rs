//! JSON from elsewhere.

use serde::de::DeserializeOwned;

/// The one object that the text is, with white space around it at the most. By itself serde_json would fill a struct
/// from an array as well.
pub fn object<T: DeserializeOwned>(text: &[u8]) -> Option<T> {
    let begins = text.trim_ascii_start().starts_with(b"{");
    begins.then(|| serde_json::from_slice(text).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Point {
        x: u8,
    }

    #[test]
    fn one_object_and_nothing_else_is_an_object() {
        let x = |text: &str| object::<Point>(text.as_bytes()).map(|point| point.x);
        assert_eq!(x(" \r\n{\"x\":1}\t\n"), Some(1));
        for text in [
            "",
            "{\"x\":1}x",
            "{\"x\":1}{\"x\":1}",
            "[1]",
            "[{\"x\":1}]",
            "{\"x\":1}\0",
        ] {
            assert_eq!(x(text), None, "{text:?}");
        }
    }
}
