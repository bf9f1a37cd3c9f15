//! A file that changes while a crowd requests it: no client gets a version older than its request.

use std::fs::{self, File};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crate::client::Client;
use crate::report::Report;
use crate::server::Server;

/// Long enough for the server to cache the file, which must be unchanged for two seconds.
const BETWEEN_CHANGES: Duration = Duration::from_millis(3500);

const NAME: &str = "number.txt";

/// Published to end the clients.
const LAST: u64 = u64::MAX;

pub fn freshness(program: &Path, report: &mut Report) -> io::Result<()> {
    let server = Server::start(program, &["--workers", "8"], None)?;
    let file = server.folder.path().join(NAME);
    fs::write(&file, text(1))?;
    let published = AtomicU64::new(1);
    let changes = report.clients(8).max(2) as u64;
    let ask = || ask(server.address, &published);
    let (answers, stale): (Vec<u64>, Vec<u64>) = thread::scope(|scope| {
        let askers: Vec<_> = (0..report.clients(256)).map(|_| scope.spawn(ask)).collect();
        let changed = (2..2 + changes).try_for_each(|number| {
            thread::sleep(BETWEEN_CHANGES);
            change(&file, number)?;
            published.store(number, Ordering::SeqCst);
            io::Result::Ok(())
        });
        thread::sleep(BETWEEN_CHANGES);
        published.store(LAST, Ordering::SeqCst);
        changed?;
        askers.into_iter().map(|asker| asker.join().expect("a client does not panic")).collect::<io::Result<_>>()
    })?;
    let (answers, stale): (u64, u64) = (answers.iter().sum(), stale.iter().sum());
    report.must(
        &format!("stale answers while it changes {changes} times"),
        format!("{stale} of {answers}"),
        0,
        stale == 0,
    );
    Ok(())
}

/// Always of the same length.
fn text(number: u64) -> String {
    format!("{number:8}")
}

/// Alternately replaces the file and rewrites it in place.
fn change(file: &Path, number: u64) -> io::Result<()> {
    if number.is_multiple_of(2) {
        let new = file.with_extension("new");
        fs::write(&new, text(number))?;
        fs::rename(new, file)
    } else {
        File::options().write(true).open(file)?.write_all(text(number).as_bytes())
    }
}

/// Requests the file until the end, and counts the responses and the stale ones.
fn ask(address: SocketAddr, published: &AtomicU64) -> io::Result<(u64, u64)> {
    let mut client = Client::connect(address)?;
    let mut body = Vec::new();
    let (mut answers, mut stale) = (0, 0);
    loop {
        let before = published.load(Ordering::SeqCst);
        if before == LAST {
            return Ok((answers, stale));
        }
        let status = client.fetch(&format!("/{NAME}"), &mut body)?;
        let number = std::str::from_utf8(&body).ok().and_then(|text| text.trim().parse::<u64>().ok());
        answers += 1;
        stale += u64::from(status != 200 || number.is_none_or(|number| number < before));
    }
}
