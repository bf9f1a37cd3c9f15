//! AVI files: the main header and the formats of the streams (Microsoft, AVI RIFF File Reference).

use std::ops::Range;
use std::time::Duration;

use super::codec::four_cc;
use super::description::{Codec, Description, Dimensions, Fault, Track, TrackKind};
use super::source::{ReadError, Reader};
use crate::limits::MEDIA_TRACKS_MAX;

/// Chunks that are looked at, at most; the list of headers is the first.
const CHUNKS_MAX: usize = 1_000;

pub(super) fn describe(reader: &mut Reader, out: &mut Description) -> Result<(), ReadError> {
    let size = reader.size();
    let end = 8 + u64::from(u32::from_le_bytes(reader.array(4)?));
    if end > size {
        out.faults.push(Fault::Truncated { missing: end - size });
    }
    let mut left = CHUNKS_MAX;
    let mut rest = 12..end.min(size);
    while let Some((id, content)) = chunk(reader, &mut rest, &mut left)? {
        if id == *b"LIST" && reader.array(content.start)? == *b"hdrl" {
            return headers(reader, content.start + 4..content.end, &mut left, out);
        }
    }
    out.faults.push(Fault::Malformed("It has no list of headers."));
    Ok(())
}

/// The identifier of a chunk, and where its content lies.
type Chunk = ([u8; 4], Range<u64>);

/// The chunk at the start of `rest`, which shrinks to what follows it.
fn chunk(reader: &mut Reader, rest: &mut Range<u64>, left: &mut usize) -> Result<Option<Chunk>, ReadError> {
    if rest.end.saturating_sub(rest.start) < 8 || *left == 0 {
        return Ok(None);
    }
    *left -= 1;
    let id = reader.array(rest.start)?;
    let start = rest.start + 8;
    let end = start + u64::from(u32::from_le_bytes(reader.array(rest.start + 4)?));
    // Chunks begin at even positions.
    rest.start = end.next_multiple_of(2);
    Ok(Some((id, start..end.min(rest.end))))
}

fn headers(
    reader: &mut Reader,
    mut rest: Range<u64>,
    left: &mut usize,
    out: &mut Description,
) -> Result<(), ReadError> {
    let mut dimensions = Dimensions { width: 0, height: 0 };
    while let Some((id, content)) = chunk(reader, &mut rest, left)? {
        let number = |reader: &mut Reader, at| reader.array(content.start + at).map(u32::from_le_bytes);
        if id == *b"avih" {
            let micros = u64::from(number(reader, 0)?) * u64::from(number(reader, 16)?);
            out.duration = Some(Duration::from_micros(micros)).filter(|duration| !duration.is_zero());
            dimensions = Dimensions { width: number(reader, 32)?, height: number(reader, 36)? };
        } else if id == *b"LIST" && reader.array(content.start)? == *b"strl" && out.tracks.len() < MEDIA_TRACKS_MAX {
            out.tracks.extend(stream(reader, content.start + 4..content.end, left, dimensions)?);
        }
    }
    Ok(())
}

fn stream(
    reader: &mut Reader,
    mut rest: Range<u64>,
    left: &mut usize,
    dimensions: Dimensions,
) -> Result<Option<Track>, ReadError> {
    let mut kind = [0; 4];
    while let Some((id, content)) = chunk(reader, &mut rest, left)? {
        if id == *b"strh" {
            kind = reader.array(content.start)?;
        } else if id == *b"strf" {
            let (kind, codec) = match &kind {
                // A BITMAPINFOHEADER.
                b"vids" => (TrackKind::Video(dimensions), four_cc(reader.array(content.start + 16)?)),
                // A WAVEFORMATEX.
                b"auds" => {
                    let channels = u16::from_le_bytes(reader.array(content.start + 2)?);
                    (TrackKind::Audio { channels }, wave_format(u16::from_le_bytes(reader.array(content.start)?)))
                }
                b"txts" => (TrackKind::Subtitles, four_cc(*b"text")),
                _ => (TrackKind::Other, four_cc(kind)),
            };
            return Ok(Some(Track { kind, codec, language: None, title: None, is_default: true }));
        }
    }
    Ok(None)
}

/// An audio codec by its number in a WAVEFORMATEX (RFC 2361 appendix A).
pub(super) fn wave_format(number: u16) -> Codec {
    match number {
        0x50 => Codec { parameter: "mp4a.69".into(), name: "MP2" },
        0x55 => four_cc(*b".mp3"),
        0xff | 0x1610 => super::codec::aac(&[]),
        0x2000 => four_cc(*b"ac-3"),
        0x2001 => four_cc(*b"dtsc"),
        0x160..=0x163 => Codec { parameter: "wma".into(), name: "Windows Media Audio" },
        0xf1ac => four_cc(*b"fLaC"),
        // RFC 2361 writes these of audio/wav as numbers; the third is what the sub-format says.
        1 | 3 | 0xfffe => Codec { parameter: if number == 3 { "3" } else { "1" }.into(), name: "PCM" },
        6 | 7 => Codec { parameter: number.to_string(), name: "G.711" },
        _ => Codec { parameter: format!("{number:x}"), name: "unknown" },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(id: &[u8; 4], content: &[u8]) -> Vec<u8> {
        let padding = vec![0; content.len() % 2];
        [id.as_slice(), &(content.len() as u32).to_le_bytes(), content, &padding].concat()
    }

    fn list(id: &[u8; 4], kind: &[u8; 4], chunks: &[Vec<u8>]) -> Vec<u8> {
        chunk(id, &[kind.as_slice(), &chunks.concat()].concat())
    }

    fn film() -> Vec<u8> {
        let mut main = [0; 56];
        for (at, value) in [(0, 40_000_u32), (16, 250), (32, 640), (36, 480)] {
            main[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        let mut bitmap = [0; 40];
        bitmap[16..20].copy_from_slice(b"XVID");
        let wave = [&[0x55, 0, 2, 0][..], &[0; 14]].concat();
        let stream = |kind, format: &[u8]| list(b"LIST", b"strl", &[chunk(b"strh", kind), chunk(b"strf", format)]);
        let headers = [chunk(b"avih", &main), stream(b"vidsXVID", &bitmap), stream(b"auds\0\0\0\0", &wave)];
        list(b"RIFF", b"AVI ", &[list(b"LIST", b"hdrl", &headers), list(b"LIST", b"movi", &[])])
    }

    fn described(bytes: &[u8]) -> Description {
        let mut source = bytes;
        super::super::describe(&mut source).expect("memory does not fail")
    }

    #[test]
    fn the_headers_tell_streams_and_duration() {
        let film = described(&film());
        assert_eq!(film.duration, Some(Duration::from_secs(10)));
        assert_eq!(film.faults, []);
        let codecs: Vec<_> = film.tracks.iter().map(|track| (track.kind, track.codec.name)).collect();
        let video = TrackKind::Video(Dimensions { width: 640, height: 480 });
        assert_eq!(codecs, [(video, "MPEG-4 ASP"), (TrackKind::Audio { channels: 2 }, "MP3")]);
    }

    #[test]
    fn a_film_that_is_cut_off_lacks_the_rest() {
        let film = film();
        for length in 12..film.len() {
            let missing = (film.len() - length) as u64;
            assert!(described(&film[..length]).faults.contains(&Fault::Truncated { missing }), "{length}");
        }
    }
}
