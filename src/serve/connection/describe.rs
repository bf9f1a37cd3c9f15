//! Describing the media files that a page shows, before it is made.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use super::file_read::Opened;
use super::lookup::find_file;
use crate::http::Validators;
use crate::http::target::Path;
use crate::limits::DESCRIBED_BESIDE_OTHERS;
use crate::media::{self, Description};
use crate::pages::FolderPage;
use crate::serve::pool::Worker;
use crate::site::{FileId, FolderEntry, Found, NotFound, WouldBlock};

/// Describes the files that a page of this folder shows, as far as its time and the disk permits
/// go, and returns how many are left. The page does not wait for a permit: its names are known, and
/// the disk may hang.
pub(super) fn describe_shown<C: Send + 'static>(
    page: &FolderPage,
    folder: &Path,
    arrived: Instant,
    worker: &mut Worker<C>,
) -> usize {
    let pool = worker.pool;
    let unknown: Vec<_> =
        page.shown_files().filter(|entry| pool.site.description(&entry.file_id()).is_none()).collect();
    let mut slot = None;
    if unknown.len() > DESCRIBED_BESIDE_OTHERS {
        slot = pool.describing.try_take(1);
        if slot.is_none() {
            return unknown.len();
        }
    }
    let until = Instant::now() + page.time_to_describe();
    for (described, entry) in unknown.iter().enumerate() {
        if Instant::now() > until || describe_entry(entry, folder, arrived, worker).is_err() {
            return unknown.len() - described;
        }
    }
    drop(slot);
    0
}

fn describe_entry<C: Send + 'static>(
    entry: &FolderEntry,
    folder: &Path,
    arrived: Instant,
    worker: &mut Worker<C>,
) -> Result<(), WouldBlock> {
    match find_file(&folder.entry(&entry.name), arrived, worker) {
        Ok(Found::File(file)) => {
            let opened = Opened::new(file.content, worker.pool);
            describe(&opened, &file.representation.validators, entry, worker)
        }
        Err(NotFound::WouldBlock(would_block)) => Err(would_block),
        // The folder has changed since it was read.
        Ok(Found::Folder) | Err(NotFound::Refused(_)) => Ok(()),
    }
}

/// Describes the file of an entry unless it is described, or is another than the entry says. A file
/// that cannot be read is tried again with the next page.
pub(super) fn describe<C: Send + 'static>(
    file: &Opened<C>,
    validators: &Validators,
    entry: &FolderEntry,
    worker: &mut Worker<C>,
) -> Result<(), WouldBlock> {
    let id = entry.file_id();
    if *validators != (Validators::File { size: id.size, modified: id.modified }) {
        return Ok(());
    }
    if let Err(error) = description(file, id.size, Some(id), worker)? {
        log::debug!("cannot describe {:?}: {error}", String::from_utf8_lossy(&entry.name));
    }
    Ok(())
}

/// The description of a file of this many bytes, which is kept if its id is known.
pub(super) fn description<C: Send + 'static>(
    file: &Opened<C>,
    size: u64,
    id: Option<FileId>,
    worker: &mut Worker<C>,
) -> Result<io::Result<Arc<Description>>, WouldBlock> {
    let site = &worker.pool.site;
    if let Some(known) = id.and_then(|id| site.description(&id)) {
        return Ok(Ok(known));
    }
    Ok(file.with_source(size, worker, media::describe)?.map(|description| {
        let description = Arc::new(description);
        if let Some(id) = id {
            site.keep_description(id, Arc::clone(&description));
        }
        description
    }))
}
