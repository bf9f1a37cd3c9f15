//! Reading a folder from its file system: names, and what they are.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, SystemTime};

use rustix::fs::{
    Access, AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, Statx, StatxFlags, StatxTimestamp, accessat, makedev,
    openat, openat2, readlinkat, statx,
};
use rustix::io::Errno;

use super::access_rules::AccessRules;
use super::file_system::FileSystem;
use super::folder::{EntryKind, FolderEntry, join, split};
use super::index::Index;
use super::links::{LinkEnd, target_by_text};
use super::root::{BENEATH, Root, Scope};
use super::rules::Rules;
use super::spelling::{ConfidentialFolders, has_no_casefold};
use crate::bytes::Bytes;

/// Reads the folders of one mount. It may block for as long as that does not answer.
#[derive(Debug)]
pub(super) struct FolderReader<'a> {
    root: &'a Root,
    access_rules: &'a AccessRules,
    confidential: ConfidentialFolders,
    /// The mount point; empty for the mount of the content folder.
    point: &'a [u8],
}

/// What a name in a folder is.
#[derive(Debug)]
pub(super) enum Found {
    File(FoundFile),
    Folder(FolderEntry),
    Link,
    /// A file or folder that this process may not read, or cannot.
    Unreadable(Errno),
    /// Nothing that is shown.
    Hidden,
}

#[derive(Debug)]
pub(super) struct FoundFile {
    pub entry: FolderEntry,
    /// Whether it has a second name, which only a complete file is given.
    pub has_hard_links: bool,
    /// Time since it was last written or changed in any other way.
    pub unchanged: Duration,
}

/// The names in a folder.
#[derive(Debug)]
pub(super) struct Names {
    /// What lies on this mount.
    pub found: Vec<(Vec<u8>, Found)>,
    /// Mount points, which are not asked.
    pub mount_points: Vec<Vec<u8>>,
    pub matches_case: bool,
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

impl<'a> FolderReader<'a> {
    /// Fails if the confidential folders cannot be opened: the index could then vouch for a second
    /// name of one of them.
    pub fn new(root: &'a Root, access_rules: &'a AccessRules, point: &'a [u8]) -> io::Result<Self> {
        let confidential = ConfidentialFolders::open(root, access_rules, scope_of(point), point)?;
        Ok(FolderReader { root, access_rules, confidential, point })
    }

    /// Opens a folder without links, only to look at names in it.
    pub fn open(&self, relative: &[u8]) -> rustix::io::Result<OwnedFd> {
        let path = if relative.is_empty() { b"." } else { relative };
        self.root.open_folder(path, scope_of(self.point))
    }

    /// Lists an opened folder.
    pub fn read(&self, folder: &OwnedFd, relative: &[u8]) -> rustix::io::Result<Names> {
        let readable = openat(folder, ".", FOLDER, Mode::empty())?;
        let mut names = Names { found: Vec::new(), mount_points: Vec::new(), matches_case: has_no_casefold(&readable) };
        for entry in Dir::new(readable)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") {
                continue;
            }
            let path = join(relative, name);
            if self.root.mounts.points().any(|point| point == path) {
                names.mount_points.push(name.to_vec());
            } else {
                let found = self.look_at(folder, &path);
                names.found.push((name.to_vec(), found));
            }
        }
        Ok(names)
    }

    /// Looks at a name in the opened folder that it lies in.
    pub fn look_at(&self, folder: &OwnedFd, path: &[u8]) -> Found {
        if self.access_rules.check(path).is_err() {
            return Found::Hidden;
        }
        let (_, name) = split(path);
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
        let found = match statx(folder, name, flags, StatxFlags::BASIC_STATS) {
            Ok(found) => found,
            Err(Errno::NOENT) => return Found::Hidden,
            Err(error) => return Found::Unreadable(error),
        };
        match FileType::from_raw_mode(found.stx_mode.into()) {
            FileType::Symlink => Found::Link,
            FileType::Directory if self.is_confidential(&found) => Found::Hidden,
            FileType::RegularFile | FileType::Directory if !may_read(folder, name, &found) => {
                Found::Unreadable(Errno::ACCESS)
            }
            FileType::RegularFile => Found::File(FoundFile {
                entry: entry(name, &found, false),
                has_hard_links: found.stx_nlink > 1,
                unchanged: SystemTime::now().duration_since(time(found.stx_ctime)).unwrap_or(Duration::MAX),
            }),
            FileType::Directory => Found::Folder(entry(name, &found, false)),
            _ => Found::Hidden,
        }
    }

    /// The entry of an opened folder in the folder above.
    pub fn entry_of(&self, folder: &OwnedFd, relative: &[u8]) -> rustix::io::Result<FolderEntry> {
        let found = statx(folder, "", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS)?;
        Ok(entry(split(relative).1, &found, false))
    }

    /// The path that the text of a link names; None if that is outside.
    pub fn link_text(&self, path: &[u8]) -> rustix::io::Result<Option<Vec<u8>>> {
        let (folder, name) = split(path);
        let text = readlinkat(self.open(folder)?, name, Vec::new())?;
        Ok(target_by_text(folder, text.to_bytes()))
    }

    /// Follows the link with this path to its end. `text` is the path that it names. The index
    /// should know by now what lies there.
    pub fn follow(&self, path: &[u8], text: Option<&[u8]>, index: &Index) -> (LinkEnd, Option<FolderEntry>) {
        if text.is_none() {
            return (LinkEnd::Out, None);
        }
        if !self.root.has_openat2 || !self.root.has_proc {
            return (LinkEnd::Hidden, None);
        }
        // Only a pass over another mount may wait for that one.
        let mounts = if self.point.is_empty() { ResolveFlags::NO_XDEV } else { ResolveFlags::empty() };
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        match openat2(&self.root.folder, path, flags, Mode::empty(), BENEATH | mounts) {
            Ok(end) => match self.end(path, &end, index) {
                Some((real_path, entry)) => (LinkEnd::Inside(real_path), Some(entry)),
                None => (LinkEnd::Hidden, None),
            },
            Err(Errno::XDEV) => (LinkEnd::Out, None),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => (LinkEnd::Nowhere, None),
            Err(_) => (LinkEnd::Hidden, None),
        }
    }

    /// What a link has led to and where that really lies, if it may be shown.
    fn end(&self, path: &[u8], end: &OwnedFd, index: &Index) -> Option<(Vec<u8>, FolderEntry)> {
        let real_path = self.root.real_path(end).ok()?;
        self.access_rules.check(&real_path).ok()?;
        let rules = Rules { access_rules: self.access_rules, index };
        let is_spelt_so = rules.text_suffices(&real_path, FileSystem::of(end).ok()?);
        let found = statx(end, "", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS).ok()?;
        let is_shown = match FileType::from_raw_mode(found.stx_mode.into()) {
            FileType::Directory => !self.is_confidential(&found),
            kind => kind == FileType::RegularFile,
        };
        let may_read = may_read(&self.root.folder, path, &found);
        (is_shown && is_spelt_so && may_read).then(|| (real_path, entry(split(path).1, &found, true)))
    }

    fn is_confidential(&self, found: &Statx) -> bool {
        self.confidential.contains(makedev(found.stx_dev_major, found.stx_dev_minor), found.stx_ino)
    }
}

fn scope_of(point: &[u8]) -> Scope {
    if point.is_empty() { Scope::Root } else { Scope::Mount }
}

/// Whether a file can be read, or a folder listed and searched.
fn may_read(folder: impl AsFd, path: &[u8], found: &Statx) -> bool {
    let is_folder = FileType::from_raw_mode(found.stx_mode.into()) == FileType::Directory;
    let needed = if is_folder { Access::READ_OK | Access::EXEC_OK } else { Access::READ_OK };
    !matches!(accessat(folder, path, needed, AtFlags::EACCESS), Err(Errno::ACCESS | Errno::PERM))
}

fn entry(name: &[u8], found: &Statx, is_link: bool) -> FolderEntry {
    let is_folder = FileType::from_raw_mode(found.stx_mode.into()) == FileType::Directory;
    FolderEntry {
        name: name.into(),
        kind: if is_folder { EntryKind::Folder } else { EntryKind::File },
        size: Bytes(if is_folder { 0 } else { found.stx_size }),
        modified: time(found.stx_mtime),
        device: makedev(found.stx_dev_major, found.stx_dev_minor),
        inode: found.stx_ino,
        is_link,
    }
}

/// A time that std can hold; the epoch if it cannot.
fn time(stamp: StatxTimestamp) -> SystemTime {
    let seconds = Duration::from_secs(stamp.tv_sec.unsigned_abs());
    let epoch = SystemTime::UNIX_EPOCH;
    let time = if stamp.tv_sec < 0 { epoch.checked_sub(seconds) } else { epoch.checked_add(seconds) };
    time.and_then(|time| time.checked_add(Duration::from_nanos(stamp.tv_nsec.into()))).unwrap_or(epoch)
}
