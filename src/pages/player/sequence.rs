//! What is played or shown after each other: the files of one kind in a folder, in natural order.

use std::ptr;

use crate::limits::ROWS_MAX;
use crate::pages::kind::Kind;
use crate::pages::natural;
use crate::site::{Folder, FolderEntry};

/// The files of one kind in a folder, and which of them the page is about.
pub struct Sequence<'a> {
    entries: Vec<&'a FolderEntry>,
    current: usize,
}

impl<'a> Sequence<'a> {
    /// The sequence around an entry of the folder that is of this kind.
    pub fn new(folder: &'a Folder, entry: &'a FolderEntry, kind: Kind) -> Self {
        let mut entries: Vec<&FolderEntry> = folder.entries().iter().filter(|entry| Kind::of(entry) == kind).collect();
        entries.sort_by(|one, other| natural::compare(&one.name, &other.name));
        let current = entries.iter().position(|other| ptr::eq(*other, entry)).unwrap_or_default();
        Sequence { entries, current }
    }

    pub fn length(&self) -> usize {
        self.entries.len()
    }

    /// The place of the current entry, counted from 1.
    pub fn place(&self) -> usize {
        self.current + 1
    }

    /// The entries before and after it, with the link type of HTML and its name for people.
    pub fn neighbours(&self) -> impl Iterator<Item = (&'a FolderEntry, &'static str, &'static str)> {
        let at = |place: Option<usize>| place.and_then(|place| self.entries.get(place)).copied();
        let previous = at(self.current.checked_sub(1)).map(|entry| (entry, "prev", "Previous"));
        let next = at(Some(self.current + 1)).map(|entry| (entry, "next", "Next"));
        previous.into_iter().chain(next)
    }

    /// The place of the first of [`near`](Self::near), counted from 1.
    pub fn first_place(&self) -> usize {
        self.current.saturating_sub(ROWS_MAX / 2) + 1
    }

    /// [`ROWS_MAX`] entries around the current one, at most.
    pub fn near(&self) -> impl Iterator<Item = &'a FolderEntry> {
        self.entries.iter().copied().skip(self.first_place() - 1).take(ROWS_MAX)
    }

    pub fn is_current(&self, entry: &FolderEntry) -> bool {
        ptr::eq(self.entries[self.current], entry)
    }
}
