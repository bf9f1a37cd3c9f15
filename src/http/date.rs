//! Dates on the wire: RFC 9110 section 5.6.7.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// 9999-12-31T23:59:59Z in seconds: the last date that four digits of a year can show.
const LAST_SECOND: u64 = 253_402_300_799;

/// Shows a time as IMF-fixdate. Times outside 1970 to 9999 show the nearest date inside, because httpdate 1.0.3 panics on
/// them and a file may have any time.
pub struct ImfDate(pub SystemTime);

impl fmt::Display for ImfDate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        httpdate::HttpDate::from(UNIX_EPOCH + Duration::from_secs(seconds(self.0))).fmt(out)
    }
}

/// Whole seconds since 1970, as a date field can carry them.
pub fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs().min(LAST_SECOND)
}

/// Reads any of the three forms of an HTTP date as seconds since 1970; None for anything else.
pub fn parse(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    httpdate::parse_http_date(text.trim()).ok().map(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_any_file_has_a_date() {
        let year = Duration::from_secs(366 * 86_400);
        for (time, date) in [
            (UNIX_EPOCH + Duration::from_secs(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT"),
            (UNIX_EPOCH - year, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (UNIX_EPOCH + year * 9_000, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            assert_eq!(ImfDate(time).to_string(), date);
        }
    }

    #[test]
    fn all_three_forms_are_read() {
        for text in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            assert_eq!(parse(text.as_bytes()), Some(784_111_777), "{text}");
        }
        for text in ["", "yesterday", "784111777", "Sun, 06 Nov 1994 08:49:37"] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
