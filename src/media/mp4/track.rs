//! A track of a film: the track box, trak.

use std::ops::Range;
use std::time::Duration;

use super::boxes::{BoxError, Boxes, Header, tolerate};
use super::metadata;
use super::sample_entry::{Sample, SampleEntry};
use super::time::TimeHeader;
use crate::media::description::{Description, Dimensions, Fault, Track, TrackKind};
use crate::media::language::Language;
use crate::media::text;

/// Chapter tracks that a track refers to, at most: one with titles, one with pictures.
const CHAPTER_TRACKS: usize = 2;

/// A track box; its description, and what is needed to read chapters from it.
#[derive(Default)]
pub struct TrackBox {
    pub id: u32,
    pub description: Option<Track>,
    pub duration: Option<Duration>,
    /// The tracks with its chapters, by their identifiers; 0 is none.
    pub chapter_tracks: [u32; CHAPTER_TRACKS],
    /// Whether it holds the chapters of another track.
    pub has_chapters: bool,
    pub is_text: bool,
    /// Whether it has media data in other files.
    pub is_external: bool,
    pub time_scale: u32,
    /// Content of the sample table box, if it has one.
    pub sample_table: Option<Range<u64>>,
}

/// The boxes of a track as far as they have been seen.
#[derive(Default)]
struct Parts {
    is_enabled: bool,
    shown: Option<Dimensions>,
    handler: [u8; 4],
    handler_name: Option<String>,
    name: Option<String>,
    language: Option<String>,
    sample: Option<Sample>,
}

impl TrackBox {
    pub fn read(&mut self, mut rest: Range<u64>, boxes: &mut Boxes, out: &mut Description) -> Result<(), BoxError> {
        let mut parts = Parts::default();
        while let Some(found) = boxes.next(&mut rest)? {
            let read = match &found.kind {
                b"tkhd" => self.header(&found.content, boxes, &mut parts),
                b"tref" => self.references(found.content, boxes),
                b"mdia" => self.media(found.content, boxes, &mut parts),
                b"udta" => metadata::track_name(found.content, boxes).map(|name| parts.name = name),
                _ => Ok(()),
            };
            tolerate(read, out)?;
        }
        self.description = parts.describe(out);
        Ok(())
    }

    fn header(&mut self, content: &Range<u64>, boxes: &mut Boxes, parts: &mut Parts) -> Result<(), BoxError> {
        let [version, _, _, flags] = boxes.bytes(content, 0)?;
        let (id, matrix) = if version == 1 { (20, 52) } else { (12, 40) };
        self.id = boxes.u32(content, id)?;
        parts.is_enabled = flags & 1 != 0;
        let [a, b, d, width, height] = [0, 4, 16, 36, 40].map(|at| boxes.u32(content, matrix + at));
        let (width, height) = (width? >> 16, height? >> 16);
        // A matrix that turns by 90 degrees has no entries on its diagonal.
        let is_turned = (a?, d?) == (0, 0) && b? != 0;
        let (width, height) = if is_turned { (height, width) } else { (width, height) };
        parts.shown = Some(Dimensions { width, height }).filter(|_| width != 0 && height != 0);
        Ok(())
    }

    fn references(&mut self, content: Range<u64>, boxes: &mut Boxes) -> Result<(), BoxError> {
        if let Some(found) = boxes.find(content, b"chap")? {
            let count = ((found.content.end - found.content.start) / 4).min(CHAPTER_TRACKS as u64);
            for at in 0..count {
                self.chapter_tracks[at as usize] = boxes.u32(&found.content, 4 * at)?;
            }
        }
        Ok(())
    }

    fn media(&mut self, mut rest: Range<u64>, boxes: &mut Boxes, parts: &mut Parts) -> Result<(), BoxError> {
        let mut information = None;
        let mut extended_language = None;
        while let Some(Header { kind, content, .. }) = boxes.next(&mut rest)? {
            match &kind {
                b"mdhd" => {
                    let header = TimeHeader::read(&content, boxes)?;
                    self.time_scale = header.scale;
                    self.duration = header.duration;
                    parts.language = language(u16::from_be_bytes(boxes.bytes(&content, header.end)?));
                }
                b"elng" => {
                    let tag = boxes.up_to::<40>(&content, 4)?;
                    extended_language = text::decode(&tag).and_then(|tag| Language::tag_of(&tag));
                }
                b"hdlr" => {
                    parts.handler = boxes.bytes(&content, 8)?;
                    parts.handler_name = handler_name(&boxes.up_to::<{ text::BYTES_MAX }>(&content, 24)?);
                }
                b"minf" => information = Some(content),
                _ => {}
            }
        }
        parts.language = extended_language.or(parts.language.take());
        self.is_text = matches!(&parts.handler, b"text" | b"sbtl");
        let Some(information) = information else { return Ok(()) };
        self.information(information, boxes, parts)
    }

    fn information(&mut self, mut rest: Range<u64>, boxes: &mut Boxes, parts: &mut Parts) -> Result<(), BoxError> {
        while let Some(found) = boxes.next(&mut rest)? {
            match &found.kind {
                b"dinf" => self.is_external = is_external(found.content, boxes)?,
                b"stbl" => {
                    self.sample_table = Some(found.content.clone());
                    if let Some(found) = boxes.find(found.content, b"stsd")? {
                        parts.sample = SampleEntry::read(&found.content, &parts.handler, boxes)?;
                    }
                    // All that matters lies before it, and its tables may be large.
                    return Ok(());
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl Parts {
    fn describe(self, out: &mut Description) -> Option<Track> {
        let Sample { codec, channels, stored, is_encrypted } = self.sample?;
        if is_encrypted && !out.faults.contains(&Fault::Encrypted) {
            out.faults.push(Fault::Encrypted);
        }
        let kind = match &self.handler {
            b"vide" => TrackKind::Video(self.shown.unwrap_or(stored)),
            b"soun" => TrackKind::Audio { channels },
            b"subt" | b"sbtl" | b"text" | b"clcp" | b"subp" => TrackKind::Subtitles,
            _ => TrackKind::Other,
        };
        let title = self.name.or(self.handler_name);
        Some(Track { kind, codec, language: self.language, title, is_default: self.is_enabled })
    }
}

/// Whether a data information box (dinf) refers to other files (ISO/IEC 14496-12 section 8.7.2).
fn is_external(content: Range<u64>, boxes: &mut Boxes) -> Result<bool, BoxError> {
    let Some(found) = boxes.find(content, b"dref")? else { return Ok(false) };
    let mut entries = found.content.start.saturating_add(8)..found.content.end;
    while let Some(entry) = boxes.next(&mut entries)? {
        let [.., flags] = boxes.bytes::<4>(&entry.content, 0)?;
        if flags & 1 == 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A language as mdhd has it: three letters of ISO 639-2 in five bits each, or a number of
/// QuickTime, of which the first are the usual.
fn language(packed: u16) -> Option<String> {
    const QUICKTIME: [&str; 12] = ["en", "fr", "de", "it", "nl", "sv", "es", "da", "pt", "no", "he", "ja"];
    if packed < 0x400 {
        return QUICKTIME.get(usize::from(packed)).map(|tag| tag.to_string());
    }
    let letters = [packed >> 10, packed >> 5, packed].map(|letter| (letter & 0x1f) as u8 + 0x60);
    Language::tag_of(std::str::from_utf8(&letters).ok()?)
}

/// The name of a handler, counted as QuickTime does or not, unless it only names the program that
/// made it or what kind of track it is.
fn handler_name(bytes: &[u8]) -> Option<String> {
    const IDLE: [&str; 8] = ["handler", "apple", "core media", "mainconcept", "gpac", "l-smash", "produced by", "#"];
    const KINDS: [&str; 9] = ["video", "audio", "sound", "text", "subtitle", "subtitles", "vide", "soun", "stereo"];
    let bytes = match bytes.split_first() {
        Some((count, rest)) if usize::from(*count) <= rest.len() && *count < b' ' => &rest[..usize::from(*count)],
        _ => bytes,
    };
    let name = text::decode(bytes)?;
    let lower = name.to_lowercase();
    let says_nothing = KINDS.contains(&lower.as_str()) || IDLE.iter().any(|idle| lower.contains(idle));
    (!says_nothing).then_some(name)
}
