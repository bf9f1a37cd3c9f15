//! Diagnostics on standard error, a line each, without a time: the terminal needs none and the
//! journal has its own.

use std::io::{self, Write};
use std::os::fd::AsFd;

use env_logger::Target;
use log::{Level, LevelFilter};
use rustix::fs::fstat;

use super::non_blocking_writer::{NonBlockingWriter, plain_notice};
use super::output::Descriptor;

/// The logger behind the `log` macros.
struct ToWriter(NonBlockingWriter);

/// Sends `log` records and panics to standard error. `RUST_LOG` chooses a level other than `info`.
/// Flush the writer before the process ends. Fails without logging anything if the thread cannot be
/// started.
pub fn start() -> io::Result<NonBlockingWriter> {
    let writer = NonBlockingWriter::start("diagnostics", Descriptor(io::stderr(), "standard error"), plain_notice)?;
    let mut logger = env_logger::Builder::new();
    logger.filter_level(LevelFilter::Info);
    if let Ok(filters) = std::env::var("RUST_LOG") {
        // env_logger reports errors in it to standard error as they are.
        logger.parse_filters(&one_line(&filters));
    }
    let is_journal = std::env::var("JOURNAL_STREAM").is_ok_and(|stream| is_stream(&stream, io::stderr()));
    logger
        .target(Target::Pipe(Box::new(ToWriter(writer.clone()))))
        .format(move |out, record| {
            let message = one_line(&record.args().to_string());
            match record.level() {
                level if is_journal => writeln!(out, "<{}>{message}", priority(level)),
                Level::Info => writeln!(out, "reeld: {message}"),
                level => writeln!(out, "reeld: {}: {message}", level.as_str().to_ascii_lowercase()),
            }
        })
        .init();
    // Once, and without waiting for standard error as the default hook does.
    std::panic::set_hook(Box::new(|panic| log::error!("{panic}")));
    Ok(writer)
}

/// Whether a descriptor is the stream that JOURNAL_STREAM names by device and inode
/// (systemd.exec(5)).
fn is_stream(stream: &str, descriptor: impl AsFd) -> bool {
    fstat(descriptor).is_ok_and(|found| stream == format!("{}:{}", found.st_dev, found.st_ino))
}

/// The priority of a line as the journal reads it from its prefix (sd-daemon(3)).
fn priority(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

/// The text as one line that is safe on a terminal: file names, arguments and environment may
/// contain line breaks and escape codes. Readable characters are left alone.
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() || is_separator_or_direction(character) {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

/// Line and paragraph separators, and characters that change the displayed order of text (Unicode
/// UAX #9, section 2).
fn is_separator_or_direction(character: char) -> bool {
    matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_codes_and_line_breaks_are_escaped_and_text_is_not() {
        for (text, line) in [
            ("plain 'quoted' \\ text", "plain 'quoted' \\ text"),
            ("Ünïcödé, e\u{301}, 日本語, 👩\u{200d}🚀", "Ünïcödé, e\u{301}, 日本語, 👩\u{200d}🚀"),
            ("a\nreeld: error: b\r\t", "a\\nreeld: error: b\\r\\t"),
            ("\x1b]0;title\x07\x7f", "\\u{1b}]0;title\\u{7}\\u{7f}"),
            ("\u{9b}31m\u{85}", "\\u{9b}31m\\u{85}"),
            ("a\u{2028}b\u{202e}c\u{2066}d", "a\\u{2028}b\\u{202e}c\\u{2066}d"),
        ] {
            assert_eq!(one_line(text), line);
        }
    }
}
