//! Every quantity that a peer can grow, with its limit, its unit and the reason for it.

use std::time::Duration;

/// Bytes of a request line, its CRLF not counted; beyond it 414. RFC 9112 section 3 recommends to
/// support at least 8,000.
pub const REQUEST_LINE_MAX: usize = 8 * 1024;

/// Bytes of a request head from its first byte to the empty line; beyond it 431. Browsers with many
/// cookies stay below 8 KiB.
pub const HEAD_MAX: usize = 16 * 1024;

/// Field lines of a request head; beyond it 431. Browsers send about 15.
pub const FIELDS_MAX: usize = 100;

/// Empty lines skipped before a request line. RFC 9112 section 2.2 asks for at least one; more is
/// no HTTP client.
pub const EMPTY_LINES_MAX: usize = 4;

/// Bytes of a method name; a longer one is no method we know: 501 (RFC 9112 section 3).
pub const METHOD_MAX: usize = 32;

/// Bytes of request heads that have begun and wait for the rest; beyond it the oldest are evicted
/// with 408. All of 4,096 connections could otherwise hold [`HEAD_MAX`] each.
pub const UNFINISHED_HEADS_MAX: usize = 8 * 1024 * 1024;

/// Ranges of one Range field; a field with more is ignored (RFC 9110 section 14.2). PDF readers ask
/// for some five.
pub const RANGES_MAX: usize = 16;

/// Bytes of a request body that are read and dropped to keep a connection, with the framing of its
/// chunks; a longer body costs its sender the connection.
pub const DROPPED_BODY_MAX: u64 = 64 * 1024;

/// Bytes of a line of a chunked body, its LF not counted: a chunk size with its extensions, or a
/// trailer field. Beyond it 400. Signatures of chunks take some 90 bytes; Go's net/http has the
/// same limit.
pub const CHUNK_LINE_MAX: usize = 4 * 1024;

/// Bytes read and dropped after a final answer, so that they do not destroy it (RFC 9112 section
/// 9.6).
pub const LINGER_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// How long a connection may linger after the answer to a request that was not read, and once the
/// server ends; nginx waits 5 s for each read. After any other final answer the client has the time
/// of `--stall-timeout` to take it.
pub const LINGER_TIME: Duration = Duration::from_secs(5);

/// Bytes that a reader must take within `--stall-timeout` to be alive, so that one byte a second is
/// not.
pub const STALL_PROGRESS: u64 = 64 * 1024;

/// Bytes of a file in the file cache, at most: pages, scripts, playlists, pictures of a gallery.
pub const CACHED_FILE_MAX: usize = 16 * 1024;

/// Bytes of the file cache, at most, with what it takes to hold them.
pub const FILE_CACHE_MAX: usize = 2 * 1024 * 1024;

/// Descriptors that pin cached files and their folders, at most, where this many files may be open;
/// where fewer than 1,024 may be, connections need them more. Files beyond are validated by a walk
/// along their path, which costs some 1 µs more.
pub const fn pinned_descriptors_max(open_files_max: Option<u64>) -> usize {
    match open_files_max {
        Some(0..1024) => 0,
        _ => 128,
    }
}

/// Age at which the content of a cached file is read again. What is written through shared memory
/// (mmap(2)) into a page that is dirty already leaves no new time, so the times of a file do not
/// tell it.
pub const CACHED_CONTENT_MAX_AGE: Duration = Duration::from_secs(5);

/// Time that opening a file waits for the end of its lease. Samba gives up its write leases within
/// milliseconds; the kernel breaks them after 45 s (proc(5), lease-break-time).
pub const LEASE_WAIT: Duration = Duration::from_secs(5);

/// Connections beyond `--max-connections` that are answered 503 at once, at most; further ones wait
/// in the backlog.
pub const SHED_MAX: usize = 256;

/// The same however low `--max-connections` is: a low limit is no reason to keep others waiting.
pub const SHED_MIN: usize = 16;

/// Connections that the kernel keeps for the acceptor; std's 128 is too small for a burst of 500
/// (listen(2)).
pub const BACKLOG: i32 = 4096;

/// Bytes in a socket that the network has not yet taken, at most (tcp(7), TCP_NOTSENT_LOWAT).
/// Without it a reader that pauses pins some 4 MB of kernel memory; bytes in flight are not limited
/// by it.
pub const UNSENT_MAX: u32 = 192 * 1024;

/// The same for a few large transfers, which it saves 5 to 20 % of the processor time.
pub const UNSENT_MAX_OF_FEW: u32 = 1024 * 1024;

/// How many are few: with twice as many, 500 readers that pause pin 0.33 MB each rather than 0.31.
pub const FEW_TRANSFERS: usize = 16;

/// Bytes of a peer's text (request line, referer, user agent) that one access-log field shows.
pub const LOG_FIELD_MAX: usize = 1024;

/// Bytes of access log or diagnostics that wait for a slow standard output or standard error,
/// beside those that are being written; lines beyond it are dropped and counted.
pub const OUTPUT_QUEUE_MAX: usize = 4 * 1024 * 1024;
