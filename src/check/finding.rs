//! What is wrong with a file, and what mends it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::extension;
use super::printable::shell_word;
use crate::bytes::Bytes;
use crate::media::Description;
use crate::media::description::{Container, Faststart, Fault, Track, TrackKind};
use crate::site::media_type;

/// One thing that is wrong.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    /// Relative to the content folder.
    pub path: Vec<u8>,
    pub kind: Kind,
    pub sentence: String,
    /// A command for a shell that mends it, or a copy of the file.
    pub fix: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    MoovBehind,
    Truncated,
    Empty,
    WrongExtension,
    Unreadable,
    Codec,
    Encrypted,
    Malformed,
    LinkOut,
    BrokenLink,
}

impl Kind {
    /// In a few words for people; programs read it with hyphens.
    pub fn name(self) -> &'static str {
        match self {
            Kind::MoovBehind => "moov behind",
            Kind::Truncated => "truncated",
            Kind::Empty => "empty",
            Kind::WrongExtension => "wrong extension",
            Kind::Unreadable => "unreadable",
            Kind::Codec => "codec",
            Kind::Encrypted => "encrypted",
            Kind::Malformed => "malformed",
            Kind::LinkOut => "link leads out",
            Kind::BrokenLink => "broken link",
        }
    }
}

/// What is wrong with a file. `content` is the folder to which its path is relative.
pub fn of_file(content: &Path, path: &[u8], description: &Description) -> Vec<Finding> {
    let content_type = media_type(path);
    let essence = content_type.split(';').next().unwrap_or_default();
    let is_media = ["audio/", "video/", "image/"].iter().any(|start| essence.starts_with(start));
    let mut findings = Vec::new();
    let mut add = |kind, sentence, fix| findings.push(Finding { path: path.to_vec(), kind, sentence, fix });
    for fault in &description.faults {
        match fault {
            Fault::Empty if is_media => add(Kind::Empty, "It has no bytes. Copy it again.".into(), None),
            Fault::Empty => {}
            Fault::Truncated { missing } => {
                let missing = Bytes(*missing);
                let sentence = format!("It ends too early: {missing} or more are missing. Copy it again.");
                add(Kind::Truncated, sentence, None);
            }
            Fault::Malformed(reason) => {
                add(Kind::Malformed, format!("Players may not understand it: {}.", reason.trim_end_matches('.')), None);
            }
            Fault::Encrypted => add(Kind::Encrypted, "It is encrypted: only a licensed player plays it.".into(), None),
        }
    }
    let extension = extension::right_one(essence, description);
    if let (Some(extension), Some(container)) = (extension, description.container) {
        let sentence = format!("Its name stands for {essence}, its content is {}.", container.name());
        let [from, to] = [word(content, path), word(content, &with_extension(path, extension))];
        add(Kind::WrongExtension, sentence, Some(format!("mv -n {from} {to}")));
    }
    let moved = match description.faststart {
        Faststart::NotNeeded => None,
        Faststart::Possible => {
            Some("reeld moves it on the way out if ?faststart is in the address, or with --faststart.".to_string())
        }
        Faststart::Impossible(reason) => {
            Some(format!("reeld cannot move it on the way out: {}.", reason.trim_end_matches('.')))
        }
    };
    if let Some(moved) = moved {
        let sentence = format!("Its index (moov) lies behind the media data, so players begin late. {moved}");
        // MP4 has no place for what some cameras write: PCM and time codes.
        let extension = if description.container == Some(Container::QuickTime) { "mov" } else { "mp4" };
        let command = ffmpeg(content, path, "-c copy -map 0 -movflags +faststart", extension);
        let [from, to] = [word(content, &copy_of(path, extension)), word(content, path)];
        add(Kind::MoovBehind, sentence, Some(format!("{command} && mv {from} {to}")));
    }
    let codecs = description.codecs_that_differ();
    // What is encrypted cannot be converted either.
    if !codecs.is_empty() && !description.faults.contains(&Fault::Encrypted) {
        add(
            Kind::Codec,
            format!("Not every browser plays {}.", codecs.join(", ")),
            conversion(content, path, description),
        );
    }
    findings
}

/// The command that converts what not every browser plays; None for pictures.
fn conversion(content: &Path, path: &[u8], description: &Description) -> Option<String> {
    let is_lacking = |is_kind: fn(&TrackKind) -> bool| {
        description.tracks.iter().any(|track: &Track| is_kind(&track.kind) && !track.plays_everywhere())
    };
    let video = if is_lacking(|kind| matches!(kind, TrackKind::Video(_))) { " -c:v libx264" } else { "" };
    let audio = if is_lacking(|kind| matches!(kind, TrackKind::Audio { .. })) { " -c:a aac" } else { "" };
    match description.container? {
        Container::Heic | Container::Tiff => None,
        Container::Matroska => Some(ffmpeg(content, path, &format!("-map 0 -c copy{video}{audio}"), "mkv")),
        // Of these the codecs are not known.
        container if !container.plays_everywhere() && description.tracks.is_empty() => {
            Some(ffmpeg(content, path, "-c:v libx264 -c:a aac -movflags +faststart", "mp4"))
        }
        _ => {
            // MP4 cannot hold every kind of subtitles.
            let tracks = "-map '0:v?' -map '0:a?' -c copy";
            Some(ffmpeg(content, path, &format!("{tracks}{video}{audio} -movflags +faststart"), "mp4"))
        }
    }
}

/// The command that writes a changed copy beside the file. It replaces no other file, and does not
/// read the commands behind it in a script.
fn ffmpeg(content: &Path, path: &[u8], options: &str, extension: &str) -> String {
    format!("ffmpeg -nostdin -i {} {options} {}", word(content, path), word(content, &copy_of(path, extension)))
}

/// The name of a changed copy.
fn copy_of(path: &[u8], extension: &str) -> Vec<u8> {
    with_extension(path, &format!("new.{extension}"))
}

/// The file as a word of a command, from the folder where reeld was started.
fn word(content: &Path, path: &[u8]) -> String {
    let path = content.join(OsStr::from_bytes(path));
    let bytes = path.as_os_str().as_bytes();
    // ffmpeg takes what precedes a colon for a protocol, and programs a hyphen for an option.
    let first = bytes.split(|&byte| byte == b'/').next().unwrap_or_default();
    let is_plain = !first.starts_with(b"-") && !first.contains(&b':');
    shell_word(&if is_plain { bytes.to_vec() } else { [b"./", bytes].concat() })
}

fn with_extension(path: &[u8], extension: &str) -> Vec<u8> {
    Path::new(OsStr::from_bytes(path)).with_extension(extension).into_os_string().as_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::description::{Codec, Dimensions};

    fn found(content: &str, path: &[u8], description: &Description) -> Vec<(&'static str, String, String)> {
        let findings = of_file(Path::new(content), path, description).into_iter();
        findings.map(|found| (found.kind.name(), found.sentence, found.fix.unwrap_or_default())).collect()
    }

    fn track(kind: TrackKind, parameter: &str, name: &'static str) -> Track {
        let codec = Codec { parameter: parameter.into(), name };
        Track { kind, codec, language: None, title: None, is_default: true }
    }

    fn video(parameter: &str, name: &'static str) -> Track {
        track(TrackKind::Video(Dimensions { width: 4, height: 2 }), parameter, name)
    }

    fn audio(parameter: &str, name: &'static str) -> Track {
        track(TrackKind::Audio { channels: 2 }, parameter, name)
    }

    #[test]
    fn each_fault_is_a_finding_of_its_own() {
        let with = |faults: Vec<Fault>| Description { faults, ..Description::default() };
        for (path, description, kind, sentence) in [
            ("a.mp4", with(vec![Fault::Empty]), "empty", "It has no bytes. Copy it again."),
            (
                "a.mp4",
                with(vec![Fault::Truncated { missing: 3 << 20 }]),
                "truncated",
                "It ends too early: 3 MiB or more are missing. Copy it again.",
            ),
            (
                "a.mp4",
                with(vec![Fault::Malformed("A box is too long.")]),
                "malformed",
                "Players may not understand it: A box is too long.",
            ),
            ("a.mp4", with(vec![Fault::Encrypted]), "encrypted", "It is encrypted: only a licensed player plays it."),
        ] {
            assert_eq!(found("c", path.as_bytes(), &description), [(kind, sentence.into(), String::new())]);
        }
        // A text may be empty, and a name without a type says nothing.
        for path in ["a.txt", "a.srt", "a"] {
            assert_eq!(found("c", path.as_bytes(), &with(vec![Fault::Empty])), []);
        }
        assert_eq!(found("c", b"a.mp4", &with(vec![Fault::Encrypted, Fault::Truncated { missing: 1 }])).len(), 2);
        assert_eq!(found("c", b"a.mp4", &Description::default()), []);
        let encrypted = Description { tracks: vec![video("encv", "encrypted")], ..with(vec![Fault::Encrypted]) };
        assert_eq!(found("c", b"a.mp4", &encrypted).len(), 1);
    }

    #[test]
    fn an_index_behind_comes_with_the_command_that_moves_it() {
        let start = "Its index (moov) lies behind the media data, so players begin late. reeld ";
        for (faststart, end) in [
            (Faststart::Possible, "moves it on the way out if ?faststart is in the address, or with --faststart."),
            (Faststart::Impossible("It is fragmented."), "cannot move it on the way out: It is fragmented."),
        ] {
            let description = Description { container: Some(Container::Mp4), faststart, ..Description::default() };
            let (file, copy) = ("'c/d/it'\\''s.mp4'", "'c/d/it'\\''s.new.mp4'");
            let fix =
                format!("ffmpeg -nostdin -i {file} -c copy -map 0 -movflags +faststart {copy} && mv {copy} {file}");
            let expected = ("moov behind", format!("{start}{end}"), fix);
            assert_eq!(found("c/", b"d/it's.mp4", &description), [expected]);
        }
    }

    #[test]
    fn no_path_is_taken_for_an_option_or_a_protocol() {
        let faststart = Faststart::Possible;
        let description = Description { container: Some(Container::Mp4), faststart, ..Description::default() };
        for (content, path, word) in [
            ("-films", "a.mp4", "'./-films/a.mp4'"),
            ("http:", "a.mp4", "'./http:/a.mp4'"),
            ("", "-y:.mp4", "'./-y:.mp4'"),
            (".", "-y:.mp4", "'./-y:.mp4'"),
            ("/srv/a:b", "-y.mp4", "'/srv/a:b/-y.mp4'"),
            ("c", "a\n'.mp4", "$'c/a\\012\\'.mp4'"),
        ] {
            let fix = &found(content, path.as_bytes(), &description)[0].2;
            assert!(fix.starts_with(&format!("ffmpeg -nostdin -i {word} ")), "{fix}");
        }
    }

    #[test]
    fn a_wrong_extension_comes_with_the_right_one() {
        let film = vec![video("avc1.64001f", "H.264")];
        let description =
            |container, tracks| Description { container: Some(container), tracks, ..Description::default() };
        for (path, description, named, fix) in [
            (
                "a.mp4",
                description(Container::Matroska, film.clone()),
                "video/mp4, its content is Matroska",
                "mv -n 'c/a.mp4' 'c/a.mkv'",
            ),
            (
                "a.mp4",
                description(Container::Matroska, vec![]),
                "video/mp4, its content is Matroska",
                "mv -n 'c/a.mp4' 'c/a.mka'",
            ),
            (
                "d.e/a.aac",
                description(Container::Mp4, vec![]),
                "audio/aac, its content is MP4",
                "mv -n 'c/d.e/a.aac' 'c/d.e/a.m4a'",
            ),
            ("a.txt", description(Container::Mp4, film), "text/plain, its content is MP4", "mv -n 'c/a.txt' 'c/a.mp4'"),
        ] {
            let sentence = format!("Its name stands for {named}.");
            assert_eq!(found("c", path.as_bytes(), &description), [("wrong extension", sentence, fix.to_string())]);
        }
    }

    #[test]
    fn only_the_tracks_that_browsers_lack_are_converted() {
        for (container, tracks, named, options) in [
            (
                Container::Mp4,
                vec![video("hvc1.1.6.L120.B0", "HEVC"), audio("mp4a.40.2", "AAC")],
                "HEVC",
                "-map '0:v?' -map '0:a?' -c copy -c:v libx264 -movflags +faststart 'c/a.new.mp4'",
            ),
            (
                Container::Mp4,
                vec![video("avc1.64001f", "H.264"), audio("ac-3", "AC-3"), audio("dtsc", "DTS")],
                "AC-3, DTS",
                "-map '0:v?' -map '0:a?' -c copy -c:a aac -movflags +faststart 'c/a.new.mp4'",
            ),
            (
                Container::Matroska,
                vec![video("hvc1", "HEVC"), audio("ec-3", "E-AC-3")],
                "HEVC, E-AC-3",
                "-map 0 -c copy -c:v libx264 -c:a aac 'c/a.new.mkv'",
            ),
            (Container::MpegTs, vec![], "MPEG-TS", "-c:v libx264 -c:a aac -movflags +faststart 'c/a.new.mp4'"),
        ] {
            let name = if container == Container::MpegTs { "a.ts" } else { "a.mp4" };
            let description = Description { container: Some(container), tracks, ..Description::default() };
            let findings = found("c", name.as_bytes(), &description);
            let (kind, sentence, fix) = findings.last().expect("one");
            assert_eq!((*kind, &**sentence), ("codec", &*format!("Not every browser plays {named}.")));
            assert_eq!(*fix, format!("ffmpeg -nostdin -i 'c/{name}' {options}"));
        }
        let picture = Description { container: Some(Container::Heic), ..Description::default() };
        assert_eq!(found("c", b"a.heic", &picture), [("codec", "Not every browser plays HEIC.".into(), String::new())]);
    }
}
