//! The mounts inside the content folder, read from proc_pid_mountinfo(5) without touching them.

use std::fs;
use std::io;
use std::str;

use rustix::fs::{Dev, makedev};

use super::file_system::FileSystem;

/// The mount table. poll(2) on it reports changes (proc_pid_mountinfo(5)).
pub const MOUNTINFO: &str = "/proc/self/mountinfo";

/// The mounts inside the content folder, deepest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mounts(Vec<(Vec<u8>, FileSystem)>);

impl Mounts {
    /// The current mounts inside the folder with this absolute path.
    pub fn inside(folder: &[u8]) -> io::Result<Self> {
        Ok(Mounts::parse(&fs::read(MOUNTINFO)?, folder))
    }

    /// The file system of a path relative to the folder; None if it is the folder's own.
    pub fn of(&self, relative: &[u8]) -> Option<FileSystem> {
        self.0.iter().find(|(point, _)| strip_folder(relative, point).is_some()).map(|(_, file_system)| *file_system)
    }

    /// The mount point that a path lies on or beneath; empty if that is the folder itself.
    pub fn point_of(&self, relative: &[u8]) -> &[u8] {
        self.points().find(|point| strip_folder(relative, point).is_some()).unwrap_or_default()
    }

    /// The mount points inside the folder, deeper ones first.
    pub fn points(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(|(point, _)| &**point)
    }

    fn parse(mountinfo: &[u8], folder: &[u8]) -> Self {
        let mut mounts: Vec<(Vec<u8>, FileSystem)> = Vec::new();
        for (point, file_system) in mountinfo.split(|&byte| byte == b'\n').filter_map(parse_line) {
            match strip_folder(&point, folder) {
                Some(point) if !point.is_empty() => {
                    // A later mount hides earlier ones at and beneath its mount point.
                    mounts.retain(|(access_rules, _)| strip_folder(access_rules, point).is_none());
                    mounts.push((point.to_vec(), file_system));
                }
                _ if strip_folder(folder, &point).is_some() => mounts.clear(),
                _ => {}
            }
        }
        mounts.sort_by_key(|(point, _)| std::cmp::Reverse(point.len()));
        Mounts(mounts)
    }
}

/// A path relative to a folder; None if it is neither the folder nor beneath it.
pub fn strip_folder<'a>(path: &'a [u8], folder: &[u8]) -> Option<&'a [u8]> {
    let rest = path.strip_prefix(folder)?;
    if rest.is_empty() || folder.is_empty() || folder == b"/" { Some(rest) } else { rest.strip_prefix(b"/") }
}

/// Mount point and file system of a line.
fn parse_line(line: &[u8]) -> Option<(Vec<u8>, FileSystem)> {
    let mut fields = line.split(|&byte| byte == b' ');
    let device = parse_device(fields.nth(2)?)?;
    let point = unescape(fields.nth(1)?);
    let name = fields.skip_while(|field| *field != b"-").nth(1)?;
    Some((point, FileSystem::named(device, name)))
}

/// `major:minor`
fn parse_device(field: &[u8]) -> Option<Dev> {
    let (major, minor) = str::from_utf8(field).ok()?.split_once(':')?;
    Some(makedev(major.parse().ok()?, minor.parse().ok()?))
}

/// Space, tab, line feed and backslash are escaped as a backslash and three octal digits.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut pieces = field.split(|&byte| byte == b'\\');
    let mut path = pieces.next().unwrap_or_default().to_vec();
    for piece in pieces {
        let (digits, rest) = piece.split_at(piece.len().min(3));
        let byte = str::from_utf8(digits).ok().and_then(|digits| u8::from_str_radix(digits, 8).ok());
        path.push(byte.unwrap_or(b'\\'));
        path.extend_from_slice(if byte.is_some() { rest } else { piece });
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTINFO: &[u8] = b"27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
44 27 0:39 / /srv/media/films rw - fuse.sshfs host:/ rw
45 44 8:1 / /srv/media/films/old rw shared:7 master:1 - xfs /dev/sda1 rw
46 27 0:40 / /srv/media/a\\040b\\134c rw - fuseblk /dev/sdb1 rw
47 27 0:41 / /srv/media/twice rw - nfs4 host:/ rw
48 47 0:42 / /srv/media/twice rw - tmpfs tmpfs rw
49 27 0:43 / /srv/mediation rw - tmpfs tmpfs rw
50 27 0:44 / /srv/media/covered/below rw - nfs4 host:/ rw
51 27 0:45 / /srv/media/covered rw - tmpfs tmpfs rw
broken
";

    #[test]
    fn a_path_lies_in_the_deepest_mount() {
        let mounts = Mounts::parse(MOUNTINFO, b"/srv/media");
        for (path, file_system) in [
            ("a.mp4", None),
            ("films", Some((0, 39, "fuse.sshfs"))),
            ("films/a.mp4", Some((0, 39, "fuse.sshfs"))),
            ("filmsen/a.mp4", None),
            ("films/old/a.mp4", Some((8, 1, "xfs"))),
            ("films/older", Some((0, 39, "fuse.sshfs"))),
            ("a b\\c/x", Some((0, 40, "fuseblk"))),
            ("twice/x", Some((0, 42, "tmpfs"))),
            ("covered/below/x", Some((0, 45, "tmpfs"))),
        ] {
            let expected =
                file_system.map(|(major, minor, name)| FileSystem::named(makedev(major, minor), name.as_bytes()));
            assert_eq!(mounts.of(path.as_bytes()), expected, "{path}");
            assert_eq!(mounts.point_of(path.as_bytes()).is_empty(), expected.is_none(), "{path}");
        }
    }

    #[test]
    fn mounts_outside_the_folder_and_beneath_a_later_one_do_not_count() {
        assert_eq!(Mounts::parse(MOUNTINFO, b"/srv/other"), Mounts::default());
        assert_eq!(Mounts::parse(MOUNTINFO, b"/").0.len(), 6);
        let covered = [MOUNTINFO, b"60 27 0:50 / /srv rw - tmpfs tmpfs rw\n"].concat();
        assert_eq!(Mounts::parse(&covered, b"/srv/media"), Mounts::default());
        let covered = [MOUNTINFO, b"60 27 0:50 / /srv/media rw - tmpfs tmpfs rw\n"].concat();
        assert_eq!(Mounts::parse(&covered, b"/srv/media"), Mounts::default());
    }

    #[test]
    fn escaped_paths_are_read() {
        for (field, path) in [("a\\040b", "a b"), ("\\011\\012\\134", "\t\n\\"), ("a\\", "a\\"), ("\\09x", "\\09x")] {
            assert_eq!(unescape(field.as_bytes()), path.as_bytes(), "{field}");
        }
    }
}
