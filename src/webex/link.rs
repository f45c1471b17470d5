//! Where the next page of a list is (RFC 8288).

use http::{HeaderMap, header};
use url::Url;

/// The target of `Link: <…>; rel="next"`, if there is one. Whether it may be asked is another question.
pub fn next_page(headers: &HeaderMap, page: &Url) -> Option<Url> {
    let values = headers.get_all(header::LINK).iter();
    let mut links = values.filter_map(|value| value.to_str().ok());
    let target = links.find_map(next_in)?;
    page.join(target).ok()
}

fn next_in(mut rest: &str) -> Option<&str> {
    loop {
        let (target, after) = rest.split_once('<')?.1.split_once('>')?;
        let end = unquoted(after, ',').unwrap_or(after.len());
        if is_next(&after[..end]) {
            return Some(target);
        }
        rest = &after[end..];
    }
}

/// Whether a link's parameters say `rel=next`, quoted or not, alone or among other relations.
fn is_next(mut parameters: &str) -> bool {
    while let Some(at) = unquoted(parameters, ';') {
        parameters = &parameters[at + 1..];
        let end = unquoted(parameters, ';').unwrap_or(parameters.len());
        if let Some((name, value)) = parameters[..end].split_once('=')
            && name.trim().eq_ignore_ascii_case("rel")
        {
            let mut relations = value.trim().trim_matches('"').split_ascii_whitespace();
            return relations.any(|relation| relation.eq_ignore_ascii_case("next"));
        }
    }
    false
}

/// Where a character stands outside double quotes.
fn unquoted(text: &str, wanted: char) -> Option<usize> {
    let mut quoted = false;
    text.char_indices().find_map(|(at, c)| {
        quoted ^= c == '"';
        (c == wanted && !quoted).then_some(at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(values: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::LINK, value.parse().unwrap());
        }
        let page = Url::parse("https://webexapis.com/v1/rooms?max=2").unwrap();
        next_page(&headers, &page).map(String::from)
    }

    #[test]
    fn the_next_page_is_found_among_other_links() {
        let found = Some("https://webexapis.com/v1/rooms?c=a,b;c".to_owned());
        for values in [
            &["<https://webexapis.com/v1/rooms?c=a,b;c>; rel=\"next\""][..],
            &["<https://webexapis.com/v1/rooms?c=a,b;c>;rel=next"],
            &[
                "<x>; rel=\"prev\", <https://webexapis.com/v1/rooms?c=a,b;c>; title=\"a; rel=x, b\"; REL=\"last Next\"",
            ],
            &["<x>; rel=first", "</v1/rooms?c=a,b;c>; rel=next"],
        ] {
            assert_eq!(next(values), found, "{values:?}");
        }
    }

    #[test]
    fn what_is_no_next_page_is_none() {
        for values in [
            &[][..],
            &["<x>"],
            &["<x>; rel=prev"],
            &["<x>; title=\"; rel=next\""],
            &["x; rel=next"],
            &["<x; rel=next"],
            &["<http://[>; rel=next"],
            &["<x>; rel=prev; rel=next"],
        ] {
            assert_eq!(next(values), None, "{values:?}");
        }
    }

    proptest::proptest! {
        #![proptest_config(crate::generated::config())]

        #[test]
        fn any_header_has_a_next_page_or_none(
            bytes in proptest::collection::vec(0x20_u8..=0xff, 0..200),
            links in crate::generated::pieces(&[
                "<", ">", ";", ",", " ", "rel", "=", "next", "\"", "https://webexapis.com/v1/rooms", "/", "..", "?c=", "%",
            ]),
        ) {
            let page = Url::parse("https://webexapis.com/v1/rooms?max=2").unwrap();
            for value in [bytes.as_slice(), links.as_bytes()] {
                let Ok(value) = header::HeaderValue::from_bytes(value) else { continue };
                let headers = HeaderMap::from_iter([(header::LINK, value)]);
                let _ = next_page(&headers, &page);
            }
        }

        #[test]
        fn a_link_is_found_behind_any_other(
            query in "[a-zA-Z0-9,;=&%._~-]{0,40}",
            title in "[ !#-~]{0,30}",
            relation in "[a-mo-z]{1,8}",
        ) {
            let target = format!("https://webexapis.com/v1/rooms?{query}");
            let links = format!("</x>; title=\"{title}\"; rel={relation}, <{target}>; rel=\"next\"");
            assert_eq!(next(&[&links]), Some(Url::parse(&target).unwrap().into()));
        }
    }
}
