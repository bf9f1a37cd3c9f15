//! Kinds of entries, as pages tell them apart.

use crate::site::{EntryKind, FolderEntry};

/// What an entry is to a viewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Folder,
    Film,
    Music,
    Picture,
    Text,
    Other,
}

impl Kind {
    /// The kind of an entry; that of a file follows from its name.
    pub fn of(entry: &FolderEntry) -> Self {
        if entry.kind == EntryKind::Folder {
            return Kind::Folder;
        }
        let content_type = entry.content_type();
        match content_type.split('/').next() {
            Some("video") => Kind::Film,
            // A playlist is a text.
            Some("audio") if !content_type.ends_with("mpegurl") => Kind::Music,
            Some("image") => Kind::Picture,
            Some("text") => Kind::Text,
            _ => Kind::Other,
        }
    }

    /// Whether it plays, and so belongs into a playlist.
    pub fn plays(self) -> bool {
        matches!(self, Kind::Film | Kind::Music)
    }

    /// What the link to its player page says; None if it has no such page.
    pub fn invitation(self) -> Option<&'static str> {
        match self {
            Kind::Film | Kind::Music => Some("Play"),
            Kind::Picture => Some("View"),
            Kind::Folder | Kind::Text | Kind::Other => None,
        }
    }

    /// The symbol of its icon in [`super::icons`].
    pub fn icon(self) -> &'static str {
        match self {
            Kind::Folder => "folder",
            Kind::Film => "film",
            Kind::Music => "music",
            Kind::Picture => "picture",
            Kind::Text => "text",
            Kind::Other => "file",
        }
    }
}
