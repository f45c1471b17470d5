//! `login --device` against a scripted server: how it waits, and what ends the wait.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustix::process::Signal;

use crate::env::devices::{DEVICE_CODE, Devices, begun};
use crate::env::process::{Finished, Process, Stream};
use crate::env::{
    ACCESS_TOKEN, Authority, CLIENT_ID, CLIENT_SECRET, Env, HELPERS, Login, REFRESH_TOKEN, Reply,
    Run, case_held, comes_true,
};

/// A home, and a server that tells a device what a test wants.
struct Story {
    env: Env,
    authority: Authority,
}

impl Story {
    fn new(first: Reply, polls: impl IntoIterator<Item = Reply>) -> Story {
        let authority = Authority::plain(Reply::tokens());
        authority.device_answers(Devices::new(first, polls));
        Story {
            env: Env::new(),
            authority,
        }
    }

    fn command(&self, more: &[&str]) -> Command {
        let redirect_uri = "http://127.0.0.1:9/callback";
        let mut command = Login::command_at(&self.env, &self.authority.base, redirect_uri);
        command.arg("--device").args(more);
        command
    }

    /// The login with nobody at it.
    fn run(&self, more: &[&str]) -> Run {
        let run = Run::new(self.command(more))
            .stdin(CLIENT_SECRET)
            .any_stderr();
        let secrets = [CLIENT_SECRET, DEVICE_CODE, ACCESS_TOKEN, REFRESH_TOKEN];
        secrets.into_iter().fold(run, Run::secret)
    }

    /// Holds the time between requests to these seconds at least; the last answer came to the last of them.
    fn waited(&self, case: &str, least: &[u64]) {
        let gaps = self.authority.device_gaps();
        assert_eq!(gaps.len(), least.len(), "{case}: {gaps:?}");
        for (gap, least) in gaps.iter().zip(least) {
            assert!(*gap >= Duration::from_secs(*least), "{case}: {gaps:?}");
        }
    }

    fn polls(&self) -> usize {
        self.authority.device_gaps().len()
    }
}

fn refused(status: u16, error: &str) -> Reply {
    Reply::status(status, &format!(r#"{{"error":"{error}"}}"#))
}

/// Webex's own way to say it.
fn pending() -> Reply {
    Reply::status(
        428,
        r#"{"errors":[{"description":"authorization_pending"}]}"#,
    )
}

/// A server that repeats what it was sent, in words and as the number of the request.
#[test]
fn echoed_credentials_are_not_seen() {
    let basic = BASE64_STANDARD.encode(format!("{CLIENT_ID}:{CLIENT_SECRET}"));
    let said = format!("bad Basic {basic}");
    for id in [CLIENT_SECRET, DEVICE_CODE, &hex(CLIENT_SECRET)] {
        let header = format!("trackingid: T_{id}\r\n");
        let body = format!(
            r#"{{"error":"access_denied","error_description":"{said}","trackingId":"{id}"}}"#
        );
        let story = Story::new(every_second(), [Reply::with(400, &header, body)]);
        let finished = story.run(&["-v"]).code(4).secret(&basic).check();
        let said = finished.err();
        assert!(said.contains("bad Basic [redacted]"), "{finished}");
        assert!(!said.contains("tracking"), "{finished}");
        assert!(!said.contains(&hex(CLIENT_SECRET)), "{finished}");
    }
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn every_second() -> Reply {
    begun(r#","interval":1,"expires_in":300"#)
}

/// Each of these stories takes seconds, in which nothing happens: they are told at the same time.
#[test]
fn the_pace_is_what_webex_says() {
    let stories: [fn(); 6] = [
        slow_down_adds_five_seconds_that_stay,
        a_wait_is_told_in_many_ways,
        trouble_makes_the_pause_longer_until_webex_answers,
        without_an_interval_it_is_five_seconds,
        expiry_is_counted_here,
        the_timeout_ends_it_sooner,
    ];
    thread::scope(|scope| {
        for story in stories {
            scope.spawn(story);
        }
    });
}

/// DV-03.
fn slow_down_adds_five_seconds_that_stay() {
    let story = Story::new(
        every_second(),
        [
            refused(400, "authorization_pending"),
            refused(400, "slow_down"),
            refused(400, "slow_down"),
            Reply::tokens(),
        ],
    );
    let finished = story.run(&["-v"]).check();
    story.waited("DV-03", &[1, 1, 6, 11]);
    case_held("DV-03 slow down, and again");
    assert!(
        finished
            .err()
            .contains("connected work as jane@example.com"),
        "{finished}"
    );
    let asked = story.authority.asked();
    assert_eq!(asked.last().map(String::as_str), Some("GET /v1/people/me"));
}

fn a_wait_is_told_in_many_ways() {
    let later = Reply::with(429, "Retry-After: 3\r\n", "");
    let story = Story::new(
        every_second(),
        [
            pending(),
            later,
            Reply::status(428, ""),
            Reply::status(403, "authorization_pending"),
            Reply::tokens(),
        ],
    );
    story.run(&[]).check();
    story.waited("waits", &[1, 1, 3, 1, 1]);
}

fn trouble_makes_the_pause_longer_until_webex_answers() {
    let story = Story::new(
        every_second(),
        [
            Reply::raw(""),
            Reply::status(503, "<html>"),
            pending(),
            Reply::status(500, ""),
            Reply::tokens(),
        ],
    );
    let finished = story.run(&[]).check();
    story.waited("trouble", &[1, 2, 4, 1, 2]);
    let warnings = finished
        .err()
        .matches("asking again until the code expires")
        .count();
    assert_eq!(warnings, 2, "once each time: {finished}");
}

/// RFC 8628 §3.2.
fn without_an_interval_it_is_five_seconds() {
    let story = Story::new(begun(""), [Reply::tokens()]);
    story.run(&[]).check();
    story.waited("no interval", &[5]);
}

/// Webex promises no `expired_token`.
fn expiry_is_counted_here() {
    let story = Story::new(begun(r#","interval":1,"expires_in":3"#), [pending()]);
    let finished = story.run(&[]).code(4).within(30).check();
    assert!(finished.took >= Duration::from_secs(3), "{finished}");
    for words in HELPERS
        .into_iter()
        .chain(["timed out after 3 s", "error page"])
    {
        assert!(finished.err().contains(words), "{words}: {finished}");
    }
    assert!(story.env.connections().is_empty());
}

fn the_timeout_ends_it_sooner() {
    let story = Story::new(every_second(), [Reply::silence()]);
    let finished = story.run(&["--timeout", "2"]).code(4).within(30).check();
    assert!(finished.err().contains("timed out after 2 s"), "{finished}");
}

/// DV-05, on top of a connection that stays as it is.
#[test]
fn what_ends_it_is_told_in_words_of_its_own_and_changes_nothing() {
    let cases = [
        ("expired_token", 4, "the code has expired"),
        (
            "access_denied",
            4,
            "the request was refused on Webex's page",
        ),
        (
            "invalid_grant",
            4,
            "Webex does not take the device code any more",
        ),
        (
            "weird\\u001b[2J",
            1,
            "an error it alone knows: weird\u{fffd}[2J",
        ),
    ];
    thread::scope(|scope| {
        for (error, code, words) in cases {
            scope.spawn(move || ended(error, code, words));
        }
    });
}

fn ended(error: &str, code: i32, words: &str) {
    let story = Story::new(every_second(), [Reply::tokens()]);
    story.run(&[]).check();
    let stored = || {
        let listed = story.env.run(["list", "--json"]).any_stdout().check().out();
        let token = story.env.run(["token", "work"]).any_stdout().check().out();
        (listed, token)
    };
    let before = stored();
    let polls = [refused(400, error)];
    story
        .authority
        .device_answers(Devices::new(every_second(), polls));
    let finished = story.run(&[]).code(code).check();
    assert!(finished.err().contains(words), "{error}: {finished}");
    assert!(!finished.stderr.contains(&0x1b), "{error}: {finished}");
    assert_eq!(story.polls(), 1, "{error}: it began again");
    assert_eq!(stored(), before, "{error}: the store changed");
    case_held(format!("DV-05 {error}"));
}

/// DV-01, and more of its kind: what is shown to a person is fit for it, or nothing is.
#[test]
fn addresses_and_codes_that_would_do_harm_are_not_shown() {
    let esc =
        r#""verification_uri":"https://legit.example/\u001b[2K\u001b[1Ahttps://evil.example""#;
    for (case, members) in [
        (
            "both",
            format!(r#",{esc},"user_code":"\u001b]0;x\u0007AB\r\nCD""#),
        ),
        ("address", format!(",{esc}")),
        (
            "code",
            r#","user_code":"\u001b]0;x\u0007AB\r\nCD""#.to_owned(),
        ),
        ("long code", format!(r#","user_code":"{}""#, "7".repeat(33))),
        ("no code", r#","user_code":"""#.to_owned()),
        (
            "http",
            r#","verification_uri":"http://evil.example/verify""#.to_owned(),
        ),
        (
            "user",
            r#","verification_uri":"https://webex.com@evil.example/""#.to_owned(),
        ),
        (
            "scheme",
            r#","verification_uri_complete":"file:///etc/passwd""#.to_owned(),
        ),
    ] {
        let story = Story::new(changed(&members), [Reply::tokens()]);
        let opener = story
            .env
            .script("xdg-open", "echo \"$1\" > \"$HOME/opened\"");
        let directory = opener.trim_end_matches("/xdg-open");
        for more in [&[][..], &["--json"]] {
            let finished = story
                .run(more)
                .var("DISPLAY", ":99")
                .var("PATH", &format!("{directory}:/usr/bin:/bin"))
                .code(9)
                .check();
            let clean = |byte: &u8| *byte == b'\n' || !byte.is_ascii_control();
            assert!(finished.stderr.iter().all(clean), "{case}: {finished}");
            assert!(
                !finished.err().contains("evil.example"),
                "{case}: {finished}"
            );
            let asked = story.authority.asked();
            let once_each = asked.iter().all(|line| line == "POST /v1/device/authorize");
            assert!(once_each, "{case}: {asked:?}");
        }
        assert_eq!(story.env.opened(), None, "{case}: something was opened");
        assert!(story.env.connections().is_empty(), "{case}");
        case_held(format!("DV-01 {case}"));
    }
}

/// A first answer in which these members stand in place of the usual ones.
fn changed(members: &str) -> Reply {
    let mut answer = serde_json::json!({
        "device_code": DEVICE_CODE,
        "user_code": "729703",
        "verification_uri": "https://helper.example/verify",
    });
    let changes: serde_json::Value = serde_json::from_str(&format!("{{{}}}", &members[1..]))
        .unwrap_or_else(|e| panic!("{members}: {e}"));
    for (name, value) in changes.as_object().into_iter().flatten() {
        answer[name] = value.clone();
    }
    Reply::status(200, &answer.to_string())
}

#[test]
fn what_is_no_device_s_answer_is_not_quoted() {
    for (case, first) in [
        (
            "no JSON",
            Reply::status(200, &format!("<html>{DEVICE_CODE}")),
        ),
        (
            "a list",
            Reply::status(200, &format!(r#"["{DEVICE_CODE}"]"#)),
        ),
        (
            "no address",
            Reply::status(200, &format!(r#"{{"device_code":"{DEVICE_CODE}"}}"#)),
        ),
        (
            "interval",
            begun(&format!(r#","interval":"{DEVICE_CODE}""#)),
        ),
        ("silence", Reply::raw("")),
        ("busy", Reply::status(503, "")),
    ] {
        let story = Story::new(first, []);
        let finished = story.run(&[]).code(7).within(30).check();
        assert_eq!(story.polls(), 0, "{case}: {finished}");
        assert!(story.env.connections().is_empty(), "{case}");
    }
}

/// DV-07: while it pauses, and while a poll is under way.
#[test]
fn a_signal_ends_it_with_no_further_poll() {
    let signals = [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)];
    thread::scope(|scope| {
        for (signal, code) in signals {
            scope.spawn(move || interrupted(signal, code, 0, pending()));
            scope.spawn(move || interrupted(signal, code, 1, Reply::silence()));
        }
    });
}

fn interrupted(signal: Signal, code: i32, polls: usize, reply: Reply) {
    let case = format!("{signal:?} after {polls} polls");
    let interval = if polls == 0 { 60 } else { 1 };
    let first = begun(&format!(r#","interval":{interval},"expires_in":300"#));
    let story = Story::new(first, [reply]);
    let mut login = Process::spawn(story.command(&["--json"]), CLIENT_SECRET.as_bytes());
    while !login
        .next_line(Stream::Err)
        .is_some_and(|line| line.contains(r#""device""#))
    {}
    let polled = comes_true(Duration::from_secs(60), || story.polls() >= polls);
    assert!(polled, "{case}: it does not poll");
    let since = Instant::now();
    login.signal(signal);
    let finished: Finished = login.finish();
    assert!(
        since.elapsed() < Duration::from_secs(2),
        "{case}: {finished}"
    );
    assert_eq!(finished.code, Some(code), "{case}: {finished}");
    finished.hold_the_oracles(&[CLIENT_SECRET.to_owned(), DEVICE_CODE.to_owned()]);
    assert!(finished.stdout.is_empty(), "{case}: {finished}");
    assert_eq!(story.polls(), polls, "{case}");
    assert!(story.env.connections().is_empty(), "{case}");
    case_held(format!("DV-07 {case}"));
}
