//! Which scans of the content folder are due.

/// The scan, which has a thread of its own, as it may hang on a file system.
#[derive(Debug, Default)]
pub struct Scan {
    pub is_running: bool,
    /// Whether something changed since it began.
    pub is_due: bool,
}

impl Scan {
    /// Begins another scan if one is due.
    pub fn begin(&mut self) -> bool {
        self.is_running = self.is_due;
        std::mem::take(&mut self.is_due)
    }
}
