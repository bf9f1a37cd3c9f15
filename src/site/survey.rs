//! For a command that reads every file once, and may wait for the disk.

use std::fs::File;
use std::io;

use super::pass::LeftOut;
use super::root::{Failure, Lookup};
use super::rules::Rules;
use super::{FileSystem, Site};

impl Site {
    /// Scans the open content folder into the index before it returns. Returns what cannot be read.
    pub fn scan_now(&self) -> Vec<LeftOut> {
        self.0.scan_now()
    }

    /// Opens the file with this path relative to the content folder as the server would, and waits
    /// as long as that takes.
    ///
    /// Fails with `NotFound` too if the path leads to what is not served.
    pub fn open_file(&self, relative: &[u8]) -> io::Result<File> {
        let not_found = || io::Error::from(io::ErrorKind::NotFound);
        let tree = self.0.cache.tree().ok_or_else(not_found)?;
        let rules = Rules { access_rules: &self.0.access_rules, index: &tree.index };
        let open = |file_system| tree.root.open_beneath(relative, Lookup::MayBlock(file_system), rules);
        let opened = match open(tree.root.file_system_of(relative)) {
            // A mount that came after the folder was opened.
            Err(Failure::WouldBlock(_)) => open(FileSystem::BEHIND_LINK),
            opened => opened,
        };
        let opened = opened.map_err(|failure| match failure {
            Failure::Error { error, .. } => error,
            Failure::WouldBlock(_) | Failure::Denied(_) => not_found(),
        })?;
        let is_served = opened.real_path.is_none_or(|path| self.0.access_rules.check(&path).is_ok());
        if is_served && opened.file.metadata()?.is_file() { Ok(opened.file) } else { Err(not_found()) }
    }
}
