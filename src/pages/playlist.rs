//! Playlists for other players: extended M3U in UTF-8.

use super::kind::Kind;
use super::listing::Listing;
use super::view;
use crate::http::Request;
use crate::http::forwarded::{BASE_FIELDS, Base};
use crate::http::target::{Target, encode};
use crate::media::sidecar;
use crate::site::Resource;

/// The films and the music of a listing, in its order.
pub fn of_folder(request: &Request, target: &Target, listing: &Listing) -> Resource {
    let names = listing.rows.iter().filter(|entry| Kind::of(entry).plays()).map(|entry| &*entry.name);
    let name = if target.path.name().is_empty() { b"reeld" } else { target.path.name() };
    playlist(request, target.path.relative(), name, names)
}

/// The playlist of one file.
pub fn of_file(request: &Request, target: &Target) -> Resource {
    let name = target.path.name();
    playlist(request, target.path.parent(), stem(name), [name].into_iter())
}

fn playlist<'a>(request: &Request, folder: &[u8], name: &[u8], files: impl Iterator<Item = &'a [u8]>) -> Resource {
    let slash = if folder.is_empty() { "" } else { "/" };
    let base = format!("{}/{}{slash}", Base::new(request), encode(folder));
    let mut text = String::from("#EXTM3U\n");
    for file in files {
        // Not cut to a part: some players take a part for the whole.
        text += &format!("#EXTINF:-1,{}\n{base}{}?whole\n", title(file), encode(file));
    }
    let fields = vec![
        ("Content-Disposition", view::disposition(&[name, b".m3u"].concat()).into()),
        ("Cache-Control", "no-cache".into()),
        ("Vary", if request.from_trusted_proxy { BASE_FIELDS } else { "Host" }.into()),
    ];
    Resource::generated(text.into_bytes(), "audio/x-mpegurl; charset=utf-8", fields)
}

/// A name without its extension, in one line.
fn title(file: &[u8]) -> String {
    let shown = String::from_utf8_lossy(stem(file));
    shown.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

fn stem(name: &[u8]) -> &[u8] {
    sidecar::split_extension(name).0
}
