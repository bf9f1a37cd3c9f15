//! Watches on folders, by inotify(7).

use std::collections::HashMap;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;

use super::folder::join;

/// The folders that are watched.
#[derive(Debug)]
pub struct Watches {
    inotify: Result<OwnedFd, Errno>,
    table: Mutex<Table>,
    #[cfg(test)]
    pub faults: Faults,
}

/// What happened to a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was deleted, moved away, or its attributes changed.
    Touched,
    /// It was created; a file may still be open for writing.
    Created,
    /// It was moved here, or closed after it had been open for writing.
    Complete,
}

/// What inotify reported.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// Something happened to the name with this path.
    Changed(Vec<u8>, Change),
    /// Events were lost.
    Overflow,
}

#[derive(Debug, Default)]
struct Table {
    by_path: HashMap<Box<[u8]>, i32>,
    /// A folder that is mounted twice has one watch.
    by_watch: HashMap<i32, Vec<Box<[u8]>>>,
}

/// Faults that tests inject.
#[cfg(test)]
#[derive(Debug, Default)]
pub struct Faults {
    /// No watch can be added.
    pub no_watches: std::sync::atomic::AtomicBool,
    /// The events that come next are lost.
    pub overflow: std::sync::atomic::AtomicBool,
}

const MASK: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVE)
    .union(WatchFlags::CLOSE_WRITE)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::EXCL_UNLINK)
    .union(WatchFlags::ONLYDIR);

/// Bytes read at once: some thousand events of the 16,384 that the kernel queues by default.
const BUFFER: usize = 64 * 1024;

impl Watches {
    /// Without an inotify instance every attempt to watch fails, with the reason for that.
    pub fn new() -> Self {
        Watches {
            inotify: inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC),
            table: Mutex::default(),
            #[cfg(test)]
            faults: Faults::default(),
        }
    }

    /// Becomes readable when something happened.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.inotify.as_ref().ok().map(AsFd::as_fd)
    }

    /// Watches an opened folder with this path. Fails with ENOSPC at the limit of the system.
    pub fn add(&self, folder: &OwnedFd, relative: &[u8]) -> rustix::io::Result<()> {
        let inotify = self.inotify.as_ref().map_err(|error| *error)?;
        #[cfg(test)]
        if self.faults.no_watches.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(Errno::NOSPC);
        }
        // Held, so that no event comes for a watch that is not in the table yet.
        let mut table = self.table();
        let watch = inotify::add_watch(inotify, format!("/proc/self/fd/{}", folder.as_raw_fd()), MASK)?;
        if let Some(other) = table.by_path.insert(relative.into(), watch).filter(|other| *other != watch) {
            self.release(&mut table, other, relative);
        }
        let paths = table.by_watch.entry(watch).or_default();
        if !paths.iter().any(|path| **path == *relative) {
            paths.push(relative.into());
        }
        Ok(())
    }

    /// Watches these folders no longer.
    pub fn remove(&self, folders: &[Box<[u8]>]) {
        let mut table = self.table();
        for path in folders {
            if let Some(watch) = table.by_path.remove(path) {
                self.release(&mut table, watch, path);
            }
        }
    }

    fn release(&self, table: &mut Table, watch: i32, path: &[u8]) {
        let Some(paths) = table.by_watch.get_mut(&watch) else { return };
        paths.retain(|other| **other != *path);
        if paths.is_empty() {
            table.by_watch.remove(&watch);
            // It fails where the folder is gone, and its watch with it.
            let _ = self.inotify.as_ref().map(|inotify| inotify::remove_watch(inotify, watch));
        }
    }

    /// The events until now.
    pub fn read(&self) -> Vec<Event> {
        let mut events = Vec::new();
        let Ok(inotify) = &self.inotify else { return events };
        let mut buffer = [MaybeUninit::uninit(); BUFFER];
        let mut reader = Reader::new(inotify, &mut buffer);
        while let Ok(event) = reader.next() {
            let name = event.file_name().map(|name| name.to_bytes()).unwrap_or_default();
            self.table().add_events(event.wd(), event.events(), name, &mut events);
        }
        #[cfg(test)]
        if !events.is_empty() && self.faults.overflow.load(std::sync::atomic::Ordering::Relaxed) {
            events.clear();
            self.table().add_events(-1, ReadFlags::QUEUE_OVERFLOW, b"", &mut events);
        }
        events
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn add_events(&mut self, watch: i32, flags: ReadFlags, name: &[u8], events: &mut Vec<Event>) {
        if flags.contains(ReadFlags::QUEUE_OVERFLOW) {
            events.push(Event::Overflow);
        }
        if flags.contains(ReadFlags::IGNORED) {
            for path in self.by_watch.remove(&watch).into_iter().flatten() {
                self.by_path.remove(&path);
            }
        }
        if name.is_empty() {
            return;
        }
        let change = if flags.intersects(ReadFlags::CLOSE_WRITE | ReadFlags::MOVED_TO) {
            Change::Complete
        } else if flags.contains(ReadFlags::CREATE) {
            Change::Created
        } else {
            Change::Touched
        };
        let paths = self.by_watch.get(&watch).into_iter().flatten();
        events.extend(paths.map(|folder| Event::Changed(join(folder, name), change)));
    }
}
