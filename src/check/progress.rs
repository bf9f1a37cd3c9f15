//! A bar on a terminal while a check takes long.

use std::io::Write;
use std::time::{Duration, Instant};

/// A check that is done sooner shows no bar.
const BEGIN: Duration = Duration::from_millis(500);

/// Time between two drawings, so that a slow terminal does not slow the check down.
const REDRAW: Duration = Duration::from_millis(100);

const WIDTH: usize = 30;

/// A bar on a terminal, which is all that is on its line.
#[derive(Debug)]
pub struct Progress<W> {
    terminal: W,
    redraw_at: Instant,
    is_drawn: bool,
}

impl<W: Write> Progress<W> {
    /// A bar that is due half a second after `now`.
    pub fn new(terminal: W, now: Instant) -> Self {
        Progress { terminal, redraw_at: now + BEGIN, is_drawn: false }
    }

    /// Draws how much is done, if that is due.
    pub fn show(&mut self, done: usize, all: usize) {
        self.show_at(Instant::now(), done, all);
    }

    fn show_at(&mut self, now: Instant, done: usize, all: usize) {
        if now < self.redraw_at {
            return;
        }
        self.redraw_at = now + REDRAW;
        self.is_drawn = true;
        let full = (done * WIDTH).checked_div(all).unwrap_or(WIDTH).min(WIDTH);
        let percent = (done * 100).checked_div(all).unwrap_or(100).min(100);
        let bar = "#".repeat(full) + &" ".repeat(WIDTH - full);
        self.write(&format!("\r[{bar}] {percent:3} %, {done} of {all} files\x1b[K"));
    }

    /// Removes the bar from the terminal.
    pub fn clear(&mut self) {
        if std::mem::take(&mut self.is_drawn) {
            self.write("\r\x1b[K");
        }
    }

    /// A bar that cannot be drawn stops no check.
    fn write(&mut self, text: &str) {
        let _ = self.terminal.write_all(text.as_bytes()).and_then(|()| self.terminal.flush());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_drawn_when_it_takes_long_and_is_removed_at_the_end() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut progress = Progress::new(Vec::new(), start);
        for (time, done) in [(0, 0), (499, 10), (500, 50), (599, 60), (600, 199)] {
            progress.show_at(at(time), done, 200);
        }
        progress.clear();
        let text = String::from_utf8(progress.terminal).expect("a text");
        let bars: Vec<&str> = text.split('\r').collect();
        let [half, most] = [("#".repeat(7) + &" ".repeat(23)), ("#".repeat(29) + " ")];
        let drawn =
            [format!("[{half}]  25 %, 50 of 200 files\x1b[K"), format!("[{most}]  99 %, 199 of 200 files\x1b[K")];
        assert_eq!(bars, ["", &drawn[0], &drawn[1], "\x1b[K"]);
    }

    #[test]
    fn a_quick_check_writes_nothing_to_the_terminal() {
        let mut progress = Progress::new(Vec::new(), Instant::now() + Duration::from_secs(3600));
        progress.show(1, 2);
        progress.clear();
        assert_eq!(progress.terminal, b"");
    }

    #[test]
    fn more_files_than_there_were_are_no_more_than_all() {
        for (done, all) in [(3, 2), (0, 0)] {
            let mut progress = Progress::new(Vec::new(), Instant::now());
            progress.show_at(Instant::now() + BEGIN, done, all);
            assert!(String::from_utf8(progress.terminal).expect("a text").contains("] 100 %"));
        }
    }
}
