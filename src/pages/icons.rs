//! The icons of the folder page, each drawn once and used by every row.

use maud::{Markup, html};

/// Name and path in a square of 24, drawn with a stroke.
const ICONS: [(&str, &str); 11] = [
    (
        "folder",
        "M3 6.5A1.5 1.5 0 0 1 4.5 5H9l2.5 2.5h8A1.5 1.5 0 0 1 21 9v8.5a1.5 1.5 0 0 1-1.5 1.5h-15A1.5 1.5 0 0 1 3 17.5z",
    ),
    ("film", "M4 5h16v14H4zM8 5v14M16 5v14M4 9.7h4M4 14.3h4M16 9.7h4M16 14.3h4"),
    ("music", "M9 17.5V5.5l11-2v12M9 17.5a3 3 0 1 1-6 0 3 3 0 0 1 6 0zM20 15.5a3 3 0 1 1-6 0 3 3 0 0 1 6 0z"),
    ("picture", "M4 5h16v14H4zM4 16l4.5-4.5 4 4 2.5-2.5 5 5M15 9.5h.01"),
    ("text", "M6 3h8l4 4v14H6zM14 3v4h4M9 12h6M9 16h6"),
    ("file", "M6 3h8l4 4v14H6zM14 3v4h4"),
    ("play", "M7 4.5v15l12-7.5z"),
    ("download", "M12 4v11M7.5 11l4.5 4.5 4.5-4.5M5 20h14"),
    ("external", "M14 4h6v6M20 4l-9 9M18 14v6H4V6h6"),
    ("list", "M9 6h11M9 12h11M9 18h11M4.5 6h.01M4.5 12h.01M4.5 18h.01"),
    ("grid", "M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM14 14h6v6h-6z"),
];

/// The definitions, for a page that uses icons.
pub fn definitions() -> Markup {
    html! {
        svg hidden aria-hidden="true" {
            @for (name, path) in ICONS {
                symbol id={ "i-" (name) } viewBox="0 0 24 24" { path d=(path) {} }
            }
        }
    }
}

/// An icon that says nothing that the text beside it does not.
pub fn icon(name: &str) -> Markup {
    html! { svg aria-hidden="true" { use href={ "#i-" (name) } {} } }
}
