//! What is due to be read again: whole mounts, or names that have changed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::watches::Change;
use crate::limits::CHANGES_MAX;

/// The scans of the mounts in the content folder, by their mount points; empty for that of the
/// folder itself. A mount that hangs holds up no other.
#[derive(Debug, Default)]
pub struct Scans {
    by_point: BTreeMap<Vec<u8>, Scan>,
    /// The links that lead out and those that lead nowhere, as last reported.
    pub reported_links: [usize; 2],
    /// When a scan of a whole mount last ended.
    pub last_whole: Option<Instant>,
}

/// The scan of one mount.
#[derive(Debug, Default)]
pub struct Scan {
    /// When its thread began with what it does now, if there is one.
    running_since: Option<Instant>,
    /// Whether it was reported that this takes long.
    is_reported_slow: bool,
    /// Whether the whole mount is to be scanned.
    is_due: bool,
    changes: ChangedNames,
    held: Held,
    /// When the mount is to be scanned again, if not all of it is watched.
    pub repeat_at: Option<Instant>,
    /// Whether it was reported that not all of it is watched.
    pub is_reported: bool,
}

/// Names by their paths.
pub type ChangedNames = BTreeMap<Vec<u8>, Change>;

/// Files that are not shown yet, as they may still be written to.
pub type Held = BTreeMap<Vec<u8>, HeldFile>;

#[derive(Clone, Copy, Debug)]
pub struct HeldFile {
    /// It is shown when it has not changed for this long.
    pub quiet: Duration,
    pub look_again_at: Instant,
}

/// What a pass over a mount has to do.
#[derive(Debug)]
pub struct Work {
    /// The names that have changed; None to scan the whole mount.
    pub changes: Option<ChangedNames>,
    pub held: Held,
}

impl Scans {
    /// Makes the scan of every mount due, of another content folder or with other mounts inside.
    pub fn restart<'a>(&mut self, points: impl Iterator<Item = &'a [u8]>) {
        let mut before = std::mem::take(self);
        for point in points.chain([&b""[..]]) {
            let Scan { running_since, is_reported_slow, is_reported, .. } =
                before.by_point.remove(point).unwrap_or_default();
            let scan = Scan { running_since, is_reported_slow, is_reported, ..Scan::default() };
            self.by_point.insert(point.to_vec(), scan);
        }
        // A thread that hangs is still the only one for its mount point if that comes back.
        self.by_point.extend(before.by_point.into_iter().filter(|(_, scan)| scan.is_running()));
        self.demand_all();
    }

    /// Makes the scan of every mount due.
    pub fn demand_all(&mut self) {
        self.by_point.values_mut().for_each(Scan::demand);
    }

    /// Makes a look at a name due. The mount point is that of the mount that may block it.
    pub fn add(&mut self, point: &[u8], path: Vec<u8>, change: Change) {
        if let Some(scan) = self.by_point.get_mut(point) {
            scan.add(path, change);
        }
    }

    /// Makes due what has waited for this time, and takes each mount that needs a thread.
    pub fn take_due(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let mut due = Vec::new();
        for (point, scan) in &mut self.by_point {
            scan.tick(now);
            if !scan.is_running() && scan.has_work() {
                scan.running_since = Some(now);
                due.push(point.clone());
            }
        }
        due
    }

    /// The mounts on which a scan has run for longer than this, each scan once.
    pub fn take_slow(&mut self, now: Instant, limit: Duration) -> Vec<Vec<u8>> {
        let is_slow = |scan: &Scan| scan.running_since.is_some_and(|since| now.duration_since(since) > limit);
        let slow = self.by_point.iter_mut().filter(|(_, scan)| is_slow(scan) && !scan.is_reported_slow);
        slow.map(|(point, scan)| {
            scan.is_reported_slow = true;
            point.clone()
        })
        .collect()
    }

    /// Takes the next work of a mount; None if its thread is to end.
    pub fn begin(&mut self, point: &[u8]) -> Option<Work> {
        self.by_point.get_mut(point)?.begin()
    }

    pub fn get_mut(&mut self, point: &[u8]) -> Option<&mut Scan> {
        self.by_point.get_mut(point)
    }

    /// Whether a scan is running or files are held.
    pub fn is_busy(&self) -> bool {
        self.by_point.values().any(|scan| scan.is_running() || !scan.held.is_empty())
    }
}

impl Scan {
    fn demand(&mut self) {
        self.is_due = true;
        self.repeat_at = None;
    }

    fn add(&mut self, path: Vec<u8>, change: Change) {
        let known = self.changes.entry(path).or_insert(change);
        if change != Change::Touched {
            *known = change;
        }
        if self.changes.len() > CHANGES_MAX {
            self.changes.clear();
            self.demand();
        }
    }

    fn tick(&mut self, now: Instant) {
        if self.repeat_at.is_some_and(|time| time <= now) {
            self.demand();
        }
        let due = self.held.iter().filter(|(_, held)| held.look_again_at <= now);
        for path in due.map(|(path, _)| path.clone()).collect::<Vec<_>>() {
            self.add(path, Change::Touched);
        }
    }

    fn is_running(&self) -> bool {
        self.running_since.is_some()
    }

    fn has_work(&self) -> bool {
        self.is_due || !self.changes.is_empty()
    }

    fn begin(&mut self) -> Option<Work> {
        self.running_since = self.has_work().then(Instant::now);
        self.is_reported_slow = false;
        self.running_since?;
        // The changes come after the scan, as only they tell that a file is complete.
        let changes = if std::mem::take(&mut self.is_due) { None } else { Some(std::mem::take(&mut self.changes)) };
        Some(Work { changes, held: std::mem::take(&mut self.held) })
    }

    /// Takes back what is held.
    pub fn end(&mut self, held: Held) {
        self.held = held;
    }

    /// Ends without its thread.
    pub fn give_up(&mut self) {
        self.running_since = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    fn scans() -> Scans {
        let mut scans = Scans::default();
        scans.restart([&b"slow"[..]].into_iter());
        scans
    }

    #[test]
    fn a_mount_that_hangs_holds_one_thread_and_holds_up_no_other() {
        let mut scans = scans();
        let now = Instant::now();
        assert_eq!(scans.take_due(now), [b"".to_vec(), b"slow".to_vec()]);
        for point in [&b""[..], b"slow"] {
            assert!(scans.begin(point).is_some_and(|work| work.changes.is_none()));
        }
        assert!(scans.begin(b"").is_none(), "it has done all");
        scans.add(b"", b"a".to_vec(), Change::Touched);
        scans.add(b"slow", b"slow/a".to_vec(), Change::Touched);
        assert_eq!(scans.take_due(now), [b""]);
        // Also when the mounts have changed meanwhile, and again.
        for points in [vec![], vec![&b"slow"[..]]] {
            scans.restart(points.into_iter());
            assert!(!scans.take_due(now).contains(&b"slow".to_vec()));
        }
        let later = Instant::now() + LIMIT * 2;
        assert!(scans.take_slow(later, LIMIT).contains(&b"slow".to_vec()));
        assert!(scans.take_slow(later, LIMIT).is_empty(), "it is said once");
    }

    #[test]
    fn what_changes_before_or_during_a_scan_is_looked_at_after_it() {
        let mut scans = scans();
        scans.take_due(Instant::now());
        for change in [Change::Created, Change::Complete] {
            scans.add(b"", b"a".to_vec(), change);
        }
        assert!(scans.begin(b"").is_some_and(|work| work.changes.is_none()));
        scans.add(b"", b"a".to_vec(), Change::Touched);
        let changes = scans.begin(b"").and_then(|work| work.changes);
        assert_eq!(changes, Some(ChangedNames::from([(b"a".to_vec(), Change::Complete)])));
    }

    #[test]
    fn more_changes_than_the_limit_become_a_scan() {
        let mut scans = scans();
        scans.take_due(Instant::now());
        while scans.begin(b"").is_some() {}
        for number in 0..=CHANGES_MAX {
            scans.add(b"", number.to_string().into_bytes(), Change::Touched);
        }
        assert!(scans.begin(b"").is_some_and(|work| work.changes.is_none()));
        assert!(scans.begin(b"").is_none());
    }
}
