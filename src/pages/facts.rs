//! What is known of a media file: in words for people, and as what scripts ask a browser about.

use std::time::Duration;

use maud::{Markup, html};

use crate::media::Description;
use crate::media::description::{Container, Track, TrackKind};
use crate::media::language::Language;

/// Duration, size of the picture and codecs, each if it is known: `1:42:07`, `1920×1080`, `H.264,
/// AAC`.
pub fn of(description: &Description) -> Vec<String> {
    let size = description.video().map(|(_, size)| size).or(description.dimensions);
    let mut names: Vec<&str> = Vec::new();
    for track in description.video().map(|(track, _)| track).into_iter().chain(description.audio_tracks()) {
        if !track.codec.name.is_empty() && !names.contains(&track.codec.name) {
            names.push(track.codec.name);
        }
    }
    let duration = description.duration.map(clock);
    let size = size.map(|size| format!("{}×{}", size.width, size.height));
    let codecs = (!names.is_empty()).then(|| names.join(", "));
    [duration, size, codecs].into_iter().flatten().collect()
}

/// A time as players show it: `3:05`, `1:42:07`.
pub fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds / 3600 {
        0 => format!("{}:{:02}", seconds / 60, seconds % 60),
        hours => format!("{hours}:{:02}:{:02}", seconds / 60 % 60, seconds % 60),
    }
}

/// What a piece of music is called by its tags, `Artist - Title`; None without a title.
pub fn song(description: &Description) -> Option<String> {
    let title = description.title.as_deref()?;
    Some(description.artist.as_deref().map_or_else(|| title.to_string(), |artist| format!("{artist} - {title}")))
}

/// What a page says of a file that not every browser plays. Its script removes it, or says what
/// this browser lacks.
pub fn doubt(description: &Description) -> Markup {
    html! {
        @if !description.codecs_that_differ().is_empty() { span .doubt { "May need VLC" } }
    }
}

/// The audio track that plays unless another is chosen, and its place counted from 1.
pub fn default_audio(description: &Description) -> Option<(usize, &Track)> {
    let tracks = || (1..).zip(description.audio_tracks());
    tracks().find(|(_, track)| track.is_default).or_else(|| tracks().next())
}

/// The codec parameters of the picture and of an audio track, for `codecs=` of a media type.
pub fn codecs(description: &Description, audio: Option<&Track>) -> Option<String> {
    let video = description.video().map(|(track, _)| track);
    let parameters: Vec<&str> = video.into_iter().chain(audio).map(|track| &*track.codec.parameter).collect();
    (!parameters.is_empty()).then(|| parameters.join(", "))
}

/// The media type to ask a browser about, `video/mp4; codecs="avc1.64001f, mp4a.40.2"`; None if the
/// container is not known.
pub fn media_type(description: &Description, audio: Option<&Track>) -> Option<String> {
    let container = description.container?;
    let content_type = container.content_type(description.video().is_some());
    // Their names stand for what is in them, and browsers know no other.
    let says_all = matches!(container, Container::Mp3 | Container::Aac | Container::Flac | Container::Wav);
    match codecs(description, audio) {
        Some(codecs) if !says_all => Some(format!("{content_type}; codecs=\"{codecs}\"")),
        _ => Some(content_type.to_string()),
    }
}

/// The name of the codec of the picture.
pub fn video_codec(description: &Description) -> Option<&'static str> {
    description.video().map(|(track, _)| track.codec.name)
}

/// An audio track in a menu: `English · Dolby Digital (AC-3) · 5.1 · Commentary`. One whose
/// language is not known is called after its place, counted from 1.
pub fn audio_label(track: &Track, place: usize) -> String {
    let TrackKind::Audio { channels } = track.kind else { return String::new() };
    let language = track.language.as_deref().map_or_else(|| format!("Track {place}"), language_name);
    let channels = match channels {
        0 => String::new(),
        1 => "mono".to_string(),
        2 => "stereo".to_string(),
        6 => "5.1".to_string(),
        8 => "7.1".to_string(),
        count => format!("{count} channels"),
    };
    let parts = [&*language, track.codec.name, &*channels, track.title.as_deref().unwrap_or_default()];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ")
}

/// A language in English, or its tag if it is rare.
fn language_name(tag: &str) -> String {
    match Language::parse(tag) {
        Some(Language { name, variety, .. }) if variety.is_empty() => name.to_string(),
        Some(Language { name, variety, .. }) => format!("{name} ({variety})"),
        None => tag.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::sample::{self, audio, video};

    #[test]
    fn a_file_is_described_in_words() {
        for (description, facts) in [
            (sample::film(), &["1:42:07", "1920×1080", "H.264, Dolby Digital (AC-3), AAC"][..]),
            (sample::song(), &["3:05", "FLAC"]),
            (Description::default(), &[]),
        ] {
            assert_eq!(of(&description), facts);
        }
        for (seconds, shown) in [(0, "0:00"), (59, "0:59"), (60, "1:00"), (3599, "59:59"), (3600, "1:00:00")] {
            assert_eq!(clock(Duration::from_secs(seconds)), shown);
        }
    }

    #[test]
    fn a_browser_is_asked_about_container_picture_and_one_sound() {
        let film = sample::film();
        let types: Vec<_> = film.audio_tracks().map(|track| media_type(&film, Some(track))).collect();
        let expected = ["video/mp4; codecs=\"avc1.64001f, ac-3\"", "video/mp4; codecs=\"avc1.64001f, mp4a.40.2\""];
        assert_eq!(types, expected.map(|text| Some(text.to_string())));
        let song = sample::song();
        assert_eq!(media_type(&song, song.audio_tracks().next()).as_deref(), Some("audio/flac"));
        assert_eq!(media_type(&Description::default(), None), None);
    }

    #[test]
    fn the_default_audio_track_is_the_marked_one_or_the_first() {
        for (marks, place) in
            [(&[][..], None), (&[false, false], Some(1)), (&[false, true], Some(2)), (&[true, true], Some(1))]
        {
            let tracks = marks.iter().map(|&is_default| Track { is_default, ..audio("mp4a.40.2", "AAC", 2) }).collect();
            let description = Description { tracks, ..Description::default() };
            assert_eq!(default_audio(&description).map(|(place, _)| place), place, "{marks:?}");
        }
    }

    #[test]
    fn an_audio_track_is_named_by_language_codec_channels_and_title() {
        let track = |language: Option<&str>, channels, title: Option<&str>| Track {
            language: language.map(String::from),
            title: title.map(String::from),
            ..audio("ac-3", "Dolby Digital (AC-3)", channels)
        };
        for (track, label) in [
            (track(Some("en"), 6, None), "English · Dolby Digital (AC-3) · 5.1"),
            (
                track(Some("pt-BR"), 2, Some("Commentary")),
                "Portuguese (BR) · Dolby Digital (AC-3) · stereo · Commentary",
            ),
            (track(Some("tlh"), 1, None), "tlh · Dolby Digital (AC-3) · mono"),
            (track(None, 0, None), "Track 3 · Dolby Digital (AC-3)"),
            (track(None, 8, Some("")), "Track 3 · Dolby Digital (AC-3) · 7.1"),
            (track(None, 4, None), "Track 3 · Dolby Digital (AC-3) · 4 channels"),
            (video("avc1", "H.264"), ""),
        ] {
            assert_eq!(audio_label(&track, 3), label);
        }
    }

    #[test]
    fn a_file_is_in_doubt_if_some_browsers_lack_a_decoder_for_it() {
        assert!(doubt(&sample::film()).into_string().contains("May need VLC"));
        assert_eq!(doubt(&sample::song()).into_string(), "");
    }
}
