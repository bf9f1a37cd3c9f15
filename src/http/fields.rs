//! What a request head consists of: method, version, and field lines with the lists and tokens in
//! them.

/// The method of a request, as far as it matters to a file server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Head,
    Options,
    /// Asks for a tunnel. Refused like the methods below, but its target has another form.
    Connect,
    /// A method of RFC 9110 section 9 (or PATCH) that a file server never allows.
    NotAllowed,
    Unknown,
}

/// A version of the HTTP/1 family; 1.2 and later count as 1.1 (RFC 9110 section 6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    Http10,
    Http11,
}

/// The field lines of a request, borrowed from the bytes they came in.
#[derive(Debug)]
pub struct Fields<'a>(Vec<httparse::Header<'a>>);

impl<'a> Fields<'a> {
    /// Reads this many field lines and the empty line after them; None if one is malformed (RFC
    /// 9112 section 5).
    pub(super) fn parse(bytes: &'a [u8], lines: usize) -> Option<Self> {
        let mut fields = vec![httparse::EMPTY_HEADER; lines];
        let parsed = httparse::parse_headers(bytes, &mut fields);
        matches!(parsed, Ok(httparse::Status::Complete(_))).then_some(Fields(fields))
    }

    /// Whether there is a field line of that name.
    pub fn has(&self, name: &'static str) -> bool {
        self.every(name).next().is_some()
    }

    /// The values of every field line of that name, in order.
    pub fn every(&self, name: &'static str) -> impl DoubleEndedIterator<Item = &'a [u8]> {
        self.0.iter().filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
    }

    /// The value of a field that is not a list; None if it is absent, or repeated, because no line
    /// takes precedence over the others (RFC 9110 section 5.3).
    pub fn only(&self, name: &'static str) -> Option<&'a [u8]> {
        let mut values = self.every(name);
        values.next().filter(|_| values.next().is_none())
    }

    /// The members of a list field, whose lines count as one list (RFC 9110 section 5.3).
    pub fn members(&self, name: &'static str) -> impl DoubleEndedIterator<Item = &'a [u8]> {
        self.every(name).flat_map(list_members)
    }

    /// Whether a list field has this member, in any case.
    pub fn lists(&self, name: &'static str, member: &str) -> bool {
        self.members(name).any(|found| found.eq_ignore_ascii_case(member.as_bytes()))
    }
}

/// The members of a comma-separated list without white space and empty members (RFC 9110 section
/// 5.6.1.2).
pub fn list_members(value: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|member| !member.is_empty())
}

/// Whether a token may have this byte (RFC 9110 section 5.6.2).
pub(super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
