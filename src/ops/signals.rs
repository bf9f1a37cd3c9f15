//! Signals: SIGTERM and SIGINT end the server, SIGHUP does nothing.

use std::io;
use std::sync::Arc;
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::non_blocking_writer::NonBlockingWriter;

/// Keeps SIGHUP from ending the process, its default (signal(7)): some log rotations and init
/// scripts send it to every daemon. It installs an empty handler, as ignoring a signal needs unsafe
/// code.
pub fn ignore_hangup() -> io::Result<()> {
    signal_hook::flag::register(SIGHUP, Arc::default()).map(drop)
}

/// Starts a thread that calls `finish` on the first SIGTERM or SIGINT; on the second it flushes the
/// diagnostics and ends the process with the exit code that a shell reports for that signal. Fails
/// if the thread cannot be started.
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
