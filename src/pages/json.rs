//! The entries of a folder for programs, in the fields that Caddy's listing has.

use std::fmt::Write;

use super::listing::Listing;
use crate::http::date::Rfc3339;
use crate::http::target::encode;
use crate::json;
use crate::site::{EntryKind, FolderEntry, Resource};

/// The entries of a listing.
///
/// As with Caddy, the name of a folder ends in a slash and a URL begins with `./`; a name that is
/// not UTF-8 has U+FFFD in its place, while its URL is exact.
pub fn of_folder(listing: &Listing) -> Resource {
    let mut text = String::with_capacity(listing.rows.len() * 192);
    text.push('[');
    for (place, entry) in listing.rows.iter().enumerate() {
        text.push_str(if place == 0 { "\n" } else { ",\n" });
        write_entry(&mut text, entry);
    }
    text.push_str("\n]\n");
    let fields = vec![("Cache-Control", "no-cache".into()), ("Vary", "Accept".into())];
    Resource::generated(text.into_bytes(), "application/json", fields)
}

fn write_entry(out: &mut String, entry: &FolderEntry) {
    let is_dir = entry.kind == EntryKind::Folder;
    let slash = if is_dir { "/" } else { "" };
    let content_type = if is_dir { "inode/directory".into() } else { entry.content_type() };
    out.push_str("{\"name\":\"");
    json::escape(out, &String::from_utf8_lossy(&entry.name));
    // No byte of the other fields needs an escape. Writing to a string cannot fail.
    let _ = write!(
        out,
        "{slash}\",\"size\":{},\"url\":\"./{}{slash}\",\"mod_time\":\"{}\",\"is_dir\":{is_dir},\"type\":\"{content_type}\"}}",
        entry.size.0,
        encode(&entry.name),
        Rfc3339(entry.modified),
    );
}
