//! Which version of which file something is known of.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::time::SystemTime;

/// A file and its version: another after any change that changes its size or modification time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileId {
    pub device: u64,
    pub inode: u64,
    pub size: u64,
    pub modified: SystemTime,
}

impl FileId {
    /// The file that is open. Blocks if a remote file system hangs.
    pub fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        let (device, inode, size) = (metadata.dev(), metadata.ino(), metadata.len());
        Ok(FileId { device, inode, size, modified: modified(&metadata) })
    }
}

/// The modification time, or the epoch on a file system without modification times.
pub fn modified(metadata: &Metadata) -> SystemTime {
    metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH)
}
