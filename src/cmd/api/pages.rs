//! All pages of a list, as one.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::value::RawValue;
use url::Url;

use crate::client::Incoming;
use crate::cmd::api::Caller;
use crate::error::{Error, Kind, Result, foreign};
use crate::output::Body;
use crate::webex::{self, Call};

/// A list this long is a server that does not end it.
const MAX_PAGES: usize = 10_000;
/// The largest page kept in memory; Webex's have up to 1000 items.
const MAX_PAGE: usize = 32 * 1024 * 1024;

/// A page, its items spelled as they came.
#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    items: Vec<&'a RawValue>,
}

/// Prints `{"items":[…]}` with the items of every page, as they come. What fails on the way leaves it unfinished, so
/// that no JSON reader takes a part for the whole. An answer that is no list is printed as it came.
pub fn print(caller: &mut Caller, mut call: Call) -> Result<()> {
    let mut body = caller.context.output.body();
    let mut seen = HashSet::new();
    for number in 1..=MAX_PAGES {
        let answer = caller.send(&call)?;
        if !answer.status().is_success() {
            return match number {
                1 => caller.print(&call, answer, body),
                _ => Err(caller.refused(&call, answer)),
            };
        }
        let next = next(&call, &answer, &mut seen)?;
        let page = whole(caller, answer)?;
        match serde_json::from_slice::<Page>(&page) {
            Ok(page) => {
                if !add(&mut body, &page, number == 1)? {
                    return Ok(());
                }
            }
            Err(_) if number == 1 && next.is_none() => {
                body.write(&page)?;
                return body.finish();
            }
            Err(_) => return Err(no_list(number)),
        }
        match next {
            Some(next) => call = next,
            None => {
                body.write(b"]}\n")?;
                return body.finish();
            }
        }
    }
    let message = format!("the list has more than {MAX_PAGES} pages");
    Err(Error::new(Kind::Failure, message).with_hint("ask for larger pages: `-f max=1000`"))
}

/// Prints a page's items, and tells whether anybody reads on.
fn add(body: &mut Body, page: &Page, is_first: bool) -> Result<bool> {
    let mut text = Vec::new();
    if is_first {
        text.extend_from_slice(br#"{"items":["#);
    }
    for (position, item) in page.items.iter().enumerate() {
        if position > 0 || !is_first {
            text.push(b',');
        }
        text.extend_from_slice(item.get().as_bytes());
    }
    body.write(&text)
}

/// The call for the next page, if there is one: on the same server, or the token would go elsewhere, and none that was
/// `seen`, or there would be no end.
fn next(call: &Call, answer: &Incoming, seen: &mut HashSet<Url>) -> Result<Option<Call>> {
    let Some(url) = webex::next_page(answer.headers(), &call.url) else {
        return Ok(None);
    };
    let bare = url.username().is_empty() && url.password().is_none();
    if url.origin() != call.url.origin() || !bare {
        let message = format!(
            "the next page is said to be at {}, where the token of this connection does not go",
            foreign(&url.origin().ascii_serialization())
        );
        return Err(Error::new(Kind::Refused, message)
            .with_hint("get this page alone, without `--paginate`"));
    }
    seen.insert(sent(&call.url));
    if seen.contains(&sent(&url)) {
        let message = "the next page is said to be one that came before";
        return Err(Error::new(Kind::Temporary, message)
            .with_hint("run the same command again, or without `--paginate`"));
    }
    Ok(Some(Call {
        url,
        ..call.clone()
    }))
}

/// The URL as a server sees it: a fragment never reaches one.
fn sent(url: &Url) -> Url {
    let mut url = url.clone();
    url.set_fragment(None);
    url
}

fn whole(caller: &Caller, mut answer: Incoming) -> Result<Vec<u8>> {
    let mut page = Vec::new();
    while let Some(piece) = caller.chunk(&mut answer)? {
        if page.len() + piece.len() > MAX_PAGE {
            let message = "a page of the list is longer than 32 MiB";
            return Err(
                Error::new(Kind::Failure, message).with_hint("ask for smaller pages: `-f max=100`")
            );
        }
        page.extend(piece);
    }
    Ok(page)
}

fn no_list(number: usize) -> Error {
    let message = format!("page {number} is no list of items");
    Error::new(Kind::Failure, message).with_hint("get it as it is, without `--paginate`")
}
