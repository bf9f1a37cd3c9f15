//! What is known of the media files, each until it changes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::file_id::FileId;
use crate::limits::DESCRIPTIONS_MAX;
use crate::media::Description;

/// Descriptions by the version of the file that they describe.
#[derive(Debug, Default)]
pub struct Descriptions(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    by_file: HashMap<FileId, Arc<Description>>,
    bytes: usize,
}

impl Descriptions {
    pub fn get(&self, file: &FileId) -> Option<Arc<Description>> {
        self.lock().by_file.get(file).cloned()
    }

    /// Keeps a description; any others make room for it.
    pub fn keep(&self, file: FileId, description: Arc<Description>) {
        let cost = cost(&description);
        let mut state = self.lock();
        state.remove(&file);
        while state.bytes + cost > DESCRIPTIONS_MAX {
            // Any of them: the order of a map is as good as random.
            let Some(other) = state.by_file.keys().next().copied() else { return };
            state.remove(&other);
        }
        state.bytes += cost;
        state.by_file.insert(file, description);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn remove(&mut self, file: &FileId) {
        if let Some(description) = self.by_file.remove(file) {
            self.bytes -= cost(&description);
        }
    }
}

/// Bytes that a description takes.
fn cost(description: &Description) -> usize {
    size_of::<FileId>() + description.memory()
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn they_stay_within_their_bytes() {
        let descriptions = Descriptions::default();
        let id = |inode| FileId { device: 1, inode, size: 0, modified: SystemTime::UNIX_EPOCH };
        let title = Some("a".repeat(DESCRIPTIONS_MAX / 8));
        let description = Arc::new(Description { title, ..Description::default() });
        for inode in 0..20 {
            descriptions.keep(id(inode), Arc::clone(&description));
            assert!(descriptions.get(&id(inode)).is_some());
        }
        assert_eq!((0..20).filter(|inode| descriptions.get(&id(*inode)).is_some()).count(), 7);
        assert!(descriptions.lock().bytes <= DESCRIPTIONS_MAX);
    }
}
