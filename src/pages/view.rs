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
    /// The subtitles of a file as WebVTT.
    Subtitles,
    /// A playlist for other players.
    Playlist,
    /// The entries of a folder for programs.
    Json,
}

impl View {
    /// The view of a file.
    pub fn of_file(query: Query) -> Self {
        let views = [
            ("play", View::Play),
            ("vtt", View::Subtitles),
            ("m3u", View::Playlist),
            ("download", View::Download),
            ("whole", View::Whole),
        ];
        views.into_iter().find_map(|(name, view)| query.has(name).then_some(view)).unwrap_or(View::Plain)
    }

    /// Whether the query asks for the entries of a folder in a form for programs.
    pub fn asks_for_entries(query: Query) -> bool {
        query.has("m3u") || query.has("json")
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
        resource.is_whole = matches!(self, View::Whole | View::Download);
        if self == View::Download {
            // A folder with a page of its own is that page.
            let name = if target.path.folder() { b"index.html" } else { target.path.name() };
            resource.representation.fields.push(("Content-Disposition", disposition(name).into()));
        }
        resource
    }
}

/// Whether the client names HTML among what it takes, as browsers do.
pub fn accepts_html(request: &Request) -> bool {
    request.fields.lists("accept", "text/html")
}

/// RFC 6266 section 4.3: the name in ASCII, and where it is UTF-8 (RFC 8187 section 3.2) all of it.
pub fn disposition(name: &[u8]) -> String {
    let plain = |character| if is_plain(character) { character } else { '_' };
    let ascii: String = String::from_utf8_lossy(name).chars().map(plain).collect();
    match std::str::from_utf8(name) {
        Ok(_) => format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{}", encode(name)),
        Err(_) => format!("attachment; filename=\"{ascii}\""),
    }
}

/// Whether it stands for itself in a quoted string, also to programs that decode percent signs or
/// backslashes there (RFC 6266 appendix D).
fn is_plain(character: char) -> bool {
    (character.is_ascii_graphic() || character == ' ') && !"\"\\%".contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_any_bytes_is_one_harmless_field() {
        let long = "é".repeat(127) + "x";
        let long_field = format!("filename=\"{}x\"; filename*=UTF-8''{}x", "_".repeat(127), "%C3%A9".repeat(127));
        for (name, field) in [
            (&b"film.mp4"[..], "filename=\"film.mp4\"; filename*=UTF-8''film.mp4"),
            (b"a film; 100%.mp4", "filename=\"a film; 100_.mp4\"; filename*=UTF-8''a%20film%3B%20100%25.mp4"),
            (b"\"a\"\\b.mp4", "filename=\"_a__b.mp4\"; filename*=UTF-8''%22a%22%5Cb.mp4"),
            (b"a\r\nSet-Cookie: b", "filename=\"a__Set-Cookie: b\"; filename*=UTF-8''a%0D%0ASet-Cookie%3A%20b"),
            ("é.mp4".as_bytes(), "filename=\"_.mp4\"; filename*=UTF-8''%C3%A9.mp4"),
            (b"caf\xe9.mp4", "filename=\"caf_.mp4\""),
            (long.as_bytes(), &long_field),
        ] {
            assert_eq!(disposition(name), format!("attachment; {field}"), "{}", name.escape_ascii());
        }
    }
}
