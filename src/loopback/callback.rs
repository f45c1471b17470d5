//! What the answer to an authorization request says, and whether it is one to this login at all.

use url::Url;

use crate::app::{Environment, RedirectUri};
use crate::secret::Secret;

/// The longest authorization code taken; Webex's have about 140 characters.
const MAX_CODE: usize = 4096;
/// Parameters that mean something here; a repeated one means nothing.
const SINGLE: [&str; 4] = ["code", "state", "error", "iss"];

/// What terminals put around a paste where the program before this one left that on.
const PASTE_BEGINS: &str = "\u{1b}[200~";
const PASTE_ENDS: &str = "\u{1b}[201~";

/// What an authorization request is answered with, once its `state` is right.
pub enum Callback {
    /// The authorization code.
    Code(Secret),
    /// `error` and `error_description`, both foreign.
    Refused {
        error: String,
        description: Option<String>,
    },
    /// The answer names another issuer (RFC 9207 §2.4).
    WrongIssuer(String),
}

/// What a callback is checked against.
pub struct Expected {
    pub authorization_url: Url,
    pub state: Secret,
    pub environment: Environment,
    pub base: Url,
}

/// What a person pasted while a login waits.
pub enum Pasted {
    Callback(Callback),
    /// The address to open, not the one the browser ended on.
    AuthorizationUrl,
    /// An answer to another login, or none at all.
    Other,
}

/// Whether a query means to be an answer at all.
pub fn is_answer(query: &[(String, String)]) -> bool {
    query
        .iter()
        .any(|(name, _)| SINGLE.contains(&name.as_str()))
}

impl Expected {
    /// The answer that a query brings, if it is one to this login.
    pub fn answer(&self, query: &[(String, String)]) -> Option<Callback> {
        let named = |name: &str| query.iter().filter(|(n, _)| n == name).count();
        if SINGLE.iter().any(|name| named(name) > 1) {
            return None;
        }
        let value = |name: &str| {
            query
                .iter()
                .find(|(n, _)| n == name)
                .map(|(_, value)| value.as_str())
        };
        // An implicit-flow answer is never taken, whoever asks (RFC 9700 §2.1.2).
        if Secret::new(value("state")?) != self.state || value("access_token").is_some() {
            return None;
        }
        if let Some(iss) = value("iss")
            && !self.environment.is_issuer(iss, &self.base)
        {
            return Some(Callback::WrongIssuer(iss.to_owned()));
        }
        match (value("code"), value("error")) {
            (Some(code), None) if is_code(code) => Some(Callback::Code(Secret::new(code))),
            (None, Some(error)) => {
                let description = value("error_description").map(str::to_owned);
                Some(Callback::Refused {
                    error: error.to_owned(),
                    description,
                })
            }
            _ => None,
        }
    }

    /// Reads the address that a browser ended on, whole or its query alone: an address must be the redirect URI, and both
    /// need the right `state`.
    pub fn pasted(&self, text: &str, uri: &RedirectUri) -> Pasted {
        let text = text.trim();
        let text = text.strip_prefix(PASTE_BEGINS).unwrap_or(text);
        let text = text.strip_suffix(PASTE_ENDS).unwrap_or(text);
        let text = text.trim().trim_matches(['"', '\'', '<', '>']);
        let query = match (Url::parse(text), Url::parse(uri.as_str())) {
            (Ok(url), _) if is_at(&url, &self.authorization_url) => {
                return Pasted::AuthorizationUrl;
            }
            (Ok(url), Ok(own)) if is_at(&url, &own) => url.query().unwrap_or_default().to_owned(),
            (Ok(_), _) => return Pasted::Other,
            (Err(_), _) => text.trim_start_matches('?').to_owned(),
        };
        let query: Vec<_> = url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        self.answer(&query).map_or(Pasted::Other, Pasted::Callback)
    }
}

fn is_code(code: &str) -> bool {
    (1..=MAX_CODE).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
}

fn is_at(url: &Url, place: &Url) -> bool {
    let bare = url.username().is_empty() && url.password().is_none();
    bare && url.origin() == place.origin() && url.path() == place.path()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected() -> Expected {
        let base = Url::parse("http://127.0.0.1:9/v1").unwrap();
        Expected {
            authorization_url: base.clone(),
            state: Secret::new("right"),
            environment: Environment::Custom(base.clone()),
            base,
        }
    }

    fn judged(query: &str) -> Option<Callback> {
        let query: Vec<_> = url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        expected().answer(&query)
    }

    #[test]
    fn a_paste_counts_with_the_marks_of_its_terminal_around_it() {
        let uri = RedirectUri::on_port(8911);
        for pasted in [
            "\u{1b}[200~http://127.0.0.1:8911/callback?code=c&state=right\u{1b}[201~\n",
            "\u{1b}[200~ ?code=c&state=right",
            "code=c&state=right\u{1b}[201~",
        ] {
            let pasted = expected().pasted(pasted, &uri);
            let code = match &pasted {
                Pasted::Callback(Callback::Code(code)) => code.expose(),
                _ => "",
            };
            assert_eq!(code, "c");
        }
    }

    #[test]
    fn only_the_right_state_counts() {
        for ignored in [
            "",
            "code=c",
            "code=c&state=wrong",
            "code=c&state=",
            "error=access_denied",
            "error=access_denied&state=wrong",
            "state=right",
            "code=c&state=right&state=right",
            "code=c&code=d&state=right",
            "code=c&error=e&state=right",
            "code=&state=right",
            "code=%00&state=right",
            "code=%C3%A9&state=right",
            "access_token=t&state=right",
            "access_token=t&code=c&state=right",
            "code=c&state=right&iss=a&iss=b",
        ] {
            assert!(judged(ignored).is_none(), "{ignored}");
        }
        assert!(judged(&format!("code={}&state=right", "c".repeat(4097))).is_none());
        assert!(
            matches!(judged("code=c&state=right"), Some(Callback::Code(code)) if code.expose() == "c")
        );
        assert!(matches!(
            judged("error=x&state=right"),
            Some(Callback::Refused { .. })
        ));
    }

    #[test]
    fn a_pasted_address_is_the_redirect_uri_or_its_query() {
        let uri = RedirectUri::parse("http://localhost:6855").unwrap();
        let is_code = |text: &str| matches!(expected().pasted(text, &uri), Pasted::Callback(Callback::Code(code)) if code.expose() == "c");
        for answer in [
            "http://localhost:6855/?code=c&state=right",
            "  'http://localhost:6855?state=right&code=c'\n",
            "<http://localhost:6855/?code=c&state=right>",
            "?code=c&state=right",
            "code=c&state=right",
        ] {
            assert!(is_code(answer), "{answer}");
        }
        for other in [
            "",
            "c",
            "code=c",
            "code=c&state=wrong",
            "http://localhost:6855/x?code=c&state=right",
            "http://localhost:6856/?code=c&state=right",
            "http://127.0.0.1:6855/?code=c&state=right",
            "https://localhost:6855/?code=c&state=right",
            "http://localhost:6855@evil.example/?code=c&state=right",
            "http://localhost:6855.evil.example/?code=c&state=right",
            "javascript:alert(1)?code=c&state=right",
        ] {
            assert!(
                matches!(expected().pasted(other, &uri), Pasted::Other),
                "{other}"
            );
        }
        let asked = "http://127.0.0.1:9/v1?client_id=x&state=right";
        assert!(matches!(
            expected().pasted(asked, &uri),
            Pasted::AuthorizationUrl
        ));
    }

    #[test]
    fn the_issuer_is_checked_for_codes_and_errors() {
        for query in ["code=c", "error=access_denied"] {
            let wrong = judged(&format!(
                "{query}&state=right&iss=https%3A%2F%2Fevil.example"
            ));
            assert!(matches!(wrong, Some(Callback::WrongIssuer(_))), "{query}");
            let ignored = judged(&format!(
                "{query}&state=wrong&iss=https%3A%2F%2Fevil.example"
            ));
            assert!(ignored.is_none(), "{query}");
        }
        assert!(matches!(
            judged("code=c&state=right&iss=http%3A%2F%2F127.0.0.1%3A9"),
            Some(Callback::Code(_))
        ));
    }

    proptest::proptest! {
        #![proptest_config(crate::generated::config())]

        #[test]
        fn nothing_counts_without_the_right_state(
            text in crate::generated::pieces(&[
                "http://", "https://", "localhost", "127.0.0.1", ":6855", "/", "?", "&", "code=c", "error=e", "state=",
                "state=wrong", "wrong", "iss=", "http%3A%2F%2F127.0.0.1%3A9", "access_token=t", "#", "@", "\\", " ",
            ]),
            other in crate::generated::text(),
        ) {
            let uri = RedirectUri::parse("http://localhost:6855").unwrap();
            for text in [text, other] {
                assert!(judged(&text).is_none(), "{text}");
                assert!(!matches!(expected().pasted(&text, &uri), Pasted::Callback(_)), "{text}");
            }
        }

        #[test]
        fn a_code_comes_back_as_it_was_sent(code in "[ -~]{1,80}", more in "[a-z]{1,4}=[a-z]{0,9}") {
            let pairs = [("code", code.as_str()), ("state", "right")];
            let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
            let uri = RedirectUri::parse("http://localhost:6855").unwrap();
            let whole = format!("http://localhost:6855/?{query}&x{more}");
            let Pasted::Callback(Callback::Code(pasted)) = expected().pasted(&whole, &uri) else {
                panic!("{whole} is no answer");
            };
            assert_eq!(pasted.expose(), code);
        }
    }
}
