//! Names as the text of links, which programs compare with where the links lead.

use maud::{Markup, PreEscaped, html};

/// A name in characters; what is not UTF-8 in it shows as U+FFFD.
///
/// Kodi's `CHTMLUtil::ConvertHTMLToW` takes `&amp;lt;` for `<`, as it replaces entities one after
/// another, but `&#38;lt;` for `&lt;`; and it reads no number at the start, nor one of a digit at
/// the end. It trims the text of a link, but not white space that is written as a number.
pub fn text(name: &[u8]) -> Markup {
    let name = String::from_utf8_lossy(name);
    let (first, rest) = name.split_at(usize::from(name.starts_with('&')));
    let body = rest.trim_end_matches(|letter: char| letter.is_ascii_whitespace());
    html! {
        (first)
        @for (place, piece) in body.split('&').enumerate() {
            @if place > 0 { (PreEscaped("&#38;")) }
            (piece)
        }
        @for space in rest[body.len()..].bytes() { (PreEscaped(format!("&#{space:03};"))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_so_that_kodi_reads_them() {
        for (name, written) in [
            ("film.mp4", "film.mp4"),
            ("\"<b>'", "&quot;&lt;b&gt;'"),
            ("Tom & Jerry", "Tom &#38; Jerry"),
            ("a&lt;b", "a&#38;lt;b"),
            ("&amp;", "&amp;amp;"),
            ("& &", "&amp; &#38;"),
            (" a\nb\n ", " a\nb&#010;&#032;"),
        ] {
            assert_eq!(text(name.as_bytes()).into_string(), written, "{name:?}");
        }
        assert_eq!(text(b"\xff.mp4").into_string(), "\u{fffd}.mp4");
    }
}
