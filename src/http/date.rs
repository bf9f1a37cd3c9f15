//! Dates on the wire: RFC 9110 section 5.6.7.

use std::cell::RefCell;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// 9999-12-31T23:59:59Z in seconds: the last date that four digits of a year can show.
const LAST_SECOND: u64 = 253_402_300_799;

/// Formats a time as IMF-fixdate. Times outside 1970 to 9999 are clamped, because httpdate 1.0.3
/// panics on them and a file may have any time.
pub struct ImfDate(pub SystemTime);

impl fmt::Display for ImfDate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        httpdate::HttpDate::from(UNIX_EPOCH + Duration::from_secs(seconds(self.0))).fmt(out)
    }
}

/// Formats a time as RFC 3339 has it, in UTC and whole seconds: `1994-11-06T08:49:37Z`. As with
/// [`ImfDate`], times outside 1970 to 9999 become the nearest inside.
pub struct Rfc3339(pub SystemTime);

impl fmt::Display for Rfc3339 {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        with_text(self.0, |date| {
            // `Sun, 06 Nov 1994 08:49:37 GMT`
            let month = MONTHS.iter().position(|name| *name == &date[8..11]).unwrap_or_default() + 1;
            write!(out, "{}-{month:02}-{}T{}Z", &date[12..16], &date[5..7], &date[17..25])
        })
    }
}

/// Formatted dates that each thread caches: the current one, and those of requested files.
const REMEMBERED: usize = 64;

/// Calls `use_it` with a time as [`ImfDate`] formats it.
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

/// Reads any of the three forms of an HTTP date as seconds since 1970; None for anything else. A
/// wrong weekday is accepted, as recipients are asked to be robust (RFC 9110 section 5.6.7).
pub fn parse(text: &[u8], now: SystemTime) -> Option<u64> {
    let is_short = |word: &str| WEEKDAYS.iter().any(|name| name[..3] == *word);
    let words: Vec<&str> = std::str::from_utf8(text).ok()?.trim().split(' ').collect();
    match words[..] {
        [weekday, day, month, year, time, "GMT"] if weekday.strip_suffix(',').is_some_and(is_short) => {
            date(number(year, 4)?, month, number(day, 2)?, time)
        }
        [weekday, month, day, time, year] if is_short(weekday) => date(number(year, 4)?, month, number(day, 2)?, time),
        [weekday, month, "", day, time, year] if is_short(weekday) => {
            date(number(year, 4)?, month, number(day, 1)?, time)
        }
        [weekday, day, time, "GMT"] if weekday.strip_suffix(',').is_some_and(|name| WEEKDAYS.contains(&name)) => {
            let (day, month_and_year) = day.split_once('-')?;
            let (month, year) = month_and_year.split_once('-')?;
            let (day, year) = (number(day, 2)?, number(year, 2)?);
            // The latest year with these two digits that lies at most 50 years ahead.
            let latest = seconds(now + FIFTY_YEARS);
            let this_century: u64 = ImfDate(now).to_string()[12..14].parse().ok()?;
            [this_century + 1, this_century, this_century - 1]
                .into_iter()
                .find_map(|century| date(century * 100 + year, month, day, time).filter(|date| *date <= latest))
        }
        _ => None,
    }
}

/// Seconds since 1970 of a Gregorian date; None before 1970.
fn date(year: u64, month: &str, day: u64, time: &str) -> Option<u64> {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let months = [31, if is_leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let month = MONTHS.iter().position(|name| *name == month)?;
    let mut clock = time.split(':').map(|digits| number(digits, 2));
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    if year < 1970 || !(1..=months[month]).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days_before = |year: u64| year * 365 + (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400;
    let days = days_before(year) - days_before(1970) + months[..month].iter().sum::<u64>() + day - 1;
    clock.next().is_none().then_some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

/// A number of exactly that many digits.
fn number(text: &str, digits: usize) -> Option<u64> {
    (text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const FIFTY_YEARS: Duration = Duration::from_secs(50 * 31_556_952);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
        for (seconds, date) in [(784_111_777, "1994-11-06T08:49:37Z"), (951_782_400, "2000-02-29T00:00:00Z")] {
            assert_eq!(Rfc3339(UNIX_EPOCH + Duration::from_secs(seconds)).to_string(), date);
        }
    }

    #[test]
    fn a_date_that_is_remembered_is_the_one_that_is_shown() {
        let mut written = String::new();
        let mut shown = String::new();
        // Alternating, so that some are cached and some have been replaced.
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
        for text in [
            "",
            "yesterday",
            "784111777",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 GMT GMT",
            "Sun, 06 Nov 94 08:49:37 GMT",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 31 Nov 1994 08:49:37 GMT",
            "Sun, 29 Feb 1994 08:49:37 GMT",
            "Sun, 06 nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1969 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 06 Nov 1994 08:60:37 GMT",
            "Sun, 06 Nov 1994 08:49:60 GMT",
            "Sun, 06 Nov 1994 08:49 GMT",
            "Sun, 06 Nov 1994 08:49:37:00 GMT",
            "Sun, +6 Nov 1994 08:49:37 GMT",
            "Sunday, 06 Nov 1994 08:49:37 GMT",
            "So, 06 Nov 1994 08:49:37 GMT",
            "Sun 06 Nov 1994 08:49:37 GMT",
            "Sun, Nov  6 08:49:37 1994",
            "Sun Nov 6 08:49:37 1994",
        ] {
            assert_eq!(parse(text.as_bytes(), now()), None, "{text}");
        }
    }

    #[test]
    fn a_date_with_a_wrong_weekday_is_a_date() {
        for text in ["Mon, 06 Nov 1994 08:49:37 GMT", "Monday, 06-Nov-94 08:49:37 GMT", "Mon Nov  6 08:49:37 1994"] {
            assert_eq!(parse(text.as_bytes(), now()), Some(784_111_777), "{text}");
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

    proptest! {
        #[test]
        fn every_date_is_read_as_it_is_written(second in 0..=LAST_SECOND) {
            let date = ImfDate(UNIX_EPOCH + Duration::from_secs(second)).to_string();
            prop_assert_eq!(parse(date.as_bytes(), now()), Some(second));
            let (weekday, day, month) = (&date[..3], &date[5..7], &date[8..11]);
            let asctime = format!("{weekday} {month} {day} {} {}", &date[17..25], &date[12..16]);
            prop_assert_eq!(parse(asctime.as_bytes(), now()), Some(second));
        }
    }
}
