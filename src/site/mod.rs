//! What is served: the content folder, its index and its rules.
//!
//! `index` (what the scan found), `hidden` (what must not be seen), `confidential` (whether that is
//! there), `open` (a file beneath the root and nothing else), `kept` (small files in memory),
//! `media_type` (what a file is).

use std::fs::{File, Metadata};
use std::io;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use rustix::io::Errno;

use crate::http::target::Path;
use crate::http::{Refusal, Representation, Status, Validators};

mod confidential;
mod file_system;
mod hidden;
mod index;
mod kept;
mod media_type;
mod open;

pub use confidential::missing_confidential;
pub use file_system::{FileSystem, Kind};
pub use hidden::Hidden;
pub use index::Index;
pub use kept::KeptFile as CachedFile;
pub use open::Lookup;

use kept::{Kept, KeptFile};
use open::Root;

const ROOT: FileSystem = FileSystem { id: 0, kind: Kind::Local };

/// The page that stands for a folder.
const FOLDER_PAGE: &[u8] = b"index.html";

/// The folder that is served.
#[derive(Debug)]
pub struct Site {
    root: Root,
    hidden: Hidden,
    index: Index,
    kept: Kept,
}

/// What a path leads to.
#[derive(Debug)]
pub enum Found {
    File(Resource),
    /// A folder that was named without its slash.
    Folder,
    /// Only this file system can tell, and it may block.
    WouldBlock(FileSystem),
}

/// A regular file.
#[derive(Debug)]
pub struct Resource {
    pub content: Content,
    pub representation: Representation,
}

/// Where the bytes of a file come from.
#[derive(Debug)]
pub enum Content {
    Opened(File, FileSystem),
    /// Memory, which holds all of them.
    Cached(Arc<KeptFile>),
}

const MISSING: Refusal = Refusal::keep(Status::NotFound, "There is no such file here.");

impl Site {
    /// Opens the content folder and scans it into the index.
    ///
    /// Fails where the folder itself cannot be opened; what cannot be read in it is logged and left out.
    pub fn scan(content: &std::path::Path, hidden: Hidden) -> io::Result<Self> {
        let root = Root::open(content)?;
        let index = Index::scan(content, &hidden);
        Ok(Site { root, hidden, index, kept: Kept::new() })
    }

    /// What the scan found.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Finds what a path leads to. The opened file decides, not the index: a file that came after the scan is served, one
    /// that went is missing, and the rules hold for the place where the file really lies. What is found was so at some time
    /// after `begun`, by which the request had begun.
    pub fn find(&self, path: &Path, begun: Instant, lookup: Lookup) -> Result<Found, Refusal> {
        self.hidden.check(path.relative())?;
        if !path.folder() {
            return self.open(path.relative(), begun, lookup);
        }
        let page = match path.relative() {
            b"" => FOLDER_PAGE.to_vec(),
            folder => [folder, FOLDER_PAGE].join(&b'/'),
        };
        self.hidden.check(&page)?;
        match self.open(&page, begun, lookup)? {
            Found::Folder => Err(MISSING),
            found => Ok(found),
        }
    }

    fn open(&self, relative: &[u8], begun: Instant, lookup: Lookup) -> Result<Found, Refusal> {
        if let Some(kept) = self.kept.find(self.root.folder(), relative, begun) {
            let representation = kept.representation.clone();
            return Ok(Found::File(Resource { content: Content::Cached(kept), representation }));
        }
        let opened = match self.root.open_beneath(relative, lookup) {
            Ok(opened) => opened,
            Err(error) if lookup == Lookup::CachedOnly && error.kind() == io::ErrorKind::WouldBlock => {
                return Ok(Found::WouldBlock(ROOT));
            }
            Err(error) => {
                // What is confidential is refused alike whether it exists or not, by whatever road.
                if let Some(place) = self.root.place_of_missing(relative) {
                    self.hidden.check(&place)?;
                }
                return Err(refusal_for(error, relative));
            }
        };
        if let Some(place) = &opened.place {
            self.hidden.check(place)?;
        }
        let metadata = opened.file.metadata().map_err(|error| refusal_for(error, relative))?;
        if metadata.is_dir() {
            return Ok(Found::Folder);
        }
        if !metadata.is_file() {
            return Err(MISSING);
        }
        let content_type = match self.index.get(relative) {
            Some(entry) => entry.content_type.clone(),
            None => media_type::of(relative),
        };
        let validators = Validators { size: metadata.len(), modified: modified(&metadata) };
        let representation = Representation { validators, content_type };
        if opened.place.is_none() {
            self.kept.consider(relative, &opened.file, &metadata, &representation, SystemTime::now());
        }
        Ok(Found::File(Resource { content: Content::Opened(opened.file, ROOT), representation }))
    }
}

/// A filesystem without modification times has one that is equally wrong for every file.
fn modified(metadata: &Metadata) -> SystemTime {
    metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH)
}

/// What the peer is told when a file cannot be opened: the one place where an error of the system becomes a status.
fn refusal_for(error: io::Error, relative: &[u8]) -> Refusal {
    match Errno::from_io_error(&error) {
        Some(
            // XDEV: the path leads out of the content folder. NXIO, NODEV: a socket, or a device without its driver.
            Errno::NOENT
            | Errno::NOTDIR
            | Errno::NAMETOOLONG
            | Errno::LOOP
            | Errno::XDEV
            | Errno::NXIO
            | Errno::NODEV
            | Errno::ILSEQ
            | Errno::INVAL,
        ) => MISSING,
        Some(Errno::ACCESS | Errno::PERM) => Refusal::keep(Status::Forbidden, "The file may not be read."),
        Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN) => {
            log::warn!("cannot open {:?}: {error}", String::from_utf8_lossy(relative));
            Refusal::keep(Status::ServiceUnavailable, "The server is too busy to open the file; try again.")
        }
        _ => {
            log::error!("cannot open {:?}: {error}", String::from_utf8_lossy(relative));
            Refusal::keep(Status::InternalServerError, "The file cannot be opened.")
        }
    }
}

#[cfg(test)]
mod tests;
