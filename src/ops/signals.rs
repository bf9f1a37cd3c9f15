//! Signals: SIGTERM and SIGINT end the server, SIGHUP has it look again at its files.

use std::io;
use std::sync::Arc;
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::non_blocking_writer::NonBlockingWriter;

/// Keeps SIGHUP from ending the process, its default (signal(7)), before there is a thread for it.
/// It installs an empty handler, as ignoring a signal needs unsafe code.
pub fn ignore_hangup() -> io::Result<()> {
    signal_hook::flag::register(SIGHUP, Arc::default()).map(drop)
}

/// Starts a thread that calls `reload` on every SIGHUP and `finish` on the first SIGTERM or SIGINT;
/// on the second it flushes the diagnostics and ends the process with the exit code that a shell
/// reports for that signal. Fails if the thread cannot be started.
pub fn watch(
    diagnostics: NonBlockingWriter,
    reload: impl Fn() + Send + 'static,
    finish: impl FnOnce() + Send + 'static,
) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    thread::Builder::new().name("signals".into()).spawn(move || {
        let mut finish = Some(finish);
        for signal in signals.forever() {
            match (signal, finish.take_if(|_| signal != SIGHUP)) {
                (SIGHUP, _) => reload(),
                (_, Some(finish)) => finish(),
                (signal, None) => {
                    log::warn!("a second signal: transfers under way are cut");
                    diagnostics.flush();
                    std::process::exit(128 + signal);
                }
            }
        }
    })?;
    Ok(())
}
