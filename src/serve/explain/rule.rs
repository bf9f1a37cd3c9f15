//! A rule that decides a part of a response, in words.

use crate::ops::diagnostics::one_line;

/// What is decided, in a word or two, and a sentence about the rule that decides it.
pub(super) type Rule = (&'static str, String);

/// A path in quotes, which may be any bytes, safe on a terminal.
pub(super) fn quoted(path: &[u8]) -> String {
    format!("'{}'", one_line(&String::from_utf8_lossy(path)))
}
