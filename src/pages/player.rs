//! The player page of a file.

use maud::html;

use super::layout;
use crate::http::target::{Target, encode};
use crate::site::{Folder, Resource};

/// The player page of a file in the folder; None where a player is of no use to it.
pub fn page(target: &Target, folder: &Folder) -> Option<Resource> {
    let name = target.path.name();
    let entry = folder.get(name)?;
    if !entry.content_type().starts_with("video/") {
        return None;
    }
    let title = String::from_utf8_lossy(name);
    let body = html! {
        main { video #player controls src=(encode(name)) {} h1 { (title) } }
    };
    Some(layout::page(&title, "player.js", body))
}
