//! The content folder, its index and its rules.
//!
//! `index`, `folder` and `links` (what the scan found), `access_rules` (what must not be served),
//! `denial` (why a path is not served), `confidential` (checks that those folders exist), `root`
//! (the content folder), `open` (opens files beneath it), `walk` (the same step by step, where
//! openat2(2) does not suffice), `spelling` and `rules` (the real names of a path, and when its
//! text suffices), `file_system` and `mounts` (what may block, and which permit it needs), `watch`
//! and `watches` (changes, and mounts that come and go), `scan`, `scan_thread`, `pass` and
//! `read_folder` (from there into the index), `file_cache` (small files in memory), `validation`
//! (whether they have changed), `content` (the bytes of a resource, as pieces), `views` (files with
//! some bytes changed), `media_type` and `first_bytes` (Content-Type), `file_id` and `descriptions`
//! (what is known of the media files), `survey` (for a command that reads every file).

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use crate::http::response::Field;
use crate::http::target::Path;
use crate::http::{Refusal, Representation, Validators};
use crate::media::Description;
use crate::media::view::Changes;
use crate::piece::Piece;

mod access_rules;
mod confidential;
mod content;
mod denial;
mod descriptions;
mod file_cache;
mod file_id;
mod file_system;
mod first_bytes;
mod folder;
mod index;
mod links;
mod media_type;
mod mounts;
mod open;
mod pass;
mod read_folder;
mod root;
mod rules;
mod scan;
mod scan_thread;
mod spelling;
mod survey;
mod validation;
mod views;
mod walk;
mod watch;
mod watches;

pub use access_rules::AccessRules;
pub use confidential::missing_confidential;
pub use content::Content;
pub use denial::{Denial, Reason};
pub use file_id::FileId;
pub use file_system::{FileSystem, Kind};
pub use folder::{EntryKind, Folder, FolderEntry, split as split_path};
pub use index::{Index, Listing};
pub use links::LinkEnd;
pub use media_type::of as media_type;
pub use pass::LeftOut;
pub use root::Lookup;
pub use validation::Version;
pub use views::FileView;

use denial::MISSING;
use descriptions::Descriptions;
use file_cache::{Admission, Cached, FileCache, Offer, Tree};
use file_id::modified;
use root::Failure;
use rules::Rules;
use scan::Scans;
use views::Views;

/// The index page of a folder.
const FOLDER_PAGE: &[u8] = b"index.html";

/// The folder that is served.
#[derive(Debug)]
pub struct Site(Arc<Shared>);

/// What a site shares with its scan, which may outlive it if the folder hangs.
#[derive(Debug)]
struct Shared {
    content: PathBuf,
    access_rules: AccessRules,
    cache: FileCache,
    descriptions: Descriptions,
    views: Views,
    scans: Mutex<Scans>,
}

/// What a path leads to.
#[derive(Debug)]
pub enum Found {
    File(Resource),
    /// A folder, requested without the slash.
    Folder,
}

/// The lookup needs a disk permit of this file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WouldBlock(pub FileSystem);

/// Why the site has nothing to serve under a path.
#[derive(Debug)]
pub enum NotServed {
    WouldBlock(WouldBlock),
    Denied(Denial),
}

impl From<WouldBlock> for NotServed {
    fn from(would_block: WouldBlock) -> Self {
        NotServed::WouldBlock(would_block)
    }
}

impl From<Denial> for NotServed {
    fn from(denial: Denial) -> Self {
        NotServed::Denied(denial)
    }
}

/// Why nothing is found.
#[derive(Debug)]
pub enum NotFound {
    WouldBlock(WouldBlock),
    Refused(Refusal),
}

impl From<WouldBlock> for NotFound {
    fn from(would_block: WouldBlock) -> Self {
        NotFound::WouldBlock(would_block)
    }
}

impl From<NotServed> for NotFound {
    fn from(not_served: NotServed) -> Self {
        match not_served {
            NotServed::WouldBlock(would_block) => NotFound::WouldBlock(would_block),
            NotServed::Denied(denial) => NotFound::Refused(denial.refusal()),
        }
    }
}

impl From<Refusal> for NotFound {
    fn from(refusal: Refusal) -> Self {
        NotFound::Refused(refusal)
    }
}

/// A regular file, or a page that was generated.
#[derive(Debug)]
pub struct Resource {
    pub content: Content,
    pub representation: Representation,
    /// Whether it is answered whole, whatever the part policy.
    pub is_whole: bool,
}

impl Resource {
    /// A page that was generated.
    pub fn generated(content: Vec<u8>, content_type: &'static str, fields: Vec<Field>) -> Self {
        let validators = Validators::generated(&content);
        let representation = Representation { validators, content_type: content_type.into(), fields };
        Resource { content: Content::Memory(Arc::new(content)), representation, is_whole: true }
    }
}

impl Site {
    /// A content folder that is not open yet; until it is, every lookup is 503.
    pub fn new(content: PathBuf, access_rules: AccessRules) -> Self {
        Site(Arc::new(Shared {
            content,
            access_rules,
            cache: FileCache::new(),
            descriptions: Descriptions::default(),
            views: Views::default(),
            scans: Mutex::default(),
        }))
    }

    /// Opens the content folder unless it is open. Blocks while the folder does not answer.
    pub fn open(&self) -> io::Result<()> {
        self.0.reopen()
    }

    /// Whether the content folder is open.
    pub fn is_open(&self) -> bool {
        self.0.cache.tree().is_some()
    }

    /// Opens the content folder and scans it into the index before it returns.
    ///
    /// Fails if the folder itself cannot be opened. What cannot be read in it is skipped.
    pub fn scan(content: &std::path::Path, access_rules: AccessRules) -> io::Result<Self> {
        let site = Site::new(content.to_path_buf(), access_rules);
        site.open()?;
        site.scan_now();
        Ok(site)
    }

    /// Has every mount of the content folder scanned again, each on a thread of its own.
    pub fn rescan(&self) {
        self.0.scans().demand_all();
        self.0.start_due_scans();
    }

    /// Lists the folder with this normalised path relative to the content folder, also where links
    /// to folders are on the path. It knows only the spelling that a folder lists, and never asks
    /// the file system.
    ///
    /// Fails as the lookup of a file does: 403 for what is confidential, 404 for what is hidden or
    /// no folder, 503 before the content folder is open.
    pub fn list(&self, relative: &[u8]) -> Result<Listing, Refusal> {
        self.0.access_rules.check(relative)?;
        let tree = self.0.cache.tree().ok_or_else(|| Denial::new(relative, Reason::NotOpen).refusal())?;
        let real_path = tree.index.real_path(relative).ok_or(MISSING)?;
        self.0.access_rules.check(&real_path)?;
        tree.index.list(&real_path).ok_or(MISSING)
    }

    /// What the last scan found; empty before the first.
    pub fn index(&self) -> Arc<Index> {
        self.0.cache.tree().map(|tree| Arc::clone(&tree.index)).unwrap_or_default()
    }

    /// What is known of a file in this version; None if it has not been described, or too long ago.
    pub fn description(&self, file: &FileId) -> Option<Arc<Description>> {
        self.0.descriptions.get(file)
    }

    /// Keeps what is known of a file.
    pub fn keep_description(&self, file: FileId, description: Arc<Description>) {
        self.0.descriptions.keep(file, description);
    }

    /// The view of a file in this version, if it has been made and is still there.
    pub fn view(&self, file: Version, changes: Changes) -> Option<Arc<FileView>> {
        self.0.views.get(file, changes)
    }

    /// Makes the view of a file in this version from its pieces. None if the views in use take too
    /// much memory.
    pub fn add_view(&self, file: Version, changes: Changes, pieces: Vec<Piece>) -> Option<Arc<FileView>> {
        self.0.views.add(file, changes, pieces, SystemTime::now())
    }

    /// Time since a scan of a whole mount last ended; None before the first. Changes that a watch
    /// reports come into the index in between.
    pub fn index_age(&self) -> Option<Duration> {
        self.0.scans().last_whole.map(|ended| ended.elapsed())
    }

    /// The file system of the content folder.
    #[cfg(test)]
    pub fn file_system(&self) -> Option<FileSystem> {
        self.0.cache.tree().map(|tree| tree.root.file_system())
    }

    /// Finds what a path leads to. The opened file decides, not the index: a file added since the
    /// scan is served, a deleted one is missing, and the rules apply to the real path of the file.
    /// The result was current at some time after `arrived`, an upper bound on when the first byte
    /// of the request arrived.
    pub fn find(&self, path: &Path, arrived: Instant, lookup: Lookup) -> Result<Found, NotServed> {
        self.0.access_rules.judge(path.relative())?;
        if !path.folder() {
            return self.0.find(path.relative(), arrived, lookup);
        }
        let page = match path.relative() {
            b"" => FOLDER_PAGE.to_vec(),
            folder => [folder, FOLDER_PAGE].join(&b'/'),
        };
        self.0.access_rules.judge(&page)?;
        match self.0.find(&page, arrived, lookup)? {
            Found::Folder => Err(Denial::new(&page, Reason::Folder).into()),
            found => Ok(found),
        }
    }
}

impl Shared {
    fn find(&self, relative: &[u8], arrived: Instant, lookup: Lookup) -> Result<Found, NotServed> {
        match self.cache.find(relative, arrived, lookup) {
            Cached::Fresh(cached) => {
                let representation = cached.representation.clone();
                Ok(Found::File(Resource {
                    content: Content::Memory(Arc::clone(&cached.content)),
                    representation,
                    is_whole: false,
                }))
            }
            Cached::WouldBlock(file_system) => Err(WouldBlock(file_system).into()),
            Cached::Missing(None, _) => Err(Denial::new(relative, Reason::NotOpen).into()),
            Cached::Missing(Some(tree), admission) => self.open(&tree, relative, lookup, admission),
        }
    }

    fn open(&self, tree: &Tree, relative: &[u8], lookup: Lookup, admission: Admission) -> Result<Found, NotServed> {
        let rules = Rules { access_rules: &self.access_rules, index: &tree.index };
        let opened = match tree.root.open_beneath(relative, lookup, rules) {
            Ok(opened) => opened,
            Err(Failure::WouldBlock(file_system)) => return Err(WouldBlock(file_system).into()),
            Err(Failure::Denied(denial)) => return Err(denial.into()),
            Err(Failure::Error { error, real_path }) => {
                // Confidential paths get the same response whether they exist or not, however they
                // are reached.
                if let Some(real_path) = &real_path {
                    self.access_rules.judge(real_path)?;
                }
                let path = real_path.unwrap_or_else(|| relative.to_vec());
                return Err(Denial { path, reason: Reason::Error(error) }.into());
            }
        };
        if let Some(real_path) = &opened.real_path {
            self.access_rules.judge(real_path)?;
        }
        let denied = |reason| Denial::new(opened.real_path.as_deref().unwrap_or(relative), reason);
        let metadata = opened.file.metadata().map_err(|error| denied(Reason::Error(error)))?;
        if metadata.is_dir() {
            return Ok(Found::Folder);
        }
        if !metadata.is_file() {
            return Err(denied(Reason::Special).into());
        }
        let content_type = match media_type::by_name(relative) {
            Some(content_type) => content_type,
            None => {
                let first = first_bytes::read(&opened.file, opened.file_system, lookup).map_err(WouldBlock)?;
                media_type::by_content(&first).unwrap_or(media_type::UNKNOWN).into()
            }
        };
        let validators = Validators::File { size: metadata.len(), modified: modified(&metadata) };
        let representation = Representation { validators, content_type, fields: Vec::new() };
        if opened.real_path.is_none() && opened.is_on_root_mount {
            let (root, file) = (&tree.root, &opened.file);
            let (metadata, representation) = (&metadata, &representation);
            let offer = Offer { root, relative, file, metadata, representation, lookup, admission };
            self.cache.offer(offer, SystemTime::now()).map_err(WouldBlock)?;
        }
        Ok(Found::File(Resource {
            content: Content::File(opened.file, opened.file_system),
            representation,
            is_whole: false,
        }))
    }
}

#[cfg(test)]
mod tests;
