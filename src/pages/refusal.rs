//! Refusals as pages, for people.

use maud::html;

use super::{layout, view};
use crate::http::target::{Target, encode};
use crate::http::{Refusal, Request, Response};

/// The answer to a request for what is not found, or not to be had: a page for a browser, and a
/// sentence for everything else.
pub fn refusal(request: &Request, target: &Target, refusal: Refusal) -> Response {
    if !view::accepts_html(request) {
        return Response::refusal(refusal);
    }
    let parent = target.path.parent();
    let up = format!("{}{}{}", target.root(), encode(parent), if parent.is_empty() { "" } else { "/" });
    let is_still_reading = refusal == Refusal::STILL_READING;
    let head = html! { @if is_still_reading { meta http-equiv="refresh" content="1"; } };
    let body = html! {
        main .refusal {
            h1 { (refusal.reason) }
            p { a .button href=(up) { "Back to the folder" } }
        }
    };
    Response::refusal_page(refusal, layout::document(target, "reeld", head, body), layout::HTML, layout::fields())
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::http::head::{Parsed, parse};
    use crate::http::segment::Segment;
    use crate::http::{Status, target};

    fn page(fields: &str, is: Refusal) -> String {
        let head = format!("GET /films/2024/ HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
        let Ok(Parsed::Complete(request, _)) = parse(head.as_bytes()) else { panic!("{head:?} is a request") };
        let response = refusal(&request, &target::parse(request.target).expect("a path"), is);
        let mut text = String::new();
        response.write_head(&mut text, true, None, SystemTime::now());
        for segment in response.body {
            let Segment::Text(segment) = segment else { panic!("a page is text") };
            text.push_str(&segment);
        }
        text
    }

    #[test]
    fn a_browser_comes_back_while_the_folder_is_being_read() {
        const BROWSER: &str = "Accept: text/html, */*;q=0.8\r\n";
        let reading = page(BROWSER, Refusal::STILL_READING);
        assert!(reading.starts_with("HTTP/1.1 503 ") && reading.contains("Retry-After: 1\r\n"), "{reading}");
        assert!(reading.contains("<meta http-equiv=\"refresh\" content=\"1\">"), "{reading}");
        let missing = page(BROWSER, Refusal::keep_alive(Status::NotFound, "<None>."));
        assert!(missing.contains("&lt;None&gt;.") && missing.contains("href=\"../../films/\""), "{missing}");
        assert!(!missing.contains("refresh"), "{missing}");
        assert!(page("", Refusal::STILL_READING).ends_with(".\n"), "a program gets a sentence");
    }
}
