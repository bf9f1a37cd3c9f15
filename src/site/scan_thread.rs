//! The threads that scan, one for each mount that has something to scan.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::Shared;
use super::file_cache::Tree;
use super::file_system::Kind;
use super::links::LinkEnd;
use super::pass::{LeftOut, Pass};
use super::read_folder::FolderReader;
use super::scan::{Held, Scans, Work};
use super::watches::Change;

/// Time between two scans of a mount that is not watched, and after which a scan is slow. Tests
/// have less of it.
const RESCAN_INTERVAL: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 60 });

impl Shared {
    pub(super) fn scans(&self) -> MutexGuard<'_, Scans> {
        self.scans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a thread for each mount with something to scan. While that runs, more waits for its
    /// end, so that a mount that hangs holds one thread.
    pub(super) fn start_due_scans(self: &Arc<Self>) {
        let now = Instant::now();
        for point in self.scans().take_slow(now, RESCAN_INTERVAL) {
            let (folder, seconds) = (self.name_of(&point), RESCAN_INTERVAL.as_secs());
            log::warn!("the scan of the folder '{folder}' takes more than {seconds} s; it lists what was read so far");
        }
        let due = self.scans().take_due(now);
        for point in due {
            let (shared, its_point) = (Arc::clone(self), point.clone());
            let next = move |left_out: Vec<LeftOut>| {
                for LeftOut { path, error } in left_out {
                    log::warn!("left out of the index: '{}': {error}", shared.name_of(&path));
                }
                shared.start_due_scans();
            };
            let scanned = Arc::clone(self);
            let scan = move || scanned.scan_mount(&its_point, next);
            if let Err(error) = thread::Builder::new().name("scan".into()).spawn(scan) {
                log::warn!("cannot start a thread for the scan of the folder: {error}");
                if let Some(scan) = self.scans().get_mut(&point) {
                    scan.give_up();
                }
            }
        }
    }

    /// Scans the content folder with all mounts inside before it returns. Returns what cannot be
    /// read.
    pub(super) fn scan_now(&self) -> Vec<LeftOut> {
        if let Some(tree) = self.cache.tree() {
            self.scans().restart(tree.root.mounts.points());
        }
        let mut all_left_out = Vec::new();
        loop {
            let due = self.scans().take_due(Instant::now());
            if due.is_empty() {
                return all_left_out;
            }
            due.iter().for_each(|point| self.scan_mount(point, |left_out| all_left_out.extend(left_out)));
        }
    }

    /// Does what is due for a mount, and after each pass calls `next` with what it left out: the
    /// pass may have made something due elsewhere.
    fn scan_mount(&self, point: &[u8], mut next: impl FnMut(Vec<LeftOut>)) {
        let begin = || self.scans().begin(point);
        while let Some(Work { changes, held }) = begin() {
            let is_whole = changes.is_none();
            if is_whole && point.is_empty() {
                // A remote file system may hang, so it is asked here.
                self.reopen_if_moved();
            }
            let Some(tree) = self.cache.tree() else { continue };
            let (watch_error, left_out) = self.pass(&tree, point, Work { changes, held });
            let kind = tree.root.file_system_of(point).kind;
            if tree.watches.get().is_some() {
                self.repeat(point, kind, watch_error, is_whole);
            }
            next(left_out);
        }
    }

    /// Returns why a folder could not be watched, and what could not be read.
    fn pass(&self, tree: &Tree, point: &[u8], Work { changes, held }: Work) -> (Option<Errno>, Vec<LeftOut>) {
        let start = Instant::now();
        let reader = match FolderReader::new(&tree.root, &self.access_rules, point) {
            Ok(reader) => reader,
            Err(error) => return (None, vec![LeftOut { path: point.to_vec(), error }]),
        };
        let is_first = tree.index.folder(point).is_none();
        let mut pass = Pass::new(tree, reader, point, held, !is_first);
        let is_whole = changes.is_none();
        match changes {
            None => pass.scan(),
            Some(changes) => pass.apply(changes),
        }
        let Pass { held, elsewhere, watch_error, left_out, .. } = pass;
        if is_whole && is_first {
            self.report_size(tree, point, start);
        }
        if is_whole {
            self.scans().last_whole = Some(Instant::now());
            self.report_links(tree);
        }
        self.hand_over(point, held, elsewhere);
        (watch_error, left_out)
    }

    fn hand_over(&self, point: &[u8], held: Held, elsewhere: Vec<(Vec<u8>, Vec<u8>)>) {
        let mut scans = self.scans();
        if let Some(scan) = scans.get_mut(point) {
            scan.end(held);
        }
        for (point, path) in elsewhere {
            scans.add(&point, path, Change::Touched);
        }
    }

    /// Sets the time of the next scan of a mount that is not watched, and reports once why.
    fn repeat(&self, point: &[u8], kind: Kind, error: Option<Errno>, is_whole: bool) {
        let mut scans = self.scans();
        let Some(scan) = scans.get_mut(point) else { return };
        let reason = match (kind, error) {
            (Kind::Remote, _) => "a network or FUSE file system does not tell of changes made elsewhere".to_string(),
            (_, Some(Errno::NOSPC)) => {
                "the limit of watches is reached; raise fs.inotify.max_user_watches with sysctl(8)".to_string()
            }
            (_, Some(Errno::MFILE)) => {
                "the limit of inotify instances is reached; raise fs.inotify.max_user_instances with sysctl(8)".into()
            }
            (_, Some(error)) => error.to_string(),
            (_, None) => return,
        };
        if is_whole || scan.repeat_at.is_none() {
            scan.repeat_at = Some(Instant::now() + RESCAN_INTERVAL);
        }
        if !std::mem::replace(&mut scan.is_reported, true) {
            let folder = self.name_of(point);
            log::warn!("changes in the folder '{folder}' show after up to {} s: {reason}", RESCAN_INTERVAL.as_secs());
        }
    }

    fn report_size(&self, tree: &Tree, point: &[u8], start: Instant) {
        let (count, total) = tree.index.total(|folder| tree.root.mounts.point_of(folder) == point);
        let seconds = start.elapsed().as_secs_f64();
        let mount = if point.is_empty() { String::new() } else { format!(" in '{}'", self.name_of(point)) };
        log::info!("indexed {count} files, {total}{mount}, in {seconds:.1} s");
    }

    /// Reports how many links are not served, if the counts have changed since the last report.
    fn report_links(&self, tree: &Tree) {
        let counts = [LinkEnd::Out, LinkEnd::Nowhere].map(|end| tree.index.count_links(&end));
        let before = std::mem::replace(&mut self.scans().reported_links, counts);
        for ((count, before), place) in counts.into_iter().zip(before).zip(["out of the folder", "nowhere"]) {
            if count != before && count > 0 {
                log::warn!("{}", unserved(count, place));
            }
        }
    }

    fn name_of(&self, point: &[u8]) -> String {
        let folder = if point.is_empty() { self.content.clone() } else { self.content.join(OsStr::from_bytes(point)) };
        folder.display().to_string()
    }
}

fn unserved(count: usize, place: &str) -> String {
    match count {
        1 => format!("1 link leads {place} and is not served"),
        count => format!("{count} links lead {place} and are not served"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_counted_in_plain_english() {
        assert_eq!(unserved(1, "nowhere"), "1 link leads nowhere and is not served");
        assert_eq!(unserved(12, "out of the folder"), "12 links lead out of the folder and are not served");
    }
}
