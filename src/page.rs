//! The one look of everything a browser shows: markup, stylesheet and security headers.

use std::fmt::Write as _;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

use crate::http::Response;

const STYLE: &str = include_str!("page/style.css");
const FRAME: &str = include_str!("page/frame.html");

/// Whether a page may send a form.
#[derive(Clone, Copy)]
pub enum Forms {
    /// The redirect listener's pages: they take nothing.
    None,
    /// The sandbox's consent page. Chromium holds the redirect after a form to `form-action` too, and that
    /// redirect goes to the application, so the page leaves the directive out.
    Any,
}

static POLICY_WITHOUT_FORMS: LazyLock<String> =
    LazyLock::new(|| format!("{}; form-action 'none'", POLICY.as_str()));

/// Nothing loads and nothing frames the page; its one stylesheet is allowed by hash.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = BASE64_STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; frame-ancestors 'none'; base-uri 'none'"
    )
});

/// A whole page. `title` is escaped; `content` is markup whose foreign parts went through [`escape`].
pub fn page(status: u16, title: &str, content: &str, forms: Forms) -> Response {
    let html = fill(
        FRAME,
        &[
            ("title", &escape(title)),
            ("style", STYLE),
            ("content", content),
        ],
    );
    let policy: &'static str = match forms {
        Forms::None => &POLICY_WITHOUT_FORMS,
        Forms::Any => &POLICY,
    };
    Response::new(status, "text/html; charset=utf-8", html)
        .with_header("Content-Security-Policy", policy)
        .with_header("Referrer-Policy", "no-referrer")
}

/// A template with each `{{name}}` filled in. One pass, so that a value is never read as a template.
pub fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut parts = template.split("{{");
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once("}}").unwrap_or(("", part));
        if let Some((_, value)) = values.iter().find(|(known, _)| *known == name) {
            filled.push_str(value);
        }
        filled.push_str(rest);
    }
    filled
}

/// Text made safe inside markup and quoted attributes.
pub fn escape(text: &str) -> String {
    text.chars()
        .fold(String::with_capacity(text.len()), |mut escaped, c| {
            match c {
                '&' | '<' | '>' | '"' | '\'' => {
                    // Writing to a String cannot fail.
                    let _ = write!(escaped, "&#{};", c as u32);
                }
                _ => escaped.push(c),
            }
            escaped
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_never_read_as_a_template() {
        let filled = fill("<{{a}}|{{b}}|{{c}}>", &[("a", "{{b}}"), ("b", "x")]);
        assert_eq!(filled, "<{{b}}|x|>");
    }
}
