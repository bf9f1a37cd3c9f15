//! Files that belong to another by their name: subtitles and pictures beside a film.
//!
//! Names are bytes and are compared without regard to the case of ASCII letters. Subtitles are
//! matched as rclone's DLNA server does (`cmd/serve/dlna/cds.go`), pictures as Kodi does
//! (<https://kodi.wiki/view/Movie_artwork>).

use std::collections::HashSet;

use super::language::Language;

/// Extensions of subtitles that browsers can be given.
const SUBTITLES: [&[u8]; 2] = [b"srt", b"vtt"];

/// Extensions of pictures, the preferred first.
const PICTURES: [&[u8]; 4] = [b"jpg", b"jpeg", b"png", b"webp"];

/// What a picture of a film has after its stem, the preferred first.
const OF_A_FILM: [&[u8]; 3] = [b"", b"-poster", b"-thumb"];

/// Stems of a picture of a folder, the preferred first.
const OF_A_FOLDER: [&[u8]; 3] = [b"poster", b"folder", b"cover"];

/// The label of subtitles whose name says nothing more.
const PLAIN: &str = "Subtitles";

/// A file of subtitles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sidecar<'a> {
    pub name: &'a [u8],
    /// A BCP 47 tag, as `srclang` takes it: `pt-BR`.
    pub language: Option<String>,
    /// For a menu, in English: `Portuguese (BR, forced)`. It can contain any text of the name.
    pub label: String,
    /// Only what the sound does not tell in the film's own language: signs, foreign speech.
    pub forced: bool,
    /// Describes sounds as well, for the deaf and hard of hearing.
    pub hearing_impaired: bool,
}

/// The subtitles of a film among the names in its folder: `film.srt`, `film.de.srt`,
/// `film.de.forced.vtt`. Those whose name says no more come first, then by label.
///
/// `film.2.srt` belongs to `film.2.mp4` if there is one, and to `film.mp4` otherwise.
pub fn subtitles<'a>(film: &[u8], names: impl Iterator<Item = &'a [u8]>) -> Vec<Sidecar<'a>> {
    let (_, kind) = split_extension(film);
    let mut candidates = Vec::new();
    // What films of the same kind have after this film's stem.
    let mut others = HashSet::new();
    for name in names {
        let (stem, extension) = split_extension(name);
        let Some(tags) = tags(film, stem) else { continue };
        if rank(&SUBTITLES, extension).is_some() {
            candidates.push((name, tags));
        } else if !tags.is_empty() && extension.eq_ignore_ascii_case(kind) {
            others.insert(tags.to_ascii_lowercase());
        }
    }
    candidates.retain(|(_, tags)| {
        let tags = tags.to_ascii_lowercase();
        let mut ends = (1..=tags.len()).filter(|&end| tags.get(end).is_none_or(|&byte| byte == b'.'));
        !ends.any(|end| others.contains(&tags[..end]))
    });
    sorted(candidates.into_iter().map(|(name, tags)| Sidecar::new(name, tags)))
}

/// The subtitles of a film among the names in a folder `Subs` beside it: those named after the
/// film, and `English.srt` or `2_English.srt`, which are taken for any film.
pub fn subtitles_in_subs<'a>(film: &[u8], names: impl Iterator<Item = &'a [u8]>) -> Vec<Sidecar<'a>> {
    sorted(names.filter_map(|name| {
        let (stem, extension) = split_extension(name);
        rank(&SUBTITLES, extension)?;
        match tags(film, stem) {
            Some(tags) => Some(Sidecar::new(name, tags)),
            None => Sidecar::of_any_film(name, stem),
        }
    }))
}

/// The picture of a film among the names in its folder: `film.jpg`, `film-poster.png`,
/// `film-thumb.webp`, in this order.
pub fn thumbnail<'a>(film: &[u8], names: impl Iterator<Item = &'a [u8]>) -> Option<&'a [u8]> {
    let (stem, _) = split_extension(film);
    picture(names.filter(|name| *name != film), |other| rank(&OF_A_FILM, strip_prefix(other, stem)?))
}

/// What follows the stem of a film in the names of its pictures, in lower case.
pub fn thumbnail_endings() -> impl Iterator<Item = Vec<u8>> {
    OF_A_FILM.iter().flat_map(|tag| PICTURES.iter().map(move |extension| [tag, &b"."[..], extension].concat()))
}

/// The picture of a folder among the names in it: `poster.jpg`, `folder.png`, `cover.webp`, in this
/// order.
pub fn folder_cover<'a>(names: impl Iterator<Item = &'a [u8]>) -> Option<&'a [u8]> {
    picture(names, |stem| rank(&OF_A_FOLDER, stem))
}

impl<'a> Sidecar<'a> {
    /// Reads what a name has between the film's and its extension, as `.de.forced`. The first
    /// language counts; what has no known meaning is shown in the label.
    fn new(name: &'a [u8], tags: &[u8]) -> Self {
        let tags = String::from_utf8_lossy(tags);
        let mut language: Option<Language> = None;
        let (mut forced, mut hearing_impaired) = (false, false);
        let mut notes: Vec<String> = Vec::new();
        for part in tags.split('.') {
            let mut unknown = Vec::new();
            for word in words(part) {
                match Word::parse(word) {
                    Some(Word::Forced) => forced = true,
                    Some(Word::HearingImpaired) => hearing_impaired = true,
                    Some(Word::Default) => {}
                    Some(Word::Language(found)) if language.is_none() => language = Some(found),
                    // Hindi, unless it follows a language: `film.en.hi.srt`.
                    Some(Word::Language(found)) if found.tag == "hi" => hearing_impaired = true,
                    Some(Word::Language(_)) | None => unknown.push(word),
                }
            }
            notes.extend(Some(unknown.join(" ")).filter(|note| !note.is_empty()));
        }
        let mut details = notes.into_iter();
        let (title, tag, variety) = match language {
            Some(Language { tag, name, variety }) => (name.into(), Some(tag), variety),
            None => {
                let title = details.next().unwrap_or_else(|| PLAIN.into());
                // ISO 639 has thousands of codes more.
                let is_code = matches!(title.len(), 2 | 3) && title.bytes().all(|byte| byte.is_ascii_alphabetic());
                let tag = is_code.then(|| title.to_ascii_lowercase());
                (title, tag, String::new())
            }
        };
        let flags = [("forced", forced), ("hearing impaired", hearing_impaired)];
        let flags = flags.into_iter().filter(|(_, is_set)| *is_set).map(|(flag, _)| flag.into());
        let details: Vec<String> =
            [variety].into_iter().filter(|variety| !variety.is_empty()).chain(details).chain(flags).collect();
        let label = if details.is_empty() { title } else { format!("{title} ({})", details.join(", ")) };
        Sidecar { name, language: tag, label, forced, hearing_impaired }
    }

    /// Reads `2_English` or `English.forced`: up to the first point every word is known, and one
    /// of all words is a language.
    fn of_any_film(name: &'a [u8], stem: &[u8]) -> Option<Self> {
        let digits = stem.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let tags = stem[digits..].strip_prefix(b"_").unwrap_or(stem);
        let first = tags.split(|&byte| byte == b'.').next()?;
        let is_known = words(str::from_utf8(first).ok()?).all(|word| Word::parse(word).is_some());
        let has_language =
            |tag: &[u8]| words(&String::from_utf8_lossy(tag)).any(|word| Language::parse(word).is_some());
        (is_known && tags.split(|&byte| byte == b'.').any(has_language)).then(|| Sidecar::new(name, tags))
    }
}

/// A word in the name of subtitles that has a meaning.
enum Word {
    Forced,
    HearingImpaired,
    /// Shown by players without a menu; not part of a label.
    Default,
    Language(Language),
}

impl Word {
    fn parse(word: &str) -> Option<Self> {
        match &*word.to_ascii_lowercase() {
            "forced" | "foreign" => Some(Word::Forced),
            "sdh" | "cc" => Some(Word::HearingImpaired),
            "default" => Some(Word::Default),
            _ => Language::parse(word).map(Word::Language),
        }
    }
}

/// `English (SDH)` are two words.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_between = |letter: char| letter.is_whitespace() || matches!(letter, '(' | ')' | '[' | ']');
    text.split(is_between).filter(|word| !word.is_empty())
}

fn sorted<'a>(found: impl Iterator<Item = Sidecar<'a>>) -> Vec<Sidecar<'a>> {
    let mut found: Vec<_> = found.collect();
    found.sort_by(|one, other| {
        (one.label != PLAIN, &one.label, one.name).cmp(&(other.label != PLAIN, &other.label, other.name))
    });
    found
}

/// What a stem has after that of a film, or after its name (`film.mp4.srt`): nothing, or tags from
/// their first point on.
fn tags<'a>(film: &[u8], stem: &'a [u8]) -> Option<&'a [u8]> {
    let tags = strip_prefix(stem, film).or_else(|| strip_prefix(stem, split_extension(film).0))?;
    matches!(tags, [] | [b'.', ..]).then_some(tags)
}

/// The picture that ranks first by its stem, then by its extension.
fn picture<'a>(names: impl Iterator<Item = &'a [u8]>, rank_of: impl Fn(&[u8]) -> Option<usize>) -> Option<&'a [u8]> {
    let ranked = names.filter_map(|name| {
        let (stem, extension) = split_extension(name);
        Some((rank_of(stem)?, rank(&PICTURES, extension)?, name))
    });
    ranked.min().map(|(_, _, name)| name)
}

/// The position of a name in a list, whatever its case.
fn rank(names: &[&[u8]], name: &[u8]) -> Option<usize> {
    names.iter().position(|other| other.eq_ignore_ascii_case(name))
}

fn strip_prefix<'a>(name: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = name.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// A name up to its last point, and what follows it.
pub fn split_extension(name: &[u8]) -> (&[u8], &[u8]) {
    match name.iter().rposition(|&byte| byte == b'.') {
        Some(point) => (&name[..point], &name[point + 1..]),
        None => (name, b""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found<'a>(sidecars: &'a [Sidecar]) -> Vec<(&'a str, &'a str, &'a str)> {
        let texts = sidecars.iter().map(|sidecar| {
            let name = str::from_utf8(sidecar.name).expect("the tables are UTF-8");
            (name, sidecar.language.as_deref().unwrap_or("-"), &*sidecar.label)
        });
        texts.collect()
    }

    fn bytes<'a>(names: &'a [&str]) -> impl Iterator<Item = &'a [u8]> {
        names.iter().map(|name| name.as_bytes())
    }

    #[test]
    fn a_name_tells_language_and_purpose() {
        for (name, language, label) in [
            ("film.srt", "-", "Subtitles"),
            ("film.VTT", "-", "Subtitles"),
            ("FILM.srt", "-", "Subtitles"),
            ("film.mp4.srt", "-", "Subtitles"),
            ("film.default.srt", "-", "Subtitles"),
            ("film..srt", "-", "Subtitles"),
            ("film.de.srt", "de", "German"),
            ("film.GER.srt", "de", "German"),
            ("film.German.srt", "de", "German"),
            ("film.mp4.de.srt", "de", "German"),
            ("film.de.forced.srt", "de", "German (forced)"),
            ("film.forced.de.srt", "de", "German (forced)"),
            ("film.de.foreign.srt", "de", "German (forced)"),
            ("film.forced.srt", "-", "Subtitles (forced)"),
            ("film.en.sdh.srt", "en", "English (hearing impaired)"),
            ("film.en.CC.srt", "en", "English (hearing impaired)"),
            ("film.en.hi.srt", "en", "English (hearing impaired)"),
            ("film.English (SDH).srt", "en", "English (hearing impaired)"),
            ("film.hi.srt", "hi", "Hindi"),
            ("film.en.sdh.forced.srt", "en", "English (forced, hearing impaired)"),
            ("film.pt-BR.vtt", "pt-BR", "Portuguese (BR)"),
            ("film.pt_br.forced.vtt", "pt-BR", "Portuguese (BR, forced)"),
            ("film.zh-hans.srt", "zh-Hans", "Chinese (Hans)"),
            ("film.en.fr.srt", "en", "English (fr)"),
            ("film.en.directors cut.srt", "en", "English (directors cut)"),
            ("film.xx.srt", "xx", "xx"),
            ("film.GSW.forced.srt", "gsw", "GSW (forced)"),
            ("film.commentary.srt", "-", "commentary"),
            ("film.<b>.srt", "-", "<b>"),
        ] {
            let sidecars = subtitles(b"film.mp4", [name.as_bytes()].into_iter());
            assert_eq!(found(&sidecars), [(name, language, label)]);
            let [sidecar] = &sidecars[..] else { unreachable!("it was compared") };
            assert_eq!(sidecar.forced, label.contains("forced"), "{name}");
            assert_eq!(sidecar.hearing_impaired, label.contains("impaired"), "{name}");
        }
    }

    #[test]
    fn other_names_are_no_subtitles_of_a_film() {
        for name in [
            "film",
            "film.mp4",
            "film.jpg",
            "film.de.txt",
            "srt",
            ".srt",
            "film2.srt",
            "film-de.srt",
            "fil.srt",
            "other.srt",
        ] {
            assert_eq!(subtitles(b"film.mp4", [name.as_bytes()].into_iter()), [], "{name}");
        }
    }

    #[test]
    fn subtitles_of_another_film_are_not_taken() {
        let names = [
            "film.2.mp4",
            "film.2.srt",
            "film.2.de.srt",
            "Film.Extended.MP4",
            "film.extended.srt",
            "film.3.srt",
            "film.en.mkv",
            "film.en.srt",
            "film.mp4",
            "film.srt",
        ];
        let sidecars = subtitles(b"film.mp4", bytes(&names));
        let expected = [("film.srt", "-", "Subtitles"), ("film.3.srt", "-", "3"), ("film.en.srt", "en", "English")];
        assert_eq!(found(&sidecars), expected);
        let sidecars = subtitles(b"film.2.mp4", bytes(&names));
        assert_eq!(found(&sidecars), [("film.2.srt", "-", "Subtitles"), ("film.2.de.srt", "de", "German")]);
    }

    #[test]
    fn subtitles_are_ordered_by_label_the_plain_ones_first() {
        let names = ["film.tr.srt", "film.en.vtt", "film.en.srt", "film.vtt", "film.aa.srt", "film.en.forced.srt"];
        let sidecars = subtitles(b"film.mp4", bytes(&names));
        let names: Vec<&str> = found(&sidecars).into_iter().map(|(name, ..)| name).collect();
        let expected = ["film.vtt", "film.en.srt", "film.en.vtt", "film.en.forced.srt", "film.tr.srt", "film.aa.srt"];
        assert_eq!(names, expected);
    }

    #[test]
    fn a_folder_of_subtitles_names_languages_alone() {
        for (name, expected) in [
            ("2_English.srt", Some(("en", "English"))),
            ("English.srt", Some(("en", "English"))),
            ("eng.srt", Some(("en", "English"))),
            ("3_English (SDH).srt", Some(("en", "English (hearing impaired)"))),
            ("SDH.eng.HI.srt", Some(("en", "English (hearing impaired)"))),
            ("4_pt-BR.forced.vtt", Some(("pt-BR", "Portuguese (BR, forced)"))),
            ("film.de.srt", Some(("de", "German"))),
            ("film.srt", Some(("-", "Subtitles"))),
            ("other.de.srt", None),
            ("Italian Job.de.srt", None),
            ("forced.srt", None),
            ("2.srt", None),
            ("2_.srt", None),
            ("2_English.txt", None),
            (".srt", None),
        ] {
            let sidecars = subtitles_in_subs(b"film.mp4", [name.as_bytes()].into_iter());
            let expected: Vec<_> = expected.into_iter().map(|(language, label)| (name, language, label)).collect();
            assert_eq!(found(&sidecars), expected, "{name}");
        }
    }

    #[test]
    fn names_that_are_no_text_are_matched_byte_by_byte() {
        let sidecars = subtitles(b"f\xff.mp4", [&b"f\xff.de.srt"[..], b"f\xfe.de.srt", b"f\xff.\xfd.srt"].into_iter());
        let labels: Vec<_> = sidecars.iter().map(|sidecar| (sidecar.name, &*sidecar.label)).collect();
        assert_eq!(labels, [(&b"f\xff.de.srt"[..], "German"), (b"f\xff.\xfd.srt", "\u{fffd}")]);
    }

    #[test]
    fn the_preferred_picture_of_a_film_is_found() {
        for (names, expected) in [
            (&["film.webp", "film-poster.jpg", "film.JPEG", "film-thumb.jpg"][..], Some("film.JPEG")),
            (&["film-thumb.jpg", "FILM-Poster.png"], Some("FILM-Poster.png")),
            (&["film-thumb.webp"], Some("film-thumb.webp")),
            (&["film.mp4", "film.gif", "film-fanart.jpg", "film2.jpg", "poster.jpg", "film"], None),
            (&[], None),
        ] {
            let found = thumbnail(b"film.mp4", bytes(names));
            assert_eq!(found, expected.map(str::as_bytes), "{names:?}");
        }
        assert_eq!(thumbnail(b"film.jpg", bytes(&["film.jpg"])), None, "a picture is not beside itself");
    }

    #[test]
    fn the_preferred_picture_of_a_folder_is_found() {
        for (names, expected) in [
            (&["cover.jpg", "Folder.jpg", "poster.webp", "poster.PNG"][..], Some("poster.PNG")),
            (&["cover.jpg", "Folder.jpg"], Some("Folder.jpg")),
            (&["cover.jpeg"], Some("cover.jpeg")),
            (&["covers.jpg", "cover", "cover.mp4", "film.jpg"], None),
        ] {
            assert_eq!(folder_cover(bytes(names)), expected.map(str::as_bytes), "{names:?}");
        }
    }
}
