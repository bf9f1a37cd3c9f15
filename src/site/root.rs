//! The content folder, held open.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{
    AtFlags, CWD, Dev, Mode, OFlags, ResolveFlags, StatxFlags, makedev, openat, openat2, readlinkat, statx,
};
use rustix::io::Errno;

use super::file_system::{FileSystem, Kind};
use super::mounts::{Mounts, strip_folder};
use crate::http::Refusal;
use crate::limits::LEASE_WAIT;

/// The content folder, held open, so that it stays the same folder when it is renamed.
#[derive(Debug)]
pub struct Root {
    pub(super) folder: OwnedFd,
    identity: Identity,
    pub(super) file_system: FileSystem,
    pub(super) mounts: Mounts,
    /// Whether the kernel has openat2(2) (Linux 5.6) and lets us use it.
    pub(super) has_openat2: bool,
    /// Whether it has RESOLVE_CACHED (Linux 5.12).
    has_cached: bool,
    /// Whether proc(5) tells the path of an open file.
    pub(super) has_proc: bool,
}

/// Which folder it is, and on which mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    device: Dev,
    inode: u64,
    mount: u64,
}

/// Where a file may be looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// Only in what the kernel has in memory; it never blocks.
    CachedOnly,
    /// On this file system, of which the caller holds a disk permit.
    MayBlock(FileSystem),
}

/// How far a lookup may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// The mount of the root, links included.
    Root,
    /// The mount that the path names, without links, as they could lead to any other.
    Mount,
    /// Everything beneath the root.
    Anywhere,
}

/// Why nothing was opened.
#[derive(Debug)]
pub enum Failure {
    /// The lookup needs a permit of this file system.
    WouldBlock(FileSystem),
    Refused(Refusal),
    /// `real_path` is where it would lie relative to the root, if symbolic links or another
    /// spelling led there.
    Error {
        error: io::Error,
        real_path: Option<Vec<u8>>,
    },
}

/// NONBLOCK, so that a FIFO without a writer holds nobody; it means nothing for a regular file
/// without a lease.
pub(super) const READ: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

pub(super) const BENEATH: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_MAGICLINKS);
pub(super) const WITHOUT_LINKS: ResolveFlags = BENEATH.union(ResolveFlags::NO_SYMLINKS);

/// EAGAIN is tried again at once this often: openat2(2) gives it when a rename anywhere may have
/// raced with a path that climbs.
const RACES_MAX: usize = 8;

/// Time between two attempts to open a file while its lease is broken.
const LEASE_POLL: Duration = Duration::from_millis(10);

impl Root {
    /// Opens the content folder. It may block for as long as the folder does not answer.
    pub fn open(content: &Path) -> io::Result<Self> {
        let folder = openat(CWD, content, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let can = |resolve| openat2(&folder, ".", READ, Mode::empty(), resolve).is_ok();
        let has_openat2 = can(BENEATH);
        let has_cached = can(BENEATH | ResolveFlags::CACHED);
        let identity = Identity::of(&folder)?;
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

    /// The file system of the folder itself.
    pub fn file_system(&self) -> FileSystem {
        self.file_system
    }

    /// The lookup of a caller that holds a permit of this file system.
    pub fn may_block(&self) -> Lookup {
        Lookup::MayBlock(self.file_system)
    }

    /// A handle on what lies at a path on the root's own mount, without links. It reads nothing, so
    /// leases and FIFOs do not matter. Fails with EAGAIN where the lookup may not block and would.
    pub fn open_path(&self, relative: &[u8], lookup: Lookup) -> rustix::io::Result<OwnedFd> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let limits = self.limits_of(lookup).ok_or(Errno::AGAIN)?;
        openat2(&self.folder, relative, flags, Mode::empty(), WITHOUT_LINKS | limits)
    }

    /// What openat2(2) must not do for a lookup of a path on the root's own mount; None if it needs
    /// a permit of that file system.
    pub(super) fn limits_of(&self, lookup: Lookup) -> Option<ResolveFlags> {
        match (lookup, self.file_system.kind) {
            _ if lookup == self.may_block() => Some(ResolveFlags::NO_XDEV),
            (_, Kind::Memory) => Some(ResolveFlags::NO_XDEV),
            (_, Kind::Local | Kind::Stacked) if self.has_cached => Some(ResolveFlags::NO_XDEV | ResolveFlags::CACHED),
            _ => None,
        }
    }

    /// Opens a folder beneath the root, without links, to look for names in it.
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

    /// The same as if it were of another type.
    #[cfg(test)]
    pub fn like(self, name: &str) -> Self {
        Root { file_system: self.file_system.like(name), ..self }
    }

    /// What a path needs a permit of.
    pub(super) fn file_system_of(&self, relative: &[u8]) -> FileSystem {
        self.mounts.of(relative).unwrap_or(self.file_system)
    }

    /// Where an open file lies relative to the root.
    pub(super) fn real_path(&self, fd: &OwnedFd) -> io::Result<Vec<u8>> {
        let (path, root) = (path_of(fd)?, path_of(&self.folder)?);
        Ok(strip_folder(&path, &root).ok_or(Errno::XDEV)?.to_vec())
    }
}

impl Identity {
    fn of(folder: &OwnedFd) -> io::Result<Self> {
        let found = statx(folder, "", AtFlags::EMPTY_PATH, StatxFlags::INO | StatxFlags::MNT_ID)?;
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

/// Opens one name in a folder for reading; a link is not followed.
pub(super) fn open_in(folder: BorrowedFd<'_>, name: &[u8], lookup: Lookup) -> rustix::io::Result<OwnedFd> {
    patiently(lookup, || openat(folder, name, READ | OFlags::NOFOLLOW, Mode::empty()))
}

/// Tries again what fails with EAGAIN although it may block: a rename has raced, or the file has a
/// lease, whose break the attempt has begun (fcntl(2), F_SETLEASE).
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
