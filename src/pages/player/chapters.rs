//! The chapters of a film or an audiobook.

use maud::{Markup, html};

use crate::media::Description;
use crate::pages::facts;

/// Links to them, by media fragments (W3C Media Fragments URI, section 4.2.1) that the script of
/// the page follows.
pub fn list(description: &Description) -> Markup {
    html! {
        @if !description.chapters.is_empty() {
            section #chapters aria-labelledby="chapters-heading" {
                h2 #chapters-heading { "Chapters" }
                ol {
                    @for (place, chapter) in (1..).zip(&description.chapters) {
                        li {
                            a href={ "#t=" (chapter.start.as_secs_f64()) } {
                                span { (facts::clock(chapter.start)) } " "
                                @if chapter.title.is_empty() { "Chapter " (place) } @else { (chapter.title) }
                            }
                        }
                    }
                }
            }
        }
    }
}
