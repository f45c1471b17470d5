//! A QR code in half-block characters: two modules a character, so that they come out square.

use qrcode::{Color, EcLevel, QrCode};

/// Modules of light around the code. The standard asks for four; readers do with two, and terminals are small.
const QUIET: usize = 2;

/// The lines of a QR code, if it has room in so many columns. Blocks are light, as on a dark terminal.
pub fn draw(text: &str, columns: u16) -> Option<Vec<String>> {
    // A screen is never smudged, so that the least correction is enough, and makes the smallest code.
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let side = code.width() + 2 * QUIET;
    if side > usize::from(columns) {
        return None;
    }
    let is_light = |x: usize, y: usize| {
        let inside = |at: usize| (QUIET..QUIET + code.width()).contains(&at);
        y < side && !(inside(x) && inside(y) && code[(x - QUIET, y - QUIET)] == Color::Dark)
    };
    let half_blocks = |y: usize| {
        (0..side).map(move |x| match (is_light(x, y), is_light(x, y + 1)) {
            (true, true) => '█',
            (true, false) => '▀',
            (false, true) => '▄',
            (false, false) => ' ',
        })
    };
    Some(
        (0..side)
            .step_by(2)
            .map(|y| half_blocks(y).collect())
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_square_or_not_drawn() {
        let lines = draw(
            "https://helper.example/verify?userCode=0123456789abcdef",
            80,
        )
        .unwrap();
        let width = lines[0].chars().count();
        assert_eq!(lines.len(), width.div_ceil(2));
        assert!(lines.iter().all(|line| line.chars().count() == width));
        let narrow = u16::try_from(width).unwrap() - 1;
        assert!(
            draw(
                "https://helper.example/verify?userCode=0123456789abcdef",
                narrow
            )
            .is_none()
        );
        assert!(draw(&"x".repeat(4000), u16::MAX).is_none());
    }

    #[test]
    fn its_corner_is_a_finder_pattern_inside_light() {
        let lines = draw("x", 80).unwrap();
        assert!(lines[0].chars().all(|c| c == '█'), "{lines:#?}");
        assert!(lines[1].starts_with("██ ▄▄▄▄▄ █"), "{lines:#?}");
    }
}
