//! Responses other than files, and what is logged.

use std::io::Write;

use super::support::*;

#[test]
fn what_is_confidential_is_refused_whether_it_exists_or_not() {
    let server = Server::start(&["--confidential", "films"]);
    let without_date =
        |answer: &Answer| answer.head.lines().filter(|line| !line.starts_with("Date")).collect::<String>();
    let refused = server.get("/confidential/secret.txt", "");
    assert_eq!(refused.status, 403);
    // Other spellings are rows of hostile.rs.
    for target in ["/confidential/none", "/confidential", "/films/x"] {
        let answer = server.get(target, "");
        assert_eq!(without_date(&answer), without_date(&refused), "{target}");
        assert_eq!(answer.body, refused.body, "{target}");
    }
}

#[test]
fn options_and_redirects() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.send("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n");
    let options = client.answer();
    assert_eq!((options.status, options.field("Allow")), (204, Some("GET, HEAD, OPTIONS")));
    client.get("//films?a=b", "");
    let redirect = client.answer();
    assert_eq!((redirect.status, redirect.field("Location")), (301, Some("/films/?a=b")));
    client.get("/", "");
    assert_eq!(client.answer().body, b"<!doctype html>");
}

#[test]
fn without_listing_only_what_is_in_the_folder_is_served() {
    for (flags, page) in [(&[][..], 200), (&["--no-listing"], 404)] {
        let server = Server::start(flags);
        server.wait_until_read();
        for target in ["/films/", "/films/?json", "/films/?m3u", "/.reeld/reeld.css"] {
            assert_eq!(server.get(target, "").status, page, "{target} {flags:?}");
        }
        assert_eq!(server.get("/", "").body, b"<!doctype html>");
        assert_eq!(server.get("/film.mp4?m3u", "").status, if page == 200 { 200 } else { 206 });
    }
}

#[test]
fn pages_of_the_origin_that_is_named_may_play() {
    let server = Server::start(&["--cors", "https://films.example"]);
    let mut client = server.connect();
    client.send(
        "OPTIONS /film.mp4 HTTP/1.1\r\nHost: h\r\nOrigin: https://films.example\r\n\
         Access-Control-Request-Method: GET\r\nAccess-Control-Request-Headers: range\r\n\r\n",
    );
    let preflight = client.answer();
    assert_eq!(preflight.status, 204);
    assert!(preflight.field("Access-Control-Allow-Headers").is_some_and(|fields| fields.starts_with("Range, ")));
    for (target, status) in [("/film.mp4", 206), ("/none", 404), ("/confidential/x", 403)] {
        client.get(target, "Origin: https://films.example\r\n");
        let answer = client.answer();
        assert_eq!(answer.status, status);
        assert_eq!(answer.field("Access-Control-Allow-Origin"), Some("https://films.example"));
        let exposed = answer.field("Access-Control-Expose-Headers").expect("the page may see some");
        assert!(exposed.contains("Content-Range"));
    }
    assert_eq!(Server::start(&[]).get("/film.mp4", "").field("Access-Control-Allow-Origin"), None);
}

#[test]
fn an_early_answer_survives_what_the_client_still_sends() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n");
    let answer = client.head();
    let length = answer.field("Content-Length").and_then(|length| length.parse().ok()).expect("a length");
    assert_eq!((answer.status, answer.field("Connection")), (405, Some("close")));
    // The server has answered and closed its side. More content must not make it reset the
    // connection.
    for _ in 0..10 {
        client.stream.write_all(&[b'x'; 100_000]).expect("the server still receives");
    }
    assert!(client.body(length).ends_with(b".\n"), "the answer is still there");
    assert!(client.is_closed());
}

#[test]
fn the_access_log_has_a_line_for_each_answer_with_what_was_sent() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.get("/film.mp4", "User-Agent: test \"1\"\r\nReferer: http://h/\r\n");
    client.answer();
    client.get("/none", "");
    client.answer();
    client.send("GET /\u{1b}[2J HTTP/1.1\r\nHost: h\r\n\r\n");
    client.answer();
    drop(client);
    let log = server.log();
    let lines: Vec<&str> = log.lines().map(|line| line.split_once("] ").expect("a date").1).collect();
    assert_eq!(
        lines,
        [
            r#""GET /film.mp4 HTTP/1.1" 206 5242880 "http://h/" "test \x221\x22""#,
            r#""GET /none HTTP/1.1" 404 28 "-" "-""#,
            r#""GET /\x1B[2J HTTP/1.1" 400 72 "-" "-""#,
        ]
    );
}
