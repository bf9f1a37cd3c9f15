//! The pages that stand for folders and files, for people and for programs.
//!
//! `view` (which page a query asks for), `listing` (the entries of a folder, filtered and sorted),
//! `natural` (episode 2 before episode 10), `kind`, `name`, `thumbnail` and `icons` (how an entry
//! shows), `facts` (what is known of it), `folder`, `player`, `json`, `playlist`, `refusal` (the
//! pages), `subtitles` (SubRip as WebVTT), `layout` (what the HTML pages share), `assets` (their
//! styles and scripts).
//!
//! Pages are made from the index and from what is known of the files: no page reads the disk.

mod assets;
mod facts;
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
#[cfg(test)]
mod sample;
mod subtitles;
mod thumbnail;
mod view;

pub use assets::asset;
pub use refusal::refusal;
pub use subtitles::{SUBRIP, webvtt};
pub use view::View;

use std::time::Duration;

use kind::Kind;
use listing::Listing;

use crate::http::Request;
use crate::http::target::Target;
use crate::limits::{DESCRIBE_TIME, DESCRIBE_TIME_FOR_PROGRAMS, ROWS_MAX};
use crate::site::{Folder, FolderEntry, Resource, Site};

/// The page of a folder, in the form that the request asks for, before it is made.
///
/// Browsers get it in pages of [`ROWS_MAX`] entries. Programs do not follow links to further pages,
/// so one that does not ask for HTML gets all entries, unless it asks for a page.
pub struct FolderPage<'a> {
    request: &'a Request<'a>,
    target: &'a Target<'a>,
    folder: &'a Folder,
    view: View,
    listing: Listing<'a>,
}

impl<'a> FolderPage<'a> {
    pub fn new(request: &'a Request, target: &'a Target, folder: &'a Folder) -> Self {
        let query = target.query.unwrap_or_default();
        let view = View::of_folder(request, query);
        let is_paged = query.has("page") || view == View::Plain && view::accepts_html(request);
        let listing = Listing::new(folder, query, if is_paged { ROWS_MAX } else { usize::MAX });
        FolderPage { request, target, folder, view, listing }
    }

    /// The files of which it says what is in them, in the order in which it shows them.
    pub fn shown_files(&self) -> impl Iterator<Item = &'a FolderEntry> {
        let may_be_media = |entry: &&FolderEntry| match Kind::of(entry) {
            Kind::Film | Kind::Music | Kind::Picture => true,
            Kind::Other => entry.content_type() == "application/octet-stream",
            Kind::Folder | Kind::Text => false,
        };
        self.listing.rows.iter().copied().filter(may_be_media)
    }

    /// How long describing these may take.
    pub fn time_to_describe(&self) -> Duration {
        if self.view == View::Plain { DESCRIBE_TIME } else { DESCRIBE_TIME_FOR_PROGRAMS }
    }

    /// Makes it with what the site knows of the files. Its script learns how many of them are
    /// `pending`: not described yet.
    pub fn render(&self, site: &Site, pending: usize) -> Resource {
        match self.view {
            View::Playlist => playlist::of_folder(self.request, self.target, &self.listing, site),
            View::Json => json::of_folder(&self.listing, site),
            _ => folder::page(self.target, self.folder, &self.listing, site, pending),
        }
    }
}

/// The page that a view of a file in the folder is, if it is one and there is one for files of its
/// kind.
pub fn of_file(view: View, request: &Request, target: &Target, folder: &Folder, site: &Site) -> Option<Resource> {
    match view {
        View::Play => player::page(request, target, folder, site),
        View::Playlist => Some(playlist::of_file(request, target, folder, site)),
        _ => None,
    }
}
