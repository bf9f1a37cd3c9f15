//! What must not be served: confidential folders and dotfiles.

use super::denial::{Denial, Reason};
use crate::http::Refusal;

/// The rules that refuse a path, checked before and after it is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessRules {
    /// Relative to the content folder, without slashes at either end.
    confidential: Vec<Vec<u8>>,
}

/// The folder that is always confidential.
const CONFIDENTIAL: &[u8] = b"confidential";

/// The only folder with a leading dot that is served (RFC 8615).
const WELL_KNOWN: &[u8] = b".well-known";

impl AccessRules {
    /// Rules for `confidential/` and these confidential folders, each relative to the content
    /// folder.
    ///
    /// Fails with the first folder that is empty, absolute or climbs out of the content folder.
    pub fn new<'a>(folders: impl IntoIterator<Item = &'a str>) -> Result<Self, &'a str> {
        let mut confidential = vec![CONFIDENTIAL.to_vec()];
        for folder in folders {
            let segments: Vec<&str> = folder.split('/').filter(|name| !matches!(*name, "" | ".")).collect();
            if folder.starts_with('/') || segments.is_empty() || segments.contains(&"..") {
                return Err(folder);
            }
            confidential.push(segments.join("/").into_bytes());
        }
        Ok(AccessRules { confidential })
    }

    /// The confidential folders besides `confidential/`, relative to the content folder.
    pub fn further(&self) -> &[Vec<u8>] {
        &self.confidential[1..]
    }

    /// Checks a normalised path: 403 in a confidential folder, whether it exists or not, and 404
    /// for a dotfile.
    pub fn check(&self, relative: &[u8]) -> Result<(), Refusal> {
        self.judge(relative).map_err(|denial| denial.refusal())
    }

    /// The same with the rule that refuses the path.
    pub fn judge(&self, relative: &[u8]) -> Result<(), Denial> {
        if let Some(folder) = self.confidential.iter().find(|folder| lies_in(relative, folder)) {
            return Err(Denial::new(relative, Reason::Confidential(folder.clone())));
        }
        let seen = relative.strip_prefix(WELL_KNOWN).filter(|rest| rest.is_empty() || rest.starts_with(b"/"));
        if seen.unwrap_or(relative).split(|&byte| byte == b'/').any(|name| name.starts_with(b".")) {
            return Err(Denial::new(relative, Reason::Hidden));
        }
        Ok(())
    }

    /// The confidential folders, relative to the content folder.
    pub(super) fn confidential(&self) -> impl Iterator<Item = &[u8]> {
        self.confidential.iter().map(Vec::as_slice)
    }
}

/// Whether a path is the folder or in it, ignoring case, because some file systems do.
fn lies_in(relative: &[u8], folder: &[u8]) -> bool {
    match relative.split_at_checked(folder.len()) {
        Some((start, rest)) => start.eq_ignore_ascii_case(folder) && (rest.is_empty() || rest[0] == b'/'),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_judged() {
        let access_rules = AccessRules::new(["./private//films/", "drafts"]).expect("these are folders");
        for (path, status) in [
            ("", 0),
            ("a.mp4", 0),
            ("confidential", 403),
            ("confidential/x", 403),
            ("Confidential/x", 403),
            ("confidential/.x", 403),
            ("confidentials/x", 0),
            ("a/confidential/x", 0),
            ("private/films/x", 403),
            ("private/x", 0),
            ("drafts/x", 403),
            (".git/config", 404),
            ("a/.access_rules", 404),
            (".well-known", 0),
            (".well-known/a", 0),
            (".well-known/.a", 404),
            (".well-knowns/a", 404),
            ("a/.well-known/b", 404),
        ] {
            assert_eq!(
                access_rules.check(path.as_bytes()).map_or_else(|refusal| refusal.status.code(), |()| 0),
                status,
                "{path}"
            );
        }
    }

    #[test]
    fn what_is_no_folder_inside_is_refused() {
        for folder in ["", "/", ".", "/etc", "a/../..", ".."] {
            assert_eq!(AccessRules::new([folder]), Err(folder));
        }
    }
}
