//! What a check found, for people and for programs.

use std::fmt::Write;

use super::finding::Finding;
use super::printable::on_one_line;
use crate::bytes::Bytes;
use crate::http::target::encode;
use crate::json::escape;

/// The findings in a folder, sorted by path.
#[derive(Debug)]
pub struct Report {
    pub files: usize,
    /// Size of all files.
    pub bytes: Bytes,
    pub findings: Vec<Finding>,
}

/// Columns before a sentence: two, the longest name of a kind, and two.
const INDENT: usize = 19;

// Writing to a string cannot fail.

impl Report {
    /// For people: each path with what is wrong and the command that mends it, then a summary.
    /// Sentences are at most `width` columns wide, if that leaves 20; commands stay in one line, so
    /// that they can be copied.
    pub fn text(&self, width: usize) -> String {
        let mut text = String::new();
        let mut shown: Option<&[u8]> = None;
        for finding in &self.findings {
            if shown != Some(&finding.path) {
                let path = if finding.path.is_empty() { b"." } else { &*finding.path };
                let _ = writeln!(text, "{}", on_one_line(path));
                shown = Some(&finding.path);
            }
            let mut name = finding.kind.name();
            for line in wrap(&finding.sentence, width.saturating_sub(INDENT).max(20)) {
                let _ = writeln!(text, "  {name:<15}  {line}");
                name = "";
            }
            if let Some(fix) = &finding.fix {
                let _ = writeln!(text, "{:INDENT$}{fix}", "");
            }
        }
        let gap = if text.is_empty() { "" } else { "\n" };
        let result = match self.findings.len() {
            0 => "nothing found".to_string(),
            1 => "1 finding".to_string(),
            count => format!("{count} findings"),
        };
        let plural = if self.files == 1 { "" } else { "s" };
        let _ = write!(text, "{gap}{} file{plural}, {}: {result}", self.files, self.bytes);
        text
    }

    /// For programs: an object with `files`, `bytes` and `findings`. A path that is not UTF-8 has
    /// U+FFFD in its place, while its URL is exact.
    pub fn json(&self) -> String {
        let mut text = format!("{{\"files\":{},\"bytes\":{},\"findings\":[", self.files, self.bytes.0);
        for (place, finding) in self.findings.iter().enumerate() {
            text.push_str(if place == 0 { "\n" } else { ",\n" });
            let kind = finding.kind.name().replace(' ', "-");
            let (path, url) = (string(&String::from_utf8_lossy(&finding.path)), encode(&finding.path));
            let sentence = string(&finding.sentence);
            let _ = write!(text, "{{\"path\":{path},\"url\":\"/{url}\",\"kind\":\"{kind}\",\"sentence\":{sentence}");
            if let Some(fix) = &finding.fix {
                let _ = write!(text, ",\"fix\":{}", string(fix));
            }
            text.push('}');
        }
        text.push_str("\n]}");
        text
    }
}

/// A JSON string without control characters, not even those that JSON allows: it may be read on a
/// terminal.
fn string(text: &str) -> String {
    let mut escaped = String::new();
    escape(&mut escaped, text);
    let mut string = "\"".to_string();
    for character in escaped.chars() {
        if character.is_control() {
            let _ = write!(string, "\\u{:04x}", u32::from(character));
        } else {
            string.push(character);
        }
    }
    string.push('"');
    string
}

/// Breaks a sentence at its spaces into lines of at most this many characters.
fn wrap(sentence: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in sentence.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_string()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::finding::Kind;
    use super::*;

    #[test]
    fn sentences_are_wrapped_and_commands_are_not() {
        let finding = |path: &[u8], kind, fix: Option<&str>| Finding {
            path: path.to_vec(),
            kind,
            sentence: "It is one of many words that do not fit.".into(),
            fix: fix.map(String::from),
        };
        let findings = vec![
            finding(b"a/\x1b.mp4", Kind::WrongExtension, Some("mv -n 'a long name.mp4' 'a long name.mkv'")),
            finding(b"a/\x1b.mp4", Kind::Codec, None),
            finding(b"\xff", Kind::LinkOut, None),
        ];
        let report = Report { files: 1, bytes: Bytes(2048), findings };
        let expected = [
            "a/\\u{1b}.mp4",
            "  wrong extension  It is one of many words",
            "                   that do not fit.",
            "                   mv -n 'a long name.mp4' 'a long name.mkv'",
            "  codec            It is one of many words",
            "                   that do not fit.",
            "\\xff",
            "  link leads out   It is one of many words",
            "                   that do not fit.",
            "",
            "1 file, 2 KiB: 3 findings",
        ];
        assert_eq!(report.text(43).lines().collect::<Vec<_>>(), expected);
        for width in [0, 1, 39] {
            let widest = report.text(width).lines().filter(|line| line.contains("It is")).map(str::len).max();
            assert!(widest.is_some_and(|widest| (35..=39).contains(&widest)), "{widest:?}");
        }
        let nothing = Report { files: 0, bytes: Bytes(0), findings: Vec::new() };
        assert_eq!(nothing.text(80), "0 files, 0 B: nothing found");
    }

    #[test]
    fn json_is_safe_on_a_terminal_and_whole_for_programs() {
        let path = "a\"\\\n\x1b\u{9b}\u{7f}é".as_bytes();
        let finding =
            Finding { path: path.to_vec(), kind: Kind::MoovBehind, sentence: "It.".into(), fix: Some("x".into()) };
        let text = Report { files: 1, bytes: Bytes(5), findings: vec![finding] }.json();
        assert!(!text.contains(|character: char| character.is_control() && character != '\n'), "{text:?}");
        let expected = "{\"files\":1,\"bytes\":5,\"findings\":[\n{\"path\":\"a\\\"\\\\\\u000a\\u001b\\u009b\\u007fé\",\
                        \"url\":\"/a%22%5C%0A%1B%C2%9B%7F%C3%A9\",\"kind\":\"moov-behind\",\"sentence\":\"It.\",\"fix\":\"x\"}\n]}";
        assert_eq!(text, expected);
    }
}
