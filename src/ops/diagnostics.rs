//! Diagnostics on standard error, a line each, without a time: the terminal needs none and the journal has its own.

use std::io::{self, Write};

use env_logger::Target;
use log::LevelFilter;

use super::non_blocking_writer::NonBlockingWriter;

/// What the `log` macros write to.
struct ToWriter(NonBlockingWriter);

/// Sends what the `log` macros say, and panics, to standard error. `RUST_LOG` chooses another level than `info`. Flush the writer before
/// the process ends. Fails where there can be no thread, and then nothing is said.
pub fn start() -> io::Result<NonBlockingWriter> {
    let writer = NonBlockingWriter::start("diagnostics", io::stderr())?;
    env_logger::Builder::new()
        .filter_level(LevelFilter::Info)
        .parse_default_env()
        .target(Target::Pipe(Box::new(ToWriter(writer.clone()))))
        .format(|out, record| match record.level() {
            log::Level::Info => writeln!(out, "reeld: {}", record.args()),
            level => writeln!(out, "reeld: {}: {}", level.as_str().to_ascii_lowercase(), record.args()),
        })
        .init();
    // Once, and without waiting for standard error, which the usual hook does.
    std::panic::set_hook(Box::new(|panic| log::error!("{panic}")));
    Ok(writer)
}

impl Write for ToWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.add(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
