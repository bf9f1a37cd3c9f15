//! The pages that stand for folders and files, for people and for programs.
//!
//! `view` (which page a query asks for), `listing` (the entries of a folder, filtered and in order),
//! `natural` (episode 2 before episode 10), `folder`, `player`, `json`, `playlist` (the pages),
//! `layout` (what the HTML pages share), `assets` (their styles and scripts).
//!
//! Pages are made from the index alone, so no page waits for the disk.

mod assets;
mod folder;
mod json;
mod layout;
mod listing;
mod natural;
mod player;
mod playlist;
mod view;

pub use assets::asset;
pub use view::View;

use crate::http::target::Target;
use crate::http::{Query, Request};
use crate::site::{Folder, Resource};

/// The page of a folder, in the form that the request asks for.
pub fn of_folder(request: &Request, target: &Target, folder: &Folder) -> Resource {
    let query = target.query.unwrap_or_default();
    match View::of_folder(request, query) {
        View::Playlist => playlist::of_folder(request, target, folder),
        View::Json => json::of_folder(query, folder),
        _ => folder::page(target, folder),
    }
}

/// The page that a view of a file in the folder is, if it is one and there is one for files of its
/// kind.
pub fn of_file(view: View, request: &Request, target: &Target, folder: &Folder) -> Option<Resource> {
    match view {
        View::Play => player::page(target, folder),
        View::Playlist => Some(playlist::of_file(request, target)),
        _ => None,
    }
}

/// The decimal number in a query; None if there is none.
fn number(query: Query, name: &str) -> Option<usize> {
    std::str::from_utf8(&query.get(name)?).ok()?.parse().ok()
}
