//! `api --paginate`: every page of a list, as one.

use std::time::Duration;

use crate::env::{Authority, Reply, connected};

fn page(authority: &Authority, next: Option<&str>, body: &str) -> Reply {
    let link = next.map(|next| format!("Link: <{}{next}>; rel=\"next\"\r\n", authority.base));
    Reply::with(200, &link.unwrap_or_default(), body)
}

#[test]
fn all_pages_are_one_list_with_every_item_as_it_came() {
    let (env, authority) = connected();
    authority.api_answers([
        page(
            &authority,
            Some("/rooms?max=2&cursor=a"),
            r#"{"items":[{"b":1.50,"a":"\u0041"}, 9007199254740993 ],"x":1}"#,
        ),
        page(
            &authority,
            Some("/other?cursor=b"),
            r#" { "notFoundIds":null, "items" : [ ] } "#,
        ),
        page(&authority, None, "{\"items\":[\"\u{202e}ü\"]}"),
    ]);
    let before = authority.asked().len();
    env.run(["api", "rooms", "-f", "max=2", "--paginate"])
        .stdout("{\"items\":[{\"b\":1.50,\"a\":\"\\u0041\"},9007199254740993,\"\u{202e}ü\"]}\n")
        .check();
    let asked = [
        "GET /v1/rooms?max=2",
        "GET /v1/rooms?max=2&cursor=a",
        "GET /v1/other?cursor=b",
    ];
    assert_eq!(authority.asked()[before..], asked);
}

#[test]
fn a_page_alone_and_what_is_no_list() {
    let (env, authority) = connected();
    for (body, printed) in [
        (r#"{"items":[]}"#, "{\"items\":[]}\n"),
        (r#"{"items":[1]}"#, "{\"items\":[1]}\n"),
        (r#"{"id":"p1"}"#, r#"{"id":"p1"}"#),
        (r#"{"items":{}}"#, r#"{"items":{}}"#),
        ("not JSON", "not JSON"),
        ("", ""),
    ] {
        authority.api_answers([page(&authority, None, body)]);
        let run = env.run(["api", "x", "--paginate"]);
        run.stdout(printed).check();
    }
}

/// The list stays open, so that no JSON reader takes a part of it for the whole.
#[test]
fn a_list_that_fails_on_the_way_is_not_closed() {
    let (env, authority) = connected();
    let first = || page(&authority, Some("/rooms?page=2"), r#"{"items":[1,2]}"#);
    for (second, code, words) in [
        (
            Reply::status(500, "{}"),
            7,
            "Webex failed at GET /v1/rooms (500)",
        ),
        (
            Reply::status(403, r#"{"message":"No."}"#),
            5,
            "(403) although work has the scope spark:rooms_read: No.",
        ),
        (Reply::with(302, "Location: /\r\n", ""), 9, "never followed"),
        (
            page(&authority, None, r#"{"id":1}"#),
            1,
            "page 2 is no list of items",
        ),
        (
            page(&authority, Some("/rooms?page=2"), r#"{"items":[3]}"#),
            7,
            "the next page is said to be one that came before",
        ),
        (
            Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"items\":[3]}"),
            7,
            "broke off",
        ),
    ] {
        authority.api_answers([first(), second]);
        let run = env.run(["api", "rooms", "--paginate"]).code(code);
        run.stdout("{\"items\":[1,2").stderr_has(words).check();
    }
    authority.api_answers([Reply::status(404, "none")]);
    let run = env.run(["api", "rooms", "--paginate"]).code(1);
    run.stdout("none")
        .stderr_has("there is no GET /v1/rooms (404)")
        .check();
}

#[test]
fn a_list_that_goes_round_ends_whatever_the_fragment() {
    let (env, authority) = connected();
    let to = |next| page(&authority, Some(next), r#"{"items":[1]}"#);
    for (round, requests) in [
        (vec![to("/rooms#a"), to("/rooms#b")], 1),
        (
            vec![to("/rooms?p=2"), to("/rooms?p=3"), to("/rooms?p=2#x")],
            3,
        ),
    ] {
        let before = authority.asked().len();
        authority.api_answers(round);
        let run = env.run(["api", "rooms", "--paginate"]).code(7);
        run.any_stdout()
            .stderr_has("the next page is said to be one that came before")
            .check();
        assert_eq!(authority.asked().len() - before, requests);
    }
}

#[test]
fn a_token_refused_between_two_pages_is_replaced() {
    let (env, authority) = connected();
    authority.token_answers(Reply::status(
        200,
        r#"{"access_token":"second-token","expires_in":1209599}"#,
    ));
    authority.api_answers([
        page(&authority, Some("/rooms?page=2"), r#"{"items":[1]}"#),
        Reply::status(401, "{}"),
        page(&authority, None, r#"{"items":[2]}"#),
    ]);
    env.run(["api", "rooms", "--paginate"])
        .stdout("{\"items\":[1,2]}\n")
        .check();
    let requests = authority.requests();
    let last = requests
        .last()
        .map(|request| request.headers("authorization"));
    assert_eq!(last, Some(vec!["Bearer second-token"]));
}

#[test]
fn a_refusal_that_trickles_is_not_waited_for() {
    let (env, authority) = connected();
    let head = "HTTP/1.1 403 Forbidden\r\nContent-Length: 1000\r\n\r\n";
    authority.api_answers([
        page(&authority, Some("/rooms?page=2"), r#"{"items":[1]}"#),
        Reply::slowly(head, 60, Duration::from_secs(1)),
    ]);
    env.run(["api", "rooms", "--paginate"])
        .code(5)
        .stdout("{\"items\":[1")
        .stderr_has("Webex refused GET /v1/rooms (403)")
        .within(40)
        .check();
}
