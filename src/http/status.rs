//! The status codes we send, and the refusal that carries one.

/// A status code of RFC 9110 section 15 that reeld sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Ok = 200,
    NoContent = 204,
    PartialContent = 206,
    MovedPermanently = 301,
    NotModified = 304,
    BadRequest = 400,
    Forbidden = 403,
    NotFound = 404,
    MethodNotAllowed = 405,
    RequestTimeout = 408,
    PreconditionFailed = 412,
    UriTooLong = 414,
    RangeNotSatisfiable = 416,
    ExpectationFailed = 417,
    RequestHeaderFieldsTooLarge = 431,
    InternalServerError = 500,
    NotImplemented = 501,
    ServiceUnavailable = 503,
    HttpVersionNotSupported = 505,
}

impl Status {
    /// The three digits.
    pub fn code(self) -> u16 {
        self as u16
    }

    /// Code and reason phrase, as they stand in the status line (RFC 9112 section 4).
    pub fn line(self) -> &'static str {
        match self {
            Status::Ok => "200 OK",
            Status::NoContent => "204 No Content",
            Status::PartialContent => "206 Partial Content",
            Status::MovedPermanently => "301 Moved Permanently",
            Status::NotModified => "304 Not Modified",
            Status::BadRequest => "400 Bad Request",
            Status::Forbidden => "403 Forbidden",
            Status::NotFound => "404 Not Found",
            Status::MethodNotAllowed => "405 Method Not Allowed",
            Status::RequestTimeout => "408 Request Timeout",
            Status::PreconditionFailed => "412 Precondition Failed",
            Status::UriTooLong => "414 URI Too Long",
            Status::RangeNotSatisfiable => "416 Range Not Satisfiable",
            Status::ExpectationFailed => "417 Expectation Failed",
            Status::RequestHeaderFieldsTooLarge => "431 Request Header Fields Too Large",
            Status::InternalServerError => "500 Internal Server Error",
            Status::NotImplemented => "501 Not Implemented",
            Status::ServiceUnavailable => "503 Service Unavailable",
            Status::HttpVersionNotSupported => "505 HTTP Version Not Supported",
        }
    }
}

/// Why a request gets an error instead of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status of the response.
    pub status: Status,
    /// The reason in one sentence, for the response body.
    pub reason: &'static str,
    /// Whether the connection must close, because what follows may not be a request or will not be
    /// read.
    pub close: bool,
}

impl Refusal {
    /// For a connection over the limit; its request is not read.
    pub const TOO_MANY_CONNECTIONS: Self =
        Refusal::close(Status::ServiceUnavailable, "There are too many connections; try again soon.");

    /// For a large page while slow clients hold too many of them.
    pub const TOO_MANY_PAGES: Self =
        Refusal::keep_alive(Status::ServiceUnavailable, "The server is sending too many large pages; try again soon.");

    /// For a request whose head did not arrive in time.
    pub const TIMED_OUT: Self = Refusal::close(Status::RequestTimeout, "The request did not arrive in time.");

    /// For a request whose file could not be opened in time.
    pub const DISK_TIMED_OUT: Self =
        Refusal::close(Status::ServiceUnavailable, "The file system did not answer in time; try again later.");

    /// For a folder that the scan has not come to yet.
    pub const STILL_READING: Self =
        Refusal::keep_alive(Status::ServiceUnavailable, "The folder is still being read; try again in a moment.");

    /// For content whose end cannot be found; the request has already been answered.
    pub const BAD_CHUNK: Self = Refusal::malformed("A chunk of the request's content is malformed.");

    /// For a request that is not HTTP, or that two recipients could read differently.
    pub const fn malformed(reason: &'static str) -> Self {
        Refusal::close(Status::BadRequest, reason)
    }

    /// An error after which the connection serves the next request.
    pub const fn keep_alive(status: Status, reason: &'static str) -> Self {
        Refusal { status, reason, close: false }
    }

    /// An error after which the connection closes.
    pub const fn close(status: Status, reason: &'static str) -> Self {
        Refusal { status, reason, close: true }
    }
}

#[cfg(test)]
mod tests {
    use super::Status::*;

    #[test]
    fn a_status_line_begins_with_the_code() {
        for status in [
            Ok,
            NoContent,
            PartialContent,
            MovedPermanently,
            NotModified,
            BadRequest,
            Forbidden,
            NotFound,
            MethodNotAllowed,
            RequestTimeout,
            PreconditionFailed,
            UriTooLong,
            RangeNotSatisfiable,
            ExpectationFailed,
            RequestHeaderFieldsTooLarge,
            InternalServerError,
            NotImplemented,
            ServiceUnavailable,
            HttpVersionNotSupported,
        ] {
            assert!(status.line().starts_with(&format!("{} ", status.code())), "{status:?}");
        }
    }
}
