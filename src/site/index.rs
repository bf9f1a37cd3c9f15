//! What the scan of the content folder found, by folder, changed in place.

use std::collections::HashMap;
use std::iter;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::SystemTime;

use super::folder::{Changes, EntryKind, Folder, FolderEntry, join, split};
use super::links::{LinkEnd, Links};
use crate::bytes::Bytes;

/// The folders by their path relative to the content folder, without what is hidden.
#[derive(Debug)]
pub struct Index(RwLock<State>);

#[derive(Debug)]
struct State {
    folders: HashMap<Box<[u8]>, Arc<Folder>>,
    links: Links,
    /// The last version of a folder.
    version: u64,
}

/// What is known of a folder.
#[derive(Clone, Debug)]
pub enum Listing {
    Read(Arc<Folder>),
    /// The scan has not come to it yet.
    StillReading,
}

/// Links that a path may go through, as the kernel has it (path_resolution(7)).
const LINKS_MAX: usize = 40;

impl Default for Index {
    fn default() -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        // A server that starts again begins above the versions of the one before.
        let version = u64::try_from(now.as_nanos()).unwrap_or_default();
        Index(RwLock::new(State { folders: HashMap::new(), links: Links::default(), version }))
    }
}

impl Index {
    /// Whether a file or a folder of exactly this path was listed, and is no link.
    pub fn knows(&self, relative: &[u8]) -> bool {
        let state = self.read();
        let (folder, name) = split(relative);
        state.folders.get(folder).and_then(|folder| folder.get(name)).is_some_and(|entry| !entry.is_link)
            || state.folders.contains_key(relative)
    }

    /// Whether a folder of exactly this path was read in which names match only byte for byte.
    pub fn matches_case(&self, folder: &[u8]) -> bool {
        self.read().folders.get(folder).is_some_and(|folder| folder.matches_case)
    }

    /// The folder of exactly this path, without links.
    pub fn folder(&self, relative: &[u8]) -> Option<Arc<Folder>> {
        self.read().folders.get(relative).cloned()
    }

    /// Changes whenever a folder does.
    pub fn version(&self) -> u64 {
        self.read().version
    }

    /// Number and size of the files in the folders for whose path `is_counted`.
    pub fn total(&self, is_counted: impl Fn(&[u8]) -> bool) -> (usize, Bytes) {
        let state = self.read();
        let folders = state.folders.iter().filter(|(path, _)| is_counted(path)).map(|(_, folder)| folder);
        let files = folders.flat_map(|folder| folder.entries()).filter(|entry| {
            // What a link leads to is counted where it lies.
            entry.kind == EntryKind::File && !entry.is_link
        });
        files.fold((0, Bytes(0)), |(count, total), entry| (count + 1, Bytes(total.0.saturating_add(entry.size.0))))
    }

    /// The path without links to folders; None if there are too many of them.
    pub fn real_path(&self, relative: &[u8]) -> Option<Vec<u8>> {
        let links = &self.read().links;
        let mut path = relative.to_vec();
        if links.is_empty() {
            return Some(path);
        }
        for _ in 0..=LINKS_MAX {
            let ends = (0..=path.len()).filter(|&end| path.get(end).is_none_or(|&byte| byte == b'/'));
            let mut real_paths = ends.filter_map(|end| Some((links.real_path(&path[..end])?, &path[end..])));
            match real_paths.next() {
                None => return Some(path),
                Some((b"", rest)) => path = rest.strip_prefix(b"/").unwrap_or(rest).to_vec(),
                Some((real_path, rest)) => path = [real_path, rest].concat(),
            }
        }
        None
    }

    /// What is known of the folder with this path without links; None if there is none.
    pub fn list(&self, relative: &[u8]) -> Option<Listing> {
        let state = self.read();
        let mut path = relative;
        let mut name = None;
        loop {
            match (state.folders.get(path), name) {
                (Some(folder), None) => return Some(Listing::Read(Arc::clone(folder))),
                (Some(folder), Some(name)) => {
                    return folder.get(name).filter(|entry| entry.is_real_folder()).map(|_| Listing::StillReading);
                }
                (None, _) if path.is_empty() => return Some(Listing::StillReading),
                (None, _) => {
                    let (above, last) = split(path);
                    (path, name) = (above, Some(last));
                }
            }
        }
    }

    /// Takes a folder as it was read. Returns the folders beneath that are gone with it.
    pub fn replace(&self, relative: &[u8], mut folder: Folder, is_link: impl Fn(&[u8]) -> bool) -> Vec<Box<[u8]>> {
        let mut state = self.write();
        state.links.retain_in(relative, is_link);
        let old = state.folders.get(relative).cloned();
        if old.as_ref().is_some_and(|old| old.entries() == folder.entries() && old.matches_case == folder.matches_case)
        {
            return Vec::new();
        }
        folder.version = state.next_version();
        let folder = Arc::new(folder);
        state.folders.insert(relative.into(), Arc::clone(&folder));
        state.remove_gone(relative, old.as_ref().map_or(&[], |old| old.entries()), &folder)
    }

    /// Changes names in a folder, if it was read. Returns the folders beneath that are gone.
    pub fn update(&self, relative: &[u8], changes: Changes) -> Vec<Box<[u8]>> {
        let mut state = self.write();
        let state = &mut *state;
        let Some(folder) = state.folders.get_mut(relative) else { return Vec::new() };
        if changes.iter().all(|(name, entry)| folder.get(name) == entry.as_ref()) {
            return Vec::new();
        }
        let changed = Arc::make_mut(folder);
        let replaced = changed.apply(changes);
        state.version += 1;
        changed.version = state.version;
        let folder = Arc::clone(folder);
        state.remove_gone(relative, &replaced, &folder)
    }

    /// Removes a folder and those beneath. Returns them all.
    pub fn remove(&self, relative: &[u8]) -> Vec<Box<[u8]>> {
        let mut removed = Vec::new();
        let mut state = self.write();
        state.version += 1;
        state.remove(relative.into(), &mut removed);
        removed
    }

    /// Notes where a link leads; `text` is the path that its text names, if that is inside.
    pub fn insert_link(&self, path: Vec<u8>, text: Option<Vec<u8>>, end: LinkEnd) {
        self.write().links.insert(path, text, end);
    }

    /// Forgets a link that is none any more.
    pub fn remove_link(&self, path: &[u8]) {
        // Most paths never were one.
        if !self.read().links.is_empty() {
            self.write().links.remove(path);
        }
    }

    /// The links that lead to this path, and to what lies beneath it if `beneath`.
    pub fn links_to(&self, path: &[u8], beneath: bool) -> Vec<Vec<u8>> {
        self.read().links.leading_to(path, beneath)
    }

    /// The links that end so, sorted by their paths.
    pub fn links_with(&self, end: &LinkEnd) -> Vec<Vec<u8>> {
        self.read().links.with(end).cloned().collect()
    }

    /// Number of links that end so.
    pub fn count_links(&self, end: &LinkEnd) -> usize {
        self.read().links.with(end).count()
    }

    /// The paths of the files, folder by folder; what a link leads to only where it lies.
    pub fn files(&self) -> impl Iterator<Item = Vec<u8>> {
        let mut folders: Vec<_> = self.folder(b"").map(|folder| (Vec::new(), folder, 0)).into_iter().collect();
        iter::from_fn(move || {
            while let Some((path, folder, next)) = folders.last_mut() {
                let Some(entry) = folder.entries().get(*next).cloned() else {
                    folders.pop();
                    continue;
                };
                *next += 1;
                let path = join(path, &entry.name);
                match entry.kind {
                    EntryKind::File if !entry.is_link => return Some(path),
                    EntryKind::Folder if !entry.is_link => {
                        folders.extend(self.folder(&path).map(|folder| (path, folder, 0)));
                    }
                    _ => {}
                }
            }
            None
        })
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn next_version(&mut self) -> u64 {
        self.version += 1;
        self.version
    }

    /// Removes the folders that were entries before and are none now.
    fn remove_gone(&mut self, relative: &[u8], before: &[FolderEntry], now: &Folder) -> Vec<Box<[u8]>> {
        let mut removed = Vec::new();
        for entry in before.iter().filter(|entry| entry.is_real_folder()) {
            if !now.get(&entry.name).is_some_and(FolderEntry::is_real_folder) {
                self.remove(join(relative, &entry.name).into(), &mut removed);
            }
        }
        removed
    }

    fn remove(&mut self, relative: Box<[u8]>, removed: &mut Vec<Box<[u8]>>) {
        self.links.remove_beneath(&relative);
        let mut left = vec![relative];
        while let Some(path) = left.pop() {
            if let Some(folder) = self.folders.remove(&path) {
                let below = folder.entries().iter().filter(|entry| entry.is_real_folder());
                left.extend(below.map(|entry| join(&path, &entry.name).into_boxed_slice()));
            }
            removed.push(path);
        }
    }
}
