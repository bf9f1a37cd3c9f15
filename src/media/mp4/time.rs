//! Durations in boxes: in units of a time scale, in 32 or 64 bits.

use std::ops::Range;
use std::time::Duration;

use super::boxes::{BoxError, Boxes, Header};

/// Time of so many units, of which a second has `scale`; None if it has none.
pub fn duration(units: u64, scale: u32) -> Option<Duration> {
    let scale = u64::from(scale);
    let seconds = units.checked_div(scale)?;
    Some(Duration::new(seconds, (units % scale * 1_000_000_000 / scale) as u32))
}

/// Time scale and duration of a header as mvhd and mdhd have it, and what follows them. The
/// duration is None if it is zero or not known.
pub struct TimeHeader {
    pub scale: u32,
    pub duration: Option<Duration>,
    /// Position of what follows, in the content of the box.
    pub end: u64,
}

impl TimeHeader {
    pub fn read(content: &Range<u64>, boxes: &mut Boxes) -> Result<Self, BoxError> {
        let [version] = boxes.bytes(content, 0)?;
        let (scale, units, end) = match version {
            1 => (boxes.u32(content, 20)?, boxes.u64(content, 24)?, 32),
            _ => (boxes.u32(content, 12)?, boxes.u32(content, 16)?.into(), 20),
        };
        let is_known = !matches!((version, units), (_, 0) | (0, 0xffff_ffff) | (1, u64::MAX));
        Ok(TimeHeader { scale, duration: duration(units, scale).filter(|_| is_known), end })
    }
}

/// A segment index (sidx, ISO/IEC 14496-12 section 8.16.3) of a fragmented file, which has one for
/// each track or one for all. The longest is the greatest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Segments {
    duration: Option<Duration>,
    /// Where the last segment ends.
    end: u64,
}

impl Segments {
    pub fn read(found: &Header, boxes: &mut Boxes) -> Result<Self, BoxError> {
        let content = &found.content;
        let [version] = boxes.bytes(content, 0)?;
        let scale = boxes.u32(content, 8)?;
        let (first, list) = match version {
            0 => (boxes.u32(content, 16)?.into(), 20),
            _ => (boxes.u64(content, 20)?, 28),
        };
        let count = u16::from_be_bytes(boxes.bytes(content, list + 2)?);
        let mut units = 0_u64;
        let mut end = content.end.saturating_add(first);
        for at in 0..u64::from(count) {
            let entry = list + 4 + 12 * at;
            end = end.saturating_add((boxes.u32(content, entry)? & 0x7fff_ffff).into());
            units = units.saturating_add(boxes.u32(content, entry + 4)?.into());
        }
        Ok(Segments { duration: duration(units, scale), end })
    }

    /// The duration, if the segments are those of the whole file: some files have an index for
    /// each fragment.
    pub fn duration_of(self, size: u64) -> Option<Duration> {
        self.duration.filter(|_| self.end >= size - size / 16)
    }
}
