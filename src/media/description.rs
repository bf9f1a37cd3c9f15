//! What a media file is, in plain values: nothing here depends on a format.

use std::ops::Range;
use std::time::Duration;

/// What the bytes of a file are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// None if the bytes are of no format that is known.
    pub container: Option<Container>,
    pub duration: Option<Duration>,
    pub title: Option<String>,
    pub artist: Option<String>,
    pub album: Option<String>,
    /// Of a picture; those of a film are in its track.
    pub dimensions: Option<Dimensions>,
    pub tracks: Vec<Track>,
    pub chapters: Vec<Chapter>,
    pub cover: Option<Cover>,
    /// Whether the index of the film lies behind its media data, as players do not want it.
    pub faststart: Faststart,
    /// What is wrong with the file.
    pub faults: Vec<Fault>,
}

/// The format of a file, as its first bytes tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    Mp4,
    QuickTime,
    Matroska,
    WebM,
    MpegTs,
    MpegPs,
    Avi,
    Flv,
    Asf,
    Mp3,
    Aac,
    Flac,
    Ogg,
    Wav,
    Jpeg,
    Png,
    Gif,
    WebP,
    Avif,
    Heic,
    Bmp,
    Tiff,
    Svg,
    Pdf,
    Zip,
}

/// A track of a film or of an audio file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Track {
    pub kind: TrackKind,
    pub codec: Codec,
    /// A BCP 47 tag; None if the file does not say.
    pub language: Option<String>,
    pub title: Option<String>,
    /// Whether players choose it unless asked otherwise.
    pub is_default: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrackKind {
    Video(Dimensions),
    Audio { channels: u16 },
    Subtitles,
    Other,
}

/// Size of a picture as it is shown, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dimensions {
    pub width: u32,
    pub height: u32,
}

/// How the samples of a track are coded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codec {
    /// For `codecs=` of a media type (RFC 6381): `avc1.64001f`. Printable ASCII without quotes,
    /// commas and spaces.
    pub parameter: String,
    /// For people: `H.264`, `Dolby Digital (AC-3)`.
    pub name: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chapter {
    pub start: Duration,
    pub title: String,
}

/// A picture that lies in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cover {
    pub bytes: Range<u64>,
    pub content_type: &'static str,
}

/// Whether a film can begin to play before it has arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Faststart {
    /// It is no MP4, or its index lies in front.
    #[default]
    NotNeeded,
    /// The index lies behind and can be moved on the way out.
    Possible,
    /// The index lies behind and cannot be moved, for this reason.
    Impossible(&'static str),
}

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    Empty,
    /// The file ends before its content does, which needs at least this many bytes more.
    Truncated {
        missing: u64,
    },
    /// The content cannot be understood, for this reason.
    Malformed(&'static str),
    /// The content is encrypted, so that only a licensed player plays it.
    Encrypted,
}

impl Container {
    /// The media type, with `video` if the file has a picture.
    pub fn content_type(self, has_video: bool) -> &'static str {
        match (self, has_video) {
            (Container::Mp4, true) => "video/mp4",
            (Container::Mp4, false) => "audio/mp4",
            (Container::QuickTime, _) => "video/quicktime",
            (Container::Matroska, true) => "video/x-matroska",
            (Container::Matroska, false) => "audio/x-matroska",
            (Container::WebM, true) => "video/webm",
            (Container::WebM, false) => "audio/webm",
            (Container::Ogg, true) => "video/ogg",
            (Container::Ogg, false) => "audio/ogg",
            (Container::MpegTs, _) => "video/mp2t",
            (Container::MpegPs, _) => "video/mpeg",
            (Container::Avi, _) => "video/x-msvideo",
            (Container::Flv, _) => "video/x-flv",
            (Container::Asf, true) => "video/x-ms-wmv",
            (Container::Asf, false) => "audio/x-ms-wma",
            (Container::Mp3, _) => "audio/mpeg",
            (Container::Aac, _) => "audio/aac",
            (Container::Flac, _) => "audio/flac",
            (Container::Wav, _) => "audio/wav",
            (Container::Jpeg, _) => "image/jpeg",
            (Container::Png, _) => "image/png",
            (Container::Gif, _) => "image/gif",
            (Container::WebP, _) => "image/webp",
            (Container::Avif, _) => "image/avif",
            (Container::Heic, _) => "image/heic",
            (Container::Bmp, _) => "image/bmp",
            (Container::Tiff, _) => "image/tiff",
            (Container::Svg, _) => "image/svg+xml",
            (Container::Pdf, _) => "application/pdf",
            (Container::Zip, _) => "application/zip",
        }
    }

    /// The format for people: `MP4`, `MPEG-TS`.
    pub fn name(self) -> &'static str {
        match self {
            Container::Mp4 => "MP4",
            Container::QuickTime => "QuickTime",
            Container::Matroska => "Matroska",
            Container::WebM => "WebM",
            Container::MpegTs => "MPEG-TS",
            Container::MpegPs => "MPEG-PS",
            Container::Avi => "AVI",
            Container::Flv => "Flash Video",
            Container::Asf => "Windows Media",
            Container::Mp3 => "MP3",
            Container::Aac => "AAC",
            Container::Flac => "FLAC",
            Container::Ogg => "Ogg",
            Container::Wav => "WAV",
            Container::Jpeg => "JPEG",
            Container::Png => "PNG",
            Container::Gif => "GIF",
            Container::WebP => "WebP",
            Container::Avif => "AVIF",
            Container::Heic => "HEIC",
            Container::Bmp => "BMP",
            Container::Tiff => "TIFF",
            Container::Svg => "SVG",
            Container::Pdf => "PDF",
            Container::Zip => "ZIP",
        }
    }
}

impl Description {
    /// The audio tracks, in the order in which `?audio=1` and so on choose them.
    pub fn audio_tracks(&self) -> impl Iterator<Item = &Track> {
        self.tracks.iter().filter(|track| matches!(track.kind, TrackKind::Audio { .. }))
    }

    /// The first video track.
    pub fn video(&self) -> Option<(&Track, Dimensions)> {
        self.tracks.iter().find_map(|track| match track.kind {
            TrackKind::Video(dimensions) => Some((track, dimensions)),
            _ => None,
        })
    }

    /// Bytes that it takes in memory.
    pub fn memory(&self) -> usize {
        let texts = [&self.title, &self.artist, &self.album].into_iter().flatten().map(String::len).sum::<usize>();
        let tracks = self.tracks.iter().map(|track| {
            let texts = [&track.language, &track.title].into_iter().flatten().map(String::len).sum::<usize>();
            size_of::<Track>() + track.codec.parameter.len() + texts
        });
        let chapters = self.chapters.iter().map(|chapter| size_of::<Chapter>() + chapter.title.len());
        let faults = self.faults.len() * size_of::<Fault>();
        size_of::<Description>() + texts + tracks.sum::<usize>() + chapters.sum::<usize>() + faults
    }
}
