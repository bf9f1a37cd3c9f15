//! SubRip subtitles as browsers read them.

use crate::media::subtitles::to_webvtt;
use crate::site::Resource;

/// The Content-Type of a file that has a view as WebVTT.
pub const SUBRIP: &str = "application/x-subrip";

/// The WebVTT of a SubRip file.
pub fn webvtt(file: &[u8]) -> Resource {
    // Always asked for again, as the file may be mended while the film is watched.
    let fields = vec![("Cache-Control", "no-cache".into())];
    Resource::generated(to_webvtt(file).into_bytes(), "text/vtt; charset=utf-8", fields)
}
