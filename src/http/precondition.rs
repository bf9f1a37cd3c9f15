//! Conditional requests (RFC 9110 section 13).

use std::time::SystemTime;

use super::date;
use super::fields::Fields;
use super::head::Request;
use super::validators::Validators;

/// The outcome of the conditions of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Proceed,
    /// The client's copy is current: 304.
    NotModified,
    /// The file is not the one the client expects: 412.
    Failed,
}

/// Evaluates all conditions but If-Range, in the order of RFC 9110 section 13.2.2. A date counts
/// only without the matching condition on an entity tag, and only if it is a single valid date.
pub fn evaluate(request: &Request, file: &Validators, now: SystemTime) -> Verdict {
    evaluate_fields(request, file, now).0
}

/// The same with the name of the last field that counted; None if none did.
pub fn evaluate_fields(request: &Request, file: &Validators, now: SystemTime) -> (Verdict, Option<&'static str>) {
    let fields = &request.fields;
    let tag = || file.entity_tag();
    // Without a date of its own, conditions on one are ignored (RFC 9110 section 13.1.3).
    let modified = file.modified().map(date::seconds);
    let is_after = |name| {
        let since = fields.only(name).and_then(|text| date::parse(text, now))?;
        Some(modified? > since)
    };

    let mut counted = None;
    // A comma inside a tag splits it, which does no harm: our tags have none.
    if fields.has("if-match") {
        counted = Some("If-Match");
        if !any(fields, "if-match") && !fields.members("if-match").any(|found| found == tag().as_bytes()) {
            return (Verdict::Failed, counted);
        }
    } else if let Some(is_after) = is_after("if-unmodified-since") {
        counted = Some("If-Unmodified-Since");
        if is_after {
            return (Verdict::Failed, counted);
        }
    }
    if fields.has("if-none-match") {
        counted = Some("If-None-Match");
        let weak = |found: &[u8]| found.strip_prefix(b"W/").unwrap_or(found) == tag().as_bytes();
        if any(fields, "if-none-match") || fields.members("if-none-match").any(weak) {
            return (Verdict::NotModified, counted);
        }
    } else if let Some(is_after) = is_after("if-modified-since") {
        counted = Some("If-Modified-Since");
        if !is_after {
            return (Verdict::NotModified, counted);
        }
    }
    (Verdict::Proceed, counted)
}

/// Whether Range applies: always without If-Range, otherwise only if its validator matches this
/// file (RFC 9110 section 13.1.5). A date must match to the second and be a strong validator.
pub fn if_range_matches(request: &Request, file: &Validators, now: SystemTime) -> bool {
    if !request.fields.has("if-range") {
        return true;
    }
    let Some(validator) = request.fields.only("if-range") else { return false };
    if validator.ends_with(b"\"") {
        return validator == file.entity_tag().as_bytes();
    }
    file.has_strong_date(now) && date::parse(validator, now) == file.modified().map(date::seconds)
}

/// Whether the field is `*`, which matches any version of the file.
fn any(fields: &Fields, name: &'static str) -> bool {
    fields.only(name) == Some(b"*")
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use proptest::prelude::*;

    use super::super::head::{Parsed, parse};
    use super::*;

    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const EXACT: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    fn file() -> Validators {
        Validators::File { size: 10, modified: UNIX_EPOCH + Duration::new(784_111_777, 500) }
    }

    fn asked<T>(fields: &str, evaluate: impl FnOnce(&Request) -> T) -> T {
        let head = format!("GET / HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
        match parse(head.as_bytes()) {
            Ok(Parsed::Complete(request, _)) => evaluate(&request),
            other => panic!("{head:?} reads as {other:?}"),
        }
    }

    #[test]
    fn conditions_are_judged_in_order() {
        use Verdict::*;
        let tag = file().entity_tag();
        let now = file().modified().expect("it is a file") + Duration::from_secs(5);
        for (fields, verdict) in [
            (String::new(), Proceed),
            (format!("If-None-Match: {tag}\r\n"), NotModified),
            (format!("If-None-Match: W/{tag}\r\n"), NotModified),
            (format!("If-None-Match: \"a\", ,{tag}\r\n"), NotModified),
            (format!("If-None-Match: \"a\"\r\nIf-None-Match: {tag}\r\n"), NotModified),
            ("If-None-Match: *\r\n".into(), NotModified),
            ("If-None-Match: \"a\"\r\n".into(), Proceed),
            ("If-None-Match: \"a,*,b\"\r\n".into(), Proceed),
            ("If-Match: \"a,*,b\"\r\n".into(), Failed),
            (format!("If-None-Match: \"a\"\r\nIf-Modified-Since: {AFTER}\r\n"), Proceed),
            (format!("If-Modified-Since: {BEFORE}\r\n"), Proceed),
            (format!("If-Modified-Since: {EXACT}\r\n"), NotModified),
            (format!("If-Modified-Since: {AFTER}\r\n"), NotModified),
            ("If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT\r\n".into(), NotModified),
            ("If-Modified-Since: some day\r\n".into(), Proceed),
            (format!("If-Match: {tag}\r\n"), Proceed),
            ("If-Match: *\r\n".into(), Proceed),
            (format!("If-Match: W/{tag}\r\n"), Failed),
            ("If-Match: \"a\"\r\n".into(), Failed),
            (format!("If-Match: \"a\"\r\nIf-None-Match: {tag}\r\n"), Failed),
            (format!("If-Match: {tag}\r\nIf-Unmodified-Since: {BEFORE}\r\n"), Proceed),
            (format!("If-Match: {tag}\r\nIf-None-Match: {tag}\r\n"), NotModified),
            (format!("If-Unmodified-Since: {BEFORE}\r\n"), Failed),
            (format!("If-Unmodified-Since: {EXACT}\r\n"), Proceed),
            ("If-Unmodified-Since: some day\r\n".into(), Proceed),
        ] {
            assert_eq!(asked(&fields, |request| evaluate(request, &file(), now)), verdict, "{fields:?}");
        }
    }

    #[test]
    fn a_range_stands_only_for_the_same_file() {
        let tag = file().entity_tag();
        let now = file().modified().expect("it is a file") + Duration::from_secs(5);
        for (fields, stands) in [
            (String::new(), true),
            (format!("If-Range: {tag}\r\n"), true),
            (format!("If-Range: W/{tag}\r\n"), false),
            ("If-Range: \"a\"\r\n".into(), false),
            ("If-Range: garbage\r\n".into(), false),
            (format!("If-Range: {tag}\r\nIf-Range: {tag}\r\n"), false),
            (format!("If-Range: {BEFORE}\r\n"), false),
            (format!("If-Range: {EXACT}\r\n"), true),
            (format!("If-Range: {AFTER}\r\n"), false),
        ] {
            assert_eq!(asked(&fields, |request| if_range_matches(request, &file(), now)), stands, "{fields:?}");
        }
        let exact = format!("If-Range: {EXACT}\r\n");
        for (age, stands) in [(0, false), (999, false), (1_000, false), (1_999, false), (2_000, true)] {
            let now = file().modified().expect("it is a file") + Duration::from_millis(age);
            assert_eq!(asked(&exact, |request| if_range_matches(request, &file(), now)), stands, "{age} ms old");
        }
    }

    proptest! {
        /// One version is sent, another replaces it, and much later the client sends the date of
        /// the first in If-Range. The clock of the file system lags by up to 10 ms. Times are in
        /// milliseconds.
        #[test]
        fn no_date_joins_two_states_of_a_file(
            first in 0..2_000u64, sent_after in 0..4_000u64, changed_after in 0..2_000u64, lag in 0..=10u64,
        ) {
            let start = file().modified().expect("it is a file");
            let at = |time| start + Duration::from_millis(time);
            let sent = first + sent_after;
            let second = (sent + changed_after).saturating_sub(lag).max(first + 1);
            let mut fields = String::new();
            Validators::File { size: 10, modified: at(first) }.write(&mut fields, at(sent));
            if let Some(line) = fields.lines().find(|line| line.starts_with("Last-Modified: ")) {
                let if_range = format!("{}\r\n", line.replace("Last-Modified", "If-Range"));
                let now = at(100_000);
                let file = |modified| Validators::File { size: 10, modified: at(modified) };
                prop_assert!(asked(&if_range, |request| if_range_matches(request, &file(first), now)));
                prop_assert!(!asked(&if_range, |request| if_range_matches(request, &file(second), now)), "{if_range}");
            }
        }
    }
}
