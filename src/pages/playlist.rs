//! Playlists for other players: extended M3U in UTF-8.

use super::facts;
use super::kind::Kind;
use super::listing::Listing;
use super::view;
use crate::http::Request;
use crate::http::forwarded::{BASE_FIELDS, Base};
use crate::http::target::{Target, encode};
use crate::media::Description;
use crate::media::description::Faststart;
use crate::media::sidecar;
use crate::site::{Folder, FolderEntry, Resource, Site};

/// The films and the music of a listing, in its order.
pub fn of_folder(request: &Request, target: &Target, listing: &Listing, site: &Site) -> Resource {
    let items = listing.rows.iter().filter(|entry| Kind::of(entry).plays()).map(|entry| item(entry, site));
    let name = if target.path.name().is_empty() { b"reeld" } else { target.path.name() };
    playlist(request, target.path.relative(), name, items)
}

/// The playlist of one file of a folder, or of one that the folder does not list yet.
pub fn of_file(request: &Request, target: &Target, folder: &Folder, site: &Site) -> Resource {
    let name = target.path.name();
    let item = folder.get(name).map_or_else(|| unknown(name), |entry| item(entry, site));
    playlist(request, target.path.parent(), stem(name), [item].into_iter())
}

/// What a playlist says of a file.
struct Item {
    /// In seconds; -1 if it is not known.
    duration: i64,
    title: String,
    /// Its URL relative to the folder.
    url: String,
}

fn item(entry: &FolderEntry, site: &Site) -> Item {
    let item = unknown(&entry.name);
    match site.description(&entry.file_id()) {
        Some(description) => described(item, &description, Kind::of(entry)),
        None => item,
    }
}

fn unknown(name: &[u8]) -> Item {
    // Not cut to a part: some players take a part for the whole.
    Item {
        duration: -1,
        title: one_line(&String::from_utf8_lossy(stem(name))),
        url: encode(name).to_string() + "?whole",
    }
}

fn described(item: Item, description: &Description, kind: Kind) -> Item {
    let song = facts::song(description).filter(|_| kind == Kind::Music);
    let faststart = if description.faststart == Faststart::Possible { "&faststart" } else { "" };
    Item {
        duration: description.duration.map_or(-1, |duration| duration.as_secs_f64().round() as i64),
        title: song.as_deref().map_or(item.title, one_line),
        url: item.url + faststart,
    }
}

fn playlist(request: &Request, folder: &[u8], name: &[u8], items: impl Iterator<Item = Item>) -> Resource {
    let slash = if folder.is_empty() { "" } else { "/" };
    let base = format!("{}/{}{slash}", Base::new(request), encode(folder));
    let mut text = String::from("#EXTM3U\n");
    for Item { duration, title, url } in items {
        text += &format!("#EXTINF:{duration},{title}\n{base}{url}\n");
    }
    let fields = vec![
        ("Content-Disposition", view::disposition(&[name, b".m3u"].concat()).into()),
        ("Cache-Control", "no-cache".into()),
        ("Vary", if request.from_trusted_proxy { BASE_FIELDS } else { "Host" }.into()),
    ];
    Resource::generated(text.into_bytes(), "audio/x-mpegurl; charset=utf-8", fields)
}

fn one_line(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

fn stem(name: &[u8]) -> &[u8] {
    sidecar::split_extension(name).0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::sample;

    #[test]
    fn what_is_known_of_a_file_is_in_its_line() {
        let line = |description: &Description, kind| {
            let Item { duration, title, url } = described(unknown(b"a\n1.mp4"), description, kind);
            format!("{duration},{title} {url}")
        };
        assert_eq!(line(&sample::film(), Kind::Film), "6128,a 1 a%0A1.mp4?whole&faststart");
        assert_eq!(line(&sample::song(), Kind::Music), "185,The \"Rails\" - Slow <Train> a%0A1.mp4?whole");
        let untitled = Description { artist: Some("x".into()), ..Description::default() };
        assert_eq!(line(&untitled, Kind::Music), "-1,a 1 a%0A1.mp4?whole");
        let hostile = Description { title: Some("a\n#EXTM3U".into()), ..Description::default() };
        assert_eq!(line(&hostile, Kind::Music), "-1,a #EXTM3U a%0A1.mp4?whole");
    }
}
