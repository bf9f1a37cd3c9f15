//! What is wrong with the files of a folder: `reeld --check`.
//!
//! `finding` (what is wrong, and what mends it), `extension` (names that contradict the content),
//! `report` (the findings for people and for programs), `printable` (paths on a terminal and in a
//! shell), `progress` (a bar while it takes long).

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

mod extension;
mod finding;
mod printable;
mod progress;
mod report;

use finding::{Finding, Kind, of_file};
pub use progress::Progress;
pub use report::Report;

use crate::media::describe;
use crate::media::source::Source;
use crate::site::{LinkEnd, Site};

/// Scans the open folder of a site and describes each file in it. `content` is its path, for the
/// commands that mend a file. Blocks while a file does not answer.
pub fn run(site: &Site, content: &Path, mut progress: Option<Progress<impl io::Write>>) -> Report {
    let left_out = site.scan_now().into_iter();
    let mut findings: Vec<Finding> = left_out.map(|left_out| unreadable(left_out.path, &left_out.error)).collect();
    let index = site.index();
    let (files, bytes) = index.total(|_| true);
    for (done, path) in index.files().enumerate() {
        progress.iter_mut().for_each(|progress| progress.show(done, files));
        match check(site, content, &path) {
            Ok(found) => findings.extend(found),
            // It was deleted, or is hidden by now.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => findings.push(unreadable(path, &error)),
        }
    }
    for (end, kind, sentence) in [
        (LinkEnd::Out, Kind::LinkOut, "The link leads out of the folder, so it is not served."),
        (LinkEnd::Nowhere, Kind::BrokenLink, "The link leads nowhere."),
    ] {
        let links = index.links_with(&end).into_iter();
        findings.extend(links.map(|path| Finding { path, kind, sentence: sentence.into(), fix: None }));
    }
    progress.iter_mut().for_each(Progress::clear);
    findings.sort_by(|one, other| one.path.cmp(&other.path));
    Report { files, bytes, findings }
}

fn check(site: &Site, content: &Path, path: &[u8]) -> io::Result<Vec<Finding>> {
    let file = site.open_file(path)?;
    let size = file.metadata()?.len();
    let description = describe(&mut FileSource { file, size })?;
    Ok(of_file(content, path, &description))
}

fn unreadable(path: Vec<u8>, error: &io::Error) -> Finding {
    Finding { path, kind: Kind::Unreadable, sentence: format!("It cannot be read: {error}."), fix: None }
}

/// A file that may block. One that shrinks meanwhile ends early.
struct FileSource {
    file: File,
    size: u64,
}

impl Source for FileSource {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&mut self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        loop {
            match self.file.read_at(buffer, position) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Beyond the largest position of a file, which only a false number in it can name.
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Ok(0),
                result => return result,
            }
        }
    }
}
