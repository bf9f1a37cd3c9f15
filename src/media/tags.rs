//! Audio files: MP3, AAC, FLAC, Ogg and WAV. The `lofty` crate reads their tags and properties.

mod cover;
#[cfg(test)]
mod tests;

use std::io::{self, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};

use lofty::config::{GlobalOptions, ParseOptions, ParsingMode, apply_global_options};
use lofty::file::{AudioFile, FileType, TaggedFile, TaggedFileExt};
use lofty::probe::Probe;
use lofty::tag::Accessor;
use memchr::memmem;

use super::description::{Codec, Container, Description, Dimensions, Track, TrackKind};
use super::source::{ReadError, Reader};
use super::{avi, codec, text};
use crate::limits::TAG_ALLOCATION_MAX;

pub(super) fn describe(reader: &mut Reader, first: &[u8], out: &mut Description) -> Result<(), ReadError> {
    out.cover = match out.container {
        Some(Container::Mp3 | Container::Aac) => cover::in_id3(reader)?,
        Some(Container::Flac) => cover::in_flac(reader, first)?,
        _ => None,
    };
    let (file_type, codec) = match out.container {
        Some(Container::Mp3) => (FileType::Mpeg, codec::four_cc(*b".mp3")),
        Some(Container::Aac) => (FileType::Aac, codec::aac(&[])),
        Some(Container::Flac) => (FileType::Flac, codec::four_cc(*b"fLaC")),
        Some(Container::Wav) => (FileType::Wav, wave_codec(first)),
        _ => match ogg(first, out) {
            Some(file_type) => file_type,
            None => return Ok(()),
        },
    };
    // Without the tags too, if those are what it stumbles over.
    let file = match read(reader, file_type, true)? {
        Some(file) => Some(file),
        None => read(reader, file_type, false)?,
    };
    let channels = file.as_ref().and_then(|file| file.properties().channels()).unwrap_or(0).into();
    out.tracks.push(Track {
        kind: TrackKind::Audio { channels },
        codec,
        language: None,
        title: None,
        is_default: true,
    });
    if let Some(file) = file {
        out.duration = Some(file.properties().duration()).filter(|duration| !duration.is_zero());
        // A file may have several kinds of tags; the one of its format comes first.
        for tag in file.primary_tag().into_iter().chain(file.tags()) {
            let fields =
                [(&mut out.title, tag.title()), (&mut out.artist, tag.artist()), (&mut out.album, tag.album())];
            for (field, value) in fields {
                if field.is_none() {
                    *field = value.and_then(|value| text::clean(&value));
                }
            }
        }
    }
    Ok(())
}

/// What lofty understands; None if that is nothing, or it reads more than is allowed.
fn read(reader: &mut Reader, file_type: FileType, with_tags: bool) -> Result<Option<TaggedFile>, ReadError> {
    // It holds for the thread.
    apply_global_options(GlobalOptions::new().allocation_limit(TAG_ALLOCATION_MAX));
    let options = ParseOptions::new()
        .parsing_mode(ParsingMode::Relaxed)
        .read_cover_art(false)
        .implicit_conversions(false)
        .read_tags(with_tags);
    let mut stream = Stream { reader, position: 0, failure: None };
    // It panics at some files, such as an Opus file of nine channels. The page of their folder must
    // not end with it.
    let read = || Probe::with_file_type(&mut stream, file_type).options(options).read();
    let file = catch_unwind(AssertUnwindSafe(read));
    match stream.failure {
        Some(error) => Err(ReadError::Source(error)),
        None => Ok(file.ok().and_then(Result::ok)),
    }
}

/// A reader as lofty wants it.
struct Stream<'r, 's> {
    reader: &'r mut Reader<'s>,
    position: u64,
    /// How the source has failed, if it has: the error that lofty passes on may be another.
    failure: Option<io::Error>,
}

impl Read for Stream<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.reader.read_some(buffer, self.position) {
            Ok(count) => {
                self.position += count as u64;
                Ok(count)
            }
            Err(ReadError::Source(error)) => {
                let kind = error.kind();
                self.failure = Some(error);
                // One that callers repeat would never end.
                Err(if kind == io::ErrorKind::Interrupted { io::ErrorKind::Other } else { kind }.into())
            }
            Err(ReadError::Ended | ReadError::TooMuch) => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

impl Seek for Stream<'_, '_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
            SeekFrom::End(offset) => self.reader.size().checked_add_signed(offset),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

/// The codec in the format chunk, which is the first but for rare files.
fn wave_codec(first: &[u8]) -> Codec {
    let format = memmem::find(&first[..first.len().min(512)], b"fmt ").and_then(|at| first.get(at + 8..at + 10));
    avi::wave_format(format.map_or(1, |number| u16::from_le_bytes([number[0], number[1]])))
}

/// What lofty takes an Ogg file for, by its first packet (RFC 7845 section 5.1, Vorbis I section
/// 4.2.1). None, with the tracks of a film, if the first is Theora (Theora specification 6.2).
fn ogg(first: &[u8], out: &mut Description) -> Option<(FileType, Codec)> {
    let front = &first[..first.len().min(4096)];
    let packet = |magic: &[u8]| memmem::find(front, magic).map(|at| &front[at..]);
    let vorbis = Codec { parameter: "vorbis".into(), name: "Vorbis" };
    if let Some(video) = packet(b"\x80theora") {
        let number =
            |at: usize| video.get(at..at + 3).unwrap_or_default().iter().fold(0, |it, byte| it << 8 | u32::from(*byte));
        let dimensions = Dimensions { width: number(14), height: number(17) };
        let codec = Codec { parameter: "theora".into(), name: "Theora" };
        let track = |kind, codec| Track { kind, codec, language: None, title: None, is_default: true };
        out.tracks.push(track(TrackKind::Video(dimensions), codec));
        if let Some(channels) = packet(b"\x01vorbis").and_then(|audio| audio.get(11)) {
            out.tracks.push(track(TrackKind::Audio { channels: (*channels).into() }, vorbis));
        }
        return None;
    }
    let known = [
        (&b"OpusHead"[..], FileType::Opus, codec::four_cc(*b"Opus")),
        (b"\x01vorbis", FileType::Vorbis, vorbis),
        (b"Speex   ", FileType::Speex, Codec { parameter: "speex".into(), name: "Speex" }),
    ];
    known.into_iter().find(|(magic, ..)| packet(magic).is_some()).map(|(_, file_type, codec)| (file_type, codec))
}
