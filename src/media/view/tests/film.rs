//! Builds films of a few boxes.

use std::io;
use std::ops::Range;

use crate::media::source::Source;

/// A film whose media data takes no memory.
#[derive(Clone, Debug, Default)]
pub struct Film {
    pub parts: Vec<Part>,
}

#[derive(Clone, Debug)]
pub enum Part {
    Bytes(Vec<u8>),
    Media(u64),
    Of(Range<u64>),
}

impl Part {
    fn length(&self) -> u64 {
        match self {
            Part::Bytes(bytes) => bytes.len() as u64,
            Part::Media(length) => *length,
            Part::Of(range) => range.end - range.start,
        }
    }
}

/// A byte of media data, by its position in the file.
fn media(position: u64) -> u8 {
    (position.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8
}

impl Film {
    /// Up to `length` bytes from this position on; ranges are of `film`.
    pub fn bytes(&self, position: u64, length: usize, film: &Film) -> Vec<u8> {
        let mut out = Vec::new();
        let mut start = 0;
        for part in &self.parts {
            let end = start + part.length();
            while out.len() < length && (start..end).contains(&(position + out.len() as u64)) {
                let at = position + out.len() as u64;
                out.push(match part {
                    Part::Bytes(bytes) => bytes[(at - start) as usize],
                    Part::Media(_) => media(at),
                    Part::Of(range) => film.bytes(range.start + at - start, 1, film)[0],
                });
            }
            start = end;
        }
        out
    }
}

impl Source for Film {
    fn size(&self) -> u64 {
        self.parts.iter().map(Part::length).sum()
    }

    fn read_at(&mut self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let bytes = self.bytes(position, buffer.len(), &Film::default());
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

pub fn boxed(kind: &str, content: &[Vec<u8>]) -> Vec<u8> {
    let content = content.concat();
    [&(content.len() as u32 + 8).to_be_bytes(), kind.as_bytes(), &content].concat()
}

/// A box with a version and flags, and a list of numbers of 4 or 8 bytes.
pub fn table(kind: &str, version: u32, width: usize, numbers: &[u64]) -> Vec<u8> {
    let mut content = [version.to_be_bytes(), (numbers.len() as u32).to_be_bytes()].concat();
    numbers.iter().for_each(|number| content.extend(&number.to_be_bytes()[8 - width..]));
    boxed(kind, &[content])
}

pub fn stco(positions: &[u64]) -> Vec<u8> {
    table("stco", 0, 4, positions)
}

pub fn co64(positions: &[u64]) -> Vec<u8> {
    table("co64", 0, 8, positions)
}

pub fn dref(flags: u8) -> Vec<u8> {
    boxed("dref", &[vec![0, 0, 0, 0, 0, 0, 0, 1], boxed("url ", &[vec![0, 0, 0, flags]])])
}

pub fn track_with(handler: &str, dref: Vec<u8>, tables: &[Vec<u8>]) -> Vec<u8> {
    let header = boxed("tkhd", &[vec![0, 0, 0, 2], vec![0; 80]]);
    let kind = boxed("hdlr", &[vec![0; 8], handler.into(), vec![0; 13]]);
    let samples = boxed("stbl", &[vec![boxed("stsd", &[vec![0; 20]])], tables.to_vec()].concat());
    let information = boxed("minf", &[boxed("dinf", &[dref]), samples]);
    boxed("trak", &[header, boxed("mdia", &[kind, information]), boxed("udta", &[vec![0; 4]])])
}

pub fn track(handler: &str, tables: &[Vec<u8>]) -> Vec<u8> {
    track_with(handler, dref(1), tables)
}

#[derive(Clone, Debug)]
pub enum Item {
    Box(&'static str, usize),
    Media { length: u64, is_long: bool },
    Index,
    Raw(Vec<u8>),
}
pub fn mdat(length: u64) -> Item {
    Item::Media { length, is_long: length > 1 << 30 }
}

pub const FTYP: Item = Item::Box("ftyp", 16);

/// A film of these items, with the index that is made when it is known where the media data lies.
pub fn film(items: &[Item], index: impl Fn(&[Range<u64>]) -> Vec<u8>) -> Film {
    let count = items.iter().filter(|item| matches!(item, Item::Media { .. })).count();
    let mut places = vec![0..8; count];
    loop {
        let mut film = Film::default();
        let mut found = Vec::new();
        for item in items {
            let start = film.size();
            film.parts.extend(match item {
                Item::Box(kind, length) => vec![Part::Bytes(boxed(kind, &[vec![7; *length]]))],
                Item::Raw(bytes) => vec![Part::Bytes(bytes.clone())],
                Item::Index => vec![Part::Bytes(index(&places))],
                Item::Media { length, is_long } => {
                    let head = match is_long {
                        true => [&[0, 0, 0, 1][..], b"mdat", &(length + 16).to_be_bytes()].concat(),
                        false => [&(*length as u32 + 8).to_be_bytes()[..], b"mdat"].concat(),
                    };
                    found.push(start + head.len() as u64..start + head.len() as u64 + length);
                    vec![Part::Bytes(head), Part::Media(*length)]
                }
            });
        }
        if found == places {
            return film;
        }
        places = found;
    }
}

/// Three positions of each range.
pub fn chunks(media: &[Range<u64>]) -> Vec<u64> {
    media.iter().flat_map(|media| [media.start, media.start.midpoint(media.end), media.end - 8]).collect()
}
