//! A pass over one mount: all of it, or the names in it that have changed.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant, SystemTime};

use rustix::io::Errno;

use super::file_cache::Tree;
use super::file_system::Kind;
use super::folder::{Changes, EntryKind, Folder, FolderEntry, join, split};
use super::read_folder::{FolderReader, Found, FoundFile};
use super::scan::{ChangedNames, Held, HeldFile};
use super::watches::{Change, Watches};
use crate::bytes::Bytes;

/// A pass that is under way.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    tree: &'a Tree,
    reader: FolderReader<'a>,
    /// The mount point; empty for the mount of the content folder.
    point: &'a [u8],
    /// None where inotify does not tell of changes.
    watches: Option<&'a Watches>,
    /// Whether the mount was scanned before, so that a new file may still be written to.
    is_later: bool,
    pub held: Held,
    /// Why a folder could not be watched.
    pub watch_error: Option<Errno>,
    /// What the first pass over the mount could not read.
    pub left_out: Vec<LeftOut>,
    /// Names for the passes over other mounts: the mount point and the path.
    pub elsewhere: Vec<(Vec<u8>, Vec<u8>)>,
    /// Links that were found, to be followed when the index knows what they lead to.
    links: Vec<Vec<u8>>,
}

/// A file or folder that is not in the index because it cannot be read.
#[derive(Debug)]
pub struct LeftOut {
    /// Relative to the content folder.
    pub path: Vec<u8>,
    pub error: io::Error,
}

/// A created file is shown when it is closed. One for which no close is reported (linkat(2) from
/// O_TMPFILE) or whose writer hangs is shown when it has not changed for this long.
const UNCLOSED_QUIET: Duration = Duration::from_secs(60);

/// A file that was created before its folder was watched is shown when it has not changed for this
/// long: a program that copies writes more often.
const UNWATCHED_QUIET: Duration = Duration::from_millis(500);

impl<'a> Pass<'a> {
    pub fn new(tree: &'a Tree, reader: FolderReader<'a>, point: &'a [u8], held: Held, is_later: bool) -> Self {
        let is_watchable = tree.root.file_system_of(point).kind != Kind::Remote;
        let watches = tree.watches.get().filter(|_| is_watchable);
        let (left_out, elsewhere, links) = (Vec::new(), Vec::new(), Vec::new());
        Pass { tree, reader, point, watches, is_later, held, watch_error: None, left_out, elsewhere, links }
    }

    /// Scans the whole mount.
    pub fn scan(&mut self) {
        self.scan_beneath(self.point.to_vec());
        self.follow_links();
    }

    /// Looks at the names that have changed, and at the links that lead to them.
    pub fn apply(&mut self, mut changes: ChangedNames) {
        let mut paths: Vec<Vec<u8>> = changes.keys().cloned().collect();
        while let Some(path) = paths.pop() {
            for link in self.tree.index.links_to(&path, true) {
                let point = self.tree.root.mounts.point_of(&link);
                if point != self.point {
                    self.elsewhere.push((point.to_vec(), link));
                } else if !changes.contains_key(&link) {
                    changes.insert(link.clone(), Change::Touched);
                    paths.push(link);
                }
            }
        }
        let mut by_folder: BTreeMap<Vec<u8>, ChangedNames> = BTreeMap::new();
        for (path, change) in changes {
            let (folder, name) = split(&path);
            by_folder.entry(folder.to_vec()).or_default().insert(name.to_vec(), change);
        }
        for (folder, names) in by_folder {
            self.apply_in(&folder, names);
        }
        self.follow_links();
    }

    /// Looks at names in one folder.
    fn apply_in(&mut self, relative: &[u8], names: ChangedNames) {
        if self.tree.index.folder(relative).is_none() {
            // It is gone, or is read later as a whole.
            for name in names.keys() {
                self.held.remove(&join(relative, name));
            }
            return;
        }
        let opened = self.reader.open(relative).ok();
        let mut changes = Changes::new();
        let mut new_folders = Vec::new();
        for (name, change) in names {
            let path = join(relative, &name);
            let found = opened.as_ref().map_or(Found::Hidden, |folder| self.reader.look_at(folder, &path));
            if !matches!(found, Found::Link) {
                self.tree.index.remove_link(&path);
            }
            let entry = match found {
                Found::File(file) => self.settled(&path, file, Some(change)),
                Found::Folder(entry) => {
                    if change != Change::Touched || self.tree.index.folder(&path).is_none() {
                        new_folders.push(path);
                    }
                    Some(entry)
                }
                Found::Link => {
                    self.links.push(path);
                    continue;
                }
                Found::Unreadable(_) | Found::Hidden => {
                    self.held.remove(&path);
                    None
                }
            };
            changes.insert(name, entry);
        }
        self.update(relative, changes);
        if let Some(folder) = opened.filter(|_| !relative.is_empty()) {
            self.update_time(&folder, relative);
        }
        new_folders.into_iter().for_each(|path| self.scan_beneath(path));
    }

    /// What changes in a folder changes its own time.
    fn update_time(&mut self, folder: &OwnedFd, relative: &[u8]) {
        let (above, name) = split(relative);
        let is_shown = self.is_shown(relative);
        if let Some(entry) = self.reader.entry_of(folder, relative).ok().filter(|_| is_shown) {
            self.update(above, Changes::from([(name.to_vec(), Some(entry))]));
            self.links.extend(self.tree.index.links_to(relative, false));
        }
    }

    /// The entry of a file, unless it may still be written to.
    fn settled(&mut self, path: &[u8], file: FoundFile, change: Option<Change>) -> Option<FolderEntry> {
        let held = self.held.get(path).map(|held| held.quiet);
        let quiet = match change {
            _ if file.has_hard_links => None,
            Some(Change::Complete) => None,
            Some(Change::Created) => Some(UNCLOSED_QUIET),
            Some(Change::Touched) => held,
            None if self.is_later && !self.is_shown(path) => held.or(Some(UNWATCHED_QUIET)),
            None => None,
        };
        match quiet.and_then(|quiet| Some((quiet, quiet.checked_sub(file.unchanged)?))) {
            Some((quiet, rest)) => {
                self.held.insert(path.to_vec(), HeldFile { quiet, look_again_at: Instant::now() + rest });
                None
            }
            None => {
                self.held.remove(path);
                Some(file.entry)
            }
        }
    }

    fn is_shown(&self, path: &[u8]) -> bool {
        let (folder, name) = split(path);
        self.tree.index.folder(folder).is_some_and(|folder| folder.get(name).is_some())
    }

    /// Scans a folder and those beneath on the same mount. Depth costs no stack.
    fn scan_beneath(&mut self, folder: Vec<u8>) {
        let mut left = vec![folder];
        while let Some(folder) = left.pop() {
            match self.scan_folder(&folder) {
                Ok(below) => left.extend(below),
                Err(error) => {
                    self.leave_out(&folder, error);
                }
            }
        }
    }

    /// Shows a folder no longer that cannot be read.
    fn leave_out(&mut self, folder: &[u8], error: Errno) {
        if !self.is_later && !matches!(error, Errno::NOENT | Errno::NOTDIR) {
            self.left_out.push(LeftOut { path: folder.to_vec(), error: error.into() });
        }
        self.unwatch(&self.tree.index.remove(folder));
        // A mount point may be a file.
        if !folder.is_empty() && error != Errno::NOTDIR {
            let (above, name) = split(folder);
            self.update(above, Changes::from([(name.to_vec(), None)]));
        }
    }

    /// Watches and reads one folder. Returns the folders in it.
    fn scan_folder(&mut self, relative: &[u8]) -> rustix::io::Result<Vec<Vec<u8>>> {
        let opened = self.reader.open(relative)?;
        // Before it is read, so that no change in between is missed.
        if let Some(watches) = self.watches
            && self.watch_error.is_none()
        {
            self.watch_error = watches.add(&opened, relative).err();
        }
        let names = self.reader.read(&opened, relative)?;
        let old = self.tree.index.folder(relative);
        let (mut entries, mut below, mut links) = (Vec::new(), Vec::new(), Vec::new());
        for (name, found) in names.found {
            let path = join(relative, &name);
            match found {
                Found::File(file) => entries.extend(self.settled(&path, file, None)),
                Found::Folder(entry) => {
                    entries.push(entry);
                    below.push(path);
                }
                // It stays as it was until it has been followed.
                Found::Link => {
                    entries.extend(old.as_ref().and_then(|old| old.get(&name)).filter(|old| old.is_link).cloned());
                    links.push(name);
                }
                Found::Unreadable(error) if !self.is_later => {
                    self.left_out.push(LeftOut { path, error: error.into() });
                }
                Found::Unreadable(_) | Found::Hidden => {}
            }
        }
        for name in names.mount_points {
            let path = join(relative, &name);
            // The pass over that mount tells whether it can be read, and what it is.
            match &old {
                Some(old) => entries.extend(old.get(&name).cloned()),
                None => entries.push(unread(&name)),
            }
            self.elsewhere.push((path.clone(), path));
        }
        links.sort_unstable();
        let folder = Folder::new(entries, names.matches_case);
        let gone =
            self.tree.index.replace(relative, folder, |name| links.binary_search_by(|link| (**link).cmp(name)).is_ok());
        self.unwatch(&gone);
        self.links.extend(links.iter().map(|name| join(relative, name)));
        Ok(below)
    }

    /// Follows the links that were found.
    fn follow_links(&mut self) {
        let mut by_folder: BTreeMap<Vec<u8>, Changes> = BTreeMap::new();
        for path in std::mem::take(&mut self.links) {
            let Ok(text) = self.reader.link_text(&path) else { continue };
            let end_point = self.tree.root.mounts.point_of(text.as_deref().unwrap_or_default());
            // A link to another mount is for the pass over that one, which may hang.
            if self.point.is_empty() && !end_point.is_empty() {
                self.elsewhere.push((end_point.to_vec(), path));
                continue;
            }
            let (end, entry) = self.reader.follow(&path, text.as_deref(), &self.tree.index);
            let (folder, name) = split(&path);
            by_folder.entry(folder.to_vec()).or_default().insert(name.to_vec(), entry);
            self.tree.index.insert_link(path, text, end);
        }
        for (folder, changes) in by_folder {
            self.update(&folder, changes);
        }
    }

    fn update(&self, folder: &[u8], changes: Changes) {
        self.unwatch(&self.tree.index.update(folder, changes));
    }

    fn unwatch(&self, folders: &[Box<[u8]>]) {
        if let Some(watches) = self.watches {
            watches.remove(folders);
        }
    }
}

/// A mount point of which nothing is known yet.
fn unread(name: &[u8]) -> FolderEntry {
    let modified = SystemTime::UNIX_EPOCH;
    FolderEntry {
        name: name.into(),
        kind: EntryKind::Folder,
        size: Bytes(0),
        modified,
        device: 0,
        inode: 0,
        is_link: false,
    }
}
