//! Several ranges in one response: `multipart/byteranges` (RFC 9110 section 14.6, RFC 2046 section
//! 5.1).

use std::ops::Range;
use std::time::{SystemTime, UNIX_EPOCH};

use super::segment::Segment;

/// A boundary between parts. It cannot occur in the file, whose author could not know the
/// nanosecond of this response.
pub fn boundary(now: SystemTime) -> String {
    let time = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("part-of-reeld-{:032x}", time.as_nanos())
}

/// The parts for these ranges of a file of `total` bytes, each with its own header, and the closing
/// boundary.
pub fn segments(ranges: Vec<Range<u64>>, total: u64, content_type: &str, boundary: &str) -> Vec<Segment> {
    let part = |bytes: Range<u64>| {
        let (first, last) = (bytes.start, bytes.end - 1);
        let text = format!(
            "\r\n--{boundary}\r\nContent-Type: {content_type}\r\nContent-Range: bytes {first}-{last}/{total}\r\n\r\n"
        );
        [Segment::Text(text.into()), Segment::Bytes(bytes)]
    };
    let end = Segment::Text(format!("\r\n--{boundary}--\r\n").into());
    ranges.into_iter().flat_map(part).chain([end]).collect()
}
