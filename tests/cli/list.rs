//! `list`: how far away each end is, and what is about to end.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::env::Env;
#[cfg(target_os = "linux")]
use crate::env::Terminal;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// Connections to the sandbox, whose ends are so many seconds away: of the access token and of the refresh token.
fn ending(connections: &[(&str, i64, Option<i64>)]) -> Env {
    let env = Env::new().var("TZ", "UTC");
    for (name, ..) in connections {
        env.run(["login", name, "--sandbox", "--approve"])
            .any_stderr()
            .check();
    }
    let now = Timestamp::now();
    // Half an hour more, so that a slow machine shows the same.
    let at = |seconds: i64| json!(now + SignedDuration::from_secs(seconds + HOUR / 2));
    env.edit_records(|key, record| {
        for (name, access, refresh) in connections {
            if key == format!("connection/{name}") {
                record["tokens"]["expires_at"] = at(*access);
                record["tokens"]["refresh_token_expires_at"] = refresh.map_or(Value::Null, at);
                if refresh.is_none() {
                    record["tokens"]["refresh_token"] = Value::Null;
                    record["grant"] = json!({"requested": [], "granted": [], "source": "unknown"});
                }
            }
        }
    });
    env
}

/// The day that is so many seconds away, as the table shows it.
fn day(seconds: i64) -> String {
    let moment = Timestamp::now() + SignedDuration::from_secs(seconds + HOUR / 2);
    moment.strftime("%-d %b").to_string()
}

/// The rows of the table, their cells apart.
fn rows(table: &str) -> Vec<Vec<&str>> {
    let rows = table.lines().skip(1);
    rows.map(|row| {
        row.split("  ")
            .map(str::trim)
            .filter(|cell| !cell.is_empty())
            .collect()
    })
    .collect()
}

const ALL: [(&str, i64, Option<i64>); 5] = [
    ("dead", -3 * HOUR, Some(-2 * HOUR)),
    ("idle", -3 * HOUR, Some(80 * DAY)),
    ("personal", 11 * HOUR, None),
    ("soon", 5 * DAY, Some(13 * DAY)),
    ("work", 13 * DAY, Some(89 * DAY)),
];

#[test]
fn each_end_is_told_by_how_far_away_it_is() {
    let env = ending(&ALL);
    let table = env.run(["list"]).any_stdout().check().out();
    assert!(table.contains("EXPIRES"), "{table}");
    let person = "sandbox.person@example.com";
    let row = |name: &'static str, expires: &'static str, by: String, state: &'static str| {
        let mut cells = vec![
            name.to_owned(),
            person.to_owned(),
            "provided app".to_owned(),
        ];
        let scopes = match name {
            "personal" => "unknown",
            _ => "12",
        };
        cells.extend([scopes, expires, &by, state].map(str::to_owned));
        cells
    };
    let expected = [
        row("dead", "2 hours ago", "now".to_owned(), "expired"),
        row("idle", "2 hours ago", day(80 * DAY), "ready"),
        row("personal", "in 11 hours", day(11 * HOUR), "ends soon"),
        row("soon", "in 5 days", day(13 * DAY), "ends soon"),
        row("work", "in 13 days", day(89 * DAY), "ready"),
    ];
    let mut shown = rows(&table);
    for row in &mut shown {
        row.retain(|cell| *cell != "*");
    }
    assert_eq!(shown, expected, "{table}");
}

/// For people only: what programs read is moments.
#[test]
fn json_keeps_its_moments_and_states() {
    let env = ending(&ALL[3..4]);
    let listed = env.run(["list", "--json"]).any_stdout().check().json();
    assert_eq!(listed[0]["state"], "ready", "{listed}");
    for field in ["access_token_expires_at", "refresh_token_expires_at"] {
        let moment = listed[0][field].as_str().unwrap_or_default();
        assert!(moment.parse::<Timestamp>().is_ok(), "{field}: {listed}");
    }
}

/// Colour only underlines what the words say.
#[cfg(target_os = "linux")]
#[test]
fn on_a_terminal_warnings_are_in_colour_and_the_table_fits() {
    let env = ending(&ALL);
    let (code, screen) = Terminal::run(&env, &["list"]).ends();
    assert_eq!(code, 0, "{screen}");
    let yellow = screen.matches("\u{1b}[1;33mends soon\u{1b}[0m").count();
    let red = screen.matches("\u{1b}[1;31mexpired\u{1b}[0m").count();
    assert_eq!((yellow, red), (2, 1), "{screen}");
    assert_eq!(screen.matches('\u{1b}').count(), 6, "{screen}");
    let bare = screen.replace("\u{1b}[1;33m", "").replace("\u{1b}[0m", "");
    let bare = bare.replace("\u{1b}[1;31m", "");
    let long: Vec<_> = bare
        .lines()
        .filter(|line| line.trim_end().chars().count() > 80)
        .collect();
    assert!(long.is_empty(), "{long:#?}");
    let env = env.var("NO_COLOR", "1");
    let (_, screen) = Terminal::run(&env, &["list"]).ends();
    assert!(
        !screen.contains('\u{1b}') && screen.contains("ends soon"),
        "{screen}"
    );
}
