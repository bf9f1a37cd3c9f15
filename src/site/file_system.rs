//! File systems: which operations may block, and whether files have second names.

use std::io;
use std::os::fd::AsFd;

use rustix::fs::{Dev, fstat, fstatfs};

/// A mounted file system. Disk permits are counted for each.
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
    /// Access to the page cache and dentry cache never blocks, and the kernel reports a miss
    /// (RWF_NOWAIT, RESOLVE_CACHED).
    Local,
    /// The file system is in memory, so nothing blocks; RWF_NOWAIT is EOPNOTSUPP.
    Memory,
    /// Like `Local` for names; RWF_NOWAIT is EOPNOTSUPP, so any read may block.
    Stacked,
    /// Everything may block forever, even close(2): FUSE, network file systems, and every unlisted
    /// type.
    Remote,
}

/// Whether a file can have names that its folder does not list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Names {
    /// It cannot.
    Exact,
    /// In folders with the casefold flag (chattr(1) +F), names match ignoring case and Unicode
    /// form.
    Casefold,
    /// It can: in another case, in another Unicode form, or an 8.3 name.
    Aliased,
}

/// Known types: the name in mountinfo, `f_type` of statfs(2), and their behaviour. When in doubt
/// leave a type out: if operations block without a disk permit, the server stops.
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
    /// Stands for whatever file system a symbolic link leads to across mounts. It has its own
    /// permits, so that a link to a hung file system does not use up those of others.
    pub const BEHIND_LINK: Self = FileSystem { id: Id::BehindLink, kind: Kind::Remote, names: Names::Aliased };

    /// The file system of an open file. Blocks if a remote one hangs.
    pub(super) fn of(file: impl AsFd) -> io::Result<Self> {
        let device = fstat(&file)?.st_dev;
        // The integer type of f_type depends on the architecture; magic numbers have 32 bits.
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

    /// A file system for tests that do not open files.
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
