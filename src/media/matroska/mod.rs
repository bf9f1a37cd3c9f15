//! Matroska and WebM files (RFC 9559): what they are, and their views.

pub mod audio_track;
mod describe;
mod element;
mod tracks;
mod walker;

pub use describe::describe;

/// Whether the first bytes of a file are those of an EBML header (RFC 8794, 11.2.1).
pub fn is_matroska(first: &[u8; 8]) -> bool {
    first.starts_with(&[0x1a, 0x45, 0xdf, 0xa3])
}

/// The document type in an EBML header (RFC 8794 section 11.2.4); None if it has none.
pub fn document_type(first: &[u8]) -> Option<&[u8]> {
    let header = element::parse(first, 0, u64::MAX)?;
    let within = header.content.start as usize..header.content.end.min(first.len() as u64) as usize;
    let element = element::elements(first, within).find(|element| element.id == 0x4282)?;
    first.get(element.range())
}

#[cfg(test)]
mod tests;
