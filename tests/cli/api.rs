//! `api`: what is sent, and what comes out.

use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::env::{ACCESS_TOKEN, Authority, Env, Reply, Request, case_held, connected};

const PERSON: &str = r#"{"id":"p1","displayName":"Jane","emails":["jane@example.com"],"orgId":"o1","type":"person"}"#;

fn last(authority: &Authority) -> Request {
    let mut requests = authority.requests();
    requests.pop().unwrap_or_else(|| panic!("no request came"))
}

#[test]
fn a_path_is_below_the_base_however_it_begins() {
    let (env, authority) = connected();
    let whole = format!("{}/people/me", authority.base);
    for path in [
        "people/me",
        "/people/me",
        "/v1/people/me",
        "v1/people/me",
        &whole,
    ] {
        env.run(["api", path]).stdout(PERSON).check();
        assert_eq!(
            authority.asked().pop().as_deref(),
            Some("GET /v1/people/me"),
            "{path}"
        );
    }
    let named = env.run(["api", "-c", "work", "people/me", "--json", "--no-input"]);
    named.stdout(PERSON).check();
    env.run(["api", "people/me", "--connection", "nobody"])
        .code(4)
        .stderr_has("there is no connection nobody")
        .check();
    env.run(["api", "people/me"])
        .var("WEBEX_CONNECT_CONNECTION", "nobody")
        .code(4)
        .stderr_has("there is no connection nobody")
        .check();
}

/// What a row of arguments sends: the request line, the type of the body and the body.
fn sends(authority: &Authority, env: &Env, args: &[&str], stdin: &str) -> [String; 3] {
    let run = env.run([&["api"], args].concat()).stdin(stdin);
    run.stdout("{}").check();
    let request = last(authority);
    let bearer = format!("Bearer {ACCESS_TOKEN}");
    assert_eq!(request.headers("authorization"), [bearer.as_str()]);
    let line = format!("{} {}", request.method, request.target);
    [
        line,
        request.headers("content-type").join("|"),
        request.body,
    ]
}

#[test]
fn fields_bodies_and_methods() {
    let (env, authority) = connected();
    authority.api_answers([Reply::status(200, "{}")]);
    let file = env
        .write("body.json", "{\"a\": \"ü\"}\n")
        .display()
        .to_string();
    let json = "application/json";
    for (args, stdin, line, kind, body) in [
        (&["rooms"][..], "", "GET /v1/rooms", "", ""),
        (&["rooms?max=1"], "", "GET /v1/rooms?max=1", "", ""),
        (
            &["rooms", "-f", "a=b c&d=é", "-f", "a=2=3"],
            "",
            "GET /v1/rooms?a=b+c%26d%3D%C3%A9&a=2%3D3",
            "",
            "",
        ),
        (
            &["rooms?max=1", "-X", "get", "--field", "x="],
            "",
            "GET /v1/rooms?max=1&x=",
            "",
            "",
        ),
        (&["messages", "-X", "POST"], "", "POST /v1/messages", "", ""),
        (
            &[
                "messages",
                "-X",
                "POST",
                "-f",
                "text=a \"b\"\n",
                "-f",
                "roomId=@1",
            ],
            "",
            "POST /v1/messages",
            json,
            r#"{"roomId":"@1","text":"a \"b\"\n"}"#,
        ),
        (
            &["messages", "--input", "-"],
            "as\r\nit is",
            "POST /v1/messages",
            json,
            "as\r\nit is",
        ),
        (
            &["messages", "--input", &file, "-f", "q=1"],
            "",
            "POST /v1/messages?q=1",
            json,
            "{\"a\": \"ü\"}\n",
        ),
        (
            &[
                "x",
                "-X",
                "Put",
                "--input",
                "-",
                "-H",
                "content-type: text/csv",
            ],
            "a,b",
            "PUT /v1/x",
            "text/csv",
            "a,b",
        ),
        (
            &["x", "-X", "PATCH", "-f", "a=1"],
            "",
            "PATCH /v1/x",
            json,
            r#"{"a":"1"}"#,
        ),
        (&["x", "-X", "PURGE"], "", "PURGE /v1/x", "", ""),
    ] {
        let sent = sends(&authority, &env, args, stdin);
        assert_eq!(sent, [line, kind, body], "{args:?}");
    }
}

#[test]
fn headers_of_ones_own_go_with_the_request() {
    let (env, authority) = connected();
    authority.api_answers([Reply::status(200, "{}")]);
    let args = [
        "x",
        "-H",
        "Accept: text/plain",
        "-H",
        "X-Two:a",
        "-H",
        "x-two:\tb: c ",
    ];
    sends(&authority, &env, &args, "");
    let request = last(&authority);
    assert_eq!(request.headers("accept"), ["text/plain"]);
    assert_eq!(request.headers("x-two"), ["a", "b: c"]);
}

/// AP-06, and more that makes no request. Nobody is asked, not even for a token: there is no connection.
#[test]
fn what_makes_no_request_is_a_usage_error() {
    let env = Env::new();
    for args in [
        &["-H", "Authorization: Bearer X"][..],
        &["-H", "authorization:Basic X"],
        &["-H", "Host: evil.example"],
        &["-H", "Content-Length: 0"],
        &["-H", "Transfer-Encoding: chunked"],
        &["-H", "Connection: close"],
        &["-H", "Cookie: a=b"],
        &["-H", "Proxy-Authorization: Basic X"],
        &["-H", "A: b\r\nC: d"],
        &["-H", "A: b\nC: d"],
        &["-H", "A: b\u{7f}"],
        &["-H", "A"],
        &["-H", ": b"],
        &["-H", "A : b"],
        &["-H", "A\r\nB: c"],
        &["-X", "GET / HTTP/1.1\r\nX: y"],
        &["-X", "GET "],
        &["-X", ""],
        &["-X", "CONNECT"],
        &["-X", "Trace"],
        &["-f", "novalue"],
        &["-f", "=value"],
        &["-X", "POST", "-f", "a=1", "-f", "a=2"],
        &["-X", "POST", "--paginate"],
        &["--input", "nowhere.json"],
        &["--input", "/"],
        &["second/path"],
    ] {
        let refused = env.run([&["api", "people/me"], args].concat());
        refused.code(2).stderr_has("error: ").check();
        case_held(format!("AP-06 {args:?}"));
    }
    env.run(["api"]).code(2).stderr_has("<PATH>").check();
}

/// AP-04, to a pipe: every byte as it came.
#[test]
fn a_pipe_gets_the_body_byte_for_byte() {
    let (env, authority) = connected();
    let mut odd: Vec<u8> = (0..=255).collect();
    odd.extend("\u{9b}\u{202e}{\"a\" : 1.50e+1,\"a\":\r\n}".bytes());
    for body in [&odd[..], b"", b"\n\n", &[0xff; 3 << 20]] {
        authority.api_answers([Reply::with(200, "", body)]);
        let finished = env.run(["api", "x"]).any_stdout().check();
        assert!(
            finished.stdout == body,
            "{} bytes came",
            finished.stdout.len()
        );
        case_held("AP-04 to a pipe");
    }
    authority.api_answers([Reply::raw("HTTP/1.1 204 No Content\r\n\r\n")]);
    env.run(["api", "-X", "DELETE", "x"]).check();
    authority.api_answers([Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")]);
    env.run(["api", "-X", "HEAD", "x"]).check();
}

/// AP-04, to a terminal.
#[test]
#[cfg(target_os = "linux")]
fn a_terminal_gets_no_control_characters_and_a_line_a_field() {
    use crate::env::Terminal;
    let (env, authority) = connected();
    let long = "x".repeat(1 << 20);
    let json = format!(
        r#"{{"title":"a\u001b[2J{}{}{}b\nc","items":[],"displayName":"{long}","n":1.50}}"#,
        '\u{9b}', '\u{202e}', '\u{7f}'
    );
    let unclear = |c: char| c.is_control() && !matches!(c, '\r' | '\n');
    authority.api_answers([Reply::status(200, &json)]);
    let (code, screen) = Terminal::run(&env, &["api", "x"]).ends();
    assert!(
        !screen.contains(unclear) && !screen.contains('\u{202e}'),
        "AP-04"
    );
    let lines: Vec<_> = screen.lines().collect();
    let title = r#"  "title": "a\u001b[2J\u009b\u202e\u007fb\nc","#;
    let name = format!(r#"  "displayName": "{long}","#);
    assert_eq!(
        lines,
        [
            "{",
            title,
            r#"  "items": [],"#,
            &name,
            r#"  "n": 1.50"#,
            "}"
        ]
    );
    assert_eq!(code, 0);

    // No JSON, a picture, and more than is held back.
    let endless = "\u{1b}[2J é\u{202e}".repeat(1 << 20);
    for (body, letters) in [
        (&b"plain \x1b]0;x\x07\xff\ntext"[..], 0),
        (b"\x89PNG\r\n\x1a\n\x00\x00", 0),
        (endless.as_bytes(), 1 << 20),
    ] {
        authority.api_answers([Reply::with(200, "", body)]);
        let (code, screen) = Terminal::run(&env, &["api", "x"]).ends();
        assert!(!screen.contains(unclear) && !screen.contains('\u{202e}'));
        assert!(screen.ends_with("\r\n"));
        assert_eq!((code, screen.matches('é').count()), (0, letters));
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_body_of_any_length_streams_through_little_memory() {
    use crate::env::process::Process;
    const LENGTH: usize = 64 << 20;
    const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n";
    let (env, authority) = connected();
    authority.api_answers([Reply::repeat(HEAD, vec![b'x'; 1 << 16], LENGTH >> 16)]);
    let process = Process::spawn(env.command(["api", "x"]), b"");
    let memory = process.watch_memory();
    let finished = process.finish();
    assert_eq!(finished.code, Some(0));
    assert_eq!(finished.stdout.len(), LENGTH);
    let memory = memory.join().unwrap_or_default();
    assert!((1..=32 * 1024).contains(&memory), "{memory} KiB");
}

/// Side by side: each takes more than half a minute.
#[test]
fn a_body_may_take_long_but_not_stand_still() {
    const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 102\r\n\r\n";
    let meets = |reply: Reply, judge: &dyn Fn(crate::env::Run)| {
        let (env, authority) = connected();
        authority.api_answers([reply]);
        judge(env.run(["api", "x"]));
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            meets(Reply::slowly(HEAD, 17, Duration::from_secs(2)), &|run| {
                let finished = run.stdout(&"piece ".repeat(17)).check();
                assert!(finished.took > Duration::from_secs(32), "{finished}");
            });
        });
        scope.spawn(|| {
            meets(Reply::repeat(HEAD, b"piece ".to_vec(), 1), &|run| {
                let run = run.code(7).stdout("piece ").within(45);
                run.stderr_has("timed out waiting for 127.0.0.1:")
                    .stderr_has(" (30 s)")
                    .check();
            });
        });
        scope.spawn(|| {
            meets(Reply::silence(), &|run| {
                let run = run.code(7).within(45);
                run.stderr_has("timed out waiting for 127.0.0.1:")
                    .stderr_has(" (30 s)")
                    .check();
            });
        });
    });
    let short = Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
    meets(short, &|run| {
        let run = run.code(7).stdout("half");
        run.stderr_has("broke off").check();
    });
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_behind_stdout_is_an_error_and_a_closed_pipe_is_not() {
    let (env, authority) = connected();
    authority.api_answers([Reply::with(200, "", vec![b'x'; 8 << 20])]);
    let shell = |script: &str| {
        let mut command = env.program("sh");
        command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_webex-connect")]);
        crate::env::Run::new(command)
    };
    shell("exec \"$1\" api x >/dev/full")
        .code(1)
        .stderr_has("could not write to standard output")
        .check();
    shell("{ \"$1\" api x; echo $? >rc; } | head -c 3; read rc <rc; exit $rc")
        .stdout("xxx")
        .check();
}

#[test]
fn the_embedded_sandbox_comes_up_for_the_call() {
    let env = Env::new();
    env.connect_sandbox();
    let person = env.run(["api", "people/me"]).any_stdout().check().json();
    assert_eq!(person["emails"][0], "sandbox.person@example.com");
    env.run(["api", "http://127.0.0.1:8912/v1/people/me"])
        .code(9)
        .stderr_has("goes to the sandbox alone, not to http://127.0.0.1:8912")
        .check();
}

#[test]
fn the_wire_shows_neither_token_nor_query_nor_body() {
    let (env, authority) = connected();
    authority.api_answers([Reply::status(200, "{}")]);
    let args = [
        "api",
        "-v",
        "x?secret=in-the-query",
        "--input",
        "-",
        "-H",
        "X-Secret: in-a-header",
    ];
    let run = env.run(args).stdin("secret=in-the-body").stdout("{}");
    let told = format!("> POST {}/x\n< 200 OK\n", authority.base);
    run.stderr(&told).check();
    let json: Value = env
        .run(["api", "x", "-v", "--json"])
        .stdout("{}")
        .any_stderr()
        .check()
        .err()
        .lines()
        .next()
        .map(|line| serde_json::from_str(line).unwrap_or_default())
        .unwrap_or_default();
    assert_eq!(json["event"], "wire");
}
