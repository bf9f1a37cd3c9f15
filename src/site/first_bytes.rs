//! The first bytes of a file, for those whose names tell no type.

use std::fs::File;
use std::os::unix::fs::FileExt;

use super::file_cache::read_cached;
use super::file_system::{FileSystem, Kind};
use super::root::Lookup;

/// Bytes that are read: enough for two packets of a transport stream, and always one page.
const FIRST: usize = 512;

/// Reads them; none of a file that cannot be read. Fails with the file system if its permit is
/// needed.
pub fn read(file: &File, file_system: FileSystem, lookup: Lookup) -> Result<Vec<u8>, FileSystem> {
    let mut bytes = vec![0; FIRST];
    let cached = if file_system.kind == Kind::Local { read_cached(file, &mut bytes).ok() } else { None };
    let count = match cached {
        Some(count) => count,
        None if lookup == Lookup::CachedOnly && file_system.kind != Kind::Memory => return Err(file_system),
        None => file.read_at(&mut bytes, 0).unwrap_or(0),
    };
    bytes.truncate(count);
    Ok(bytes)
}
