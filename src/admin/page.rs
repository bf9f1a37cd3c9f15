//! The live page: what the pool does, and what is being played. Its script fetches `status.json`
//! each second.

use maud::{DOCTYPE, Markup, html};

use crate::site::Resource;

/// Nothing is loaded from elsewhere, whatever the name of a film says (CSP level 3).
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const STYLE: &str = concat!(include_str!("../pages/assets/base.css"), include_str!("assets/admin.css"));

/// The page, which its script fills.
pub fn page() -> Resource {
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "reeld" }
                link rel="icon" href="icon.svg";
                link rel="stylesheet" href="admin.css";
                script src="admin.js" defer {}
            }
            body {
                header {
                    h1 { "reeld " small #version {} }
                    p #health role="status" { "Waiting for the first numbers …" }
                    p .links { a href="metrics" { "Metrics" } a href="health" { "Health" } a href="status.json" { "JSON" } }
                }
                main {
                    section aria-labelledby="pool-heading" {
                        h2 #pool-heading { "The last five minutes" }
                        div #charts .charts {}
                    }
                    section aria-labelledby="playing-heading" {
                        h2 #playing-heading { "Now playing" }
                        p #nothing { "Nothing is being played." }
                        div #playing .table hidden {
                            table {
                                (columns(&["File", "Position", "Rate", "Promised", "Sent", "Not taken", "For", "Address", "Program"]))
                                tbody #viewings {}
                            }
                        }
                    }
                    div .columns {
                        section aria-labelledby="connections-heading" {
                            h2 #connections-heading { "Connections" }
                            div .table { table { (columns(&["State", "Now", "Most", "Limit"])) tbody #states {} } }
                        }
                        section aria-labelledby="requests-heading" {
                            h2 #requests-heading { "Requests since the start" }
                            div .table { table { (columns(&["Method and status", "Count"])) tbody #requests {} } }
                        }
                        section aria-labelledby="counts-heading" {
                            h2 #counts-heading { "Other counts since the start" }
                            div .table { table { tbody #counts {} } }
                        }
                    }
                }
                noscript { "This page needs its script to show numbers; " a href="metrics" { "the metrics" } " have them too." }
            }
        }
    };
    let fields = vec![
        ("Content-Security-Policy", POLICY.into()),
        ("Cache-Control", "no-cache".into()),
        ("Referrer-Policy", "no-referrer".into()),
    ];
    Resource::generated(document.into_string().into_bytes(), "text/html; charset=utf-8", fields)
}

fn columns(names: &[&str]) -> Markup {
    let is_text = |name: &str| matches!(name, "Address" | "Program");
    html! {
        thead { tr { @for name in names { th scope="col" class=[is_text(name).then_some("text")] { (name) } } } }
    }
}

/// The style, the script or the icon of the page.
pub fn asset(name: &[u8]) -> Option<Resource> {
    let (content, content_type): (&[u8], _) = match name {
        b"admin.css" => (STYLE.as_bytes(), "text/css; charset=utf-8"),
        b"admin.js" => (include_bytes!("assets/admin.js"), "text/javascript; charset=utf-8"),
        b"icon.svg" => (include_bytes!("../pages/assets/icon.svg"), "image/svg+xml"),
        _ => return None,
    };
    Some(Resource::generated(content.to_vec(), content_type, vec![("Cache-Control", "no-cache".into())]))
}
