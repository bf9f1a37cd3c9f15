//! MP4, M4A and QuickTime files: ISO/IEC 14496-12 and -14, and Apple's QuickTime File Format.
//!
//! `boxes` (reading them), `movie` (the index, moov), `track`, `sample_entry` (its codec),
//! `metadata` (titles, cover, Nero's chapters), `chapters` (those of QuickTime), `time`. For views:
//! `layout` (where the index lies), `nested` (boxes in memory), `audio_track` and `faststart`.

pub mod audio_track;
pub mod boxes;
mod chapters;
pub mod faststart;
pub mod layout;
mod metadata;
mod movie;
mod nested;
mod sample_entry;
mod time;
mod track;

#[cfg(test)]
mod tests;

use self::boxes::{BoxError, Boxes, Header, tolerate};
use self::movie::Movie;
use super::description::{Description, Faststart, Fault};
use super::source::{ReadError, Reader};
use crate::limits::VIEW_INDEX_MAX;

/// Describes a file of boxes. Reads none of its media data, and of its sample tables only that of
/// chapters.
pub fn describe(reader: &mut Reader, out: &mut Description) -> Result<(), ReadError> {
    let mut boxes = Boxes::new(reader);
    let read = File::default().describe(&mut boxes, out);
    tolerate(read, out)
}

/// What the boxes of the top level tell.
#[derive(Default)]
struct File {
    movie: Option<Movie>,
    index: Option<Header>,
    /// Why the index cannot be moved.
    obstacle: Option<&'static str>,
    data_is_first: bool,
    is_fragmented: bool,
    segments: Option<time::Segments>,
}

impl File {
    fn describe(mut self, boxes: &mut Boxes, out: &mut Description) -> Result<(), BoxError> {
        let mut rest = 0..boxes.reader.size();
        let read = loop {
            let found = match boxes.next_of_file(&mut rest) {
                Ok(Some(found)) => found,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            };
            if found.missing > 0 && !out.faults.iter().any(|fault| matches!(fault, Fault::Truncated { .. })) {
                out.faults.push(Fault::Truncated { missing: found.missing });
            }
            if let Err(error) = self.take(&found, boxes, out) {
                break Err(error);
            }
            // The fragments lie all over the file; what they tell is in front of the first.
            if self.is_fragmented {
                break Ok(());
            }
        };
        tolerate(read, out)?;
        out.faststart = self.faststart();
        let Some(movie) = self.movie else {
            return Err(BoxError::Malformed("It has no index (moov), as a recording that was not finished."));
        };
        if movie.is_fragmented {
            let size = boxes.reader.size();
            out.duration = movie.duration_with_fragments.or_else(|| self.segments?.duration_of(size));
        }
        Ok(movie.chapters(boxes, out)?)
    }

    fn take(&mut self, found: &Header, boxes: &mut Boxes, out: &mut Description) -> Result<(), BoxError> {
        match &found.kind {
            b"moov" if self.movie.is_some() => self.obstacle = Some("The film has more than one index."),
            b"moov" => {
                let mut movie = Movie::default();
                let read = movie.read(found.content.clone(), boxes, out);
                self.obstacle = self.obstacle.or(movie.obstacle);
                self.index = Some(found.clone());
                self.movie = Some(movie);
                tolerate(read, out)?;
            }
            b"mdat" => self.data_is_first |= self.movie.is_none(),
            b"moof" => self.is_fragmented = true,
            b"sidx" => self.segments = self.segments.max(Some(time::Segments::read(found, boxes)?)),
            b"meta" if metadata::has_item_locations(found, boxes)? => {
                self.obstacle = Some("The metadata of the film holds positions that cannot be moved.");
            }
            _ => {}
        }
        Ok(())
    }

    fn faststart(&self) -> Faststart {
        let is_too_large = |index: &Header| index.content.end - index.start > VIEW_INDEX_MAX as u64;
        match (&self.movie, &self.index) {
            _ if !self.data_is_first => Faststart::NotNeeded,
            (Some(movie), _) if movie.is_fragmented || self.is_fragmented => {
                Faststart::Impossible("The film is made of fragments, whose index cannot be moved.")
            }
            (Some(_), Some(index)) if index.missing > 0 => Faststart::Impossible("The index of the film is cut off."),
            (Some(_), Some(index)) if is_too_large(index) => {
                Faststart::Impossible("The index of the film is larger than 16 MiB.")
            }
            (Some(_), _) => self.obstacle.map_or(Faststart::Possible, Faststart::Impossible),
            (None, _) => Faststart::Impossible("The film has no index (moov)."),
        }
    }
}
