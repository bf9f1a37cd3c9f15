//! Moves the index of an MP4 or QuickTime file in front of its media data.

use std::ops::Range;

use super::nested::{Boxes, MALFORMED, Nested, has_item_locations, index_content, number};
use crate::limits::VIEW_INDEX_MAX;
use crate::media::edit::NoView;

/// The boxes on the way to positions of media data, from the outermost (ISO/IEC 14496-12, Table 1).
const PATH: [&[u8; 4]; 5] = [b"moov", b"trak", b"mdia", b"minf", b"stbl"];

/// Where the index lies in the file, and where it is put.
pub struct Move {
    pub from: Range<u64>,
    pub to: u64,
}

/// The index that belongs at its new place: positions of media data are those of the view. It is
/// longer if they need 64 bits there.
pub fn moved(moov: &[u8], place: Move) -> Result<Vec<u8>, NoView> {
    let mut narrow = Mover::new(moov, &place, None);
    narrow.copy_all()?;
    if !narrow.overflows {
        return Ok(narrow.out);
    }
    // One position that needs 64 bits makes all of them take 64, so that the length of the index,
    // which they depend on, does not depend on them.
    let growth = narrow.narrow_entries * 4;
    let mut wide = Mover::new(moov, &place, Some(growth));
    drop(narrow);
    if moov.len() + growth > VIEW_INDEX_MAX {
        return Err(NoView::Refused("The index of the film would be larger than 16 MiB."));
    }
    wide.copy_all()?;
    Ok(wide.out)
}

struct Mover<'a> {
    moov: &'a [u8],
    place: &'a Move,
    /// Length of the index at its new place.
    length: u64,
    /// Whether all positions are written with 64 bits.
    is_wide: bool,
    /// Positions that have 32 bits in the file.
    narrow_entries: usize,
    /// Whether a position did not fit.
    overflows: bool,
    out: Vec<u8>,
}

impl<'a> Mover<'a> {
    fn new(moov: &'a [u8], place: &'a Move, growth: Option<usize>) -> Self {
        let length = moov.len() + growth.unwrap_or(0);
        Mover {
            moov,
            place,
            length: length as u64,
            is_wide: growth.is_some(),
            narrow_entries: 0,
            overflows: false,
            out: Vec::new(),
        }
    }

    fn copy_all(&mut self) -> Result<(), NoView> {
        self.out.reserve_exact(self.length as usize);
        let content = index_content(self.moov)?;
        self.copy(Nested { kind: *b"moov", start: 0, content }, 0)
    }

    /// Copies a box of [`PATH`] with all that is in it.
    fn copy(&mut self, nested: Nested, depth: usize) -> Result<(), NoView> {
        let start = self.out.len();
        self.out.extend(&self.moov[nested.start..nested.content.start]);
        let end = nested.content.end;
        let mut children = Boxes::new(self.moov, nested.content);
        for child in children.by_ref() {
            let child = child?;
            match &child.kind {
                kind if PATH.get(depth + 1).is_some_and(|next| *next == kind) => self.copy(child, depth + 1)?,
                b"mvex" if depth == 0 => {
                    return Err(NoView::Refused("The film is made of fragments, whose index cannot be moved."));
                }
                b"cmov" if depth == 0 => return Err(NoView::Refused("The index of the film is compressed.")),
                b"dinf" if refers_to_other_files(self.moov, &child) => {
                    return Err(NoView::Refused("The film has media data in other files."));
                }
                _ if has_item_locations(self.moov, &child) => {
                    return Err(NoView::Refused("The metadata of the film holds positions that cannot be moved."));
                }
                b"stco" if depth == 4 => self.copy_table(&child, 4, false)?,
                b"co64" if depth == 4 => self.copy_table(&child, 4, true)?,
                b"saio" if depth == 4 => {
                    let flags = *self.moov[child.content.clone()].first_chunk::<4>().ok_or(MALFORMED)?;
                    let count = if flags[3] & 1 == 1 { 12 } else { 4 };
                    self.copy_table(&child, count, flags[0] > 0)?;
                }
                _ => self.out.extend(&self.moov[child.start..child.content.end]),
            }
        }
        self.out.extend(&self.moov[children.position()..end]);
        self.write_length(start)
    }

    /// Copies a table of positions (8.7.5, 8.7.9): after `count_at` bytes, their number, and then
    /// they themselves, of 64 bits if `was_wide`.
    fn copy_table(&mut self, table: &Nested, count_at: usize, was_wide: bool) -> Result<(), NoView> {
        let moov = self.moov;
        let content = &moov[table.content.clone()];
        let count = number(content, count_at).ok_or(MALFORMED)? as usize;
        let width = if was_wide { 8 } else { 4 };
        let entries = &content[count_at + 4..];
        let (entries, rest) =
            count.checked_mul(width).and_then(|length| entries.split_at_checked(length)).ok_or(MALFORMED)?;
        let start = self.out.len();
        let first = table.content.start + count_at + 4;
        self.out.extend(&moov[table.start..first]);
        if self.is_wide && !was_wide {
            let kind = start + 4..start + 8;
            match &table.kind {
                b"stco" => self.out[kind].copy_from_slice(b"co64"),
                // Version 1 has 64 bits.
                _ => self.out[start + table.content.start - table.start] = 1,
            }
        }
        for entry in entries.chunks_exact(width) {
            let position = entry.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
            let position = self.shifted(position)?;
            if was_wide || self.is_wide {
                self.out.extend(position.to_be_bytes());
            } else {
                self.overflows |= position > u64::from(u32::MAX);
                self.out.extend((position as u32).to_be_bytes());
            }
        }
        self.narrow_entries += if was_wide { 0 } else { count };
        self.out.extend(rest);
        self.write_length(start)
    }

    /// Where in the view lies what lies at this position in the file.
    fn shifted(&self, position: u64) -> Result<u64, NoView> {
        let Move { from, to } = self.place;
        if from.contains(&position) {
            return Err(NoView::Refused("The film has media data within its index."));
        }
        let removed = if position >= from.end { from.end - from.start } else { 0 };
        let inserted = if position >= *to { self.length } else { 0 };
        (position - removed).checked_add(inserted).ok_or(MALFORMED)
    }

    /// Writes the length of the box that begins at `start` and ends here into its header.
    fn write_length(&mut self, start: usize) -> Result<(), NoView> {
        let length = self.out.len() - start;
        if number(&self.out, start) == Some(1) {
            self.out[start + 8..start + 16].copy_from_slice(&(length as u64).to_be_bytes());
        } else {
            let length = u32::try_from(length).map_err(|_| MALFORMED)?;
            self.out[start..start + 4].copy_from_slice(&length.to_be_bytes());
        }
        Ok(())
    }
}

/// Whether media data lies in other files, at positions of those (8.7.2).
fn refers_to_other_files(moov: &[u8], dinf: &Nested) -> bool {
    let lists = Boxes::new(moov, dinf.content.clone()).map_while(Result::ok).filter(|list| list.kind == *b"dref");
    // A list begins with its version, flags and count; the lowest flag of an entry says that the
    // data lies in this file.
    let entries =
        lists.flat_map(|list| Boxes::new(moov, (list.content.start + 8).min(list.content.end)..list.content.end));
    let mut entries = entries.map_while(Result::ok);
    entries.any(|entry| moov[entry.content].get(3).is_some_and(|flags| flags & 1 == 0))
}
