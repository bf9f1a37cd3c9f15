//! Listings of folders with mounts inside that hang, or do not tell of changes.

use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

use reeld::site::{AccessRules, Listing, Site};

use super::mounts::{SlowFs, can_mount};
use super::support::*;

/// What [`content`] has; only at the top is `confidential/` hidden.
const SHOWN: &str = "confidential empty.txt film.mp4 films index.html small.txt";

/// The names in a folder, or what is said instead.
fn list(site: &Site, relative: &str) -> String {
    match site.list(relative.as_bytes()) {
        Ok(Listing::Read(folder)) => {
            let names = folder.entries().iter().map(|entry| String::from_utf8_lossy(&entry.name));
            names.collect::<Vec<_>>().join(" ")
        }
        Ok(Listing::StillReading) => "still reading".to_string(),
        Err(refusal) => refusal.status.code().to_string(),
    }
}

#[test]
fn a_hung_mount_holds_up_no_other_listing() {
    if !can_mount() {
        return;
    }
    for operation in ["opendir", "readdir", "getattr", "lookup"] {
        let (content, folder) = (content(), content());
        fs::create_dir(content.path().join("slow")).expect("a folder");
        // A link into it must not make others wait either.
        std::os::unix::fs::symlink("slow/films", content.path().join("link")).expect("a link");
        let slow = SlowFs::mount(folder.path(), &content.path().join("slow"), &format!("{operation} * hang"));
        let site = Arc::new(Site::new(content.path().into(), AccessRules::new([]).expect("no further folders")));
        let (wait, stop) = io::pipe().expect("descriptors");
        let watched = Arc::clone(&site);
        let thread = std::thread::spawn(move || watched.watch(wait.as_fd()));
        wait_until("the rest is listed", || list(&site, "films").is_empty());
        slow.wait_for_hung(operation);
        fs::write(content.path().join("films/new"), "").expect("a file");
        wait_until("a new file is listed", || list(&site, "films") == "new");
        assert_eq!(list(&site, "slow"), "still reading", "{operation}");
        slow.set("");
        wait_until("what was hung is listed", || list(&site, "slow") == SHOWN);
        wait_until("the link is listed", || list(&site, "link").is_empty() && list(&site, "").contains("link"));
        drop(stop);
        thread.join().expect("it ends without a panic");
    }
}

#[test]
fn a_file_system_that_does_not_tell_of_changes_is_reported() {
    if !can_mount() {
        return;
    }
    let (content, folder) = (content(), content());
    fs::create_dir(content.path().join("slow")).expect("a folder");
    let mount_point = content.path().join("slow");
    let _slow = SlowFs::mount(folder.path(), &mount_point, "");
    let program = Program::spawn(&mut reeld(content.path(), &ON_A_FREE_PORT)).expect("the program starts");
    let sentence = format!(
        "changes in the folder '{}' show after up to 60 s: a network or FUSE file system does not tell of changes made \
         elsewhere",
        mount_point.display()
    );
    assert!(program.diagnostic_within(&sentence, PATIENCE).is_some(), "{sentence}");
}
