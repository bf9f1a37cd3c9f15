//! The index of a film: the movie box, moov.

use std::ops::Range;
use std::time::Duration;

use super::boxes::{BoxError, Boxes, tolerate};
use super::time::{TimeHeader, duration};
use super::track::TrackBox;
use super::{chapters, metadata};
use crate::limits::MEDIA_TRACKS_MAX;
use crate::media::description::Description;
use crate::media::source::ReadError;

/// What a movie box tells besides the description.
#[derive(Default)]
pub struct Movie {
    pub is_fragmented: bool,
    /// Its duration if it is fragmented and says so.
    pub duration_with_fragments: Option<Duration>,
    /// Why it cannot be moved.
    pub obstacle: Option<&'static str>,
    tracks: Vec<TrackBox>,
}

impl Movie {
    pub fn read(&mut self, mut rest: Range<u64>, boxes: &mut Boxes, out: &mut Description) -> Result<(), BoxError> {
        let mut header = None;
        let mut fragments = None;
        let read = loop {
            let found = match boxes.next(&mut rest) {
                Ok(Some(found)) => found,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            };
            let content = found.content.clone();
            let read = match &found.kind {
                b"mvhd" => TimeHeader::read(&content, boxes).map(|read| header = Some(read)),
                b"trak" if self.tracks.len() < MEDIA_TRACKS_MAX => self.read_track(content, boxes, out),
                b"udta" => metadata::user_data(content, boxes, out),
                b"meta" => metadata::items(&found, boxes, out),
                b"mvex" => {
                    self.is_fragmented = true;
                    fragments_duration(content, boxes).map(|read| fragments = read)
                }
                b"cmov" => {
                    self.obstacle = Some("The index of the film is compressed.");
                    Err(BoxError::Malformed("Its index is compressed, which only old players read."))
                }
                _ => Ok(()),
            };
            tolerate(read, out)?;
        };
        let of_tracks = self.tracks.iter().filter_map(|track| track.duration).max();
        out.duration = header.as_ref().and_then(|header| header.duration).or(of_tracks);
        let scale = header.map_or(0, |header| header.scale);
        self.duration_with_fragments = fragments.and_then(|units| duration(units, scale));
        let of_chapters: Vec<u32> = self.tracks.iter().flat_map(|track| track.chapter_tracks).collect();
        for track in &mut self.tracks {
            track.has_chapters = track.id != 0 && of_chapters.contains(&track.id);
        }
        let tracks = self.tracks.iter_mut().filter(|track| !track.has_chapters);
        out.tracks.extend(tracks.filter_map(|track| track.description.take()));
        read
    }

    fn read_track(&mut self, content: Range<u64>, boxes: &mut Boxes, out: &mut Description) -> Result<(), BoxError> {
        let mut track = TrackBox::default();
        let read = track.read(content, boxes, out);
        if track.is_external {
            self.obstacle = Some("The film has media data in other files.");
        }
        self.tracks.push(track);
        read
    }

    /// Reads the chapters of the first track that has some, unless there are others already.
    pub fn chapters(&self, boxes: &mut Boxes, out: &mut Description) -> Result<(), ReadError> {
        let Some(track) = self.tracks.iter().find(|track| track.has_chapters && track.is_text) else { return Ok(()) };
        if !out.chapters.is_empty() {
            return Ok(());
        }
        match chapters::read(track, boxes, &mut out.chapters) {
            // The texts may lie so far apart that the rest of them would take too long.
            Err(BoxError::Read(ReadError::TooMuch)) => Ok(()),
            read => tolerate(read, out),
        }
    }
}

/// Units of a movie extends header (mehd).
fn fragments_duration(content: Range<u64>, boxes: &mut Boxes) -> Result<Option<u64>, BoxError> {
    let Some(found) = boxes.find(content, b"mehd")? else { return Ok(None) };
    let units = match boxes.bytes(&found.content, 0)? {
        [1] => boxes.u64(&found.content, 4)?,
        [_] => boxes.u32(&found.content, 4)?.into(),
    };
    Ok(Some(units).filter(|units| *units != 0))
}
