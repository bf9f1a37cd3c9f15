//! Whether the rules can judge a path by its text.

use super::access_rules::AccessRules;
use super::file_system::{FileSystem, Names};
use super::index::Index;

/// The access rules, and the names known to be spelt as their folder lists them.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    pub access_rules: &'a AccessRules,
    /// The index: its paths are spelt as their folders list them.
    pub index: &'a Index,
}

impl Rules<'_> {
    /// Whether the rules can judge this path by its text.
    pub(super) fn text_suffices(self, relative: &[u8], file_system: FileSystem) -> bool {
        let exact = match file_system.names() {
            Names::Exact => true,
            // The rules ignore ASCII case, and an ASCII name begins with a dot if its alias does.
            Names::Casefold => {
                let folder =
                    relative.iter().rposition(|&byte| byte == b'/').map_or(&b""[..], |slash| &relative[..slash]);
                relative.is_ascii() && self.access_rules.confidential().all(<[u8]>::is_ascii)
                    || self.index.matches_case(folder)
            }
            Names::Aliased => false,
        };
        exact || self.index.knows(relative)
    }
}
