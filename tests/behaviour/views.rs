//! Views of a film: its audio track chosen, its index in front, its cover.

use std::fs;
use std::fs::File;
use std::time::{Duration, SystemTime};

use super::support::*;

const PART_SIZE: usize = 1000;

fn boxed(kind: &[u8; 4], content: &[&[u8]]) -> Vec<u8> {
    let content = content.concat();
    [&(content.len() as u32 + 8).to_be_bytes()[..], kind, &content].concat()
}

/// A track of one sample, which is the first of the media data.
fn track(number: u8, handler: &[u8; 4], offset: u32) -> Vec<u8> {
    let table = |kind, numbers: &[u32]| {
        let numbers: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
        boxed(kind, &[&[0; 4], &numbers])
    };
    let header = boxed(b"tkhd", &[&[0, 0, 0, 2], &[0; 11], &[number], &[0; 68]]);
    let media_header = boxed(b"mdhd", &[&[0; 12], &[0, 0, 3, 0xe8, 0, 0, 3, 0xe8], &[0x55, 0xc4, 0, 0]]);
    let handler = boxed(b"hdlr", &[&[0; 8], handler, &[0; 13]]);
    let tables = [
        table(b"stsd", &[0]),
        table(b"stts", &[1, 1, 1000]),
        table(b"stsc", &[1, 1, 1, 1]),
        table(b"stsz", &[10, 1]),
        table(b"stco", &[1, offset]),
    ];
    let tables = boxed(b"stbl", &[&tables.concat()]);
    boxed(b"trak", &[&header, &boxed(b"mdia", &[&media_header, &handler, &boxed(b"minf", &[&tables])])])
}

/// A film with a video and two audio tracks, whose index lies behind its media data.
fn film(length: usize) -> Vec<u8> {
    let media: Vec<u8> = (0..length).map(film_byte).collect();
    let brand = boxed(b"ftyp", &[b"isom\0\0\x02\0isomiso2mp41"]);
    let offset = brand.len() as u32 + 8;
    let tracks = [track(1, b"vide", offset), track(2, b"soun", offset), track(3, b"soun", offset)];
    let header = boxed(b"mvhd", &[&[0; 12], &[0, 0, 3, 0xe8, 0, 0, 3, 0xe8], &[0; 80]]);
    [brand, boxed(b"mdat", &[&media]), boxed(b"moov", &[&header, &tracks.concat()])].concat()
}

/// A film that is cached, and one that is not.
const FILMS: [(&str, usize); 2] = [("small", 4_000), ("large", 40_000)];

fn server(flags: &[&str]) -> Server {
    let content = content();
    let write = |name: &str, bytes: &[u8]| {
        let path = content.path().join(name);
        fs::write(&path, bytes).expect("a file");
        let hour = Duration::from_secs(3600);
        File::options()
            .write(true)
            .open(path)
            .and_then(|file| file.set_modified(SystemTime::now() - hour))
            .expect("a time");
    };
    for (name, length) in FILMS {
        write(&format!("{name}.mp4"), &film(length));
    }
    write("untitled", &film(4_000));
    write("film.bin", &film(4_000));
    write("page", b"<!doctype html><script>alert(1)</script>");
    write("drawing", b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>");
    write("cut.mp4", &film(4_000)[..2_000]);
    write("empty.mp4", b"");
    Server::start_on(content, &[&["--part-size", "1000"], flags].concat())
}

fn tag(answer: &Answer) -> String {
    answer.field("ETag").expect("a tag").to_string()
}

/// Checks that every range of a view is a slice of it, and that its validators are its own.
fn assert_is_a_resource(server: &Server, target: &str, view: &[u8], plain: &Answer) {
    let mut client = server.connect();
    client.send(format!("HEAD {target} HTTP/1.1\r\nHost: h\r\n\r\n"));
    let head = client.head();
    assert_eq!(head.field("Content-Length"), Some(&*view.len().to_string()), "{target}");
    assert_eq!(head.field("Last-Modified"), plain.field("Last-Modified"));
    let (own, of_file) = (tag(&head), tag(plain));
    assert!(own.starts_with(of_file.trim_end_matches('"')) && own != of_file, "{own} {of_file}");
    let mut get = |fields: &str| {
        client.get(target, fields);
        client.answer()
    };
    let first = get("");
    assert_eq!((first.status, &*tag(&first)), (206, &*own));
    assert_eq!(first.field("Content-Range"), Some(&*format!("bytes 0-{}/{}", PART_SIZE - 1, view.len())));
    assert!(first.body == view[..PART_SIZE]);
    for start in (0..view.len()).step_by(97) {
        for length in [1, 50, PART_SIZE] {
            let end = (start + length).min(view.len());
            let part = get(&format!("Range: bytes={start}-{}\r\nIf-Range: {own}\r\n", end - 1));
            assert!(part.status == 206 && part.body == view[start..end], "{target} {start}-{end}");
        }
    }
    let several = get("Range: bytes=0-9,-9\r\n");
    let ends = [&view[..10], &view[view.len() - 9..]];
    assert!(ends.iter().all(|end| several.body.windows(end.len()).any(|window| window == *end)), "{target}");
    assert_eq!(get(&format!("Range: bytes={}-\r\n", view.len())).status, 416);
    assert_eq!(get(&format!("If-None-Match: {own}\r\n")).status, 304);
    assert_eq!(get(&format!("If-None-Match: {of_file}\r\n")).status, 206);
    assert_eq!(get(&format!("If-Match: {of_file}\r\n")).status, 412);
    let other = get(&format!("Range: bytes=50-59\r\nIf-Range: {of_file}\r\n"));
    assert!(other.body == view[..PART_SIZE], "the tag of the file means the file");
    // The other way round.
    let file = target.split('?').next().expect("a path");
    assert_eq!(server.get(file, &format!("If-None-Match: {own}\r\n")).status, 206);
}

#[test]
fn an_audio_track_is_chosen_by_a_few_bytes_on_the_way_out() {
    let server = server(&[]);
    for (name, length) in FILMS {
        let film = film(length);
        let plain = server.get(&format!("/{name}.mp4"), "");
        for track in [1, 2] {
            let target = format!("/{name}.mp4?audio={track}");
            let whole = server.get(&format!("{target}&whole"), "");
            assert_eq!((whole.status, whole.body.len()), (200, film.len()), "{target}");
            let changed = (0..film.len()).filter(|&at| film[at] != whole.body[at]).count();
            assert!((1..=16).contains(&changed), "{target} changes {changed} bytes");
            assert_is_a_resource(&server, &target, &whole.body, &plain);
        }
        let [one, other] = [1, 2].map(|track| tag(&server.get(&format!("/{name}.mp4?audio={track}"), "")));
        assert_ne!(one, other);
        assert!(server.get(&format!("/{name}.mp4?whole"), "").body == film, "the file is as it was");
    }
}

/// Whether the index of a film lies in front of its media data.
fn is_in_front(film: &[u8]) -> bool {
    let place = |kind: &[u8]| film.windows(4).position(|window| window == kind);
    place(b"moov") < place(b"mdat")
}

#[test]
fn the_index_of_a_film_is_moved_to_its_front() {
    let server = server(&[]);
    for (name, length) in FILMS {
        let plain = server.get(&format!("/{name}.mp4"), "");
        for changes in ["faststart", "audio=2&faststart"] {
            let target = format!("/{name}.mp4?{changes}");
            let whole = server.get(&format!("{target}&whole"), "");
            assert!(whole.status == 200 && is_in_front(&whole.body), "{target}");
            let media = whole.body.windows(4).position(|window| window == b"mdat").expect("its data") + 4;
            assert!(whole.body[media..].iter().copied().eq((0..length).map(film_byte)), "{target}");
            assert_is_a_resource(&server, &target, &whole.body, &plain);
        }
        let download = server.get(&format!("/{name}.mp4?audio=2&faststart&download"), "");
        assert_eq!(download.status, 200);
        assert!(is_in_front(&download.body));
        assert!(download.field("Content-Disposition").is_some_and(|field| field.contains(&format!("\"{name}.mp4\""))));
    }
}

#[test]
fn faststart_can_be_the_rule_for_all_but_downloads() {
    let server = server(&["--faststart"]);
    for (name, length) in FILMS {
        let whole = |query: &str| server.get(&format!("/{name}.mp4?{query}"), "").body;
        let view = whole("faststart&whole");
        assert!(is_in_front(&view) && whole("whole") == view, "{name}");
        assert!(server.get(&format!("/{name}.mp4"), "").body == view[..PART_SIZE]);
        assert!(whole("download") == film(length));
        assert!(is_in_front(&whole("faststart&download")));
    }
    for target in ["/small.txt", "/film.bin", "/cut.mp4", "/empty.mp4"] {
        let plain = server.get(target, "");
        let tag = tag(&plain);
        assert!(!tag.contains("-f.") && tag.matches('-').count() == 1, "{target} {tag}");
    }
}

#[test]
fn where_faststart_is_of_no_use_the_file_is_sent_as_it_is() {
    let server = server(&[]);
    for target in ["/small.txt", "/cut.mp4", "/empty.mp4", "/page"] {
        let [plain, view] = [target.to_string(), format!("{target}?faststart")].map(|target| server.get(&target, ""));
        assert_eq!((view.status, tag(&view)), (plain.status, tag(&plain)), "{target}");
        assert!(view.body == plain.body, "{target}");
    }
}

#[test]
fn what_has_no_such_view_says_why() {
    let server = server(&[]);
    for target in [
        "/large.mp4?audio=3",
        "/large.mp4?audio=0",
        "/large.mp4?audio=",
        "/large.mp4?audio",
        "/large.mp4?audio=x",
        "/large.mp4?audio=-1",
        "/large.mp4?audio=%2B1",
        "/large.mp4?audio=2.0",
        "/large.mp4?audio=18446744073709551617",
        "/large.mp4?audio=3&faststart",
        "/large.mp4?audio=18446744073709551615",
        "/small.txt?audio=1",
        "/empty.mp4?audio=1",
        "/small.txt?cover",
        "/large.mp4?cover",
        "/empty.mp4?cover",
        "/none.mp4?audio=1",
    ] {
        let answer = server.get(target, "");
        assert_eq!(answer.status, 404, "{target}");
        assert!(answer.body.ends_with(b".\n"), "{target}");
        assert_eq!(answer.field("Connection"), Some("keep-alive"), "{target}");
    }
    assert_eq!(
        server.get("/large.mp4?audio=x", "").body,
        b"The audio track must be a number from 1 on, as in ?audio=2.\n"
    );
    assert_eq!(server.get("/confidential/secret.txt?audio=1", "").status, 403);
    assert_eq!(server.get("/films?audio=1", "").status, 301);
}

#[test]
fn media_is_known_by_its_content_where_its_name_says_nothing() {
    let server = server(&[]);
    for (target, content_type) in [
        ("/untitled", "video/mp4"),
        ("/film.bin", "application/octet-stream"),
        ("/page", "application/octet-stream"),
        ("/drawing", "application/octet-stream"),
    ] {
        // Also once it is in the cache.
        for _ in 0..20 {
            assert_eq!(server.get(target, "").field("Content-Type"), Some(content_type), "{target}");
        }
    }
}
