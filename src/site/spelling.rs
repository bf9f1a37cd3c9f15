//! The real names of a path on file systems that accept names their folders do not list: 8.3 names
//! on NTFS and FAT, other case, other Unicode forms.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Dev, Dir, IFlags, Mode, OFlags, Stat, fstat, ioctl_getflags, openat};
use rustix::io::Errno;

use super::access_rules::AccessRules;
use super::file_system::Names;
use super::root::{Root, Scope};

/// Confidential folders on file systems that accept other names for them. They are held open, as
/// some file systems renumber an inode once it is unused.
#[derive(Debug, Default)]
pub struct ConfidentialFolders(Vec<(OwnedFd, Dev, u64)>);

impl ConfidentialFolders {
    /// The ones that a lookup of this path may reach; the lookup may block on them. The error names
    /// the folder.
    pub(super) fn open(root: &Root, access_rules: &AccessRules, scope: Scope, relative: &[u8]) -> io::Result<Self> {
        let mount = root.mounts.of(relative);
        let mut found = Vec::new();
        for folder in access_rules.confidential() {
            let its_mount = root.mounts.of(folder);
            let reached = match scope {
                Scope::Root => its_mount.is_none(),
                Scope::Mount => its_mount == mount,
                Scope::Anywhere => true,
            };
            if !reached || root.file_system_of(folder).names() == Names::Exact {
                continue;
            }
            match root.open_folder(folder, scope).and_then(|fd| fstat(&fd).map(|stat| (fd, stat))) {
                Ok((fd, Stat { st_dev, st_ino, .. })) => found.push((fd, st_dev, st_ino)),
                // It is missing, or a link, or the lookup cannot reach it by any name.
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV | Errno::ACCESS) => {}
                Err(error) => {
                    let error = format!("the confidential folder {:?}: {error}", String::from_utf8_lossy(folder));
                    return Err(io::Error::other(error));
                }
            }
        }
        Ok(ConfidentialFolders(found))
    }

    pub fn contains(&self, device: Dev, inode: u64) -> bool {
        self.0.iter().any(|(_, its_device, its_inode)| (*its_device, *its_inode) == (device, inode))
    }
}

/// The flag of a folder in which names match ignoring case.
const CASEFOLD: IFlags = IFlags::from_bits_retain(0x4000_0000);

/// Whether names in a folder match only byte for byte, according to its casefold flag.
pub(super) fn has_no_casefold(folder: impl AsFd) -> bool {
    ioctl_getflags(folder).is_ok_and(|flags| !flags.contains(CASEFOLD))
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// The names under which a folder lists what was opened as `name`: that name itself, or those with
/// the same inode. None if they cannot be determined.
pub(super) fn listed_names(folder: BorrowedFd<'_>, name: &[u8], inode: u64, names: Names) -> io::Result<Vec<Vec<u8>>> {
    let folder = openat(folder, ".", FOLDER, Mode::empty())?;
    let is_exact = match names {
        Names::Exact => true,
        Names::Casefold => has_no_casefold(&folder),
        Names::Aliased => false,
    };
    if is_exact {
        return Ok(vec![name.to_vec()]);
    }
    let mut same = Vec::new();
    for entry in Dir::new(folder)? {
        let entry = entry?;
        let listed = entry.file_name().to_bytes();
        if listed == name {
            return Ok(vec![name.to_vec()]);
        }
        if entry.ino() == inode {
            same.push(listed.to_vec());
        }
    }
    Ok(same)
}
