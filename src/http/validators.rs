//! What tells one state of a file from another (RFC 9110 section 8.8).

use std::fmt::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use super::date;

/// The validators of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validators {
    /// Bytes in all.
    pub size: u64,
    pub modified: SystemTime,
}

impl Validators {
    /// A strong tag from size and modification time in nanoseconds: the same on every replica of the folder.
    pub fn entity_tag(&self) -> String {
        let mut tag = String::with_capacity(32);
        self.write_entity_tag(&mut tag).expect("a String takes every character");
        tag
    }

    /// Writes both as fields of an answer.
    pub fn write(&self, out: &mut String, now: SystemTime) -> fmt::Result {
        out.push_str("Last-Modified: ");
        // RFC 9110 section 8.8.2.1: never later than Date.
        date::with_text(self.modified.min(now), |date| out.push_str(date));
        out.push_str("\r\nETag: ");
        self.write_entity_tag(out)?;
        out.push_str("\r\n");
        Ok(())
    }

    fn write_entity_tag(&self, out: &mut String) -> fmt::Result {
        match self.modified.duration_since(UNIX_EPOCH) {
            Ok(after) => write!(out, "\"{:x}-{:x}\"", self.size, after.as_nanos()),
            Err(before) => write!(out, "\"{:x}-n{:x}\"", self.size, before.duration().as_nanos()),
        }
    }
}
