//! Content that no file has.

use super::*;
use crate::limits::{GENERATED_MAX, ROWS_MAX};

/// The whole response to a request for the page of the content folder.
fn page(address: SocketAddr, method: &str, fields: &str) -> String {
    answer(asking(address, &format!("{method} / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{fields}\r\n")))
}

#[test]
fn a_page_is_a_resource_like_any_other() {
    serving(|address, _| {
        let first = page(address, "GET", "");
        assert!(first.starts_with("HTTP/1.1 200 ") && first.ends_with("</html>"), "{first}");
        assert!(!first.contains("Last-Modified"), "{first}");
        let (head, body) = first.split_once("\r\n\r\n").expect("a head");
        let tag = head.lines().find_map(|line| line.strip_prefix("ETag: ")).expect("it has a tag");
        let last = page(address, "GET", &format!("Range: bytes=-7\r\nIf-Range: {tag}\r\n"));
        let range = format!("\r\nContent-Range: bytes {}-{}/{}\r\n", body.len() - 7, body.len() - 1, body.len());
        assert!(last.contains(&range) && last.ends_with("\r\n\r\n</html>"), "{last}");
        assert!(page(address, "GET", &format!("If-None-Match: {tag}\r\n")).starts_with("HTTP/1.1 304 "));
        assert!(page(address, "GET", "If-Match: \"another\"\r\n").starts_with("HTTP/1.1 412 "));
        assert!(page(address, "GET", &format!("Range: bytes={}-\r\n", body.len())).starts_with("HTTP/1.1 416 "));
        let head = page(address, "HEAD", "");
        assert!(head.contains(&format!("\r\nETag: {tag}\r\n")) && head.ends_with("\r\n\r\n"), "{head}");
    });
}

/// The status of the response to a GET, of which the client takes nothing more.
fn status(pool: &Pool, target: &str) -> String {
    let (server, mut client) = Socket::pair(Domain::UNIX, Type::STREAM, None).expect("sockets");
    let request = format!("GET {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    client.write_all(request.as_bytes()).expect("the server receives");
    let mut connection = Connection::new(server, Ipv4Addr::LOCALHOST.into(), pool.admission.admit());
    connection.run(Wakeup::New(Instant::now()), &mut Worker::new(pool), &mut ReadBuffer::new());
    let mut head = [0; 12];
    client.read_exact(&mut head).expect("a response");
    String::from_utf8_lossy(&head[9..]).into_owned()
}

/// A single worker waits for no client.
fn one_worker(settings: &mut Settings) {
    settings.workers = NonZeroUsize::MIN;
}

#[test]
fn large_pages_under_way_are_limited() {
    let (_content, pool, _events) = pool_with(one_worker);
    // The filter stands in every link of the page, which makes that large.
    let target = format!("/?q={}", "a".repeat(7000));
    assert_eq!(status(&pool, &target), "200");
    let held = pool.generated.take(GENERATED_MAX);
    assert_eq!(status(&pool, &target), "503");
    drop(held);
    assert_eq!(status(&pool, &target), "200");
    assert_eq!(pool.generated.taken(), 0, "every page has been given back");
}

#[test]
fn one_worker_at_once_makes_what_takes_long() {
    let (content, pool, _events) = pool_with(one_worker);
    let subtitles = "1\n00:00:01,000 --> 00:00:02,000\ntext\n\n".repeat(10_000);
    std::fs::write(content.path().join("long.srt"), subtitles).expect("a file");
    assert_eq!(status(&pool, "/long.srt?vtt"), "200");
    let held = pool.generating.take(1);
    assert_eq!(status(&pool, "/long.srt?vtt"), "503");
    assert_eq!(status(&pool, "/"), "200", "a small page is made beside it");
    drop(held);
    assert_eq!(status(&pool, "/long.srt?vtt"), "200");
}

#[test]
fn a_file_of_a_large_folder_waits_for_no_page() {
    let content = tempfile::tempdir().expect("a temporary folder");
    for number in 0..=ROWS_MAX {
        std::fs::write(content.path().join(format!("{number}.mp4")), "film").expect("a file");
    }
    let (_, other, _events) = pool_with(one_worker);
    let site = Site::scan(content.path(), AccessRules::new([]).expect("no further folders")).expect("it is there");
    let shutdown = Arc::new(Shutdown::new().expect("a descriptor"));
    let pool = Pool::new(other.settings.clone(), Arc::new(site), None, shutdown, unbounded().0).expect("descriptors");
    let held = pool.generating.take(1);
    for (target, expected) in [
        ("/1.mp4", "200"),
        ("/1.mp4?whole", "200"),
        ("/1.mp4?download", "200"),
        ("/1.mp4?m3u", "200"),
        ("/1.mp4?play", "503"),
    ] {
        assert_eq!(status(&pool, target), expected, "{target}");
    }
    drop(held);
    assert_eq!(status(&pool, "/1.mp4?play"), "200");
}
