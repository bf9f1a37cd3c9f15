//! Whether a file is unchanged, without resolving its path each time.
//!
//! openat2(2) resolves a path without blocking, but costs three times as much as statx(2) of an
//! open file. So the file and the folders on its path are held open: no name in a folder can change
//! without changing the times of the folder.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, StatxFlags, statx};
use rustix::process::{Resource, getrlimit};

use super::root::{Lookup, Root};
use crate::limits::pinned_descriptors_max;

/// Differs after every change of a file or folder: its device, inode, size, mtime and ctime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Version {
    device: (u32, u32),
    inode: u64,
    pub size: u64,
    pub modified: (i64, u32),
    changed: (i64, u32),
}

/// A file changed more recently than this may change again without a new time, as file system
/// clocks are coarse.
const SETTLED: Duration = Duration::from_secs(2);

impl Version {
    /// The version of an open file. Does not block on a local file system.
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

    /// Whether it is that of a file of this size and modification time.
    pub fn is_of(&self, size: u64, modified: SystemTime) -> bool {
        let seconds = Duration::from_secs(self.modified.0.unsigned_abs());
        let epoch = SystemTime::UNIX_EPOCH;
        let second = if self.modified.0 < 0 { epoch.checked_sub(seconds) } else { epoch.checked_add(seconds) };
        let time = second.and_then(|second| second.checked_add(Duration::from_nanos(self.modified.1.into())));
        self.size == size && time == Some(modified)
    }

    /// Whether any later change will have a different version.
    pub fn has_settled(&self, now: SystemTime) -> bool {
        let then = now.checked_sub(SETTLED).and_then(|then| then.duration_since(SystemTime::UNIX_EPOCH).ok());
        let then = then.map_or(0, |time| i64::try_from(time.as_secs()).unwrap_or(i64::MAX));
        self.changed.0.max(self.modified.0) < then
    }
}

/// A resolved path, held open.
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
    /// The version of the file, if the path still leads to it.
    pub fn version(&self, root: &Root) -> Option<Version> {
        if self.folders.are_same(root) { Version::of(&self.file).ok() } else { None }
    }
}

/// Resolves a path to the version of the file, and pins it if all folders have settled and the
/// descriptor budget allows it.
pub fn resolve(
    root: &Root,
    relative: &[u8],
    lookup: Lookup,
    budget: &PinBudget,
) -> io::Result<(Version, Option<Pins>)> {
    // The versions of the folders are taken before the path is resolved, so that a later change
    // shows.
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
        // One descriptor is for the file.
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

/// Counts the descriptors held by pins.
#[derive(Clone, Debug)]
pub struct PinBudget {
    taken: Arc<AtomicUsize>,
    limit: usize,
}

impl PinBudget {
    /// The budget for the current limit of open files.
    pub fn new() -> Self {
        PinBudget { taken: Arc::default(), limit: pinned_descriptors_max(getrlimit(Resource::Nofile).current) }
    }

    /// Descriptors held now.
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
