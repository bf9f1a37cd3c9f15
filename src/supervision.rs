//! The server as the service manager sees it.

use std::sync::{Arc, Mutex, PoisonError};

use reeld::ops::Supervised;
use reeld::serve::Monitor;
use reeld::site::Site;

/// A running server and its content.
pub struct Supervision {
    server: Monitor,
    site: Arc<Site>,
    /// A version of the index, and the number of its files.
    counted: Mutex<(u64, usize)>,
}

impl Supervision {
    pub fn new(server: Monitor, site: Arc<Site>) -> Self {
        Supervision { server, site, counted: Mutex::default() }
    }
}

impl Supervision {
    /// Files in the content folder. They are counted again only when a folder has changed.
    fn files(&self) -> usize {
        let index = self.site.index();
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let version = index.version();
        if counted.0 != version {
            *counted = (version, index.total(|_| true).0);
        }
        counted.1
    }
}

impl Supervised for Supervision {
    fn is_ready(&self) -> bool {
        self.site.is_open()
    }

    fn is_draining(&self) -> bool {
        self.server.is_draining()
    }

    fn is_alive(&self) -> bool {
        self.server.is_alive()
    }

    fn status(&self) -> String {
        let connections = count(self.server.connections(), "connection");
        if self.is_draining() {
            return format!("draining, {connections}");
        }
        if !self.is_ready() {
            return format!("{connections}, the content folder does not answer");
        }
        let (busy, workers) = (self.server.busy_workers(), self.server.workers());
        let files = count(self.files(), "file");
        format!("{connections}, {busy} of {workers} workers busy, {files}")
    }
}

/// A number with separators, and what it counts: "1 file", "12,034 files".
fn count(number: usize, what: &str) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    format!("{text} {what}{}", if number == 1 { "" } else { "s" })
}
