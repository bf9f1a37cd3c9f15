//! What tells one state of a file from another (RFC 9110 section 8.8).

use std::time::{SystemTime, UNIX_EPOCH};

use super::date;

/// Seconds until no later change can carry the same date. RFC 9110 section 8.8.2.2 asks for one;
/// the other covers the clock of the file system, which lags by a tick of up to 10 ms.
const SECONDS_TO_SETTLE: u64 = 2;

/// The validators of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validators {
    /// Bytes in all.
    pub size: u64,
    pub modified: SystemTime,
}

impl Validators {
    /// A strong tag from size and modification time in nanoseconds: the same on every replica of
    /// the folder.
    pub fn entity_tag(&self) -> String {
        let mut tag = String::with_capacity(32);
        self.write_entity_tag(&mut tag);
        tag
    }

    /// Whether the modification date is a strong validator: no later change can carry the same date
    /// (RFC 9110 section 8.8.2.2).
    pub fn has_strong_date(&self, now: SystemTime) -> bool {
        date::seconds(self.modified) + SECONDS_TO_SETTLE <= date::seconds(now)
    }

    /// Writes the header fields. A date that is not strong yet is left out, so that no client can
    /// send it back in If-Range. A modification in the future gets the date of the answer (RFC 9110
    /// section 8.8.2.1).
    pub fn write(&self, out: &mut String, now: SystemTime) {
        if self.has_strong_date(now) || self.modified > now {
            out.push_str("Last-Modified: ");
            date::with_text(self.modified.min(now), |date| out.push_str(date));
            out.push_str("\r\n");
        }
        out.push_str("ETag: ");
        self.write_entity_tag(out);
        out.push_str("\r\n");
    }

    fn write_entity_tag(&self, out: &mut String) {
        out.push('"');
        push_hexadecimal(out, self.size.into());
        let (sign, time) = match self.modified.duration_since(UNIX_EPOCH) {
            Ok(after) => ("-", after),
            Err(before) => ("-n", before.duration()),
        };
        out.push_str(sign);
        push_hexadecimal(out, time.as_nanos());
        out.push('"');
    }
}

/// Writes a number without zeros before it; by hand, as every tag has two and `{:x}` showed in the
/// profile of a request.
fn push_hexadecimal(out: &mut String, number: u128) {
    let places = (u128::BITS - (number | 1).leading_zeros()).div_ceil(4);
    out.extend((0..places).rev().filter_map(|place| char::from_digit((number >> (4 * place)) as u32 & 15, 16)));
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_tag_has_the_digits_of_size_and_time() {
        let edges = (0..64).map(|bit| 1 << bit);
        for number in edges.flat_map(|edge: u64| [edge - 1, edge, edge + 1, edge | 0xa5]).chain([u64::MAX]) {
            let time = Duration::from_nanos(number);
            let tag = |modified| Validators { size: number, modified }.entity_tag();
            assert_eq!(tag(UNIX_EPOCH + time), format!("\"{number:x}-{number:x}\""));
            assert_eq!(tag(UNIX_EPOCH + 3 * time), format!("\"{number:x}-{:x}\"", 3 * u128::from(number)));
            if number > 0 {
                assert_eq!(tag(UNIX_EPOCH - time), format!("\"{number:x}-n{number:x}\""));
            }
        }
    }
}
