//! The content folder over time: the scan into the index, and mounts that come and go.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::retry_on_intr;

use super::index::Index;
use super::mounts::MOUNTINFO;
use super::root::{Root, Scope};
use super::scan::Scan;
use super::spelling::ConfidentialFolders;
use super::{Shared, Site};

impl Site {
    /// Opens and scans the content folder, and does so again whenever a mount makes it another
    /// folder, until `stop` is readable. Needs a thread of its own, which hangs for as long as the
    /// folder does not answer; no request waits for it.
    pub fn watch(&self, stop: BorrowedFd<'_>) {
        // Opened before the folder, so that no change in between is missed.
        let mountinfo = File::open(MOUNTINFO);
        if let Err(error) = &mountinfo {
            log::warn!("cannot read {MOUNTINFO}: {error}; mounts that come or go are noticed only by a restart");
        }
        let mut complaint = None;
        let mut scanned = false;
        loop {
            match self.0.reopen() {
                Ok(changed) => {
                    if changed || !scanned {
                        self.0.start_scan();
                    }
                    scanned = true;
                    complaint = None;
                }
                Err(error) => {
                    let sentence = format!("cannot open the folder '{}': {error}", self.0.content.display());
                    if complaint.as_ref() != Some(&sentence) {
                        log::warn!("{sentence}");
                    }
                    complaint = Some(sentence);
                }
            }
            let mut waits = vec![PollFd::from_borrowed_fd(stop, PollFlags::IN)];
            if let Ok(mountinfo) = &mountinfo {
                waits.push(PollFd::from_borrowed_fd(mountinfo.as_fd(), PollFlags::PRI | PollFlags::ERR));
            }
            if retry_on_intr(|| poll(&mut waits, None)).is_err() || !waits[0].revents().is_empty() {
                return;
            }
        }
    }
}

impl Shared {
    /// Opens the content folder; tells whether it is another one than before, or has other mounts
    /// inside.
    pub fn reopen(&self) -> io::Result<bool> {
        let root = Root::open(&self.content)?;
        let changed = self.cache.tree().is_none_or(|tree| !tree.root.is_same(&root));
        if changed {
            self.cache.set_root(root);
        }
        Ok(changed)
    }

    /// Scans on a thread of its own. While a scan is under way the next one waits for its end, so
    /// that a folder that hangs holds one thread.
    fn start_scan(self: &Arc<Self>) {
        let mut scan = self.scan();
        scan.is_due = true;
        if scan.is_running {
            return;
        }
        let shared = Arc::clone(self);
        let thread = thread::Builder::new().name("scan".into()).spawn(move || {
            while shared.scan().begin() {
                let start = Instant::now();
                if let Some(index) = shared.scan_once() {
                    let (count, total, seconds) = (index.count(), index.total(), start.elapsed().as_secs_f64());
                    log::info!("indexed {count} files, {total}, in {seconds:.1} s");
                }
            }
        });
        match thread {
            Ok(_) => scan.is_running = true,
            Err(error) => log::warn!("cannot start a thread for the scan of the folder: {error}"),
        }
    }

    /// Scans the folder that is open into the index. None if that failed, or another folder was
    /// opened meanwhile.
    pub fn scan_once(&self) -> Option<Arc<Index>> {
        let tree = self.cache.tree()?;
        // Without them the index could vouch for a name that only they tell to be confidential.
        let confidential = ConfidentialFolders::open(&tree.root, &self.access_rules, Scope::Anywhere, b"");
        let confidential = confidential
            .inspect_err(|error| log::warn!("cannot scan the folder '{}': {error}", self.content.display()))
            .ok()?;
        let index = Arc::new(Index::scan(&self.content, &self.access_rules, &confidential));
        self.cache.set_index(&tree.root, Arc::clone(&index)).then_some(index)
    }

    fn scan(&self) -> MutexGuard<'_, Scan> {
        self.scan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
