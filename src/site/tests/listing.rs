//! What a folder lists.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;

use super::*;

/// What a site lists of a folder: names separated by spaces, with a slash behind those of folders;
/// or the status of the refusal.
pub fn list(site: &Site, relative: &str) -> String {
    match site.list(relative.as_bytes()) {
        Ok(Listing::Read(folder)) => folder.entries().iter().map(name).collect::<Vec<_>>().join(" "),
        Ok(Listing::StillReading) => "still reading".to_string(),
        Err(refusal) => refusal.status.code().to_string(),
    }
}

fn name(entry: &FolderEntry) -> String {
    let slash = if entry.kind == EntryKind::Folder { "/" } else { "" };
    format!("{}{slash}", String::from_utf8_lossy(&entry.name))
}

#[test]
fn a_folder_lists_what_is_served_and_nothing_hidden() {
    let content = tempfile::tempdir().expect("a temporary folder");
    let site = site(content.path());
    for (folder, listed) in [
        ("", "films/ index.html self/"),
        ("films", "a.mp4 confidential/ empty/ index.html"),
        ("films/empty", ""),
        ("films/a.mp4", "404"),
        ("films/none", "404"),
        ("none/films", "404"),
        ("confidential", "403"),
        ("confidential/none", "403"),
        (".git", "404"),
        ("git", "404"),
        ("alias", "404"),
        ("self", "films/ index.html self/"),
        ("self/self/films", "a.mp4 confidential/ empty/ index.html"),
        ("self/confidential", "403"),
        ("self/.git", "404"),
    ] {
        assert_eq!(list(&site, folder), listed, "{folder}");
    }
}

#[test]
fn a_folder_that_was_not_scanned_yet_is_still_reading() {
    let content = tempfile::tempdir().expect("a temporary folder");
    let site = Site::new(content.path().to_path_buf(), AccessRules::new([]).expect("no further folders"));
    assert_eq!([list(&site, ""), list(&site, "confidential")], ["503", "403"]);
    site.open().expect("it opens");
    assert_eq!([list(&site, ""), list(&site, "a/b"), list(&site, ".a")], ["still reading", "still reading", "404"]);
    fs::create_dir_all(content.path().join("a/b")).expect("a folder");
    site.0.scan_now();
    assert_eq!([list(&site, ""), list(&site, "a/b"), list(&site, "a/c")], ["a/", "", "404"]);
}

#[test]
fn names_of_any_bytes_are_listed_in_the_order_of_their_bytes() {
    let content = tempfile::tempdir().expect("a temporary folder");
    let mut names = [&b"a\nb"[..], b"\xff\xfe", b"%41", b"#?\"'<&", b"\x01", b"a b", b"B", b"b", "é".as_bytes()]
        .map(<[u8]>::to_vec)
        .to_vec();
    names.push(vec![b'n'; 255]);
    for name in &names {
        fs::write(content.path().join(OsStr::from_bytes(name)), "").expect("a file");
    }
    names.sort();
    let site = Site::scan(content.path(), AccessRules::new([]).expect("no further folders")).expect("it opens");
    let Ok(Listing::Read(folder)) = site.list(b"") else { panic!("it was scanned") };
    assert_eq!(folder.entries().iter().map(|entry| entry.name.to_vec()).collect::<Vec<_>>(), names);
    for name in &names {
        assert_eq!(folder.get(name).map(|entry| &*entry.name), Some(&**name));
    }
    assert_eq!(folder.get(b"none"), None);
}

#[test]
fn a_large_folder_and_a_deep_one_are_listed() {
    const ENTRIES: usize = 50_000;
    const DEPTH: usize = 1_000;
    let content = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(content.path().join("large")).expect("a folder");
    for number in 0..ENTRIES {
        File::create(content.path().join("large").join(number.to_string())).expect("a file");
    }
    let deep = ["d"; DEPTH].join("/");
    fs::create_dir_all(content.path().join(&deep)).expect("a folder");
    fs::write(content.path().join(&deep).join("a"), "").expect("a file");
    let site = Site::scan(content.path(), AccessRules::new([]).expect("no further folders")).expect("it opens");
    let Ok(Listing::Read(large)) = site.list(b"large") else { panic!("it was scanned") };
    assert_eq!(large.entries().len(), ENTRIES);
    assert_eq!(list(&site, &deep), "a");
    assert_eq!(site.index().total(|_| true).0, ENTRIES + 1);
}

#[test]
fn what_may_not_be_read_is_not_listed() {
    if rustix::process::geteuid().is_root() {
        eprintln!("skipped: root may read everything");
        return;
    }
    let content = tempfile::tempdir().expect("a temporary folder");
    for folder in ["closed", "open", "unsearchable"] {
        fs::create_dir(content.path().join(folder)).expect("a folder");
        fs::write(content.path().join(folder).join("a"), "").expect("a file");
    }
    fs::write(content.path().join("unreadable"), "").expect("a file");
    for (name, mode) in [("closed", 0), ("unsearchable", 0o444), ("unreadable", 0o200)] {
        fs::set_permissions(content.path().join(name), fs::Permissions::from_mode(mode)).expect("they are set");
    }
    let site = Site::scan(content.path(), AccessRules::new([]).expect("no further folders")).expect("it opens");
    assert_eq!([list(&site, ""), list(&site, "closed"), list(&site, "open")], ["open/", "404", "a"]);
    for name in ["closed", "unsearchable"] {
        fs::set_permissions(content.path().join(name), fs::Permissions::from_mode(0o755)).expect("they are set");
    }
}

#[test]
fn a_version_changes_with_the_entries_and_with_nothing_else() {
    let content = tempfile::tempdir().expect("a temporary folder");
    let site = site(content.path());
    let version = || match site.list(b"films") {
        Ok(Listing::Read(folder)) => folder.version(),
        other => panic!("{other:?}"),
    };
    let before = version();
    fs::write(content.path().join("index.html"), "changed").expect("a file");
    site.0.scan_now();
    assert_eq!(version(), before, "another folder has changed");
    fs::write(content.path().join("films/a.mp4"), "changed").expect("a file");
    site.0.scan_now();
    assert!(version() > before);
}
