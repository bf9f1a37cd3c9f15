//! Dates on the wire: RFC 9110 section 5.6.7.

use std::cell::RefCell;
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

/// Dates that each thread remembers: the one of now, and those of the files that are asked for.
const REMEMBERED: usize = 64;

/// Lends the text of a time as [`ImfDate`] shows it.
pub fn with_text<T>(time: SystemTime, use_it: impl FnOnce(&str) -> T) -> T {
    thread_local! {
        static DATES: RefCell<[(u64, String); REMEMBERED]> = const {
            RefCell::new([const { (u64::MAX, String::new()) }; REMEMBERED])
        };
    }
    let wanted = seconds(time);
    DATES.with_borrow_mut(|dates| {
        let (second, text) = &mut dates[wanted as usize % REMEMBERED];
        if *second != wanted {
            (*second, *text) = (wanted, ImfDate(time).to_string());
        }
        use_it(text)
    })
}

/// Whole seconds since 1970, as a date field can carry them.
pub fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs().min(LAST_SECOND)
}

/// Reads any of the three forms of an HTTP date as seconds since 1970; None for anything else.
pub fn parse(text: &[u8], now: SystemTime) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?.trim();
    // Only one form has a dash. httpdate splits its centuries at 1970 for ever.
    let date = if text.contains('-') { rfc850_date(text, now) } else { httpdate::parse_http_date(text).ok() };
    date.map(seconds)
}

/// Reads `Sunday, 06-Nov-94 08:49:37 GMT`. Its year is the latest with these two digits that does not lie more than 50 years
/// ahead and in which that was a Sunday.
fn rfc850_date(text: &str, now: SystemTime) -> Option<SystemTime> {
    let (weekday, rest) = text.split_once(", ")?;
    if !WEEKDAYS.contains(&weekday) {
        return None;
    }
    let (day_and_month, rest) = rest.rsplit_once('-')?;
    let (day, month) = day_and_month.split_once('-')?;
    let (year, time) = rest.split_once(' ')?;
    let this_century: u16 = ImfDate(now).to_string()[12..14].parse().ok()?;
    [this_century + 1, this_century, this_century - 1].into_iter().find_map(|century| {
        let text = format!("{}, {day} {month} {century}{year} {time}", &weekday[..3]);
        httpdate::parse_http_date(&text).ok().filter(|date| *date <= now + FIFTY_YEARS)
    })
}

const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

const FIFTY_YEARS: Duration = Duration::from_secs(50 * 31_556_952);

#[cfg(test)]
mod tests {
    use super::*;

    /// The end of 2026.
    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_798_700_000)
    }

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
    fn a_date_that_is_remembered_is_the_one_that_is_shown() {
        let mut written = String::new();
        let mut shown = String::new();
        // By turns, so that some are remembered and some have been forgotten.
        for second in [1, 2, 1, 1 + REMEMBERED as u64, 1, u64::from(u32::MAX), 1 << 60] {
            let time = UNIX_EPOCH + Duration::from_secs(second);
            with_text(time, |text| written.push_str(text));
            shown.push_str(&ImfDate(time).to_string());
        }
        assert_eq!(written, shown);
    }

    #[test]
    fn all_three_forms_are_read() {
        for text in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            assert_eq!(parse(text.as_bytes(), now()), Some(784_111_777), "{text}");
        }
        for text in ["", "yesterday", "784111777", "Sun, 06 Nov 1994 08:49:37"] {
            assert_eq!(parse(text.as_bytes(), now()), None, "{text}");
        }
    }

    #[test]
    fn two_digits_of_a_year_are_at_most_fifty_years_ahead() {
        for (short, date) in [
            ("Sunday, 06-Nov-94 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("Friday, 06-Nov-26 08:49:37 GMT", "Fri, 06 Nov 2026 08:49:37 GMT"),
            ("Thursday, 06-Nov-70 08:49:37 GMT", "Thu, 06 Nov 2070 08:49:37 GMT"),
            ("Friday, 06-Nov-76 08:49:37 GMT", "Fri, 06 Nov 2076 08:49:37 GMT"),
            ("Sunday, 06-Nov-77 08:49:37 GMT", "Sun, 06 Nov 1977 08:49:37 GMT"),
        ] {
            let date = httpdate::parse_http_date(date).expect("a date");
            assert_eq!(parse(short.as_bytes(), now()), Some(seconds(date)), "{short}");
        }
        for text in
            ["Sunday, 06-Nov-1994 08:49:37 GMT", "Sun, 06-Nov-94 08:49:37 GMT", "Sunday, 06-Nov-94", "a, -", "-"]
        {
            assert_eq!(parse(text.as_bytes(), now()), None, "{text}");
        }
    }
}
