//! Looking up a file: in the kernel's caches, or with a disk permit.

use std::time::Instant;

use crate::http::target::Path;
use crate::serve::pool::{DiskPermit, Worker};
use crate::site::{Found, Lookup, NotFound, NotServed, WouldBlock};

/// Looks up a file, with a disk permit if it needs one. Fails if none is free.
pub(super) fn find_file<C: Send + 'static>(
    path: &Path,
    arrived: Instant,
    worker: &mut Worker<C>,
) -> Result<Found, NotFound> {
    look_up(path, arrived, worker).map_err(NotFound::from)
}

/// The same with the rule that denies the file.
pub(in crate::serve) fn look_up<C: Send + 'static>(
    path: &Path,
    arrived: Instant,
    worker: &mut Worker<C>,
) -> Result<Found, NotServed> {
    let mut needed = worker.disk_permit.as_ref().map(DiskPermit::file_system);
    loop {
        let lookup = match needed {
            Some(file_system) => {
                worker.try_block_on(file_system)?;
                Lookup::MayBlock(file_system)
            }
            None => Lookup::CachedOnly,
        };
        match worker.pool.site.find(path, arrived, lookup) {
            Err(NotServed::WouldBlock(WouldBlock(file_system))) => needed = Some(file_system),
            found => return found,
        }
    }
}
