//! The entries of a folder for programs, in the fields that Caddy's listing has.

use super::listing::Listing;
use crate::http::Query;
use crate::site::{Folder, Resource};

/// The entries that the query asks for.
pub fn of_folder(query: Query, folder: &Folder) -> Resource {
    let listing = Listing::new(folder, query);
    let text = format!("[{}]", listing.rows.len());
    Resource::generated(text.into_bytes(), "application/json", vec![("Vary", "Accept".into())])
}
