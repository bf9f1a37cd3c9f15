//! What not every browser plays: Chromium, Firefox and Safari as they come, on any machine.

use super::description::{Codec, Container, Description, Track, TrackKind};

/// The codec parameters (RFC 6381) that every browser plays, or how they begin. AV1 is one of them,
/// although Safari plays it only where the hardware does.
const EVERYWHERE: [&str; 18] = [
    "avc1",
    "avc3",
    "av01",
    "vp8",
    "vp08",
    "vp9",
    "vp09",
    "mp4a.40.2",
    "mp4a.40.5",
    "mp4a.40.29",
    "mp4a.67",
    "mp4a.69",
    "mp4a.6b",
    "mp3",
    "opus",
    "flac",
    "vorbis",
    "1",
];

impl Codec {
    /// Whether every browser plays it.
    pub fn plays_everywhere(&self) -> bool {
        let parameter = self.parameter.to_ascii_lowercase();
        EVERYWHERE.iter().any(|known| match parameter.strip_prefix(known) {
            Some(rest) => rest.is_empty() || rest.starts_with('.'),
            None => false,
        })
    }
}

impl Container {
    /// Whether every browser opens it, if it plays the codecs within. Matroska is not everywhere
    /// either, but Chromium and Firefox play it.
    pub fn plays_everywhere(self) -> bool {
        !matches!(
            self,
            Container::Avi
                | Container::MpegTs
                | Container::MpegPs
                | Container::Flv
                | Container::Asf
                | Container::Heic
                | Container::Tiff
        )
    }
}

impl Track {
    /// Whether every browser plays it, or need not.
    pub fn plays_everywhere(&self) -> bool {
        let is_played = matches!(self.kind, TrackKind::Video(_) | TrackKind::Audio { .. });
        !is_played || self.codec.plays_everywhere()
    }
}

impl Description {
    /// The names of the codecs, and of the container, that not every browser plays, each once.
    pub fn codecs_that_differ(&self) -> Vec<&'static str> {
        let container = self.container.filter(|container| !container.plays_everywhere()).map(Container::name);
        let tracks = self.tracks.iter().filter(|track| !track.plays_everywhere()).map(|track| track.codec.name);
        let mut names = Vec::new();
        for name in container.into_iter().chain(tracks) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

#[cfg(test)]
mod tests {
    use super::super::description::Dimensions;
    use super::*;

    #[test]
    fn codecs_that_some_browsers_lack_are_named_once() {
        let track = |kind, parameter: &str, name| {
            let codec = Codec { parameter: parameter.into(), name };
            Track { kind, codec, language: None, title: None, is_default: true }
        };
        let video = |parameter, name| track(TrackKind::Video(Dimensions { width: 2, height: 2 }), parameter, name);
        let audio = |parameter, name| track(TrackKind::Audio { channels: 2 }, parameter, name);
        for (container, tracks, names) in [
            (Container::Mp4, vec![video("avc1.64001f", "H.264"), audio("mp4a.40.2", "AAC")], &[][..]),
            (Container::WebM, vec![video("vp09.00.10.08", "VP9"), audio("opus", "Opus")], &[]),
            (Container::Mp4, vec![video("av01.0.04M.08", "AV1"), audio("Opus", "Opus")], &[]),
            (Container::Mp4, vec![audio("mp4a.40.29", "HE-AAC"), audio("fLaC", "FLAC"), audio("mp4a.6B", "MP3")], &[]),
            (Container::Mp4, vec![audio("mp4a.40.42", "xHE-AAC")], &["xHE-AAC"]),
            (Container::Mp4, vec![video("hvc1.1.6.L120.B0", "HEVC"), audio("ac-3", "AC-3")], &["HEVC", "AC-3"]),
            (Container::Mp4, vec![audio("ec-3", "E-AC-3"), audio("ec-3", "E-AC-3")], &["E-AC-3"]),
            (Container::Matroska, vec![video("mp4v.20.9", "MPEG-4 ASP"), audio("dtsc", "DTS")], &["MPEG-4 ASP", "DTS"]),
            (
                Container::Mp4,
                vec![audio("alac", "ALAC"), video("avc1", "H.264"), audio("mp4a", "MPEG-4")],
                &["ALAC", "MPEG-4"],
            ),
            (Container::Mp4, vec![track(TrackKind::Subtitles, "tx3g", "text"), track(TrackKind::Other, "", "")], &[]),
            (Container::Avi, vec![video("mp4v.20.9", "MPEG-4 ASP")], &["AVI", "MPEG-4 ASP"]),
            (Container::MpegTs, vec![], &["MPEG-TS"]),
            (Container::Jpeg, vec![], &[]),
        ] {
            let description = Description { container: Some(container), tracks, ..Description::default() };
            assert_eq!(description.codecs_that_differ(), names, "{description:?}");
        }
        assert_eq!(Description::default().codecs_that_differ(), [""; 0]);
    }
}
