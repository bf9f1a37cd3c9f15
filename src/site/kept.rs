//! Small files kept in memory, for as long as they are what they were.
//!
//! The file system is asked whether the file has changed since it was read, after every request has begun, so who asks for a
//! new file gets the new one. Requests that had begun before the last time it was asked need not ask again: in a crowd one
//! does for many. To ask takes a third of the time of opening, reading and closing a file, and a sixth of that of a whole
//! request. (What is written by way of shared memory, mmap(2), has no new time for a while, and the same entity tag.)

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{self, IoSliceMut};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use rustix::fs::{AtFlags, FileType, StatxFlags, statx};
use rustix::io::{ReadWriteFlags, preadv2};

use crate::http::Representation;
use crate::limits::{KEPT_FILE_MAX, KEPT_MAX};

/// The files that are kept.
#[derive(Debug)]
pub struct Kept {
    files: RwLock<Files>,
    /// Requests for small files that were not kept.
    missed: AtomicUsize,
    since: Instant,
}

#[derive(Debug, Default)]
struct Files {
    by_path: HashMap<Vec<u8>, Arc<KeptFile>>,
    bytes: usize,
}

/// A file as it was read.
#[derive(Debug)]
pub struct KeptFile {
    pub content: Box<[u8]>,
    pub representation: Representation,
    state: State,
    /// The last time before the file system was asked and said that it is the same, in nanoseconds since [`Kept::since`].
    seen: AtomicU64,
}

/// What changes whenever a file changes: which file it is, how large, and when its content and anything about it changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    device: (u32, u32),
    inode: u64,
    size: u64,
    modified: (i64, u32),
    changed: (i64, u32),
}

/// One of so many requests for a file that is not kept makes it so. What is asked for often gets in soon, and what is asked
/// for once seldom pushes it out.
const ONE_OF: usize = 8;

/// A file that changed less than this ago may change again without a new time, as the clocks of file systems are coarse.
const SETTLED: Duration = Duration::from_secs(2);

impl Kept {
    pub fn new() -> Self {
        Kept { files: RwLock::default(), missed: AtomicUsize::default(), since: Instant::now() }
    }

    /// The file with this path relative to the folder as it was at some time after `begun`, if it is kept.
    pub fn find(&self, folder: impl AsFd, relative: &[u8], begun: Instant) -> Option<Arc<KeptFile>> {
        let kept = Arc::clone(self.files.read().unwrap_or_else(PoisonError::into_inner).by_path.get(relative)?);
        if kept.seen.load(Ordering::Acquire) >= self.nanoseconds(begun) {
            return Some(kept);
        }
        let now = Instant::now();
        // A file system of the network must ask its server, as it does when a file is opened.
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::STATX_FORCE_SYNC;
        let is_same = || State::of(&folder, relative, flags).is_ok_and(|state| state == kept.state);
        if lies_in_folders(&folder, relative) && is_same() {
            kept.seen.fetch_max(self.nanoseconds(now), Ordering::Release);
            return Some(kept);
        }
        self.files.write().unwrap_or_else(PoisonError::into_inner).remove(relative);
        None
    }

    /// Counts from one, so that what was never seen was seen before everything.
    fn nanoseconds(&self, time: Instant) -> u64 {
        let since = time.saturating_duration_since(self.since).as_nanos();
        u64::try_from(since).unwrap_or(u64::MAX - 1) + 1
    }

    /// Keeps a file that was opened, if it is small, has settled, lies in the memory of the system anyway, and it is its
    /// turn.
    pub fn consider(
        &self,
        relative: &[u8],
        file: &File,
        metadata: &Metadata,
        representation: &Representation,
        now: SystemTime,
    ) {
        let size = metadata.len() as usize;
        if size > KEPT_FILE_MAX || !self.missed.fetch_add(1, Ordering::Relaxed).is_multiple_of(ONE_OF) {
            return;
        }
        let Ok(state) = State::of(file, b"", AtFlags::EMPTY_PATH) else { return };
        let settled = now.checked_sub(SETTLED).is_some_and(|then| state.changed_before(then));
        let is_described = state.modified == (metadata.mtime(), metadata.mtime_nsec() as u32);
        if !settled || !is_described || state.size != metadata.len() {
            return;
        }
        let mut content = vec![0; size];
        if size > 0 && !read_whole(file, &mut content).unwrap_or(false) {
            return;
        }
        let kept = KeptFile {
            content: content.into(),
            representation: representation.clone(),
            state,
            seen: AtomicU64::new(0),
        };
        self.files.write().unwrap_or_else(PoisonError::into_inner).add(relative, kept);
    }
}

/// Whether no link leads there by now: a link to where the same file lies, as in a folder that has become confidential, would
/// not show in the state of the file.
fn lies_in_folders(folder: impl AsFd, relative: &[u8]) -> bool {
    let slashes = relative.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    slashes.map(|(slash, _)| &relative[..slash]).all(|above| {
        statx(&folder, above, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::TYPE)
            .is_ok_and(|found| FileType::from_raw_mode(found.stx_mode.into()) == FileType::Directory)
    })
}

/// Whether all of it could be read without waiting for the disk.
fn read_whole(file: &File, content: &mut [u8]) -> io::Result<bool> {
    let wanted = content.len();
    Ok(preadv2(file, &mut [IoSliceMut::new(content)], 0, ReadWriteFlags::NOWAIT)? == wanted)
}

impl Files {
    fn add(&mut self, relative: &[u8], kept: KeptFile) {
        self.remove(relative);
        while self.bytes + cost(relative, &kept) > KEPT_MAX {
            // Any: the order of a map is as good as chance.
            let Some(path) = self.by_path.keys().next().cloned() else { return };
            self.remove(&path);
        }
        self.bytes += cost(relative, &kept);
        self.by_path.insert(relative.to_vec(), Arc::new(kept));
    }

    fn remove(&mut self, relative: &[u8]) {
        if let Some(kept) = self.by_path.remove(relative) {
            self.bytes -= cost(relative, &kept);
        }
    }
}

/// Bytes that a file takes here: many empty ones are not for nothing.
fn cost(relative: &[u8], kept: &KeptFile) -> usize {
    relative.len() + kept.content.len() + size_of::<KeptFile>()
}

impl State {
    fn of(folder: impl AsFd, relative: &[u8], flags: AtFlags) -> io::Result<Self> {
        let wanted = StatxFlags::TYPE | StatxFlags::INO | StatxFlags::SIZE | StatxFlags::MTIME | StatxFlags::CTIME;
        let found = statx(folder, relative, flags, wanted)?;
        Ok(State {
            device: (found.stx_dev_major, found.stx_dev_minor),
            inode: found.stx_ino,
            size: found.stx_size,
            modified: (found.stx_mtime.tv_sec, found.stx_mtime.tv_nsec),
            changed: (found.stx_ctime.tv_sec, found.stx_ctime.tv_nsec),
        })
    }

    fn changed_before(&self, then: SystemTime) -> bool {
        let then = then.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs());
        self.changed.0.max(self.modified.0) < i64::try_from(then).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::http::Validators;

    fn representation(metadata: &Metadata) -> Representation {
        let validators = Validators { size: metadata.len(), modified: metadata.modified().expect("a time") };
        Representation { validators, content_type: "text/plain".into() }
    }

    /// Considers a file often enough for its turn to come, a minute from now.
    fn consider(kept: &Kept, content: &Path, name: &str) {
        let file = File::open(content.join(name)).expect("a file");
        let metadata = file.metadata().expect("it is open");
        let representation = representation(&metadata);
        let later = SystemTime::now() + Duration::from_secs(60);
        for _ in 0..ONE_OF {
            kept.consider(name.as_bytes(), &file, &metadata, &representation, later);
        }
    }

    /// An empty folder; None where its file system cannot tell what is in memory, because nothing is kept there.
    fn folder() -> Option<(tempfile::TempDir, File)> {
        let content = tempfile::tempdir().expect("a temporary folder");
        fs::write(content.path().join("probe"), "x").expect("a file");
        let probe = File::open(content.path().join("probe")).expect("a file");
        if let Err(error) = read_whole(&probe, &mut [0]) {
            eprintln!("nothing to test: the file system of {} cannot tell: {error}", content.path().display());
            return None;
        }
        let folder = File::open(content.path()).expect("a folder");
        Some((content, folder))
    }

    /// What a request finds that begins now.
    fn found(kept: &Kept, folder: &File, name: &str) -> Option<String> {
        found_by(kept, folder, name, Instant::now())
    }

    fn found_by(kept: &Kept, folder: &File, name: &str, begun: Instant) -> Option<String> {
        let file = kept.find(folder, name.as_bytes(), begun)?;
        assert_eq!(file.representation.validators.size, file.content.len() as u64);
        Some(String::from_utf8(file.content.to_vec()).expect("a text"))
    }

    #[test]
    fn a_file_is_kept_until_it_changes_in_any_way() {
        let Some((content, folder)) = folder() else { return };
        let at = |name: &str| content.path().join(name);
        for change in [
            &(|| fs::write(at("a"), "ONE")) as &dyn Fn() -> io::Result<()>,
            &|| fs::write(at("a"), "longer"),
            &|| fs::remove_file(at("a")),
            &|| fs::write(at("b"), "two").and_then(|()| fs::rename(at("b"), at("a"))),
            &|| fs::rename(at("a"), at("c")).and_then(|()| std::os::unix::fs::symlink("c", at("a"))),
        ] {
            let _ = fs::remove_file(at("a"));
            fs::write(at("a"), "one").expect("a file");
            let kept = Kept::new();
            assert_eq!(found(&kept, &folder, "a"), None);
            consider(&kept, content.path(), "a");
            assert_eq!(found(&kept, &folder, "a").as_deref(), Some("one"));
            // Not before the clock of the file system has gone on, or the first change could not be seen.
            let before = fs::metadata(at("a")).expect("a file").modified().expect("a time");
            while fs::write(at("tick"), "").and_then(|()| fs::metadata(at("tick"))?.modified()).expect("a time")
                == before
            {}
            change().expect("it changes");
            assert_eq!(found(&kept, &folder, "a"), None);
            assert_eq!(kept.files.read().expect("no panic").bytes, 0);
        }
    }

    #[test]
    fn one_asks_for_all_that_have_begun_before() {
        let Some((content, folder)) = folder() else { return };
        fs::write(content.path().join("a"), "one").expect("a file");
        let kept = Kept::new();
        consider(&kept, content.path(), "a");
        let begun = Instant::now();
        fs::write(content.path().join("a"), "longer").expect("a file");
        assert_eq!(found_by(&kept, &folder, "a", begun), None, "nobody has asked since");

        consider(&kept, content.path(), "a");
        let begun = Instant::now();
        assert_eq!(found(&kept, &folder, "a").as_deref(), Some("longer"));
        fs::write(content.path().join("a"), "new").expect("a file");
        assert_eq!(found_by(&kept, &folder, "a", begun).as_deref(), Some("longer"), "it was so after they had begun");
        assert_eq!(found(&kept, &folder, "a"), None);
    }

    #[test]
    fn a_file_whose_folder_has_become_a_link_is_not_found() {
        let Some((content, folder)) = folder() else { return };
        let at = |name: &str| content.path().join(name);
        fs::create_dir_all(at("films/old")).expect("a folder");
        fs::write(at("films/old/a"), "one").expect("a file");
        let kept = Kept::new();
        consider(&kept, content.path(), "films/old/a");
        assert_eq!(found(&kept, &folder, "films/old/a").as_deref(), Some("one"));
        fs::rename(at("films"), at("moved")).expect("it is renamed");
        std::os::unix::fs::symlink("moved", at("films")).expect("a link");
        assert_eq!(found(&kept, &folder, "films/old/a"), None);
    }

    #[test]
    fn what_is_kept_is_bounded_and_settled() {
        let Some((content, folder)) = folder() else { return };
        let kept = Kept::new();
        for number in 0..2 * KEPT_MAX / KEPT_FILE_MAX {
            let name = number.to_string();
            fs::write(content.path().join(&name), vec![b'x'; KEPT_FILE_MAX]).expect("a file");
            consider(&kept, content.path(), &name);
            assert!(found(&kept, &folder, &name).is_some());
            assert!(kept.files.read().expect("no panic").bytes <= KEPT_MAX);
        }
        fs::write(content.path().join("large"), vec![b'x'; KEPT_FILE_MAX + 1]).expect("a file");
        consider(&kept, content.path(), "large");
        assert_eq!(found(&kept, &folder, "large"), None);
        let file = File::open(content.path().join("0")).expect("a file");
        let metadata = file.metadata().expect("it is open");
        let kept = Kept::new();
        for _ in 0..ONE_OF {
            kept.consider(b"0", &file, &metadata, &representation(&metadata), SystemTime::now());
        }
        assert_eq!(found(&kept, &folder, "0"), None, "it may change again in the same tick");
    }
}
