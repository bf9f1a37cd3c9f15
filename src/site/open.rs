//! Opens files beneath the content folder: with openat2(2), or step by step if the rules need more.
//!
//! Three checks keep a request inside the folder. `http::target` refuses a target whose `..` climbs
//! above it (400). The kernel (RESOLVE_BENEATH) and [`Walk`] refuse absolute links and those that
//! lead outside: both fail with XDEV, which becomes 404. The rules then judge the real path.

use std::fs::File;
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, ResolveFlags, openat2};
use rustix::io::Errno;

use super::file_system::{FileSystem, Kind};
use super::root::{BENEATH, Failure, Lookup, READ, Root, Scope, WITHOUT_LINKS, patiently};
use super::rules::Rules;
use super::walk::Walk;

/// An open file. It may be a folder or a special file: ask the handle.
#[derive(Debug)]
pub struct Opened {
    pub file: File,
    /// Its file system: reading and closing the file need a permit of it.
    pub file_system: FileSystem,
    pub is_on_root_mount: bool,
    /// Its real path relative to the root, if symbolic links or another spelling led there.
    pub real_path: Option<Vec<u8>>,
}

impl Root {
    /// Opens a normalised path relative to the root. Relative symbolic links are followed as long
    /// as they stay beneath the root. If the rules cannot judge the path by its text, its real
    /// names are looked up.
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
                // Whatever fails here, the walk finds out why: XDEV where a link leads outside.
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
            // A mount that is not in the mount table yet.
            Err(Errno::XDEV) if scope == Scope::Root => Err(Failure::WouldBlock(FileSystem::BEHIND_LINK)),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens step by step where openat2(2) does not suffice. That may block unless the file system
    /// is in memory.
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
