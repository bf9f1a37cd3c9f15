//! Properties that hold for any input. Each function is a fuzz target; its seeds are in the folder
//! of the same name under `seeds/`, and those of `head` in `connection`.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
#[cfg(fuzzing)]
use std::panic;
#[cfg(fuzzing)]
use std::sync::Once;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reeld::bytes::Bytes;
use reeld::http::chunked::{self, Decoder};
use reeld::http::forwarded::{self, Base};
use reeld::http::head::{self, Parsed};
use reeld::http::precondition::{Verdict, evaluate, if_range_matches};
use reeld::http::range::{self, PartPolicy, Parts, RangeSpec, Selection};
use reeld::http::{Request, TrustedProxies, Validators, proxy_protocol, target};
use reeld::limits::PROXY_HEADER_MAX;
use reeld::media::describe;
use reeld::media::description::{Faststart, Fault};
use reeld::media::source::Source;
use reeld::media::subtitles::to_webvtt;
use reeld::media::view::{Changes, NoView, pieces};
use reeld::piece::Piece;

fn read<T>(bytes: &[u8], then: impl FnOnce(Request, usize) -> T) -> Option<T> {
    match head::parse(bytes) {
        Ok(Parsed::Complete(request, length)) => Some(then(request, length)),
        Ok(Parsed::Partial) | Err(_) => None,
    }
}

/// A head is whole at its last byte, not before, and what follows does not change it.
pub fn head(bytes: &[u8]) {
    let Some(length) = read(bytes, |request, length| {
        assert!(request.target.iter().all(u8::is_ascii_graphic));
        length
    }) else {
        return;
    };
    assert!(bytes[..length].ends_with(b"\r\n\r\n"));
    assert_eq!(read(&bytes[..length], |_, length| length), Some(length));
    for shorter in [length - 1, length / 2, 1] {
        assert!(matches!(head::parse(&bytes[..shorter]), Ok(Parsed::Partial)));
    }
}

/// A PROXY header is whole at its last byte, not before, and what follows does not change it. As
/// field lines, the input leads to no other host unless it names one, and ends no line.
pub fn proxy(bytes: &[u8]) {
    if let Ok(complete @ proxy_protocol::Parsed::Complete { length, .. }) = proxy_protocol::parse(bytes) {
        assert!(length <= PROXY_HEADER_MAX);
        assert_eq!(proxy_protocol::parse(&bytes[..length]), Ok(complete));
        for shorter in [length - 1, length / 2, 1] {
            assert_eq!(proxy_protocol::parse(&bytes[..shorter]), Ok(proxy_protocol::Parsed::Partial));
        }
    }
    let head = [b"GET / HTTP/1.1\r\nHost: h\r\n", bytes, b"\r\n\r\n"].concat();
    read(&head, |mut request, _| {
        let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let trusted = TrustedProxies::new(["127.0.0.1", "10.0.0.0/8"]).expect("networks");
        assert_eq!(forwarded::client(&request, peer, &trusted), peer);
        assert_eq!(Base::new(&request).to_string(), "http://h");
        request.from_trusted_proxy = true;
        let has = |name| request.fields.has(name);
        let is_peer = forwarded::client(&request, peer, &trusted) == peer;
        assert!(is_peer || has("x-forwarded-for") || has("forwarded"));
        let prefix = forwarded::prefix(&request);
        assert!(prefix.is_empty() || prefix.starts_with('/') && !prefix.starts_with("//") && !prefix.ends_with('/'));
        let base = Base::new(&request).to_string();
        assert!(base.starts_with("http") && base.ends_with(&prefix));
        assert!(base.bytes().all(|byte| byte.is_ascii_graphic()), "{base:?}");
        assert!(base.starts_with("http://h") || has("x-forwarded-host") || has("x-forwarded-proto"));
    });
}

/// A path stays below the content folder, and a redirect to it leads back to it.
pub fn target(bytes: &[u8]) {
    let Ok(target) = target::parse(bytes) else { return };
    let relative = target.path.relative();
    let folder_itself = relative.is_empty();
    assert!(folder_itself || relative.split(|&byte| byte == b'/').all(|name| !matches!(name, b"" | b"." | b"..")));
    assert!(!relative.contains(&0));
    let location = target.path.location(None);
    assert!(!location.starts_with("//") || folder_itself, "it would name a host");
    if !folder_itself {
        let again = target::parse(location.as_bytes()).expect("a location is a target");
        assert_eq!(again.path.relative(), relative);
        assert!(again.path.folder());
    }
}

/// The selected bytes are in the file, are selected once, are not more than a part, and were
/// requested. The first eight bytes of the input are the length of the file, the rest is the field.
pub fn range(bytes: &[u8]) {
    let Some((total, field)) = bytes.split_first_chunk() else { return };
    // Favours small files, where the edge cases are.
    let total = u64::from_be_bytes(*total) >> (total[7] % 64);
    let wanted = range::parse(field).ok();
    for policy in PartPolicy::ALL {
        let parts = Parts { policy, size: Bytes(100) };
        let mut ranges = match parts.select(wanted.as_deref(), total) {
            Selection::Whole => {
                assert!(wanted.is_none() || total == 0);
                continue;
            }
            Selection::Unsatisfiable => {
                let wanted = wanted.as_deref().expect("something was asked for");
                assert!(
                    !wanted.iter().any(|wanted| asks_for(*wanted, total, 0) || asks_for(*wanted, total, total / 2))
                );
                continue;
            }
            Selection::Part(range) => vec![range],
            Selection::Several(ranges) => ranges,
        };
        for range in &ranges {
            for position in [range.start, range.end - 1] {
                assert!(position < total);
                let asked = |wanted: &[RangeSpec]| wanted.iter().any(|wanted| asks_for(*wanted, total, position));
                assert!(wanted.as_deref().is_none_or(asked));
            }
        }
        if policy == PartPolicy::Always {
            assert!(ranges.iter().map(|range| range.end - range.start).sum::<u64>() <= 100);
        }
        ranges.sort_by_key(|range| range.start);
        assert!(ranges.windows(2).all(|pair| pair[0].end < pair[1].start), "they do not touch");
    }
}

fn asks_for(wanted: RangeSpec, total: u64, position: u64) -> bool {
    position < total
        && match wanted {
            RangeSpec::FromTo(first, last) => (first..=last).contains(&position),
            RangeSpec::From(first) => position >= first,
            RangeSpec::Suffix(length) => total - position <= length,
        }
}

/// A chunked body ends at its last byte, not before, whatever follows and however it is split. The
/// split depends on the input.
pub fn chunked(bytes: &[u8]) {
    let at_once = follow([bytes]);
    let sum: usize = bytes.iter().map(|&byte| usize::from(byte)).sum();
    let (one, other) = bytes.split_at(sum % bytes.len().max(1));
    assert_eq!(follow([one, other]), at_once);
    assert_eq!(follow(bytes.chunks(1)), at_once);
    if let Ok(Some(length)) = at_once {
        assert!(bytes[..length].ends_with(b"\r\n"));
        assert_eq!(follow([&bytes[..length]]), Ok(Some(length)));
        assert_eq!(follow([&bytes[..length - 1]]), Ok(None));
    }
}

/// The length of a chunked body; None if it is incomplete.
fn follow<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Option<usize>, chunked::Error> {
    let mut decoder = Decoder::default();
    let mut length = 0;
    for piece in pieces {
        let used = decoder.advance(piece)?;
        assert!(used == piece.len() || (used < piece.len() && decoder.is_complete()));
        length += used;
    }
    Ok(decoder.is_complete().then_some(length))
}

/// Only conditions that are present change a response. The input is the field lines.
pub fn conditions(bytes: &[u8]) {
    let head = [b"GET / HTTP/1.1\r\nHost: h\r\n", bytes, b"\r\n\r\n"].concat();
    let file = Validators::File { size: 250, modified: UNIX_EPOCH + Duration::from_secs(784_111_777) };
    read(&head, |request, _| {
        let has = |name| request.fields.has(name);
        match evaluate(&request, &file, SystemTime::now()) {
            Verdict::Proceed => {}
            Verdict::NotModified => assert!(has("if-none-match") || has("if-modified-since")),
            Verdict::Failed => assert!(has("if-match") || has("if-unmodified-since")),
        }
        assert!(if_range_matches(&request, &file, SystemTime::now()) || has("if-range"));
    });
}

/// The output is valid WebVTT of bounded length: cues separated by empty lines, each with its times
/// in order, text, and tags that are closed.
pub fn subtitles(file: &[u8]) {
    let text = to_webvtt(file);
    assert!(text.len() <= "WEBVTT\n".len() + 5 * file.len());
    assert!(text.chars().all(|letter| !letter.is_control() || matches!(letter, '\n' | '\t')));
    let cues = text.strip_prefix("WEBVTT\n").expect("the head");
    if cues.is_empty() {
        return;
    }
    let cues = cues.strip_prefix('\n').and_then(|cues| cues.strip_suffix('\n')).expect("cues");
    for cue in cues.split("\n\n") {
        let (times, text) = cue.split_once('\n').expect("text");
        let (start, end) = times.split_once(" --> ").expect("times");
        let (end, settings) = end.split_once(' ').unwrap_or((end, ""));
        for time in [start, end] {
            let shape: String = time.chars().map(|digit| if digit.is_ascii_digit() { '0' } else { digit }).collect();
            assert_eq!(shape, "00:00:00.000");
            assert!(&time[3..5] < "60" && &time[6..8] < "60", "{time}");
        }
        assert!(start < end, "{times}");
        let known = ["line", "position", "align"];
        assert!(settings.split_terminator(' ').all(|setting| known.contains(&setting.split(':').next().expect("one"))));
        assert!(!text.contains("-->"), "{text}");
        assert_marked_up(text);
    }
}

/// The tags of a cue are `b`, `i` and `u`, each closed by its own, and all else is escaped.
fn assert_marked_up(text: &str) {
    let mut open = Vec::new();
    let mut pieces = text.split('<');
    let first = pieces.next().expect("at least one");
    for piece in pieces {
        let (tag, plain) = piece.split_once('>').expect("the end of a tag");
        assert!(!plain.contains('>'), "{text}");
        match tag.strip_prefix('/') {
            Some(tag) => assert_eq!(open.pop(), Some(tag), "{text}"),
            None => open.push(tag),
        }
        assert!(["b", "i", "u"].contains(&tag.trim_start_matches('/')), "{text}");
    }
    assert!(open.is_empty(), "{text}");
    assert!(!first.contains('>'), "{text}");
    let mut escapes = text.split('&').skip(1);
    assert!(escapes.all(|rest| ["amp;", "lt;", "gt;"].iter().any(|escape| rest.starts_with(escape))));
}

/// What an MP4 or QuickTime file says of itself is bounded and safe to show.
pub fn mp4(file: &[u8]) {
    assert_described(file);
}

/// What a Matroska file says of itself is bounded and safe to show.
pub fn matroska(file: &[u8]) {
    assert_described(file);
}

/// The same of what an audio file, an AVI film or a picture says.
pub fn tags(file: &[u8]) {
    assert_described(file);
}

/// Bytes that fail at a read.
struct Failing<'a> {
    bytes: &'a [u8],
    reads_left: usize,
}

impl Source for Failing<'_> {
    fn size(&self) -> u64 {
        self.bytes.size()
    }

    fn read_at(&mut self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        self.reads_left = self.reads_left.checked_sub(1).ok_or(io::ErrorKind::WouldBlock)?;
        self.bytes.read_at(buffer, position)
    }
}

/// The hook of the fuzzer ends the process at every panic, also at those that reeld catches.
#[cfg(fuzzing)]
fn pass_over_panics_of_lofty() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let end = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let is_of_lofty = info.location().is_some_and(|place| place.file().contains("/lofty-"));
            if !is_of_lofty {
                end(info);
            }
        }));
    });
}

/// The description is bounded, all of its text is printable, its cover lies in the file and is a
/// picture; and a source that fails is an error, whatever was being read.
fn assert_described(file: &[u8]) {
    #[cfg(fuzzing)]
    pass_over_panics_of_lofty();
    let mut source = Failing { bytes: file, reads_left: usize::MAX };
    let file_is = describe(&mut source).expect("memory does not fail");
    let reads = usize::MAX - source.reads_left;
    assert!(reads <= 4 * 1024 / 16);
    let (tracks, chapters) = (&file_is.tracks, &file_is.chapters);
    assert!(tracks.len() <= 64 && chapters.len() <= 1_000 && file_is.faults.len() <= 8);
    assert!(file_is.memory() < 2 * 1024 * 1024);
    let of_file = [&file_is.title, &file_is.artist, &file_is.album];
    let texts = of_file.into_iter().chain(tracks.iter().map(|track| &track.title)).flatten();
    for text in texts.chain(chapters.iter().map(|chapter| &chapter.title)) {
        assert!(text.chars().count() <= 256 && !text.chars().any(char::is_control), "{text:?}");
    }
    for track in tracks {
        let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        assert!(!track.codec.parameter.is_empty() && track.codec.parameter.bytes().all(is_safe), "{track:?}");
        assert!(track.language.iter().all(|tag| !tag.is_empty() && tag.bytes().all(is_safe)), "{track:?}");
    }
    if let Some(cover) = file_is.cover {
        let bytes = &file[cover.bytes.start as usize..cover.bytes.end as usize];
        let magic: &[u8] = match cover.content_type {
            "image/jpeg" => b"\xff\xd8\xff",
            "image/png" => b"\x89PNG",
            "image/gif" => b"GIF8",
            "image/webp" => b"RIFF",
            other => panic!("{other}"),
        };
        assert!(bytes.starts_with(magic));
    }
    if let Faststart::Impossible(sentence) = file_is.faststart {
        assert!(sentence.ends_with('.'), "{sentence}");
    }
    for fault in &file_is.faults {
        match fault {
            Fault::Malformed(sentence) => assert!(sentence.ends_with('.'), "{sentence}"),
            Fault::Truncated { missing } => assert!(*missing > 0),
            Fault::Empty => assert!(file.is_empty()),
            Fault::Encrypted => {}
        }
    }
    if reads > 0 {
        let sum: usize = file.iter().map(|&byte| usize::from(byte)).sum();
        let mut source = Failing { bytes: file, reads_left: sum % reads };
        let error = describe(&mut source).expect_err("the source fails");
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }
}

/// A view has all of a file but its index, once and in order, and no more memory than that; with
/// another audio track it is as long as the file, with few bytes changed. The first byte of the
/// input tells the changes, the rest is the file.
pub fn view(bytes: &[u8]) {
    let Some((&wish, mut file)) = bytes.split_first() else { return };
    let changes = Changes { audio: (wish & 3 != 0).then_some(usize::from(wish & 3)), faststart: wish & 4 != 0 };
    let size = file.len() as u64;
    let pieces = match pieces(&mut file, &changes) {
        Ok(pieces) => pieces,
        Err(NoView::Refused(sentence)) => return assert!(sentence.ends_with('.')),
        Err(NoView::Source(error)) => panic!("memory does not fail: {error}"),
    };
    assert!(pieces.iter().all(|piece| piece.length() > 0));
    let mut view: Vec<u8> = Vec::new();
    let mut position = 0;
    for piece in &pieces {
        match piece {
            Piece::Memory(memory, range) => view.extend(&memory[range.clone()]),
            Piece::File(range) => {
                assert!(position <= range.start && range.start < range.end && range.end <= size);
                view.extend(&file[range.start as usize..range.end as usize]);
                position = range.end;
            }
        }
    }
    assert!(view.len() >= file.len() && view.len() < 2 * file.len().max(1));
    if !changes.faststart {
        assert_eq!(view.len(), file.len());
        let differing = view.iter().zip(file).filter(|(one, other)| one != other).count();
        // Of a Matroska file also two checksums of 4 bytes: of a track and of all of them.
        assert!(differing <= 64 * 8 + 4, "{differing}");
    }
}

/// A connection leaks no secret, sends valid HTTP, and responds to split input as to the whole. The
/// split depends on the input.
#[cfg(fuzzing)]
pub fn connection(said: &[u8]) {
    use std::sync::LazyLock;

    use reeld::serve::harness::{Harness, SECRET, furnish};

    static HARNESS: LazyLock<(tempfile::TempDir, std::sync::Mutex<Harness>)> = LazyLock::new(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        furnish(folder.path()).expect("it is empty");
        let harness = Harness::new(folder.path());
        (folder, harness.into())
    });
    let harness = HARNESS.1.lock().expect("no other thread panics");
    let heard = harness.hears([said]);
    assert!(!heard.bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()), "it tells the secret");
    // A response to HEAD announces content but has none.
    let heads = said.windows(5).any(|window| window == b"HEAD ");
    let answers = answers(&heard.bytes, heads);
    let sum: usize = said.iter().map(|&byte| usize::from(byte)).sum();
    let (one, other) = said.split_at(sum % said.len().max(1));
    let again = harness.hears([one, other]);
    assert_eq!(heard.ended, again.ended);
    assert_eq!(answers, self::answers(&again.bytes, heads));
}

/// The status line and content of each response; panics if anything else was received.
#[cfg(fuzzing)]
fn answers(mut heard: &[u8], heads: bool) -> Vec<(String, Vec<u8>)> {
    let mut answers = Vec::new();
    while !heard.is_empty() {
        let end = heard.windows(4).position(|window| window == b"\r\n\r\n").expect("a whole head");
        let head = std::str::from_utf8(&heard[..end]).expect("a head is ASCII");
        heard = &heard[end + 4..];
        let (status, fields) = head.split_once("\r\n").expect("fields");
        assert!(status.starts_with("HTTP/1.1 ") && !status.starts_with("HTTP/1.1 500 "), "{status}");
        let mut length = 0;
        for line in fields.split("\r\n") {
            let (name, value) = line.split_once(": ").expect("a field");
            assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'), "{line}");
            assert!(value.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{line}");
            if name == "Content-Length" {
                length = value.parse().expect("a number");
            }
        }
        let none = heads && (heard.is_empty() || heard.starts_with(b"HTTP/1.1 "));
        let content = if none { 0 } else { length };
        let (content, rest) = heard.split_at(content);
        // The boundary depends on the time.
        let content = if fields.contains("multipart/") { Vec::new() } else { content.to_vec() };
        answers.push((status.to_string(), content));
        heard = rest;
    }
    answers
}

#[cfg(test)]
mod tests {
    use std::fs;

    fn replay(name: &str, target: impl Fn(&[u8])) {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(name);
        let seeds: Vec<_> = fs::read_dir(folder).expect("the seeds are there").collect();
        assert!(seeds.len() > 10, "seeds of {name}");
        for seed in seeds {
            target(&fs::read(seed.expect("an entry").path()).expect("a file"));
        }
    }

    #[test]
    fn the_seeds_hold() {
        replay("connection", super::head);
        replay("proxy", super::proxy);
        replay("target", super::target);
        replay("range", super::range);
        replay("chunked", super::chunked);
        replay("conditions", super::conditions);
        replay("subtitles", super::subtitles);
        replay("view", super::view);
        replay("mp4", super::mp4);
        replay("matroska", super::matroska);
        replay("tags", super::tags);
        #[cfg(fuzzing)]
        replay("connection", super::connection);
    }
}
