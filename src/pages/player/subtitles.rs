//! The text tracks of a film: the files of subtitles beside it, and those in a folder `Subs`.

use std::sync::Arc;

use maud::{Markup, html};

use crate::http::target::{Target, encode};
use crate::media::sidecar::{self, Sidecar};
use crate::site::{EntryKind, Folder, FolderEntry, Listing, Site};

/// The `track` elements of a film in this folder. Subtitles that are only for what is spoken in a
/// foreign language are shown unasked; which others, the script decides by the browser's languages.
pub fn tracks(film: &FolderEntry, target: &Target, folder: &Folder, site: &Site) -> Markup {
    let beside = sidecar::subtitles(&film.name, file_names(folder));
    let subs = folder.entries().iter().filter(|entry| is_subs(entry));
    let subs: Vec<_> = subs.filter_map(|subs| Some((subs, listed(target, subs, site)?))).collect();
    let inside = subs.iter().flat_map(|(subs, listed)| {
        let sidecars = sidecar::subtitles_in_subs(&film.name, file_names(listed));
        sidecars.into_iter().map(|sidecar| (format!("{}/", encode(&subs.name)), sidecar))
    });
    let all: Vec<_> =
        beside.into_iter().map(|sidecar| (String::new(), sidecar)).chain(inside).take(TRACKS_MAX).collect();
    let forced = all.iter().position(|(_, sidecar)| sidecar.forced);
    html! {
        @for (place, (prefix, sidecar)) in all.iter().enumerate() {
            track kind=(kind(sidecar)) src={ (prefix) (encode(sidecar.name)) "?" (view(sidecar)) }
                srclang=(sidecar.language.as_deref().unwrap_or(UNDETERMINED)) label=(sidecar.label)
                default[forced == Some(place)];
        }
    }
}

/// More subtitles of one film than this are a mistake, and none of its menus could show them.
const TRACKS_MAX: usize = 100;

/// BCP 47 for a language that is not known; subtitles must have one in HTML.
const UNDETERMINED: &str = "und";

fn kind(sidecar: &Sidecar) -> &'static str {
    if sidecar.hearing_impaired { "captions" } else { "subtitles" }
}

/// The view that is WebVTT.
fn view(sidecar: &Sidecar) -> &'static str {
    if sidecar.name.to_ascii_lowercase().ends_with(b".vtt") { "whole" } else { "vtt" }
}

fn listed(target: &Target, subs: &FolderEntry, site: &Site) -> Option<Arc<Folder>> {
    let path = match target.path.parent() {
        b"" => subs.name.to_vec(),
        parent => [parent, &subs.name].join(&b'/'),
    };
    match site.list(&path) {
        Ok(Listing::Read(listed)) => Some(listed),
        _ => None,
    }
}

fn file_names(folder: &Folder) -> impl Iterator<Item = &[u8]> {
    folder.entries().iter().filter(|entry| entry.kind == EntryKind::File).map(|entry| &*entry.name)
}

fn is_subs(entry: &FolderEntry) -> bool {
    entry.kind == EntryKind::Folder && entry.name.eq_ignore_ascii_case(b"subs")
}
