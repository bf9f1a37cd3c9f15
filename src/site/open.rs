//! Opening a file beneath the content folder, and nothing else.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2, readlinkat};
use rustix::io::Errno;

/// The content folder, held open, so that it stays the same folder when it is renamed.
#[derive(Debug)]
pub struct Root {
    folder: OwnedFd,
    /// Whether the kernel has openat2(2) (Linux 5.6) and lets us use it.
    has_openat2: bool,
    /// RESOLVE_CACHED, if the kernel has it (Linux 5.12).
    cached: ResolveFlags,
}

/// Where a file may be looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// Only in what the system has in memory; where that does not tell, opening fails with EAGAIN. A kernel that cannot be
    /// told so looks on the disk all the same.
    CachedOnly,
    /// On the disk, which may take its time.
    MayBlock(super::FileSystem),
}

/// What was opened. It may be a folder or a special file: ask the handle.
#[derive(Debug)]
pub struct Opened {
    pub file: File,
    /// Where it really lies relative to the root, if symbolic links led there; else it lies where its path says.
    pub place: Option<Vec<u8>>,
}

/// NONBLOCK, so that a FIFO without a writer holds nobody; it means nothing for a regular file.
const READ: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

const BENEATH: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_MAGICLINKS);
const WITHOUT_LINKS: ResolveFlags = BENEATH.union(ResolveFlags::NO_SYMLINKS);

/// openat2(2) gives EAGAIN when a rename anywhere may have raced with a path that climbs; so often it is tried again.
const RACES_MAX: usize = 8;

/// So many folders of a missing path are looked for. Deeper ones are missing by any road, so nothing is told by saying so.
const MISSING_FOLDERS_MAX: usize = 32;

impl Root {
    /// Opens the content folder.
    pub fn open(content: &Path) -> io::Result<Self> {
        let folder = openat(CWD, content, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let can = |resolve| openat2(&folder, ".", READ, Mode::empty(), resolve).is_ok();
        let has_openat2 = can(BENEATH);
        let cached = if can(BENEATH | ResolveFlags::CACHED) { ResolveFlags::CACHED } else { ResolveFlags::empty() };
        Ok(Root { folder, has_openat2, cached })
    }

    /// The folder itself.
    pub fn folder(&self) -> BorrowedFd<'_> {
        self.folder.as_fd()
    }

    /// Opens what lies at a normalised path relative to the root. Symbolic links are followed as long as every step of
    /// them stays beneath the root; where openat2(2) is missing, not at all.
    pub fn open_beneath(&self, relative: &[u8], lookup: Lookup) -> io::Result<Opened> {
        if !self.has_openat2 {
            return Ok(Opened { file: open_step_by_step(&self.folder, relative)?, place: None });
        }
        let cached = if lookup == Lookup::CachedOnly { self.cached } else { ResolveFlags::empty() };
        match openat2(&self.folder, relative, READ, Mode::empty(), WITHOUT_LINKS | cached) {
            Ok(fd) => Ok(Opened { file: fd.into(), place: None }),
            Err(Errno::LOOP) => self.open_through_links(relative, cached),
            Err(error) => Err(error.into()),
        }
    }

    /// Where a missing file would lie if symbolic links lead there; None if they do not.
    pub fn place_of_missing(&self, relative: &[u8]) -> Option<Vec<u8>> {
        if !self.has_openat2 || !relative.contains(&b'/') {
            return None;
        }
        if openat2(&self.folder, relative, READ, Mode::empty(), WITHOUT_LINKS).err() != Some(Errno::LOOP) {
            return None;
        }
        let slashes = relative.iter().enumerate().rev().filter(|(_, byte)| **byte == b'/').take(MISSING_FOLDERS_MAX);
        let mut folders = slashes.map(|(slash, _)| relative.split_at(slash));
        let (opened, rest) = folders
            .find_map(|(folder, rest)| Some((self.open_beneath(folder, Lookup::MayBlock(super::ROOT)).ok()?, rest)))?;
        Some([&opened.place?, rest].concat())
    }

    fn open_through_links(&self, relative: &[u8], cached: ResolveFlags) -> io::Result<Opened> {
        for _ in 0..RACES_MAX {
            match openat2(&self.folder, relative, READ, Mode::empty(), BENEATH | cached) {
                Ok(fd) => {
                    let place = place_of(&fd)?;
                    let root = place_of(&self.folder)?;
                    // A root of "/" ends in the slash that the other places have after theirs.
                    let rest = place.strip_prefix(root.strip_suffix(b"/").unwrap_or(&root));
                    let rest = rest.filter(|rest| rest.is_empty() || rest.starts_with(b"/")).ok_or(Errno::XDEV)?;
                    let inside = rest.strip_prefix(b"/").unwrap_or(rest);
                    return Ok(Opened { file: fd.into(), place: Some(inside.to_vec()) });
                }
                Err(Errno::AGAIN) if cached.is_empty() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Errno::AGAIN.into())
    }
}

/// The path of an open file, from proc(5).
fn place_of(fd: &OwnedFd) -> io::Result<Vec<u8>> {
    let link = format!("/proc/self/fd/{}", fd.as_raw_fd());
    Ok(readlinkat(CWD, link, Vec::new())?.into_bytes())
}

/// The road for kernels without openat2(2): one folder after the other, no symbolic link followed.
fn open_step_by_step(root: &OwnedFd, relative: &[u8]) -> io::Result<File> {
    let mut folders: Vec<&[u8]> = relative.split(|&byte| byte == b'/').collect();
    let name = folders.pop().unwrap_or_default();
    let mut folder = root.try_clone()?;
    for step in folders {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        folder = openat(folder.as_fd(), step, flags, Mode::empty())?;
    }
    Ok(openat(folder.as_fd(), name, READ | OFlags::NOFOLLOW, Mode::empty())?.into())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;
    use std::os::unix::fs::symlink;

    use super::*;

    /// A folder with `films/a.txt`, a secret beside it, and links of every kind.
    fn folder() -> tempfile::TempDir {
        let outside = tempfile::tempdir().expect("a temporary folder");
        let root = outside.path().join("root");
        fs::create_dir_all(root.join("films")).expect("a folder");
        fs::write(root.join("films/a.txt"), "film").expect("a file");
        fs::write(outside.path().join("secret"), "secret").expect("a file");
        for (target, link) in [
            ("films/a.txt", "inside"),
            ("../films/a.txt", "films/up"),
            ("films", "folder"),
            ("../secret", "outside"),
            ("/etc/passwd", "absolute"),
            ("nowhere", "dangling"),
            ("loop", "loop"),
        ] {
            symlink(target, root.join(link)).expect("a link");
        }
        outside
    }

    fn text(file: io::Result<File>) -> Result<String, Option<Errno>> {
        let mut text = String::new();
        file.map_err(|error| Errno::from_io_error(&error))?.read_to_string(&mut text).expect("a text file");
        Ok(text)
    }

    #[test]
    fn only_what_lies_beneath_is_opened() {
        let outside = folder();
        let root = Root::open(&outside.path().join("root")).expect("the root");
        assert!(root.has_openat2, "this test is about openat2(2)");
        for (path, place) in [
            ("films/a.txt", None),
            ("inside", Some("films/a.txt")),
            ("films/up", Some("films/a.txt")),
            ("folder/a.txt", Some("films/a.txt")),
        ] {
            let opened = root.open_beneath(path.as_bytes(), Lookup::MayBlock(crate::site::ROOT)).expect(path);
            assert_eq!(opened.place.as_deref(), place.map(str::as_bytes), "{path}");
            assert_eq!(text(Ok(opened.file)), Ok("film".to_string()), "{path}");
        }
        for (path, errno) in [
            ("outside", Errno::XDEV),
            ("absolute", Errno::XDEV),
            ("dangling", Errno::NOENT),
            ("loop", Errno::LOOP),
            ("films/a.txt/x", Errno::NOTDIR),
            ("nowhere", Errno::NOENT),
        ] {
            let error = root.open_beneath(path.as_bytes(), Lookup::MayBlock(crate::site::ROOT)).expect_err(path);
            assert_eq!(Errno::from_io_error(&error), Some(errno), "{path}");
        }
    }

    #[test]
    fn only_what_is_in_memory_is_opened_without_the_disk() {
        let outside = folder();
        let root = Root::open(&outside.path().join("root")).expect("the root");
        assert!(!root.cached.is_empty(), "this test is about RESOLVE_CACHED");
        let open = |path: &str| text(root.open_beneath(path.as_bytes(), Lookup::CachedOnly).map(|opened| opened.file));
        for path in ["films/a.txt", "inside", "folder/a.txt"] {
            // Once, to have it in memory.
            root.open_beneath(path.as_bytes(), Lookup::MayBlock(crate::site::ROOT)).expect(path);
            assert_eq!(open(path), Ok("film".to_string()), "{path}");
        }
        assert_eq!(open("films/never asked for"), Err(Some(Errno::AGAIN)));
        assert_eq!(open("folder/never asked for"), Err(Some(Errno::AGAIN)));
    }

    #[test]
    fn without_openat2_no_link_is_followed() {
        let outside = folder();
        let root = Root::open(&outside.path().join("root")).expect("the root");
        let open = |path: &str| text(open_step_by_step(&root.folder, path.as_bytes()));
        assert_eq!(open("films/a.txt"), Ok("film".to_string()));
        for (path, errno) in [
            ("inside", Errno::LOOP),
            ("outside", Errno::LOOP),
            ("folder/a.txt", Errno::NOTDIR),
            ("nowhere/a.txt", Errno::NOENT),
        ] {
            assert_eq!(open(path), Err(Some(errno)), "{path}");
        }
    }
}
