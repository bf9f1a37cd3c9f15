//! Small files in memory, each until it changes, and the tree that they are from.
//!
//! A cached file is validated with the file system after a request has arrived, so a client never
//! gets an older version than there was when it asked. One validation serves every request that
//! arrived before it. It never blocks without a disk permit.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{self, IoSliceMut};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Instant, SystemTime};

use rustix::io::{ReadWriteFlags, preadv2};

use super::file_system::{FileSystem, Kind};
use super::index::Index;
use super::root::{Lookup, Root};
use super::validation::{self, PinBudget, Pins, Version};
use super::watches::Watches;
use crate::http::Representation;
use crate::limits::{CACHED_CONTENT_MAX_AGE, CACHED_FILE_MAX, FILE_CACHE_MAX};

/// The tree that is served and its cached files, under one lock.
#[derive(Debug)]
pub struct FileCache {
    state: RwLock<State>,
    /// Requests for small files that missed the cache.
    misses: AtomicUsize,
    pin_budget: PinBudget,
    start: Instant,
}

#[derive(Debug, Default)]
struct State {
    tree: Option<Arc<Tree>>,
    by_path: HashMap<Vec<u8>, Arc<CachedFile>>,
    bytes: usize,
}

/// An opened content folder and what a scan found in it.
#[derive(Debug)]
pub struct Tree {
    pub root: Arc<Root>,
    pub index: Arc<Index>,
    /// Set when the folder is to be watched.
    pub watches: OnceLock<Watches>,
}

/// A file as it was read.
#[derive(Debug)]
pub struct CachedFile {
    pub content: Arc<Vec<u8>>,
    pub representation: Representation,
    root: Arc<Root>,
    version: Version,
    pins: RwLock<Option<Pins>>,
    /// The latest time by which the file system confirmed the version, in nanoseconds since
    /// [`FileCache::start`].
    validated_at: AtomicU64,
    read_at: Instant,
}

/// What the cache knows about a path.
#[derive(Debug)]
pub enum Cached {
    Fresh(Arc<CachedFile>),
    /// Finding out needs a permit of this file system.
    WouldBlock(FileSystem),
    /// Not cached. Carries the tree to look in, once there is one, and when to cache the file found
    /// there.
    Missing(Option<Arc<Tree>>, Admission),
}

/// When a file goes into the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// At every `ADMIT_ONE_IN`th miss.
    InTurn,
    /// Now: it was cached until its content was too old.
    Now,
}

/// A file on the root's own mount, opened by its real path.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'a> {
    pub root: &'a Arc<Root>,
    pub relative: &'a [u8],
    pub file: &'a File,
    pub metadata: &'a Metadata,
    pub representation: &'a Representation,
    pub lookup: Lookup,
    pub admission: Admission,
}

/// Every eighth miss inserts the file: popular files get in quickly, one-off files rarely evict
/// them.
const ADMIT_ONE_IN: usize = 8;

impl FileCache {
    pub fn new() -> Self {
        FileCache {
            state: RwLock::default(),
            misses: AtomicUsize::default(),
            pin_budget: PinBudget::new(),
            start: Instant::now(),
        }
    }

    /// The tree that is served, once it has been opened.
    pub fn tree(&self) -> Option<Arc<Tree>> {
        self.read().tree.clone()
    }

    /// Serves another root, with an empty cache and index.
    pub fn set_root(&self, root: Root) {
        let tree = Tree { root: Arc::new(root), index: Arc::default(), watches: OnceLock::new() };
        *self.write() = State { tree: Some(Arc::new(tree)), ..State::default() };
    }

    /// The cached file with this path relative to the root, in a version that was current at some
    /// time after `arrived`.
    pub fn find(&self, relative: &[u8], arrived: Instant, lookup: Lookup) -> Cached {
        let state = self.read();
        let Some(file) = state.by_path.get(relative) else {
            return Cached::Missing(state.tree.clone(), Admission::InTurn);
        };
        let file = Arc::clone(file);
        drop(state);
        let mut admission = Admission::Now;
        if arrived.saturating_duration_since(file.read_at) < CACHED_CONTENT_MAX_AGE {
            if file.validated_at.load(Ordering::Acquire) >= self.nanoseconds(arrived) {
                return Cached::Fresh(file);
            }
            let now = Instant::now();
            match file.current_version(relative, lookup, &self.pin_budget) {
                Ok(version) if version == file.version => {
                    file.validated_at.fetch_max(self.nanoseconds(now), Ordering::Release);
                    return Cached::Fresh(file);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && lookup != file.root.may_block() => {
                    return Cached::WouldBlock(file.root.file_system());
                }
                _ => admission = Admission::InTurn,
            }
        }
        let mut state = self.write();
        if state.by_path.get(relative).is_some_and(|current| Arc::ptr_eq(current, &file)) {
            state.remove(relative);
        }
        Cached::Missing(state.tree.clone(), admission)
    }

    /// Counts from one, so that zero, for a file never validated, is before every request.
    fn nanoseconds(&self, time: Instant) -> u64 {
        let since = time.saturating_duration_since(self.start).as_nanos();
        u64::try_from(since).unwrap_or(u64::MAX - 1) + 1
    }

    /// Caches a file if it is small, has settled, it is its turn, and reading it does not block or
    /// the caller may block. Fails with the file system if its permit is needed to read it.
    pub fn offer(&self, offer: Offer, now: SystemTime) -> Result<(), FileSystem> {
        let Offer { root, relative, file, metadata, representation, lookup, admission } = offer;
        let size = metadata.len() as usize;
        let kind = root.file_system().kind;
        if size > CACHED_FILE_MAX || kind == Kind::Remote {
            return Ok(());
        }
        // On such a file system the permit was acquired because the file was due, or else the
        // lookup was rare.
        let may_read = kind == Kind::Stacked && lookup != Lookup::CachedOnly;
        let is_turn = || self.misses.fetch_add(1, Ordering::Relaxed).is_multiple_of(ADMIT_ONE_IN);
        if admission == Admission::InTurn && !may_read && !is_turn() {
            return Ok(());
        }
        let Ok(version) = Version::of(file) else { return Ok(()) };
        let is_described = version.modified == (metadata.mtime(), metadata.mtime_nsec() as u32);
        if !version.has_settled(now) || !is_described || version.size != metadata.len() {
            return Ok(());
        }
        let read_at = Instant::now();
        let mut content = vec![0; size];
        let is_read = match kind {
            Kind::Local => size == 0 || read_cached(file, &mut content).is_ok_and(|count| count == size),
            Kind::Stacked if !may_read => return Err(root.file_system()),
            _ => file.read_exact_at(&mut content, 0).is_ok(),
        };
        if is_read {
            let cached = CachedFile {
                content: Arc::new(content),
                representation: representation.clone(),
                root: Arc::clone(root),
                version,
                pins: RwLock::default(),
                validated_at: AtomicU64::new(0),
                read_at,
            };
            self.write().add(relative, cached);
        }
        Ok(())
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads from the page cache alone.
pub fn read_cached(file: &File, content: &mut [u8]) -> io::Result<usize> {
    Ok(preadv2(file, &mut [IoSliceMut::new(content)], 0, ReadWriteFlags::NOWAIT)?)
}

impl State {
    fn serves(&self, root: &Arc<Root>) -> bool {
        self.tree.as_ref().is_some_and(|tree| Arc::ptr_eq(&tree.root, root))
    }

    fn add(&mut self, relative: &[u8], file: CachedFile) {
        if !self.serves(&file.root) {
            return;
        }
        self.remove(relative);
        while self.bytes + cost(relative, &file) > FILE_CACHE_MAX {
            // Any of them: the order of a map is as good as random.
            let Some(path) = self.by_path.keys().next().cloned() else { return };
            self.remove(&path);
        }
        self.bytes += cost(relative, &file);
        self.by_path.insert(relative.to_vec(), Arc::new(file));
    }

    fn remove(&mut self, relative: &[u8]) {
        if let Some(file) = self.by_path.remove(relative) {
            self.bytes -= cost(relative, &file);
        }
    }
}

/// Bytes that a file takes in the cache: even empty files need some.
fn cost(relative: &[u8], file: &CachedFile) -> usize {
    relative.len() + file.content.len() + size_of::<CachedFile>()
}

impl CachedFile {
    /// The version of the file at this path now. Links are not followed: a link to the same file in
    /// another place, such as a folder that has become confidential, would not change the version.
    fn current_version(&self, relative: &[u8], lookup: Lookup, budget: &PinBudget) -> io::Result<Version> {
        let held = self.pins.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(version) = held.as_ref().and_then(|pins| pins.version(&self.root)) {
            return Ok(version);
        }
        drop(held);
        let (version, pins) = validation::resolve(&self.root, relative, lookup, budget)?;
        *self.pins.write().unwrap_or_else(PoisonError::into_inner) = pins;
        Ok(version)
    }
}

#[cfg(test)]
mod tests;
