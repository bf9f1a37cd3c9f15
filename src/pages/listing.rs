//! The entries of a folder as a page shows them: filtered, in order, and not too many.

use std::cmp::Ordering;

use super::natural;
use crate::bytes::Bytes;
use crate::http::Query;
use crate::http::target::encode;
use crate::site::{EntryKind, Folder, FolderEntry};

/// By what the entries are sorted; folders come first in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    Name,
    Size,
    Time,
}

/// What a page shows and how; what its links change is one of these with another value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    pub sort: Sort,
    pub is_descending: bool,
    /// What the names must contain, in any case; empty for all.
    pub filter: String,
    /// Cards with large thumbnails rather than lines.
    pub is_grid: bool,
    /// Counted from 1.
    pub page: usize,
}

/// The entries that a page shows.
#[derive(Debug)]
pub struct Listing<'a> {
    pub rows: Vec<&'a FolderEntry>,
    pub choice: Choice,
    pub pages: usize,
    /// Folders that match, on all pages.
    pub folders: usize,
    /// Files that match, on all pages.
    pub files: usize,
    /// The size of these files.
    pub size: Bytes,
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

impl Choice {
    /// Reads `?sort=name|size|time&order=asc|desc&q=filter&view=list|grid&page=1`. Unknown values
    /// count as absent.
    fn new(query: Query) -> Self {
        let is = |name, value: &str| query.get(name).is_some_and(|found| found == value.as_bytes());
        let sort = [Sort::Size, Sort::Time].into_iter().find(|sort| is("sort", sort.name()));
        let filter = query.get("q").unwrap_or_default();
        Choice {
            sort: sort.unwrap_or(Sort::Name),
            is_descending: is("order", "desc"),
            filter: String::from_utf8_lossy(&filter).trim().to_string(),
            is_grid: is("view", "grid"),
            page: number(query, "page").unwrap_or(1),
        }
    }

    /// Names and values of the parameters without those that stand for themselves.
    pub fn parameters(&self) -> Vec<(&'static str, String)> {
        let all = [
            ("sort", self.sort.name().to_string(), self.sort != Sort::Name),
            ("order", "desc".to_string(), self.is_descending),
            ("q", self.filter.clone(), !self.filter.is_empty()),
            ("view", "grid".to_string(), self.is_grid),
            ("page", self.page.to_string(), self.page > 1),
        ];
        all.into_iter().filter(|(_, _, is_needed)| *is_needed).map(|(name, value, _)| (name, value)).collect()
    }

    /// The link from the page of a folder to this page of it.
    pub fn link(&self) -> String {
        let pairs: Vec<_> =
            self.parameters().iter().map(|(name, value)| format!("{name}={}", encode(value.as_bytes()))).collect();
        if pairs.is_empty() { "./".to_string() } else { format!("?{}", pairs.join("&")) }
    }
}

/// The decimal number in a query; None if there is none.
fn number(query: Query, name: &str) -> Option<usize> {
    std::str::from_utf8(&query.get(name)?).ok()?.parse().ok()
}

impl<'a> Listing<'a> {
    /// The entries that the query asks for, in pages of at most `rows_max`. A page beyond the last
    /// is the last.
    pub fn new(folder: &'a Folder, query: Query, rows_max: usize) -> Self {
        let mut choice = Choice::new(query);
        let needle = choice.filter.to_lowercase();
        let matches = |entry: &&FolderEntry| {
            needle.is_empty() || String::from_utf8_lossy(&entry.name).to_lowercase().contains(&needle)
        };
        let all = folder.entries().iter().filter(matches);
        let (mut rows, mut files): (Vec<_>, Vec<_>) = all.partition(|entry| entry.kind == EntryKind::Folder);
        for entries in [&mut rows, &mut files] {
            entries.sort_by(|one, other| {
                let order = choice.sort.compare(one, other);
                if choice.is_descending { order.reverse() } else { order }
            });
        }
        let (folders, size) = (rows.len(), Bytes(files.iter().fold(0, |sum, entry| sum.saturating_add(entry.size.0))));
        rows.extend(&files);
        let pages = rows.len().div_ceil(rows_max).max(1);
        choice.page = choice.page.clamp(1, pages);
        let rows = rows.into_iter().skip((choice.page - 1) * rows_max).take(rows_max).collect();
        Listing { rows, choice, pages, folders, files: files.len(), size }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::site::{self, AccessRules, Site};

    fn names(query: &str, rows_max: usize) -> (String, Choice, usize) {
        let content = tempfile::tempdir().expect("a folder");
        fs::create_dir(content.path().join("Zoo")).expect("a folder");
        for (name, size, seconds) in [("s1e10.mp4", 1, 30), ("S1E2.mp4", 3, 10), ("b & c.txt", 2, 20)] {
            fs::write(content.path().join(name), vec![0; size]).expect("a file");
            let file = fs::File::options().write(true).open(content.path().join(name)).expect("a file");
            file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds)).expect("a time");
        }
        let site = Site::scan(content.path(), AccessRules::new([]).expect("no further folders")).expect("it is there");
        let Ok(site::Listing::Read(folder)) = site.list(b"") else { panic!("it is read") };
        let listing = Listing::new(&folder, Query(query.as_bytes()), rows_max);
        let names: Vec<_> = listing.rows.iter().map(|entry| String::from_utf8_lossy(&entry.name)).collect();
        (names.join(", "), listing.choice, listing.pages)
    }

    #[test]
    fn folders_come_first_and_the_rest_as_asked() {
        for (query, expected) in [
            ("", "Zoo, b & c.txt, S1E2.mp4, s1e10.mp4"),
            ("order=desc", "Zoo, s1e10.mp4, S1E2.mp4, b & c.txt"),
            ("sort=size", "Zoo, s1e10.mp4, b & c.txt, S1E2.mp4"),
            ("sort=time&order=desc", "Zoo, s1e10.mp4, b & c.txt, S1E2.mp4"),
            ("sort=colour&order=up", "Zoo, b & c.txt, S1E2.mp4, s1e10.mp4"),
            ("q=MP4", "S1E2.mp4, s1e10.mp4"),
            ("q=+b+%26", "b & c.txt"),
            ("q=nothing", ""),
        ] {
            assert_eq!(names(query, 9).0, expected, "{query}");
        }
    }

    #[test]
    fn a_long_listing_has_pages() {
        for (page, expected) in [
            ("", "Zoo, b & c.txt, S1E2.mp4"),
            ("page=2", "s1e10.mp4"),
            ("page=3", "s1e10.mp4"),
            ("page=0", "Zoo, b & c.txt, S1E2.mp4"),
            ("page=-1", "Zoo, b & c.txt, S1E2.mp4"),
        ] {
            let (names, _, pages) = names(page, 3);
            assert_eq!((&*names, pages), (expected, 2), "{page}");
        }
    }

    #[test]
    fn a_link_asks_for_what_is_shown() {
        for query in ["", "sort=size&order=desc&q=a%26b%3D%20c&view=grid", "sort=time", "q=%2B", "q=%FF"] {
            let choice = Choice::new(Query(query.as_bytes()));
            let link = choice.link();
            assert_eq!(Choice::new(Query(link.trim_start_matches(['.', '/', '?']).as_bytes())), choice, "{link}");
        }
    }
}
