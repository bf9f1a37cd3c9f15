//! SubRip subtitles as WebVTT: `film.srt?vtt`.

use std::fs::{self, File};

use super::support::*;

#[test]
fn subtitles_are_converted_with_validators_of_their_own() {
    let content = content();
    let subrip = "\u{feff}1\r\n00:00:01,000 --> 00:00:02,500\r\n{\\b1}a & b{\\b0}\r\n";
    fs::write(content.path().join("film.srt"), subrip).expect("a file");
    let server = Server::start_on(content, &[]);
    let answer = server.get("/film.srt?vtt", "");
    let text = String::from_utf8(answer.body.clone()).expect("UTF-8");
    assert!(text.starts_with("WEBVTT\n"), "{text}");
    assert!(text.contains("00:00:01.000 --> 00:00:02.500\n<b>a &amp; b</b>"), "{text}");
    assert_eq!((answer.status, answer.field("Content-Type")), (200, Some("text/vtt; charset=utf-8")));
    let tag = answer.field("ETag").expect("a tag");
    assert_ne!(Some(tag), server.get("/film.srt", "").field("ETag"), "the file has another");
    assert_eq!(server.get("/film.srt?vtt", &format!("If-None-Match: {tag}\r\n")).status, 304);
    let part = server.get("/film.srt?vtt", &format!("Range: bytes=0-5\r\nIf-Range: {tag}\r\n"));
    assert_eq!((part.status, &part.body[..]), (206, &b"WEBVTT"[..]));
    let mut client = server.connect();
    client.send("HEAD /film.srt?vtt HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(client.head().field("Content-Length"), Some(&*text.len().to_string()));
    assert_eq!(server.get("/film.srt", "").body, subrip.as_bytes(), "the file itself is as it was");
    assert_eq!(server.get("/small.txt?vtt", "").body, b"small", "of other files there is no such view");
}

#[test]
fn subtitles_of_junk_are_empty_and_too_large_ones_are_refused() {
    let content = content();
    let at = |name: &str| content.path().join(name);
    fs::write(at("binary.srt"), (0..300_000).map(film_byte).collect::<Vec<u8>>()).expect("a file");
    fs::write(at("empty.srt"), "").expect("a file");
    for (name, size) in [("zeros.srt", 4 << 20), ("large.srt", (4 << 20) + 1), ("huge.srt", 2 << 30)] {
        File::create(at(name)).and_then(|file| file.set_len(size)).expect("a sparse file");
    }
    let server = Server::start_on(content, &[]);
    for name in ["binary", "empty", "zeros"] {
        let answer = server.get(&format!("/{name}.srt?vtt"), "");
        assert_eq!((answer.status, &*answer.body), (200, &b"WEBVTT\n"[..]), "{name}");
    }
    for name in ["large", "huge"] {
        let answer = server.get(&format!("/{name}.srt?vtt"), "");
        assert_eq!(answer.status, 404, "{name}");
        assert_eq!(answer.body, b"The file is larger than 4 MiB, so it is not taken for subtitles.\n");
    }
}
