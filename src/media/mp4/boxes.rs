//! The boxes of an MP4 or QuickTime file (ISO/IEC 14496-12 section 4.2).

use std::ops::Range;

use crate::limits::BOXES_MAX;
use crate::media::description::{Description, Fault};
use crate::media::source::{ReadError, Reader};

/// Where a box lies, and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its four-character code; `uuid` if the type is a longer one.
    pub kind: [u8; 4],
    /// Position of its first byte, that of its size.
    pub start: u64,
    /// Bytes after its size and type, up to the end of what it lies in.
    pub content: Range<u64>,
    /// Bytes that it lays claim to beyond the end of what it lies in.
    pub missing: u64,
    /// Whether it has no size of its own and ends where what it lies in ends.
    pub is_open: bool,
}

impl Header {
    /// Its bytes, from the first of its size.
    pub fn range(&self) -> Range<u64> {
        self.start..self.content.end
    }
}

/// Why the boxes cannot be read any further.
#[derive(Debug)]
pub enum BoxError {
    Read(ReadError),
    Malformed(&'static str),
    /// The file has more than [`BOXES_MAX`].
    TooMany,
}

impl From<ReadError> for BoxError {
    fn from(error: ReadError) -> Self {
        BoxError::Read(error)
    }
}

/// Makes what is malformed a fault of the description, so that the rest can be described.
pub fn tolerate(read: Result<(), BoxError>, out: &mut Description) -> Result<(), ReadError> {
    let reason = match read {
        Ok(()) => return Ok(()),
        Err(BoxError::Read(error)) => return Err(error),
        Err(BoxError::Malformed(reason)) => reason,
        Err(BoxError::TooMany) => "It has more boxes than any film.",
    };
    // What is cut off is not malformed as well.
    let is_known = |fault: &Fault| *fault == Fault::Malformed(reason) || matches!(fault, Fault::Truncated { .. });
    if !out.faults.iter().any(is_known) {
        out.faults.push(Fault::Malformed(reason));
    }
    Ok(())
}

/// Reads boxes one after the other, up to [`BOXES_MAX`] in all. The depth is that of its caller: a
/// box is entered by walking over its content.
pub struct Boxes<'r, 's> {
    pub reader: &'r mut Reader<'s>,
    left: usize,
}

impl<'r, 's> Boxes<'r, 's> {
    pub fn new(reader: &'r mut Reader<'s>) -> Self {
        Boxes { reader, left: BOXES_MAX }
    }

    /// The box at the start of `rest`, which shrinks to what follows it. None at the end: what is
    /// left there has less than the eight bytes of a header, or is padding of zeros.
    pub fn next(&mut self, rest: &mut Range<u64>) -> Result<Option<Header>, BoxError> {
        let start = rest.start;
        let room = rest.end.saturating_sub(start);
        if room < 8 {
            return Ok(None);
        }
        self.left = self.left.checked_sub(1).ok_or(BoxError::TooMany)?;
        let [size @ .., a, b, c, d] = self.reader.array::<8>(start)?;
        let kind = [a, b, c, d];
        let (header, size) = match u32::from_be_bytes(size) {
            0 if kind == [0; 4] => return Ok(None),
            0 => (8, None),
            1 if room < 16 => return Err(BoxError::Malformed("A box ends within its size.")),
            1 => (16, Some(u64::from_be_bytes(self.reader.array(start + 8)?))),
            size => (8, Some(size.into())),
        };
        let header = if kind == *b"uuid" { header + 16 } else { header };
        let length = size.unwrap_or(room);
        if length < header {
            return Err(BoxError::Malformed("A box is smaller than its own header."));
        }
        let missing = length.saturating_sub(room);
        let end = start + length.min(room);
        rest.start = end;
        let content = (start + header).min(end)..end;
        Ok(Some(Header { kind, start, content, missing, is_open: size.is_none() }))
    }

    /// The box of the top level at the start of `rest`, as [`Boxes::next`] has it. What is not a
    /// box ends the file: players stop there as well.
    pub fn next_of_file(&mut self, rest: &mut Range<u64>) -> Result<Option<Header>, BoxError> {
        Ok(self.next(rest)?.filter(|found| found.kind.iter().all(|byte| matches!(byte, b' '..=b'~' | 0xa9))))
    }

    /// The first box of this type directly within a range.
    pub fn find(&mut self, mut within: Range<u64>, kind: &[u8; 4]) -> Result<Option<Header>, BoxError> {
        while let Some(found) = self.next(&mut within)? {
            if found.kind == *kind {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The `N` bytes at this position of the content of a box.
    pub fn bytes<const N: usize>(&mut self, content: &Range<u64>, at: u64) -> Result<[u8; N], BoxError> {
        let start = content.start.saturating_add(at);
        match content.end.checked_sub(start) {
            Some(room) if room >= N as u64 => Ok(self.reader.array(start)?),
            _ => Err(BoxError::Malformed("A box is shorter than what it holds.")),
        }
    }

    pub fn u32(&mut self, content: &Range<u64>, at: u64) -> Result<u32, BoxError> {
        self.bytes(content, at).map(u32::from_be_bytes)
    }

    pub fn u64(&mut self, content: &Range<u64>, at: u64) -> Result<u64, BoxError> {
        self.bytes(content, at).map(u64::from_be_bytes)
    }

    /// The bytes from this position of the content of a box to its end, at most `MAX`.
    pub fn up_to<const MAX: usize>(&mut self, content: &Range<u64>, at: u64) -> Result<Vec<u8>, BoxError> {
        let start = content.start.saturating_add(at);
        let length = content.end.saturating_sub(start).min(MAX as u64);
        let mut bytes = vec![0; length as usize];
        self.reader.read_exact(&mut bytes, start)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
        [&(content.len() as u32 + 8).to_be_bytes(), kind.as_slice(), content].concat()
    }

    fn walk(mut bytes: &[u8]) -> Result<Vec<Header>, BoxError> {
        let mut rest = 0..bytes.len() as u64;
        let mut reader = Reader::new(&mut bytes);
        let mut boxes = Boxes::new(&mut reader);
        let mut found = Vec::new();
        while let Some(header) = boxes.next(&mut rest)? {
            found.push(header);
        }
        Ok(found)
    }

    fn header(kind: &[u8; 4], start: u64, content: Range<u64>) -> Header {
        Header { kind: *kind, start, content, missing: 0, is_open: false }
    }

    #[test]
    fn a_box_has_a_size_of_32_or_64_bits_or_reaches_to_the_end() {
        let long = [[0, 0, 0, 1].as_slice(), b"mdat", &19_u64.to_be_bytes(), b"abc"].concat();
        let open = [[0, 0, 0, 0].as_slice(), b"mdat", b"rest"].concat();
        let bytes = [boxed(b"free", b""), long, boxed(b"uuid", &[7; 20]), open].concat();
        let found = walk(&bytes).expect("they are well-formed");
        let last = Header { is_open: true, ..header(b"mdat", 55, 63..67) };
        let expected = [header(b"free", 0, 8..8), header(b"mdat", 8, 24..27), header(b"uuid", 27, 51..55), last];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_box_that_reaches_beyond_the_end_says_how_far() {
        for (size, missing) in [(u64::MAX, u64::MAX - 19), (20, 1), (19, 0)] {
            let bytes = [[0, 0, 0, 1].as_slice(), b"mdat", &size.to_be_bytes(), b"abc"].concat();
            let found = walk(&bytes).expect("it is well-formed");
            assert_eq!(found, [Header { missing, ..header(b"mdat", 0, 16..19) }], "{size}");
        }
    }

    #[test]
    fn padding_and_less_than_a_header_at_the_end_are_no_box() {
        for end in [&[][..], &[0; 4], b"\0\0\0\x07mda", &[0; 8], &[0; 100]] {
            let bytes = [&boxed(b"free", b"x"), end].concat();
            assert_eq!(walk(&bytes).expect("they are well-formed"), [header(b"free", 0, 8..9)], "{end:?}");
        }
    }

    #[test]
    fn a_size_smaller_than_the_header_is_malformed() {
        let long = |size: u64| [[0, 0, 0, 1].as_slice(), b"mdat", &size.to_be_bytes(), &[1; 20]].concat();
        for bytes in [
            b"\0\0\0\x02mdat".to_vec(),
            b"\0\0\0\x07mdat".to_vec(),
            long(0),
            long(15),
            b"\0\0\0\x01mdat\0\0\0\0".to_vec(),
            boxed(b"uuid", &[1; 15]),
        ] {
            assert!(matches!(walk(&bytes), Err(BoxError::Malformed(_))), "{bytes:?}");
        }
    }

    #[test]
    fn boxes_are_counted_however_they_are_nested() {
        let bytes = boxed(b"free", b"").repeat(BOXES_MAX + 1);
        assert!(walk(&bytes[8..]).is_ok());
        assert!(matches!(walk(&bytes), Err(BoxError::TooMany)));
        let mut source = &*bytes;
        let mut reader = Reader::new(&mut source);
        let mut boxes = Boxes::new(&mut reader);
        let found = (0..).take_while(|_| boxes.next(&mut (0..8)).is_ok()).count();
        assert_eq!(found, BOXES_MAX);
    }
}
