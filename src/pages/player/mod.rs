//! The player page of a film, an audio track or a picture.
//!
//! `shown` (the file itself), `sequence` (what comes before and after it), `audio` and `subtitles`
//! (the tracks of a film), `chapters`, `qr_code` (the address for another device), `keys` (the
//! help).
//!
//! The browser's own controls play it, so the page works without its script.

mod audio;
mod chapters;
mod icon;
mod keys;
mod qr_code;
mod sequence;
mod shown;
mod subtitles;

use std::borrow::Cow;

use maud::{Markup, html};

use super::kind::Kind;
use super::{assets, facts, layout};
use crate::http::target::{Target, encode};
use crate::http::{Request, Validators};
use crate::media::{Description, sidecar};
use crate::site::{EntryKind, Folder, FolderEntry, Resource, Site};
use icon::icon;
use sequence::Sequence;
use shown::{Shown, title, title_of};

/// The player page of a file in the folder; None where a player is of no use to it.
pub fn page(request: &Request, target: &Target, folder: &Folder, site: &Site) -> Option<Resource> {
    let entry = folder.get(target.path.name())?;
    let kind = Kind::of(entry);
    kind.invitation()?;
    let description = site.description(&entry.file_id()).unwrap_or_default();
    let audio = audio::chosen(target.query.unwrap_or_default(), &description);
    let shown = &Shown { entry, kind, description, audio };
    let description = &*shown.description;
    let sound = audio.and_then(|place| description.audio_tracks().nth(place - 1));
    let sound = sound.or_else(|| facts::default_audio(description).map(|(_, track)| track));
    let sequence = Sequence::new(folder, entry, kind);
    let body = html! {
        main #page .(kind.icon()) data-path={ "/" (encode(target.path.relative())) } data-tag=(tag(entry))
            data-format=(format_of(shown))
            data-type=(facts::media_type(description, sound).map_or_else(|| entry.content_type(), Cow::Owned))
            data-video=[facts::video_codec(description)] data-audio=[sound.map(|track| track.codec.name)]
            data-artist=[&description.artist] data-album=[&description.album] {
            (way_back(target))
            (stage(shown, &sequence, target, folder, site))
            (problem(entry, kind))
            div #about {
                h1 { (shown.title()) }
                (credits(shown))
                (facts(shown, &sequence))
                (audio::menu(shown))
                @if kind != Kind::Picture { (neighbours(&sequence, kind, site)) }
                (actions(entry, kind))
                (chapters::list(description))
                (qr_code::section(request, target))
            }
            @if kind != Kind::Picture { (queue(&sequence, kind, site)) }
        }
        @if kind != Kind::Picture {
            (keys::help())
            div #notice popover="manual" role="status" {}
        }
    };
    let script = if kind == Kind::Picture { "gallery.js" } else { "player.js" };
    let head = html! {
        link rel="stylesheet" href=(assets::url(target, "player.css"));
        script src=(assets::url(target, script)) defer {}
        script src=(assets::url(target, "problem.js")) defer {}
    };
    let page = layout::document(target, &shown.title(), head, body);
    Some(Resource::generated(page.into_bytes(), "text/html; charset=utf-8", layout::fields()))
}

/// The format as people call it: `MP4`. Where it is not known, the name may say it.
fn format_of(shown: &Shown) -> String {
    let by_name = || String::from_utf8_lossy(sidecar::split_extension(&shown.entry.name).1).to_uppercase();
    shown.description.container.map_or_else(by_name, |container| container.name().to_string())
}

/// The entity tag of the file, by which the script knows that a position is one in this file.
fn tag(entry: &FolderEntry) -> String {
    Validators::File { size: entry.size.0, modified: entry.modified }.entity_tag()
}

fn way_back(target: &Target) -> Markup {
    let parent = String::from_utf8_lossy(target.path.parent());
    let folder = parent.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("Library");
    html! {
        nav .back aria-label="Folder" { a href="./" rel="up" { (icon("back")) span { (folder) } } }
    }
}

/// What is played or shown.
fn stage(shown: &Shown, sequence: &Sequence, target: &Target, folder: &Folder, site: &Site) -> Markup {
    let entry = shown.entry;
    let link = encode(&entry.name);
    let source = audio::source(shown, shown.audio);
    let cover = cover(shown, folder);
    match shown.kind {
        Kind::Film => html! {
            div .stage {
                video #player controls playsinline preload="metadata" poster=[cover] src=(source) {
                    (subtitles::tracks(entry, target, folder, site))
                    p { "This browser plays no video. " a href={ (link) "?download" } { "Download the film" } "." }
                }
            }
        },
        Kind::Music => html! {
            div .stage {
                div #cover { @if let Some(cover) = cover { img src=(cover) alt=""; } @else { (icon("music")) } }
                audio #player controls preload="metadata" src=(source) {
                    p { "This browser plays no audio. " a href={ (link) "?download" } { "Download the track" } "." }
                }
            }
        },
        // A browser does not ask for the rest of a picture, so it gets all of it at once.
        _ => html! {
            figure .stage {
                img #picture src={ (link) "?whole" } alt=(title(entry));
                @for (entry, relation, label) in sequence.neighbours() {
                    a .(relation) rel=(relation) href={ (encode(&entry.name)) "?play" } aria-label=(label) {
                        (icon(relation))
                    }
                }
            }
        },
    }
}

/// The URL of the picture that stands for a file: its own beside it, that of its folder, or the one
/// within it.
fn cover(shown: &Shown, folder: &Folder) -> Option<String> {
    let name = &shown.entry.name;
    let files = || folder.entries().iter().filter(|entry| entry.kind == EntryKind::File);
    let names = || files().map(|entry| &*entry.name);
    let beside = sidecar::thumbnail(name, names()).or_else(|| sidecar::folder_cover(names()));
    let within = || shown.description.cover.as_ref().map(|_| format!("{}?cover", encode(name)));
    beside.map(|name| format!("{}?whole", encode(name))).or_else(within)
}

/// What the script fills in if the browser cannot play it.
fn problem(entry: &FolderEntry, kind: Kind) -> Markup {
    let link = encode(&entry.name);
    html! {
        div #problem role="alert" hidden {
            p #reason {}
            p {
                @if kind != Kind::Picture {
                    "VLC and mpv play nearly everything: " a href={ (link) "?m3u" } { "open it there" } ", or "
                } @else {
                    "Another program may show it: "
                }
                a href={ (link) "?download" } { "download it" } "."
            }
        }
    }
}

/// Whose music it is, by its tags.
fn credits(shown: &Shown) -> Markup {
    let Description { artist, album, .. } = &*shown.description;
    let parts: Vec<&str> = [artist, album].into_iter().flatten().map(String::as_str).collect();
    html! {
        @if shown.kind == Kind::Music && !parts.is_empty() { p .credits { (parts.join(" · ")) } }
    }
}

fn facts(shown: &Shown, sequence: &Sequence) -> Markup {
    let (facts, format) = (facts::of(&shown.description), format_of(shown));
    html! {
        p .facts {
            @for fact in &facts { span { (fact) } }
            // MP3, FLAC and other formats are called after their codec.
            @if !facts.contains(&format) { span { (format) } }
            span { (shown.entry.size) }
            @if shown.kind != Kind::Picture { (facts::doubt(&shown.description)) }
            @if sequence.length() > 1 { span { (sequence.place()) " of " (sequence.length()) } }
        }
    }
}

fn neighbours(sequence: &Sequence, kind: Kind, site: &Site) -> Markup {
    html! {
        @if sequence.length() > 1 {
            nav .neighbours aria-label="Previous and next" {
                @for (entry, relation, label) in sequence.neighbours() {
                    a .(relation) rel=(relation) href={ (encode(&entry.name)) "?play" } {
                        (icon(relation)) span { small { (label) } " " b { (title_of(entry, kind, site)) } }
                    }
                }
            }
        }
    }
}

/// Links that work everywhere, and buttons that the script shows where the browser can.
fn actions(entry: &FolderEntry, kind: Kind) -> Markup {
    let link = encode(&entry.name);
    html! {
        ul .actions {
            li { a href={ (link) "?download" } { (icon("download")) "Download" } }
            @if kind == Kind::Picture {
                li { a href={ (link) "?whole" } { (icon("open")) "Open the picture alone" } }
            } @else {
                li { a href={ (link) "?m3u" } { (icon("open")) "Open in VLC or mpv" } }
                li hidden { a #share href={ (link) "?play" } { (icon("link")) "Copy link to this moment" } }
                li hidden { button #floating type="button" { (icon("floating")) "Picture in picture" } }
                li hidden { button #remote type="button" { (icon("remote")) "Play on another screen" } }
                li hidden { button #shortcuts type="button" { (icon("keyboard")) "Keyboard shortcuts" } }
            }
        }
    }
}

/// Everything of the same kind in the folder, or what is near it where there is too much.
fn queue(sequence: &Sequence, kind: Kind, site: &Site) -> Markup {
    html! {
        section #queue aria-labelledby="queue-heading" hidden[sequence.length() == 1] {
            h2 #queue-heading { @if kind == Kind::Music { "Playlist" } @else { "In this folder" } }
            ol start=(sequence.first_place()) {
                @for entry in sequence.near() {
                    li { a href={ (encode(&entry.name)) "?play" } aria-current=[sequence.is_current(entry).then_some("page")] {
                        (title_of(entry, kind, site))
                    } }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
