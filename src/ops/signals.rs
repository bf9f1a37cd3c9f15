//! The signals that end the server.

use std::io;
use std::thread;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::non_blocking_writer::NonBlockingWriter;

/// Starts a thread that calls `finish` on the first SIGTERM or SIGINT; on the second it flushes the diagnostics and ends the
/// process, with the exit code that a shell gives to a process ended by that signal. Fails where there can be no thread.
pub fn watch(diagnostics: NonBlockingWriter, finish: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    thread::Builder::new().name("signals".into()).spawn(move || {
        let mut signals = signals.forever();
        if signals.next().is_some() {
            finish();
        }
        if let Some(signal) = signals.next() {
            log::warn!("a second signal: transfers under way are cut");
            diagnostics.flush();
            std::process::exit(128 + signal);
        }
    })?;
    Ok(())
}
