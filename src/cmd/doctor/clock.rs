//! This machine's clock against the `Date` of a Webex that answered (RFC 9110 §6.6.1).

use http::header::DATE;
use jiff::fmt::rfc2822::DateTimeParser;
use jiff::{SignedDuration, Timestamp};

use crate::cmd::doctor::finding::Finding;
use crate::cmd::doctor::network::Asked;
use crate::error::{Error, Kind};

const CLOCK: &str = "clock";
/// `Date` has whole seconds and the answer took a while; a minute more and an expiry is misjudged by it.
const TOLERATED: SignedDuration = SignedDuration::from_secs(60);
/// As much as an access token is refreshed ahead of its end: with more, expired tokens are handed out.
const HARMFUL: SignedDuration = SignedDuration::from_mins(5);

pub fn examine(asked: &[Asked]) -> Finding {
    if asked.is_empty() {
        let message = "nothing to compare it with: all connections here are in the sandbox";
        return Finding::ok(CLOCK, message);
    }
    let told = asked.iter().find_map(|one| Some((one, date(one)?)));
    let Some((one, date)) = told else {
        let message = "not compared: no Webex told its time";
        return Finding::warning(CLOCK, message, "compare it yourself with `date`");
    };
    compared(one.at, date, one.base.host_str().unwrap_or_default())
}

fn date(asked: &Asked) -> Option<Timestamp> {
    let answer = asked.answer.as_ref().ok()?;
    let date = answer.headers().get(DATE)?.to_str().ok()?;
    DateTimeParser::new().parse_timestamp(date).ok()
}

fn compared(now: Timestamp, date: Timestamp, host: &str) -> Finding {
    let ahead = now.duration_since(date);
    let apart = ahead.abs();
    if apart <= TOLERATED {
        return Finding::ok(CLOCK, format!("agrees with that of {host}"));
    }
    let side = match ahead.is_positive() {
        true => "ahead of",
        false => "behind",
    };
    let message = format!("{} s {side} that of {host}", apart.as_secs());
    let cure = "set it, for example with `timedatectl set-ntp true`";
    match apart > HARMFUL {
        true => Finding::fail(CLOCK, &Error::new(Kind::Failure, message), cure),
        false => Finding::warning(CLOCK, message, cure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmd::doctor::finding::State;

    fn state(ahead: i64) -> State {
        let date = Timestamp::from_second(1_800_000_000).unwrap();
        let now = date + SignedDuration::from_secs(ahead);
        compared(now, date, "webex.test").state
    }

    #[test]
    fn a_minute_is_let_pass_and_five_are_too_many() {
        for sign in [1, -1] {
            assert_eq!(state(sign * 60), State::Ok);
            assert_eq!(state(sign * 61), State::Warning);
            assert_eq!(state(sign * 300), State::Warning);
            assert_eq!(state(sign * 301), State::Fail(Kind::Failure));
        }
    }
}
