//! Lists in the API: a page at a time, with a `Link` to the next (RFC 8288).

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use url::Url;

use crate::sandbox::answer::{Answer, Refusal};
use crate::sandbox::params::Params;

/// Items on a page that says no `max`, as at Webex.
const DEFAULT_MAX: usize = 100;
/// The largest `max`, as at Webex.
const LARGEST_MAX: usize = 1000;

/// The page of `items` that the parameters ask for; `address` is the list's own.
///
/// # Errors
/// 400 for a `max` or `cursor` that is none.
pub fn page(mut address: Url, params: &Params, items: &[Value]) -> Result<Answer, Refusal> {
    let (start, max) = extent(params).map_err(|name| {
        Refusal::webexapis(400, format!("The parameter {name} has an invalid value."))
    })?;
    let rest = items.get(start..).unwrap_or_default();
    let (shown, more) = rest.split_at(max.min(rest.len()));
    let mut answer = Answer::json(&json!({"items": shown}));
    if !more.is_empty() {
        let kept = params.iter().filter(|(name, _)| *name != "cursor");
        address
            .query_pairs_mut()
            .extend_pairs(kept)
            .append_pair("cursor", &cursor(start + max));
        answer.response = answer.response.with_next(&address);
    }
    Ok(answer)
}

/// The first item and the number of them, or the name of the parameter that is off.
fn extent(params: &Params) -> Result<(usize, usize), &'static str> {
    let max = match params.get("max") {
        None => DEFAULT_MAX,
        Some(text) => text
            .parse()
            .ok()
            .filter(|max| (1..=LARGEST_MAX).contains(max))
            .ok_or("max")?,
    };
    let start = match params.get("cursor") {
        None => 0,
        Some(text) => position(text).ok_or("cursor")?,
    };
    Ok((start, max))
}

/// Opaque, so that no client is tempted to count.
fn cursor(position: usize) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("position={position}"))
}

fn position(cursor: &str) -> Option<usize> {
    let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    text.strip_prefix("position=")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_max_or_cursor_that_is_none_is_named() {
        let extent = |query: &str| extent(&Params::of_text(query));
        assert_eq!(extent(""), Ok((0, 100)));
        assert_eq!(extent("max=1000"), Ok((0, 1000)));
        assert_eq!(extent(&format!("cursor={}&max=7", cursor(5))), Ok((5, 7)));
        for wrong in ["max=0", "max=1001", "max=-1", "max=ten"] {
            assert_eq!(extent(wrong), Err("max"), "{wrong}");
        }
        for wrong in ["cursor=5", "cursor=*", "cursor=cG9zaXRpb249eA"] {
            assert_eq!(extent(wrong), Err("cursor"), "{wrong}");
        }
    }
}
