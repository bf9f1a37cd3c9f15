//! Chapters as QuickTime has them: the samples of a text track.

use std::ops::Range;

use super::boxes::{BoxError, Boxes};
use super::time::duration;
use super::track::TrackBox;
use crate::limits::CHAPTERS_MAX;
use crate::media::description::Chapter;
use crate::media::text;

/// The sample tables of a track, each the content of its box.
struct Tables {
    times: Range<u64>,
    sizes: Range<u64>,
    chunks: Range<u64>,
    offsets: Range<u64>,
    offsets_are_long: bool,
}

/// Adds the chapters of a text track, up to [`CHAPTERS_MAX`]; those before a fault stay.
pub fn read(track: &TrackBox, boxes: &mut Boxes, out: &mut Vec<Chapter>) -> Result<(), BoxError> {
    let Some(tables) = track.sample_table.clone().map(|table| Tables::find(table, boxes)).transpose()?.flatten() else {
        return Ok(());
    };
    let starts = tables.starts(boxes)?;
    let places = tables.places(starts.len(), boxes)?;
    for (number, (units, place)) in (1_usize..).zip(starts.into_iter().zip(places)) {
        let Some(start) = duration(units, track.time_scale) else { return Ok(()) };
        let place = place.start..place.end.min(boxes.reader.size());
        // A text without a length of two bytes is empty.
        let title = match boxes.bytes(&place, 0).map(u16::from_be_bytes) {
            Ok(length) => {
                let bytes = boxes.up_to::<{ text::BYTES_MAX }>(&place, 2)?;
                text::decode(&bytes[..bytes.len().min(length.into())])
            }
            Err(BoxError::Malformed(_)) => None,
            Err(error) => return Err(error),
        };
        out.push(Chapter { start, title: title.unwrap_or_else(|| format!("Chapter {number}")) });
    }
    Ok(())
}

impl Tables {
    fn find(mut rest: Range<u64>, boxes: &mut Boxes) -> Result<Option<Self>, BoxError> {
        let [mut times, mut sizes, mut chunks] = [const { None }; 3];
        let mut offsets = None;
        while let Some(found) = boxes.next(&mut rest)? {
            match &found.kind {
                b"stts" => times = Some(found.content),
                b"stsz" => sizes = Some(found.content),
                b"stsc" => chunks = Some(found.content),
                b"stco" => offsets = Some((found.content, false)),
                b"co64" => offsets = Some((found.content, true)),
                _ => {}
            }
        }
        Ok(match (times, sizes, chunks, offsets) {
            (Some(times), Some(sizes), Some(chunks), Some((offsets, offsets_are_long))) => {
                Some(Tables { times, sizes, chunks, offsets, offsets_are_long })
            }
            _ => None,
        })
    }

    /// When each sample begins, in units of the track.
    fn starts(&self, boxes: &mut Boxes) -> Result<Vec<u64>, BoxError> {
        let entries = boxes.u32(&self.times, 4)?;
        let mut starts = Vec::new();
        let mut now = 0_u64;
        for at in 0..u64::from(entries) {
            let [count, units] = [8, 12].map(|field| boxes.u32(&self.times, field + 8 * at));
            let units = units?.into();
            for _ in 0..count? {
                if starts.len() == CHAPTERS_MAX {
                    return Ok(starts);
                }
                starts.push(now);
                now = now.saturating_add(units);
            }
        }
        Ok(starts)
    }

    /// Where each of the first samples lies.
    fn places(&self, samples: usize, boxes: &mut Boxes) -> Result<Vec<Range<u64>>, BoxError> {
        let [same_size, count] = [4, 8].map(|field| boxes.u32(&self.sizes, field));
        let (same_size, samples) = (same_size?, samples.min(count? as usize));
        let [runs, chunks] = [&self.chunks, &self.offsets].map(|table| boxes.u32(table, 4));
        let (runs, chunks) = (u64::from(runs?), u64::from(chunks?));
        let mut places = Vec::new();
        let mut run = 0;
        for chunk in 0..chunks {
            // The run of the next chunk begins with its number, from 1.
            while run + 1 < runs && u64::from(boxes.u32(&self.chunks, 8 + 12 * (run + 1))?) <= chunk + 1 {
                run += 1;
            }
            let in_chunk = boxes.u32(&self.chunks, 8 + 12 * run + 4)?;
            let mut start = match self.offsets_are_long {
                true => boxes.u64(&self.offsets, 8 + 8 * chunk)?,
                false => boxes.u32(&self.offsets, 8 + 4 * chunk)?.into(),
            };
            // Without this, empty chunks could be more than any file has samples.
            if in_chunk == 0 {
                return Ok(places);
            }
            for _ in 0..in_chunk {
                if places.len() == samples {
                    return Ok(places);
                }
                let size = match same_size {
                    0 => boxes.u32(&self.sizes, 12 + 4 * places.len() as u64)?,
                    size => size,
                };
                let end = start.saturating_add(size.into());
                places.push(start..end);
                start = end;
            }
        }
        Ok(places)
    }
}
