//! A number of bytes as people write it: `5MiB`.

use std::fmt;
use std::str::FromStr;

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

const KIB: u64 = 1024;

/// What a size may look like, for messages.
pub const EXPECTED: &str = "a number of bytes greater than 0, as 5242880 or with a unit: K, M or G (also KiB, MiB, GiB), or kB, MB or GB (powers of 1000)";

/// Longer suffixes first, because `MiB` ends in `B` as well.
const UNITS: [(&str, u64); 10] = [
    ("KiB", KIB),
    ("MiB", KIB * KIB),
    ("GiB", KIB * KIB * KIB),
    ("kB", 1000),
    ("MB", 1000 * 1000),
    ("GB", 1000 * 1000 * 1000),
    ("B", 1),
    ("K", KIB),
    ("M", KIB * KIB),
    ("G", KIB * KIB * KIB),
];

impl FromStr for Bytes {
    type Err = ();

    /// Parses a whole number with an optional unit: `5MiB`, `5M`, `5242880`. Fails on anything
    /// else and on overflow.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (digits, factor) = UNITS
            .iter()
            .find_map(|&(unit, factor)| {
                let cut = text.len().checked_sub(unit.len())?;
                let suffix = text.get(cut..)?;
                suffix.eq_ignore_ascii_case(unit).then(|| (text[..cut].trim_end(), factor))
            })
            .unwrap_or((text, 1));
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(());
        }
        let count: u64 = digits.parse().map_err(drop)?;
        count.checked_mul(factor).map(Bytes).ok_or(())
    }
}

impl fmt::Display for Bytes {
    /// Uses the largest binary unit that fits, with one decimal if the number is not a multiple of
    /// it.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) = UNITS[..3].iter().rev().find(|(_, factor)| self.0 >= *factor).unwrap_or(&("B", 1));
        if self.0.is_multiple_of(*factor) {
            write!(out, "{} {unit}", self.0 / factor)
        } else {
            write!(out, "{:.1} {unit}", self.0 as f64 / *factor as f64)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_what_people_write() {
        for (text, bytes) in [
            ("0", 0),
            ("5242880", 5_242_880),
            ("5MiB", 5_242_880),
            ("5mib", 5_242_880),
            ("5 MiB", 5_242_880),
            ("5M", 5_242_880),
            ("64k", 65_536),
            ("1G", 1_073_741_824),
            ("5MB", 5_000_000),
            ("64KiB", 65_536),
            ("64kB", 64_000),
            ("1GiB", 1_073_741_824),
            ("100B", 100),
        ] {
            assert_eq!(text.parse(), Ok(Bytes(bytes)), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_not_a_size() {
        for text in [
            "",
            "MiB",
            "M",
            "-1",
            "+5",
            "5.5MiB",
            "5 parts",
            "0x10",
            "18446744073709551616",
            "18446744073709551615KiB",
            "é",
        ] {
            assert_eq!(text.parse::<Bytes>(), Err(()), "{text}");
        }
    }

    #[test]
    fn shows_the_largest_unit_that_fits() {
        for (bytes, text) in
            [(0, "0 B"), (1023, "1023 B"), (5_242_880, "5 MiB"), (8_324_222, "7.9 MiB"), (1 << 30, "1 GiB")]
        {
            assert_eq!(Bytes(bytes).to_string(), text);
        }
    }
}
