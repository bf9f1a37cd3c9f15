//! Which bytes a response carries: whole files, parts, ranges, policies.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;

use super::support::*;

#[test]
fn a_large_file_comes_in_parts() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    for (fields, first, length) in [
        ("", 0, PART),
        ("Range: bytes=0-\r\n", 0, PART),
        ("Range: bytes=5242880-\r\n", PART, PART),
        ("Range: bytes=10485760-\r\n", 2 * PART, FILM - 2 * PART),
        ("Range: bytes=1-5242880\r\n", 1, PART),
        ("Range: bytes=1-5242881\r\n", 1, PART),
        ("Range: bytes=-5242881\r\n", FILM - PART - 1, PART),
    ] {
        client.get("/film.mp4", fields);
        client.answer().assert_film(first, length);
    }
}

#[test]
fn several_ranges_come_in_one_answer() {
    let server = Server::start(&["--part-policy", "never"]);
    let mut client = server.connect();
    // The second is larger than what is read at once.
    let ranges = [(FILM - 10, 10), (5, 3_000_000), (4_000_000, 1)];
    client.get("/film.mp4", "Range: bytes=-10,5-3000004,4000000-4000000\r\n");
    let answer = client.answer();
    let content_type = answer.field("Content-Type").expect("it has one");
    let boundary = content_type.strip_prefix("multipart/byteranges; boundary=").expect("it has several parts");
    assert_eq!((answer.status, answer.field("Content-Range")), (206, None));
    let mut rest = &answer.body[..];
    for (first, length) in ranges {
        let last = first + length - 1;
        let head = format!(
            "\r\n--{boundary}\r\nContent-Type: video/mp4\r\nContent-Range: bytes {first}-{last}/{FILM}\r\n\r\n"
        );
        rest = rest.strip_prefix(head.as_bytes()).expect("the head of the next part");
        assert_film_bytes(&rest[..length], first, length);
        rest = &rest[length..];
    }
    assert_eq!(rest, format!("\r\n--{boundary}--\r\n").as_bytes());
    client.get("/film.mp4", "Range: bytes=0-9,20-0\r\n");
    assert_eq!(client.answer().status, 200, "the connection goes on");
}

#[test]
fn a_file_of_exactly_one_part_comes_whole() {
    let content = content();
    for (name, size) in [("exact.bin", PART), ("over.bin", PART + 1)] {
        File::create(content.path().join(name)).and_then(|file| file.set_len(size as u64)).expect("a file");
    }
    let server = Server::start_on(content, &[]);
    let exact = server.get("/exact.bin", "");
    assert_eq!((exact.status, exact.body.len()), (200, PART));
    let over = server.get("/over.bin", "");
    assert_eq!((over.status, over.body.len()), (206, PART));
    assert_eq!(over.field("Content-Range"), Some("bytes 0-5242879/5242881"));
}

#[test]
fn the_part_policy_says_what_is_cut() {
    for (policy, fields, status, length) in [
        ("open-ended", "", 200, FILM),
        ("open-ended", "Range: bytes=0-\r\n", 206, PART),
        ("open-ended", "Range: bytes=0-9999999\r\n", 206, 10_000_000),
        ("never", "", 200, FILM),
        ("players", "", 200, FILM),
        ("players", "Range: bytes=0-\r\n", 206, FILM),
        ("players", "User-Agent: VLC/3.0.24 LibVLC/3.0.24\r\nRange: bytes=0-\r\n", 206, PART),
        ("never", "Range: bytes=0-\r\n", 206, FILM),
    ] {
        let answer = Server::start(&["--part-policy", policy]).get("/film.mp4", fields);
        assert_eq!(answer.status, status, "{policy} {fields}");
        assert_film_bytes(&answer.body, 0, length);
    }
}

#[test]
fn downloads_and_whole_files_are_never_cut() {
    for policy in ["always", "open-ended", "players", "never"] {
        let server = Server::start(&["--part-policy", policy]);
        let tag = server.get("/film.mp4", "").field("ETag").expect("a tag").to_string();
        for query in ["?download", "?whole"] {
            let mut client = server.connect();
            let mut get = |fields: &str| {
                client.get(&format!("/film.mp4{query}"), fields);
                client.answer()
            };
            let is_download = query == "?download";
            for fields in ["", "If-Range: \"other\"\r\nRange: bytes=7-\r\n"] {
                let whole = get(fields);
                assert_eq!((whole.status, whole.field("Cache-Control")), (200, None), "{policy} {query}");
                assert_eq!(whole.field("Content-Disposition").is_some(), is_download);
                assert_film_bytes(&whole.body, 0, FILM);
            }
            get("Range: bytes=7-\r\nUser-Agent: VLC/3.0.24\r\n").assert_film(7, FILM - 7);
            get(&format!("If-Range: {tag}\r\nRange: bytes=7-\r\n")).assert_film(7, FILM - 7);
            assert_eq!(get(&format!("If-None-Match: {tag}\r\n")).status, 304);
            client.send(format!("HEAD /film.mp4{query} HTTP/1.1\r\nHost: h\r\n\r\n"));
            let head = client.head();
            assert_eq!((head.status, head.field("Content-Length")), (200, Some(&*FILM.to_string())));
            assert_eq!(head.field("Content-Disposition").is_some(), is_download);
        }
    }
}

#[test]
fn the_name_of_a_download_adds_no_field() {
    let content = content();
    for name in [&b"a\r\nX-Evil: b\".mp4"[..], b"caf\xe9.mp4"] {
        fs::write(content.path().join(OsStr::from_bytes(name)), "small").expect("a file");
    }
    let server = Server::start_on(content, &[]);
    for (target, disposition) in [
        (
            "/a%0d%0aX-Evil:%20b%22.mp4",
            "attachment; filename=\"a__X-Evil: b_.mp4\"; filename*=UTF-8''a%0D%0AX-Evil%3A%20b%22.mp4",
        ),
        ("/caf%e9.mp4", "attachment; filename=\"caf_.mp4\""),
        ("/", "attachment; filename=\"index.html\"; filename*=UTF-8''index.html"),
    ] {
        let answer = server.get(&format!("{target}?download"), "");
        assert_eq!((answer.status, answer.field("Content-Disposition")), (200, Some(disposition)));
        assert_eq!(answer.field("X-Evil"), None);
    }
    assert_eq!(server.get("/confidential/secret.txt?download", "").status, 403);
}

#[test]
fn head_tells_of_the_whole_file() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    for (target, status, length) in
        [("/film.mp4", 200, &*FILM.to_string()), ("/small.txt", 200, "5"), ("/none", 404, "28")]
    {
        client.send(format!("HEAD {target} HTTP/1.1\r\nHost: h\r\nRange: bytes=3-\r\n\r\n"));
        let head = client.head();
        assert_eq!((head.status, head.field("Content-Length")), (status, Some(length)), "{target}");
    }
    client.get("/small.txt", "");
    assert_eq!(client.answer().body, b"small", "no body came before this answer");
}

#[test]
fn a_file_that_is_cut_while_it_is_sent_ends_the_connection() {
    let server = Server::start(&["--part-policy", "never"]);
    let mut client = server.connect();
    client.get("/film.mp4", "");
    let head = client.head();
    assert_eq!(head.field("Content-Length"), Some(&*FILM.to_string()));
    // Far beyond what the socket buffers hold, so the server has not read that far.
    let kept = FILM - 1000;
    let film = server.content.path().join("film.mp4");
    File::options().write(true).open(&film).and_then(|file| file.set_len(kept as u64)).expect("it is cut");
    assert_film_bytes(&client.body(kept), 0, kept);
    assert!(client.is_closed(), "nothing is made up for what is missing");
    assert_eq!(server.get("/film.mp4", "").field("Content-Length"), Some(&*kept.to_string()));
}

#[test]
fn a_replaced_file_is_finished_as_it_was_and_then_new() {
    let server = Server::start(&["--part-policy", "never"]);
    let mut client = server.connect();
    client.get("/film.mp4", "");
    let old = client.head();
    fs::write(server.content.path().join("new"), "new").expect("a file");
    fs::rename(server.content.path().join("new"), server.content.path().join("film.mp4")).expect("it is replaced");
    assert_film_bytes(&client.body(FILM), 0, FILM);
    client.get("/film.mp4", "");
    let new = client.answer();
    assert_eq!((new.status, &new.body[..]), (200, &b"new"[..]));
    assert_ne!(new.field("ETag"), old.field("ETag"));
}
