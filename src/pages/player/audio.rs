//! The audio tracks of a film, each of which the server can send as if it were the only one.

use maud::{Markup, html};

use super::shown::Shown;
use crate::http::Query;
use crate::http::target::encode;
use crate::media::Description;
use crate::media::description::Faststart;
use crate::pages::facts;

/// The audio track that `?play&audio=2` chooses, counted from 1; None if there is no such track.
pub fn chosen(query: Query, description: &Description) -> Option<usize> {
    let value = query.get("audio")?;
    let place = std::str::from_utf8(&value).ok()?.parse().ok()?;
    (1..=description.audio_tracks().count()).contains(&place).then_some(place)
}

/// Where the player reads the file from, with one audio track or as it is, relative to its page.
pub fn source(shown: &Shown, audio: Option<usize>) -> String {
    let audio = audio.map(|place| format!("audio={place}"));
    let faststart = (shown.description.faststart == Faststart::Possible).then(|| "faststart".to_string());
    let parameters: Vec<String> = audio.into_iter().chain(faststart).collect();
    let mark = if parameters.is_empty() { "" } else { "?" };
    format!("{}{mark}{}", encode(&shown.entry.name), parameters.join("&"))
}

/// The choice of a track, where there is one. The links lead to a page with that track; the script
/// stays on this page and exchanges what is played.
pub fn menu(shown: &Shown) -> Markup {
    let description = &shown.description;
    let default = facts::default_audio(description).map(|(place, _)| place);
    let current = shown.audio.or(default);
    html! {
        @if description.audio_tracks().count() > 1 {
            section #audio aria-labelledby="audio-heading" data-is-chosen[shown.audio.is_some()] {
                h2 #audio-heading { "Sound" }
                ul {
                    @for (place, track) in (1..).zip(description.audio_tracks()) {
                        li {
                            a href={ (encode(&shown.entry.name)) "?play&audio=" (place) }
                                aria-current=[(current == Some(place)).then_some("true")]
                                data-src=(source(shown, Some(place))) data-language=[track.language.as_deref()]
                                data-type=[facts::media_type(description, Some(track))] data-audio=(track.codec.name) {
                                (facts::audio_label(track, place))
                            }
                        }
                    }
                }
                // What the script says of the choice.
                p role="status" {}
            }
        }
    }
}
