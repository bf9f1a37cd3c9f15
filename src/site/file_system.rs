//! File systems: which of their operations may block, and by how many names they know a file.

use std::io;
use std::os::fd::AsFd;

use rustix::fs::{Dev, fstat, fstatfs};

/// A mounted file system: the one whose disk permit an operation needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileSystem {
    id: Id,
    pub kind: Kind,
    names: Names,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Id {
    Device(Dev),
    BehindLink,
}

/// What may block on a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// What is in the page cache and the dentry cache never blocks, and the kernel tells what is
    /// not (RWF_NOWAIT, RESOLVE_CACHED).
    Local,
    /// All of it is memory, so nothing blocks; RWF_NOWAIT is EOPNOTSUPP.
    Memory,
    /// As `Local` for names; RWF_NOWAIT is EOPNOTSUPP, so any read may block.
    Stacked,
    /// Everything may block for ever, close(2) as well: FUSE, network file systems, and every type
    /// not known here.
    Remote,
}

/// Whether a file has other names than those its folder lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Names {
    /// It has none.
    Exact,
    /// In folders with the casefold flag (chattr(1) +F), names match as Unicode text without case.
    Casefold,
    /// It may have: other case, another Unicode form, an 8.3 name.
    Aliased,
}

/// The types that are known: the name in mountinfo, `f_type` of statfs(2), and what they are like.
/// In doubt a type is not here: one whose operations block without a disk permit stops the server.
const KNOWN: [(&str, u32, Kind, Names); 19] = [
    ("ext2", 0xef53, Kind::Local, Names::Casefold),
    ("ext3", 0xef53, Kind::Local, Names::Casefold),
    ("ext4", 0xef53, Kind::Local, Names::Casefold),
    ("xfs", 0x5846_5342, Kind::Local, Names::Exact),
    ("btrfs", 0x9123_683e, Kind::Local, Names::Exact),
    ("f2fs", 0xf2f5_2010, Kind::Local, Names::Casefold),
    ("tmpfs", 0x0102_1994, Kind::Memory, Names::Casefold),
    ("ramfs", 0x8584_58f6, Kind::Memory, Names::Exact),
    ("overlay", 0x794c_7630, Kind::Stacked, Names::Casefold),
    ("bcachefs", 0xca45_1a4e, Kind::Stacked, Names::Casefold),
    ("zfs", 0x2fc1_2fc1, Kind::Stacked, Names::Aliased),
    ("squashfs", 0x7371_7368, Kind::Stacked, Names::Exact),
    ("erofs", 0xe0f5_e1e2, Kind::Stacked, Names::Exact),
    ("iso9660", 0x9660, Kind::Stacked, Names::Aliased),
    ("udf", 0x1501_3346, Kind::Stacked, Names::Aliased),
    ("vfat", 0x4d44, Kind::Stacked, Names::Aliased),
    ("msdos", 0x4d44, Kind::Stacked, Names::Aliased),
    ("exfat", 0x2011_bab0, Kind::Stacked, Names::Aliased),
    ("ntfs3", 0x7366_746e, Kind::Stacked, Names::Aliased),
];

impl FileSystem {
    /// Stands for whatever a symbolic link leads to across a mount. It has permits of its own, so
    /// that a link to a file system that hangs uses up no other's.
    pub const BEHIND_LINK: Self = FileSystem { id: Id::BehindLink, kind: Kind::Remote, names: Names::Aliased };

    /// The file system of an open file. It may block on a remote one.
    pub(super) fn of(file: impl AsFd) -> io::Result<Self> {
        let device = fstat(&file)?.st_dev;
        // The type of f_type depends on the architecture; the magic numbers have 32 bits.
        let magic = fstatfs(&file)?.f_type as u32;
        Ok(FileSystem::new(device, KNOWN.iter().find(|known| known.1 == magic)))
    }

    /// The file system of a line in mountinfo.
    pub(super) fn named(device: Dev, name: &[u8]) -> Self {
        FileSystem::new(device, KNOWN.iter().find(|known| known.0.as_bytes() == name))
    }

    fn new(device: Dev, known: Option<&(&str, u32, Kind, Names)>) -> Self {
        let (kind, names) = known.map_or((Kind::Remote, Names::Aliased), |known| (known.2, known.3));
        FileSystem { id: Id::Device(device), kind, names }
    }

    pub(super) fn names(&self) -> Names {
        self.names
    }

    /// A file system for tests of what does not open files.
    #[cfg(test)]
    pub const fn numbered(number: u64, kind: Kind) -> Self {
        FileSystem { id: Id::Device(number), kind, names: Names::Exact }
    }

    /// The same file system as if it were of another type.
    #[cfg(test)]
    pub(super) fn like(self, name: &str) -> Self {
        FileSystem { id: self.id, ..FileSystem::named(0, name.as_bytes()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_that_is_not_known_may_block_and_have_aliases() {
        for (name, kind, names) in [
            ("ext4", Kind::Local, Names::Casefold),
            ("btrfs", Kind::Local, Names::Exact),
            ("tmpfs", Kind::Memory, Names::Casefold),
            ("overlay", Kind::Stacked, Names::Casefold),
            ("exfat", Kind::Stacked, Names::Aliased),
            ("fuse", Kind::Remote, Names::Aliased),
            ("fuse.sshfs", Kind::Remote, Names::Aliased),
            ("fuseblk", Kind::Remote, Names::Aliased),
            ("nfs4", Kind::Remote, Names::Aliased),
            ("cifs", Kind::Remote, Names::Aliased),
            ("zfs", Kind::Stacked, Names::Aliased),
            ("", Kind::Remote, Names::Aliased),
        ] {
            let file_system = FileSystem::named(7, name.as_bytes());
            assert_eq!((file_system.kind, file_system.names()), (kind, names), "{name}");
        }
    }

    #[test]
    fn an_open_file_tells_the_type_that_mountinfo_names() {
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").expect("proc(5)");
        for (folder, name) in [("/dev/shm", "tmpfs"), ("/proc", "proc")] {
            let mount = format!(" {folder} ");
            if !mounts.lines().any(|line| line.contains(&mount) && line.contains(&format!("- {name} "))) {
                eprintln!("skipped: {folder} is no {name} here");
                continue;
            }
            let opened = FileSystem::of(std::fs::File::open(folder).expect("a folder")).expect("a file system");
            assert_eq!(opened, opened.like(name), "{folder}");
        }
    }
}
