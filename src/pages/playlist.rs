//! Playlists for other players (M3U, extended).

use crate::http::Request;
use crate::http::target::{Target, encode};
use crate::site::{EntryKind, Folder, Resource};

const CONTENT_TYPE: &str = "audio/x-mpegurl; charset=utf-8";

/// The playlist of the media of a folder.
pub fn of_folder(request: &Request, target: &Target, folder: &Folder) -> Resource {
    let names = folder.entries().iter().filter(|entry| entry.kind == EntryKind::File).map(|entry| &*entry.name);
    playlist(request, target, names)
}

/// The playlist of one file.
pub fn of_file(request: &Request, target: &Target) -> Resource {
    playlist(request, target, [target.path.name()].into_iter())
}

fn playlist<'a>(request: &Request, target: &Target, names: impl Iterator<Item = &'a [u8]>) -> Resource {
    let host = String::from_utf8_lossy(request.only("host").unwrap_or_default()).into_owned();
    let mut text = String::from("#EXTM3U\n");
    for name in names {
        let title = String::from_utf8_lossy(name);
        text +=
            &format!("#EXTINF:-1,{title}\nhttp://{host}/{}/{}?whole\n", encode(target.path.relative()), encode(name));
    }
    Resource::generated(text.into_bytes(), CONTENT_TYPE, Vec::new())
}
