//! Whether a file is still what it was, without a walk along its path each time.
//!
//! openat2(2) resolves a path without blocking, but costs thrice what statx(2) of an open file
//! does. So what it went through is held open, the folders above the file as well: no name in a
//! folder changes without the times of the folder.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, StatxFlags, statx};
use rustix::process::{Resource, getrlimit};

use super::root::{Lookup, Root};
use crate::limits::pinned_descriptors_max;

/// What changes whenever a file or folder changes: which it is, how large, and when its content and
/// anything about it changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    device: (u32, u32),
    inode: u64,
    pub size: u64,
    pub modified: (i64, u32),
    changed: (i64, u32),
}

/// What changed less than this ago may change again without a new time, as the clocks of file
/// systems are coarse.
const SETTLED: Duration = Duration::from_secs(2);

impl Version {
    /// Of an open file. It does not block on a local file system.
    pub fn of(file: impl AsFd) -> io::Result<Self> {
        let wanted = StatxFlags::INO | StatxFlags::SIZE | StatxFlags::MTIME | StatxFlags::CTIME;
        let found = statx(file, "", AtFlags::EMPTY_PATH, wanted)?;
        Ok(Version {
            device: (found.stx_dev_major, found.stx_dev_minor),
            inode: found.stx_ino,
            size: found.stx_size,
            modified: (found.stx_mtime.tv_sec, found.stx_mtime.tv_nsec),
            changed: (found.stx_ctime.tv_sec, found.stx_ctime.tv_nsec),
        })
    }

    /// Whether any later change will show.
    pub fn has_settled(&self, now: SystemTime) -> bool {
        let then = now.checked_sub(SETTLED).and_then(|then| then.duration_since(SystemTime::UNIX_EPOCH).ok());
        let then = then.map_or(0, |time| i64::try_from(time.as_secs()).unwrap_or(i64::MAX));
        self.changed.0.max(self.modified.0) < then
    }
}

/// A path that was resolved, held open.
#[derive(Debug)]
pub struct Pins {
    folders: Folders,
    file: OwnedFd,
}

/// The root and the folders below it on a path.
#[derive(Debug)]
struct Folders {
    root: Version,
    below: Vec<(OwnedFd, Version)>,
    _descriptors: Descriptors,
}

impl Pins {
    /// The version of the file, if the path leads there still.
    pub fn version(&self, root: &Root) -> Option<Version> {
        if self.folders.are_same(root) { Version::of(&self.file).ok() } else { None }
    }
}

/// Resolves a path to the version of the file, and pins it if all folders have settled and
/// descriptors are left.
pub fn resolve(
    root: &Root,
    relative: &[u8],
    lookup: Lookup,
    budget: &PinBudget,
) -> io::Result<(Version, Option<Pins>)> {
    // The versions of the folders come before the resolution, so that a change since then shows in
    // them.
    let folders = Folders::pin(root, relative, lookup, budget);
    let file = root.open_path(relative, lookup)?;
    let version = Version::of(&file)?;
    Ok((version, folders.map(|folders| Pins { folders, file })))
}

impl Folders {
    fn pin(root: &Root, relative: &[u8], lookup: Lookup, budget: &PinBudget) -> Option<Self> {
        let now = SystemTime::now();
        let settled = |folder: &OwnedFd| Version::of(folder).ok().filter(|version| version.has_settled(now));
        let version = settled(&root.folder)?;
        let slashes = || relative.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(slash, _)| slash);
        // One for the file.
        let descriptors = budget.take(slashes().count() + 1)?;
        let pin = |slash: usize| {
            let folder = root.open_path(&relative[..slash], lookup).ok()?;
            settled(&folder).map(|version| (folder, version))
        };
        let below = slashes().map(pin).collect::<Option<_>>()?;
        Some(Folders { root: version, below, _descriptors: descriptors })
    }

    fn are_same(&self, root: &Root) -> bool {
        let is_same = |folder: &OwnedFd, version: &Version| Version::of(folder).is_ok_and(|now| now == *version);
        is_same(&root.folder, &self.root) && self.below.iter().all(|(folder, version)| is_same(folder, version))
    }
}

/// Counts the descriptors that pins hold.
#[derive(Clone, Debug)]
pub struct PinBudget {
    taken: Arc<AtomicUsize>,
    limit: usize,
}

impl PinBudget {
    /// As large as the limit of open files allows now.
    pub fn new() -> Self {
        PinBudget { taken: Arc::default(), limit: pinned_descriptors_max(getrlimit(Resource::Nofile).current) }
    }

    /// Descriptors that are held.
    #[cfg(test)]
    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    fn take(&self, count: usize) -> Option<Descriptors> {
        let taken = Descriptors { budget: self.clone(), count };
        (self.taken.fetch_add(count, Ordering::Relaxed) + count <= self.limit).then_some(taken)
    }
}

/// Descriptors taken from a budget.
#[derive(Debug)]
struct Descriptors {
    budget: PinBudget,
    count: usize,
}

impl Drop for Descriptors {
    fn drop(&mut self) {
        self.budget.taken.fetch_sub(self.count, Ordering::Relaxed);
    }
}
