//! The views of files that are under way or may be asked for again.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::validation::Version;
use crate::limits::VIEWS_MAX;
use crate::media::view::Changes;
use crate::piece::Piece;

/// A view of one version of a file.
#[derive(Debug)]
pub struct FileView {
    pub version: Version,
    pub pieces: Vec<Piece>,
    _memory: Option<Memory>,
}

/// Views by what they are of, and the memory of all that exist.
#[derive(Debug, Default)]
pub struct Views {
    by_file: Mutex<HashMap<(Version, Changes), Arc<FileView>>>,
    taken: Arc<AtomicUsize>,
}

/// Bytes that count until they are dropped.
#[derive(Debug)]
struct Memory {
    bytes: usize,
    taken: Arc<AtomicUsize>,
}

impl FileView {
    /// These bytes of a file.
    pub fn part(version: Version, bytes: Range<u64>) -> Self {
        FileView { version, pieces: vec![Piece::File(bytes)], _memory: None }
    }

    /// Whether it is the file itself.
    pub fn is_the_file(&self) -> bool {
        Piece::are_the_file(&self.pieces, self.version.size)
    }

    /// Size in bytes.
    pub fn size(&self) -> u64 {
        self.pieces.iter().map(Piece::length).sum()
    }
}

impl Views {
    pub fn get(&self, version: Version, changes: Changes) -> Option<Arc<FileView>> {
        self.lock().get(&(version, changes)).cloned()
    }

    /// Makes a view of these pieces, and keeps it if the file has settled; views that nothing uses
    /// make room for it. None if those in use take too much.
    pub fn add(
        &self,
        version: Version,
        changes: Changes,
        pieces: Vec<Piece>,
        now: SystemTime,
    ) -> Option<Arc<FileView>> {
        let mut by_file = self.lock();
        let bytes = memory(&pieces);
        while self.taken.load(Ordering::SeqCst) + bytes > VIEWS_MAX {
            // Any of them: the order of a map is as good as random.
            let unused = by_file.iter().find(|(_, view)| Arc::strong_count(view) == 1).map(|(key, _)| *key)?;
            by_file.remove(&unused);
        }
        self.taken.fetch_add(bytes, Ordering::SeqCst);
        let view = FileView { version, pieces, _memory: Some(Memory { bytes, taken: Arc::clone(&self.taken) }) };
        let view = Arc::new(view);
        if version.has_settled(now) {
            by_file.insert((version, changes), Arc::clone(&view));
        }
        Some(view)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(Version, Changes), Arc<FileView>>> {
        self.by_file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.taken.fetch_sub(self.bytes, Ordering::SeqCst);
    }
}

/// Bytes that a view of these pieces takes, with its place among the others.
fn memory(pieces: &[Piece]) -> usize {
    // Several pieces may share their memory.
    let shared = pieces.iter().filter_map(|piece| match piece {
        Piece::Memory(memory, _) => Some((Arc::as_ptr(memory), memory.len())),
        Piece::File(_) => None,
    });
    let in_memory: usize = shared.collect::<BTreeSet<_>>().iter().map(|(_, length)| length).sum();
    in_memory + size_of_val(pieces) + size_of::<FileView>() + size_of::<(Version, Changes)>()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn version(size: u64) -> Version {
        let file = tempfile::tempfile().expect("a file");
        file.set_len(size).and_then(|()| file.set_modified(SystemTime::UNIX_EPOCH)).expect("a size and a time");
        Version::of(&file).expect("it is open")
    }

    #[test]
    fn views_that_nothing_uses_make_room_for_others() {
        let views = Views::default();
        let large = || vec![Piece::from(vec![0; VIEWS_MAX / 4])];
        let (version, later) = (version(1), SystemTime::now() + Duration::from_secs(9));
        let add = |audio| views.add(version, Changes { audio: Some(audio), faststart: false }, large(), later);
        let used: Vec<_> = (1..=3).map(|track| add(track).expect("there is room")).collect();
        assert!(add(4).is_none(), "the three and what they take beside their bytes leave no room");
        drop(used);
        assert!((4..=9).all(|track| add(track).is_some()));
        assert!(views.get(version, Changes { audio: Some(9), faststart: false }).is_some());
        assert!(views.taken.load(Ordering::SeqCst) <= VIEWS_MAX);
        drop(views.lock().drain());
        assert_eq!(views.taken.load(Ordering::SeqCst), 0, "all have been given back");
    }

    #[test]
    fn a_view_without_a_change_is_the_file() {
        let views = Views::default();
        let (version, changes) = (version(5), Changes { audio: None, faststart: true });
        let is_the_file =
            |pieces| views.add(version, changes, pieces, SystemTime::now()).expect("there is room").is_the_file();
        assert!(is_the_file(vec![Piece::File(0..5)]));
        assert!(!is_the_file(vec![Piece::File(1..5)]));
        assert!(!is_the_file(vec![Piece::File(0..3), Piece::from(vec![0; 2])]));
    }
}
