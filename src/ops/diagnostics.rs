//! Diagnostics on standard error, a line each, without a time: the terminal needs none and the journal has its own.

use std::io::Write;

use log::LevelFilter;

/// Sends what the `log` macros say to standard error. `RUST_LOG` chooses another level than `info`.
pub fn start() {
    env_logger::Builder::new()
        .filter_level(LevelFilter::Info)
        .parse_default_env()
        .format(|out, record| match record.level() {
            log::Level::Info => writeln!(out, "reeld: {}", record.args()),
            level => writeln!(out, "reeld: {}: {}", level.as_str().to_ascii_lowercase(), record.args()),
        })
        .init();
}
