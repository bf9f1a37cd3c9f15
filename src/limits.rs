//! The limit of every quantity that a peer can grow, with its unit and reason.

use std::time::Duration;

/// Bytes of a request line without its CRLF; a longer one is 414. RFC 9112 section 3 recommends at
/// least 8,000.
pub const REQUEST_LINE_MAX: usize = 8 * 1024;

/// Bytes of a request head up to and including the empty line; a larger one is 431. Browsers with
/// many cookies stay below 8 KiB.
pub const HEAD_MAX: usize = 16 * 1024;

/// Field lines of a request head; more are 431. Browsers send about 15.
pub const FIELDS_MAX: usize = 100;

/// Empty lines skipped before a request line. RFC 9112 section 2.2 asks for at least one; no HTTP
/// client sends more than these.
pub const EMPTY_LINES_MAX: usize = 4;

/// Bytes of a method name; a longer one cannot be a known method and is 501 (RFC 9112 section 3).
pub const METHOD_MAX: usize = 32;

/// Bytes of a PROXY header; a longer one is refused. Addresses take at most 232, the rest are
/// fields about TLS and the like; nginx has the same limit.
pub const PROXY_HEADER_MAX: usize = 4 * 1024;

/// Proxies that a request may have passed: further addresses in `X-Forwarded-For` and `Forwarded`
/// are not looked at.
pub const PROXIES_MAX: usize = 32;

/// Bytes of `X-Forwarded-Prefix`; a longer one is ignored.
pub const FORWARDED_PREFIX_MAX: usize = 256;

/// Bytes of all unfinished request heads; beyond it the oldest are evicted with 408. Otherwise each
/// of 4,096 connections could hold [`HEAD_MAX`].
pub const UNFINISHED_HEADS_MAX: usize = 8 * 1024 * 1024;

/// Ranges of one Range field; a field with more is ignored (RFC 9110 section 14.2). PDF readers ask
/// for about five.
pub const RANGES_MAX: usize = 16;

/// Bytes of a request body, chunk framing included, that are read and dropped to keep the
/// connection; after a longer body it closes.
pub const DROPPED_BODY_MAX: u64 = 64 * 1024;

/// Bytes of a line of chunked framing without its LF: a chunk size with extensions, or a trailer
/// field. A longer one is 400. Chunk signatures take about 90 bytes; Go's net/http has the same
/// limit.
pub const CHUNK_LINE_MAX: usize = 4 * 1024;

/// Bytes read and dropped after the last response, so that a reset does not destroy it (RFC 9112
/// section 9.6).
pub const LINGER_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// How long a connection may linger after an error response to an unread request, and during
/// shutdown; nginx waits 5 s for each read. After any other last response a client has
/// `--stall-timeout` to take it.
pub const LINGER_TIME: Duration = Duration::from_secs(5);

/// Bytes that a client must take within `--stall-timeout` to count as alive, so that one byte a
/// second does not.
pub const STALL_PROGRESS: u64 = 64 * 1024;

/// Size in bytes of the largest file that is cached: enough for pages, scripts, playlists and
/// gallery pictures.
pub const CACHED_FILE_MAX: usize = 16 * 1024;

/// Bytes of the file cache, bookkeeping included.
pub const FILE_CACHE_MAX: usize = 2 * 1024 * 1024;

/// Descriptors that may pin cached files and their folders under this limit of open files; below
/// 1,024, connections need them more. Other cached files are validated by resolving their path,
/// which costs about 1 µs more.
pub const fn pinned_descriptors_max(open_files_max: Option<u64>) -> usize {
    match open_files_max {
        Some(0..1024) => 0,
        _ => 128,
    }
}

/// Age at which a cached file is read again. A write through mmap(2) into a dirty page does not
/// change the times of the file, so validation cannot see it.
pub const CACHED_CONTENT_MAX_AGE: Duration = Duration::from_secs(5);

/// How long opening a file waits for a lease on it. Samba gives up its write leases within
/// milliseconds; the kernel breaks them after 45 s (proc(5), lease-break-time).
pub const LEASE_WAIT: Duration = Duration::from_secs(5);

/// At most this many connections over `--max-connections` are answered 503 at once; more wait in
/// the listen backlog.
pub const SHED_MAX: usize = 256;

/// Lower bound of [`SHED_MAX`], which shrinks with a low `--max-connections`: others should not
/// wait long for their 503.
pub const SHED_MIN: usize = 16;

/// The listen backlog (listen(2)); std's 128 is too small for a burst of 500 connections.
pub const BACKLOG: i32 = 4096;

/// Unsent bytes in a socket (tcp(7), TCP_NOTSENT_LOWAT). Without this limit a paused reader pins
/// about 4 MB of kernel memory. Bytes in flight do not count.
pub const UNSENT_MAX: u32 = 192 * 1024;

/// The same for the first [`FEW_TRANSFERS`] large transfers: it saves them 5 to 20 % of the
/// processor time.
pub const UNSENT_MAX_OF_FEW: u32 = 1024 * 1024;

/// Transfers with [`UNSENT_MAX_OF_FEW`]. With twice as many, 500 paused readers pin 0.33 MB each
/// instead of 0.31.
pub const FEW_TRANSFERS: usize = 16;

/// Bytes of a peer's text (request line, referer, user agent) in an access log field.
pub const LOG_FIELD_MAX: usize = 1024;

/// Programs that the log names because they may have taken a part for the whole file; further ones
/// are not named. A client can send as many names as it likes.
pub const NOTICED_PRODUCTS_MAX: usize = 64;

/// Bytes of the name and version of such a program that the log shows; most take some 20.
pub const PRODUCT_MAX: usize = 64;

/// Bytes of access log or diagnostics queued for a slow standard output or standard error, besides
/// those being written; further lines are dropped and counted.
pub const OUTPUT_QUEUE_MAX: usize = 4 * 1024 * 1024;

/// Names in the content folder that have changed and wait for a look, at most; beyond it the whole
/// folder is scanned. On a file system that hangs they would grow without end.
pub const CHANGES_MAX: usize = 100_000;

/// Entries of a folder on one page. Some browsers take seconds to lay out more.
pub const ROWS_MAX: usize = 2_000;

/// Bytes of a picture that a folder page shows as a thumbnail, at most: posters have some 200 KiB,
/// photographs some 8 MiB.
pub const THUMBNAIL_MAX: u64 = 512 * 1024;

/// Entries of a folder in which its cover is looked for, at most; albums and seasons have fewer.
/// The page of a folder with many looks into each of its sub-folders.
pub const COVER_SEARCH_MAX: usize = 500;

/// Bytes of an address that is shown as a QR code. The code of a longer one has more modules
/// than phones can read off a screen, and takes milliseconds to make.
pub const QR_ADDRESS_MAX: usize = 512;

/// Bytes of pages, playlists and subtitles that are kept while slow clients take them; further
/// large ones are answered 503. Without it, each client could pin the page of a large folder.
pub const GENERATED_MAX: usize = 128 * 1024 * 1024;

/// Bytes of a SubRip file that is converted to WebVTT, at most. Subtitles of a film take some
/// 100 KiB; the WebVTT has up to five times the bytes.
pub const SUBTITLES_MAX: u64 = 4 * 1024 * 1024;

/// Bytes of all views of files that are under way or kept; beyond it unused ones make room, and
/// further ones are answered 503. The index of a film of two hours takes some 3 MiB.
pub const VIEWS_MAX: usize = 64 * 1024 * 1024;

/// Bytes that are read of a file to describe it, at most. Films need some 100 KiB, those with long
/// lists of chapters some 500.
pub const DESCRIPTION_READ_MAX: u64 = 4 * 1024 * 1024;

/// Reads of a media file that is described, of bytes read before as well, at most. A file can lead
/// its reader in a circle, which this ends within 20 ms. Long AAC files take the most.
pub const DESCRIPTION_READS_MAX: usize = 500_000;

/// Files of a page that are described even while another worker describes those of a page; only one
/// at once describes more, so that the others serve files meanwhile. Most folders have fewer.
pub const DESCRIBED_BESIDE_OTHERS: usize = 32;

/// How long describing the files of a page may take: too short for a person to notice. A file in
/// the page cache takes some 0.1 ms, one on a hard disk some 30.
pub const DESCRIBE_TIME: Duration = Duration::from_millis(100);

/// The same for programs, which do not ask again for what is missing.
pub const DESCRIBE_TIME_FOR_PROGRAMS: Duration = Duration::from_secs(1);

/// Bytes of the index of an MP4 that is read into memory to change it, at most, before and after.
/// That of a film takes 1 to 5 MiB.
pub const VIEW_INDEX_MAX: usize = 16 * 1024 * 1024;

/// Bytes of the element that describes the tracks of a Matroska file whose audio track is chosen,
/// at most. It takes some KiB.
pub const VIEW_TRACKS_ELEMENT_MAX: usize = 1024 * 1024;

/// Bytes of a list of positions in a Matroska file that are read to find its tracks, at most. It
/// takes some 100.
pub const VIEW_SEEK_HEAD_MAX: usize = 64 * 1024;

/// Audio tracks of a file that one is chosen from, at most; each changes a few bytes.
pub const VIEW_TRACKS_MAX: usize = 64;

/// Bytes of all descriptions that are kept; beyond it any others make room. A film takes some 500.
pub const DESCRIPTIONS_MAX: usize = 16 * 1024 * 1024;

/// Boxes of an MP4 file that are looked at to describe or change it, at most. Films have some 100.
pub const BOXES_MAX: usize = 10_000;

/// Elements of a Matroska file that are read to describe it, at most. A film with a chapter for
/// each minute has some 2,000.
pub const ELEMENTS_MAX: usize = 10_000;

/// Frames or blocks of an audio file that are passed over to find its cover, at most. Files have
/// some 20.
pub const TAG_FRAMES_MAX: usize = 1_000;

/// Bytes that the reader of audio tags allocates at once, at most. Texts are shorter; lyrics may
/// have 100 KiB.
pub const TAG_ALLOCATION_MAX: usize = 1024 * 1024;

/// Tracks of a file that are described, at most. Films on discs have up to 50.
pub const MEDIA_TRACKS_MAX: usize = 64;

/// Chapters of a file that are described, at most. Audio books have some 200.
pub const CHAPTERS_MAX: usize = 1_000;

/// Characters of a title, or of another text in a media file; what follows is cut.
pub const MEDIA_TEXT_MAX: usize = 256;

/// Connections of the admin listener, at most; the oldest is closed for a new one. Enough for a few
/// browsers, scrapers and health checks.
pub const ADMIN_CONNECTIONS_MAX: usize = 32;

/// Viewings that are remembered, at most. A client can pretend to be any number of programs;
/// further ones are not shown.
pub const VIEWINGS_MAX: usize = 10_000;

/// Bytes of a path and of a User-Agent that a viewing keeps.
pub const VIEWING_TEXT_MAX: usize = 1024;
