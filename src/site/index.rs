//! What the scan of the content folder found.

use std::borrow::Cow;
use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::SystemTime;

use walkdir::{DirEntry, WalkDir};

use super::hidden::Hidden;
use super::media_type;
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
}

impl Index {
    /// Scans the folder. Symbolic links are not followed here (a request follows them as long as they stay inside); what
    /// cannot be read is logged and left out.
    pub fn scan(content: &Path, hidden: &Hidden) -> Self {
        let relative = |entry: &DirEntry| {
            entry.path().strip_prefix(content).map(|path| path.as_os_str().as_bytes().to_vec()).unwrap_or_default()
        };
        let seen = |entry: &DirEntry| entry.depth() == 0 || hidden.check(&relative(entry)).is_ok();
        let mut files = HashMap::new();
        for entry in WalkDir::new(content).into_iter().filter_entry(seen) {
            let found = entry.and_then(|entry| {
                let metadata = entry.metadata()?;
                Ok((entry, metadata))
            });
            match found {
                Ok((entry, metadata)) if metadata.is_file() => {
                    let path = relative(&entry);
                    let content_type = media_type::of(&path);
                    let modified = super::modified(&metadata);
                    files.insert(path, Entry { size: Bytes(metadata.len()), modified, content_type });
                }
                Ok(_) => {}
                Err(error) => log::warn!("left out of the index: {error}"),
            }
        }
        Index { files }
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
