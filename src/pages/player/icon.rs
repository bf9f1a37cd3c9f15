//! Symbols of links and buttons, as inline SVG of 24 by 24.

use maud::{Markup, html};

/// A symbol beside a text that says the same.
pub fn icon(name: &str) -> Markup {
    let path = match name {
        "back" => "M15 5l-7 7 7 7",
        "prev" => "M19 12H5m6-7-7 7 7 7",
        "next" => "M5 12h14m-6-7 7 7-7 7",
        "download" => "M12 4v11m-5-4 5 5 5-5M5 20h14",
        "open" => "M14 4h6v6m0-6-9 9M10 5H5v14h14v-5",
        "link" => "M10 14a4 4 0 0 0 6 .4l3-3a4 4 0 0 0-5.7-5.7l-1 1m1.7 3.3a4 4 0 0 0-6-.4l-3 3a4 4 0 0 0 5.7 5.7l1-1",
        "floating" => "M4 5h16v14H4zM12 12h5v4h-5z",
        "remote" => "M4 9V5h16v14h-6M4 13a6 6 0 0 1 6 6M4 17a2 2 0 0 1 2 2",
        "keyboard" => "M3 6h18v12H3zM7 10h.01M11 10h.01M15 10h.01M8 14h8",
        "device" => "M8 3h8v18H8zM11 18h2",
        _ => "M9 18V6l10-2v12M9 18a3 3 0 1 1-6 0 3 3 0 0 1 6 0zm10-2a3 3 0 1 1-6 0 3 3 0 0 1 6 0z",
    };
    html! {
        svg viewBox="0 0 24 24" width="24" height="24" fill="none" stroke="currentColor" stroke-width="2"
            stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" { path d=(path) {} }
    }
}
