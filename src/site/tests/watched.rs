//! A folder that changes while it is watched.

use std::io::{PipeWriter, Write};
use std::os::fd::AsFd;
use std::path::Path as FsPath;
use std::thread;

use super::listing::list;
use super::*;
use crate::site::watches::Watches;

/// After this a test fails; what is waited for takes a hundredth of it.
const PATIENCE: Duration = Duration::from_secs(20);

/// Watches a site until it is dropped.
pub struct Watched {
    pub site: Arc<Site>,
    stop: Option<PipeWriter>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Watched {
    pub fn new(content: &FsPath) -> Self {
        let site = Arc::new(Site::new(content.to_path_buf(), AccessRules::new([]).expect("no further folders")));
        Watched::on(site)
    }

    fn on(site: Arc<Site>) -> Self {
        let (wait, stop) = io::pipe().expect("descriptors");
        let watched = Arc::clone(&site);
        let thread = Some(thread::spawn(move || watched.watch(wait.as_fd())));
        Watched { site, stop: Some(stop), thread }
    }

    /// Opens the folder, and watches it with what goes wrong.
    fn with_fault(content: &FsPath, fault: impl Fn(&Watches)) -> Self {
        let site = Site::new(content.to_path_buf(), AccessRules::new([]).expect("no further folders"));
        site.open().expect("it opens");
        fault(site.0.cache.tree().expect("it is open").watches.get_or_init(Watches::new));
        Watched::on(Arc::new(site))
    }

    /// Waits until a path leads there.
    pub fn wait_for(&self, target: &str, expected: &str) {
        wait_until(expected, || find(&self.site, target));
    }

    /// Waits until a folder lists this.
    fn wait_for_list(&self, folder: &str, expected: &str) {
        wait_until(expected, || list(&self.site, folder));
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.stop.take();
        self.thread.take().expect("it runs").join().expect("it ends without a panic");
    }
}

fn wait_until(expected: &str, now: impl Fn() -> String) {
    let deadline = Instant::now() + PATIENCE;
    while now() != expected {
        assert!(Instant::now() < deadline, "it is {}, not {expected}", now());
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn what_is_created_renamed_and_deleted_shows() {
    let content = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| content.path().join(name);
    fs::create_dir(at("films")).expect("a folder");
    let watched = Watched::new(content.path());
    watched.wait_for_list("", "films/");
    fs::write(at("films/a"), "a").expect("a file");
    watched.wait_for_list("films", "a");
    fs::rename(at("films/a"), at("films/b")).expect("it is renamed");
    watched.wait_for_list("films", "b");
    fs::hard_link(at("films/b"), at("films/c")).expect("a link");
    watched.wait_for_list("films", "b c");
    fs::remove_file(at("films/b")).expect("it is there");
    watched.wait_for_list("films", "c");
    fs::rename(at("films"), at("moved")).expect("it is renamed");
    watched.wait_for_list("", "moved/");
    watched.wait_for_list("moved", "c");
    assert_eq!(list(&watched.site, "films"), "404");
    fs::write(at("moved/d"), "d").expect("a file");
    watched.wait_for_list("moved", "c d");
    fs::remove_dir_all(at("moved")).expect("it is there");
    watched.wait_for_list("", "");
    assert_eq!(list(&watched.site, "moved"), "404");
}

#[test]
fn size_and_time_of_a_file_and_its_folder_are_those_of_the_last_write() {
    let content = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| content.path().join(name);
    fs::create_dir(at("films")).expect("a folder");
    fs::write(at("films/a"), "a").expect("a file");
    let watched = Watched::new(content.path());
    watched.wait_for_list("films", "a");
    let told = |folder: &str, name: &str| match watched.site.list(folder.as_bytes()) {
        Ok(Listing::Read(folder)) => folder.get(name.as_bytes()).map(|entry| (entry.size.0, entry.modified)),
        _ => None,
    };
    fs::write(at("films/a"), "longer").expect("a file");
    fs::write(at("films/b"), "").expect("a file");
    let modified = |name: &str| fs::metadata(at(name)).and_then(|metadata| metadata.modified()).expect("a time");
    let (file, folder) = (Some((6, modified("films/a"))), Some((0, modified("films"))));
    wait_until(&format!("{:?}", (file, folder)), || format!("{:?}", (told("films", "a"), told("", "films"))));
    let times = fs::FileTimes::new().set_accessed(SystemTime::UNIX_EPOCH).set_modified(SystemTime::UNIX_EPOCH);
    let file = File::open(at("films/a")).expect("it is there");
    file.set_times(times).expect("they are set");
    wait_until("true", || (told("films", "a") == Some((6, SystemTime::UNIX_EPOCH))).to_string());
}

#[test]
fn a_folder_that_comes_is_scanned_and_watched() {
    let content = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| content.path().join(name);
    let watched = Watched::new(content.path());
    watched.wait_for_list("", "");
    fs::create_dir_all(at("a/b/c")).expect("a folder");
    fs::write(at("a/b/c/d"), "").expect("a file");
    watched.wait_for_list("a/b/c", "d");
    fs::write(at("a/b/e"), "").expect("a file");
    watched.wait_for_list("a/b", "c/ e");
}

#[test]
fn ten_thousand_changes_at_once_show() {
    const FILES: usize = 10_000;
    let content = tempfile::tempdir().expect("a temporary folder");
    let at = |number: usize| content.path().join("films").join(format!("{number:05}"));
    fs::create_dir(content.path().join("films")).expect("a folder");
    let watched = Watched::new(content.path());
    watched.wait_for_list("films", "");
    let count = || match watched.site.list(b"films") {
        Ok(Listing::Read(folder)) => folder.entries().iter().filter(|entry| entry.size.0 == 1).count().to_string(),
        other => panic!("{other:?}"),
    };
    for number in 0..FILES {
        fs::write(at(number), "a").expect("a file");
    }
    let begun = Instant::now();
    wait_until(&FILES.to_string(), count);
    println!("{FILES} new files show after {:?}", begun.elapsed());
    for number in (0..FILES).step_by(2) {
        fs::remove_file(at(number)).expect("it is there");
    }
    let begun = Instant::now();
    wait_until(&(FILES / 2).to_string(), count);
    println!("half of them are gone after {:?}", begun.elapsed());
}

#[test]
fn a_file_that_is_copied_shows_when_it_is_closed() {
    let content = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| content.path().join(name);
    let watched = Watched::new(content.path());
    watched.wait_for_list("", "");
    let mut copy = File::create(at("copy")).expect("a file");
    copy.write_all(b"half").expect("it is written");
    // What comes later shows, so the event of the copy has been seen.
    fs::write(at("later"), "").expect("a file");
    watched.wait_for_list("", "later");
    // As cp -p does before it closes.
    let times = fs::FileTimes::new().set_accessed(SystemTime::UNIX_EPOCH).set_modified(SystemTime::UNIX_EPOCH);
    copy.set_times(times).expect("they are set");
    fs::remove_file(at("later")).expect("it is there");
    watched.wait_for_list("", "");
    fs::write(at("later"), "").expect("a file");
    watched.wait_for_list("", "later");
    // Also where it is written in a folder that comes.
    fs::create_dir(at("folder")).expect("a folder");
    let inner = File::create(at("folder/copy")).expect("a file");
    wait_until("", || {
        (&inner).write_all(b"more").expect("it is written");
        list(&watched.site, "folder")
    });
    drop((copy, inner));
    watched.wait_for_list("", "copy folder/ later");
    watched.wait_for_list("folder", "copy");
}

#[test]
fn a_file_that_was_closed_before_its_folder_was_watched_shows() {
    let content = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| content.path().join(name);
    let watched = Watched::new(content.path());
    watched.wait_for_list("", "");
    let aside = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(aside.path().join("films")).expect("a folder");
    fs::write(aside.path().join("films/a"), "").expect("a file");
    fs::rename(aside.path().join("films"), at("films")).expect("both are on one file system");
    watched.wait_for_list("films", "a");
}

#[test]
fn lost_events_lead_to_a_scan() {
    let content = tempfile::tempdir().expect("a temporary folder");
    let watched = Watched::with_fault(content.path(), |watches| {
        watches.faults.overflow.store(true, Ordering::Relaxed);
    });
    watched.wait_for_list("", "");
    fs::create_dir(content.path().join("films")).expect("a folder");
    fs::write(content.path().join("films/a"), "").expect("a file");
    watched.wait_for_list("films", "a");
}

#[test]
fn a_folder_that_cannot_be_watched_is_scanned_again() {
    let content = tempfile::tempdir().expect("a temporary folder");
    let watched = Watched::with_fault(content.path(), |watches| {
        watches.faults.no_watches.store(true, Ordering::Relaxed);
    });
    watched.wait_for_list("", "");
    fs::write(content.path().join("a"), "").expect("a file");
    watched.wait_for_list("", "a");
    fs::remove_file(content.path().join("a")).expect("it is there");
    watched.wait_for_list("", "");
}

#[test]
fn a_link_follows_what_it_leads_to() {
    let content = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| content.path().join(name);
    let watched = Watched::new(content.path());
    watched.wait_for_list("", "");
    for (target, link) in [("films/a", "link"), ("films", "folder"), ("link", "chain")] {
        symlink(target, at(link)).expect("a link");
    }
    fs::create_dir(at("films")).expect("a folder");
    watched.wait_for_list("", "films/ folder/");
    fs::write(at("films/a"), "a").expect("a file");
    watched.wait_for_list("", "chain films/ folder/ link");
    fs::write(at("films/a"), "longer").expect("a file");
    let size = || match watched.site.list(b"") {
        Ok(Listing::Read(folder)) => folder.get(b"chain").map(|entry| entry.size.0).unwrap_or_default().to_string(),
        other => panic!("{other:?}"),
    };
    wait_until("6", size);
    watched.wait_for_list("folder", "a");
    fs::rename(at("films"), at("moved")).expect("it is renamed");
    watched.wait_for_list("", "moved/");
    assert_eq!(list(&watched.site, "folder"), "404");
}

#[test]
fn a_content_folder_that_vanishes_and_comes_back_is_listed() {
    let outside = tempfile::tempdir().expect("a temporary folder");
    let content = outside.path().join("above/content");
    let make = |name: &str| {
        fs::create_dir_all(&content).expect("a folder");
        fs::write(content.join(name), name).expect("a file");
    };
    make("one");
    let watched = Watched::new(&content);
    watched.wait_for_list("", "one");
    for name in ["two", "three"] {
        fs::remove_dir_all(outside.path().join("above")).expect("it is there");
        watched.wait_for_list("", "");
        make(name);
        watched.wait_for_list("", name);
        watched.wait_for(&format!("/{name}"), name);
    }
    // Another folder in its place, as a deployment does it.
    fs::create_dir(outside.path().join("next")).expect("a folder");
    fs::write(outside.path().join("next/four"), "four").expect("a file");
    fs::rename(&content, outside.path().join("previous")).expect("it is renamed");
    fs::rename(outside.path().join("next"), &content).expect("it is renamed");
    watched.wait_for_list("", "four");
}

#[test]
fn a_rescan_finds_what_no_watch_has_told_of() {
    let content = tempfile::tempdir().expect("a temporary folder");
    let path = content.path().join("a.mp4");
    fs::write(&path, "").expect("a file");
    // Nothing watches it.
    let site = Site::scan(content.path(), AccessRules::new([]).expect("no further folders")).expect("it opens");
    fs::remove_file(&path).expect("it is there");
    assert_eq!(list(&site, ""), "a.mp4");
    site.rescan();
    wait_until("", || list(&site, ""));
}
