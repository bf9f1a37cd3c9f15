//! Describes a Matroska or WebM file: its general information, tracks, chapters, tags and cover,
//! wherever they lie.

use std::ops::Range;
use std::time::Duration;

use super::element::Element;
use super::tracks;
use super::walker::{Problem, Walker};
use crate::limits::CHAPTERS_MAX;
use crate::media::description::{Chapter, Description, Fault};
use crate::media::picture;
use crate::media::source::{ReadError, Reader};
use crate::media::text;

// RFC 9559 section 5.1.
const SEGMENT: u32 = 0x1853_8067;
const SEEK_HEAD: u32 = 0x114d_9b74;
const SEEK: u32 = 0x4dbb;
const SEEK_ID: u32 = 0x53ab;
const SEEK_POSITION: u32 = 0x53ac;
const INFO: u32 = 0x1549_a966;
const TIMESTAMP_SCALE: u32 = 0x2a_d7b1;
const DURATION: u32 = 0x4489;
const TITLE: u32 = 0x7ba9;
const CLUSTER: u32 = 0x1f43_b675;
const TRACKS: u32 = 0x1654_ae6b;
const ATTACHMENTS: u32 = 0x1941_a469;
const ATTACHED_FILE: u32 = 0x61a7;
const FILE_NAME: u32 = 0x466e;
const FILE_DATA: u32 = 0x465c;
const CHAPTERS: u32 = 0x1043_a770;
const EDITION: u32 = 0x45b9;
const CHAPTER_ATOM: u32 = 0xb6;
const CHAPTER_TIME_START: u32 = 0x91;
const CHAPTER_FLAG_HIDDEN: u32 = 0x98;
const CHAPTER_DISPLAY: u32 = 0x80;
const CHAPTER_STRING: u32 = 0x85;
const TAGS: u32 = 0x1254_c367;
const TAG: u32 = 0x7373;
const SIMPLE_TAG: u32 = 0x67c8;
const TAG_NAME: u32 = 0x45a3;
const TAG_STRING: u32 = 0x4487;

/// Positions of elements that are followed, at most; files have about six.
const SEEKS_MAX: usize = 64;

/// Clusters that are passed over to find what lies behind them in a file without a list of
/// positions, at most.
const CLUSTERS_MAX: usize = 64;

pub fn describe(reader: &mut Reader, out: &mut Description) -> Result<(), ReadError> {
    match Segment::open(reader, out).and_then(|segment| segment.map_or(Ok(()), |mut segment| segment.describe(out))) {
        Ok(()) => {
            if out.tracks.is_empty() && out.faults.is_empty() {
                out.faults.push(Fault::Malformed("It has no tracks."));
            }
            Ok(())
        }
        Err(Problem::Read(error)) => Err(error),
        Err(Problem::Malformed(sentence)) => {
            out.faults.push(Fault::Malformed(sentence));
            Ok(())
        }
    }
}

struct Segment<'r, 's> {
    walker: Walker<'r, 's>,
    content: Range<u64>,
    /// Where the elements lie that are described already.
    described: Vec<u64>,
    /// Where more lie, from the lists of positions.
    seeks: Vec<(u32, u64)>,
}

impl<'r, 's> Segment<'r, 's> {
    fn open(reader: &'r mut Reader<'s>, out: &mut Description) -> Result<Option<Self>, Problem> {
        let size = reader.size();
        let mut walker = Walker::new(reader);
        // The length of the segment may be unknown, or more than what is there.
        let mut rest = 0..u64::MAX;
        while let Some(element) = walker.next(&mut rest)? {
            let end = element.content.end;
            if element.id == SEGMENT {
                if end > size && end != u64::MAX {
                    out.faults.push(Fault::Truncated { missing: end - size });
                }
                let content = element.content.start..end.min(size);
                return Ok(Some(Segment { walker, content, described: Vec::new(), seeks: Vec::new() }));
            }
            if end >= size {
                break;
            }
        }
        out.faults.push(Fault::Malformed("It has no segment."));
        Ok(None)
    }

    fn describe(&mut self, out: &mut Description) -> Result<(), Problem> {
        let mut rest = self.content.clone();
        let mut clusters = 0;
        while rest.start < self.content.end {
            // A segment that is cut off ends within its last element.
            let is_cut = |out: &Description| out.faults.iter().any(|fault| matches!(fault, Fault::Truncated { .. }));
            let element = match self.walker.next(&mut rest) {
                Err(Problem::Malformed(_)) if is_cut(out) => break,
                element => element?,
            };
            let Some(element) = element else { break };
            if element.id == CLUSTER {
                clusters += 1;
                let is_found =
                    !out.tracks.is_empty() && (out.duration.is_some() || self.content.end == element.content.end);
                if !self.seeks.is_empty() || is_found || clusters > CLUSTERS_MAX {
                    break;
                }
            }
            self.element(&element, out)?;
        }
        let mut at = 0;
        while let Some(&(id, position)) = self.seeks.get(at) {
            at += 1;
            let mut rest = position..self.content.end;
            if rest.is_empty() || self.described.contains(&position) {
                continue;
            }
            match self.walker.next(&mut rest) {
                Ok(Some(element)) if element.id == id => self.element(&element, out)?,
                // A position that is wrong is not the fault of what lies there.
                Ok(_) | Err(Problem::Malformed(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn element(&mut self, element: &Element, out: &mut Description) -> Result<(), Problem> {
        let is_known = matches!(element.id, SEEK_HEAD | INFO | TRACKS | CHAPTERS | ATTACHMENTS | TAGS);
        // Each of them is there once, but that tags and lists of positions may be repeated.
        let start = element.content.start;
        if !is_known || self.described.contains(&start) || self.described.len() > SEEKS_MAX {
            return Ok(());
        }
        self.described.push(start);
        let content = element.content.clone();
        match element.id {
            SEEK_HEAD => self.seek_head(content),
            INFO => self.info(content, out),
            TRACKS if out.tracks.is_empty() => tracks::describe(&mut self.walker, content, out),
            CHAPTERS if out.chapters.is_empty() => self.chapters(content, out),
            ATTACHMENTS if out.cover.is_none() => self.attachments(content, out),
            TAGS => self.tags(content, out),
            _ => Ok(()),
        }
    }

    fn seek_head(&mut self, mut rest: Range<u64>) -> Result<(), Problem> {
        while let Some(seek) = self.walker.next(&mut rest)? {
            let (mut id, mut position) = (None, None);
            let mut rest = seek.content.clone();
            while seek.id == SEEK && !rest.is_empty() {
                match self.walker.next(&mut rest)? {
                    Some(element) if element.id == SEEK_ID => id = u32::try_from(self.walker.unsigned(&element)?).ok(),
                    Some(element) if element.id == SEEK_POSITION => position = Some(self.walker.unsigned(&element)?),
                    _ => {}
                }
            }
            let position = position.and_then(|position| self.content.start.checked_add(position));
            if let (Some(id), Some(position)) = (id, position)
                && id != CLUSTER
                && self.seeks.len() < SEEKS_MAX
            {
                self.seeks.push((id, position));
            }
        }
        Ok(())
    }

    fn info(&mut self, mut rest: Range<u64>, out: &mut Description) -> Result<(), Problem> {
        let (mut nanoseconds, mut duration) = (1_000_000, None);
        while let Some(element) = self.walker.next(&mut rest)? {
            match element.id {
                TIMESTAMP_SCALE => nanoseconds = self.walker.unsigned(&element)?,
                DURATION => duration = Some(self.walker.float(&element)?),
                TITLE => out.title = self.text(&element)?,
                _ => {}
            }
        }
        let seconds = duration.map(|units| units * nanoseconds as f64 / 1e9);
        out.duration = seconds.filter(|seconds| *seconds > 0.0).and_then(|it| Duration::try_from_secs_f64(it).ok());
        Ok(())
    }

    fn text(&mut self, element: &Element) -> Result<Option<String>, Problem> {
        Ok(text::decode(&self.walker.bytes(element, text::BYTES_MAX)?))
    }

    /// The chapters of the first edition; a chapter within another is part of it.
    fn chapters(&mut self, mut rest: Range<u64>, out: &mut Description) -> Result<(), Problem> {
        while let Some(edition) = self.walker.next(&mut rest)? {
            if edition.id != EDITION {
                continue;
            }
            let mut rest = edition.content;
            while let Some(atom) = self.walker.next(&mut rest)? {
                if atom.id == CHAPTER_ATOM && out.chapters.len() < CHAPTERS_MAX {
                    out.chapters.extend(self.chapter(atom.content)?);
                }
            }
            return Ok(());
        }
        Ok(())
    }

    /// None if it is hidden.
    fn chapter(&mut self, mut rest: Range<u64>) -> Result<Option<Chapter>, Problem> {
        let mut chapter = Chapter { start: Duration::ZERO, title: String::new() };
        let mut is_hidden = false;
        while let Some(element) = self.walker.next(&mut rest)? {
            match element.id {
                CHAPTER_TIME_START => chapter.start = Duration::from_nanos(self.walker.unsigned(&element)?),
                CHAPTER_FLAG_HIDDEN => is_hidden = self.walker.unsigned(&element)? == 1,
                CHAPTER_DISPLAY if chapter.title.is_empty() => {
                    chapter.title = self.child_text(element.content, CHAPTER_STRING)?.unwrap_or_default();
                }
                _ => {}
            }
        }
        Ok((!is_hidden).then_some(chapter))
    }

    /// The text of the first element with this id.
    fn child_text(&mut self, mut rest: Range<u64>, id: u32) -> Result<Option<String>, Problem> {
        while let Some(element) = self.walker.next(&mut rest)? {
            if element.id == id {
                return self.text(&element);
            }
        }
        Ok(None)
    }

    /// The cover: the attached picture whose name begins with `cover`
    /// (<https://www.matroska.org/technical/attachments.html>), or else the first.
    fn attachments(&mut self, mut rest: Range<u64>, out: &mut Description) -> Result<(), Problem> {
        while let Some(file) = self.walker.next(&mut rest)? {
            if file.id != ATTACHED_FILE {
                continue;
            }
            let name = self.child_text(file.content.clone(), FILE_NAME)?.unwrap_or_default();
            let is_cover = name.get(..5).is_some_and(|front| front.eq_ignore_ascii_case("cover"));
            let mut rest = file.content;
            while let Some(element) = self.walker.next(&mut rest)? {
                if element.id == FILE_DATA && (is_cover || out.cover.is_none()) {
                    out.cover = picture::cover(self.walker.reader, element.content)?.or(out.cover.take());
                }
            }
            if is_cover && out.cover.is_some() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn tags(&mut self, mut rest: Range<u64>, out: &mut Description) -> Result<(), Problem> {
        while let Some(tag) = self.walker.next(&mut rest)? {
            let mut rest = if tag.id == TAG { tag.content } else { 0..0 };
            while let Some(simple) = self.walker.next(&mut rest)? {
                if simple.id != SIMPLE_TAG {
                    continue;
                }
                let field = match self.child_text(simple.content.clone(), TAG_NAME)?.as_deref() {
                    Some("ARTIST") => &mut out.artist,
                    Some("ALBUM") => &mut out.album,
                    _ => continue,
                };
                if field.is_none() {
                    *field = self.child_text(simple.content, TAG_STRING)?;
                }
            }
        }
        Ok(())
    }
}
