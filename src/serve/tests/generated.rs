//! Generated content, which has no file.

use super::*;
use crate::http::Validators;

#[test]
fn a_generated_page_is_a_resource_like_any_other() {
    const PAGE: &[u8] = &[b'p'; 250];
    serving(|address, pool| {
        pool.site.set_page(b"page", PAGE);
        let ask = |method: &str, fields: &str| {
            let head = format!("{method} /page HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{fields}\r\n");
            answer(asking(address, &head))
        };
        let first = ask("GET", "");
        assert!(
            first.starts_with("HTTP/1.1 206 ") && first.contains("\r\nContent-Range: bytes 0-99/250\r\n"),
            "{first}"
        );
        assert!(first.ends_with(&format!("\r\n\r\n{}", "p".repeat(100))), "{first}");
        assert!(!first.contains("Last-Modified"), "{first}");
        let tag = first.lines().find_map(|line| line.strip_prefix("ETag: ")).expect("it has a tag");
        assert_eq!(tag, Validators::generated(PAGE).entity_tag());
        let last = ask("GET", &format!("Range: bytes=-7\r\nIf-Range: {tag}\r\n"));
        assert!(
            last.contains("\r\nContent-Range: bytes 243-249/250\r\n") && last.ends_with("\r\n\r\nppppppp"),
            "{last}"
        );
        assert!(ask("GET", &format!("If-None-Match: {tag}\r\n")).starts_with("HTTP/1.1 304 "));
        assert!(ask("GET", "If-Match: \"another\"\r\n").starts_with("HTTP/1.1 412 "));
        assert!(ask("GET", "Range: bytes=250-\r\n").starts_with("HTTP/1.1 416 "));
        let head = ask("HEAD", "");
        assert!(head.contains(&format!("\r\nETag: {tag}\r\n")) && head.ends_with("\r\n\r\n"), "{head}");
    });
}
