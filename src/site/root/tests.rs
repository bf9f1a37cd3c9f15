//! Tests of the root on a real folder.

use std::fs;
use std::io::Read;
use std::os::unix::fs::symlink;

use super::*;
use crate::site::rules::Rules;
use crate::site::{AccessRules, Index, Site};

/// A folder with `films/a.txt`, a secret beside it, and links of every kind.
fn folder() -> tempfile::TempDir {
    let outside = tempfile::tempdir().expect("a temporary folder");
    let root = outside.path().join("root");
    fs::create_dir_all(root.join("films")).expect("a folder");
    fs::write(root.join("films/a.txt"), "film").expect("a file");
    fs::write(outside.path().join("secret"), "secret").expect("a file");
    for (target, link) in [
        ("films/a.txt", "inside"),
        ("../films/a.txt", "films/up"),
        ("films", "folder"),
        ("../secret", "outside"),
        ("../none", "outside-none"),
        ("films/../../secret", "climbing"),
        ("/etc/passwd", "absolute"),
        ("nowhere", "dangling"),
        ("films/none/../x", "dangling-deep"),
        ("loop", "loop"),
    ] {
        symlink(target, root.join(link)).expect("a link");
    }
    outside
}

fn open(outside: &tempfile::TempDir) -> Root {
    Root::open(&outside.path().join("root")).expect("the root")
}

/// The outcome of a lookup: the text and real path, or `would block`, or the error and the real
/// path it would have.
fn look_up(root: &Root, path: &str, lookup: Lookup) -> (String, Option<String>) {
    let text = |path: Option<Vec<u8>>| path.map(|path| String::from_utf8(path).expect("a path"));
    let (access_rules, index) = (AccessRules::new([]).expect("no folders"), Index::default());
    match root.open_beneath(path.as_bytes(), lookup, Rules { access_rules: &access_rules, index: &index }) {
        Ok(mut opened) => {
            let mut content = String::new();
            opened.file.read_to_string(&mut content).expect("a text file");
            (content, text(opened.real_path))
        }
        Err(Failure::WouldBlock(_)) => ("would block".to_string(), None),
        Err(Failure::Denied(denial)) => (denial.refusal().status.code().to_string(), None),
        Err(Failure::Error { error, real_path }) => {
            (text_of(Err(Errno::from_io_error(&error).expect("an error of the system"))), text(real_path))
        }
    }
}

/// The same without a permit. A cached lookup would block when it races with a rename or mount
/// anywhere, so it is retried.
fn look_up_cached(root: &Root, path: &str) -> String {
    let found = || look_up(root, path, Lookup::CachedOnly).0;
    (0..1000).map(|_| found()).find(|found| found != "would block").unwrap_or_else(found)
}

fn text_of(found: Result<&str, Errno>) -> String {
    found.map_or_else(|errno| format!("{errno:?}"), str::to_string)
}

/// Links lead to the same places with the path of an open file from proc(5) and without, and with
/// openat2(2) and without.
#[test]
fn only_what_lies_beneath_is_opened() {
    let outside = folder();
    let roots = [(true, true), (true, false), (false, false)].map(|(has_openat2, has_proc)| {
        let root = open(&outside);
        assert!(root.has_openat2 && root.has_proc, "this test is about openat2(2)");
        Root { has_openat2, has_proc, ..root }
    });
    for root in &roots {
        for (path, found, real_path) in [
            ("films/a.txt", Ok("film"), None),
            ("inside", Ok("film"), Some("films/a.txt")),
            ("films/up", Ok("film"), Some("films/a.txt")),
            ("folder/a.txt", Ok("film"), Some("films/a.txt")),
            ("folder/up", Ok("film"), Some("films/a.txt")),
            ("outside", Err(Errno::XDEV), None),
            ("outside-none", Err(Errno::XDEV), None),
            ("climbing", Err(Errno::XDEV), None),
            ("absolute", Err(Errno::XDEV), None),
            ("dangling", Err(Errno::NOENT), Some("nowhere")),
            ("dangling-deep", Err(Errno::NOENT), Some("films/x")),
            ("folder/none", Err(Errno::NOENT), Some("films/none")),
            ("loop", Err(Errno::LOOP), Some("loop")),
        ] {
            let found = (text_of(found), real_path.map(str::to_string));
            assert_eq!(look_up(root, path, root.may_block()), found, "{path}");
        }
        for (path, errno) in [("films/a.txt/x", Errno::NOTDIR), ("nowhere", Errno::NOENT)] {
            assert_eq!(look_up(root, path, root.may_block()).0, text_of(Err(errno)), "{path}");
        }
    }
}

#[test]
fn only_what_is_in_memory_is_opened_without_a_permit() {
    let outside = folder();
    let root = open(&outside);
    if root.file_system.kind != Kind::Local {
        eprintln!("skipped: the temporary folder is on no local file system");
        return;
    }
    assert!(root.has_cached, "this test is about RESOLVE_CACHED");
    for path in ["films/a.txt", "inside", "folder/a.txt"] {
        // Once, to bring it into memory.
        look_up(&root, path, root.may_block());
        assert_eq!(look_up_cached(&root, path), "film", "{path}");
    }
    for path in ["films/never asked for", "folder/never asked for", "folder/none", "outside", "dangling"] {
        assert_eq!(look_up(&root, path, Lookup::CachedOnly).0, "would block", "{path}");
    }
    for (name, path) in [("fuse", "films/a.txt"), ("nfs4", "films/a.txt"), ("vfat", "films/a.txt")] {
        // On a remote file system, or where the name may be an alias, everything needs a permit.
        let root = open(&outside).like(name);
        assert_eq!(look_up(&root, path, Lookup::CachedOnly).0, "would block", "{name}");
        assert_eq!(look_up(&root, path, root.may_block()).0, "film", "{name}");
    }
    let memory = open(&outside).like("tmpfs");
    for (path, found) in [
        ("films/another never asked for", Err(Errno::NOENT)),
        ("folder/a.txt", Ok("film")),
        ("outside", Err(Errno::XDEV)),
    ] {
        assert_eq!(look_up_cached(&memory, path), text_of(found), "memory never blocks: {path}");
    }
}

#[test]
fn a_permit_of_another_file_system_opens_nothing() {
    let outside = folder();
    let root = open(&outside);
    let other = root.file_system.like("fuse");
    assert_eq!(look_up(&root, "films/a.txt", Lookup::MayBlock(other)).0, "would block");
}

#[test]
fn a_name_that_could_match_without_case_needs_a_permit_unless_its_folder_is_known() {
    let outside = folder();
    let content = outside.path().join("root");
    let root = open(&outside).like("ext4");
    for path in ["films/Amélie.txt", "Amélie.txt"] {
        fs::write(content.join(path), "film").expect("a file");
        look_up(&root, path, root.may_block());
        assert_eq!(look_up(&root, path, Lookup::CachedOnly).0, "would block", "{path}");
        assert_eq!(look_up(&root, path, root.may_block()), ("film".to_string(), None), "{path}");
    }
    if !crate::site::spelling::has_no_casefold(fs::File::open(&content).expect("a folder")) {
        eprintln!("skipped: the temporary folder is on a file system without the casefold flag");
        return;
    }
    let access_rules = AccessRules::new([]).expect("no folders");
    let index = Site::scan(&content, access_rules.clone()).expect("it opens").index();
    fs::write(content.join("films/Été.txt"), "late").expect("a file");
    let rules = Rules { access_rules: &access_rules, index: &index };
    let is_found = |_| root.open_beneath("films/Été.txt".as_bytes(), Lookup::CachedOnly, rules).is_ok();
    assert!((0..1000).any(is_found));
}
