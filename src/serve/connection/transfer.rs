//! A transfer: the bytes of one response on their way to the client. Nothing else reads content or
//! sends it.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::sendfile;
use rustix::io::{Errno, ioctl_fionbio};
use rustix::net::{SendFlags, send};
use socket2::Socket;

use super::file_read::{is_cached, name_of, read_at};
use crate::http::Segment;
use crate::limits::{CACHED_FILE_MAX, UNSENT_MAX_OF_FEW};
use crate::piece::Piece;
use crate::serve::pool::inbox::Interest;
use crate::serve::pool::quota::Slot;
use crate::serve::pool::send_budget;
use crate::serve::pool::{CHUNK, ContentFile, Next, Pool, Worker};
use crate::serve::settings::SendMethod;
use crate::site::{Content, FileView, Kind, Version};

/// What is still to be sent of a response. It is the whole state of a transfer, so any worker can
/// resume it.
#[derive(Debug)]
pub(in crate::serve) struct Transfer<C> {
    file: Option<ContentFile<C>>,
    /// What the pieces are of, if they are right only as long as the file does not change.
    view: Option<Arc<FileView>>,
    /// What is still to be sent, starting with the response head.
    pieces: VecDeque<Piece>,
    head_length: usize,
    sent: u64,
    method: SendMethod,
    /// Whether the socket is non-blocking for sendfile(2), until all is sent.
    is_nonblocking: bool,
    send_budget: Option<Slot>,
}

/// Bytes that are copied even with sendfile(2), to share one send with the response head. Copying a
/// small file is cheaper than a second system call.
const FIRST_COPY: usize = 64 * 1024;

/// At most this many bytes from memory are copied after the head: one send costs less than two, and
/// less than sendmsg(2).
const COPIED_MAX: usize = CACHED_FILE_MAX;

impl<C: Send + 'static> Transfer<C> {
    /// A transfer of this head and body; the byte ranges of the body are those of `content`.
    pub fn new(head: Vec<u8>, body: Vec<Segment>, content: Option<Content>, pool: &Pool<C>) -> Self {
        let head_length = head.len();
        let mut first = head;
        let mut pieces = VecDeque::new();
        let mut add = |piece: Piece| match piece {
            Piece::Memory(memory, bytes) if pieces.is_empty() && bytes.len() <= COPIED_MAX => {
                first.extend_from_slice(&memory[bytes]);
            }
            piece if piece.length() > 0 => pieces.push_back(piece),
            _ => {}
        };
        for segment in body {
            match (segment, &content) {
                (Segment::Text(text), _) => add(Piece::from(text.into_owned().into_bytes())),
                (Segment::Bytes(bytes), Some(content)) => content.slice(bytes).for_each(&mut add),
                (Segment::Bytes(_), None) => {}
            }
        }
        pieces.push_front(Piece::from(first));
        let (file, view) = match content {
            Some(Content::File(file, file_system)) => (Some((file, file_system)), None),
            Some(Content::View(file, file_system, view)) => (Some((file, file_system)), Some(view)),
            Some(Content::Memory(_)) | None => (None, None),
        };
        // With sendfile(2) bytes would be sent before it shows that they have changed.
        let method = if view.is_some() { SendMethod::Pread } else { pool.settings.transfer };
        Transfer {
            file: file.map(|(file, file_system)| ContentFile::new(file, file_system, &pool.disk)),
            view,
            pieces,
            head_length,
            sent: 0,
            method,
            is_nonblocking: false,
            send_budget: None,
        }
    }

    /// The response head, before any of it is sent.
    pub fn head(&self) -> &[u8] {
        match self.pieces.front() {
            Some(Piece::Memory(first, _)) => &first[..self.head_length],
            _ => b"",
        }
    }

    /// Bytes of the body that the socket has accepted.
    pub fn content_sent(&self) -> u64 {
        self.sent.saturating_sub(self.head_length as u64)
    }

    /// Bytes that the socket has accepted, the head included.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Sends until all is sent. Fails if the client takes no more, the disk would block, or the
    /// quantum is spent. Fails with [`Next::Close`] if the client has left, the server aborts, or
    /// the file cannot be read or has shrunk: only an early close marks the response as incomplete
    /// (RFC 9112 section 6.3).
    pub fn advance(&mut self, socket: &Socket, worker: &mut Worker<C>) -> Result<(), Next> {
        let pool = worker.pool;
        // Do not read the disk for a client that has left during the wait for a permit.
        if worker.disk_permit.is_some() && !self.is_all_memory() && has_left(socket) {
            return Err(Next::Close);
        }
        if self.sent == 0 && self.send_budget.is_none() && !self.is_nearly_done() {
            self.send_budget = send_budget::take(&pool.send_budget, socket);
        }
        let sent_before = self.sent();
        loop {
            // Bytes in the socket after the last send pin memory while the client pauses.
            if self.is_nearly_done()
                && let Some(slot) = self.send_budget.take()
            {
                send_budget::give_back(slot, socket);
            }
            let sent = if let Some(bytes) = self.next_for_sendfile() {
                self.send_file(bytes, socket, worker)
            } else if let Some((memory, bytes)) = self.last_memory() {
                self.send_memory(&memory[bytes], socket, worker)
            } else {
                pool.with_buffer(|buffer| self.send_copy(buffer, socket, worker))
            };
            worker.disk_permit = None;
            sent?;
            if self.pieces.is_empty() {
                if self.is_nonblocking {
                    // A worker may block for the next request again. If this fails, the poller
                    // waits instead.
                    let _ = ioctl_fionbio(socket, false);
                }
                return Ok(());
            }
            if pool.shutdown.is_aborted() {
                return Err(Next::Close);
            }
            if self.sent() - sent_before >= pool.load().quantum(pool.settings.workers) {
                return Err(Next::Requeue);
            }
        }
    }

    /// Whether a socket with a send budget would accept all that is left at once.
    fn is_nearly_done(&self) -> bool {
        self.pieces.iter().map(Piece::length).sum::<u64>() <= u64::from(UNSENT_MAX_OF_FEW)
    }

    /// The last piece, if it is in memory and needs no buffer.
    fn last_memory(&self) -> Option<(Arc<Vec<u8>>, Range<usize>)> {
        match (self.pieces.front(), self.pieces.len()) {
            (Some(Piece::Memory(memory, bytes)), 1) => Some((Arc::clone(memory), bytes.clone())),
            _ => None,
        }
    }

    fn is_all_memory(&self) -> bool {
        self.pieces.iter().all(|piece| matches!(piece, Piece::Memory(..)))
    }

    fn send_memory(&mut self, memory: &[u8], socket: &Socket, worker: &mut Worker<C>) -> Result<(), Next> {
        let sent = send_once(socket, memory, worker).map_err(send_failed)?;
        self.count(sent, memory.len())
    }

    /// Fills the buffer with the next pieces and sends it.
    fn send_copy(&mut self, buffer: &mut [u8], socket: &Socket, worker: &mut Worker<C>) -> Result<(), Next> {
        let buffer = if self.method == SendMethod::Sendfile { &mut buffer[..FIRST_COPY] } else { buffer };
        let filled = self.fill(buffer, worker)?;
        let sent = send_once(socket, &buffer[..filled], worker).map_err(send_failed)?;
        self.count(sent, filled)
    }

    /// The next bytes of the file, if sendfile(2) is to send them.
    fn next_for_sendfile(&self) -> Option<Range<u64>> {
        match self.pieces.front() {
            Some(Piece::File(bytes)) if self.method == SendMethod::Sendfile => {
                Some(bytes.start..bytes.end.min(bytes.start + CHUNK as u64))
            }
            _ => None,
        }
    }

    /// Sends bytes of the file with sendfile(2). It has no equivalent of RWF_NOWAIT, so what may
    /// not be cached needs a disk permit; without one, cached bytes go through the buffer.
    fn send_file(&mut self, bytes: Range<u64>, socket: &Socket, worker: &mut Worker<C>) -> Result<(), Next> {
        let Some(file) = &self.file else { return Err(Next::Close) };
        let is_cached = match file.file_system().kind {
            Kind::Memory => true,
            Kind::Local => is_cached(file, bytes.clone(), worker.pool),
            Kind::Stacked | Kind::Remote => false,
        };
        if !is_cached && worker.try_block_on(file.file_system()).is_err() {
            return worker.pool.with_buffer(|buffer| self.send_copy(buffer, socket, worker));
        }
        if !self.is_nonblocking {
            // Nor has it an equivalent of MSG_DONTWAIT, so the socket stays non-blocking until all
            // is sent, and only the poller waits for it.
            ioctl_fionbio(socket, true).map_err(send_failed)?;
            self.is_nonblocking = true;
        }
        let wanted = (bytes.end - bytes.start) as usize;
        let mut position = bytes.start;
        loop {
            match sendfile(socket, &**file, Some(&mut position), wanted) {
                Ok(0) => return Err(cut_short(file)),
                Err(error @ Errno::IO) => return Err(unreadable(file, position, &error.into())),
                Ok(sent) => return self.count(sent, wanted),
                Err(Errno::INTR) => {}
                // Not every file system supports it (sendfile(2)).
                Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                    self.method = SendMethod::Pread;
                    return Ok(());
                }
                Err(error) => return Err(send_failed(error)),
            }
        }
    }

    /// Fills the buffer with the next pieces, text and file bytes for one send: a head on its own
    /// costs a packet and a wake-up of the client. Stops short where the disk would block without a
    /// permit.
    fn fill(&mut self, buffer: &mut [u8], worker: &mut Worker<C>) -> Result<usize, Next> {
        let mut filled = 0;
        for piece in &self.pieces {
            let mut bytes = match piece {
                Piece::Memory(memory, bytes) => {
                    let memory = &memory[bytes.clone()];
                    let memory = &memory[..memory.len().min(buffer.len() - filled)];
                    buffer[filled..filled + memory.len()].copy_from_slice(memory);
                    filled += memory.len();
                    continue;
                }
                Piece::File(bytes) => bytes.clone(),
            };
            while let Some(file) = self.file.as_ref().filter(|_| filled < buffer.len() && !bytes.is_empty()) {
                let room = buffer.len() - filled;
                let wanted = usize::try_from(bytes.end - bytes.start).unwrap_or(room).min(room);
                let end = match read_at(file, &mut buffer[filled..filled + wanted], bytes.start, worker) {
                    Ok(Ok(count)) if count > 0 => {
                        self.check_version(file)?;
                        filled += count;
                        bytes.start += count as u64;
                        continue;
                    }
                    // The file was truncated while it was sent. Bytes already read still go out.
                    Ok(Ok(_)) => cut_short(file),
                    Ok(Err(error)) => return Err(unreadable(file, bytes.start, &error)),
                    Err(would_block) => would_block.into(),
                };
                return if filled > 0 { Ok(filled) } else { Err(end) };
            }
        }
        Ok(filled)
    }

    /// Fails if the pieces are of another version of the file, so that no response is a mixture.
    /// Asked after each read and before its bytes are sent.
    fn check_version(&self, file: &File) -> Result<(), Next> {
        match &self.view {
            Some(view) if !Version::of(file).is_ok_and(|version| version == view.version) => {
                log::warn!("{} changed while a view of it was sent; the answer ends early", name_of(file));
                Err(Next::Close)
            }
            _ => Ok(()),
        }
    }

    /// Removes the sent bytes from the pieces. Fails if the socket accepted less than it was given.
    fn count(&mut self, sent: usize, given: usize) -> Result<(), Next> {
        self.sent += sent as u64;
        let mut left = sent as u64;
        while let Some(piece) = self.pieces.front_mut() {
            left -= piece.advance(left);
            if piece.length() > 0 {
                break;
            }
            self.pieces.pop_front();
        }
        if sent < given { Err(Next::Wait(Interest::Writable)) } else { Ok(()) }
    }
}

/// Whether the connection is reset, or closed in both directions. A client that closed only its
/// sending side is still there.
fn has_left(socket: &Socket) -> bool {
    let mut awaited = [PollFd::new(socket, PollFlags::empty())];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut awaited, Some(&at_once)).is_ok() && awaited[0].revents().intersects(PollFlags::ERR | PollFlags::HUP)
}

/// What a failed send means for the connection.
fn send_failed(error: Errno) -> Next {
    if error == Errno::AGAIN { Next::Wait(Interest::Writable) } else { Next::Close }
}

fn unreadable(file: &File, position: u64, error: &io::Error) -> Next {
    log::error!("cannot read {} at byte {position}: {error}", name_of(file));
    Next::Close
}

fn cut_short(file: &File) -> Next {
    log::warn!("{} became shorter while it was sent; the answer ends early", name_of(file));
    Next::Close
}

/// Releases the disk permit and sends; blocks on the client for the rest if the worker may.
fn send_once<C: Send + 'static>(socket: &Socket, bytes: &[u8], worker: &mut Worker<C>) -> Result<usize, Errno> {
    worker.disk_permit = None;
    let at_once = send_with(socket, bytes, SendFlags::DONTWAIT);
    let sent = match at_once {
        Ok(sent) if sent < bytes.len() => sent,
        Err(Errno::AGAIN) => 0,
        done => return done,
    };
    let Some(_permit) = worker.try_block() else { return at_once };
    match send_with(socket, &bytes[sent..], SendFlags::empty()) {
        Ok(more) => Ok(sent + more),
        Err(_) if sent > 0 => Ok(sent),
        failed => failed,
    }
}

fn send_with(socket: &Socket, bytes: &[u8], flags: SendFlags) -> Result<usize, Errno> {
    loop {
        match send(socket, bytes, flags | SendFlags::NOSIGNAL) {
            Err(Errno::INTR) => {}
            result => return result,
        }
    }
}
