//! Boxes within a box in memory (ISO/IEC 14496-12, 4.2).

use std::ops::Range;

use crate::media::edit::NoView;

/// A box, by where it lies in the bytes around it.
#[derive(Clone, Debug)]
pub struct Nested {
    pub kind: [u8; 4],
    pub start: usize,
    /// What follows the header.
    pub content: Range<usize>,
}

/// The boxes in a range of bytes, up to the first zero in place of a length, which ends the list in
/// QuickTime. Ends after an error.
pub struct Boxes<'a> {
    bytes: &'a [u8],
    rest: Range<usize>,
}

pub(super) const MALFORMED: NoView = NoView::Refused("The index of the film is malformed.");

impl<'a> Boxes<'a> {
    pub fn new(bytes: &'a [u8], within: Range<usize>) -> Self {
        Boxes { bytes, rest: within }
    }

    /// Where the next box would begin: after the last, the bytes from here on are none.
    pub fn position(&self) -> usize {
        self.rest.start
    }
}

impl Iterator for Boxes<'_> {
    type Item = Result<Nested, NoView>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.rest.start;
        let here = &self.bytes[self.rest.clone()];
        let (length, kind) = (number(here, 0)?, *here.get(4..)?.first_chunk()?);
        let (header, length) = match length {
            0 => return None,
            1 => (16, here.get(8..).and_then(|long| long.first_chunk()).map(|long| u64::from_be_bytes(*long))),
            length => (8, Some(u64::from(length))),
        };
        let length = length.and_then(|length| usize::try_from(length).ok());
        let Some(length) = length.filter(|length| (header..=here.len()).contains(length)) else {
            self.rest.start = self.rest.end;
            return Some(Err(MALFORMED));
        };
        self.rest.start += length;
        Some(Ok(Nested { kind, start, content: start + header..start + length }))
    }
}

/// The content of the index, which has all of these bytes, whatever its header says.
pub fn index_content(moov: &[u8]) -> Result<Range<usize>, NoView> {
    let header = if number(moov, 0) == Some(1) { 16 } else { 8 };
    if moov.len() < header { Err(MALFORMED) } else { Ok(header..moov.len()) }
}

/// The big-endian number at this position.
pub fn number(bytes: &[u8], position: usize) -> Option<u32> {
    bytes.get(position..)?.first_chunk().map(|number| u32::from_be_bytes(*number))
}

/// The first box of this kind among those in `within`; None also if there is an error in front.
pub fn find(bytes: &[u8], within: &Range<usize>, kind: &[u8; 4]) -> Option<Nested> {
    Boxes::new(bytes, within.clone()).map_while(Result::ok).find(|nested| nested.kind == *kind)
}

/// Whether this is a `meta` box, or has one, whose items lie at positions of the file (8.11.3).
pub fn has_item_locations(bytes: &[u8], nested: &Nested) -> bool {
    match &nested.kind {
        b"udta" => find(bytes, &nested.content, b"meta").is_some_and(|meta| has_item_locations(bytes, &meta)),
        // That of QuickTime has no version and flags in front of its boxes.
        b"meta" => [0, 4].into_iter().any(|skipped| {
            let start = nested.content.start + skipped;
            start <= nested.content.end && find(bytes, &(start..nested.content.end), b"iloc").is_some()
        }),
        _ => false,
    }
}
