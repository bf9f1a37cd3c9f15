//! Walks a path step by step to find its real names and the targets of links, even if they are
//! missing.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, fstat, openat, openat2, readlinkat};
use rustix::io::Errno;

use super::denial::{Denial, Reason};
use super::file_system::FileSystem;
use super::folder::join;
use super::root::{Failure, Lookup, Root, Scope, open_in};
use super::rules::Rules;
use super::spelling::{ConfidentialFolders, listed_names};

/// A walk beneath the root. Each step is opened relative to the folder before it, so that a
/// concurrent rename cannot redirect it.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    root: &'a Root,
    scope: Scope,
    rules: Rules<'a>,
    confidential: ConfidentialFolders,
    /// The current folder; None for the root.
    folder: Option<OwnedFd>,
    /// The real path of that folder.
    real_path: Vec<u8>,
    links: usize,
}

/// The most links in a path, as in the kernel (path_resolution(7)).
const LINKS_MAX: usize = 40;

const STEP: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

impl<'a> Walk<'a> {
    /// Starts a walk along this path.
    pub fn new(root: &'a Root, relative: &[u8], scope: Scope, rules: Rules<'a>) -> Result<Self, Failure> {
        let confidential = ConfidentialFolders::open(root, rules.access_rules, scope, relative)?;
        Ok(Walk { root, scope, rules, confidential, folder: None, real_path: Vec::new(), links: 0 })
    }

    /// Opens the path, and finds its real path.
    pub fn open(mut self, relative: &[u8], lookup: Lookup) -> Result<(OwnedFd, Vec<u8>), Failure> {
        // The remaining steps, the next one last.
        let mut steps: Vec<Vec<u8>> = reversed(relative);
        while let Some(step) = steps.pop() {
            match &step[..] {
                b"" | b"." => {}
                b".." => self.climb()?,
                name => {
                    let is_last = steps.iter().all(|step| matches!(&step[..], b"" | b"."));
                    match self.step(name).map_err(|failure| self.with_path(failure, name, &steps))? {
                        Step::Link(target) if target.starts_with(b"/") => return Err(Errno::XDEV.into()),
                        Step::Link(target) => steps.extend(reversed(&target)),
                        Step::Node(_, real_path) if is_last => {
                            let opened = open_in(self.folder(), name, lookup);
                            return match opened {
                                Ok(fd) => Ok((fd, real_path)),
                                Err(Errno::AGAIN) if lookup == Lookup::CachedOnly => {
                                    Err(Failure::WouldBlock(self.root.file_system))
                                }
                                Err(error) => Err(Failure::Error { error: error.into(), real_path: Some(real_path) }),
                            };
                        }
                        Step::Node(fd, real_path) => {
                            self.folder = Some(fd);
                            self.real_path = real_path;
                        }
                    }
                }
            }
        }
        Ok((open_in(self.folder(), b".", lookup)?, self.real_path))
    }

    /// Looks up a name in the current folder.
    fn step(&mut self, name: &[u8]) -> Result<Step, Failure> {
        let path = join(&self.real_path, name);
        if self.scope == Scope::Root && self.root.mounts.of(&path).is_some() {
            return Err(Failure::WouldBlock(FileSystem::BEHIND_LINK));
        }
        let folder = self.folder();
        let node = if self.root.has_openat2 {
            let mounts = if self.scope == Scope::Root { ResolveFlags::NO_XDEV } else { ResolveFlags::empty() };
            openat2(folder, name, STEP, Mode::empty(), ResolveFlags::BENEATH | mounts)
        } else {
            openat(folder, name, STEP, Mode::empty())
        };
        let node = match node {
            Err(Errno::XDEV) if self.scope == Scope::Root => Err(Failure::WouldBlock(FileSystem::BEHIND_LINK))?,
            node => node?,
        };
        let found = fstat(&node)?;
        if self.confidential.contains(found.st_dev, found.st_ino) {
            return Err(Failure::Denied(Denial::new(&path, Reason::ConfidentialAlias)));
        }
        let real_path = self.real_path_of(path, name, found.st_ino)?;
        if FileType::from_raw_mode(found.st_mode) != FileType::Symlink {
            return Ok(Step::Node(node, real_path));
        }
        self.links += 1;
        match self.scope {
            Scope::Mount => Err(Failure::WouldBlock(FileSystem::BEHIND_LINK)),
            _ if self.links > LINKS_MAX => Err(Errno::LOOP.into()),
            _ => Ok(Step::Link(readlinkat(&node, "", Vec::new())?.into_bytes())),
        }
    }

    /// The path with the name that the folder lists. If it lists several, the rules check each.
    fn real_path_of(&self, path: Vec<u8>, name: &[u8], inode: u64) -> Result<Vec<u8>, Failure> {
        let file_system = match self.scope {
            Scope::Root => self.root.file_system,
            Scope::Mount | Scope::Anywhere => FileSystem::of(self.folder())?,
        };
        if self.rules.text_suffices(&path, file_system) {
            return Ok(path);
        }
        let names = listed_names(self.folder(), name, inode, file_system.names())?;
        let paths: Vec<_> = names.iter().map(|listed| join(&self.real_path, listed)).collect();
        for other in paths.iter().filter(|other| **other != path) {
            self.rules.access_rules.judge(other).map_err(Failure::Denied)?;
        }
        // The rules cannot check a name that is not listed.
        paths.into_iter().next().ok_or_else(|| Failure::Denied(Denial::new(&path, Reason::Unlisted)))
    }

    /// Returns to the parent folder.
    fn climb(&mut self) -> Result<(), Failure> {
        if self.real_path.is_empty() {
            return Err(Errno::XDEV.into());
        }
        climb(&mut self.real_path);
        self.folder = match &self.real_path[..] {
            b"" => None,
            above => Some(self.root.open_folder(above, self.scope)?),
        };
        Ok(())
    }

    fn folder(&self) -> BorrowedFd<'_> {
        self.folder.as_ref().unwrap_or(&self.root.folder).as_fd()
    }

    /// The error for a path that could not be reached, with the real path it would have.
    fn with_path(&self, failure: Failure, name: &[u8], steps: &[Vec<u8>]) -> Failure {
        let Failure::Error { error, real_path: None } = failure else { return failure };
        let mut path = join(&self.real_path, name);
        for step in steps.iter().rev() {
            match &step[..] {
                b"" | b"." => {}
                b".." if path.is_empty() => return error.into(),
                b".." => climb(&mut path),
                name => path = join(&path, name),
            }
        }
        Failure::Error { error, real_path: Some(path) }
    }
}

/// The outcome of a step.
#[derive(Debug)]
enum Step {
    /// A link, with its target.
    Link(Vec<u8>),
    /// Anything else, with its real path.
    Node(OwnedFd, Vec<u8>),
}

fn reversed(path: &[u8]) -> Vec<Vec<u8>> {
    path.rsplit(|&byte| byte == b'/').map(<[u8]>::to_vec).collect()
}

fn climb(path: &mut Vec<u8>) {
    path.truncate(path.iter().rposition(|&byte| byte == b'/').unwrap_or(0));
}
