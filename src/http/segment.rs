//! A response body is a list of segments.

use std::borrow::Cow;
use std::ops::Range;

/// Text, or a byte range of the requested representation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    Text(Cow<'static, str>),
    Bytes(Range<u64>),
}

impl Segment {
    /// Bytes on the wire.
    pub fn length(&self) -> u64 {
        match self {
            Segment::Text(text) => text.len() as u64,
            Segment::Bytes(bytes) => bytes.end - bytes.start,
        }
    }
}
