//! Leaves one of several audio tracks in the index of an MP4 or QuickTime file, without moving a
//! byte.

use super::nested::{Boxes, Nested, find, index_content};
use crate::limits::VIEW_TRACKS_MAX;
use crate::media::edit::{Edit, NoView};

/// Enabled, and part of the presentation (ISO/IEC 14496-12, 8.3.2). Chromium does not play a track
/// without the first, which ffmpeg leaves out of all but the first audio track.
const ENABLED_IN_MOVIE: u8 = 3;

/// Turns the `trak` of each audio track but the one of this number, counted from 1, into `free`,
/// and enables that one. `moov` is the index with its header, which lies at `position` in the file.
pub fn edits(moov: &[u8], position: u64, wanted: usize) -> Result<Vec<Edit>, NoView> {
    let mut edits = Vec::new();
    let (mut count, mut is_fragmented, mut has_wanted) = (0, false, false);
    for nested in Boxes::new(moov, index_content(moov)?) {
        let nested = nested?;
        is_fragmented |= nested.kind == *b"mvex";
        if !is_audio(moov, &nested) {
            continue;
        }
        count += 1;
        if count > VIEW_TRACKS_MAX {
            return Err(NoView::Refused("The film has more audio tracks than can be chosen from."));
        }
        if count != wanted {
            edits.push(Edit { position: position + nested.start as u64 + 4, bytes: b"free".to_vec() });
            continue;
        }
        has_wanted = true;
        // The version and the flags come first.
        let header = find(moov, &nested.content, b"tkhd").filter(|header| header.content.len() >= 4);
        if let Some(flags) = header.map(|header| header.content.start + 3) {
            let enabled = moov[flags] | ENABLED_IN_MOVIE;
            edits.push(Edit { position: position + flags as u64, bytes: vec![enabled] });
        }
    }
    if !has_wanted {
        return Err(NoView::Refused("The film has no audio track of this number."));
    }
    if is_fragmented && count > 1 {
        // The data of a fragment may be found only through that of the track before it (8.8.7).
        return Err(NoView::Refused("The film is made of fragments, which need all of its audio tracks."));
    }
    Ok(edits)
}

fn is_audio(moov: &[u8], nested: &Nested) -> bool {
    let handler = || {
        let media = find(moov, &nested.content, b"mdia")?;
        let handler = find(moov, &media.content, b"hdlr")?;
        moov[handler.content].get(8..12)
    };
    nested.kind == *b"trak" && handler() == Some(b"soun")
}
