//! Diagnostics on standard error, a line each, without a time: the terminal needs none and the journal has its own.

use std::io::{self, Write};
use std::os::fd::AsFd;

use env_logger::Target;
use log::LevelFilter;

use super::outlet::Outlet;

/// What the `log` macros write to: an outlet, because no thread may wait for standard error.
struct ToOutlet(Outlet);

/// Sends what the `log` macros say, and panics, to standard error. `RUST_LOG` chooses another level than `info`. Flush the outlet before
/// the process ends. Fails where there can be no thread, and then nothing is said.
pub fn start() -> io::Result<Outlet> {
    let outlet = Outlet::start("diagnostics", io::stderr().as_fd().try_clone_to_owned()?)?;
    env_logger::Builder::new()
        .filter_level(LevelFilter::Info)
        .parse_default_env()
        .target(Target::Pipe(Box::new(ToOutlet(outlet.clone()))))
        .format(|out, record| match record.level() {
            log::Level::Info => writeln!(out, "reeld: {}", record.args()),
            level => writeln!(out, "reeld: {}: {}", level.as_str().to_ascii_lowercase(), record.args()),
        })
        .init();
    // Once, and without waiting for standard error, which the usual hook does.
    std::panic::set_hook(Box::new(|panic| log::error!("{panic}")));
    Ok(outlet)
}

impl Write for ToOutlet {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.add(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
