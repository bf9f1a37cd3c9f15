//! Symbolic links in the content folder, and where they lead.

use std::collections::{BTreeMap, BTreeSet};

use super::folder::join;
use super::mounts::strip_folder;

/// Where a link leads. Paths are relative to the content folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkEnd {
    /// To the file or folder that really lies there.
    Inside(Vec<u8>),
    /// Out of the content folder.
    Out,
    /// To what does not exist.
    Nowhere,
    /// To what is not shown: hidden, confidential, unreadable, or neither a file nor a folder.
    Hidden,
}

/// The links by their paths, and by the paths that they depend on.
#[derive(Debug, Default)]
pub struct Links {
    by_path: BTreeMap<Vec<u8>, Link>,
    /// A path that a link depends on, and the link.
    by_target: BTreeSet<(Vec<u8>, Vec<u8>)>,
}

#[derive(Debug)]
struct Link {
    /// The target by its text; None if that leads out.
    text: Option<Vec<u8>>,
    end: LinkEnd,
}

impl Link {
    fn targets(&self) -> impl Iterator<Item = &Vec<u8>> {
        let real_path = if let LinkEnd::Inside(real_path) = &self.end { Some(real_path) } else { None };
        self.text.iter().chain(real_path)
    }
}

impl Links {
    pub fn insert(&mut self, path: Vec<u8>, text: Option<Vec<u8>>, end: LinkEnd) {
        self.remove(&path);
        let link = Link { text, end };
        self.by_target.extend(link.targets().map(|target| (target.clone(), path.clone())));
        self.by_path.insert(path, link);
    }

    pub fn remove(&mut self, path: &[u8]) {
        if let Some(link) = self.by_path.remove(path) {
            for target in link.targets() {
                self.by_target.remove(&(target.clone(), path.to_vec()));
            }
        }
    }

    /// Removes those in this folder itself that are not in it any more.
    pub fn retain_in(&mut self, folder: &[u8], is_there: impl Fn(&[u8]) -> bool) {
        let is_gone = |path: &&Vec<u8>| {
            let name = strip_folder(path, folder).unwrap_or_default();
            !name.contains(&b'/') && !is_there(name)
        };
        for path in self.beneath(folder).filter(is_gone).cloned().collect::<Vec<_>>() {
            self.remove(&path);
        }
    }

    /// Removes those in this folder and beneath.
    pub fn remove_beneath(&mut self, folder: &[u8]) {
        for path in self.beneath(folder).cloned().collect::<Vec<_>>() {
            self.remove(&path);
        }
    }

    fn beneath(&self, folder: &[u8]) -> impl Iterator<Item = &Vec<u8>> {
        let first = if folder.is_empty() { Vec::new() } else { join(folder, b"") };
        self.by_path.range(first.clone()..).map(|(path, _)| path).take_while(move |path| path.starts_with(&first))
    }

    /// The links that lead to this path, and to what lies beneath it if `beneath`.
    pub fn leading_to(&self, path: &[u8], beneath: bool) -> Vec<Vec<u8>> {
        let from = |first: Vec<u8>| self.by_target.range((first, Vec::new())..);
        let exactly = from(path.to_vec()).take_while(|(target, _)| target == path);
        let first = join(path, b"");
        let deeper = from(first.clone()).take_while(|(target, _)| beneath && target.starts_with(&first));
        exactly.chain(deeper).map(|(_, link)| link.clone()).collect()
    }

    /// Where the link with this path leads, if there is one and that lies inside.
    pub fn real_path(&self, path: &[u8]) -> Option<&[u8]> {
        match &self.by_path.get(path)?.end {
            LinkEnd::Inside(real_path) => Some(real_path),
            _ => None,
        }
    }

    /// The links that end so.
    pub fn with(&self, end: &LinkEnd) -> impl Iterator<Item = &Vec<u8>> {
        self.by_path.iter().filter(move |(_, link)| link.end == *end).map(|(path, _)| path)
    }

    pub fn is_empty(&self) -> bool {
        self.by_path.is_empty()
    }
}

/// The path to which the text of a link leads, if the steps before it are no links themselves; None
/// if that is not inside the content folder.
pub fn target_by_text(folder: &[u8], target: &[u8]) -> Option<Vec<u8>> {
    if target.starts_with(b"/") {
        return None;
    }
    let mut names: Vec<&[u8]> = folder.split(|&byte| byte == b'/').filter(|name| !name.is_empty()).collect();
    for name in target.split(|&byte| byte == b'/') {
        match name {
            b"" | b"." => {}
            b".." => drop(names.pop()?),
            name => names.push(name),
        }
    }
    Some(names.join(&b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_link_tells_where_it_leads() {
        for (folder, target, path) in [
            ("", "a", Some("a")),
            ("films", "a", Some("films/a")),
            ("films", "../a//b/.", Some("a/b")),
            ("films/new", "../..", Some("")),
            ("films", "../../a", None),
            ("", "..", None),
            ("films", "/films/a", None),
        ] {
            assert_eq!(
                target_by_text(folder.as_bytes(), target.as_bytes()).as_deref(),
                path.map(str::as_bytes),
                "{folder}, {target}"
            );
        }
    }

    #[test]
    fn links_are_found_by_what_they_lead_to() {
        let mut links = Links::default();
        let path = |text: &str| text.as_bytes().to_vec();
        links.insert(path("x"), Some(path("films/a")), LinkEnd::Inside(path("films/a")));
        links.insert(path("sub/y"), Some(path("x")), LinkEnd::Inside(path("films/a")));
        links.insert(path("z"), Some(path("films-2/a")), LinkEnd::Nowhere);
        let found = |links: &Links, target: &str, beneath| {
            let mut found = links.leading_to(target.as_bytes(), beneath);
            found.sort();
            found.iter().map(|path| String::from_utf8_lossy(path).into_owned()).collect::<Vec<_>>().join(" ")
        };
        for (target, beneath, expected) in [
            ("films/a", false, "sub/y x"),
            ("films", true, "sub/y x"),
            ("films", false, ""),
            ("film", true, ""),
            ("x", true, "sub/y"),
            ("films-2/a", false, "z"),
        ] {
            assert_eq!(found(&links, target, beneath), expected, "{target}");
        }
        links.remove_beneath(b"sub");
        assert_eq!(found(&links, "films", true), "x");
        links.retain_in(b"", |name| name == b"z");
        assert_eq!((found(&links, "films", true), links.with(&LinkEnd::Nowhere).count()), (String::new(), 1));
    }
}
