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
    /// A view of `size` bytes of a file of this size and modification time.
    View { size: u64, file_size: u64, modified: SystemTime, tag: ViewTag },
    /// Generated content of this size and digest; it has no date.
    Generated { size: u64, digest: u64 },
}

/// What distinguishes a view from the file and from its other views.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ViewTag {
    /// The number of the audio track that it chooses.
    pub audio: Option<usize>,
    /// Whether the index of the film lies in front.
    pub faststart: bool,
    /// Whether it is the cover.
    pub cover: bool,
    /// The version of the code that makes it: another where the bytes may be others.
    pub version: u32,
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
            Validators::File { size, .. } | Validators::View { size, .. } | Validators::Generated { size, .. } => *size,
        }
    }

    /// When it was last modified, if that is known.
    pub fn modified(&self) -> Option<SystemTime> {
        match self {
            Validators::File { modified, .. } | Validators::View { modified, .. } => Some(*modified),
            Validators::Generated { .. } => None,
        }
    }

    /// A strong entity tag. A file's consists of its size and its modification time in nanoseconds,
    /// so replicas of a folder agree. A view has that of its file with a suffix, as `-a2f.1`.
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
        match *self {
            Validators::File { size, modified } => push_file(out, size, modified),
            Validators::View { file_size, modified, tag, .. } => {
                push_file(out, file_size, modified);
                tag.push(out);
            }
            Validators::Generated { size, digest } => {
                push_hexadecimal(out, size.into());
                out.push_str("-g");
                push_hexadecimal(out, digest.into());
            }
        }
        out.push('"');
    }
}

impl ViewTag {
    fn push(self, out: &mut String) {
        out.push('-');
        if let Some(track) = self.audio {
            out.push('a');
            out.push_str(itoa::Buffer::new().format(track));
        }
        out.extend([(self.faststart, 'f'), (self.cover, 'c')].iter().filter(|(is, _)| *is).map(|(_, letter)| letter));
        out.push('.');
        out.push_str(itoa::Buffer::new().format(self.version));
    }
}

fn push_file(out: &mut String, size: u64, modified: SystemTime) {
    push_hexadecimal(out, size.into());
    let (sign, time) = match modified.duration_since(UNIX_EPOCH) {
        Ok(after) => ("-", after.as_nanos()),
        Err(before) => ("-n", before.duration().as_nanos()),
    };
    out.push_str(sign);
    push_hexadecimal(out, time);
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
    fn no_view_has_the_tag_of_another_or_of_its_file() {
        let modified = UNIX_EPOCH + Duration::from_nanos(0xa2);
        let plain = ViewTag { audio: None, faststart: false, cover: false, version: 1 };
        let mut tags = vec![Validators::File { size: 9, modified }.entity_tag()];
        for (tag, expected) in [
            (ViewTag { audio: Some(2), ..plain }, "\"9-a2-a2.1\""),
            (ViewTag { audio: Some(12), ..plain }, "\"9-a2-a12.1\""),
            (ViewTag { audio: Some(2), faststart: true, ..plain }, "\"9-a2-a2f.1\""),
            (ViewTag { faststart: true, ..plain }, "\"9-a2-f.1\""),
            (ViewTag { cover: true, ..plain }, "\"9-a2-c.1\""),
            (ViewTag { cover: true, version: 2, ..plain }, "\"9-a2-c.2\""),
        ] {
            let view = Validators::View { size: 5, file_size: 9, modified, tag };
            assert_eq!(view.entity_tag(), expected);
            assert_eq!((view.size(), view.modified()), (5, Some(modified)));
            assert!(!tags.contains(&view.entity_tag()), "{expected}");
            tags.push(view.entity_tag());
        }
    }

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
