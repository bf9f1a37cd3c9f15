//! The file that a player page is about.

use std::borrow::Cow;
use std::sync::Arc;

use crate::media::{Description, sidecar};
use crate::pages::kind::Kind;
use crate::site::{FolderEntry, Site};

/// The file that a page is about.
pub struct Shown<'a> {
    pub entry: &'a FolderEntry,
    pub kind: Kind,
    /// What is known of it; nothing if it has not been described.
    pub description: Arc<Description>,
    /// The audio track that the query chooses, counted from 1.
    pub audio: Option<usize>,
}

impl Shown<'_> {
    /// What it is called: music by its tags, everything else by its name.
    pub fn title(&self) -> Cow<'_, str> {
        match &self.description.title {
            Some(title) if self.kind == Kind::Music => Cow::Borrowed(title),
            _ => title(self.entry),
        }
    }
}

/// What another file of its kind is called.
pub fn title_of(entry: &FolderEntry, kind: Kind, site: &Site) -> String {
    let description = if kind == Kind::Music { site.description(&entry.file_id()) } else { None };
    let tagged = description.and_then(|description| description.title.clone());
    tagged.unwrap_or_else(|| title(entry).into_owned())
}

/// Its name without the extension.
pub fn title(entry: &FolderEntry) -> Cow<'_, str> {
    let (stem, _) = sidecar::split_extension(&entry.name);
    String::from_utf8_lossy(stem)
}
