//! The address of the page as a QR code, to go on with another device.

use std::fmt::Write;
use std::net::IpAddr;

use maud::{Markup, html};
use qrcode::{Color, EcLevel, QrCode};

use crate::http::forwarded::Base;
use crate::http::target::{Target, encode};
use crate::http::{Request, authority};
use crate::limits::QR_ADDRESS_MAX;

/// Modules of light around the code (ISO/IEC 18004 section 9.1).
const QUIET_ZONE: usize = 4;

/// What is folded up on the page; nothing if the client named no host, or the address is too long.
pub fn section(request: &Request, target: &Target) -> Markup {
    let base = Base::new(request);
    let host = &base.authority;
    let address = format!("{base}/{}?play", encode(target.path.relative()));
    if host.is_empty() || address.len() > QR_ADDRESS_MAX {
        return Markup::default();
    }
    html! {
        details .device {
            summary { "Open on another device" }
            @if is_loopback(host.as_bytes()) {
                p {
                    (host) " is this device alone. Open the page by this machine's address in your network, "
                    "and its code is here."
                }
            } @else {
                (code(&address))
                p { a href=(address) { (address) } }
            }
        }
    }
}

/// Whether a Host field names the device that the browser runs on.
fn is_loopback(host: &[u8]) -> bool {
    let Some((name, _)) = authority::split(host) else { return false };
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    name == "localhost" || name.ends_with(".localhost") || address.is_ok_and(|address| address.is_loopback())
}

/// A QR code as SVG: dark modules on white in either theme, as readers expect.
fn code(text: &str) -> Markup {
    let Ok(code) = QrCode::with_error_correction_level(text, EcLevel::L) else { return Markup::default() };
    let width = code.width();
    let mut path = String::new();
    for (row, modules) in code.to_colors().chunks(width).enumerate() {
        for (column, _) in modules.iter().enumerate().filter(|(_, module)| **module == Color::Dark) {
            write!(path, "M{} {}h1v1h-1z", column + QUIET_ZONE, row + QUIET_ZONE).expect("a string takes all");
        }
    }
    let side = width + 2 * QUIET_ZONE;
    html! {
        svg viewBox={ "0 0 " (side) " " (side) } role="img" aria-label="QR code of this address"
            shape-rendering="crispEdges" {
            rect width=(side) height=(side) fill="#fff" {}
            path d=(path) fill="#000" {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loopback_address_is_for_this_device_alone() {
        for host in ["localhost", "LOCALHOST:8080", "films.localhost", "127.0.0.1:80", "127.1.2.3", "[::1]", "[::1]:80"]
        {
            assert!(is_loopback(host.as_bytes()), "{host}");
        }
        for host in ["192.0.2.1", "films.example:80", "[2001:db8::1]:80", "localhost.example", "a b", ""] {
            assert!(!is_loopback(host.as_bytes()), "{host}");
        }
    }
}
