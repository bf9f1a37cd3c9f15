//! Validators: what distinguishes versions of a representation (RFC 9110 section 8.8).

use std::hash::{DefaultHasher, Hasher};
use std::time::{SystemTime, UNIX_EPOCH};

use super::date;

/// Seconds after which no later change can get the same date. RFC 9110 section 8.8.2.2 asks for one
/// second; the other covers the clock of the file system, which lags by up to a tick of 10 ms.
const SECONDS_TO_SETTLE: u64 = 2;

/// The validators of a representation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validators {
    /// A file of this size and modification time.
    File { size: u64, modified: SystemTime },
    /// Generated content of this size and digest; it has no date.
    Generated { size: u64, digest: u64 },
}

impl Validators {
    /// The validators of generated content.
    pub fn generated(content: &[u8]) -> Self {
        // `DefaultHasher` has fixed keys, so the tag outlives the process.
        let mut hasher = DefaultHasher::new();
        hasher.write(content);
        Validators::Generated { size: content.len() as u64, digest: hasher.finish() }
    }

    /// Size in bytes.
    pub fn size(&self) -> u64 {
        match self {
            Validators::File { size, .. } | Validators::Generated { size, .. } => *size,
        }
    }

    /// When it was last modified, if that is known.
    pub fn modified(&self) -> Option<SystemTime> {
        match self {
            Validators::File { modified, .. } => Some(*modified),
            Validators::Generated { .. } => None,
        }
    }

    /// A strong entity tag. A file's consists of its size and its modification time in nanoseconds,
    /// so replicas of a folder agree.
    pub fn entity_tag(&self) -> String {
        let mut tag = String::with_capacity(32);
        self.write_entity_tag(&mut tag);
        tag
    }

    /// Whether there is a modification date that is a strong validator: no later change can have
    /// the same date (RFC 9110 section 8.8.2.2).
    pub fn has_strong_date(&self, now: SystemTime) -> bool {
        self.modified().is_some_and(|modified| date::seconds(modified) + SECONDS_TO_SETTLE <= date::seconds(now))
    }

    /// Writes Last-Modified and ETag. A date that is not strong yet is left out, so that no client
    /// can send it in If-Range. A date in the future becomes that of the response (RFC 9110 section
    /// 8.8.2.1).
    pub fn write(&self, out: &mut String, now: SystemTime) {
        if let Some(modified) = self.modified().filter(|modified| self.has_strong_date(now) || *modified > now) {
            out.push_str("Last-Modified: ");
            date::with_text(modified.min(now), |date| out.push_str(date));
            out.push_str("\r\n");
        }
        out.push_str("ETag: ");
        self.write_entity_tag(out);
        out.push_str("\r\n");
    }

    fn write_entity_tag(&self, out: &mut String) {
        out.push('"');
        push_hexadecimal(out, self.size().into());
        let (sign, version) = match self {
            Validators::Generated { digest, .. } => ("-g", u128::from(*digest)),
            Validators::File { modified, .. } => match modified.duration_since(UNIX_EPOCH) {
                Ok(after) => ("-", after.as_nanos()),
                Err(before) => ("-n", before.duration().as_nanos()),
            },
        };
        out.push_str(sign);
        push_hexadecimal(out, version);
        out.push('"');
    }
}

/// Writes a number in hexadecimal. `{:x}` showed up in profiles, because every entity tag has two.
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
            let tag = |modified| Validators::File { size: number, modified }.entity_tag();
            assert_eq!(tag(UNIX_EPOCH + time), format!("\"{number:x}-{number:x}\""));
            assert_eq!(tag(UNIX_EPOCH + 3 * time), format!("\"{number:x}-{:x}\"", 3 * u128::from(number)));
            if number > 0 {
                assert_eq!(tag(UNIX_EPOCH - time), format!("\"{number:x}-n{number:x}\""));
            }
        }
    }
}
