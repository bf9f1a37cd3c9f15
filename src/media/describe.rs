//! Describes a file by its bytes, whatever its name says.

use std::io;

use super::description::{Description, Fault};
use super::mp4;
use super::source::{ReadError, Reader, Source};

/// What a file is. What is wrong with it is part of the description; fails only if the source does.
pub fn describe(source: &mut dyn Source) -> io::Result<Description> {
    let mut reader = Reader::new(source);
    let mut description = Description::default();
    if reader.size() == 0 {
        description.faults.push(Fault::Empty);
        return Ok(description);
    }
    let mut first = [0; 8];
    let read = reader.read_exact(&mut first, 0).and_then(|()| match mp4::is_mp4(&first) {
        true => mp4::describe(&mut reader, &mut description),
        false => Ok(()),
    });
    match read {
        Err(ReadError::Source(error)) => Err(error),
        _ => Ok(description),
    }
}
