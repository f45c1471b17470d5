//! A server that closes a connection which was kept open, just when the next request is on its way.

use crate::env::{ACCESS_TOKEN, Authority, Env, Reply, connected};

/// The first page of two, after which the connection stays open until the next request.
fn first_page(authority: &Authority) -> Reply {
    let link = format!("Link: <{}/rooms?page=2>; rel=\"next\"\r\n", authority.base);
    Reply::kept_open(200, &link, r#"{"items":[1]}"#)
}

#[test]
fn a_get_is_sent_again_once_on_a_new_connection() {
    let (env, authority) = connected();
    authority.api_answers([
        first_page(&authority),
        Reply::status(200, r#"{"items":[2]}"#),
    ]);
    let before = authority.connections();
    env.run(["api", "rooms", "--paginate"])
        .stdout("{\"items\":[1,2]}\n")
        .check();
    assert_eq!(authority.connections() - before, 2);
    assert_eq!(authority.asked().last().unwrap(), "GET /v1/rooms?page=2");
}

#[test]
fn a_get_of_a_sign_in_is_sent_again_too() {
    let (env, authority) = (Env::new(), Authority::plain(Reply::status(500, "")));
    authority.api_answers([
        Reply::kept_open(200, "", r#"{"id":"p1","emails":["jane@example.com"]}"#),
        Reply::status(200, r#"{"exp": 4102444800000}"#),
    ]);
    let args = [
        "login",
        "bot",
        "--token-stdin",
        "--api-base",
        &authority.base,
    ];
    env.run(args)
        .stdin(ACCESS_TOKEN)
        .stderr_has("token good until 2100-01-01")
        .check();
    assert_eq!(authority.connections(), 2);
}

#[test]
fn a_server_that_closes_again_gets_no_third_try() {
    let (env, authority) = connected();
    authority.api_answers([first_page(&authority), Reply::closed()]);
    let before = authority.connections();
    env.run(["api", "rooms", "--paginate", "-v"])
        .code(7)
        .stdout("{\"items\":[1")
        .stderr_has("the server closed the idle connection; sending the request again")
        .stderr_has("error: could not reach 127.0.0.1")
        .check();
    assert_eq!(authority.connections() - before, 2);
}

#[test]
fn a_get_on_a_new_connection_is_sent_once() {
    let (env, authority) = connected();
    authority.api_answers([Reply::closed()]);
    let before = authority.connections();
    env.run(["api", "rooms"])
        .code(7)
        .stderr_has("error: could not reach 127.0.0.1")
        .check();
    assert_eq!(authority.connections() - before, 1);
}

/// The server may have acted on the request that it did not answer. The second call of a command is the one after a
/// refused token.
#[test]
fn no_other_method_is_sent_again() {
    for method in ["POST", "PUT", "PATCH", "DELETE", "HEAD"] {
        let (env, authority) = connected();
        authority.token_answers(Reply::other_tokens());
        let refused = match method {
            // An answer to HEAD has no body.
            "HEAD" => "",
            _ => "{}",
        };
        authority.api_answers([
            Reply::kept_open(401, "", refused),
            Reply::status(200, "sent again"),
        ]);
        let before = authority.connections();
        env.run(["api", "-X", method, "rooms"])
            .code(7)
            .stderr_has("error: could not reach 127.0.0.1")
            .check();
        // The other connection is the refresh.
        assert_eq!(authority.connections() - before, 2, "{method}");
    }
}
