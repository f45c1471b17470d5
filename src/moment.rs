//! Moments as people read them: which day, and how far away.

mod zone;

use std::time::SystemTime;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A day less than so many days ahead is told without its year, which can be no other.
const NEAR: i64 = 300;
const DAY: i64 = 86_400;

/// The time by this machine's clock. A clock beyond the last moment that can be told is taken to stand there.
pub fn now() -> Timestamp {
    Timestamp::try_from(SystemTime::now()).unwrap_or(Timestamp::MAX)
}

/// A day in the person's own time zone: `2026-02-20`.
pub fn day(moment: Option<Timestamp>) -> String {
    moment.map_or_else(
        || "unknown".to_owned(),
        |moment| moment.to_zoned(zone::local()).date().to_string(),
    )
}

/// The same as people say it: `20 Feb`, or `20 Feb 2029` where the year is not plain.
pub fn spoken_day(moment: Timestamp, now: Timestamp) -> String {
    spoken_day_in(moment, now, zone::local())
}

fn spoken_day_in(moment: Timestamp, now: Timestamp, zone: TimeZone) -> String {
    let is_near = (0..NEAR * DAY).contains(&moment.duration_since(now).as_secs());
    let format = if is_near { "%-d %b" } else { "%-d %b %Y" };
    moment.to_zoned(zone).strftime(format).to_string()
}

/// A moment to come: its day, and its time too where that is less than a day away.
pub fn soon(moment: Option<Timestamp>, now: Timestamp) -> String {
    match moment {
        Some(near) if near.duration_since(now).as_secs() < DAY => near
            .to_zoned(zone::local())
            .strftime("%Y-%m-%d %H:%M")
            .to_string(),
        _ => day(moment),
    }
}

/// How far away it is: `in 13 days`, `3 hours ago`.
pub fn distance(moment: Timestamp, now: Timestamp) -> String {
    let seconds = moment.duration_since(now).as_secs();
    let distance = match seconds.unsigned_abs() {
        s if s >= 2 * 86_400 => format!("{} days", s / 86_400),
        s if s >= 2 * 3600 => format!("{} hours", s / 3600),
        s if s >= 120 => format!("{} minutes", s / 60),
        1 => "1 second".to_owned(),
        s => format!("{s} seconds"),
    };
    if seconds > 0 {
        format!("in {distance}")
    } else {
        format!("{distance} ago")
    }
}

/// An expiry in full: `until 2026-02-20 10:00 CET, in 13 days`.
pub fn until(moment: Option<Timestamp>, now: Timestamp) -> String {
    let Some(moment) = moment else {
        return "expiry unknown".to_owned();
    };
    let told = moment.to_zoned(zone::local()).strftime("%Y-%m-%d %H:%M %Z");
    let word = if moment > now { "until" } else { "expired" };
    format!("{word} {told}, {}", distance(moment, now))
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn now() -> Timestamp {
        "2026-11-25T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn distances_are_told_in_the_unit_that_says_enough() {
        for (seconds, told) in [
            (14 * DAY - 1, "in 13 days"),
            (2 * DAY, "in 2 days"),
            (2 * DAY - 1, "in 47 hours"),
            (7199, "in 119 minutes"),
            (119, "in 119 seconds"),
            (1, "in 1 second"),
            (0, "0 seconds ago"),
            (-1, "1 second ago"),
            (-7200, "2 hours ago"),
            (-400 * DAY, "400 days ago"),
        ] {
            let moment = now() + SignedDuration::from_secs(seconds);
            assert_eq!(distance(moment, now()), told);
        }
    }

    #[test]
    fn a_day_has_its_year_where_that_is_not_plain() {
        for (moment, told) in [
            ("2027-02-20T12:00:00Z", "20 Feb"),
            ("2026-12-01T00:30:00Z", "1 Dec"),
            ("2027-11-20T12:00:00Z", "20 Nov 2027"),
            ("2026-11-20T12:00:00Z", "20 Nov 2026"),
        ] {
            let moment = moment.parse().unwrap();
            assert_eq!(spoken_day_in(moment, now(), TimeZone::UTC), told);
        }
        let west = TimeZone::fixed(jiff::tz::offset(-5));
        let moment = "2026-12-01T00:30:00Z".parse().unwrap();
        assert_eq!(spoken_day_in(moment, now(), west), "30 Nov");
    }
}
