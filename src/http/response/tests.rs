//! The responses, to the letter.

use std::time::UNIX_EPOCH;

use super::*;
use crate::bytes::Bytes;
use crate::http::head::{Parsed, parse};
use crate::http::range::PartPolicy;

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(784_111_777)
}

fn written(response: Response, persistent: bool) -> String {
    let mut text = String::new();
    response.write_head(&mut text, persistent, None, now());
    for segment in response.body {
        if let Segment::Text(segment) = segment {
            text.push_str(&segment);
        }
    }
    text
}

/// The response to a request for a file of 250 bytes in parts of 100.
fn answer(method: &str, fields: &str) -> String {
    answer_in(&Parts { policy: PartPolicy::Always, size: Bytes(100) }, method, fields)
}

fn answer_in(parts: &Parts, method: &str, fields: &str) -> String {
    let head = format!("{method} / HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
    let validators = Validators::File { size: 250, modified: now() - Duration::from_secs(5) };
    let file = Representation { validators, content_type: "video/mp4".into(), fields: Vec::new() };
    match parse(head.as_bytes()) {
        Ok(Parsed::Complete(request, _)) => written(Response::of(&request, file, parts, now()), true),
        other => panic!("{head:?} reads as {other:?}"),
    }
}

#[test]
fn a_part_is_written_to_the_letter() {
    assert_eq!(
        answer("GET", "Range: bytes=50-\r\n"),
        "HTTP/1.1 206 Partial Content\r\n\
         Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
         Connection: keep-alive\r\n\
         Accept-Ranges: bytes\r\n\
         Content-Type: video/mp4\r\n\
         X-Content-Type-Options: nosniff\r\n\
         Content-Length: 100\r\n\
         Content-Range: bytes 50-149/250\r\n\
         Last-Modified: Sun, 06 Nov 1994 08:49:32 GMT\r\n\
         ETag: \"fa-ae1b98092431800\"\r\n\
         Cache-Control: no-store\r\n\
         \r\n"
    );
}

#[test]
fn several_parts_are_written_to_the_letter() {
    let validators = Validators::File { size: 250, modified: now() };
    let file = Representation { validators, content_type: "video/mp4".into(), fields: Vec::new() };
    let response = Response::selected(Selection::Several(vec![200..210, 0..1]), file, now());
    let boundary = "part-of-reeld-00000000000000000ae1b981bc490a00";
    let text = |text: String| Segment::Text(text.into());
    let content_type = "Content-Type: video/mp4\r\n";
    let expected = [
        text(format!("\r\n--{boundary}\r\n{content_type}Content-Range: bytes 200-209/250\r\n\r\n")),
        Segment::Bytes(200..210),
        text(format!("\r\n--{boundary}\r\n{content_type}Content-Range: bytes 0-0/250\r\n\r\n")),
        Segment::Bytes(0..1),
        text(format!("\r\n--{boundary}--\r\n")),
    ];
    assert_eq!(response.body[..], expected);
    let length = expected.iter().map(Segment::length).sum::<u64>();
    let mut head = String::new();
    response.write_head(&mut head, true, None, now());
    assert!(head.starts_with("HTTP/1.1 206 "));
    assert!(head.contains(&format!("Content-Type: multipart/byteranges; boundary={boundary}\r\n")), "{head}");
    assert!(head.contains(&format!("Content-Length: {length}\r\n")), "{head}");
    assert!(head.contains("ETag: ") && !head.contains("Content-Range"), "{head}");
}

#[test]
fn head_tells_of_the_whole_file() {
    let head = answer("HEAD", "Range: bytes=50-\r\n");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("Content-Length: 250\r\n"), "{head}");
    assert!(!head.contains("Content-Range") && !head.contains("Cache-Control"), "{head}");
}

#[test]
fn a_206_of_a_file_that_is_cut_is_not_stored() {
    let stored = |fields: &str| !answer("GET", fields).contains("Cache-Control: no-store\r\n");
    for fields in ["", "Range: bytes=0-\r\n", "Range: bytes=7-9\r\n", "Range: bytes=0-0,9-9\r\n"] {
        assert!(!stored(fields), "{fields}");
    }
    for fields in ["Range: bytes=250-\r\n", "If-None-Match: *\r\n"] {
        assert!(stored(fields), "{fields}");
    }
    for (policy, size, stored) in [
        (PartPolicy::OpenEnded, 100, false),
        (PartPolicy::Players, 100, false),
        (PartPolicy::Never, 100, true),
        (PartPolicy::Always, 250, true),
    ] {
        let parts = Parts { policy, size: Bytes(size) };
        let text = answer_in(&parts, "GET", "Range: bytes=7-9\r\n");
        assert_eq!(!text.contains("Cache-Control"), stored, "{policy:?} {size}: {text}");
    }
}

#[test]
fn a_416_has_the_size_and_no_entity_tag() {
    let text = answer("GET", "Range: bytes=250-\r\n");
    assert!(text.starts_with("HTTP/1.1 416 Range Not Satisfiable\r\n"));
    assert!(text.contains("Content-Range: bytes */250\r\n"));
    assert!(!text.contains("ETag"));
}

#[test]
fn a_304_has_validators_and_no_content() {
    let text = answer("GET", "If-None-Match: *\r\nRange: bytes=0-\r\n");
    assert!(text.starts_with("HTTP/1.1 304 Not Modified\r\n"));
    assert!(text.contains("ETag: ") && text.contains("Last-Modified: ") && text.contains("Date: "));
    assert!(!text.contains("Content-"));
}

#[test]
fn a_refusal_explains_itself() {
    let refusal = Refusal::close(Status::BadRequest, "Because.");
    assert_eq!(
        written(Response::refusal(refusal), false),
        "HTTP/1.1 400 Bad Request\r\n\
         Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
         Connection: close\r\n\
         Accept-Ranges: bytes\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\
         X-Content-Type-Options: nosniff\r\n\
         Content-Length: 9\r\n\
         \r\n\
         Because.\n"
    );
    assert!(!written(Response::refusal(refusal).without_body(), false).ends_with("Because.\n"));
}

/// The response to a method other than GET and HEAD, as written.
fn to_method(method: &str, fields: &str, cors: Option<&str>) -> Option<String> {
    let head = format!("{method} / HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
    let cors: Option<Cors> = cors.map(|origin| origin.parse().expect("an origin"));
    let Ok(Parsed::Complete(request, _)) = parse(head.as_bytes()) else { panic!("{head:?} is a request") };
    let mut text = String::new();
    Response::to_method(&request)?.write_head(&mut text, true, cors.as_ref(), now());
    Some(text)
}

#[test]
fn methods_other_than_get_and_head_have_their_own_responses() {
    let allow = "Allow: GET, HEAD, OPTIONS\r\n";
    let options = to_method("OPTIONS", "", None).expect("OPTIONS has its own response");
    assert!(options.starts_with("HTTP/1.1 204 No Content\r\n") && options.contains(allow));
    assert!(!options.contains("Content-Length"), "RFC 9110 section 8.6");
    let post = to_method("POST", "", None).expect("POST is refused");
    assert!(post.starts_with("HTTP/1.1 405 ") && post.contains(allow));
    assert!(to_method("BREW", "", None).is_some_and(|text| text.starts_with("HTTP/1.1 501 ")));
    assert!(to_method("GET", "", None).is_none() && to_method("HEAD", "", None).is_none());
}

#[test]
fn cors_fields_are_written_only_if_an_origin_is_allowed() {
    let preflight = "Origin: https://a\r\nAccess-Control-Request-Method: GET\r\n";
    let answer = to_method("OPTIONS", preflight, Some("https://a")).expect("OPTIONS has its own response");
    assert!(answer.contains(
        "Access-Control-Allow-Origin: https://a\r\n\
         Access-Control-Allow-Methods: GET, HEAD, OPTIONS\r\n\
         Access-Control-Allow-Headers: Range, If-Range, If-Match, If-None-Match, If-Modified-Since, \
         If-Unmodified-Since, Cache-Control\r\n\
         Access-Control-Max-Age: 86400\r\n"
    ));
    let refused = to_method("POST", "Origin: https://b\r\n", Some("*")).expect("POST is refused");
    assert!(refused.contains(
        "Access-Control-Allow-Origin: *\r\n\
         Access-Control-Expose-Headers: Content-Range, Content-Length, Accept-Ranges, ETag\r\n"
    ));
    assert!(!to_method("OPTIONS", preflight, None).expect("a response").contains("Access-Control"));
}

#[test]
fn a_modification_time_in_the_future_becomes_the_date_of_the_response() {
    let text = written(
        Response {
            validators: Some(Validators::File { size: 1, modified: now() + RETRY_AFTER }),
            ..Response::new(Status::NotModified)
        },
        true,
    );
    assert!(text.contains("Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"), "{text}");
}
