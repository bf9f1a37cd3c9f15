//! Matroska and WebM files (RFC 9559): their views.

pub mod audio_track;
mod element;

/// Whether the first bytes of a file are those of an EBML header (RFC 8794, 11.2.1).
pub fn is_matroska(first: &[u8; 8]) -> bool {
    first.starts_with(&[0x1a, 0x45, 0xdf, 0xa3])
}
