//! Descriptions of files for the tests of the pages.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::media::Description;
use crate::media::description::{Chapter, Codec, Container, Cover, Dimensions, Faststart, Track, TrackKind};
use crate::site::{AccessRules, Folder, FolderEntry, Listing, Site};

/// A content folder that has been scanned, and its entries.
pub fn site(content: &Path) -> (Site, Arc<Folder>) {
    let site = Site::scan(content, AccessRules::new([]).expect("no further folders")).expect("it opens");
    let Ok(Listing::Read(folder)) = site.list(b"") else { panic!("it is read") };
    (site, folder)
}

/// A file in a content folder.
pub fn entry(content: &Path, name: &str) -> FolderEntry {
    site(content).1.get(name.as_bytes()).expect("it is listed").clone()
}

pub fn video(parameter: &str, name: &'static str) -> Track {
    track(TrackKind::Video(Dimensions { width: 1920, height: 1080 }), parameter, name)
}

pub fn audio(parameter: &str, name: &'static str, channels: u16) -> Track {
    track(TrackKind::Audio { channels }, parameter, name)
}

fn track(kind: TrackKind, parameter: &str, name: &'static str) -> Track {
    Track { kind, codec: Codec { parameter: parameter.into(), name }, language: None, title: None, is_default: false }
}

/// A film with two languages, chapters and a cover, whose index lies behind its media data.
pub fn film() -> Description {
    let english = Track { language: Some("en".into()), is_default: true, ..audio("ac-3", "Dolby Digital (AC-3)", 6) };
    let german = Track { language: Some("de".into()), title: Some("<Kino>".into()), ..audio("mp4a.40.2", "AAC", 2) };
    let chapter = |seconds, title: &str| Chapter { start: Duration::from_millis(seconds), title: title.into() };
    Description {
        container: Some(Container::Mp4),
        duration: Some(Duration::from_millis(6_127_500)),
        title: Some("A \"film\"".into()),
        tracks: vec![video("avc1.64001f", "H.264"), english, german],
        chapters: vec![chapter(0, "Start & <go>"), chapter(90_500, "")],
        cover: Some(Cover { bytes: 1000..3000, content_type: "image/jpeg" }),
        faststart: Faststart::Possible,
        ..Description::default()
    }
}

/// A piece of music with tags.
pub fn song() -> Description {
    Description {
        container: Some(Container::Flac),
        duration: Some(Duration::from_secs(185)),
        title: Some("Slow <Train>".into()),
        artist: Some("The \"Rails\"".into()),
        album: Some("Night".into()),
        tracks: vec![audio("flac", "FLAC", 2)],
        ..Description::default()
    }
}
