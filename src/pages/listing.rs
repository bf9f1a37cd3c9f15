//! The entries of a folder as a page shows them: filtered, in order, and not too many.

use std::cmp::Ordering;

use super::{natural, number};
use crate::http::Query;
use crate::limits::ROWS_MAX;
use crate::site::{EntryKind, Folder, FolderEntry};

/// By what the entries are sorted; folders come first in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    Name,
    Size,
    Time,
}

/// The entries that a page shows.
#[derive(Debug)]
pub struct Listing<'a> {
    pub rows: Vec<&'a FolderEntry>,
    pub sort: Sort,
    pub is_descending: bool,
    /// What the names must contain, if anything.
    pub filter: String,
    /// Of these pages, counted from 1, this is which.
    pub page: usize,
    pub pages: usize,
    /// Entries that match, on all pages.
    pub matches: usize,
}

impl Sort {
    pub fn name(self) -> &'static str {
        match self {
            Sort::Name => "name",
            Sort::Size => "size",
            Sort::Time => "time",
        }
    }

    fn compare(self, one: &FolderEntry, other: &FolderEntry) -> Ordering {
        let by_name = || natural::compare(&one.name, &other.name);
        match self {
            Sort::Name => by_name(),
            Sort::Size => one.size.0.cmp(&other.size.0).then_with(by_name),
            Sort::Time => one.modified.cmp(&other.modified).then_with(by_name),
        }
    }
}

impl<'a> Listing<'a> {
    /// What `?sort=name|size|time&order=asc|desc&q=filter&page=1` asks for. Unknown values count as
    /// absent.
    pub fn new(folder: &'a Folder, query: Query) -> Self {
        let wanted = query.get("sort").unwrap_or_default();
        let sort = [Sort::Size, Sort::Time].into_iter().find(|sort| sort.name().as_bytes() == wanted);
        let sort = sort.unwrap_or(Sort::Name);
        let is_descending = query.get("order").is_some_and(|order| order == b"desc");
        let filter = String::from_utf8_lossy(&query.get("q").unwrap_or_default()).trim().to_string();
        let needle = filter.to_lowercase();
        let matches = |entry: &&FolderEntry| {
            needle.is_empty() || String::from_utf8_lossy(&entry.name).to_lowercase().contains(&needle)
        };
        let mut rows: Vec<&FolderEntry> = folder.entries().iter().filter(matches).collect();
        rows.sort_by(|one, other| {
            let is_file = |entry: &FolderEntry| entry.kind == EntryKind::File;
            let order = sort.compare(one, other);
            is_file(one).cmp(&is_file(other)).then(if is_descending { order.reverse() } else { order })
        });
        let matches = rows.len();
        let pages = matches.div_ceil(ROWS_MAX).max(1);
        let page = number(query, "page").unwrap_or(1).clamp(1, pages);
        let rows = rows.into_iter().skip((page - 1) * ROWS_MAX).take(ROWS_MAX).collect();
        Listing { rows, sort, is_descending, filter, page, pages, matches }
    }
}
