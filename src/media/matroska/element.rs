//! EBML elements (RFC 8794).

use std::ops::Range;

/// An element, by where its content lies.
#[derive(Clone, Debug)]
pub struct Element {
    /// With the bits that tell its length, as in the tables of RFC 9559.
    pub id: u32,
    pub content: Range<u64>,
}

/// Bytes of an element in front of its content, at most.
pub const HEADER_MAX: usize = 12;

/// The element whose header these bytes begin with. It begins at `position`; if its length is
/// unknown (6.2) it ends at `limit`. None if it is malformed or would end behind.
pub fn parse(header: &[u8], position: u64, limit: u64) -> Option<Element> {
    let first = *header.first()?;
    let id_length = first.leading_zeros() as usize + 1;
    let id = header.get(..id_length).filter(|_| id_length <= 4)?;
    let id = id.iter().fold(0, |number, byte| number << 8 | u32::from(*byte));
    let first = *header.get(id_length)?;
    let size_length = first.leading_zeros() as usize + 1;
    let size = header.get(id_length..id_length + size_length).filter(|_| size_length <= 8)?;
    let mask = (1u64 << (7 * size_length)) - 1;
    let size = size.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte)) & mask;
    let start = position.checked_add((id_length + size_length) as u64)?;
    let end = if size == mask { limit } else { start.checked_add(size)? };
    (start <= end && end <= limit).then_some(Element { id, content: start..end })
}

/// The elements in a range of bytes, up to the first that is malformed.
pub fn elements(bytes: &[u8], within: Range<usize>) -> impl Iterator<Item = Element> {
    let mut position = within.start;
    std::iter::from_fn(move || {
        let element = parse(bytes.get(position..within.end)?, position as u64, within.end as u64)?;
        position = element.content.end as usize;
        Some(element)
    })
}

impl Element {
    /// Where the content lies in memory.
    pub fn range(&self) -> Range<usize> {
        self.content.start as usize..self.content.end as usize
    }

    /// The unsigned integer that is its content (7.2); None if it is longer than 8 bytes.
    pub fn unsigned(&self, bytes: &[u8]) -> Option<u64> {
        let content = bytes.get(self.range()).filter(|content| content.len() <= 8)?;
        Some(content.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }
}
