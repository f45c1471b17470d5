//! Durations as people write them: `30s`, `10m`, `1h`, `14d`.

use jiff::SignedDuration;

/// The units and their seconds, in the order in which they may stand together.
const UNITS: [(char, i64); 4] = [('d', 86_400), ('h', 3600), ('m', 60), ('s', 1)];
/// Longer than any token lives, and far from where arithmetic ends: a hundred years.
const MAX: i64 = 100 * 365 * 86_400;

/// Reads whole numbers with a unit each, the greater units first: `90s`, `14d`, `1h30m`.
///
/// # Errors
/// Anything else, in words for a command line.
pub fn parse(text: &str) -> Result<SignedDuration, String> {
    let refused = || "a duration is a number with a unit: 30s, 10m, 1h or 14d".to_owned();
    let mut units = UNITS.iter();
    let mut rest = text;
    let mut total: i64 = 0;
    while !rest.is_empty() || text.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit());
        let (number, tail) = rest.split_at(end.ok_or_else(refused)?);
        let unit = tail.chars().next().ok_or_else(refused)?;
        // What was passed over is used up: no unit comes twice, or after a smaller one.
        let (_, seconds) = units.find(|(name, _)| *name == unit).ok_or_else(refused)?;
        let number: i64 = number.parse().map_err(|_| refused())?;
        total = number
            .checked_mul(*seconds)
            .and_then(|seconds| total.checked_add(seconds))
            .filter(|total| *total <= MAX)
            .ok_or("a duration is at most a hundred years")?;
        rest = &tail[unit.len_utf8()..];
    }
    Ok(SignedDuration::from_secs(total))
}

/// The same the other way round, in whole seconds: `13d23h59m59s`.
pub fn text(duration: SignedDuration) -> String {
    let mut rest = duration.as_secs().max(0);
    let mut text = String::new();
    for (name, seconds) in UNITS {
        if rest >= seconds {
            text.push_str(&format!("{}{name}", rest / seconds));
        }
        rest %= seconds;
    }
    if text.is_empty() {
        "0s".to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_a_unit_and_the_greater_units_come_first() {
        for (written, seconds, told) in [
            ("0s", 0, "0s"),
            ("30s", 30, "30s"),
            ("90s", 90, "1m30s"),
            ("010m", 600, "10m"),
            ("1h", 3600, "1h"),
            ("14d", 1_209_600, "14d"),
            ("1h30m", 5400, "1h30m"),
            ("13d23h59m59s", 1_209_599, "13d23h59m59s"),
            ("36500d", MAX, "36500d"),
        ] {
            let duration = SignedDuration::from_secs(seconds);
            assert_eq!(parse(written), Ok(duration), "{written}");
            assert_eq!(text(duration), told);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for nonsense in [
            "",
            " ",
            "1",
            "s",
            "-1s",
            "+1s",
            "1.5h",
            "1 h",
            "1h ",
            "1H",
            "1w",
            "1hour",
            "1s1m",
            "1m1m",
            "1h 30m",
            "P1D",
            "١s",
            "1é",
            "36501d",
            "1d36500d",
            "99999999999999999999s",
            "9223372036854775807d",
        ] {
            assert!(parse(nonsense).is_err(), "{nonsense:?}");
        }
    }

    proptest::proptest! {
        #![proptest_config(crate::generated::config())]

        #[test]
        fn a_duration_is_read_as_it_was_written(
            seconds in 0..=MAX,
            other in crate::generated::pieces(&["1", "0", "99999", "9223372036854775807", "d", "h", "m", "s", "-", " "]),
        ) {
            let duration = SignedDuration::from_secs(seconds);
            assert_eq!(parse(&text(duration)), Ok(duration));
            if let Ok(read) = parse(&other) {
                assert!((0..=MAX).contains(&read.as_secs()));
                assert_eq!(parse(&text(read)), Ok(read));
            }
        }
    }
}
