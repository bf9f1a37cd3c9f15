//! Reading a file: from the page cache, or with a disk permit.

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use rustix::fs::{CWD, readlinkat};
use rustix::io::{Errno, ReadWriteFlags, preadv2};

use crate::media::source::Source;
use crate::serve::pool::{ContentFile, Pool, Worker};
use crate::site::{Content, FileView, Kind, WouldBlock};

/// The path of an open file for log messages, from proc(5).
pub(in crate::serve) fn name_of(file: &File) -> String {
    let link = readlinkat(CWD, format!("/proc/self/fd/{}", file.as_raw_fd()), Vec::new());
    link.map_or("a file".into(), |path| format!("'{}'", path.to_string_lossy()))
}

/// Bytes between the samples of [`is_cached`]. Asking for every page would cost as much as copying
/// it.
const SAMPLE_DISTANCE: usize = 32 * 1024;

/// Whether samples of these bytes are in the page cache; the kernel reads ahead and evicts in
/// longer stretches.
pub(in crate::serve) fn is_cached<C: Send + 'static>(file: &File, bytes: Range<u64>, pool: &Pool<C>) -> bool {
    let samples = bytes.clone().step_by(SAMPLE_DISTANCE).chain([bytes.end - 1]);
    samples.into_iter().all(|position| read_cached(file, &mut [0], position, pool) == Ok(1))
}

/// Reads from the page cache only (preadv2(2), RWF_NOWAIT).
#[cfg_attr(not(test), expect(unused_variables, reason = "tests make it seem that nothing is cached"))]
fn read_cached<C: Send + 'static>(
    file: &File,
    buffer: &mut [u8],
    position: u64,
    pool: &Pool<C>,
) -> Result<usize, Errno> {
    #[cfg(test)]
    if pool.is_cold() {
        return Err(Errno::AGAIN);
    }
    preadv2(file, &mut [IoSliceMut::new(buffer)], position, ReadWriteFlags::NOWAIT)
}

/// Reads cached bytes directly and others with a disk permit.
pub(in crate::serve) fn read_at<C: Send + 'static>(
    file: &ContentFile<C>,
    buffer: &mut [u8],
    position: u64,
    worker: &mut Worker<C>,
) -> Result<io::Result<usize>, WouldBlock> {
    let file_system = file.file_system();
    // On any error, be it EAGAIN, EOPNOTSUPP or a failing disk, a plain read decides.
    if file_system.kind == Kind::Local
        && let Ok(count) = read_cached(file, buffer, position, worker.pool)
    {
        return Ok(Ok(count));
    }
    if file_system.kind != Kind::Memory {
        worker.try_block_on(file_system)?;
    }
    #[cfg(test)]
    worker.pool.count_read();
    loop {
        match file.read_at(buffer, position) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return Ok(result),
        }
    }
}

/// Content that is read before the response begins.
pub(in crate::serve) enum Opened<C> {
    File(ContentFile<C>),
    Memory(Arc<Vec<u8>>),
}

/// A file as those read it that know nothing of disk permits.
struct FileSource<'a, 'w, C> {
    file: &'a ContentFile<C>,
    size: u64,
    worker: &'a mut Worker<'w, C>,
    /// Why a read failed, if it needs a permit and none is free.
    would_block: Option<WouldBlock>,
}

impl<C: Send + 'static> Opened<C> {
    pub fn new(content: Content, pool: &Pool<C>) -> Self {
        match content {
            Content::File(file, file_system) | Content::View(file, file_system, _) => {
                Opened::File(ContentFile::new(file, file_system, &pool.disk))
            }
            Content::Memory(bytes) => Opened::Memory(bytes),
        }
    }

    pub fn into_content(self) -> Content {
        match self {
            Opened::File(file) => {
                let file_system = file.file_system();
                Content::File(file.into_inner(), file_system)
            }
            Opened::Memory(bytes) => Content::Memory(bytes),
        }
    }

    /// A view of the file. Memory has none.
    pub fn into_view(self, view: Arc<FileView>) -> Content {
        match self.into_content() {
            Content::File(file, file_system) => Content::View(file, file_system, view),
            memory => memory,
        }
    }

    /// Lets `read` read the content, which has this many bytes. Fails if that needs a disk permit
    /// and none is free.
    pub fn with_source<T>(
        &self,
        size: u64,
        worker: &mut Worker<C>,
        read: impl FnOnce(&mut dyn Source) -> T,
    ) -> Result<T, WouldBlock> {
        match self {
            Opened::File(file) => {
                let mut source = FileSource { file, size, worker, would_block: None };
                let result = read(&mut source);
                source.would_block.map_or(Ok(result), Err)
            }
            Opened::Memory(bytes) => Ok(read(&mut &***bytes)),
        }
    }
}

impl<C: Send + 'static> Source for FileSource<'_, '_, C> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&mut self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        read_at(self.file, buffer, position, self.worker).unwrap_or_else(|would_block| {
            self.would_block = Some(would_block);
            Err(io::ErrorKind::WouldBlock.into())
        })
    }
}

/// Reads a content of this many bytes; fewer if its file became shorter. A disk that fails is
/// logged.
pub(in crate::serve) fn read_whole<C: Send + 'static>(
    content: Content,
    size: usize,
    worker: &mut Worker<C>,
) -> Result<io::Result<Arc<Vec<u8>>>, WouldBlock> {
    let file = match Opened::new(content, worker.pool) {
        Opened::Memory(bytes) => return Ok(Ok(bytes)),
        Opened::File(file) => file,
    };
    let mut bytes = vec![0; size];
    let mut filled = 0;
    while filled < size {
        match read_at(&file, &mut bytes[filled..], filled as u64, worker)? {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) => {
                log::error!("cannot read {} at byte {filled}: {error}", name_of(&file));
                return Ok(Err(error));
            }
        }
    }
    bytes.truncate(filled);
    Ok(Ok(bytes.into()))
}
