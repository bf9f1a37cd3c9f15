//! Languages as file names write them: by code, by BCP 47 tag, by English name.

/// A language that subtitles are in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Language {
    /// A BCP 47 tag, as `srclang` takes it: `pt-BR`.
    pub tag: String,
    /// In English: `Portuguese`.
    pub name: &'static str,
    /// What follows the language in the tag: `BR`.
    pub variety: String,
}

/// ISO 639-1, ISO 639-2/B (bibliographic), ISO 639-2/T (terminological), English name.
const LANGUAGES: [(&str, &str, &str, &str); 70] = [
    ("af", "afr", "afr", "Afrikaans"),
    ("ar", "ara", "ara", "Arabic"),
    ("az", "aze", "aze", "Azerbaijani"),
    ("be", "bel", "bel", "Belarusian"),
    ("bg", "bul", "bul", "Bulgarian"),
    ("bn", "ben", "ben", "Bengali"),
    ("bs", "bos", "bos", "Bosnian"),
    ("ca", "cat", "cat", "Catalan"),
    ("cs", "cze", "ces", "Czech"),
    ("cy", "wel", "cym", "Welsh"),
    ("da", "dan", "dan", "Danish"),
    ("de", "ger", "deu", "German"),
    ("el", "gre", "ell", "Greek"),
    ("en", "eng", "eng", "English"),
    ("eo", "epo", "epo", "Esperanto"),
    ("es", "spa", "spa", "Spanish"),
    ("et", "est", "est", "Estonian"),
    ("eu", "baq", "eus", "Basque"),
    ("fa", "per", "fas", "Persian"),
    ("fi", "fin", "fin", "Finnish"),
    ("fr", "fre", "fra", "French"),
    ("ga", "gle", "gle", "Irish"),
    ("gl", "glg", "glg", "Galician"),
    ("gu", "guj", "guj", "Gujarati"),
    ("he", "heb", "heb", "Hebrew"),
    ("hi", "hin", "hin", "Hindi"),
    ("hr", "hrv", "hrv", "Croatian"),
    ("hu", "hun", "hun", "Hungarian"),
    ("hy", "arm", "hye", "Armenian"),
    ("id", "ind", "ind", "Indonesian"),
    ("is", "ice", "isl", "Icelandic"),
    ("it", "ita", "ita", "Italian"),
    ("ja", "jpn", "jpn", "Japanese"),
    ("ka", "geo", "kat", "Georgian"),
    ("kk", "kaz", "kaz", "Kazakh"),
    ("km", "khm", "khm", "Khmer"),
    ("kn", "kan", "kan", "Kannada"),
    ("ko", "kor", "kor", "Korean"),
    ("la", "lat", "lat", "Latin"),
    ("lo", "lao", "lao", "Lao"),
    ("lt", "lit", "lit", "Lithuanian"),
    ("lv", "lav", "lav", "Latvian"),
    ("mk", "mac", "mkd", "Macedonian"),
    ("ml", "mal", "mal", "Malayalam"),
    ("mn", "mon", "mon", "Mongolian"),
    ("mr", "mar", "mar", "Marathi"),
    ("ms", "may", "msa", "Malay"),
    ("nb", "nob", "nob", "Norwegian Bokmål"),
    ("ne", "nep", "nep", "Nepali"),
    ("nl", "dut", "nld", "Dutch"),
    ("nn", "nno", "nno", "Norwegian Nynorsk"),
    ("no", "nor", "nor", "Norwegian"),
    ("pa", "pan", "pan", "Punjabi"),
    ("pl", "pol", "pol", "Polish"),
    ("pt", "por", "por", "Portuguese"),
    ("ro", "rum", "ron", "Romanian"),
    ("ru", "rus", "rus", "Russian"),
    ("sk", "slo", "slk", "Slovak"),
    ("sl", "slv", "slv", "Slovenian"),
    ("sq", "alb", "sqi", "Albanian"),
    ("sr", "srp", "srp", "Serbian"),
    ("sv", "swe", "swe", "Swedish"),
    ("sw", "swa", "swa", "Swahili"),
    ("ta", "tam", "tam", "Tamil"),
    ("te", "tel", "tel", "Telugu"),
    ("th", "tha", "tha", "Thai"),
    ("tr", "tur", "tur", "Turkish"),
    ("uk", "ukr", "ukr", "Ukrainian"),
    ("vi", "vie", "vie", "Vietnamese"),
    ("zh", "chi", "zho", "Chinese"),
];

impl Language {
    /// Reads `de`, `ger`, `deu`, `German`, or one of them with subtags, `pt-BR` or `pt_BR`, in any
    /// case. None for a language that is not among the 70 that are most used.
    pub fn parse(word: &str) -> Option<Self> {
        let (language, variety) = word.split_once(['-', '_']).unwrap_or((word, ""));
        let is_meant = |spelling: &str| spelling.eq_ignore_ascii_case(language);
        let (code, _, _, name) = LANGUAGES
            .into_iter()
            .find(|(code, old, new, name)| [code, old, new, name].into_iter().any(|spelling| is_meant(spelling)))?;
        let subtags: Vec<String> = variety.split(['-', '_']).map(conventional_case).collect();
        let is_well_formed = subtags
            .iter()
            .all(|subtag| (1..=8).contains(&subtag.len()) && subtag.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        match (variety, is_well_formed) {
            ("", _) => Some(Language { tag: code.into(), name, variety: String::new() }),
            (_, true) => {
                let variety = subtags.join("-");
                Some(Language { tag: format!("{code}-{variety}"), name, variety })
            }
            (_, false) => None,
        }
    }

    /// The BCP 47 tag for a code of ISO 639-2 or a tag, as media files have them. A language that
    /// is not among those most used keeps its code; None if the file does not say, `und` and the
    /// like.
    pub fn tag_of(code: &str) -> Option<String> {
        const UNSAID: [&str; 5] = ["", "und", "mis", "mul", "zxx"];
        let code = code.to_ascii_lowercase();
        let (language, _) = code.split_once(['-', '_']).unwrap_or((&code, ""));
        let is_code = (2..=3).contains(&language.len()) && language.bytes().all(|byte| byte.is_ascii_alphabetic());
        if UNSAID.contains(&language) || !is_code {
            return None;
        }
        Self::parse(&code).map(|known| known.tag).or_else(|| Some(language.to_string()))
    }
}

/// A subtag in the case that RFC 5646 section 2.1.1 recommends: regions `BR`, scripts `Hant`.
fn conventional_case(subtag: &str) -> String {
    match subtag.len() {
        2 => subtag.to_ascii_uppercase(),
        4 => {
            let mut subtag = subtag.to_ascii_lowercase();
            subtag.get_mut(..1).map(str::make_ascii_uppercase);
            subtag
        }
        _ => subtag.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_known_by_codes_and_name() {
        for (word, found) in [
            ("de", Some(("de", "German", ""))),
            ("ger", Some(("de", "German", ""))),
            ("deu", Some(("de", "German", ""))),
            ("GERMAN", Some(("de", "German", ""))),
            ("pt-BR", Some(("pt-BR", "Portuguese", "BR"))),
            ("pt_br", Some(("pt-BR", "Portuguese", "BR"))),
            ("por-br", Some(("pt-BR", "Portuguese", "BR"))),
            ("es-419", Some(("es-419", "Spanish", "419"))),
            ("ZH-HANT-tw", Some(("zh-Hant-TW", "Chinese", "Hant-TW"))),
            ("norwegian", Some(("no", "Norwegian", ""))),
            ("de-", Some(("de", "German", ""))),
            ("de--AT", None),
            ("de-éé", None),
            ("de-overlongsubtag", None),
            ("", None),
            ("-", None),
            ("d", None),
            ("xx", None),
            ("deutsch", None),
        ] {
            let language = Language::parse(word);
            let found = found.map(|(tag, name, variety)| Language { tag: tag.into(), name, variety: variety.into() });
            assert_eq!(language, found, "{word}");
        }
    }

    #[test]
    fn a_code_of_a_file_becomes_a_tag() {
        for (code, tag) in [
            ("ger", Some("de")),
            ("deu", Some("de")),
            ("eng", Some("en")),
            ("pt-br", Some("pt-BR")),
            ("gsw", Some("gsw")),
            ("gsw-CH", Some("gsw")),
            ("de-\"", Some("de")),
            ("und", None),
            ("mul", None),
            ("zxx", None),
            ("", None),
            ("a\"b", None),
            ("```", None),
            ("english", None),
        ] {
            assert_eq!(Language::tag_of(code).as_deref(), tag, "{code}");
        }
    }

    #[test]
    fn no_spelling_means_two_languages() {
        let mut spellings: Vec<&str> = Vec::new();
        for (code, old, new, name) in LANGUAGES {
            assert_eq!((code.len(), old.len(), new.len()), (2, 3, 3), "{name}");
            spellings.extend([code, old, name]);
            spellings.extend(Some(new).filter(|new| *new != old));
        }
        let count = spellings.len();
        spellings.sort_unstable();
        spellings.dedup();
        assert_eq!(spellings.len(), count);
    }
}
