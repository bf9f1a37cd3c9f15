//! What attackers, scanners and broken clients send. The numbers are those of `docs/http.md`. After
//! each case the server has the same threads and descriptors as before, and answers the next
//! request.

use super::case::*;
use super::support::Answer;

const SECTION: &str = "Hostile inputs";

fn cases() -> Vec<Case> {
    [paths(), ranges(), framing(), limits()].into_iter().flatten().collect()
}

fn paths() -> Vec<Case> {
    let each = |number, status, targets: &[&str]| -> Vec<Case> {
        targets.iter().map(|target| case(number, get(target, "")).answers(&[status])).collect()
    };
    let confidential: Vec<Case> = [
        "/confidential/secret.txt",
        "/confidential/none",
        "/confidential",
        "/confidential/",
        "//confidential/secret.txt",
        "/./confidential/secret.txt",
        "/films/../confidential/secret.txt",
        "/%63onfidential/secret.txt",
        "/confidential%2fsecret.txt",
        "/confidential/../confidential/secret.txt",
        "/CONFIDENTIAL/secret.txt",
        "http://h/confidential/secret.txt",
        "/leak.txt",
        "/up/none/../../confidential/none",
    ]
    .into_iter()
    .map(|target| {
        let refused = case(9, get(target, "")).answers(&[403]).body("What is asked for is confidential.\n");
        refused.without("ETag").without("Last-Modified").without("Location")
    })
    .collect();
    [
        each(1, 400, &["/../etc/passwd", "/..", "/x/../../etc/passwd"]),
        each(2, 400, &["/.%2e/%2e%2e/etc/passwd", "/cgi-bin/.%2e/.%2e/etc/passwd"]),
        each(3, 400, &["/%%32%65%%32%65/"]),
        each(3, 404, &["/%252e%252e/", "/%252e%252e/confidential/secret.txt"]),
        each(4, 400, &["/..%2f..%2fetc/passwd"]),
        each(5, 404, &["/%c0%ae%c0%ae/", "/%e0%80%af"]),
        vec![case(5, b"GET /\xc3\xa9 HTTP/1.1\r\nHost: h\r\n\r\n").refused(400)],
        each(6, 400, &["/a%00.html", "/confidential/secret.txt%00.png"]),
        each(7, 400, &["/%", "/%1", "/%zz"]),
        each(8, 404, &["//etc/passwd", "/%2fetc%2fpasswd"]),
        confidential,
        vec![
            case(10, "GET /index.html /../confidential/x HTTP/1.1\r\nHost: h\r\n\r\n").refused(400),
            case(11, get("/leak.txt", "")).answers(&[403]),
        ],
        each(11, 404, &["/passwd.txt", "/up/etc/passwd", "/up/", "/dangling.txt", "/loop.txt"]),
        each(13, 404, &["/pipe", "/socket"]),
        each(14, 301, &["/films"]),
        each(14, 200, &["/films/"]),
        each(14, 404, &["/none/", "/small.txt/", &format!("/{}", "a".repeat(300))]),
        vec![
            case(15, get("/old.txt", "")).field("Last-Modified", "Thu, 01 Jan 1970 00:00:00 GMT").body("old"),
            case(15, get("/future.txt", "")).check(|answers: &[Answer]| {
                assert_eq!(answers[0].field("Last-Modified"), answers[0].field("Date"));
            }),
            case(17, get("//films", "")).answers(&[301]).field("Location", "/films/"),
            case(17, get("//evil.example/..//films", "")).answers(&[301]).field("Location", "/films/"),
            case(17, get("/%0d%0aLocation:%20x", "")).answers(&[404]).without("Location"),
        ],
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn ranges() -> Vec<Case> {
    let film = |range: &str| get("/film.mp4", &format!("Range: {range}\r\n"));
    let overlapping = format!("bytes=0-{}", ",5-".repeat(1_300));
    vec![
        case(19, film("bytes=0-18446744073709551615")).first_part(),
        case(19, film("bytes=0-9223372036854775807")).first_part(),
        case(19, film("bytes=0-99999999999999999999999999")).first_part(),
        case(20, film("bytes=9223372036854775808-")).answers(&[416]).field("Content-Range", "bytes */250"),
        case(20, film("bytes=18446744073709551616-")).answers(&[416]).field("Content-Range", "bytes */250"),
        case(21, film("bytes=-9223372036854775808")).first_part(),
        case(21, film("bytes=-18446744073709551616")).first_part(),
        case(21, film("bytes=-6917529027641081856,-9223372036854775806")).first_part(),
        case(22, film("bytes=-0")).answers(&[416]),
        case(22, get("/empty.txt", "Range: bytes=-5\r\n")).body(""),
        case(22, get("/empty.txt", "Range: bytes=0-\r\n")).answers(&[416]),
        case(23, film(&overlapping)).first_part(),
        case(23, get("/film.mp4", &format!("Request-Range: {overlapping}\r\n"))).first_part(),
        case(24, film("bytes=5-3")).first_part(),
        case(24, film("bytes=abc")).first_part(),
        case(24, film("bytes=5")).first_part(),
        case(24, film("bytes=--5")).first_part(),
        case(24, film("bytes=1-2-3")).first_part(),
        case(24, film("bytes=")).first_part(),
        case(24, film("")).first_part(),
        case(25, film("lines=0-5")).first_part(),
        case(25, film("0")).first_part(),
        case(25, film("BYTES=0-3")).part(0, 4),
        case(26, get("/film.mp4", "Range: bytes=1-2\r\nRange: bytes=3-4\r\n")).first_part(),
        case(27, request("HEAD", "/film.mp4", "Range: bytes=1-2\r\n")).field("Content-Length", "250"),
        case(27, request("POST", "/film.mp4", "Range: bytes=1-2\r\n")).answers(&[405]).without("Content-Range"),
        case(27, get("/film.mp4", &format!("Range: bytes=1-2\r\nIf-None-Match: {TAG}\r\n"))).answers(&[304]),
        case(28, get("/film.mp4", "Range: bytes=1-2\r\nIf-Range: yesterday\r\n")).first_part(),
        case(28, get("/film.mp4", &format!("Range: bytes=1-2\r\nIf-Range: W/{TAG}\r\n"))).first_part(),
        case(28, get("/small.txt", "Range: bytes=1-2\r\nIf-Range: \"x\"\r\n")).body("small"),
        case(29, film("bytes=1-2")).part(1, 2).field("Content-Type", "video/mp4"),
    ]
}

fn framing() -> Vec<Case> {
    let coded = |coding: &str| get("/small.txt", &format!("Transfer-Encoding: {coding}\r\n")) + "0\r\n\r\n";
    let smuggled = "GET /confidential/x HTTP/1.1\r\nHost: hhhh\r\n\r\n";
    let with_body = format!("Content-Length: {}\r\n", smuggled.len());
    let mut cases = vec![
        case(30, get("/", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n").refused(400),
        case(31, coded("xchunked")).refused(400),
        case(31, coded("chunked, identity")).refused(400),
        case(31, coded("chunked, chunked")).refused(400),
        case(31, coded("\"chunked\"")).refused(400),
        case(32, get("/", "Content-Length: 5\r\nContent-Length: 6\r\n") + "hello").refused(400),
        case(32, get("/", "Content-Length: 5\r\nContent-Length: 05\r\n") + "hello").refused(400),
        case(32, get("/", "Content-Length: 5, 5\r\n") + "hello").refused(400),
        case(34, "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").refused(400),
        case(35, get("/small.txt", &with_body) + smuggled).body("small"),
        case(35, coded("chunked").replace("0\r\n", &format!("{:x}\r\n{smuggled}\r\n0\r\n", smuggled.len())))
            .body("small"),
        case(36, get("/", "Transfer-Encoding : chunked\r\n")).refused(400),
        case(36, get("/", "\x0bTransfer-Encoding: chunked\r\n")).refused(400),
        case(36, "GET / HTTP/1.1\r\n Transfer-Encoding: chunked\r\nHost: h\r\n\r\n").refused(400),
        case(36, get("/", "Transfer-Encoding:\r\n chunked\r\n")).refused(400),
        case(37, request("POST", "/", "Expect: 100-continue\r\nContent-Length: 5\r\n")).refused(405),
        case(37, "GET /small.txt HTTP/1.0\r\nExpect: 100-continue\r\n\r\n").ends(),
        case(38, get("/small.txt", "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AA\r\n")),
        case(38, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").refused(505),
    ];
    let long = format!("0;{}\r\n\r\n", "e".repeat(65_536));
    for chunks in [
        "FFFFFFFFFFFFFFFF0\r\n",
        "0x5\r\n",
        "-1\n",
        "5 \r\n",
        "5\r\nhello!\r\n",
        "5\r\nhello\n0\n\n",
        "5;a\nhello\r\n0\r\n\r\n",
        "0\r\n\n",
        "0\r\nGET /confidential/x HTTP/1.1\r\n\r\n",
        &long,
    ] {
        // The answer does not wait for the content, so the 400 for a bad chunk follows it.
        let said = get("/small.txt", "Transfer-Encoding: chunked\r\n") + chunks;
        cases.push(case(33, said).answers(&[200, 400]).ends().body("small"));
    }
    for length in ["+5", "-1", "0x10", "5 5", "1_0", "", "99999999999999999999"] {
        cases.push(case(32, get("/", &format!("Content-Length: {length}\r\n"))).refused(400));
    }
    cases
}

fn limits() -> Vec<Case> {
    let version = |version: &str| format!("GET /small.txt {version}\r\nHost: h\r\n\r\n");
    let mut cases = vec![
        case(39, "GET / HTTP/1.1\r\n\r\n").refused(400),
        case(39, get("/", "Host: h\r\n")).refused(400),
        // 9112 3.2 and 3.3: Host is empty if the target has no authority; the server may use its
        // default.
        case(39, "GET /small.txt HTTP/1.1\r\nHost:\r\n\r\n").body("small"),
        // 9110 4.2.1: but no http URL has a port and no host.
        case(39, "GET /small.txt HTTP/1.1\r\nHost: :80\r\n\r\n").refused(400),
        case(39, get("http://:80/small.txt", "")).answers(&[400]),
        case(40, version("HTTP/1.2")).body("small"),
        case(40, version("HTTP/2.0")).refused(505),
        case(40, version("HTTP/9.9")).refused(505),
        case(40, version("HTTP/1.10")).refused(400),
        case(40, version("HTTP/01.1")).refused(400),
        case(40, version("http/1.1")).refused(400),
        case(40, "GET /\r\n").refused(400),
        case(41, format!("\r\n{}", get("/small.txt", ""))).body("small"),
        case(41, "\r\n".repeat(5_000)).refused(400),
        case(42, get(&format!("/{}", "a".repeat(7_985)), "")).answers(&[404]),
        case(42, get(&format!("/{}", "a".repeat(65_536)), "")).refused(414),
        case(42, get("/", &"A: b\r\n".repeat(10_000))).refused(431),
        case(42, get("/", &format!("A: {}\r\n", "b".repeat(65_536)))).refused(431),
        case(43, request(&"G".repeat(100 * 1024), "/", "")).refused(501),
        case(43, request("get", "/small.txt", "")).answers(&[501]),
        case(43, request("FOO", "/small.txt", "")).answers(&[501]),
        case(47, get("/small.txt", "Connection: close\r\n") + &get("/small.txt", "").repeat(3)).ends(),
    ];
    for host in ["a b", "###", "a,b", "u@h"] {
        cases.push(case(39, format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).refused(400));
    }
    // RFC 9931 section 8: what follows a refused CONNECT is no request. RFC 9112 section 3.2.3: its
    // target is host and port.
    for (target, status) in
        [("h:80", 405), ("[::1]:443", 405), ("/small.txt", 400), ("h", 400), ("h:", 400), (":80", 400)]
    {
        cases.push(case(43, request("CONNECT", target, "") + &get("/small.txt", "")).refused(status));
    }
    cases.push(case(43, request("CONNECT", "h:80", "")).refused(405).field("Allow", "GET, HEAD, OPTIONS"));
    for method in ["POST", "DELETE", "TRACE"] {
        let case = case(43, request(method, "/small.txt", "")).answers(&[405]);
        cases.push(case.field("Allow", "GET, HEAD, OPTIONS"));
    }
    for byte in ["\0", "\r", "\x7f", "\x07"] {
        cases.push(case(44, get("/", &format!("A: b{byte}c\r\n"))).refused(400));
    }
    for count in [2, 100, 10_000] {
        let said = get("/small.txt", "").repeat(count);
        let all_right = |answers: &[Answer]| assert!(answers.iter().all(|answer| answer.body == b"small"));
        cases.push(case(45, said).answers(&vec![200; count]).check(all_right));
    }
    cases
}

/// Inputs covered by other tests.
const ELSEWHERE: &[(u32, &str, &str)] = &[
    (12, "src/site/tests.rs", "a_file_that_becomes_a_link_while_it_is_served_leaks_nothing"),
    (14, "src/site/denial.rs", "what_may_not_be_read_is_forbidden"),
    (15, "src/http/date.rs", "a_time_of_any_file_has_a_date"),
    (16, "tests/behaviour/ranges.rs", "a_file_that_is_cut_while_it_is_sent_ends_the_connection"),
    (16, "tests/behaviour/ranges.rs", "a_replaced_file_is_finished_as_it_was_and_then_new"),
    (17, "tests/behaviour/answers.rs", "the_access_log_has_a_line_for_each_answer_with_what_was_sent"),
    (45, "src/serve/tests.rs", "what_is_said_in_any_two_pieces_is_answered_as_if_it_came_at_once"),
    (46, "tests/behaviour/answers.rs", "an_early_answer_survives_what_the_client_still_sends"),
    (48, "tests/behaviour/timeouts.rs", "a_head_must_arrive_in_time_even_if_bytes_keep_coming"),
    (48, "tests/behaviour/timeouts.rs", "a_reader_that_takes_nothing_is_disconnected"),
    (48, "tests/behaviour/timeouts.rs", "an_idle_connection_is_closed_in_silence"),
    (49, "tests/behaviour/overload.rs", "without_descriptors_the_acceptor_waits_and_serves_again"),
    (50, "tests/behaviour/overload.rs", "a_connection_beyond_the_limit_reads_503_and_may_come_again"),
    (51, "src/serve/tests.rs", "a_panic_ends_one_connection_and_no_worker"),
    (52, "tests/behaviour/keep_alive.rs", "clients_that_vanish_leave_nothing_behind"),
    (52, "tests/behaviour/keep_alive.rs", "a_client_that_has_said_all_still_gets_its_answer"),
    (53, "tests/behaviour/keep_alive.rs", "clients_that_vanish_leave_nothing_behind"),
    (54, "tests/architecture.rs", "the_channel_is_not_one_of_the_broken_ones"),
];

const NONE: &[(u32, &str)] = &[(18, "only Windows has such names")];

#[test]
fn every_hostile_input_is_answered_as_it_should() {
    play(SECTION, &cases());
}

#[test]
fn hostile_inputs_come_in_any_two_pieces() {
    play_in_two_pieces(SECTION, &cases());
}

#[test]
fn every_hostile_input_is_covered() {
    assert_covered(SECTION, &cases(), ELSEWHERE, NONE);
}
