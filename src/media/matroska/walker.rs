//! Reads the elements of a file within limits.

use std::ops::Range;

use super::element::{Element, HEADER_MAX, parse};
use crate::limits::ELEMENTS_MAX;
use crate::media::source::{ReadError, Reader};

/// Why the elements cannot be read any further.
#[derive(Debug)]
pub(super) enum Problem {
    Read(ReadError),
    Malformed(&'static str),
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        Problem::Read(error)
    }
}

/// Reads elements one after the other, up to [`ELEMENTS_MAX`] in all. The depth is that of its
/// caller: an element is entered by walking over its content.
pub(super) struct Walker<'r, 's> {
    pub reader: &'r mut Reader<'s>,
    left: usize,
}

impl<'r, 's> Walker<'r, 's> {
    pub fn new(reader: &'r mut Reader<'s>) -> Self {
        Walker { reader, left: ELEMENTS_MAX }
    }

    /// The element at the start of `rest`, which shrinks to what follows it; None at the end. If
    /// its length is unknown it ends with `rest`.
    pub fn next(&mut self, rest: &mut Range<u64>) -> Result<Option<Element>, Problem> {
        if rest.is_empty() {
            return Ok(None);
        }
        self.left = self.left.checked_sub(1).ok_or(Problem::Malformed("It has more elements than any film."))?;
        let mut header = [0; HEADER_MAX];
        let mut filled = 0;
        while filled < header.len() {
            match self.reader.read_some(&mut header[filled..], rest.start + filled as u64)? {
                0 if filled == 0 => return Err(ReadError::Ended.into()),
                0 => break,
                count => filled += count,
            }
        }
        let element = parse(&header[..filled], rest.start, rest.end).ok_or(match filled {
            HEADER_MAX => Problem::Malformed("An element is longer than what it lies in, or has no length."),
            _ => Problem::Read(ReadError::Ended),
        })?;
        rest.start = element.content.end;
        Ok(Some(element))
    }

    /// The unsigned integer that is its content (RFC 8794 section 7.2).
    pub fn unsigned(&mut self, element: &Element) -> Result<u64, Problem> {
        let mut bytes = [0; 8];
        let length = (element.content.end - element.content.start) as usize;
        let value = bytes.get_mut(..length).ok_or(Problem::Malformed("A number has more than 8 bytes."))?;
        self.reader.read_exact(value, element.content.start)?;
        Ok(value.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// The floating-point number that is its content (section 7.3).
    pub fn float(&mut self, element: &Element) -> Result<f64, Problem> {
        match element.content.end - element.content.start {
            0 => Ok(0.0),
            4 => Ok(f32::from_be_bytes(self.reader.array(element.content.start)?).into()),
            8 => Ok(f64::from_be_bytes(self.reader.array(element.content.start)?)),
            _ => Err(Problem::Malformed("A floating-point number has neither 4 nor 8 bytes.")),
        }
    }

    /// Up to `max` bytes of its content.
    pub fn bytes(&mut self, element: &Element, max: usize) -> Result<Vec<u8>, Problem> {
        let length = (element.content.end - element.content.start).min(max as u64) as usize;
        let mut bytes = vec![0; length];
        self.reader.read_exact(&mut bytes, element.content.start)?;
        Ok(bytes)
    }
}
