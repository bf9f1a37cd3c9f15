//! Leaves one of several audio tracks of a Matroska file playable, without moving a byte.

use super::element::{Element, HEADER_MAX, elements, parse};
use crate::limits::{VIEW_SEEK_HEAD_MAX, VIEW_TRACKS_ELEMENT_MAX, VIEW_TRACKS_MAX};
use crate::media::edit::{Edit, NoView, read};
use crate::media::source::{ReadError, Reader, Source};

// RFC 9559, 5.1.
const SEGMENT: u32 = 0x1853_8067;
const SEEK_HEAD: u32 = 0x114d_9b74;
const SEEK: u32 = 0x4dbb;
const SEEK_ID: u32 = 0x53ab;
const SEEK_POSITION: u32 = 0x53ac;
const CLUSTER: u32 = 0x1f43_b675;
const TRACKS: u32 = 0x1654_ae6b;
const TRACK_ENTRY: u32 = 0xae;
const TRACK_TYPE: u32 = 0x83;
const CODEC_ID: u32 = 0x86;
const AUDIO: u64 = 2;
/// RFC 8794, 11.3.1.
const CRC_32: u32 = 0xbf;

const NO_TRACKS: NoView = NoView::Refused("The film does not say where its tracks are described.");

/// Changes the first letter of the codec of each audio track but the one of this number, counted
/// from 1, so that players do not know it: `A_AAC` becomes `X_AAC`. Checksums are made to fit.
pub fn edits(source: &mut dyn Source, wanted: usize) -> Result<Vec<Edit>, NoView> {
    let tracks = find_tracks(source)?.content;
    let length = usize::try_from(tracks.end - tracks.start).ok().filter(|length| *length <= VIEW_TRACKS_ELEMENT_MAX);
    let length = length.ok_or(NoView::Refused("The film describes its tracks in more than 1 MiB."))?;
    let before = read(source, tracks.start, length)?;
    let mut after = before.clone();
    let mut edits = Vec::new();
    let mut count = 0;
    for entry in elements(&before, 0..length).filter(|entry| entry.id == TRACK_ENTRY) {
        let field = |id| elements(&before, entry.range()).find(|element| element.id == id);
        if field(TRACK_TYPE).and_then(|kind| kind.unsigned(&before)) != Some(AUDIO) {
            continue;
        }
        count += 1;
        if count > VIEW_TRACKS_MAX {
            return Err(NoView::Refused("The film has more audio tracks than can be chosen from."));
        }
        if let Some(codec) =
            field(CODEC_ID).map(|codec| codec.range()).filter(|codec| count != wanted && !codec.is_empty())
        {
            after[codec.start] = b'X';
            edits.push(codec.start..codec.start + 1);
            edits.extend(mend_checksum(&mut after, entry.range()));
        }
    }
    if !(1..=count).contains(&wanted) {
        return Err(NoView::Refused("The film has no audio track of this number."));
    }
    if !edits.is_empty() {
        edits.extend(mend_checksum(&mut after, 0..length));
    }
    edits.sort_by_key(|edit| edit.start);
    let edit =
        |edit: std::ops::Range<usize>| Edit { position: tracks.start + edit.start as u64, bytes: after[edit].to_vec() };
    Ok(edits.into_iter().map(edit).collect())
}

/// Makes the checksum of an element fit its content, if it begins with one, and returns where it
/// is.
fn mend_checksum(bytes: &mut [u8], content: std::ops::Range<usize>) -> Option<std::ops::Range<usize>> {
    let checksum = elements(bytes, content.clone()).next().filter(|first| first.id == CRC_32)?.range();
    let value = crc_32(&bytes[checksum.end..content.end]).to_le_bytes();
    (checksum.len() == value.len()).then(|| bytes[checksum.clone()].copy_from_slice(&value))?;
    Some(checksum)
}

/// The CRC-32 of ISO 3309, as RFC 8794 requires.
fn crc_32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 })
    })
}

/// The element that describes the tracks: in front of the first cluster, or where a list of
/// positions says.
fn find_tracks(source: &mut dyn Source) -> Result<Element, NoView> {
    let size = source.size();
    let mut lists = Vec::new();
    let mut reader = Reader::new(source);
    // It may be cut off.
    let mut segment = read_element(&mut reader, 0, u64::MAX)?.ok_or(NO_TRACKS)?;
    while segment.id != SEGMENT {
        segment = read_element(&mut reader, segment.content.end, u64::MAX)?.ok_or(NO_TRACKS)?;
    }
    let limit = segment.content.end.min(size);
    let mut position = segment.content.start;
    while let Some(element) = read_element(&mut reader, position, limit)? {
        match element.id {
            TRACKS => return Ok(element),
            CLUSTER => break,
            SEEK_HEAD => lists.push(element.content.clone()),
            _ => {}
        }
        position = element.content.end;
    }
    for list in lists {
        let length = ((list.end - list.start) as usize).min(VIEW_SEEK_HEAD_MAX);
        let mut bytes = vec![0; length];
        reader.read_exact(&mut bytes, list.start)?;
        for seek in elements(&bytes, 0..length).filter(|element| element.id == SEEK) {
            let field = |id| elements(&bytes, seek.range()).find(|element| element.id == id)?.unsigned(&bytes);
            if field(SEEK_ID) != Some(u64::from(TRACKS)) {
                continue;
            }
            let position = field(SEEK_POSITION).and_then(|offset| segment.content.start.checked_add(offset));
            let tracks = read_element(&mut reader, position.ok_or(NO_TRACKS)?, limit)?;
            return tracks.filter(|tracks| tracks.id == TRACKS).ok_or(NO_TRACKS);
        }
    }
    Err(NO_TRACKS)
}

/// The element at this position; None if there is none, or it is malformed.
fn read_element(reader: &mut Reader, position: u64, limit: u64) -> Result<Option<Element>, NoView> {
    let mut header = [0; HEADER_MAX];
    let length = limit.saturating_sub(position).min(HEADER_MAX as u64) as usize;
    match reader.read_exact(&mut header[..length], position) {
        Ok(()) => Ok(parse(&header[..length], position, limit)),
        Err(ReadError::Ended) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
