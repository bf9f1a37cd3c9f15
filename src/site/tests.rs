//! The site as a whole, on real folders.

use std::collections::HashMap;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use super::*;
use crate::http::target::{self, Target};

mod links;
mod listing;
mod mounted;
mod watched;

/// What a target leads to: the text of the file, `folder`, or the status of the error.
fn find(site: &Site, target: &str) -> String {
    let Ok(Target { path, .. }) = target::parse(target.as_bytes()) else { panic!("{target} is a path") };
    match find_with_permits(site, &path) {
        Ok(Found::File(resource)) => match resource.content {
            Content::File(file, _) | Content::View(file, ..) => io::read_to_string(file).expect("a text"),
            Content::Memory(memory) => String::from_utf8(memory.to_vec()).expect("a text"),
        },
        Ok(Found::Folder) => "folder".to_string(),
        Err(NotServed::WouldBlock(needed)) => panic!("it had a permit of {needed:?}"),
        Err(NotServed::Denied(denial)) => denial.refusal().status.code().to_string(),
    }
}

/// Finds a path with whatever permits it needs.
fn find_with_permits(site: &Site, path: &Path) -> Result<Found, NotServed> {
    let mut lookup = Lookup::CachedOnly;
    loop {
        match site.find(path, Instant::now(), lookup) {
            Err(NotServed::WouldBlock(WouldBlock(needed))) if lookup != Lookup::MayBlock(needed) => {
                lookup = Lookup::MayBlock(needed);
            }
            found => return found,
        }
    }
}

fn site(content: &std::path::Path) -> Site {
    for folder in ["films/empty", "confidential", "films/confidential", ".git"] {
        fs::create_dir_all(content.join(folder)).expect("a folder");
    }
    for file in ["index.html", "films/a.mp4", "films/index.html", "confidential/x", "films/confidential/y", ".git/z"] {
        fs::write(content.join(file), file).expect("a file");
    }
    symlink("../confidential/x", content.join("films/leak.txt")).expect("a link");
    symlink("../confidential/none", content.join("films/leak-none.txt")).expect("a link");
    symlink("../self/confidential/none/none", content.join("films/leak-deep.txt")).expect("a link");
    symlink(".git/none", content.join("git-none")).expect("a link");
    symlink("../none", content.join("outside")).expect("a link");
    symlink("confidential", content.join("alias")).expect("a link");
    symlink(".", content.join("self")).expect("a link");
    symlink(".git", content.join("git")).expect("a link");
    rustix::fs::mkfifoat(rustix::fs::CWD, content.join("pipe"), 0o644.into()).expect("a FIFO");
    Site::scan(content, AccessRules::new([]).expect("no further folders")).expect("the folder can be scanned")
}

#[test]
fn targets_lead_to_files_and_refusals() {
    let content = tempfile::tempdir().expect("a temporary folder");
    let site = site(content.path());
    for (target, found) in [
        ("/", "index.html"),
        ("/index.html", "index.html"),
        ("/films/a.mp4", "films/a.mp4"),
        ("/films/", "films/index.html"),
        ("/films", "folder"),
        ("/films/empty/", "404"),
        ("/films/a.mp4/", "404"),
        ("/films/b.mp4", "404"),
        ("/confidential/x", "403"),
        ("/confidential/none", "403"),
        ("/confidential", "403"),
        ("/confidential/", "403"),
        ("/films/leak.txt", "403"),
        ("/films/leak-none.txt", "403"),
        ("/films/leak-deep.txt", "403"),
        ("/git-none", "404"),
        ("/outside", "404"),
        ("/alias/x", "403"),
        ("/alias/none", "403"),
        ("/alias/none/none", "403"),
        ("/self/confidential/none", "403"),
        ("/self/films/a.mp4", "films/a.mp4"),
        ("/self/films/none", "404"),
        ("/self", "folder"),
        ("/git/z", "404"),
        ("/films/confidential/y", "films/confidential/y"),
        ("/.git/z", "404"),
        ("/pipe", "404"),
        (&format!("/{}", "n".repeat(300)), "404"),
    ] {
        assert_eq!(find(&site, target), found, "{target}");
    }
}

#[test]
fn the_index_has_what_is_served_and_nothing_hidden() {
    let content = tempfile::tempdir().expect("a temporary folder");
    let site = site(content.path());
    let (count, total) = site.index().total(|_| true);
    assert_eq!(count, 4);
    assert_eq!(
        total.0,
        ["index.html", "films/a.mp4", "films/index.html", "films/confidential/y"].map(str::len).iter().sum::<usize>()
            as u64
    );
    let films = site.index().folder(b"films").expect("it is indexed");
    let film = films.get(b"a.mp4").expect("it is indexed");
    assert_eq!((film.size.0, &*film.content_type()), (11, "video/mp4"));
    assert!(film.modified.elapsed().is_ok_and(|age| age < Duration::from_secs(3600)));
}

#[test]
fn a_file_that_came_later_is_served_and_one_that_changed_is_new() {
    let content = tempfile::tempdir().expect("a temporary folder");
    let site = site(content.path());
    fs::write(content.path().join("late.txt"), "late").expect("a file");
    fs::write(content.path().join("films/a.mp4"), "longer than before").expect("a file");
    fs::remove_file(content.path().join("films/index.html")).expect("it was there");
    assert_eq!(find(&site, "/late.txt"), "late");
    assert_eq!(find(&site, "/films/a.mp4"), "longer than before");
    assert_eq!(find(&site, "/films/"), "404");
}

#[test]
fn a_file_of_any_time_can_be_described() {
    let content = tempfile::tempdir().expect("a temporary folder");
    let site = site(content.path());
    let year = Duration::from_secs(366 * 86_400);
    for time in [SystemTime::UNIX_EPOCH - year, SystemTime::UNIX_EPOCH + year * 9_000] {
        let file = File::options().write(true).open(content.path().join("films/a.mp4")).expect("it is there");
        if file.set_modified(time).is_err() {
            continue; // This filesystem cannot hold the time.
        }
        let Ok(Target { path, .. }) = target::parse(b"/films/a.mp4") else { panic!("it is a path") };
        let Ok(Found::File(resource)) = find_with_permits(&site, &path) else { panic!("it is there") };
        let tag = resource.representation.validators.entity_tag();
        assert!(tag.starts_with("\"b-") && tag.ends_with('"'), "{tag}");
    }
}

#[test]
fn a_file_that_becomes_a_link_while_it_is_served_leaks_nothing() {
    /// The least number of swaps, and of each outcome.
    const SWAPS: usize = 2_000;
    const FINDINGS: usize = 100;
    /// How long the test tries before it fails.
    const PATIENCE: Duration = Duration::from_secs(60);
    let begun = Instant::now();
    let content = tempfile::tempdir().expect("a temporary folder");
    let site = site(content.path());
    let at = |name: &str| content.path().join(name);
    let has_seen_both = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let swapping = scope.spawn(|| {
            for swap in 0.. {
                symlink("confidential/x", at("new-link")).expect("a link");
                fs::rename(at("new-link"), at("swapped")).expect("it is replaced");
                // On one processor the other thread sees only the states in which this one yields.
                std::thread::yield_now();
                fs::write(at("new-file"), "harmless").expect("a file");
                fs::rename(at("new-file"), at("swapped")).expect("it is replaced");
                std::thread::yield_now();
                let has_seen_both = has_seen_both.load(Ordering::Relaxed);
                if swap >= SWAPS && has_seen_both || begun.elapsed() > PATIENCE {
                    break;
                }
            }
        });
        let mut found = HashMap::new();
        while !swapping.is_finished() {
            *found.entry(find(&site, "/swapped")).or_insert(0) += 1;
            let is_often = |what| found.get(what).is_some_and(|count| *count >= FINDINGS);
            has_seen_both.store(is_often("403") && is_often("harmless"), Ordering::Relaxed);
            std::thread::yield_now();
        }
        found.remove("404");
        assert!(has_seen_both.load(Ordering::Relaxed), "found: {found:?}");
        let both = found.remove("403").is_some() && found.remove("harmless").is_some();
        assert!(both && found.is_empty(), "found besides: {found:?}");
    });
}
