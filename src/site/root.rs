//! The content folder, held open.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{
    AtFlags, CWD, Dev, Mode, OFlags, ResolveFlags, StatxFlags, makedev, openat, openat2, readlinkat, statx,
};
use rustix::io::Errno;

use super::denial::Denial;
use super::file_system::{FileSystem, Kind};
use super::mounts::{Mounts, strip_folder};
use crate::limits::LEASE_WAIT;

/// The content folder, held open so that it stays the same folder if it is renamed.
#[derive(Debug)]
pub struct Root {
    pub(super) folder: OwnedFd,
    identity: Identity,
    pub(super) file_system: FileSystem,
    pub(super) mounts: Mounts,
    /// Whether openat2(2) is available (Linux 5.6) and permitted.
    pub(super) has_openat2: bool,
    /// Whether RESOLVE_CACHED is available (Linux 5.12).
    has_cached: bool,
    /// Whether proc(5) shows the path of an open file.
    pub(super) has_proc: bool,
}

/// Identifies the folder and its mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    device: Dev,
    inode: u64,
    mount: u64,
}

/// How a lookup may block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// Not at all: only what the kernel has in memory is found.
    CachedOnly,
    /// On this file system, for which the caller holds a disk permit.
    MayBlock(FileSystem),
}

/// How far a lookup may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// The mount of the root, links included.
    Root,
    /// The mount that the path names, without links, as a link could lead to any other mount.
    Mount,
    /// Everything beneath the root.
    Anywhere,
}

/// Why nothing was opened.
#[derive(Debug)]
pub enum Failure {
    /// The lookup needs a permit of this file system.
    WouldBlock(FileSystem),
    Denied(Denial),
    /// `real_path` is the path it would have relative to the root, if symbolic links or another
    /// spelling led there.
    Error {
        error: io::Error,
        real_path: Option<Vec<u8>>,
    },
}

/// NONBLOCK, so that opening a FIFO without a writer does not block; it has no effect on a regular
/// file without a lease.
pub(super) const READ: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

pub(super) const BENEATH: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_MAGICLINKS);
pub(super) const WITHOUT_LINKS: ResolveFlags = BENEATH.union(ResolveFlags::NO_SYMLINKS);

/// How often EAGAIN is retried at once: openat2(2) returns it when a rename anywhere may have raced
/// with a `..` in the path.
const RACES_MAX: usize = 8;

/// Time between attempts to open a file while a lease on it is being broken.
const LEASE_POLL: Duration = Duration::from_millis(10);

impl Root {
    /// Opens the content folder. Blocks while the folder does not answer.
    pub fn open(content: &Path) -> io::Result<Self> {
        let folder = openat(CWD, content, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let can = |resolve| openat2(&folder, ".", READ, Mode::empty(), resolve).is_ok();
        let has_openat2 = can(BENEATH);
        let has_cached = can(BENEATH | ResolveFlags::CACHED);
        let identity = Identity::of(&folder, Path::new(""))?;
        let file_system = FileSystem::of(&folder)?;
        let path = path_of(&folder);
        let mounts = path.as_deref().ok().and_then(|path| Mounts::inside(path).ok());
        Ok(Root {
            has_proc: path.is_ok(),
            mounts: mounts.unwrap_or_default(),
            folder,
            identity,
            file_system,
            has_openat2,
            has_cached,
        })
    }

    /// Whether it is the same folder with the same mounts inside.
    pub fn is_same(&self, other: &Root) -> bool {
        self.identity == other.identity && self.mounts == other.mounts
    }

    /// Whether this path leads to the folder now. It may block.
    pub fn is_at(&self, content: &Path) -> bool {
        Identity::of(CWD, content).is_ok_and(|identity| identity == self.identity)
    }

    /// The file system of the folder itself.
    pub fn file_system(&self) -> FileSystem {
        self.file_system
    }

    /// The lookup of a caller that holds a permit for this file system.
    pub fn may_block(&self) -> Lookup {
        Lookup::MayBlock(self.file_system)
    }

    /// An O_PATH handle on a path of the root's own mount, without links. It cannot read, so leases
    /// and FIFOs do not matter. Fails with EAGAIN if the lookup would block and may not.
    pub fn open_path(&self, relative: &[u8], lookup: Lookup) -> rustix::io::Result<OwnedFd> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let limits = self.limits_of(lookup).ok_or(Errno::AGAIN)?;
        openat2(&self.folder, relative, flags, Mode::empty(), WITHOUT_LINKS | limits)
    }

    /// The openat2(2) flags for a lookup on the root's own mount; None if that needs a permit.
    pub(super) fn limits_of(&self, lookup: Lookup) -> Option<ResolveFlags> {
        match (lookup, self.file_system.kind) {
            _ if lookup == self.may_block() => Some(ResolveFlags::NO_XDEV),
            (_, Kind::Memory) => Some(ResolveFlags::NO_XDEV),
            (_, Kind::Local | Kind::Stacked) if self.has_cached => Some(ResolveFlags::NO_XDEV | ResolveFlags::CACHED),
            _ => None,
        }
    }

    /// Opens a folder beneath the root, without links, to list its names.
    pub(super) fn open_folder(&self, relative: &[u8], scope: Scope) -> rustix::io::Result<OwnedFd> {
        const FOLDER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
        if self.has_openat2 {
            let mounts = if scope == Scope::Root { ResolveFlags::NO_XDEV } else { ResolveFlags::empty() };
            return openat2(&self.folder, relative, FOLDER, Mode::empty(), WITHOUT_LINKS | mounts);
        }
        let mut folder = openat(&self.folder, ".", FOLDER, Mode::empty())?;
        for name in relative.split(|&byte| byte == b'/') {
            folder = openat(&folder, name, FOLDER, Mode::empty())?;
        }
        Ok(folder)
    }

    /// The same root as if its file system were of another type.
    #[cfg(test)]
    pub fn like(self, name: &str) -> Self {
        Root { file_system: self.file_system.like(name), ..self }
    }

    /// The file system for which a path needs a permit.
    pub(super) fn file_system_of(&self, relative: &[u8]) -> FileSystem {
        self.mounts.of(relative).unwrap_or(self.file_system)
    }

    /// The path of an open file relative to the root.
    pub(super) fn real_path(&self, fd: &OwnedFd) -> io::Result<Vec<u8>> {
        let (path, root) = (path_of(fd)?, path_of(&self.folder)?);
        Ok(strip_folder(&path, &root).ok_or(Errno::XDEV)?.to_vec())
    }
}

impl Identity {
    fn of(folder: impl AsFd, path: &Path) -> io::Result<Self> {
        let found = statx(folder, path, AtFlags::EMPTY_PATH, StatxFlags::INO | StatxFlags::MNT_ID)?;
        let device = makedev(found.stx_dev_major, found.stx_dev_minor);
        Ok(Identity { device, inode: found.stx_ino, mount: found.stx_mnt_id })
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Error { error, real_path: None }
    }
}

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Self {
        io::Error::from(errno).into()
    }
}

/// Opens a name in a folder for reading, without following a link.
pub(super) fn open_in(folder: BorrowedFd<'_>, name: &[u8], lookup: Lookup) -> rustix::io::Result<OwnedFd> {
    patiently(lookup, || openat(folder, name, READ | OFlags::NOFOLLOW, Mode::empty()))
}

/// Retries a blocking operation that fails with EAGAIN: it raced with a rename, or the attempt has
/// begun to break a lease on the file (fcntl(2), F_SETLEASE).
pub(super) fn patiently(lookup: Lookup, open: impl Fn() -> rustix::io::Result<OwnedFd>) -> rustix::io::Result<OwnedFd> {
    let deadline = Instant::now() + LEASE_WAIT;
    for attempt in 1.. {
        let result = open();
        if lookup == Lookup::CachedOnly || result.as_ref().err() != Some(&Errno::AGAIN) {
            return result;
        }
        if attempt >= RACES_MAX {
            if Instant::now() >= deadline {
                break;
            }
            thread::sleep(LEASE_POLL);
        }
    }
    Err(Errno::AGAIN)
}

/// The path of an open file, from proc(5).
fn path_of(fd: &OwnedFd) -> io::Result<Vec<u8>> {
    let link = format!("/proc/self/fd/{}", fd.as_raw_fd());
    Ok(readlinkat(CWD, link, Vec::new())?.into_bytes())
}

#[cfg(test)]
mod tests;
