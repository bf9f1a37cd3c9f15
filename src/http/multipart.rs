//! Several ranges in one answer: `multipart/byteranges` (RFC 9110 section 14.6, RFC 2046 section
//! 5.1).

use std::ops::Range;
use std::time::{SystemTime, UNIX_EPOCH};

/// Text, and the bytes of the file that follow it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    pub text: Vec<u8>,
    pub bytes: Range<u64>,
}

impl Section {
    /// Bytes on the wire.
    pub fn length(&self) -> u64 {
        self.text.len() as u64 + (self.bytes.end - self.bytes.start)
    }

    /// Takes the bytes from the whole content of the file, so that the file is not needed.
    pub fn take_from(&mut self, content: &[u8]) {
        let bytes = std::mem::replace(&mut self.bytes, 0..0);
        self.text.extend_from_slice(&content[bytes.start as usize..bytes.end as usize]);
    }
}

/// A boundary between the parts. Who wrote the file cannot have known the nanosecond of this
/// answer.
pub fn boundary(now: SystemTime) -> String {
    let time = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("part-of-reeld-{:032x}", time.as_nanos())
}

/// These ranges of a file of `total` bytes, each behind its own little head, and what ends them.
pub fn sections(ranges: Vec<Range<u64>>, total: u64, content_type: &str, boundary: &str) -> Vec<Section> {
    let part = |bytes: Range<u64>| {
        let (first, last) = (bytes.start, bytes.end - 1);
        let text = format!(
            "\r\n--{boundary}\r\nContent-Type: {content_type}\r\nContent-Range: bytes {first}-{last}/{total}\r\n\r\n"
        );
        Section { text: text.into_bytes(), bytes }
    };
    let end = Section { text: format!("\r\n--{boundary}--\r\n").into_bytes(), bytes: 0..0 };
    ranges.into_iter().map(part).chain([end]).collect()
}
