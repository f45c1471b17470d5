//! What a wait says of itself on a terminal, seldom enough for a screen reader that reads it out each time.

use tokio::time::Instant;

use crate::output::Output;

/// So many seconds pass between two tellings, and so many in the last minute.
const STEPS: (u64, u64) = (30, 10);

/// The line that tells how long there is.
pub struct Countdown {
    output: Output,
    deadline: Instant,
    /// What is waited for.
    what: &'static str,
    /// The step that was told last.
    told: Option<u64>,
}

impl Countdown {
    pub fn until(deadline: Instant, what: &'static str, output: Output) -> Countdown {
        Countdown {
            output,
            deadline,
            what,
            told: None,
        }
    }

    /// Tells how long there is, unless it was told not long ago.
    pub fn tell(&mut self) {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let seconds = left.as_secs_f64().round() as u64;
        let step = Some(step(seconds));
        if self.told != step {
            let left = minutes(seconds);
            self.output.passing(&format!(
                "waiting for {}, {left} left (Ctrl-C ends it)",
                self.what
            ));
            self.told = step;
        }
    }

    /// Takes the line away; the next telling brings it back.
    pub fn hide(&mut self) {
        self.output.end_passing();
        self.told = None;
    }
}

/// In which step of the wait so many seconds are left, by the second it begins with.
fn step(seconds: u64) -> u64 {
    let step = if seconds > 60 { STEPS.0 } else { STEPS.1 };
    seconds.div_ceil(step) * step
}

/// `1:30` for 90 s.
pub fn minutes(seconds: u64) -> String {
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_of_two_minutes_is_told_of_nine_times() {
        let mut steps: Vec<u64> = (0..=120).rev().map(step).collect();
        steps.dedup();
        assert_eq!(steps, [120, 90, 60, 50, 40, 30, 20, 10, 0]);
    }
}
