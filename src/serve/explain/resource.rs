//! What a target leads to: a file, a view of it, or a page.

use super::rule::{Rule, quoted};
use crate::http::date::ImfDate;
use crate::http::target::Target;
use crate::http::{Request, Validators, ViewTag};
use crate::ops::diagnostics::one_line;
use crate::pages::{self, View};
use crate::serve::connection::Pool;
use crate::serve::connection::file_read::name_of;
use crate::site::{Content, Resource};

/// The rules that chose what is sent.
pub(super) fn rules(request: &Request, target: &Target, found: &Resource, pool: &Pool) -> Vec<Rule> {
    let file = match &found.content {
        Content::File(file, _) | Content::View(file, ..) => Some(file),
        Content::Memory(_) => None,
    };
    let (size, modified) = match found.representation.validators {
        Validators::File { size, modified } => (size, modified),
        Validators::View { file_size, modified, .. } => (file_size, modified),
        Validators::Generated { .. } => return vec![("page", page(request, target))],
    };
    let path = file.map_or_else(|| quoted(target.path.relative()), |file| one_line(&name_of(file)));
    let index = if target.path.folder() { "An index.html stands for its folder: " } else { "" };
    let facts = format!("{index}{path}, {size} bytes, last modified {}.", ImfDate(modified));
    let mut rules = vec![("file", facts)];
    let index = pool.site.index();
    let real_path = index.real_path(target.path.relative()).filter(|path| path != target.path.relative());
    if let Some(real_path) = real_path {
        rules.push(("link", format!("A link in the path leads to {} in the content folder.", quoted(&real_path))));
    }
    rules.push(("access", "It lies in no confidential folder, and no name in its path is hidden.".to_string()));
    rules.extend(view(target, found, pool).map(|sentence| ("view", sentence)));
    rules
}

/// Which page it is, and why.
fn page(request: &Request, target: &Target) -> String {
    let query = target.query.unwrap_or_default();
    if pages::asset(target.path.relative()).is_some() {
        return "It is a part of reeld's own pages; no file of the folder lies there.".into();
    }
    if target.path.folder() {
        let form = match View::of_folder(request, query) {
            View::Playlist => "a playlist of the folder (?m3u)",
            View::Json => "the entries of the folder as JSON (?json, or Accept)",
            _ => "the page of the folder",
        };
        let why = if View::asks_for_entries(query) {
            "the query asks for it, whether or not there is an index.html"
        } else {
            "no index.html stands for the folder"
        };
        return format!("It is {form}: {why}.");
    }
    match View::of_file(query) {
        View::Play => "It is the player page of the file (?play).",
        View::Playlist => "It is a playlist of the file (?m3u).",
        _ => "It is WebVTT made from the SubRip file (?vtt).",
    }
    .into()
}

/// How the query changes what is sent of the file; None without a view.
fn view(target: &Target, found: &Resource, pool: &Pool) -> Option<String> {
    let query = target.query.unwrap_or_default();
    let mut changes: Vec<String> = Vec::new();
    if let Validators::View { tag: ViewTag { audio, faststart, cover, .. }, size, .. } = found.representation.validators
    {
        changes.extend(audio.map(|track| format!("with audio track {track} alone (?audio)")));
        if faststart {
            let flag = if query.has("faststart") { "?faststart" } else { "--faststart" };
            changes.push(format!("with its index in front ({flag})"));
        }
        changes.extend(cover.then(|| "of which the cover is sent (?cover)".to_string()));
        changes.push(format!("{size} bytes with an entity tag of its own"));
    } else if query.has("faststart") || query.has("audio") {
        changes.push("as it is: the view changes nothing in it".into());
    }
    match View::of_file(query) {
        View::Download => changes.push("to be saved (?download)".into()),
        View::Whole => changes.push("all of it (?whole)".into()),
        View::Play | View::Playlist if pool.settings.listing => {
            changes.push("without a page: there is none for this kind of file".into());
        }
        View::Play | View::Playlist => changes.push("without a page, because of --no-listing".into()),
        View::Subtitles => changes.push("as it is: ?vtt is for SubRip files".into()),
        View::Plain | View::Json => {}
    }
    (!changes.is_empty()).then(|| format!("The file is sent {}.", changes.join(", ")))
}
