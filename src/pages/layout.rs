//! What the HTML pages share.

use maud::{DOCTYPE, Markup, html};

use super::assets;
use crate::http::response::Field;
use crate::http::target::Target;
use crate::site::Resource;

/// Nothing from elsewhere, and no script but ours, whatever a name in the folder says (CSP level
/// 3).
const POLICY: &str = "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'self'; script-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'";

/// The Content-Type of a page.
pub const HTML: &str = "text/html; charset=utf-8";

/// A page with this title; `script` names its asset.
pub fn page(target: &Target, title: &str, script: &str, body: Markup) -> Resource {
    let head = html! { script src=(assets::url(target, script)) defer {} };
    Resource::generated(document(target, title, head, body).into_bytes(), HTML, fields())
}

/// The text of a page; `head` is what only its head has.
pub fn document(target: &Target, title: &str, head: Markup, body: Markup) -> String {
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="icon" href=(assets::url(target, "icon.svg"));
                link rel="stylesheet" href=(assets::url(target, "reeld.css"));
                (head)
            }
            body { (body) }
        }
    };
    document.into_string()
}

/// The header fields of a page.
pub fn fields() -> Vec<Field> {
    vec![
        ("Content-Security-Policy", POLICY.into()),
        // Always asked for again, and answered with 304 where nothing changed.
        ("Cache-Control", "no-cache".into()),
        ("Vary", "Accept".into()),
        ("Referrer-Policy", "same-origin".into()),
    ]
}
