//! Strings in JSON (RFC 8259).

use std::fmt::Write;

/// Adds the text as it stands between the quotes of a JSON string (section 7).
pub fn escape(out: &mut String, text: &str) {
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            '\0'..='\u{1f}' => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(letter));
            }
            _ => out.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped() {
        let mut out = String::new();
        escape(&mut out, "a\"\\/\n\u{1f}\u{7f}é\u{2028}");
        assert_eq!(out, "a\\\"\\\\/\\u000a\\u001f\u{7f}é\u{2028}");
    }
}
