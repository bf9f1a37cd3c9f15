//! What is answered to requests for anything but a file, good and bad, and what becomes of the
//! connection.

use std::io::Write;

use super::support::*;

#[test]
fn what_is_confidential_is_refused_whether_it_exists_or_not() {
    let server = Server::start(&["--confidential", "films"]);
    let without_date =
        |answer: &Answer| answer.head.lines().filter(|line| !line.starts_with("Date")).collect::<String>();
    let refused = server.get("/confidential/secret.txt", "");
    assert_eq!(refused.status, 403);
    for target in [
        "/confidential/none",
        "/confidential/",
        "/confidential",
        "//confidential/secret.txt",
        "/./confidential/secret.txt",
        "/films/../confidential/secret.txt",
        "/%63onfidential/secret.txt",
        "/confidential%2fsecret.txt",
        "/confidential/../confidential/secret.txt",
        "/CONFIDENTIAL/secret.txt",
        "http://h/confidential/secret.txt",
        "/films/x",
    ] {
        let answer = server.get(target, "");
        assert_eq!(without_date(&answer), without_date(&refused), "{target}");
        assert_eq!(answer.body, refused.body, "{target}");
    }
}

#[test]
fn refused_requests_get_a_reason() {
    let server = Server::start(&[]);
    for (request, status) in [
        ("GET /none HTTP/1.1\r\nHost: h\r\n\r\n", 404),
        ("GET /small.txt/ HTTP/1.1\r\nHost: h\r\n\r\n", 404),
        ("GET /films/ HTTP/1.1\r\nHost: h\r\n\r\n", 404),
        ("GET /../etc/passwd HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        ("GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        ("GET * HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        ("DELETE /small.txt HTTP/1.1\r\nHost: h\r\n\r\n", 405),
        ("POST /small.txt HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", 405),
        ("BREW /pot HTTP/1.1\r\nHost: h\r\n\r\n", 501),
    ] {
        let mut client = server.connect();
        client.send(request);
        let answer = client.answer();
        assert_eq!(answer.status, status, "{request}");
        assert_eq!(answer.field("Content-Type"), Some("text/plain; charset=utf-8"));
        assert!(answer.body.ends_with(b".\n"), "it explains itself: {request}");
        client.get("/small.txt", "");
        assert_eq!(client.answer().body, b"small", "the connection goes on after {request}");
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
fn what_cannot_be_trusted_ends_the_connection_with_an_answer() {
    let server = Server::start(&[]);
    let long_target = format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "a".repeat(60_000));
    let long_field = format!("GET / HTTP/1.1\r\nHost: h\r\nA: {}\r\n\r\n", "a".repeat(60_000));
    for (request, status) in [
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\nHost: h\n\n", 400),
        ("GET /small.txt /../confidential/x HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
        ("GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505),
        ("CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n", 405),
        ("GET / HTTP/1.1\r\nHost: h\r\nExpect: miracles\r\n\r\n", 417),
        (&long_target, 414),
        (&long_field, 431),
    ] {
        let mut client = server.connect();
        client.send(request);
        // A second request must not be answered.
        client.get("/small.txt", "");
        let answer = client.answer();
        assert_eq!((answer.status, answer.field("Connection")), (status, Some("close")), "{request:.60}");
        assert!(client.is_closed(), "{request:.60}");
    }
}

#[test]
fn an_early_answer_survives_what_the_client_still_sends() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n");
    let answer = client.head();
    let length = answer.field("Content-Length").and_then(|length| length.parse().ok()).expect("a length");
    assert_eq!((answer.status, answer.field("Connection")), (405, Some("close")));
    // The server has answered and closed its side. What comes now must not make it reset the
    // connection.
    for _ in 0..10 {
        client.stream.write_all(&[b'x'; 100_000]).expect("the server still receives");
    }
    assert!(client.body(length).ends_with(b".\n"), "the answer is still there");
    assert!(client.is_closed());
}

#[test]
fn a_dropped_body_is_never_a_request() {
    let server = Server::start(&[]);
    let smuggled = "GET /confidential/secret.txt HTTP/1.1\r\n\r\n";
    let mut client = server.connect();
    client.send(format!("GET /small.txt HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", smuggled.len()));
    assert_eq!(client.answer().body, b"small");
    client.send(smuggled);
    client.get("/empty.txt", "");
    assert_eq!(client.answer().field("Content-Length"), Some("0"));
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
