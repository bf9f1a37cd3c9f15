//! Which bytes of a file a response carries: the Range field (RFC 9110 section 14) and the part
//! policy.

use std::ops::Range;

use super::fields::{Method, list_members};
use super::head::Request;
use super::players;
use crate::bytes::Bytes;
use crate::limits::RANGES_MAX;

/// Which responses are cut to one part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartPolicy {
    /// All of them, even without Range: the pseudo-streaming that reeld is made for.
    Always,
    /// Only those to an open-ended range, `bytes=N-`; a client that asks for a definite number of
    /// bytes gets them.
    OpenEnded,
    /// Only those to an open-ended range from a media element or player that asks for the next part
    /// by itself; every other client gets what RFC 9110 says.
    Players,
    /// None, as RFC 9110 has it.
    Never,
}

impl PartPolicy {
    pub const ALL: [Self; 4] = [PartPolicy::Always, PartPolicy::OpenEnded, PartPolicy::Players, PartPolicy::Never];

    /// The name in flags and messages.
    pub fn name(self) -> &'static str {
        match self {
            PartPolicy::Always => "always",
            PartPolicy::OpenEnded => "open-ended",
            PartPolicy::Players => "players",
            PartPolicy::Never => "never",
        }
    }
}

/// The part size, and the responses it applies to.
#[derive(Clone, Copy, Debug)]
pub struct Parts {
    pub policy: PartPolicy,
    pub size: Bytes,
}

/// One range of a Range field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeSpec {
    /// `a-b`, both included.
    FromTo(u64, u64),
    /// `a-`.
    From(u64),
    /// `-n`: the last n bytes.
    Suffix(u64),
}

/// The bytes of a file that a response carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All of it: 200.
    Whole,
    /// One non-empty range: 206.
    Part(Range<u64>),
    /// Two or more ranges that do not touch, in the order of the request: 206 as
    /// `multipart/byteranges`.
    Several(Vec<Range<u64>>),
    /// No requested byte exists: 416.
    Unsatisfiable,
}

/// Why a Range field is ignored: it must be (RFC 9110 section 14.2), or may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ignored {
    OtherUnit,
    Malformed,
    /// It has more ranges than [`RANGES_MAX`].
    TooMany,
}

/// Parses a Range field. Fails if it is ignored.
pub fn parse(field: &[u8]) -> Result<Vec<RangeSpec>, Ignored> {
    let equals = field.iter().position(|&byte| byte == b'=').ok_or(Ignored::Malformed)?;
    if !field[..equals].eq_ignore_ascii_case(b"bytes") {
        return Err(Ignored::OtherUnit);
    }
    let ranges = || list_members(&field[equals + 1..]);
    match ranges().take(RANGES_MAX + 1).count() {
        0 => Err(Ignored::Malformed),
        1..=RANGES_MAX => ranges().map(read_one).collect::<Option<_>>().ok_or(Ignored::Malformed),
        _ => Err(Ignored::TooMany),
    }
}

fn read_one(range: &[u8]) -> Option<RangeSpec> {
    let dash = range.iter().position(|&byte| byte == b'-')?;
    match (&range[..dash], &range[dash + 1..]) {
        (b"", b"") => None,
        (b"", last) => Some(RangeSpec::Suffix(number(last)?)),
        (first, b"") => Some(RangeSpec::From(number(first)?)),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(RangeSpec::FromTo(first, last))
        }
    }
}

/// Parses digits. A number beyond u64 becomes u64::MAX: no file is that long either.
fn number(text: &[u8]) -> Option<u64> {
    text.iter()
        .all(u8::is_ascii_digit)
        .then(|| text.iter().fold(0u64, |sum, digit| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0'))))
}

impl Parts {
    /// No response is cut.
    pub const WHOLE: Self = Parts { policy: PartPolicy::Never, size: Bytes(u64::MAX) };

    /// The parts for one request: `players` becomes what it means for that client. HEAD is never
    /// cut, because clients read the size of the file from it (docs/clients.md).
    pub fn for_request(&self, request: &Request) -> Self {
        let policy = match self.policy {
            _ if request.method == Method::Head => PartPolicy::Never,
            PartPolicy::Players if players::asks_for_next_part(request) => PartPolicy::OpenEnded,
            PartPolicy::Players => PartPolicy::Never,
            policy => policy,
        };
        Parts { policy, ..*self }
    }

    /// Whether some answers from a file of `total` bytes are cut.
    pub fn may_cut(&self, total: u64) -> bool {
        self.policy != PartPolicy::Never && total > self.size.0
    }

    /// Selects the bytes to send of a file of `total` bytes, for these ranges or a request without
    /// a valid Range.
    pub fn select(&self, wanted: Option<&[RangeSpec]>, total: u64) -> Selection {
        let Some(wanted) = wanted else {
            return match self.policy {
                PartPolicy::Always if total > self.size.0 => Selection::Part(0..self.size.0),
                _ => Selection::Whole,
            };
        };
        // A suffix of an empty file is satisfiable (section 14.1.2), but no Content-Range can
        // express it.
        if total == 0 && wanted.iter().any(|wanted| matches!(wanted, RangeSpec::Suffix(length) if *length > 0)) {
            return Selection::Whole;
        }
        let mut selected = Vec::new();
        for range in wanted.iter().map(|wanted| self.bytes_of(*wanted, total)).filter(|range| !range.is_empty()) {
            add(&mut selected, range);
        }
        if self.policy == PartPolicy::Always {
            self.cut_to_one_part(&mut selected);
        }
        match selected.len() {
            0 => Selection::Unsatisfiable,
            1 => Selection::Part(selected.swap_remove(0)),
            _ => Selection::Several(selected),
        }
    }

    /// The bytes that a range selects; empty if the file has none of them.
    fn bytes_of(&self, wanted: RangeSpec, total: u64) -> Range<u64> {
        match wanted {
            RangeSpec::FromTo(first, last) => first..last.saturating_add(1).min(total),
            RangeSpec::From(first) if self.policy == PartPolicy::OpenEnded => {
                first..total.min(first.saturating_add(self.size.0))
            }
            RangeSpec::From(first) => first..total,
            RangeSpec::Suffix(length) => total.saturating_sub(length)..total,
        }
    }

    fn cut_to_one_part(&self, ranges: &mut Vec<Range<u64>>) {
        let mut left = self.size.0;
        ranges.retain_mut(|range| {
            range.end = range.end.min(range.start.saturating_add(left));
            left -= range.end - range.start;
            !range.is_empty()
        });
    }
}

/// Adds a range to a list of ranges that do not touch. Those that it touches are merged with it, in
/// the place of the first (RFC 9110 section 15.3.7.2).
fn add(ranges: &mut Vec<Range<u64>>, mut range: Range<u64>) {
    let touches = |other: &Range<u64>, range: &Range<u64>| other.start <= range.end && range.start <= other.end;
    let place = ranges.iter().position(|other| touches(other, &range)).unwrap_or(ranges.len());
    while let Some(touched) = ranges.iter().position(|other| touches(other, &range)) {
        let other = ranges.remove(touched);
        range = range.start.min(other.start)..range.end.max(other.end);
    }
    ranges.insert(place, range);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PART: u64 = 100;

    fn select(policy: PartPolicy, field: &str, total: u64) -> Selection {
        let wanted = if field.is_empty() { None } else { parse(field.as_bytes()).ok() };
        Parts { policy, size: Bytes(PART) }.select(wanted.as_deref(), total)
    }

    #[test]
    fn fields_are_read_as_the_rfc_says() {
        use RangeSpec::*;
        let most = format!("bytes=0-0{}", ",2-2".repeat(RANGES_MAX - 1));
        let all = [vec![FromTo(0, 0)], vec![FromTo(2, 2); RANGES_MAX - 1]].concat();
        let too_many = format!("{most},2-2");
        for (field, wanted) in [
            ("bytes=0-0", Some(vec![FromTo(0, 0)])),
            ("bytes=5-", Some(vec![From(5)])),
            ("bytes=-5", Some(vec![Suffix(5)])),
            ("bytes=-0", Some(vec![Suffix(0)])),
            ("BYTES=0-3", Some(vec![FromTo(0, 3)])),
            ("bytes= ,0-3 , ", Some(vec![FromTo(0, 3)])),
            ("bytes=0-0,5-9 ,\t-1", Some(vec![FromTo(0, 0), FromTo(5, 9), Suffix(1)])),
            (&most, Some(all)),
            (&too_many, None),
            ("bytes=0-18446744073709551616", Some(vec![FromTo(0, u64::MAX)])),
            ("bytes=99999999999999999999999999-", Some(vec![From(u64::MAX)])),
            ("bytes=-18446744073709551616", Some(vec![Suffix(u64::MAX)])),
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
            ("bytes=0-0,9-5", None),
            ("bytes=0-0,x", None),
            ("bytes=,", None),
        ] {
            assert_eq!(parse(field.as_bytes()).ok(), wanted, "{field}");
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
            (Never, "bytes=0-0,-1", 250, Several(vec![0..1, 249..250])),
            (Never, "bytes=200-209,0-9", 250, Several(vec![200..210, 0..10])),
            (Never, "bytes=0-9,300-", 250, Part(0..10)),
            (Never, "bytes=300-,-0", 250, Unsatisfiable),
            (Never, "bytes=0-9,10-19", 250, Part(0..20)),
            (Never, "bytes=0-9,11-19", 250, Several(vec![0..10, 11..20])),
            (Never, "bytes=50-59,0-9,5-52", 250, Part(0..60)),
            (Never, "bytes=90-99,0-9,5-20,200-", 250, Several(vec![90..100, 0..21, 200..250])),
            (Never, "bytes=0-,0-,0-,0-", 250, Part(0..250)),
            (Never, "bytes=-6917529027641081856,-9223372036854775806", 250, Part(0..250)),
            (Never, "bytes=0-0,-5", 0, Whole),
            (Never, "bytes=0-0,5-", 0, Unsatisfiable),
            (OpenEnded, "bytes=0-,200-", 250, Several(vec![0..100, 200..250])),
            (OpenEnded, "bytes=0-149,200-", 250, Several(vec![0..150, 200..250])),
            (Always, "bytes=0-49,100-149", 250, Several(vec![0..50, 100..150])),
            (Always, "bytes=0-49,100-150", 250, Several(vec![0..50, 100..150])),
            (Always, "bytes=0-98,100-150", 250, Several(vec![0..99, 100..101])),
            (Always, "bytes=0-99,150-", 250, Part(0..100)),
            (Always, "bytes=120-,0-", 250, Part(0..100)),
        ] {
            assert_eq!(select(policy, field, total), selection, "{policy:?} {field:?} of {total}");
        }
    }

    /// The same rules, byte by byte: the positions that satisfy one of the ranges.
    fn by_counting(policy: PartPolicy, wanted: &[RangeSpec], total: u64) -> Vec<u64> {
        let satisfies = |position: u64| {
            wanted.iter().any(|wanted| match *wanted {
                RangeSpec::FromTo(first, last) => (first..=last).contains(&position),
                RangeSpec::From(first) => {
                    position >= first && (policy != PartPolicy::OpenEnded || position - first < PART)
                }
                RangeSpec::Suffix(length) => total - position <= length,
            })
        };
        (0..total).filter(|&position| satisfies(position)).collect()
    }

    fn any_policy() -> impl Strategy<Value = PartPolicy> {
        prop_oneof![Just(PartPolicy::Always), Just(PartPolicy::OpenEnded), Just(PartPolicy::Never)]
    }

    fn any_wanted() -> impl Strategy<Value = RangeSpec> {
        let number = || prop_oneof![9 => 0..320u64, 1 => Just(u64::MAX)];
        prop_oneof![
            (number(), number()).prop_map(|(one, other)| RangeSpec::FromTo(one.min(other), one.max(other))),
            number().prop_map(RangeSpec::From),
            number().prop_map(RangeSpec::Suffix),
        ]
    }

    proptest! {
        #[test]
        fn selections_agree_with_counting(
            policy in any_policy(),
            wanted in prop::collection::vec(any_wanted(), 1..5),
            total in 1..320u64,
        ) {
            let counted = by_counting(policy, &wanted, total);
            let ranges = match (Parts { policy, size: Bytes(PART) }).select(Some(&wanted), total) {
                Selection::Part(range) => vec![range],
                Selection::Several(ranges) => {
                    prop_assert!(ranges.len() > 1);
                    ranges
                }
                Selection::Unsatisfiable => vec![],
                Selection::Whole => return Err(TestCaseError::fail("a valid range of a file with bytes is a part")),
            };
            let mut sent: Vec<u64> = ranges.iter().cloned().flatten().collect();
            let first = sent.first().copied();
            sent.sort();
            if policy == PartPolicy::Always && counted.len() as u64 > PART {
                prop_assert_eq!(sent.len() as u64, PART);
                prop_assert!(sent.windows(2).all(|pair| pair[0] < pair[1]), "no byte comes twice");
                prop_assert!(sent.iter().all(|position| counted.contains(position)));
            } else {
                prop_assert_eq!(&sent, &counted);
            }
            // A single range begins at the requested position.
            if let ([RangeSpec::FromTo(start, _) | RangeSpec::From(start)], Some(first)) = (&wanted[..], first) {
                prop_assert_eq!(first, *start);
            }
        }

        #[test]
        fn any_field_is_read_without_harm(field in "bytes=[-0-9, ]{0,60}", total in any::<u64>()) {
            match select(PartPolicy::Always, &field, total) {
                Selection::Whole | Selection::Unsatisfiable => {}
                Selection::Part(range) => {
                    prop_assert!(range.start < range.end && range.end <= total && range.end - range.start <= PART);
                }
                Selection::Several(ranges) => {
                    prop_assert!(ranges.iter().all(|range| range.start < range.end && range.end <= total));
                    prop_assert!(ranges.iter().map(|range| range.end - range.start).sum::<u64>() <= PART);
                }
            }
        }
    }
}
