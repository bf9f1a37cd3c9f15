//! Checks that the confidential folders exist: one that does not is probably misspelt, and the
//! folder it should hide would be served.

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::access_rules::AccessRules;
use crate::nearest::nearest;

/// A sentence about the first confidential folder that does not exist, with the nearest name that
/// does; None if all exist. `confidential/` itself may be missing.
pub fn missing_confidential(content: &Path, access_rules: &AccessRules) -> Option<String> {
    let folders = access_rules.further().iter().map(|folder| Path::new(OsStr::from_bytes(folder)));
    let missing = folders.into_iter().find(|folder| is_missing(&content.join(folder)))?;
    let sentence =
        format!("the confidential folder '{}' is not in the folder '{}'", missing.display(), content.display());
    Some(match nearest_folder(content, missing) {
        Some(nearest) => format!("{sentence}; did you mean '{nearest}'?"),
        None => sentence,
    })
}

/// A folder that cannot be looked at may well exist.
fn is_missing(path: &Path) -> bool {
    fs::symlink_metadata(path)
        .is_err_and(|error| matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory))
}

/// The existing folder with the name nearest to the first missing one of this path.
fn nearest_folder(content: &Path, missing: &Path) -> Option<String> {
    let path = content.join(missing);
    let path = path.ancestors().take_while(|path| is_missing(path)).last()?;
    let parent = path.parent()?;
    let names = fs::read_dir(parent).ok()?.flatten().filter(|entry| entry.path().is_dir());
    let name = nearest(path.file_name()?.to_str()?, names.filter_map(|entry| entry.file_name().into_string().ok()))?;
    Some(parent.join(name).strip_prefix(content).ok()?.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_confidential_folder_is_named_with_the_nearest_one() {
        let content = tempfile::tempdir().expect("a temporary folder");
        let content = content.path();
        for folder in ["secret", "films/private", "Säfe"] {
            fs::create_dir_all(content.join(folder)).expect("a folder");
        }
        fs::write(content.join("secre.txt"), "").expect("a file");
        for (folder, nearest) in [
            ("secret", None),
            ("./films//private/", None),
            ("films", None),
            ("secre.txt", None),
            ("secrt", Some("; did you mean 'secret'?")),
            ("Secret", Some("; did you mean 'secret'?")),
            ("films/privat", Some("; did you mean 'films/private'?")),
            ("flims/private", Some("; did you mean 'films'?")),
            ("Safe", Some("; did you mean 'Säfe'?")),
            ("drafts", Some("")),
            ("secre.txt/x", Some("")),
        ] {
            let access_rules = AccessRules::new(["secret", folder]).expect("a folder");
            let found = missing_confidential(content, &access_rules);
            let found = found.as_deref().map(|sentence| sentence.find("; ").map_or("", |end| &sentence[end..]));
            assert_eq!(found, nearest, "{folder}");
        }
        let access_rules = AccessRules::new(["secrt"]).expect("a folder");
        let sentence = missing_confidential(content, &access_rules).expect("it is missing");
        assert!(sentence.starts_with("the confidential folder 'secrt' is not in the folder '/"), "{sentence}");
    }

    #[test]
    fn the_folder_that_is_always_confidential_need_not_be_there() {
        let content = tempfile::tempdir().expect("a temporary folder");
        assert_eq!(missing_confidential(content.path(), &AccessRules::new([]).expect("no further folders")), None);
    }
}
