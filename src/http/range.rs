//! Which bytes of a file an answer carries: the Range field (RFC 9110 section 14) and the part policy.

use std::ops::Range;

use super::head::list_members;
use crate::bytes::Bytes;

/// When an answer is cut to one part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartPolicy {
    /// Every answer, also one to a request without Range: the pseudo-streaming that reeld is made for.
    Always,
    /// Only a range without an end, `bytes=N-`, so that whoever asks for a definite number of bytes gets it.
    OpenEnded,
    /// None: a plain server of RFC 9110.
    Never,
}

impl PartPolicy {
    /// The name in flags and messages.
    pub fn name(self) -> &'static str {
        match self {
            PartPolicy::Always => "always",
            PartPolicy::OpenEnded => "open-ended",
            PartPolicy::Never => "never",
        }
    }
}

/// The part size and when it counts.
#[derive(Clone, Copy, Debug)]
pub struct Parts {
    pub policy: PartPolicy,
    pub size: Bytes,
}

/// One range of a Range field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// `a-b`, both included.
    Between(u64, u64),
    /// `a-`.
    From(u64),
    /// `-n`: the last n bytes.
    Last(u64),
}

/// The bytes of a file that an answer carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All of it: 200.
    Whole,
    /// These, and never none: 206.
    Part(Range<u64>),
    /// The file has none of what was asked for: 416.
    Unsatisfiable,
}

/// Reads a Range field. None where it must be ignored (another unit, RFC 9110 section 14.2) or may be: it is malformed, or
/// names more than one range.
pub fn read(field: &[u8]) -> Option<Wanted> {
    let equals = field.iter().position(|&byte| byte == b'=')?;
    if !field[..equals].eq_ignore_ascii_case(b"bytes") {
        return None;
    }
    let mut ranges = list_members(&field[equals + 1..]);
    match (ranges.next(), ranges.next()) {
        (Some(range), None) => read_one(range),
        _ => None,
    }
}

fn read_one(range: &[u8]) -> Option<Wanted> {
    let dash = range.iter().position(|&byte| byte == b'-')?;
    match (&range[..dash], &range[dash + 1..]) {
        (b"", b"") => None,
        (b"", last) => Some(Wanted::Last(number(last)?)),
        (first, b"") => Some(Wanted::From(number(first)?)),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(Wanted::Between(first, last))
        }
    }
}

/// Digits only. A number beyond u64 stands for u64::MAX, as it is beyond every file alike.
fn number(text: &[u8]) -> Option<u64> {
    text.iter()
        .all(u8::is_ascii_digit)
        .then(|| text.iter().fold(0u64, |sum, digit| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0'))))
}

impl Parts {
    /// Selects from a file of `total` bytes what answers a request that wants `wanted`, or has no (valid) Range.
    pub fn select(&self, wanted: Option<Wanted>, total: u64) -> Selection {
        let Some(wanted) = wanted else {
            return match self.policy {
                PartPolicy::Always if total > self.size.0 => Selection::Part(0..self.size.0),
                _ => Selection::Whole,
            };
        };
        let range = match wanted {
            Wanted::Between(first, last) => first..last.saturating_add(1).min(total),
            Wanted::From(first) => first..total,
            // No 206 can describe the last bytes of an empty file, and yet they are satisfiable (section 14.1.2).
            Wanted::Last(length) if total == 0 && length > 0 => return Selection::Whole,
            Wanted::Last(length) => total.saturating_sub(length)..total,
        };
        if range.is_empty() {
            return Selection::Unsatisfiable;
        }
        let cut = match self.policy {
            PartPolicy::Always => true,
            PartPolicy::OpenEnded => matches!(wanted, Wanted::From(_)),
            PartPolicy::Never => false,
        };
        let end = if cut { range.end.min(range.start.saturating_add(self.size.0)) } else { range.end };
        Selection::Part(range.start..end)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PART: u64 = 100;

    fn select(policy: PartPolicy, field: &str, total: u64) -> Selection {
        let wanted = if field.is_empty() { None } else { read(field.as_bytes()) };
        Parts { policy, size: Bytes(PART) }.select(wanted, total)
    }

    #[test]
    fn fields_are_read_as_the_rfc_says() {
        use Wanted::*;
        for (field, wanted) in [
            ("bytes=0-0", Some(Between(0, 0))),
            ("bytes=5-", Some(From(5))),
            ("bytes=-5", Some(Last(5))),
            ("bytes=-0", Some(Last(0))),
            ("BYTES=0-3", Some(Between(0, 3))),
            ("bytes= ,0-3 , ", Some(Between(0, 3))),
            ("bytes=0-18446744073709551616", Some(Between(0, u64::MAX))),
            ("bytes=99999999999999999999999999-", Some(From(u64::MAX))),
            ("bytes=-18446744073709551616", Some(Last(u64::MAX))),
            ("bytes=5-3", None),
            ("bytes=abc", None),
            ("bytes=5", None),
            ("bytes=--5", None),
            ("bytes=1-2-3", None),
            ("bytes=-", None),
            ("bytes=", None),
            ("bytes", None),
            ("bytes=+1-2", None),
            ("bytes=0 -3", None),
            ("bytes=0x1-", None),
            ("lines=0-5", None),
            ("0", None),
            ("", None),
            ("bytes=0-0,5-9", None),
            ("bytes=-6917529027641081856,-9223372036854775806", None),
        ] {
            assert_eq!(read(field.as_bytes()), wanted, "{field}");
        }
    }

    #[test]
    fn selections_at_every_edge_of_a_part() {
        use PartPolicy::*;
        use Selection::*;
        for (policy, field, total, selection) in [
            (Always, "", 0, Whole),
            (Always, "", 99, Whole),
            (Always, "", 100, Whole),
            (Always, "", 101, Part(0..100)),
            (Always, "bytes=0-", 100, Part(0..100)),
            (Always, "bytes=0-", 101, Part(0..100)),
            (Always, "bytes=100-", 101, Part(100..101)),
            (Always, "bytes=101-", 101, Unsatisfiable),
            (Always, "bytes=0-99", 250, Part(0..100)),
            (Always, "bytes=0-100", 250, Part(0..100)),
            (Always, "bytes=150-299", 250, Part(150..250)),
            (Always, "bytes=149-299", 250, Part(149..249)),
            (Always, "bytes=-100", 250, Part(150..250)),
            (Always, "bytes=-101", 250, Part(149..249)),
            (Always, "bytes=-999", 250, Part(0..100)),
            (Always, "bytes=-0", 250, Unsatisfiable),
            (Always, "bytes=0-0", 250, Part(0..1)),
            (Always, "bytes=249-249", 250, Part(249..250)),
            (Always, "bytes=250-250", 250, Unsatisfiable),
            (Always, "bytes=0-18446744073709551615", 50, Part(0..50)),
            (Always, "bytes=18446744073709551615-", 50, Unsatisfiable),
            (Always, "bytes=18446744073709551616-", u64::MAX, Unsatisfiable),
            (Always, "bytes=0-", 0, Unsatisfiable),
            (Always, "bytes=-5", 0, Whole),
            (Always, "bytes=-0", 0, Unsatisfiable),
            (Always, "bytes=9-1", 250, Part(0..100)),
            (OpenEnded, "", 250, Whole),
            (OpenEnded, "bytes=0-", 250, Part(0..100)),
            (OpenEnded, "bytes=0-199", 250, Part(0..200)),
            (OpenEnded, "bytes=-200", 250, Part(50..250)),
            (Never, "", 250, Whole),
            (Never, "bytes=0-", 250, Part(0..250)),
            (Never, "bytes=10-219", 250, Part(10..220)),
        ] {
            assert_eq!(select(policy, field, total), selection, "{policy:?} {field:?} of {total}");
        }
    }

    /// The same rules, said byte by byte: which positions satisfy the range, and of those the first that fit in a part.
    fn by_counting(policy: PartPolicy, wanted: Wanted, total: u64) -> Vec<u64> {
        let asked = (0..total).filter(|&position| match wanted {
            Wanted::Between(first, last) => (first..=last).contains(&position),
            Wanted::From(first) => position >= first,
            Wanted::Last(length) => total - position <= length,
        });
        let cut =
            policy == PartPolicy::Always || (policy == PartPolicy::OpenEnded && matches!(wanted, Wanted::From(_)));
        asked.take(if cut { PART as usize } else { usize::MAX }).collect()
    }

    fn any_policy() -> impl Strategy<Value = PartPolicy> {
        prop_oneof![Just(PartPolicy::Always), Just(PartPolicy::OpenEnded), Just(PartPolicy::Never)]
    }

    fn any_wanted() -> impl Strategy<Value = Wanted> {
        let number = || prop_oneof![9 => 0..320u64, 1 => Just(u64::MAX)];
        prop_oneof![
            (number(), number()).prop_map(|(one, other)| Wanted::Between(one.min(other), one.max(other))),
            number().prop_map(Wanted::From),
            number().prop_map(Wanted::Last),
        ]
    }

    proptest! {
        #[test]
        fn selections_agree_with_counting(policy in any_policy(), wanted in any_wanted(), total in 1..320u64) {
            let counted = by_counting(policy, wanted, total);
            match (Parts { policy, size: Bytes(PART) }).select(Some(wanted), total) {
                Selection::Part(range) => prop_assert_eq!(range.collect::<Vec<_>>(), counted),
                Selection::Unsatisfiable => prop_assert!(counted.is_empty()),
                Selection::Whole => prop_assert!(false, "a valid range of a file with bytes is a part"),
            }
        }

        #[test]
        fn any_field_is_read_without_harm(field in "bytes=[-0-9, ]{0,60}", total in any::<u64>()) {
            if let Selection::Part(range) = select(PartPolicy::Always, &field, total) {
                prop_assert!(range.start < range.end && range.end <= total && range.end - range.start <= PART);
            }
        }
    }
}
