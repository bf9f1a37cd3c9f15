//! The player page of a file that is described.

use std::fs;
use std::sync::Arc;

use super::*;
use crate::http::head::{Parsed, parse};
use crate::http::target;
use crate::pages::sample;
use crate::site::Content;

/// The page at a target in a folder of these files, of which the first is described so.
fn page_of(target: &str, names: &[&str], description: Description) -> String {
    let content = tempfile::tempdir().expect("a folder");
    for name in names {
        fs::write(content.path().join(name), name).expect("a file");
    }
    let (site, folder) = sample::site(content.path());
    let entry = folder.get(names[0].as_bytes()).expect("it is listed");
    site.keep_description(entry.file_id(), Arc::new(description));
    let head = format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n");
    let Ok(Parsed::Complete(request, _)) = parse(head.as_bytes()) else { panic!("{head:?} is a request") };
    let target = target::parse(request.target).expect("a path");
    let page = page(&request, &target, &folder, &site).expect("it has a page");
    let Content::Memory(bytes) = page.content else { panic!("a page is in memory") };
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

#[track_caller]
fn assert_has(page: &str, parts: &[&str]) {
    for part in parts {
        assert!(page.contains(part), "{part}\nis not in\n{page}");
    }
}

#[test]
fn a_film_shows_what_is_known_of_it() {
    let page = page_of("/a.mp4?play", &["a.mp4"], sample::film());
    assert_has(
        &page,
        &[
            "<h1>a</h1>",
            "data-type=\"video/mp4; codecs=&quot;avc1.64001f, ac-3&quot;\" data-video=\"H.264\" \
             data-audio=\"Dolby Digital (AC-3)\"",
            "<span>1:42:07</span><span>1920×1080</span><span>H.264, Dolby Digital (AC-3), AAC</span>",
            "<span class=\"doubt\">May need VLC</span>",
            "poster=\"a.mp4?cover\" src=\"a.mp4?faststart\"",
            "<a href=\"#t=0\"><span>0:00</span> Start &amp; &lt;go&gt;</a>",
            "<a href=\"#t=90.5\"><span>1:30</span> Chapter 2</a>",
        ],
    );
    let beside = page_of("/a.mp4?play", &["a.mp4", "a.jpg"], sample::film());
    assert_has(&beside, &["poster=\"a.jpg?whole\""]);
}

#[test]
fn audio_tracks_are_links_to_the_page_with_another_sound() {
    let menu = |query: &str| page_of(&format!("/a.mp4?{query}"), &["a.mp4"], sample::film());
    let english = "data-src=\"a.mp4?audio=1&amp;faststart\" data-language=\"en\"";
    let german = "data-type=\"video/mp4; codecs=&quot;avc1.64001f, mp4a.40.2&quot;\" data-audio=\"AAC\"\
                  >German · AAC · stereo · &lt;Kino&gt;</a>";
    let plain = menu("play");
    assert_has(&plain, &["href=\"a.mp4?play&amp;audio=1\" aria-current=\"true\"", english, german]);
    assert!(!plain.contains("data-is-chosen"), "{plain}");
    assert_has(
        &menu("play&audio=2"),
        &[
            "href=\"a.mp4?play&amp;audio=2\" aria-current=\"true\"",
            "src=\"a.mp4?audio=2&amp;faststart\"",
            "data-audio=\"AAC\"",
            "data-is-chosen",
        ],
    );
    for query in ["play&audio=0", "play&audio=3", "play&audio=x", "play&audio", "play&audio=99999999999999999999"] {
        let page = menu(query);
        assert!(page.contains("src=\"a.mp4?faststart\"") && !page.contains("data-is-chosen"), "{query}");
    }
    let mut film = sample::film();
    film.tracks.pop();
    assert!(!page_of("/a.mp4?play", &["a.mp4"], film).contains("id=\"audio\""), "there is no choice");
}

#[test]
fn music_is_called_what_its_tags_say() {
    let page = page_of("/1.flac?play", &["1.flac", "2.flac"], sample::song());
    assert_has(
        &page,
        &[
            "<title>Slow &lt;Train&gt;</title>",
            "<h1>Slow &lt;Train&gt;</h1><p class=\"credits\">The &quot;Rails&quot; · Night</p>",
            "data-artist=\"The &quot;Rails&quot;\" data-album=\"Night\"",
            "src=\"1.flac\"",
            "<span>3:05</span><span>FLAC</span><span>6 B</span>",
            "aria-current=\"page\">Slow &lt;Train&gt;</a></li><li><a href=\"2.flac?play\">2</a>",
        ],
    );
}
