//! SubRip subtitles (`.srt`) as WebVTT, the only format that browsers read.
//!
//! SubRip has no specification. What is read here is what is found in files and what players
//! understand: coordinates behind the times, numbers and blank lines that are missing or misplaced,
//! times without hours.

use std::fmt::Write;
use std::ops::Range;

use super::charset;
use super::cue_text::CueText;

/// Milliseconds: no film is longer than a hundred hours.
const TIME_MAX: u64 = 100 * 60 * 60 * 1000;

/// Converts a SubRip file to WebVTT (<https://www.w3.org/TR/webvtt1/>). Never fails: cues without
/// text, or with times that are negative, reversed or beyond 100 hours, are left out, and a file
/// without cues becomes the line `WEBVTT`. The rest of the output has at most five times the bytes
/// of the input, which the caller limits to [`SUBTITLES_MAX`](crate::limits::SUBTITLES_MAX).
pub fn to_webvtt(file: &[u8]) -> String {
    let text = charset::decode(file);
    let mut out = String::with_capacity(text.len() + text.len() / 8 + 16);
    out.push_str("WEBVTT\n");
    let mut rest = &*text;
    // The times of a cue, and the text that begins with its first line.
    let mut cue: Option<(Range<u64>, &str)> = None;
    loop {
        let here = rest;
        let line = next_line(&mut rest);
        if line.is_some_and(|line| !is_timing(line)) {
            continue;
        }
        if let Some((times, text)) = cue.take() {
            let text = &text[..text.len() - here.len()];
            write_cue(&mut out, &times, if line.is_some() { without_number(text) } else { text });
        }
        match line {
            Some(line) => cue = times(line).map(|times| (times, rest)),
            None => return out,
        }
    }
}

/// Takes the next line and its end off `rest`; None if nothing is left. CR CR LF is one line end:
/// LF was converted to CRLF twice.
fn next_line<'a>(rest: &mut &'a str) -> Option<&'a str> {
    if rest.is_empty() {
        return None;
    }
    let (line, end) = rest.split_at(memchr::memchr2(b'\r', b'\n', rest.as_bytes()).unwrap_or(rest.len()));
    let ends = ["\r\r\n", "\r\n", "\r", "\n"];
    *rest = ends.iter().find_map(|mark| end.strip_prefix(mark)).unwrap_or(end);
    Some(line)
}

/// The two sides of the arrow, if both begin like times.
fn sides(line: &str) -> Option<(&str, &str)> {
    let (start, end) = line.split_once("-->")?;
    let (start, end) = (start.trim(), end.trim());
    let begins_like_time = |side: &str| {
        side.contains(':') && side.trim_start_matches('-').starts_with(|first: char| first.is_ascii_digit())
    };
    (begins_like_time(start) && begins_like_time(end)).then_some((start, end))
}

fn is_timing(line: &str) -> bool {
    sides(line).is_some()
}

/// The times of a timing line in milliseconds, if a cue can have them.
fn times(line: &str) -> Option<Range<u64>> {
    let (start, end) = sides(line)?;
    // Coordinates follow: `X1:100 X2:200 Y1:400 Y2:500`.
    let end = end.split(|letter: char| letter.is_alphabetic()).next()?;
    let times = time(start)?..time(end)?;
    (times.start < times.end && times.end < TIME_MAX).then_some(times)
}

/// Milliseconds of `hours:minutes:seconds,fraction`; hours and fraction can be missing, and
/// minutes or seconds above 59 count for what they are.
fn time(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once([',', '.']).unwrap_or((text, "0"));
    if !(1..=2).contains(&whole.matches(':').count()) {
        return None;
    }
    let seconds = whole.split(':').try_fold(0, |sum, field| Some(sum * 60 + number(field)?))?;
    let fraction = fraction.trim();
    let digits = fraction.get(..3).unwrap_or(fraction);
    Some(seconds * 1000 + number(digits)? * [100, 10, 1][digits.len() - 1])
}

/// Up to six digits, with white space around them.
fn number(text: &str) -> Option<u64> {
    let text = text.trim();
    let is_number = (1..=6).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

/// The text of a cue without the number of the next one: the last line, if it stands just before
/// the times or has a blank line before it.
fn without_number(text: &str) -> &str {
    let trimmed = text.trim_end();
    let digits = trimmed.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let before = digits.trim_end_matches([' ', '\t']);
    let is_line = digits.len() < trimmed.len() && (before.is_empty() || before.ends_with(['\r', '\n']));
    let line_ends = |mut text: &str| std::iter::from_fn(|| next_line(&mut text)).count();
    let is_number = line_ends(&text[trimmed.len()..]) < 2 || line_ends(&before[before.trim_end().len()..]) > 1;
    if is_line && is_number { before } else { text }
}

/// Writes a cue, or nothing if it has no text.
fn write_cue(out: &mut String, times: &Range<u64>, text: &str) {
    let before = out.len();
    out.push('\n');
    write_time(out, times.start);
    out.push_str(" --> ");
    write_time(out, times.end);
    let after_times = out.len();
    let mut writer = CueText::new(out);
    let mut rest = text;
    while let Some(line) = next_line(&mut rest) {
        writer.line(line.trim());
    }
    let settings = writer.finish();
    if out.len() == after_times {
        out.truncate(before);
    } else {
        out.insert_str(after_times, settings);
        out.push('\n');
    }
}

fn write_time(out: &mut String, time: u64) {
    let (seconds, milliseconds) = (time / 1000, time % 1000);
    let (minutes, seconds) = (seconds / 60, seconds % 60);
    write!(out, "{:02}:{:02}:{seconds:02}.{milliseconds:03}", minutes / 60, minutes % 60)
        .expect("a string takes any text");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The cues of a file: what follows the head.
    fn cues(file: &[u8]) -> String {
        let text = to_webvtt(file);
        text.strip_prefix("WEBVTT\n").expect("the head").to_string()
    }

    #[test]
    fn times_are_read_in_every_form_that_files_have() {
        for (times, expected) in [
            ("00:00:01,000 --> 00:00:02,500", "00:00:01.000 --> 00:00:02.500"),
            ("00:00:01.000 --> 00:00:02.500", "00:00:01.000 --> 00:00:02.500"),
            ("00:01,000 --> 00:02,500", "00:00:01.000 --> 00:00:02.500"),
            ("0:0:1,5 --> 0:0:2,25", "00:00:01.500 --> 00:00:02.250"),
            ("00:00:01 --> 00:00:02", "00:00:01.000 --> 00:00:02.000"),
            ("00:00:01,0009 --> 00:00:02,123456", "00:00:01.000 --> 00:00:02.123"),
            ("00:00:01,000-->00:00:02,000", "00:00:01.000 --> 00:00:02.000"),
            ("  00: 00: 01, 000 -->\t00:00:02 ,000 ", "00:00:01.000 --> 00:00:02.000"),
            ("00:00:01,000 --> 00:00:02,000 X1:100 X2:200 Y1:400 Y2:500", "00:00:01.000 --> 00:00:02.000"),
            ("00:00:01,000 --> 00:00:02,000 align:start", "00:00:01.000 --> 00:00:02.000"),
            ("00:90:61,000 --> 99:59:59,999", "01:31:01.000 --> 99:59:59.999"),
            ("125:30,000 --> 126:00,000", "02:05:30.000 --> 02:06:00.000"),
        ] {
            let file = format!("1\n{times}\nText\n");
            assert_eq!(cues(file.as_bytes()), format!("\n{expected}\nText\n"), "{times}");
        }
    }

    #[test]
    fn a_cue_with_impossible_times_is_left_out_with_its_text() {
        for times in [
            "-00:00:01,000 --> 00:00:02,000",
            "00:00:01,000 --> -00:00:02,000",
            "00:00:02,000 --> 00:00:01,000",
            "00:00:01,000 --> 00:00:01,000",
            "00:00:01,000 --> 100:00:00,000",
            "00:00:01,000 --> 99:99:99,999",
            "00:00:01,000 --> 00:00:9999999,000",
            "00:00:0a,000 --> 00:00:02,000",
            "00:00:01,000 --> 1:00:00:02,000",
            "00:00:01,é00 --> 00:00:02,000",
            "99999999999999999999:00:00,000 --> 99999999999999999999:00:01,000",
        ] {
            let file = format!(
                "1\n00:00:01,000 --> 00:00:02,000\nOne\n\n2\n{times}\nTwo\n\n3\n00:03,000 --> 00:04,000\nThree\n"
            );
            let expected = "\n00:00:01.000 --> 00:00:02.000\nOne\n\n00:00:03.000 --> 00:00:04.000\nThree\n";
            assert_eq!(cues(file.as_bytes()), expected, "{times}");
        }
    }

    /// Each file is written with LF; its two cues must come out alike with every line end.
    #[test]
    fn cues_are_found_however_they_are_separated() {
        let (one, two) = ("00:00:01,000 --> 00:00:02,000", "00:00:03,000 --> 00:00:04,000");
        let separated = |first: &str, second: &str| {
            format!("\n00:00:01.000 --> 00:00:02.000\n{first}\n\n00:00:03.000 --> 00:00:04.000\n{second}\n")
        };
        for (file, expected) in [
            (format!("1\n{one}\nOne\n\n2\n{two}\nTwo\n"), separated("One", "Two")),
            (format!("1\n{one}\nOne\n\n2\n{two}\nTwo"), separated("One", "Two")),
            (format!("\n\n1\n{one}\nOne\n\n\n\n2 \n{two}\nTwo\n\n\n"), separated("One", "Two")),
            // No numbers, no blank lines, neither.
            (format!("{one}\nOne\n\n{two}\nTwo\n"), separated("One", "Two")),
            (format!("1\n{one}\nOne\n2\n{two}\nTwo\n"), separated("One", "Two")),
            (format!("{one}\nOne\n{two}\nTwo\n"), separated("One", "Two")),
            // Blank lines within.
            (format!("1\n{one}\nOne\n\nand more\n \n2\n{two}\n\nTwo\n"), separated("One\nand more", "Two")),
            (format!("1\n\n{one}\n\nOne\n\n\n\n2\n\n{two}\n\nTwo\n"), separated("One", "Two")),
            // A number that is text.
            (format!("1\n{one}\n1984\n\n2\n{two}\n42\n"), separated("1984", "42")),
            (format!("{one}\nThe answer:\n42\n\n{two}\nTwo 2\n"), separated("The answer:\n42", "Two 2")),
            (format!("Junk --> here\n1\n{one}\nOne\n\n2\n{two}\nTwo\n"), separated("One", "Two")),
        ] {
            for line_end in ["\n", "\r\n", "\r", "\r\r\n"] {
                let file = file.replace('\n', line_end);
                assert_eq!(cues(file.as_bytes()), expected, "{file:?}");
            }
        }
    }

    #[test]
    fn cues_keep_their_order_and_empty_ones_are_left_out() {
        let file = b"2\n00:03,000 --> 00:04,000\nLater\n\n1\n00:01,000 --> 00:02,000\nEarlier\n\n\
            3\n00:05,000 --> 00:06,000\n\n4\n00:07,000 --> 00:08,000\n<i></i> {\\an8}\n";
        let expected = "\n00:00:03.000 --> 00:00:04.000\nLater\n\n00:00:01.000 --> 00:00:02.000\nEarlier\n";
        assert_eq!(cues(file), expected);
    }

    #[test]
    fn utf_8_utf_16_and_windows_1252_are_read() {
        let utf16: Vec<u8> =
            "\u{feff}1\r\n00:01,000 --> 00:02,000\r\nGröße\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for file in [
            "\u{feff}1\n00:01,000 --> 00:02,000\nGröße\n".as_bytes(),
            "\u{feff}00:01,000 --> 00:02,000\nGröße\n".as_bytes(),
            b"1\n00:01,000 --> 00:02,000\nGr\xf6\xdfe\n",
            &utf16,
        ] {
            assert_eq!(cues(file), "\n00:00:01.000 --> 00:00:02.000\nGröße\n", "{file:?}");
        }
    }

    #[test]
    fn junk_has_no_cues() {
        for file in [
            &b""[..],
            b"\n",
            b"1",
            b"Hello",
            b"-->",
            b"1 --> 2",
            b"00:01,000 --> 00:02,000",
            b"\x1a\x45\xdf\xa3 --> \xff",
            &[0; 5000],
            &[0xff; 5001],
            &b"00:01,000 --> ".repeat(1000),
        ] {
            assert_eq!(cues(file), "", "{file:?}");
        }
    }

    /// Each of these makes a naive parser search the rest of the line again and again.
    #[test]
    fn a_line_of_4_mib_takes_linear_time() {
        let length = usize::try_from(crate::limits::SUBTITLES_MAX).expect("4 MiB");
        for (start, piece, end) in
            [("", "{", "}"), ("", "{\\", ""), ("", "<", ">"), ("", "<b ", ""), ("", "<font", ">"), ("-->", "-->", "")]
        {
            let file = format!("00:01,000 --> 00:02,000\n{start}{}{end}\n", piece.repeat(length / piece.len()));
            assert!(to_webvtt(file.as_bytes()).len() <= 5 * file.len(), "{piece}");
        }
    }

    proptest! {
        #[test]
        fn the_output_is_at_most_five_times_the_input(
            lines in prop::collection::vec(
                r"0:0-->0:1|[0-9]|[<>&\x80xé]{0,9}|(<i>|<b>&|</b>&|<u>|</i>|\{\\b0\}&|\{\\b1\}|\{\\an6\}&|\{\\i1\\u1\}x){0,20}",
                0..20,
            ),
        ) {
            let file = lines.join("\n");
            prop_assert!(to_webvtt(file.as_bytes()).len() <= "WEBVTT\n".len() + 5 * file.len());
        }
    }
}
