//! QR codes on a terminal.

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

/// Bright white on black, whatever the colours of the terminal, and back to those (ECMA-48, SGR).
const COLOURS: [&str; 2] = ["\x1b[97;40m", "\x1b[0m\n"];

/// The text as a QR code of lines of half blocks; None if it is too long for one.
pub fn half_blocks(text: &str) -> Option<String> {
    // The code is read from a screen, where nothing gets dirty: the least correction makes the
    // smallest code.
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let lines = code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build();
    Some(lines.lines().flat_map(|line| [COLOURS[0], line, COLOURS[1]]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_a_square_of_half_blocks_with_a_quiet_zone() {
        let code = half_blocks("http://192.0.2.7:8080/").expect("it is short");
        let lines: Vec<&str> = code
            .lines()
            .map(|line| line.strip_prefix(COLOURS[0]).and_then(|line| line.strip_suffix("\x1b[0m")).expect("colours"))
            .collect();
        // Version 2 has 25 modules, the quiet zone 4 on each side (ISO/IEC 18004).
        assert_eq!(lines.len(), (25 + 2 * 4_usize).div_ceil(2));
        assert!(lines.iter().all(|line| line.chars().count() == 25 + 2 * 4), "{code}");
        assert!(lines[..2].iter().all(|line| line.chars().all(|half| half == '█')), "{code}");
        assert!(lines[2].starts_with("████ ▄▄▄▄▄ █"), "a finder pattern: {code}");
        assert_eq!(half_blocks(&"x".repeat(3000)), None);
    }
}
