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
use super::range::{self, Ignored, Parts, RangeSpec, Selection};
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

/// With every 206 of a file that is cut: Firefox takes a part that it has cached for the whole file
/// when the same file is downloaded, and Chromium asks for what is missing behind it with an end,
/// `bytes=5242880-8324221`.
const NO_STORE: Field = ("Cache-Control", Cow::Borrowed("no-store"));

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

    /// The same with a page of this type in place of the sentence.
    pub fn refusal_page(refusal: Refusal, page: String, content_type: &'static str, fields: Vec<Field>) -> Self {
        let Response { body, content_length, .. } =
            Response::with_body(refusal.status, vec![Segment::Text(page.into())]);
        Response { body, content_length, content_type: Some(content_type.into()), fields, ..Response::refusal(refusal) }
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
                let wanted = requested_ranges(request, &validators, now).ok();
                let total = validators.size();
                let mut response =
                    Response::selected(parts.for_request(request).select(wanted.as_deref(), total), file, now);
                if response.status == Status::PartialContent && parts.may_cut(total) {
                    response.fields.push(NO_STORE);
                }
                response
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

    /// The Content-Type; empty if there is none.
    pub fn content_type(&self) -> Cow<'static, str> {
        self.content_type.clone().unwrap_or_default()
    }

    /// Bytes of the whole representation; 0 if it carries none.
    pub fn size(&self) -> u64 {
        self.validators.map_or(0, |validators| validators.size())
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

/// Why no range is selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRange {
    /// The method is not GET (RFC 9110 section 14.2).
    NotGet,
    /// If-Range names another version of the file.
    IfRange,
    /// There is no Range field, or there are several.
    NotOne,
    Ignored(Ignored),
}

/// The ranges that a request selects of a file with these validators.
pub fn requested_ranges(request: &Request, file: &Validators, now: SystemTime) -> Result<Vec<RangeSpec>, NoRange> {
    if request.method != Method::Get {
        return Err(NoRange::NotGet);
    }
    if !precondition::if_range_matches(request, file, now) {
        return Err(NoRange::IfRange);
    }
    range::parse(request.only("range").ok_or(NoRange::NotOne)?).map_err(NoRange::Ignored)
}

#[cfg(test)]
mod tests;
