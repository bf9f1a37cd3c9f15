//! The player page of films, audio tracks and pictures.

use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;

use tempfile::TempDir;

use super::support::*;

/// A folder of these files, whose content is their name, beside those of every test.
fn server_with(names: &[&str]) -> Server {
    let content = content();
    write(&content, names);
    let server = Server::start_on(content, &[]);
    server.wait_until_read();
    server
}

fn write(content: &TempDir, names: &[&str]) {
    for name in names {
        let path = content.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, name).expect("a file");
    }
}

/// The page at a target, once the folder has been read.
fn page(server: &Server, target: &str) -> String {
    wait_until("the folder is read", || server.get("/films/", "").status != 503);
    let answer = server.get(target, "");
    assert_eq!((answer.status, answer.field("Content-Type")), (200, Some("text/html; charset=utf-8")), "{target}");
    String::from_utf8(answer.body).expect("a page is UTF-8")
}

#[track_caller]
fn assert_has(page: &str, parts: &[&str]) {
    for part in parts {
        assert!(page.contains(part), "{part}\nis not in\n{page}");
    }
}

#[test]
fn a_film_has_a_page_with_a_player_and_ways_out_of_it() {
    let server = server_with(&["films/A film.mp4", "films/A film.jpg", "films/B.webm", "films/C.mp3"]);
    let page = page(&server, "/films/A%20film.mp4?play");
    assert_has(
        &page,
        &[
            "<h1>A film</h1>",
            "<video id=\"player\" controls playsinline preload=\"metadata\" poster=\"A%20film.jpg?whole\" \
             src=\"A%20film.mp4\">",
            "href=\"./\" rel=\"up\"",
            "<a class=\"next\" rel=\"next\" href=\"B.webm?play\">",
            "href=\"A%20film.mp4?download\"",
            "href=\"A%20film.mp4?m3u\"",
            "data-path=\"/films/A%20film.mp4\"",
        ],
    );
    assert!(!page.contains("rel=\"prev\"") && !page.contains("C.mp3"), "{page}");
    let tag = server.get("/films/A%20film.mp4", "").field("ETag").expect("a tag").replace('"', "&quot;");
    assert_has(&page, &[&format!("data-tag=\"{tag}\"")]);
}

#[test]
fn audio_tracks_of_a_folder_are_a_playlist_in_natural_order() {
    let server = server_with(&["music/2.flac", "music/10.mp3", "music/1.m4a", "music/list.m3u", "music/cover.png"]);
    let page = page(&server, "/music/2.flac?play");
    assert_has(
        &page,
        &[
            "<img src=\"cover.png?whole\" alt=\"\">",
            "<audio id=\"player\" controls preload=\"metadata\" src=\"2.flac\">",
            "<a class=\"prev\" rel=\"prev\" href=\"1.m4a?play\">",
            "<a class=\"next\" rel=\"next\" href=\"10.mp3?play\">",
            "<li><a href=\"1.m4a?play\">1</a></li><li><a href=\"2.flac?play\" aria-current=\"page\">2</a></li>\
             <li><a href=\"10.mp3?play\">10</a></li></ol>",
        ],
    );
}

#[test]
fn a_picture_has_a_page_between_its_neighbours() {
    let server = server_with(&["photos/a.jpg", "photos/b.png", "photos/c.webp", "photos/d.mp4"]);
    let page = page(&server, "/photos/b.png?play");
    assert_has(
        &page,
        &[
            "<img id=\"picture\" src=\"b.png?whole\" alt=\"b\">",
            "rel=\"prev\" href=\"a.jpg?play\" aria-label=\"Previous\"",
            "rel=\"next\" href=\"c.webp?play\" aria-label=\"Next\"",
        ],
    );
}

#[test]
fn other_files_have_no_player_page() {
    let server = server_with(&["films/a.mp4"]);
    page(&server, "/films/a.mp4?play");
    assert_eq!(server.get("/small.txt?play", "").body, b"small");
    assert_eq!(server.get("/films?play", "").status, 301);
    assert_eq!(server.get("/none.mp4?play", "").status, 404);
    assert_eq!(server.get("/confidential/secret.mp4?play", "").status, 403);
}

#[test]
fn names_are_text_on_a_page_and_bytes_in_its_links() {
    let names: [&[u8]; 4] =
        [b"\"><script>alert(1)<script>.mp4", b"50% #1?&amp;.mp4", b"\xff\xfe.mp4", b"new\nline.mp4"];
    let content = content();
    for name in names {
        File::create(content.path().join("films").join(std::ffi::OsStr::from_bytes(name))).expect("a file");
    }
    let server = Server::start_on(content, &[]);
    server.wait_until_read();
    for name in names {
        let link: String = name.iter().map(|byte| format!("%{byte:02X}")).collect();
        let page = page(&server, &format!("/films/{link}?play"));
        assert!(!page.contains("<script>") && !page.contains("?&amp;."), "{page}");
        // What the page asks for is the file itself.
        let (_, rest) = page.split_once("<video").and_then(|(_, rest)| rest.split_once(" src=\"")).expect("a source");
        let source = rest.split('"').next().expect("its end");
        assert_eq!(server.get(&format!("/films/{source}"), "").status, 200, "{source}");
    }
    let hostile = page(&server, "/films/50%25%20%231%3F%26amp%3B.mp4?play");
    assert_has(&hostile, &["<h1>50% #1?&amp;amp;</h1>", "src=\"50%25%20%231%3F%26amp%3B.mp4\""]);
}

#[test]
fn subtitles_beside_a_film_and_in_a_folder_subs_are_its_tracks() {
    let names = [
        "films/a.mp4",
        "films/a.srt",
        "films/a.de.forced.srt",
        "films/a.pt-BR.vtt",
        "films/b.srt",
        "films/Subs/2_English.srt",
        "films/Subs/a.en.sdh.srt",
    ];
    let server = server_with(&names);
    let page = page(&server, "/films/a.mp4?play");
    let tracks: Vec<&str> = page.split("<track ").skip(1).filter_map(|rest| rest.split('>').next()).collect();
    assert_eq!(
        tracks,
        [
            "kind=\"subtitles\" src=\"a.srt?vtt\" srclang=\"und\" label=\"Subtitles\"",
            "kind=\"subtitles\" src=\"a.de.forced.srt?vtt\" srclang=\"de\" label=\"German (forced)\" default",
            "kind=\"subtitles\" src=\"a.pt-BR.vtt?whole\" srclang=\"pt-BR\" label=\"Portuguese (BR)\"",
            "kind=\"subtitles\" src=\"Subs/2_English.srt?vtt\" srclang=\"en\" label=\"English\"",
            "kind=\"captions\" src=\"Subs/a.en.sdh.srt?vtt\" srclang=\"en\" label=\"English (hearing impaired)\"",
        ]
    );
}

#[test]
fn the_address_for_another_device_is_a_qr_code_unless_it_means_this_one() {
    let server = server_with(&["films/a.mp4"]);
    page(&server, "/films/a.mp4?play");
    let with_host = |host: &str| {
        let mut client = server.connect();
        client.send(format!("GET /films/a.mp4?play HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        String::from_utf8(client.answer().body).expect("UTF-8")
    };
    assert_has(
        &with_host("192.0.2.1:8080"),
        &["QR code of this address", "<a href=\"http://192.0.2.1:8080/films/a.mp4?play\">"],
    );
    assert_has(&with_host("localhost:8080"), &["localhost:8080 is this device alone."]);
    let mut client = server.connect();
    client.send("GET /films/a.mp4?play HTTP/1.0\r\n\r\n");
    assert!(!String::from_utf8_lossy(&client.answer().body).contains("QR code"), "there is no address");
}
