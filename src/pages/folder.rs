//! The page of a folder.
//!
//! Kodi (`xbmc/filesystem/HTTPDirectory.cpp`) and rclone (`backend/http`) read the same page as
//! people. To them an entry is a link that begins `<a href="`, has no query, and whose text is the
//! name that it leads to; what follows up to the next link has date and size, `14.9M</td>`. All
//! other links therefore have a query or lead up, and have other texts.
//!
//! The link that programs read leads to the file itself. People who click anywhere in a row follow
//! its `.go` link, which lies over the row: to the player page where there is one.

use maud::{Markup, html};

use super::assets;
use super::facts;
use super::icons::{self, icon};
use super::kind::Kind;
use super::layout;
use super::listing::{Choice, Listing, Sort};
use super::name;
use super::thumbnail::Thumbnails;
use crate::bytes::Bytes;
use crate::http::date::Rfc3339;
use crate::http::target::{Target, encode};
use crate::media::Description;
use crate::media::description::Container;
use crate::site::{Folder, FolderEntry, Resource, Site};

/// The heading of the content folder: its real name is not for visitors.
const ROOT: &str = "Library";

/// The page of the folder that the target names.
pub fn page(target: &Target, folder: &Folder, listing: &Listing, site: &Site, pending: usize) -> Resource {
    let path = target.path.relative();
    let choice = &listing.choice;
    let title = if path.is_empty() { ROOT.into() } else { String::from_utf8_lossy(target.path.name()) };
    let data_path = if path.is_empty() { "/".to_string() } else { format!("/{}/", encode(path)) };
    let body = html! {
        (icons::definitions())
        a .skip href="#entries" { "Skip to the entries" }
        header { (way_up(target, choice)) }
        main #folder data-path=(data_path) data-pending=[(pending > 0).then_some(pending)] {
            div .title {
                h1 { (title) }
                p { (summary(listing)) }
            }
            @if !folder.entries().is_empty() { (bar(listing)) }
            section #continue hidden aria-labelledby="continue-title" {
                h2 #continue-title { "Continue watching" }
                ul {}
            }
            @if listing.rows.is_empty() {
                p #entries .empty { (nothing(folder, choice)) }
            } @else {
                (table(listing, &Thumbnails::new(path, folder, site), site))
            }
            @if listing.pages > 1 { (pages(listing)) }
        }
    };
    layout::page(target, &title, "folder.js", body)
}

/// Relative links to the folders above: Kodi takes `<a href="/films/">films</a>` for a folder of
/// that name in this one.
fn way_up(target: &Target, choice: &Choice) -> Markup {
    let view = if choice.is_grid { "?view=grid" } else { "" };
    let names: Vec<_> = target.path.relative().split(|&byte| byte == b'/').filter(|name| !name.is_empty()).collect();
    let up = |levels: usize| if levels == 0 { "./".to_string() } else { "../".repeat(levels) };
    html! {
        nav aria-label="Folders above" {
            ol {
                li { a .home href={ (up(names.len())) (view) } aria-current=[names.is_empty().then_some("page")] {
                    img src=(assets::url(target, "icon.svg")) alt=""; "reeld"
                } }
                @for (place, name) in names.iter().enumerate() {
                    li {
                        a href={ (up(names.len() - 1 - place)) (view) }
                            aria-current=[(place + 1 == names.len()).then_some("page")] { (String::from_utf8_lossy(name)) }
                    }
                }
            }
        }
    }
}

fn summary(listing: &Listing) -> String {
    let count = |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
    let folders = (listing.folders > 0).then(|| count(listing.folders, "folder"));
    let files = (listing.files > 0).then(|| format!("{}, {}", count(listing.files, "file"), listing.size));
    folders.into_iter().chain(files).collect::<Vec<_>>().join(", ")
}

fn nothing(folder: &Folder, choice: &Choice) -> Markup {
    let all = Choice { filter: String::new(), page: 1, ..choice.clone() };
    html! {
        @if folder.entries().is_empty() {
            "This folder is empty."
        } @else {
            "No name here contains “" (choice.filter) "”. "
            a href=(all.link()) { "Show all" }
        }
    }
}

/// The filter, the choice of list or grid, and what can be done with all of the files.
fn bar(listing: &Listing) -> Markup {
    let choice = &listing.choice;
    let first = listing.rows.iter().find(|entry| Kind::of(entry).plays());
    let kept = choice.parameters().into_iter().filter(|(name, _)| !matches!(*name, "q" | "page"));
    let views = [(false, "list", "List"), (true, "grid", "Grid")];
    html! {
        div .bar {
            form role="search" {
                label .unseen for="filter" { "Filter by name" }
                input #filter type="search" name="q" value=(choice.filter) placeholder="Filter" autocomplete="off"
                    spellcheck="false";
                @for (name, value) in kept { input type="hidden" name=(name) value=(value); }
                button { "Filter" }
            }
            @if let Some(first) = first {
                a .button .main href={ (encode(&first.name)) "?play" } { (icon("play")) "Play all" }
                a .button href="?m3u" { (icon("external")) "Open in VLC" }
            }
            div .views role="group" aria-label="View" {
                @for (is_grid, icon_name, text) in views {
                    a href=(Choice { is_grid, ..choice.clone() }.link()) data-view=(icon_name)
                        aria-current=[(is_grid == choice.is_grid).then_some("true")] {
                        (icon(icon_name)) span .unseen { (text) }
                    }
                }
            }
        }
    }
}

fn table(listing: &Listing, thumbnails: &Thumbnails, site: &Site) -> Markup {
    let choice = &listing.choice;
    html! {
        table #entries .(if choice.is_grid { "grid" } else { "list" }) {
            caption .unseen { "Folders and files" }
            thead {
                tr {
                    td {}
                    (heading(choice, Sort::Name, html! { "Name" }))
                    (heading(choice, Sort::Time, html! { "Modified" span #zone { " (UTC)" } }))
                    (heading(choice, Sort::Size, html! { "Size" }))
                    th scope="col" .unseen { "Details" }
                    th scope="col" { span .unseen { "Actions" } }
                }
            }
            tbody { @for entry in &listing.rows { (row(entry, thumbnails, choice, site)) } }
        }
    }
}

/// The heading of a column, which sorts by it, or the other way round. Of times and sizes, the
/// largest are looked for.
fn heading(choice: &Choice, sort: Sort, text: Markup) -> Markup {
    let is_current = sort == choice.sort;
    let order = if choice.is_descending { "descending" } else { "ascending" };
    let is_descending = if is_current { !choice.is_descending } else { sort != Sort::Name };
    html! {
        th scope="col" aria-sort=[is_current.then_some(order)] {
            a href=(Choice { sort, is_descending, page: 1, ..choice.clone() }.link()) { (text) }
        }
    }
}

fn row(entry: &FolderEntry, thumbnails: &Thumbnails, choice: &Choice, site: &Site) -> Markup {
    let kind = Kind::of(entry);
    let is_folder = kind == Kind::Folder;
    let link = encode(&entry.name);
    let player = kind.invitation();
    let modified = Rfc3339(entry.modified).to_string();
    let description = site.description(&entry.file_id());
    let description = description.as_deref().filter(|_| !is_folder);
    html! {
        tr {
            td {
                @match thumbnails.of(entry, description) {
                    Some(picture) => img src=(picture) alt="" loading="lazy" decoding="async";,
                    None => (icon(kind.icon())),
                }
            }
            th scope="row" {
                @if is_folder {
                    a href={ (link) "/" (if choice.is_grid { "?view=grid" } else { "" }) } class="go" { (name::text(&entry.name)) }
                } @else if player.is_some() {
                    a href=(link) tabindex="-1" { (name::text(&entry.name)) }
                } @else {
                    a href=(link) class="go" { (name::text(&entry.name)) }
                }
            }
            td { time datetime=(modified) { (modified[..10]) " " (modified[11..16]) } }
            td { @if !is_folder { (short(entry.size)) } }
            (details(kind, description))
            td {
                @if !is_folder {
                    @if let Some(text) = player { a href={ (link) "?play" } class="go" { (icon(if kind.plays() { "play" } else { kind.icon() })) (text) } }
                    a href={ (link) "?download" } { (icon("download")) span .unseen { "Download" } }
                }
            }
        }
    }
}

/// What is known of a file. It has no link, and lies behind the size, where programs look no more.
fn details(kind: Kind, description: Option<&Description>) -> Markup {
    let Some(description) = description else { return html! { td .details {} } };
    let song = facts::song(description).filter(|_| kind == Kind::Music);
    let facts = facts::of(description).join(" · ");
    let audio = facts::default_audio(description).map(|(_, track)| track);
    let sounds: Vec<&str> = description.audio_tracks().map(|track| &*track.codec.parameter).collect();
    let sounds = (sounds.len() > 1).then(|| sounds.join(", "));
    let media_type = facts::media_type(description, audio).filter(|_| kind.plays());
    html! {
        td .details data-type=[media_type] data-format=[description.container.map(Container::name)]
            data-video=[facts::video_codec(description)] data-audio=[audio.map(|track| track.codec.name)] data-sounds=[sounds] {
            @if let Some(song) = song { span .song { (song) } " " }
            @if !facts.is_empty() { span { (facts) } " " }
            @if kind.plays() { (facts::doubt(description)) }
        }
    }
}

fn pages(listing: &Listing) -> Markup {
    let page = listing.choice.page;
    let link = |page| Choice { page, ..listing.choice.clone() }.link();
    html! {
        nav .pages aria-label="Pages" {
            @if page > 1 { a .button rel="prev" href=(link(page - 1)) { "Previous page" } }
            span { "Page " (page) " of " (listing.pages) }
            @if page < listing.pages { a .button rel="next" href=(link(page + 1)) { "Next page" } }
        }
    }
}

/// A size as Kodi reads it, `812B` or `14.9M`. Its largest unit is G.
fn short(size: Bytes) -> String {
    match size.0 {
        bytes @ ..1024 => format!("{bytes}B"),
        bytes => {
            let units = [("G", 30), ("M", 20), ("K", 10)];
            let (unit, bits) = units.into_iter().find(|(_, bits)| bytes >> bits > 0).unwrap_or(("K", 10));
            format!("{:.1}{unit}", bytes as f64 / (1_u64 << bits) as f64)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::sample;

    #[test]
    fn what_is_known_of_a_file_has_no_link() {
        let film = details(Kind::Film, Some(&sample::film())).into_string();
        assert_eq!(
            film,
            "<td class=\"details\" data-type=\"video/mp4; codecs=&quot;avc1.64001f, ac-3&quot;\" data-format=\"MP4\" \
             data-video=\"H.264\" data-audio=\"Dolby Digital (AC-3)\" data-sounds=\"ac-3, mp4a.40.2\">\
             <span>1:42:07 · 1920×1080 · H.264, Dolby Digital (AC-3), AAC</span> \
             <span class=\"doubt\">May need VLC</span></td>"
        );
        let song = details(Kind::Music, Some(&sample::song())).into_string();
        assert!(song.contains("<span class=\"song\">The &quot;Rails&quot; - Slow &lt;Train&gt;</span> "), "{song}");
        assert!(!song.contains("<a") && !song.contains("doubt"), "{song}");
        assert_eq!(details(Kind::Film, None).into_string(), "<td class=\"details\"></td>");
    }
}
