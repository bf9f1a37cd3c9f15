//! Opening what lies beneath the content folder: by openat2(2), or step by step where that does not
//! suffice for the rules.

use std::fs::File;
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, ResolveFlags, openat2};
use rustix::io::Errno;

use super::file_system::{FileSystem, Kind};
use super::root::{BENEATH, Failure, Lookup, READ, Root, Scope, WITHOUT_LINKS, patiently};
use super::rules::Rules;
use super::walk::Walk;

/// What was opened. It may be a folder or a special file: ask the handle.
#[derive(Debug)]
pub struct Opened {
    pub file: File,
    /// The file system whose permit reading and closing the file need.
    pub file_system: FileSystem,
    pub is_on_root_mount: bool,
    /// Where it really lies relative to the root, if symbolic links or another spelling led there.
    pub real_path: Option<Vec<u8>>,
}

impl Root {
    /// Opens what lies at a normalised path relative to the root. Symbolic links are followed as
    /// long as every step of them stays beneath the root. Where the text of the path does not
    /// suffice for the rules, its real names are found.
    pub fn open_beneath(&self, relative: &[u8], lookup: Lookup, rules: Rules) -> Result<Opened, Failure> {
        let mount = self.mounts.of(relative);
        let needed = mount.unwrap_or(self.file_system);
        let scope = match lookup {
            Lookup::MayBlock(FileSystem::BEHIND_LINK) => Scope::Anywhere,
            Lookup::MayBlock(permit) if permit == needed && mount.is_some() => Scope::Mount,
            Lookup::MayBlock(permit) if permit != needed => return Err(Failure::WouldBlock(needed)),
            _ if mount.is_some() => return Err(Failure::WouldBlock(needed)),
            _ => Scope::Root,
        };
        let limits = match scope {
            Scope::Root => self.limits_of(lookup).ok_or(Failure::WouldBlock(needed))?,
            Scope::Mount | Scope::Anywhere => ResolveFlags::empty(),
        };
        if !self.has_openat2 || !rules.text_suffices(relative, needed) {
            return self.walk(relative, lookup, scope, rules);
        }
        let open =
            |resolve| patiently(lookup, || openat2(&self.folder, relative, READ, Mode::empty(), resolve | limits));
        match open(WITHOUT_LINKS) {
            Ok(fd) => match self.opened(fd, scope, None)? {
                opened if rules.text_suffices(relative, opened.file_system) => Ok(opened),
                _ => self.walk(relative, lookup, scope, rules),
            },
            Err(Errno::AGAIN) if lookup == Lookup::CachedOnly => Err(Failure::WouldBlock(needed)),
            Err(Errno::LOOP) if scope == Scope::Mount => Err(Failure::WouldBlock(FileSystem::BEHIND_LINK)),
            Err(Errno::LOOP) => {
                if let Some(fd) = open(BENEATH).ok().filter(|_| self.has_proc) {
                    let real_path = self.real_path(&fd)?;
                    let opened = self.opened(fd, scope, Some(real_path.clone()))?;
                    let file_systems = [self.file_system_of(&real_path), opened.file_system];
                    if file_systems.iter().all(|file_system| rules.text_suffices(&real_path, *file_system)) {
                        return Ok(opened);
                    }
                }
                self.walk(relative, lookup, scope, rules)
            }
            // A mount that is not in the table yet.
            Err(Errno::XDEV) if scope == Scope::Root => Err(Failure::WouldBlock(FileSystem::BEHIND_LINK)),
            Err(error) => Err(error.into()),
        }
    }

    /// Goes step by step where openat2(2) does not suffice. That blocks on all but memory.
    fn walk(&self, relative: &[u8], lookup: Lookup, scope: Scope, rules: Rules) -> Result<Opened, Failure> {
        if lookup == Lookup::CachedOnly && self.file_system.kind != Kind::Memory {
            return Err(Failure::WouldBlock(self.file_system));
        }
        let (fd, real_path) = Walk::new(self, relative, scope, rules)?.open(relative, lookup)?;
        self.opened(fd, scope, Some(real_path).filter(|real_path| real_path != relative))
    }

    fn opened(&self, fd: OwnedFd, scope: Scope, real_path: Option<Vec<u8>>) -> Result<Opened, Failure> {
        let is_on_root_mount = scope == Scope::Root;
        let file_system = if is_on_root_mount { self.file_system } else { FileSystem::of(&fd)? };
        Ok(Opened { file: fd.into(), file_system, is_on_root_mount, real_path })
    }
}
