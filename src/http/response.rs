//! The response as a value, decided in full before a byte of it is written (RFC 9110 sections 8, 14
//! and 15).

use std::borrow::Cow;
use std::ops::Range;
use std::time::{Duration, SystemTime};

use itoa::Buffer as Decimal;

use super::cors::Cors;
use super::date;
use super::fields::Method;
use super::head::Request;
use super::multipart;
use super::precondition::{self, Verdict};
use super::range::{self, Parts, Selection};
use super::segment::Segment;
use super::status::{Refusal, Status};
use super::target;
use super::validators::Validators;

/// What responses say about a file.
#[derive(Clone, Debug)]
pub struct Representation {
    pub validators: Validators,
    /// The Content-Type.
    pub content_type: Cow<'static, str>,
    /// Further header fields of the responses that carry it, and of 304.
    pub fields: Vec<Field>,
}

/// The name of a header field and its value, which is ours or has been made safe.
pub type Field = (&'static str, Cow<'static, str>);

/// A complete response.
#[derive(Debug)]
pub struct Response {
    pub status: Status,
    pub body: Vec<Segment>,
    /// Whether the connection must close after this response, even if the client wants to keep it.
    pub close: bool,
    content_type: Option<Cow<'static, str>>,
    content_length: Option<u64>,
    content_range: Option<ContentRange>,
    validators: Option<Validators>,
    fields: Vec<Field>,
    location: Option<String>,
    allow: bool,
    /// Whether it answers a CORS preflight request.
    preflight: bool,
    retry_after: Option<Duration>,
}

#[derive(Debug)]
struct ContentRange {
    /// None if the requested range does not exist.
    part: Option<Range<u64>>,
    total: u64,
}

const TEXT: &str = "text/plain; charset=utf-8";

/// `Retry-After` of a 503.
const RETRY_AFTER: Duration = Duration::from_secs(1);

impl Response {
    fn new(status: Status) -> Self {
        Response {
            status,
            body: Vec::new(),
            close: false,
            content_type: None,
            content_length: None,
            content_range: None,
            validators: None,
            fields: Vec::new(),
            location: None,
            allow: false,
            preflight: false,
            retry_after: None,
        }
    }

    fn text(status: Status, reason: &'static str) -> Self {
        let sentence = [reason, "\n"].map(|text| Segment::Text(text.into()));
        Response { content_type: Some(Cow::Borrowed(TEXT)), ..Response::with_body(status, sentence.into()) }
    }

    fn with_body(status: Status, body: Vec<Segment>) -> Self {
        let content_length = Some(body.iter().map(Segment::length).sum());
        Response { body, content_length, ..Response::new(status) }
    }

    /// The response to a request that is refused.
    pub fn refusal(refusal: Refusal) -> Self {
        Response {
            close: refusal.close,
            retry_after: (refusal.status == Status::ServiceUnavailable).then_some(RETRY_AFTER),
            ..Response::text(refusal.status, refusal.reason)
        }
    }

    /// A redirect to the right address of a folder.
    pub fn redirect(location: String) -> Self {
        let text = Response::text(Status::MovedPermanently, "The address of a folder ends in a slash.");
        Response { location: Some(location), ..text }
    }

    /// The response to a method other than GET and HEAD; None for those two.
    pub fn to_method(request: &Request) -> Option<Self> {
        let answer = match request.method {
            Method::Get | Method::Head => return None,
            Method::Options => {
                let preflight = request.only("access-control-request-method").is_some();
                Response { allow: true, preflight, ..Response::new(Status::NoContent) }
            }
            Method::Connect | Method::NotAllowed => {
                let text = Response::text(Status::MethodNotAllowed, "Files here can only be read: GET or HEAD.");
                Response { allow: true, ..text }
            }
            Method::Unknown => Response::text(Status::NotImplemented, "The method is not implemented."),
        };
        Some(target::check(request.method, request.target).map_or_else(Response::refusal, |()| answer))
    }

    /// The response to a GET or HEAD of an existing resource.
    pub fn of(request: &Request, file: Representation, parts: &Parts, now: SystemTime) -> Self {
        let validators = file.validators;
        match precondition::evaluate(request, &validators, now) {
            Verdict::NotModified => {
                let fields = file.fields;
                Response { validators: Some(validators), fields, ..Response::new(Status::NotModified) }
            }
            Verdict::Failed => {
                Response::text(Status::PreconditionFailed, "The file does not meet a precondition of the request.")
            }
            Verdict::Proceed => {
                // Range applies to GET only (RFC 9110 section 14.2).
                let ranged = request.method == Method::Get && precondition::if_range_matches(request, &validators, now);
                let wanted = if ranged { request.only("range").and_then(range::parse) } else { None };
                Response::selected(parts.select(wanted.as_deref(), validators.size()), file, now)
            }
        }
    }

    fn selected(selection: Selection, file: Representation, now: SystemTime) -> Self {
        let Representation { validators, content_type, fields } = file;
        let total = validators.size();
        let bytes_of_file = |bytes, status| Response::with_body(status, vec![Segment::Bytes(bytes)]);
        let (response, content_type) = match selection {
            Selection::Whole => (bytes_of_file(0..total, Status::Ok), content_type),
            Selection::Part(part) => {
                let content_range = Some(ContentRange { part: Some(part.clone()), total });
                (Response { content_range, ..bytes_of_file(part, Status::PartialContent) }, content_type)
            }
            // Content-Range goes with each part, never in the head (RFC 9110 section 15.3.7.2).
            Selection::Several(ranges) => {
                let boundary = multipart::boundary(now);
                let segments = multipart::segments(ranges, total, &content_type, &boundary);
                let content_type = format!("multipart/byteranges; boundary={boundary}");
                (Response::with_body(Status::PartialContent, segments), content_type.into())
            }
            Selection::Unsatisfiable => {
                let text = Response::text(Status::RangeNotSatisfiable, "The file has none of the bytes asked for.");
                return Response { content_range: Some(ContentRange { part: None, total }), ..text };
            }
        };
        Response { content_type: Some(content_type), validators: Some(validators), fields, ..response }
    }

    /// The same response to HEAD: all fields, no content (RFC 9110 section 9.3.2).
    pub fn without_body(mut self) -> Self {
        self.body.clear();
        self
    }

    /// Bytes of the body.
    pub fn body_length(&self) -> u64 {
        self.body.iter().map(Segment::length).sum()
    }

    /// The one part of the representation that a 206 carries.
    pub fn part(&self) -> Option<Range<u64>> {
        self.content_range.as_ref()?.part.clone()
    }

    /// Writes the head; the body is for the caller to send. `persistent` says whether the
    /// connection stays open.
    pub fn write_head(&self, out: &mut String, persistent: bool, cors: Option<&Cors>, now: SystemTime) {
        // The version in the status line (RFC 9112 section 4) is ours, not the client's (RFC 9110
        // section 6.2).
        out.extend(["HTTP/1.1 ", self.status.line(), "\r\nDate: "]);
        date::with_text(now, |date| out.push_str(date));
        out.extend(["\r\nConnection: ", if persistent { "keep-alive" } else { "close" }]);
        out.push_str("\r\nAccept-Ranges: bytes\r\n");
        if let Some(content_type) = &self.content_type {
            out.extend(["Content-Type: ", content_type, "\r\nX-Content-Type-Options: nosniff\r\n"]);
        }
        if let Some(length) = self.content_length {
            out.extend(["Content-Length: ", Decimal::new().format(length), "\r\n"]);
        }
        if let Some(ContentRange { part, total }) = &self.content_range {
            out.push_str("Content-Range: bytes ");
            match part {
                Some(part) => {
                    out.extend([Decimal::new().format(part.start), "-", Decimal::new().format(part.end - 1)]);
                }
                None => out.push('*'),
            }
            out.extend(["/", Decimal::new().format(*total), "\r\n"]);
        }
        if let Some(validators) = &self.validators {
            validators.write(out, now);
        }
        for (name, value) in &self.fields {
            out.extend([name, ": ", value, "\r\n"]);
        }
        if self.allow {
            out.push_str("Allow: GET, HEAD, OPTIONS\r\n");
        }
        if let Some(cors) = cors {
            cors.write(out, self.preflight);
        }
        if let Some(location) = &self.location {
            out.extend(["Location: ", location, "\r\n"]);
        }
        if let Some(retry_after) = self.retry_after {
            out.extend(["Retry-After: ", Decimal::new().format(retry_after.as_secs()), "\r\n"]);
        }
        out.push_str("\r\n");
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::super::head::{Parsed, parse};
    use super::super::range::PartPolicy;
    use super::*;
    use crate::bytes::Bytes;

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
        let head = format!("{method} / HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
        let validators = Validators::File { size: 250, modified: now() - Duration::from_secs(5) };
        let file = Representation { validators, content_type: "video/mp4".into(), fields: Vec::new() };
        let parts = Parts { policy: PartPolicy::Always, size: Bytes(100) };
        match parse(head.as_bytes()) {
            Ok(Parsed::Complete(request, _)) => written(Response::of(&request, file, &parts, now()), true),
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
    fn head_ignores_range() {
        assert_eq!(answer("HEAD", "Range: bytes=50-\r\n"), answer("GET", ""));
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
}
