//! The text of a cue: tags of HTML and overrides of SSA become tags and settings of WebVTT.

/// The tags of WebVTT that SubRip has as well.
const TAGS: [&str; 3] = ["b", "i", "u"];

/// The cue settings for `{\an7}`, which names a place by its key on a numeric keypad. Without the
/// line alignment of `line:50%,center`, which Chromium does not implement.
fn settings(alignment: u8) -> &'static str {
    match alignment {
        b'1' => " position:0% align:left",
        b'3' => " position:100% align:right",
        b'4' => " line:50% position:0% align:left",
        b'5' => " line:50%",
        b'6' => " line:50% position:100% align:right",
        b'7' => " line:0 position:0% align:left",
        b'8' => " line:0",
        b'9' => " line:0 position:100% align:right",
        _ => "",
    }
}

/// Writes the text of one cue. Tags are written only before text that wants them and are closed
/// before text that does not, so they are always nested, closed and never around nothing.
pub struct CueText<'a> {
    out: &'a mut String,
    /// Which of [`TAGS`] hold for the next text.
    wanted: [bool; 3],
    /// Which of [`TAGS`] are open, the innermost last.
    open: Vec<usize>,
    /// No text of this line is written yet.
    starts_line: bool,
    /// The digit of the first `{\an…}`.
    alignment: Option<u8>,
}

impl<'a> CueText<'a> {
    pub fn new(out: &'a mut String) -> Self {
        CueText { out, wanted: [false; 3], open: Vec::new(), starts_line: true, alignment: None }
    }

    /// Writes a line after a LF, or nothing if no text remains of it.
    pub fn line(&mut self, line: &str) {
        self.starts_line = true;
        // Whether a bracket may still be closed. After one failed search the line is not searched
        // again, so the time stays linear.
        let (mut has_brace, mut has_angle) = (true, true);
        let mut rest = line;
        loop {
            let mark = rest.find(|letter: char| matches!(letter, '{' | '<' | '>' | '&') || is_dropped(letter));
            let (text, marked) = rest.split_at(mark.unwrap_or(rest.len()));
            self.text(text);
            let mut letters = marked.chars();
            let Some(mark) = letters.next() else { return };
            rest = letters.as_str();
            if mark == '{'
                && let Some(overrides) = rest.strip_prefix('\\')
                && let Some((overrides, after)) = split_once(overrides, '}', &mut has_brace)
            {
                overrides.split('\\').for_each(|name| self.set_override(name.trim()));
                rest = after;
            } else if mark == '<'
                && is_tag(rest)
                && let Some((tag, after)) = split_once(rest, '>', &mut has_angle)
            {
                self.set_tag(tag);
                rest = after;
            } else {
                match mark {
                    '<' => self.text("&lt;"),
                    '>' => self.text("&gt;"),
                    '&' => self.text("&amp;"),
                    '{' => self.text("{"),
                    _ => {}
                }
            }
        }
    }

    /// Closes what is open, and returns the cue settings that the text asked for.
    pub fn finish(mut self) -> &'static str {
        while !self.open.is_empty() {
            self.close();
        }
        self.alignment.map_or("", settings)
    }

    /// Writes text that needs no escape.
    fn text(&mut self, text: &str) {
        let text = if self.starts_line { text.trim_start() } else { text };
        if text.is_empty() {
            return;
        }
        while self.open.iter().any(|&tag| !self.wanted[tag]) {
            self.close();
        }
        if self.starts_line {
            self.out.push('\n');
            self.starts_line = false;
        }
        for (tag, name) in TAGS.iter().enumerate() {
            if self.wanted[tag] && !self.open.contains(&tag) {
                self.open.push(tag);
                self.out.extend(["<", *name, ">"]);
            }
        }
        self.out.push_str(text);
    }

    fn close(&mut self) {
        if let Some(tag) = self.open.pop() {
            self.out.extend(["</", TAGS[tag], ">"]);
        }
    }

    /// `b1`, `i0`, `an8`; others have no meaning in WebVTT.
    fn set_override(&mut self, name: &str) {
        match *name.as_bytes() {
            [b'a', b'n', digit @ b'1'..=b'9'] => self.alignment = self.alignment.or(Some(digit)),
            [_, on @ b'0'..=b'1'] => self.want(&name[..1], on == b'1'),
            _ => {}
        }
    }

    /// `b`, `/i`, `font color="red"`; attributes are dropped.
    fn set_tag(&mut self, tag: &str) {
        let (name, on) = match tag.strip_prefix('/') {
            Some(name) => (name, false),
            None => (tag, true),
        };
        self.want(name.split_whitespace().next().unwrap_or_default(), on);
    }

    fn want(&mut self, name: &str, on: bool) {
        if let Some(tag) = TAGS.iter().position(|tag| tag.eq_ignore_ascii_case(name)) {
            self.wanted[tag] = on;
        }
    }
}

/// NUL is not allowed in WebVTT, and no other control character has a meaning there.
fn is_dropped(letter: char) -> bool {
    letter.is_control() && letter != '\t'
}

/// Whether `<` and this begin a tag of SubRip: `b`, `i`, `u` or `font`, open or closed.
fn is_tag(text: &str) -> bool {
    let text = text.strip_prefix('/').unwrap_or(text);
    let name = &text[..text.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(text.len())];
    let is_known = TAGS.iter().chain(&["font"]).any(|tag| tag.eq_ignore_ascii_case(name));
    is_known && text[name.len()..].starts_with(|next: char| next == '>' || next.is_whitespace())
}

/// Splits at `end`, unless an earlier search for it failed.
fn split_once<'a>(text: &'a str, end: char, may_find: &mut bool) -> Option<(&'a str, &'a str)> {
    let found = if *may_find { text.split_once(end) } else { None };
    *may_find = found.is_some();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_of_subrip_becomes_markup_of_webvtt() {
        for (text, expected) in [
            ("Plain", "Plain"),
            ("One\n\nTwo\n", "One\nTwo"),
            ("  - One\n\t- Two", "- One\n- Two"),
            // Tags.
            ("<i>One</i> <b>two</b> <u>three</u>", "<i>One</i> <b>two</b> <u>three</u>"),
            ("<I>One</I>", "<i>One</i>"),
            ("<i class=\"x\">One</i >", "<i>One</i>"),
            ("<i>One\nTwo</i>", "<i>One\nTwo</i>"),
            ("<i>One</i>\nTwo", "<i>One</i>\nTwo"),
            ("<i>\nOne\n</i>", "<i>One</i>"),
            ("<i>One", "<i>One</i>"),
            ("One</i>", "One"),
            ("<b><i>One</b> two</i>", "<b><i>One</i></b><i> two</i>"),
            ("<i></i>One<b></b>", "One"),
            ("<font color=\"#ff0\" size='7'>One</font>", "One"),
            ("<FONT COLOR=red><i>One</font></i>", "<i>One</i>"),
            // What is no tag of SubRip is text.
            ("<script>x</script>", "&lt;script&gt;x&lt;/script&gt;"),
            ("<v Bob>Hi <00:00:01.000>", "&lt;v Bob&gt;Hi &lt;00:00:01.000&gt;"),
            ("<c.red>x <br> <img src=x onerror=y>", "&lt;c.red&gt;x &lt;br&gt; &lt;img src=x onerror=y&gt;"),
            ("a < b > c & d", "a &lt; b &gt; c &amp; d"),
            ("<i", "&lt;i"),
            ("<i x\n>", "&lt;i x\n&gt;"),
            ("<fonts>", "&lt;fonts&gt;"),
            ("<é>", "&lt;é&gt;"),
            ("a --> b", "a --&gt; b"),
            ("--<i>> b", "--<i>&gt; b</i>"),
            ("&amp; &lt;i&gt;", "&amp;amp; &amp;lt;i&amp;gt;"),
            // Overrides.
            (r"{\i1}One{\i0} two", "<i>One</i> two"),
            (r"{\b1}One", "<b>One</b>"),
            (r"{\u1\b1}One{\b0}two", "<b><u>One</u></b><u>two</u>"),
            (r"{\i1}One</i> two", "<i>One</i> two"),
            (r"{\fnArial\fs20\c&HFFFFFF&\pos(1,2)\b700}One", "One"),
            (r"{\fad(1,2)}", ""),
            (r"{\i1", r"{\i1"),
            (r"{i} {\}{}", "{i} {}"),
            (r"{\é1\1\}x", "x"),
            // Control characters.
            ("a\0b\u{7}c\u{85}d\te", "abcd\te"),
        ] {
            assert_eq!(written(text), (expected.to_string(), ""), "{text}");
        }
    }

    #[test]
    fn a_place_on_the_keypad_becomes_cue_settings() {
        for (text, settings) in [
            (r"{\an1}x", " position:0% align:left"),
            (r"{\an2}x", ""),
            (r"{\an3}x", " position:100% align:right"),
            (r"{\an4}x", " line:50% position:0% align:left"),
            (r"{\an5}x", " line:50%"),
            (r"{\an6}x", " line:50% position:100% align:right"),
            (r"{\an7}x", " line:0 position:0% align:left"),
            (r"x{\i0\an8}", " line:0"),
            (r"{\an9}{\an8}x", " line:0 position:100% align:right"),
            (r"{\an0}{\an}{\an10}{\a6}x", ""),
        ] {
            assert_eq!(written(text), ("x".to_string(), settings), "{text}");
        }
    }

    /// The lines as they stand in a file, and the settings.
    fn written(text: &str) -> (String, &'static str) {
        let mut out = String::new();
        let mut writer = CueText::new(&mut out);
        text.lines().for_each(|line| writer.line(line.trim()));
        let settings = writer.finish();
        (out.strip_prefix('\n').unwrap_or(&out).to_string(), settings)
    }
}
