//! The entries of a folder, as they were read.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::SystemTime;

use super::file_id::FileId;
use super::media_type;
use crate::bytes::Bytes;

/// The entries of one folder without what is hidden, confidential, unreadable, or neither a file
/// nor a folder.
#[derive(Clone, Debug, Default)]
pub struct Folder {
    entries: Vec<FolderEntry>,
    /// Whether names match in it only byte for byte.
    pub(super) matches_case: bool,
    pub(super) version: u64,
}

/// A file or folder in a folder. A symbolic link is what it leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderEntry {
    /// Any bytes but `/` and NUL.
    pub name: Box<[u8]>,
    pub kind: EntryKind,
    /// Of a file; 0 for a folder.
    pub size: Bytes,
    pub modified: SystemTime,
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) is_link: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    File,
    Folder,
}

/// What names in a folder have become; None for what is gone.
pub(super) type Changes = BTreeMap<Vec<u8>, Option<FolderEntry>>;

impl Folder {
    /// A folder of these entries in any order.
    pub(super) fn new(mut entries: Vec<FolderEntry>, matches_case: bool) -> Self {
        entries.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        entries.shrink_to_fit();
        Folder { entries, matches_case, version: 0 }
    }

    /// Files and folders together, sorted by the bytes of their names.
    pub fn entries(&self) -> &[FolderEntry] {
        &self.entries
    }

    /// The entry of exactly this name.
    pub fn get(&self, name: &[u8]) -> Option<&FolderEntry> {
        self.entries.binary_search_by(|entry| (*entry.name).cmp(name)).ok().map(|at| &self.entries[at])
    }

    /// A number that is another one after each change of the entries, also after a restart.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Returns the entries that are gone or have become others.
    pub(super) fn apply(&mut self, changes: Changes) -> Vec<FolderEntry> {
        let replaced = self.entries.extract_if(.., |entry| changes.contains_key(&*entry.name)).collect();
        self.entries.extend(changes.into_values().flatten());
        self.entries.sort_by(|one, other| one.name.cmp(&other.name));
        replaced
    }
}

impl FolderEntry {
    /// The Content-Type of a file.
    pub fn content_type(&self) -> Cow<'static, str> {
        media_type::of(&self.name)
    }

    /// The file as it was when its folder was read.
    pub fn file_id(&self) -> FileId {
        FileId { device: self.device, inode: self.inode, size: self.size.0, modified: self.modified }
    }

    /// Whether it is a folder itself rather than a link to one.
    pub(super) fn is_real_folder(&self) -> bool {
        self.kind == EntryKind::Folder && !self.is_link
    }
}

/// A path from a folder and what lies in it; the content folder is empty.
pub(super) fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    if folder.is_empty() { name.to_vec() } else { [folder, name].join(&b'/') }
}

/// The folder and the name of a path that is not empty.
pub fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|&byte| byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (b"", path),
    }
}
