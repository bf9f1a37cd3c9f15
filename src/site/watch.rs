//! The content folder over time: scans into the index, changes of what it holds, and mounts that
//! come and go.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;

use super::file_cache::Tree;
use super::file_system::Kind;
use super::mounts::MOUNTINFO;
use super::root::Root;
use super::watches::{Event, Watches};
use super::{Shared, Site};

/// How often the path of the content folder is looked up. Any folder or link on it may be replaced,
/// so there is no one folder to watch for that.
const LOOK_UP_INTERVAL: Duration = Duration::from_secs(1);

/// The same while scans run or files are held, which may need the next look soon.
const BUSY_INTERVAL: Duration = Duration::from_millis(250);

/// Events are gathered until none has come for this long.
const QUIET: Duration = Duration::from_millis(20);

/// Events are gathered for this long at most.
const GATHER_MAX: Duration = Duration::from_millis(500);

impl Site {
    /// Opens, scans and watches the content folder, and opens it again whenever its path leads to
    /// another folder or a mount comes or goes, until `stop` is readable. Needs a thread of its
    /// own, which hangs for as long as the folder does not answer; no request waits for it.
    pub fn watch(&self, stop: BorrowedFd<'_>) {
        // Opened before the folder, so that no change in between is missed.
        let mountinfo = File::open(MOUNTINFO);
        if let Err(error) = &mountinfo {
            log::warn!("cannot read {MOUNTINFO}: {error}; mounts that come or go are noticed only by a restart");
        }
        let mut complaint = None;
        let mut watched: Option<Arc<Tree>> = None;
        let mut is_to_open = true;
        let mut looked_up_at = Instant::now();
        loop {
            if is_to_open {
                complaint = self.0.reopen().err().map(|error| self.0.complain(&error, complaint));
            }
            let tree = self.0.cache.tree();
            if let Some(tree) = tree.filter(|tree| !watched.as_ref().is_some_and(|watched| Arc::ptr_eq(watched, tree)))
            {
                tree.watches.get_or_init(Watches::new);
                self.0.scans().restart(tree.root.mounts.points());
                watched = Some(tree);
            }
            self.0.start_due_scans();
            let interval = if self.0.scans().is_busy() { BUSY_INTERVAL } else { LOOK_UP_INTERVAL };
            let watches = watched.as_ref().and_then(|tree| tree.watches.get());
            let inotify = watches.and_then(Watches::descriptor);
            let mut waits = vec![PollFd::from_borrowed_fd(stop, PollFlags::IN)];
            if let Ok(mountinfo) = &mountinfo {
                waits.push(PollFd::from_borrowed_fd(mountinfo.as_fd(), PollFlags::PRI | PollFlags::ERR));
            }
            waits.extend(inotify.map(|inotify| PollFd::from_borrowed_fd(inotify, PollFlags::IN)));
            if !wait(&mut waits, interval) || !waits[0].revents().is_empty() {
                return;
            }
            is_to_open = mountinfo.is_ok() && !waits[1].revents().is_empty();
            if let Some(tree) = &watched {
                self.0.gather(tree, stop);
            }
            if looked_up_at.elapsed() >= LOOK_UP_INTERVAL {
                looked_up_at = Instant::now();
                is_to_open |= watched.as_ref().is_none_or(|tree| self.0.has_moved(tree));
            }
        }
    }
}

/// Waits for any of these for that long. False if that is impossible.
fn wait(waits: &mut [PollFd<'_>], time: Duration) -> bool {
    let time = Timespec::try_from(time).ok();
    retry_on_intr(|| poll(waits, time.as_ref())).is_ok()
}

impl Shared {
    /// Opens the content folder, and serves it if it is another one than before or has other
    /// mounts inside.
    pub fn reopen(&self) -> io::Result<()> {
        let root = Root::open(&self.content)?;
        if self.cache.tree().is_none_or(|tree| !tree.root.is_same(&root)) {
            self.cache.set_root(root);
        }
        Ok(())
    }

    /// Says that the content folder cannot be opened, unless that was said before.
    fn complain(&self, error: &io::Error, before: Option<String>) -> String {
        let sentence = format!("cannot open the folder '{}': {error}", self.content.display());
        if before.as_ref() != Some(&sentence) {
            log::warn!("{sentence}");
        }
        sentence
    }

    /// Whether the path of the content folder leads elsewhere by now. A remote file system, which
    /// may hang, is asked by its scan instead.
    fn has_moved(&self, tree: &Tree) -> bool {
        tree.root.file_system().kind != Kind::Remote && !tree.root.is_at(&self.content)
    }

    /// Opens the content folder of a remote file system again if its path leads elsewhere by now.
    pub(super) fn reopen_if_moved(&self) {
        let is_asked_here = |tree: &Arc<Tree>| tree.root.file_system().kind == Kind::Remote;
        if self.cache.tree().filter(is_asked_here).is_some_and(|tree| !tree.root.is_at(&self.content))
            && let Err(error) = self.reopen()
        {
            log::warn!("cannot open the folder '{}': {error}", self.content.display());
        }
    }

    /// Hands inotify events to the scans until none has come for [`QUIET`].
    fn gather(&self, tree: &Tree, stop: BorrowedFd<'_>) {
        let Some(watches) = tree.watches.get() else { return };
        let Some(inotify) = watches.descriptor() else { return };
        let begun = Instant::now();
        loop {
            let events = watches.read();
            if events.is_empty() {
                return;
            }
            let mut scans = self.scans();
            for event in events {
                match event {
                    Event::Changed(path, change) => scans.add(tree.root.mounts.point_of(&path), path, change),
                    Event::Overflow => scans.demand_all(),
                }
            }
            drop(scans);
            if begun.elapsed() > GATHER_MAX {
                return;
            }
            let mut waits = [stop, inotify].map(|descriptor| PollFd::from_borrowed_fd(descriptor, PollFlags::IN));
            if !wait(&mut waits, QUIET) || !waits[0].revents().is_empty() {
                return;
            }
        }
    }
}
