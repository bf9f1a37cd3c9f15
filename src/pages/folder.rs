//! The page of a folder.

use maud::{Markup, html};

use super::layout;
use super::listing::Listing;
use crate::http::date;
use crate::http::target::{Target, encode};
use crate::site::{EntryKind, Folder, FolderEntry, Resource};

/// The page of the folder that the target names.
pub fn page(target: &Target, folder: &Folder) -> Resource {
    let listing = Listing::new(folder, target.query.unwrap_or_default());
    let name = String::from_utf8_lossy(target.path.name());
    let title = if name.is_empty() { "reeld" } else { &*name };
    let body = html! {
        main {
            h1 { (title) }
            table {
                @for entry in &listing.rows { (row(entry)) }
            }
        }
    };
    layout::page(title, "folder.js", body)
}

fn row(entry: &FolderEntry) -> Markup {
    let name = String::from_utf8_lossy(&entry.name);
    let link = encode(&entry.name);
    html! {
        @match entry.kind {
            EntryKind::Folder => tr { td { a href={ (link) "/" } { (name) "/" } } td {} td {} },
            EntryKind::File => tr { td { a href=(link) { (name) } } td { (date::seconds(entry.modified)) } td { (entry.size) } },
        }
    }
}
