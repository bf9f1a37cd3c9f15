//! Which picture stands for an entry: a small file from the index, or the cover that lies in the
//! file; never one made from a large.

use super::kind::Kind;
use crate::http::target::encode;
use crate::limits::{COVER_SEARCH_MAX, THUMBNAIL_MAX};
use crate::media::{Description, sidecar};
use crate::site::{EntryKind, Folder, FolderEntry, Listing, Site};

/// The pictures of a folder that are small enough to be thumbnails.
pub struct Thumbnails<'a> {
    /// The path of the folder relative to the content folder.
    path: &'a [u8],
    site: &'a Site,
    /// Their names in lower case and as they are, sorted: those that begin with a film's stem lie
    /// side by side.
    names: Vec<(Vec<u8>, &'a [u8])>,
    /// What follows the stem of a film in the names of its pictures.
    endings: Vec<Vec<u8>>,
}

impl<'a> Thumbnails<'a> {
    pub fn new(path: &'a [u8], folder: &'a Folder, site: &'a Site) -> Self {
        let mut names: Vec<_> = pictures(folder).map(|name| (name.to_ascii_lowercase(), name)).collect();
        names.sort_unstable();
        Thumbnails { path, site, names, endings: sidecar::thumbnail_endings().collect() }
    }

    /// The URL of the thumbnail of an entry, of which this is known, relative to the folder's.
    pub fn of(&self, entry: &FolderEntry, description: Option<&Description>) -> Option<String> {
        match Kind::of(entry) {
            Kind::Folder => self.cover(entry),
            Kind::Picture if is_small(entry) => Some(url(&entry.name)),
            _ => self.beside(&entry.name).map(url).or_else(|| {
                let cover = description?.cover.as_ref()?;
                let is_small = cover.bytes.end - cover.bytes.start <= THUMBNAIL_MAX;
                is_small.then(|| format!("{}?cover", encode(&entry.name)))
            }),
        }
    }

    fn beside(&self, name: &[u8]) -> Option<&'a [u8]> {
        let (stem, _) = sidecar::split_extension(name);
        let stem = stem.to_ascii_lowercase();
        let from = |wanted: &[u8]| &self.names[self.names.partition_point(|(lower, _)| &**lower < wanted)..];
        if !from(&stem).first().is_some_and(|(lower, _)| lower.starts_with(&stem)) {
            return None;
        }
        // Each by its name: many files may share a stem with many pictures.
        let pictures = self.endings.iter().flat_map(|ending| {
            let wanted = [&*stem, ending].concat();
            let found = from(&wanted).iter();
            found.take_while(move |(lower, _)| *lower == wanted).map(|(_, name)| *name)
        });
        sidecar::thumbnail(name, pictures)
    }

    fn cover(&self, folder: &FolderEntry) -> Option<String> {
        let path = match self.path {
            b"" => folder.name.to_vec(),
            path => [path, &folder.name].join(&b'/'),
        };
        let Ok(Listing::Read(listed)) = self.site.list(&path) else { return None };
        if listed.entries().len() > COVER_SEARCH_MAX {
            return None;
        }
        let name = sidecar::folder_cover(pictures(&listed))?;
        Some(format!("{}/{}", encode(&folder.name), url(name)))
    }
}

fn pictures(folder: &Folder) -> impl Iterator<Item = &[u8]> {
    let small = folder.entries().iter().filter(|entry| is_small(entry) && Kind::of(entry) == Kind::Picture);
    small.map(|entry| &*entry.name)
}

fn is_small(entry: &FolderEntry) -> bool {
    entry.kind == EntryKind::File && entry.size.0 <= THUMBNAIL_MAX
}

fn url(name: &[u8]) -> String {
    format!("{}?whole", encode(name))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::media::description::Cover;
    use crate::pages::sample;
    use crate::site::AccessRules;

    #[test]
    fn small_pictures_stand_for_what_they_are_named_after() {
        let content = tempfile::tempdir().expect("a folder");
        let at = |name: &str| content.path().join("f").join(name);
        for folder in ["Album", "bare", "many"] {
            fs::create_dir_all(at(folder)).expect("a folder");
        }
        for name in ["a.mp4", "A.jpg", "ab.mp4", "abc-poster.PNG", "b.mkv", "b.webp", "p.png", "Album/Cover.jpg"] {
            fs::write(at(name), "").expect("a file");
        }
        let large = |name: &str| fs::File::create(at(name)).and_then(|file| file.set_len(THUMBNAIL_MAX + 1));
        large("b.jpg").expect("a file");
        large("photo.jpg").expect("a file");
        for number in 0..COVER_SEARCH_MAX {
            fs::write(at(&format!("many/{number}.jpg")), "").expect("a file");
        }
        fs::write(at("many/cover.jpg"), "").expect("a file");
        let site = Site::scan(content.path(), AccessRules::new([]).expect("no further folders")).expect("it opens");
        let Ok(Listing::Read(folder)) = site.list(b"f") else { panic!("it is read") };
        let thumbnails = Thumbnails::new(b"f", &folder, &site);
        for (name, expected) in [
            ("a.mp4", Some("A.jpg?whole")),
            ("ab.mp4", None),
            ("b.mkv", Some("b.webp?whole")),
            ("p.png", Some("p.png?whole")),
            ("photo.jpg", None),
            ("Album", Some("Album/Cover.jpg?whole")),
            ("bare", None),
            ("many", None),
        ] {
            let entry = folder.get(name.as_bytes()).expect("it is listed");
            assert_eq!(thumbnails.of(entry, None).as_deref(), expected, "{name}");
        }
        let mut film = sample::film();
        let cover = |name: &str, film: &Description| {
            thumbnails.of(folder.get(name.as_bytes()).expect("it is listed"), Some(film))
        };
        assert_eq!(cover("ab.mp4", &film).as_deref(), Some("ab.mp4?cover"));
        assert_eq!(cover("b.mkv", &film).as_deref(), Some("b.webp?whole"), "a picture beside it comes first");
        film.cover = film.cover.map(|cover| Cover { bytes: 0..THUMBNAIL_MAX + 1, ..cover });
        assert_eq!(cover("ab.mp4", &film), None, "it is too large");
    }
}
