//! The real names of a path, where a file system knows a file by more names than its folder lists:
//! 8.3 names on NTFS and FAT, other case, other Unicode forms.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, Dev, Dir, IFlags, Mode, OFlags, Stat, fstat, ioctl_getflags, openat};
use rustix::io::Errno;

use super::access_rules::AccessRules;
use super::file_system::Names;
use super::root::{Root, Scope};

/// The confidential folders on file systems that may know them by another name, held open, as some
/// file systems give an inode a new number once nobody uses it.
#[derive(Debug, Default)]
pub struct ConfidentialFolders(Vec<(OwnedFd, Dev, u64)>);

impl ConfidentialFolders {
    /// Those that a lookup of this path may reach. It may block there. The error names the folder.
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
                // There is none, or it is a link, or the lookup does not get there by any name.
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV | Errno::ACCESS) => {}
                Err(error) => {
                    let error = format!("the confidential folder {:?}: {error}", String::from_utf8_lossy(folder));
                    return Err(io::Error::other(error));
                }
            }
        }
        Ok(ConfidentialFolders(found))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn contains(&self, device: Dev, inode: u64) -> bool {
        self.0.iter().any(|(_, its_device, its_inode)| (*its_device, *its_inode) == (device, inode))
    }
}

/// Set on a folder in which names match without case.
const CASEFOLD: IFlags = IFlags::from_bits_retain(0x4000_0000);

/// Whether a folder says that names in it match only byte for byte, on a file system that has the
/// casefold flag.
pub(super) fn matches_case(folder: &Path) -> bool {
    openat(CWD, folder, FOLDER, Mode::empty()).is_ok_and(has_no_casefold)
}

fn has_no_casefold(folder: impl AsFd) -> bool {
    ioctl_getflags(folder).is_ok_and(|flags| !flags.contains(CASEFOLD))
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// The names by which a folder lists what was found in it as `name`: just that, or those with the
/// same inode. None where that cannot be known.
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
