//! What the scan of the content folder found.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::SystemTime;

use walkdir::{DirEntry, WalkDir};

use super::access_rules::AccessRules;
use super::media_type;
use super::spelling::{self, ConfidentialFolders};
use crate::bytes::Bytes;

/// A file as the scan saw it.
#[derive(Debug)]
pub struct Entry {
    pub size: Bytes,
    pub modified: SystemTime,
    /// The Content-Type.
    pub content_type: Cow<'static, str>,
}

/// The regular files of the content folder by their relative path, without what is hidden.
#[derive(Debug, Default)]
pub struct Index {
    files: HashMap<Vec<u8>, Entry>,
    /// Folders, and whether names match in them only byte for byte.
    folders: HashMap<Vec<u8>, bool>,
}

impl Index {
    /// Scans the folder. Symbolic links are not followed here (a request follows them as long as
    /// they stay inside); what cannot be read is logged and left out.
    pub fn scan(content: &Path, access_rules: &AccessRules, confidential: &ConfidentialFolders) -> Self {
        let relative = |entry: &DirEntry| {
            entry.path().strip_prefix(content).map(|path| path.as_os_str().as_bytes().to_vec()).unwrap_or_default()
        };
        let is_confidential = |entry: &DirEntry| {
            let folder = !confidential.is_empty() && entry.file_type().is_dir();
            folder && entry.metadata().map_or(true, |found| confidential.contains(found.dev(), found.ino()))
        };
        let seen = |entry: &DirEntry| {
            entry.depth() == 0 || access_rules.check(&relative(entry)).is_ok() && !is_confidential(entry)
        };
        let mut index = Index::default();
        for entry in WalkDir::new(content).max_open(1).into_iter().filter_entry(seen) {
            let found = entry.and_then(|entry| {
                let metadata = entry.metadata()?;
                Ok((entry, metadata))
            });
            match found {
                Ok((entry, metadata)) if metadata.is_file() => {
                    let path = relative(&entry);
                    let content_type = media_type::of(&path);
                    let modified = modified(&metadata);
                    index.files.insert(path, Entry { size: Bytes(metadata.len()), modified, content_type });
                }
                Ok((entry, metadata)) if metadata.is_dir() => {
                    index.folders.insert(relative(&entry), spelling::matches_case(entry.path()));
                }
                Ok(_) => {}
                Err(error) => log::warn!("left out of the index: {error}"),
            }
        }
        index
    }

    /// Whether the scan found a file or a folder of exactly this path that is not hidden.
    pub fn knows(&self, relative: &[u8]) -> bool {
        self.files.contains_key(relative) || self.folders.contains_key(relative)
    }

    /// Whether the scan found a folder of exactly this path in which names match only byte for
    /// byte.
    pub fn matches_case(&self, folder: &[u8]) -> bool {
        self.folders.get(folder).is_some_and(|matches_case| *matches_case)
    }

    /// The file with that path relative to the content folder.
    pub fn get(&self, relative: &[u8]) -> Option<&Entry> {
        self.files.get(relative)
    }

    /// Number of files.
    pub fn count(&self) -> usize {
        self.files.len()
    }

    /// Size of all files together.
    pub fn total(&self) -> Bytes {
        Bytes(self.files.values().map(|entry| entry.size.0).sum())
    }
}

/// A filesystem without modification times has one that is equally wrong for every file.
pub(super) fn modified(metadata: &Metadata) -> SystemTime {
    metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH)
}
