//! What RFC 9110 and 9112 require of a server of files and ranges. The numbers are those of
//! `docs/http.md`.

use super::case::*;
use super::support::Answer;

const SECTION: &str = "Requirements";

fn cases() -> Vec<Case> {
    [syntax(), framing(), connections(), methods_and_fields(), conditions(), ranges()].into_iter().flatten().collect()
}

fn syntax() -> Vec<Case> {
    let long = |length| get(&format!("/{}", "a".repeat(length)), "");
    vec![
        // 9112 2.2: octets, not characters.
        case(1, b"GET /small.txt HTTP/1.1\r\nHost: h\r\nX: \xff\xfe\r\n\r\n"),
        case(2, "GET /small.txt HTTP/1.1\nHost: h\n\n").refused(400),
        case(3, get("/small.txt", "A: 1\r2\r\n")).refused(400),
        case(4, format!("\r\n{}", get("/small.txt", ""))).body("small"),
        case(5, "GET /small.txt HTTP/1.1\r\n \r\nHost: h\r\n\r\n").refused(400),
        case(6, get("/small.txt", "nonsense\r\n")).refused(400),
        case(6, "\x16\x03\x01\x02\r\n\r\n").refused(400),
        // 9112 3: no silent repair.
        case(7, "GET  /small.txt HTTP/1.1\r\nHost: h\r\n\r\n").refused(400),
        case(7, "GET /small.txt HTTP/1.1 \r\nHost: h\r\n\r\n").refused(400),
        // 9112 3.2: the form of the target, whatever the method.
        case(7, request("OPTIONS", "**", "")).answers(&[400]),
        case(7, request("OPTIONS", "foo", "")).answers(&[400]),
        case(7, request("POST", "**", "")).answers(&[400]),
        case(7, request("POST", "*", "")).answers(&[400]),
        case(7, request("GET", "*", "")).answers(&[400]),
        case(7, request("BREW", "foo", "")).answers(&[400]),
        case(7, request("OPTIONS", "http://h/small.txt", "")).answers(&[204]),
        case(8, request(&"G".repeat(33), "/", "")).refused(501),
        case(9, long(8_000 - 15)).answers(&[404]),
        case(9, long(60_000)).refused(414),
        // 9112 3.2
        case(10, "GET /small.txt HTTP/1.1\r\n\r\n").refused(400),
        case(10, get("/small.txt", "Host: h\r\n")).refused(400),
        case(10, "GET /small.txt HTTP/1.1\r\nHost: a b\r\n\r\n").refused(400),
        case(10, "GET /small.txt HTTP/1.1\r\nHost: :80\r\n\r\n").refused(400),
        // 9110 7.2, a link-local address: without a zone, with one (ffmpeg, mpv), as in RFC 6874.
        case(10, "GET /small.txt HTTP/1.1\r\nHost: [fe80::1]\r\n\r\n").body("small"),
        case(10, "GET /small.txt HTTP/1.1\r\nHost: [fe80::1%eth0]:8080\r\n\r\n").body("small"),
        case(10, "GET /small.txt HTTP/1.1\r\nHost: [fe80::1%25eth0]\r\n\r\n").body("small"),
        case(11, get("http://other:81/small.txt", "")).body("small"),
        case(12, get("/small.txt", "A : 1\r\n")).refused(400),
        case(13, get("/small.txt", "A: 1\r\n 2\r\n")).refused(400),
        case(14, get("/small.txt", "A: \0\r\n")).refused(400),
        case(15, get("/small.txt", &format!("A: {}\r\n", "b".repeat(17_000)))).refused(431),
        case(15, get("/small.txt", &"A: b\r\n".repeat(101))).refused(431),
        case(16, get("/small.txt", "X-Unknown: 1\r\nSec-Thing: ?1\r\n")),
        case(17, get("/small.txt", "Connection: , ,close,\r\n")).ends(),
        case(17, get("/film.mp4", "Range: bytes=,0-1, ,\r\n")).part(0, 2),
        // 9110 5.6.7: the three forms; two digits that would lie more than 50 years ahead.
        case(18, get("/film.mp4", "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n")).answers(&[304]),
        case(18, get("/film.mp4", "If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT\r\n")).answers(&[304]),
        case(18, get("/film.mp4", "If-Modified-Since: Sun Nov  6 08:49:37 1994\r\n")).answers(&[304]),
        case(18, get("/film.mp4", "If-Modified-Since: Saturday, 06-Nov-93 08:49:37 GMT\r\n")).first_part(),
        case(18, get("/film.mp4", "If-Modified-Since: Thursday, 06-Nov-70 08:49:37 GMT\r\n")).answers(&[304]),
        // A wrong weekday: the date was a Sunday.
        case(18, get("/film.mp4", "If-Modified-Since: Mon, 06 Nov 1994 08:49:37 GMT\r\n")).answers(&[304]),
        case(18, get("/film.mp4", "If-Modified-Since: Monday, 06-Nov-94 08:49:37 GMT\r\n")).answers(&[304]),
        case(18, get("/film.mp4", "If-Modified-Since: Mon Nov  6 08:49:37 1994\r\n")).answers(&[304]),
        case(18, get("/film.mp4", "If-Unmodified-Since: Mon, 06 Nov 1994 08:49:36 GMT\r\n")).answers(&[412]),
        case(18, get("/film.mp4", "Range: bytes=1-2\r\nIf-Range: Mon, 06 Nov 1994 08:49:37 GMT\r\n")).part(1, 2),
        // Every response of every case is checked for its grammar, IMF-fixdate and repeated fields.
        case(19, get("/film.mp4", "")).first_part().field("Last-Modified", MODIFIED),
        case(20, get("/none", "")).answers(&[404]).check(|answers| {
            assert!(answers[0].head.starts_with("HTTP/1.1 404 Not Found\r\n"));
        }),
        case(21, get("/%0d%0aX:%20y", "")).answers(&[404]).without("X"),
        case(22, get("/small.txt", "Connection: keep-alive\r\n")),
        // 9110 6.2
        case(23, "GET /small.txt HTTP/1.0\r\n\r\n").ends().body("small"),
        case(24, "GET /small.txt HTTP/1.2\r\nHost: h\r\n\r\n"),
        // 9110 15.2, 10.1.1, 7.8
        case(25, "POST /small.txt HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx").refused(405),
        case(25, "GET /small.txt HTTP/1.0\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n").ends(),
    ]
}

fn framing() -> Vec<Case> {
    let coded = |coding: &str, rest: &str| get("/small.txt", &format!("Transfer-Encoding: {coding}\r\n")) + rest;
    let length = |value: &str, rest: &str| get("/small.txt", &format!("Content-Length: {value}\r\n")) + rest;
    vec![
        // 9112 9.3: content that is read to its end keeps the connection.
        case(26, coded("chunked", "5\r\nhello\r\n0\r\n\r\n") + &get("/film.mp4", ""))
            .answers(&[200, 206])
            .body("small"),
        case(26, coded("chunked", "5\r\nhello\r\n0\r\nDigest: x\r\n\r\n") + &get("/none", "")).answers(&[200, 404]),
        case(26, request("POST", "/", "Transfer-Encoding: chunked\r\n") + "0\r\n\r\n").answers(&[405]),
        case(27, coded("chunked, identity", "0\r\n\r\n")).refused(400),
        case(27, coded("identity", "")).refused(400),
        case(28, coded("gzip, chunked", "0\r\n\r\n")).refused(501),
        case(29, length("5", "").replace("\r\n\r\n", "\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")).refused(400),
        case(30, "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").refused(400),
        case(31, length("five", "")).refused(400),
        case(31, length("5, 6", "hello")).refused(400),
        // Permitted (9110 8.6), but reeld refuses it.
        case(31, length("5, 5", "hello")).refused(400),
        case(31, length("5\r\nContent-Length: 5", "hello")).refused(400),
        case(31, length("5\r\nContent-Length: 6", "hello")).refused(400),
        case(32, length("18446744073709551616", "")).refused(400),
        case(32, length("18446744073709551615", "")).ends(),
        case(32, get("/film.mp4", "Range: bytes=0-99999999999999999999999999\r\n")).first_part(),
        case(32, coded("chunked", "10000000000000000\r\n")).answers(&[200, 400]).ends(),
        case(33, coded("chunked", "5;extension=\"value\"\r\nhello\r\n0;last\r\n\r\n")),
        case(34, length("5", "hello") + &get("/film.mp4", "Range: bytes=1-2\r\n")).answers(&[200, 206]),
        case(34, length("65537", "hello")).ends(),
        // 64 KiB of chunks, framing included; the response is sent before reeld knows of any more.
        case(34, coded("chunked", &format!("fff0\r\n{}\r\n0\r\n\r\n", "x".repeat(0xfff0)))),
        case(34, coded("chunked", &format!("10000\r\n{}\r\n0\r\n\r\n", "x".repeat(0x10000)))).ends_unannounced(),
        case(34, coded("chunked", "5\r\nhello\r\n").replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")).ends(),
        case(34, request("POST", "/", "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n")).refused(405),
        case(35, "GET /small.txt HTTP/1.1\r\nHost: h\r\n").answers(&[]).says_no_more().ends(),
        case(35, get("/none", "Content-Length: 5\r\n") + "hel").answers(&[404]).says_no_more().ends_unannounced(),
        // 9110 10.1.1: a final status, without waiting for the content.
        case(36, request("POST", "/small.txt", "Expect: 100-continue\r\nContent-Length: 9\r\n")).refused(405),
        case(36, get("/small.txt", "Expect: miracles\r\n")).refused(417),
    ]
}

fn connections() -> Vec<Case> {
    let small = || get("/small.txt", "");
    let close = || get("/small.txt", "Connection: close\r\n");
    vec![
        case(37, small()),
        case(37, "GET /small.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").body("small"),
        case(38, small() + &get("/none", "") + &get("/film.mp4", "")).answers(&[200, 404, 206]).check(|answers| {
            assert_eq!((&answers[0].body[..], answers[2].body.len()), (&b"small"[..], 100));
        }),
        // 9112 9.6
        case(39, close() + &small()).ends().body("small"),
        case(40, get("/small.txt", "Connection: Close, x\r\n") + &small()).ends(),
        case(41, request("G@T", "/", "")).refused(400),
    ]
}

fn methods_and_fields() -> Vec<Case> {
    let head = |target| request("HEAD", target, "");
    fn names(answer: &Answer) -> Vec<String> {
        answer.head.lines().filter_map(|line| line.split_once(": ")).map(|(name, _)| name.to_string()).collect()
    }
    vec![
        case(45, get("/small.txt", "")).body("small").field("Content-Length", "5").without("Content-Range"),
        case(45, head("/small.txt")).field("Content-Length", "5"),
        case(46, head("/film.mp4")).check(|answers| {
            assert_eq!(
                names(&answers[0]),
                ["Date", "Connection", "Accept-Ranges", "Content-Type", "X-Content-Type-Options", "Content-Length"]
                    .into_iter()
                    .chain(["Last-Modified", "ETag"])
                    .collect::<Vec<_>>()
            );
        }),
        case(47, request("BREW", "/small.txt", "")).answers(&[501]),
        case(47, request("get", "/small.txt", "")).answers(&[501]),
        case(47, request("DELETE", "/small.txt", "")).answers(&[405]).field("Allow", "GET, HEAD, OPTIONS"),
        case(48, get("/none", "")).answers(&[404]).body("There is no such file here.\n"),
        case(48, head("/none")).answers(&[404]).field("Content-Length", "28"),
        case(50, request("OPTIONS", "*", "")).answers(&[204]).without("Content-Length"),
        // Date (9110 6.6.1) is checked in every response of every case.
        case(51, get("/films", "")).answers(&[301]),
        case(51, get("/none", "")).answers(&[404]),
        case(52, get("/future.txt", "")).check(|answers| {
            assert_eq!(answers[0].field("Last-Modified"), answers[0].field("Date"));
        }),
        case(53, get("/film.mp4", "")).first_part().field("ETag", TAG),
        case(54, get("/film.mp4", "")).first_part().field("Content-Type", "video/mp4"),
        case(54, get("/small.txt", "")).field("Content-Type", "text/plain; charset=utf-8"),
        case(54, get("/none", "")).answers(&[404]).field("Content-Type", "text/plain; charset=utf-8"),
        case(55, get("/empty.txt", "")).field("Content-Length", "0"),
        case(56, head("/film.mp4")).field("Content-Length", "250").without("Content-Range"),
        case(56, request("HEAD", "/film.mp4", "Range: bytes=7-9\r\n")).field("Content-Length", "250"),
        case(57, get("/small.txt", "")).field("Accept-Ranges", "bytes").without("Server"),
    ]
}

fn conditions() -> Vec<Case> {
    let film = |fields: &str| get("/film.mp4", fields);
    let before = "Sun, 06 Nov 1994 08:49:36 GMT";
    vec![
        // 9110 13.2.2
        case(58, film(&format!("If-Match: \"x\"\r\nIf-None-Match: {TAG}\r\n"))).answers(&[412]),
        case(58, film(&format!("If-Unmodified-Since: {MODIFIED}\r\nIf-None-Match: {TAG}\r\n"))).answers(&[304]),
        case(58, film(&format!("If-None-Match: {TAG}\r\nIf-Range: \"x\"\r\nRange: bytes=1-2\r\n"))).answers(&[304]),
        // 9110 13.2.1
        case(59, get("/none", "If-None-Match: *\r\n")).answers(&[404]),
        case(59, get("/none", "If-Match: *\r\n")).answers(&[404]),
        case(59, get("/confidential/secret.txt", "If-None-Match: *\r\n")).answers(&[403]),
        case(60, film(&format!("If-None-Match: W/{TAG}\r\n"))).answers(&[304]),
        case(60, film(&format!("If-None-Match: \"x\", {TAG}\r\n"))).answers(&[304]),
        case(60, film("If-None-Match: *\r\n")).answers(&[304]),
        case(60, film("If-None-Match: \"x\"\r\n")).first_part(),
        case(60, request("HEAD", "/film.mp4", &format!("If-None-Match: {TAG}\r\n"))).answers(&[304]),
        case(61, film(&format!("If-Match: W/{TAG}\r\n"))).answers(&[412]),
        case(61, film(&format!("If-Match: \"x\", {TAG}\r\n"))).first_part(),
        case(61, film("If-Match: *\r\n")).first_part(),
        case(62, film(&format!("If-None-Match: \"x\"\r\nIf-Modified-Since: {MODIFIED}\r\n"))).first_part(),
        case(62, film("If-Modified-Since: last week\r\n")).first_part(),
        case(62, film(&format!("If-Modified-Since: {before}\r\n"))).first_part(),
        case(62, film(&format!("If-Modified-Since: {MODIFIED}\r\n"))).answers(&[304]),
        case(62, request("POST", "/film.mp4", &format!("If-Modified-Since: {MODIFIED}\r\n"))).answers(&[405]),
        case(63, film(&format!("If-Unmodified-Since: {before}\r\n"))).answers(&[412]),
        case(63, film(&format!("If-Unmodified-Since: {MODIFIED}\r\n"))).first_part(),
        case(63, film(&format!("If-Match: {TAG}\r\nIf-Unmodified-Since: {before}\r\n"))).first_part(),
        case(63, film("If-Unmodified-Since: last week\r\n")).first_part(),
        case(64, film(&format!("If-None-Match: {TAG}\r\n")))
            .answers(&[304])
            .field("ETag", TAG)
            .field("Last-Modified", MODIFIED)
            .without("Content-Length")
            .without("Content-Type"),
        // 9110 13.1.5
        case(65, film("If-Range: \"x\"\r\n")).first_part(),
        case(65, film(&format!("If-Range: {TAG}\r\nRange: bytes=7-9\r\n"))).part(7, 3),
        case(65, film(&format!("If-Range: {MODIFIED}\r\nRange: bytes=7-9\r\n"))).part(7, 3),
        case(65, film(&format!("If-Range: W/{TAG}\r\nRange: bytes=7-9\r\n"))).first_part(),
        case(65, film("If-Range: \"x\"\r\nRange: bytes=7-9\r\n")).first_part(),
        case(65, film(&format!("If-Range: {before}\r\nRange: bytes=7-9\r\n"))).first_part(),
    ]
}

fn ranges() -> Vec<Case> {
    let film = |range: &str| get("/film.mp4", &format!("Range: {range}\r\n"));
    vec![
        case(66, film("bytes=abc")).first_part(),
        case(67, request("HEAD", "/film.mp4", "Range: bytes=240-\r\n")).field("Content-Length", "250"),
        case(67, request("OPTIONS", "/film.mp4", "Range: bytes=240-\r\n")).answers(&[204]),
        case(68, film("lines=7-9")).first_part(),
        case(69, film(&format!("bytes=0-1{}", ",4-5".repeat(16)))).first_part(),
        case(69, film("bytes=7-20,15-30,9-9")).part(7, 24),
        case(70, film("bytes=9-7")).first_part(),
        case(70, film("bytes=0-1,9-7")).first_part(),
        // 9110 14.1.2
        case(71, film("bytes=240-999")).part(240, 10),
        case(71, film("bytes=240-")).part(240, 10),
        case(71, get("/small.txt", "Range: bytes=-999\r\n")).answers(&[206]).field("Content-Range", "bytes 0-4/5"),
        case(72, film("bytes=249-249")).part(249, 1),
        case(72, film("bytes=-1")).part(249, 1),
        case(73, film("bytes=250-")).answers(&[416]).field("Content-Range", "bytes */250"),
        case(73, film("bytes=-0")).answers(&[416]).field("Content-Range", "bytes */250"),
        case(73, film("bytes=300-,400-500")).answers(&[416]).field("Content-Range", "bytes */250"),
        case(74, get("/none", "Range: bytes=0-1\r\n")).answers(&[404]).without("Content-Range"),
        case(74, get("/film.mp4", &format!("Range: bytes=0-1\r\nIf-None-Match: {TAG}\r\n"))).answers(&[304]),
        case(75, film("bytes=7-9"))
            .part(7, 3)
            .field("ETag", TAG)
            .field("Last-Modified", MODIFIED)
            .field("Content-Type", "video/mp4"),
        case(76, film("bytes=7-9")).part(7, 3),
        // 9110 15.3.7.2
        case(77, film("bytes=0-1,300-")).part(0, 2),
        case(77, film("bytes=0-1,248-249")).answers(&[206]).without("Content-Range").check(|answers| {
            let content_type = answers[0].field("Content-Type").expect("it has one");
            let boundary = content_type.strip_prefix("multipart/byteranges; boundary=").expect("two parts");
            let part = |range, bytes: &[u8]| {
                let head =
                    format!("\r\n--{boundary}\r\nContent-Type: video/mp4\r\nContent-Range: bytes {range}/250\r\n");
                [head.as_bytes(), b"\r\n", bytes].concat()
            };
            let end = format!("\r\n--{boundary}--\r\n").into_bytes();
            assert_eq!(answers[0].body, [part("0-1", &FILM[..2]), part("248-249", &FILM[248..]), end].concat());
        }),
        case(78, film("bytes=7-9")).part(7, 3).field("Content-Length", "3"),
    ]
}

/// Requirements covered by other tests.
const ELSEWHERE: &[(u32, &str, &str)] = &[
    (42, "tests/behaviour/timeouts.rs", "an_idle_connection_is_closed_in_silence"),
    (42, "tests/behaviour/keep_alive.rs", "clients_that_vanish_leave_nothing_behind"),
    (43, "tests/behaviour/timeouts.rs", "a_reader_that_takes_little_by_little_is_served_to_the_end"),
    (43, "tests/behaviour/slow_clients.rs", "one_worker_serves_beside_idle_silent_slow_and_paused_clients"),
    (79, "src/http/validators.rs", "no_view_has_the_tag_of_another_or_of_its_file"),
    (79, "tests/behaviour/views.rs", "an_audio_track_is_chosen_by_a_few_bytes_on_the_way_out"),
    (79, "tests/behaviour/views.rs", "the_index_of_a_film_is_moved_to_its_front"),
    (80, "src/serve/tests/views.rs", "a_view_ends_where_its_file_changes"),
    (81, "tests/behaviour/views.rs", "what_has_no_such_view_says_why"),
    (81, "tests/behaviour/views.rs", "where_faststart_is_of_no_use_the_file_is_sent_as_it_is"),
    (82, "tests/behaviour/views.rs", "media_is_known_by_its_content_where_its_name_says_nothing"),
];

const NONE: &[(u32, &str)] = &[
    (44, "nothing about a user is kept, neither with a connection nor anywhere else"),
    (49, "a permission that is not used: what is confidential is refused with 403, whether it exists or not"),
];

#[test]
fn every_requirement_is_met() {
    play(SECTION, &cases());
}

#[test]
fn what_is_required_comes_in_any_two_pieces() {
    play_in_two_pieces(SECTION, &cases());
}

#[test]
fn every_requirement_is_covered() {
    assert_covered(SECTION, &cases(), ELSEWHERE, NONE);
}
