//! Views of files: other bytes than the file's, and only as long as the file does not change.

use std::os::unix::fs::FileExt;
use std::time::SystemTime;

use super::*;
use crate::limits::VIEWS_MAX;
use crate::media::Description;
use crate::media::description::Cover;
use crate::media::view::Changes;
use crate::site::{Listing, Version};

fn boxed(kind: &[u8; 4], content: &[&[u8]]) -> Vec<u8> {
    let content = content.concat();
    [&(content.len() as u32 + 8).to_be_bytes()[..], kind, &content].concat()
}

fn track(handler: &[u8; 4]) -> Vec<u8> {
    let header = boxed(b"tkhd", &[&[0, 0, 0, 2], &[0; 80]]);
    let handler = boxed(b"hdlr", &[&[0; 8], handler, &[0; 13]]);
    boxed(b"trak", &[&header, &boxed(b"mdia", &[&handler])])
}

/// A film with a video and two audio tracks, and this many bytes of media data.
fn film(length: usize) -> Vec<u8> {
    let tracks = [track(b"vide"), track(b"soun"), track(b"soun")].concat();
    let (brand, index) = (boxed(b"ftyp", &[b"isom\0\0\0\0"]), boxed(b"moov", &[&tracks]));
    [brand, index, boxed(b"mdat", &[&vec![b'1'; length]])].concat()
}

/// The view of the film with its second audio track.
fn second(film: &[u8]) -> Vec<u8> {
    let mut view = film.to_vec();
    let tracks: Vec<_> = (0..film.len()).filter(|&at| film[at..].starts_with(b"trak")).collect();
    view[tracks[1]..tracks[1] + 4].copy_from_slice(b"free");
    // The flags of the track header.
    view[tracks[2] + 15] = 3;
    view
}

/// A client whose connection the test runs itself.
struct Client {
    connection: Option<Connection>,
    socket: Socket,
    received: Vec<u8>,
}

impl Client {
    fn new(pool: &Pool, target: &str) -> Self {
        let (server, mut socket) = Socket::pair(Domain::UNIX, Type::STREAM, None).expect("sockets");
        let request = format!("GET {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).expect("the server receives");
        socket.set_nonblocking(true).expect("it is open");
        let connection = Connection::new(server, Ipv4Addr::LOCALHOST.into(), pool.admission.admit());
        Client { connection: Some(connection), socket, received: Vec::new() }
    }

    /// Runs the connection once.
    fn run(&mut self, pool: &Pool) -> Next {
        let connection = self.connection.as_mut().expect("it has not ended");
        connection.run(Wakeup::Requeued, &mut Worker::new(pool), &mut ReadBuffer::new())
    }

    /// Runs the connection and takes what has arrived until the response has ended.
    fn take_all(&mut self, pool: &Pool) -> Vec<u8> {
        loop {
            let next = self.run(pool);
            let before = self.received.len();
            // It fails where nothing more has arrived yet.
            let _ = self.socket.read_to_end(&mut self.received);
            match next {
                Next::WaitForDisk(_) => panic!("a permit is free"),
                Next::Close => break,
                _ if self.received.len() == before => break,
                _ => {}
            }
        }
        std::mem::take(&mut self.received)
    }
}

/// The response to a GET, of which all bytes stand for characters.
fn get(pool: &Pool, target: &str) -> String {
    Client::new(pool, target).take_all(pool).into_iter().map(char::from).collect()
}

fn write(content: &TempDir, name: &str, bytes: &[u8]) {
    let mut file = std::fs::File::create(content.path().join(name)).expect("a file");
    // Old, as the clock of the file system is too coarse for two changes of a test.
    file.write_all(bytes).and_then(|()| file.set_modified(SystemTime::UNIX_EPOCH)).expect("the disk has room");
}

/// A single worker waits for no client, so that the test sees each step.
fn one_worker(settings: &mut Settings) {
    settings.workers = NonZeroUsize::MIN;
}

#[test]
fn a_view_is_sent_from_the_file_with_what_it_changes() {
    for method in [SendMethod::Pread, SendMethod::Sendfile] {
        let (content, pool, _events) = pool_with(|settings| {
            one_worker(settings);
            settings.transfer = method;
        });
        for length in [500_000, 2_000] {
            let film = film(length);
            write(&content, "film.mp4", &film);
            let answer = get(&pool, "/film.mp4?audio=2&whole");
            let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
            assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("-a2.1\""), "{head}");
            assert!(body.chars().map(|character| character as u8).eq(second(&film)), "{method:?} {length}");
        }
    }
}

#[test]
fn a_view_ends_where_its_file_changes() {
    const MEDIA: usize = 3_000_000;
    for is_appended in [false, true] {
        let (content, pool, _events) = pool_with(one_worker);
        write(&content, "film.mp4", &film(MEDIA));
        let file = std::fs::File::options().write(true).open(content.path().join("film.mp4")).expect("a file");
        let mut client = Client::new(&pool, "/film.mp4?audio=2&whole");
        assert_eq!(client.run(&pool), Next::Wait(Interest::Writable), "the client takes nothing yet");
        let changed = if is_appended { MEDIA * 2 } else { MEDIA / 2 };
        file.write_all_at(&[b'2'; 1000], changed as u64).expect("it is written");
        let answer = String::from_utf8_lossy(&client.take_all(&pool)).into_owned();
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.len() < MEDIA, "{} bytes", answer.len());
        assert!(!answer.contains("2222"), "no byte of the other version");
        // The next one is of the file as it is now.
        let answer = get(&pool, "/film.mp4?audio=2&whole");
        assert!(answer.ends_with('1') != is_appended && answer.contains("2222"), "{} bytes", answer.len());
    }
}

#[test]
fn a_view_that_waits_for_a_disk_permit_holds_no_worker() {
    serving(|address, pool| {
        let held = permit(pool).expect("no other holder");
        pool.set_cold(true);
        let waiting = asking(address, &GET_A.replace("a.txt", "large.bin?audio=2"));
        wait_for(pool, 1);
        assert_eq!(pool.reads(), 0);
        drop(held);
        let answer = answer(waiting);
        assert!(answer.starts_with("HTTP/1.1 404 ") && answer.ends_with(".\n"), "{answer}");
        assert!(permit(pool).is_some(), "every permit has been given back");
    });
}

#[test]
fn a_page_does_not_wait_for_a_disk_permit() {
    serving(|address, pool| {
        let held = permit(pool).expect("no other holder");
        pool.set_cold(true);
        let page = || answer(asking(address, "GET /?json HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
        let before = page();
        assert!(before.starts_with("HTTP/1.1 200 ") && before.contains("large.bin"), "{before}");
        let Ok(Listing::Read(folder)) = pool.site.list(b"") else { panic!("it is read") };
        let id = folder.get(b"large.bin").expect("it is listed").file_id();
        assert!(pool.reads() == 0 && pool.site.description(&id).is_none());
        drop(held);
        page();
        assert!(pool.site.description(&id).is_some(), "it is known from now on");
        assert!(permit(pool).is_some(), "every permit has been given back");
    });
}

#[test]
fn the_cover_is_a_slice_of_the_file() {
    let (_content, pool, _events) = pool_with(one_worker);
    let Ok(Listing::Read(folder)) = pool.site.list(b"") else { panic!("it is read") };
    let cover = Some(Cover { bytes: 4..9, content_type: "image/png" });
    let entry = folder.get(b"large.bin").expect("it is listed");
    let describe = |cover| {
        let description = Description { cover, ..Description::default() };
        pool.site.keep_description(entry.file_id(), Arc::new(description));
    };
    describe(cover);
    let answer = get(&pool, "/large.bin?cover");
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\nxxxxx"), "{answer}");
    assert!(answer.contains("\r\nContent-Type: image/png\r\n") && answer.contains("-c.1\"\r\n"), "{answer}");
    for bytes in [5..5, LARGE as u64 - 1..LARGE as u64 + 1, u64::MAX - 1..u64::MAX] {
        describe(Some(Cover { bytes, content_type: "image/png" }));
        let answer = get(&pool, "/large.bin?cover");
        assert!(answer.starts_with("HTTP/1.1 404 ") && answer.ends_with("has no cover in it.\n"), "{answer}");
    }
}

#[test]
fn views_under_way_are_limited() {
    let (content, pool, _events) = pool_with(one_worker);
    write(&content, "film.mp4", &film(500_000));
    let version = Version::of(std::fs::File::open(content.path().join("a.txt")).expect("a file")).expect("it is open");
    let held = pool.site.add_view(version, Changes::default(), vec![vec![0; VIEWS_MAX - 500].into()]);
    let status = || get(&pool, "/film.mp4?audio=2")[9..12].to_string();
    assert_eq!(status(), "503");
    drop(held);
    assert_eq!(status(), "206");
}

#[test]
fn a_page_says_how_many_files_are_not_described_yet() {
    let (content, pool, _events) = pool_with(one_worker);
    let files = crate::limits::DESCRIBED_BESIDE_OTHERS + 1;
    for number in 0..files {
        write(&content, &format!("{number}.mp4"), b"film");
    }
    let site = Site::scan(content.path(), AccessRules::new([]).expect("no further folders")).expect("it is there");
    let shutdown = Arc::new(Shutdown::new().expect("a descriptor"));
    let pool = Pool::new(pool.settings.clone(), Arc::new(site), None, shutdown, unbounded().0).expect("descriptors");
    let page = || get(&pool, "/?q=mp4");
    let held = pool.describing.take(1);
    assert!(page().contains(&format!(" data-pending=\"{files}\"")), "another worker describes as many");
    drop(held);
    assert!(!page().contains("data-pending"));
    let held = pool.describing.take(1);
    assert!(!page().contains("data-pending"), "they are known");
    drop(held);
}
