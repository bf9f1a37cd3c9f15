//! The entries of a folder for programs, in the fields that Caddy's listing has.

use std::fmt::Write;

use super::facts;
use super::listing::Listing;
use crate::http::date::Rfc3339;
use crate::http::target::encode;
use crate::json;
use crate::media::Description;
use crate::media::description::{Dimensions, Track, TrackKind};
use crate::site::{EntryKind, FolderEntry, Resource, Site};

/// The entries of a listing.
///
/// As with Caddy, the name of a folder ends in a slash and a URL begins with `./`; a name that is
/// not UTF-8 has U+FFFD in its place, while its URL is exact. What is not known of a file has no
/// field; times are in seconds.
pub fn of_folder(listing: &Listing, site: &Site) -> Resource {
    let mut text = String::with_capacity(listing.rows.len() * 192);
    text.push('[');
    for (place, entry) in listing.rows.iter().enumerate() {
        text.push_str(if place == 0 { "\n" } else { ",\n" });
        write_entry(&mut text, entry, site.description(&entry.file_id()).as_deref());
    }
    text.push_str("\n]\n");
    let fields = vec![("Cache-Control", "no-cache".into()), ("Vary", "Accept".into())];
    Resource::generated(text.into_bytes(), "application/json", fields)
}

fn write_entry(out: &mut String, entry: &FolderEntry, description: Option<&Description>) {
    let is_dir = entry.kind == EntryKind::Folder;
    let slash = if is_dir { "/" } else { "" };
    let content_type = if is_dir { "inode/directory".into() } else { entry.content_type() };
    out.push_str("{\"name\":\"");
    json::escape(out, &String::from_utf8_lossy(&entry.name));
    // No byte of the other fields needs an escape. Writing to a string cannot fail.
    let _ = write!(
        out,
        "{slash}\",\"size\":{},\"url\":\"./{}{slash}\",\"mod_time\":\"{}\",\"is_dir\":{is_dir},\"type\":\"{content_type}\"",
        entry.size.0,
        encode(&entry.name),
        Rfc3339(entry.modified),
    );
    if let Some(description) = description {
        write_description(out, entry, description);
    }
    out.push('}');
}

fn write_description(out: &mut String, entry: &FolderEntry, description: &Description) {
    if let Some(duration) = description.duration {
        let _ = write!(out, ",\"duration\":{}", duration.as_secs_f64());
    }
    if let Some(Dimensions { width, height }) = description.video().map(|(_, size)| size).or(description.dimensions) {
        let _ = write!(out, ",\"width\":{width},\"height\":{height}");
    }
    let audio = facts::default_audio(description).map(|(_, track)| track);
    write_text(out, "codecs", facts::codecs(description, audio).as_deref());
    write_text(out, "title", description.title.as_deref());
    write_text(out, "artist", description.artist.as_deref());
    write_text(out, "album", description.album.as_deref());
    if description.cover.is_some() {
        write_text(out, "cover", Some(&format!("./{}?cover", encode(&entry.name))));
    }
    write_list(out, "tracks", &description.tracks, write_track);
    write_list(out, "chapters", &description.chapters, |out, chapter| {
        let _ = write!(out, "\"start\":{}", chapter.start.as_secs_f64());
        write_text(out, "title", Some(&chapter.title));
    });
}

fn write_track(out: &mut String, track: &Track) {
    let kind = match track.kind {
        TrackKind::Video(_) => "video",
        TrackKind::Audio { .. } => "audio",
        TrackKind::Subtitles => "subtitles",
        TrackKind::Other => "other",
    };
    let _ = write!(out, "\"kind\":\"{kind}\"");
    write_text(out, "codec", Some(&track.codec.parameter));
    write_text(out, "language", track.language.as_deref());
    write_text(out, "title", track.title.as_deref());
}

/// A field with a list of objects, each without its braces; none if the list is empty.
fn write_list<T>(out: &mut String, name: &str, items: &[T], write_item: impl Fn(&mut String, &T)) {
    if items.is_empty() {
        return;
    }
    let _ = write!(out, ",\"{name}\":");
    for (place, item) in items.iter().enumerate() {
        out.push_str(if place == 0 { "[{" } else { "},{" });
        write_item(out, item);
    }
    out.push_str("}]");
}

/// A field behind others.
fn write_text(out: &mut String, name: &str, text: Option<&str>) {
    if let Some(text) = text {
        let _ = write!(out, ",\"{name}\":\"");
        json::escape(out, text);
        out.push('"');
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::pages::sample;

    #[test]
    fn what_is_known_of_a_file_follows_and_nothing_else() {
        let content = tempfile::tempdir().expect("a folder");
        std::fs::write(content.path().join("a b.mp4"), "film").expect("a file");
        let entry = sample::entry(content.path(), "a b.mp4");
        let value = |description: Option<&Description>| {
            let mut text = String::new();
            write_entry(&mut text, &entry, description);
            serde_json::from_str::<Value>(&text).expect("JSON")
        };
        let plain = value(None);
        assert_eq!(value(Some(&Description::default())), plain);
        let mut expected = plain.as_object().expect("an object").clone();
        let known = json!({
            "duration": 6127.5, "width": 1920, "height": 1080, "codecs": "avc1.64001f, ac-3", "title": "A \"film\"",
            "cover": "./a%20b.mp4?cover",
            "tracks": [
                {"kind": "video", "codec": "avc1.64001f"},
                {"kind": "audio", "codec": "ac-3", "language": "en"},
                {"kind": "audio", "codec": "mp4a.40.2", "language": "de", "title": "<Kino>"},
            ],
            "chapters": [{"start": 0, "title": "Start & <go>"}, {"start": 90.5, "title": ""}],
        });
        expected.extend(known.as_object().expect("an object").clone());
        assert_eq!(value(Some(&sample::film())), Value::Object(expected));
        let song = value(Some(&sample::song()));
        assert_eq!((&song["artist"], &song["album"]), (&json!("The \"Rails\""), &json!("Night")));
    }
}
