//! Which view of a folder or file a request asks for.

use crate::http::target::{Target, encode};
use crate::http::{Query, Request};
use crate::site::Resource;

/// A view of a folder or file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// The bytes of a file as the part policy has it, or the page of a folder.
    Plain,
    /// All bytes of a file, whatever the part policy.
    Whole,
    /// The same, to be saved rather than shown (RFC 6266).
    Download,
    /// The player page of a file.
    Play,
    /// A playlist for other players.
    Playlist,
    /// The entries of a folder for programs.
    Json,
}

impl View {
    /// The view of a file.
    pub fn of_file(query: Query) -> Self {
        [("play", View::Play), ("m3u", View::Playlist), ("download", View::Download), ("whole", View::Whole)]
            .into_iter()
            .find_map(|(name, view)| query.has(name).then_some(view))
            .unwrap_or(View::Plain)
    }

    /// The view of a folder.
    pub fn of_folder(request: &Request, query: Query) -> Self {
        if query.has("m3u") {
            View::Playlist
        } else if query.has("json") || request.fields.lists("accept", "application/json") {
            View::Json
        } else {
            View::Plain
        }
    }

    /// This view of a file for which there is no page.
    pub fn of(self, resource: Resource, target: &Target) -> Resource {
        let mut resource = resource;
        resource.is_whole = self != View::Plain;
        if self == View::Download {
            resource.representation.fields.push(("Content-Disposition", disposition(target.path.name()).into()));
        }
        resource
    }
}

/// RFC 6266 section 4.3: the name as UTF-8 for browsers, and in ASCII for others.
fn disposition(name: &[u8]) -> String {
    let ascii: String = name.iter().map(|&byte| if is_plain(byte) { char::from(byte) } else { '_' }).collect();
    format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{}", encode(name))
}

fn is_plain(byte: u8) -> bool {
    (byte.is_ascii_graphic() || byte == b' ') && !b"\"\\%/".contains(&byte)
}
