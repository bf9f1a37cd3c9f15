//! The folder page and its forms, for people and for programs.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use serde_json::Value;
use tempfile::TempDir;

use super::readers::{Seen, kodi, rclone};
use super::support::*;

const BROWSER: &str = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n";

const MODIFIED: &str = "1994-11-06 08:49";

/// Names that are easily written, linked or read in a wrong way.
const NAMES: [&[u8]; 30] = [
    b"film.mp4",
    b"\"double\".mp4",
    b"'single'.mp4",
    b"\"><script>document.title='owned'<!--.mp4",
    b"100%.mp4",
    b"50%41.mp4",
    b"%2e%2e",
    b"#1.mp4",
    b"what?.mp4",
    b"a&amp;b.mp4",
    b"a&lt;b.mp4",
    b"&amp;.mp4",
    b"&#65;.mp4",
    b"x&#65;.mp4",
    b"two\nlines.mp4",
    b"tab\tand\r\nmore.mp4",
    b"\x07bell.mp4",
    b"trailing ",
    b"12:30.mp4",
    b"back\\slash\\.mp4",
    b"a+b;c=d.mp4",
    b"Play",
    b"Download",
    b"~user",
    "\u{fc}bung \u{65e5}\u{672c}.mp4".as_bytes(),
    "\u{202e}4pm.mp4".as_bytes(),
    &[b'x'; 255],
    // What Kodi cannot read in any form: it trims the text of links, and compares it as UTF-8.
    b" leading.mp4",
    b"\t",
    b"caf\xe9.mp4",
];

const NOT_FOR_KODI: usize = 3;

fn write(folder: &Path, name: &[u8], size: usize) {
    let file = File::create(folder.join(OsStr::from_bytes(name))).expect("a file");
    file.set_len(size as u64).expect("a size");
    file.set_modified(UNIX_EPOCH + Duration::from_secs(784_111_777)).expect("a time");
}

/// Files with all those names, of 1, 2, 3 … bytes, and a folder of the same names with a d before.
fn hostile_content() -> TempDir {
    let content = tempfile::tempdir().expect("a temporary folder");
    for (place, name) in NAMES.iter().enumerate() {
        write(content.path(), name, place + 1);
        if name.len() < 255 {
            let folder = content.path().join(OsStr::from_bytes(&[b"d", *name].concat()));
            fs::create_dir(&folder).expect("a folder");
            File::open(&folder).and_then(|folder| folder.set_modified(UNIX_EPOCH)).expect("a time");
        }
    }
    for folder in ["confidential", ".hidden"] {
        fs::create_dir(content.path().join(folder)).expect("a folder");
    }
    write(content.path(), b".secret", 1);
    content
}

/// The content folder with the folders and files of the test, served and scanned.
fn serve(content: TempDir, flags: &[&str]) -> Server {
    let server = Server::start_on(content, flags);
    server.wait_until_read();
    server
}

fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body.clone()).expect("a page is UTF-8")
}

fn encoded(name: &[u8]) -> String {
    percent_encode(name, NON_ALPHANUMERIC).to_string()
}

/// What is there, less the files and folders that are the last in the list of names.
fn expected(less: usize, date: Option<&str>, is_sized: bool) -> Vec<Seen> {
    let names = &NAMES[..NAMES.len() - less];
    let files = names.iter().enumerate().map(|(place, name)| Seen {
        name: name.to_vec(),
        is_folder: false,
        date: date.map(str::to_string),
        size: is_sized.then_some(place as u64 + 1),
    });
    let folders = NAMES.iter().filter(|name| name.len() < 255).map(|name| Seen {
        name: [b"d", *name].concat(),
        is_folder: true,
        date: date.map(|_| "1970-01-01 00:00".to_string()),
        size: None,
    });
    files.chain(folders.filter(|folder| less == 0 || std::str::from_utf8(&folder.name).is_ok())).collect()
}

/// That each was seen, and once.
fn assert_same(seen: &[Seen], expected: &[Seen]) {
    for (one, other, what) in [(seen, expected, "too much"), (expected, seen, "missing")] {
        let differing = one.iter().find(|entry| !other.contains(entry));
        assert_eq!(differing.map(|entry| (entry.name.escape_ascii().to_string(), entry)), None, "{what}");
    }
    assert_eq!(seen.len(), expected.len());
}

#[test]
fn kodi_sees_every_entry_once_with_date_and_size() {
    let server = serve(hostile_content(), &[]);
    let page = text(&server.get("/", "Accept: */*\r\n"));
    assert_same(&kodi(&page), &expected(NOT_FOR_KODI, Some(MODIFIED), true));
}

#[test]
fn kodi_reads_sizes_of_every_magnitude() {
    let content = tempfile::tempdir().expect("a temporary folder");
    for size in [0, 1023, 1024, 15_623_782, 3 << 30] {
        write(content.path(), size.to_string().as_bytes(), size);
    }
    let server = serve(content, &[]);
    for entry in kodi(&text(&server.get("/", ""))) {
        let size: f64 = String::from_utf8_lossy(&entry.name).parse().expect("its name is its size");
        let seen = entry.size.expect("it has a size") as f64;
        assert!((seen - size).abs() <= size * 0.05, "{entry:?}");
    }
}

#[test]
fn rclone_sees_every_entry_once_and_can_ask_for_it() {
    let server = serve(hostile_content(), &["--part-policy", "never"]);
    let seen = rclone(&text(&server.get("/", "")));
    let mut client = server.connect();
    for entry in &seen {
        let slash = if entry.is_folder { "/" } else { "" };
        client.send(format!("HEAD /{}{slash} HTTP/1.1\r\nHost: h\r\n\r\n", encoded(&entry.name)));
        let head = client.head();
        assert_eq!(head.status, 200, "{entry:?}");
        if let Some(place) = NAMES.iter().position(|name| !entry.is_folder && **name == entry.name) {
            assert_eq!(head.field("Content-Length"), Some(&*(place + 1).to_string()), "{entry:?}");
            assert_eq!(head.field("Last-Modified"), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
        }
    }
    assert_same(&seen, &expected(0, None, false));
}

#[test]
fn programs_see_a_folder_below_another_alike() {
    let content = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir_all(content.path().join("films/2024/films")).expect("folders");
    write(&content.path().join("films/2024"), b"2024", 5);
    let server = serve(content, &[]);
    let page = text(&server.get("/films/2024/", ""));
    for seen in [kodi(&page), rclone(&page)] {
        let names: Vec<_> = seen.iter().map(|entry| (&*entry.name, entry.is_folder)).collect();
        assert_eq!(names, [(&b"films"[..], true), (b"2024", false)], "not those above it");
    }
}

#[test]
fn programs_see_a_file_whose_content_is_shown_alike() {
    let content = tempfile::tempdir().expect("a temporary folder");
    fs::write(content.path().join("old.avi"), b"RIFF\x04\0\0\0AVI ").expect("a file");
    fs::write(content.path().join("plain.txt"), "plain").expect("a file");
    let server = serve(content, &[]);
    let page = text(&server.get("/", ""));
    assert!(page.contains("May need VLC"), "it is described: {page}");
    for seen in [kodi(&page), rclone(&page)] {
        let names: Vec<_> = seen.iter().map(|entry| (&*entry.name, entry.is_folder)).collect();
        assert_eq!(names, [(&b"old.avi"[..], false), (b"plain.txt", false)]);
    }
    assert_eq!(kodi(&page).iter().map(|entry| entry.size).collect::<Vec<_>>(), [Some(12), Some(5)]);
}

#[test]
fn names_are_text_and_no_markup() {
    let server = serve(hostile_content(), &[]);
    let page = text(&server.get("/", BROWSER));
    assert!(page.contains("&quot;&gt;&lt;script&gt;document.title='owned'&lt;!--.mp4"));
    // The script of the page, and nothing else.
    assert_eq!(page.matches("<script").count(), 1);
    assert!(page.contains("caf\u{fffd}.mp4") && page.contains("href=\"caf%E9.mp4\""));
    assert!(
        server
            .get("/", BROWSER)
            .field("Content-Security-Policy")
            .is_some_and(|policy| policy.contains("script-src 'self'"))
    );
}

#[test]
fn what_is_hidden_or_confidential_is_in_no_listing() {
    let server = serve(hostile_content(), &["--confidential", "d~user"]);
    for target in ["/", "/?json", "/?m3u", "/?q=secret", "/?q=confidential", "/?view=grid"] {
        let page = text(&server.get(target, ""));
        for name in ["href=\"confidential", ".hidden", ".secret", "d~user"] {
            assert!(!page.contains(name), "{target} shows {name}");
        }
    }
    for (target, status) in [("/confidential/", 403), ("/d~user/?json", 403), ("/.hidden/", 404), ("/none/", 404)] {
        assert_eq!(server.get(target, "").status, status, "{target}");
    }
}

#[test]
fn json_has_the_fields_of_caddy() {
    let server = serve(hostile_content(), &[]);
    for (target, fields) in [("/?json", ""), ("/", "Accept: application/json\r\n")] {
        let answer = server.get(target, fields);
        assert_eq!(answer.field("Content-Type"), Some("application/json"));
        assert_eq!(answer.field("Vary"), Some("Accept"));
        let entries: Vec<Value> = serde_json::from_slice(&answer.body).expect("an array");
        assert_eq!(entries.len(), 2 * NAMES.len() - 1);
        for (place, name) in NAMES.iter().enumerate() {
            let name = String::from_utf8_lossy(name);
            let entry = entries.iter().find(|entry| entry["name"] == *name).expect("it is listed");
            assert_eq!(entry["size"], place + 1);
            assert_eq!(entry["mod_time"], "1994-11-06T08:49:37Z");
            assert_eq!(entry["is_dir"], false);
            let url = entry["url"].as_str().and_then(|url| url.strip_prefix("./")).expect("a relative URL");
            assert_eq!(server.get(&format!("/{url}"), "").body.len(), place + 1, "{url}");
        }
        let film = entries.iter().find(|entry| entry["name"] == "film.mp4").expect("it is listed");
        assert_eq!(film["type"], "video/mp4");
        let folder = entries.iter().find(|entry| entry["name"] == "dPlay/").expect("it is listed");
        assert_eq!((&folder["url"], &folder["is_dir"]), (&"./dPlay/".into(), &true.into()));
    }
}

#[test]
fn a_playlist_has_absolute_addresses_of_whole_files() {
    let server = Server::start(&[]);
    fs::create_dir(server.content.path().join("a b")).expect("a folder");
    write(&server.content.path().join("a b"), b"two\nlines 10.mp3", 7);
    write(&server.content.path().join("a b"), b"two\nlines 9.mp3", 7);
    write(&server.content.path().join("a b"), b"notes.txt", 7);
    wait_until("the folder is listed", || server.get("/a%20b/?m3u", "").body.len() > 100);
    let list = "#EXTM3U\n\
         #EXTINF:-1,two lines 9\nhttp://h/a%20b/two%0Alines%209.mp3?whole\n\
         #EXTINF:-1,two lines 10\nhttp://h/a%20b/two%0Alines%2010.mp3?whole\n";
    let answer = server.get("/a%20b/?m3u", "");
    assert_eq!(text(&answer), list);
    assert_eq!(answer.field("Content-Type"), Some("audio/x-mpegurl; charset=utf-8"));
    assert!(answer.field("Content-Disposition").is_some_and(|value| value.contains("filename=\"a b.m3u\"")));
    // The target counts more than Host.
    assert_eq!(text(&server.get("http://other:81/a%20b/?m3u", "")), list.replace("//h/", "//other:81/"));
    let mut client = server.connect();
    client.send("GET /a%20b/?m3u HTTP/1.0\r\n\r\n");
    assert_eq!(text(&client.answer()), list.replace("http://h/", "/"));
    for target in ["/?m3u", "/film.mp4?m3u"] {
        let list = text(&server.get(target, ""));
        assert_eq!(list, "#EXTM3U\n#EXTINF:-1,film\nhttp://h/film.mp4?whole\n", "{target}");
    }
    let whole = server.get("/film.mp4?whole", "");
    assert_eq!((whole.status, whole.body.len()), (200, FILM));
}

#[test]
fn browsers_get_pages_of_entries_and_programs_all_of_them() {
    let content = tempfile::tempdir().expect("a temporary folder");
    for number in 0..2_001 {
        write(content.path(), format!("{number}.mp4").as_bytes(), 1);
    }
    let server = serve(content, &[]);
    for (target, fields, entries) in [
        ("/", BROWSER, 2_000),
        ("/?page=2", BROWSER, 1),
        ("/?q=2000", BROWSER, 1),
        ("/", "", 2_001),
        ("/?page=2", "", 1),
    ] {
        assert_eq!(kodi(&text(&server.get(target, fields))).len(), entries, "{target} {fields}");
    }
    let entries: Vec<Value> = serde_json::from_slice(&server.get("/?json", BROWSER).body).expect("an array");
    assert_eq!(entries.len(), 2_001);
    let page = text(&server.get("/", BROWSER));
    assert!(page.contains("rel=\"next\" href=\"?page=2\"") && !page.contains("rel=\"prev\""));
}

#[test]
fn a_page_that_did_not_change_is_not_sent_again() {
    let server = Server::start(&[]);
    fs::create_dir(server.content.path().join("new")).expect("a folder");
    wait_until("the folder is listed", || server.get("/new/", "").status == 200);
    let page = server.get("/new/", BROWSER);
    assert!(text(&page).contains("This folder is empty."));
    let tag = page.field("ETag").expect("a page has a tag");
    let again = format!("If-None-Match: {tag}\r\n{BROWSER}");
    assert_eq!(server.get("/new/", &again).status, 304);
    write(&server.content.path().join("new"), b"film.mp4", 1);
    wait_until("the folder is read again", || server.get("/new/", &again).status == 200);
}

#[test]
fn an_empty_folder_weighs_at_most_40_kb_with_all_that_it_loads() {
    let server = serve(tempfile::tempdir().expect("a temporary folder"), &[]);
    let page = text(&server.get("/", BROWSER));
    let assets = page.split('"').filter(|value| value.starts_with("./.reeld/")).map(|value| &value[1..]);
    let sizes: Vec<usize> = assets
        .map(|url| {
            let asset = server.get(url, "");
            assert!(asset.field("Cache-Control").is_some_and(|value| value.contains("immutable")), "{url}");
            asset.body.len()
        })
        .collect();
    let weight = page.len() + sizes.iter().sum::<usize>();
    println!("{weight} bytes: the page {}, its assets {sizes:?}", page.len());
    assert!(sizes.len() >= 3 && weight <= 40_000, "{weight} bytes");
}

#[test]
fn a_refusal_is_a_page_for_browsers_and_a_sentence_for_programs() {
    let server = serve(content(), &[]);
    for (target, status, back) in
        [("/films/none.mp4", 404, "href=\"../films/\""), ("/none/", 404, "href=\"../\""), ("/confidential/x", 403, "")]
    {
        let page = server.get(target, BROWSER);
        assert_eq!((page.status, page.field("Content-Type")), (status, Some("text/html; charset=utf-8")), "{target}");
        assert!(text(&page).contains(back), "{target}");
        let sentence = server.get(target, "Accept: */*\r\n");
        assert_eq!((sentence.status, sentence.field("Content-Type")), (status, Some("text/plain; charset=utf-8")));
    }
}
