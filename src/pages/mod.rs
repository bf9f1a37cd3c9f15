//! The pages that stand for folders and files, for people and for programs.
//!
//! `view` (which page a query asks for), `listing` (the entries of a folder, filtered and sorted),
//! `natural` (episode 2 before episode 10), `kind`, `name`, `thumbnail` and `icons` (how an entry
//! shows), `folder`, `player`, `json`, `playlist`, `refusal` (the pages), `subtitles` (SubRip as
//! WebVTT), `layout` (what the HTML pages share), `assets` (their styles and scripts).
//!
//! Pages are made from the index alone, so no page waits for the disk.

mod assets;
mod folder;
mod icons;
mod json;
mod kind;
mod layout;
mod listing;
mod name;
mod natural;
mod player;
mod playlist;
mod refusal;
mod subtitles;
mod thumbnail;
mod view;

pub use assets::asset;
pub use refusal::refusal;
pub use subtitles::{SUBRIP, webvtt};
pub use view::View;

use listing::Listing;

use crate::http::Request;
use crate::http::target::Target;
use crate::limits::ROWS_MAX;
use crate::site::{Folder, Resource, Site};

/// The page of a folder, in the form that the request asks for.
///
/// Browsers get it in pages of [`ROWS_MAX`] entries. Programs do not follow links to further pages,
/// so one that does not ask for HTML gets all entries, unless it asks for a page.
pub fn of_folder(request: &Request, target: &Target, folder: &Folder, site: &Site) -> Resource {
    let query = target.query.unwrap_or_default();
    let view = View::of_folder(request, query);
    let is_paged = query.has("page") || view == View::Plain && view::accepts_html(request);
    let listing = Listing::new(folder, query, if is_paged { ROWS_MAX } else { usize::MAX });
    match view {
        View::Playlist => playlist::of_folder(request, target, &listing),
        View::Json => json::of_folder(&listing),
        _ => folder::page(target, folder, &listing, site),
    }
}

/// The page that a view of a file in the folder is, if it is one and there is one for files of its
/// kind.
pub fn of_file(view: View, request: &Request, target: &Target, folder: &Folder, site: &Site) -> Option<Resource> {
    match view {
        View::Play => player::page(request, target, folder, site),
        View::Playlist => Some(playlist::of_file(request, target)),
        _ => None,
    }
}
