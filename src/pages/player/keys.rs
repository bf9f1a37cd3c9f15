//! The keys of the player page, for people.

use maud::{Markup, html};

/// What each does; `player.js` does it.
const KEYS: [(&[&str], &str); 14] = [
    (&["Space", "K"], "Play or pause"),
    (&["←", "→"], "5 seconds back or forward"),
    (&["J", "L"], "10 seconds back or forward"),
    (&["0", "…", "9"], "To the start, a tenth of it, up to nine tenths"),
    (&[",", "."], "A frame back or forward, while it is paused"),
    (&["<", ">"], "Slower or faster"),
    (&["↑", "↓"], "Louder or quieter, in full screen or when the player has the focus"),
    (&["M"], "Sound off or on"),
    (&["F"], "Full screen"),
    (&["C"], "Subtitles off or on"),
    (&["I"], "Picture in picture"),
    (&["Shift+N"], "Next in the folder"),
    (&["Shift+P"], "Previous in the folder"),
    (&["?"], "This help"),
];

/// The help, with a switch for people whose other programs need the keys (WCAG 2.1.4).
pub fn help() -> Markup {
    html! {
        dialog #help aria-labelledby="help-heading" {
            h2 #help-heading { "Keyboard shortcuts" }
            table {
                @for (keys, meaning) in KEYS {
                    tr {
                        th scope="row" { @for key in keys { kbd { (key) } " " } }
                        td { (meaning) }
                    }
                }
            }
            p { label { input #keys type="checkbox" checked; " Keyboard shortcuts are on" } }
            form method="dialog" { button { "Close" } }
        }
    }
}
