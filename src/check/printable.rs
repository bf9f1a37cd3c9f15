//! Paths, which may be any bytes, on a terminal and in a shell.

use std::fmt::Write;

use crate::ops::diagnostics::one_line;

/// The path in one line: control characters and what is no UTF-8 are escaped.
pub fn on_one_line(path: &[u8]) -> String {
    path.utf8_chunks().fold(String::new(), |mut line, chunk| {
        line.push_str(&one_line(chunk.valid()));
        chunk.invalid().iter().for_each(|byte| push_hexadecimal(&mut line, *byte));
        line
    })
}

/// The path as one word of a command for a shell, in quotes. If it must be escaped to be
/// printable, the word has the form `$'…'`, as POSIX.1-2024 section 2.2.4 has it.
pub fn shell_word(path: &[u8]) -> String {
    if let Some(text) = str::from_utf8(path).ok().filter(|text| one_line(text) == *text) {
        return format!("'{}'", text.replace('\'', "'\\''"));
    }
    let mut word = "$'".to_string();
    for chunk in path.utf8_chunks() {
        for character in chunk.valid().chars() {
            let mut bytes = [0; 4];
            let text = character.encode_utf8(&mut bytes);
            match character {
                '\'' | '\\' => word.extend(['\\', character]),
                _ if one_line(text) == *text => word.push(character),
                _ => text.bytes().for_each(|byte| push_octal(&mut word, byte)),
            }
        }
        chunk.invalid().iter().for_each(|byte| push_octal(&mut word, *byte));
    }
    word.push('\'');
    word
}

// Writing to a string cannot fail.

fn push_hexadecimal(out: &mut String, byte: u8) {
    let _ = write!(out, "\\x{byte:02x}");
}

/// Three digits, so that one that follows does not belong to it.
fn push_octal(out: &mut String, byte: u8) {
    let _ = write!(out, "\\{byte:03o}");
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn no_path_reaches_a_terminal_as_it_is() {
        for (path, line, word) in [
            (&b"films/a b.mp4"[..], "films/a b.mp4", "'films/a b.mp4'"),
            ("Ünïcödé 日".as_bytes(), "Ünïcödé 日", "'Ünïcödé 日'"),
            (b"it's $(rm) `x` \\", "it's $(rm) `x` \\", "'it'\\''s $(rm) `x` \\'"),
            (b"a\x1b]0;t\x07\n", "a\\u{1b}]0;t\\u{7}\\n", "$'a\\033]0;t\\007\\012'"),
            (b"it's caf\xe99\\", "it's caf\\xe99\\", "$'it\\'s caf\\3519\\\\'"),
            ("\u{202e}x\u{9b}".as_bytes(), "\\u{202e}x\\u{9b}", "$'\\342\\200\\256x\\302\\233'"),
        ] {
            assert_eq!(on_one_line(path), line);
            assert_eq!(shell_word(path), word);
            // Without bash the lines above must do.
            if let Ok(output) = Command::new("bash").args(["-c", &format!("printf %s {word}")]).output() {
                assert_eq!(output.stdout, path);
            }
        }
    }
}
