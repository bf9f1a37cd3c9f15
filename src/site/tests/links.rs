//! Symbolic links in listings.

use super::listing::list;
use super::*;
use crate::site::links::LinkEnd;

#[test]
fn a_link_is_listed_as_what_it_leads_to_inside_the_folder() {
    let outside = tempfile::tempdir().expect("a temporary folder");
    let content = outside.path().join("content");
    for folder in ["films/new", "confidential", ".git"] {
        fs::create_dir_all(content.join(folder)).expect("a folder");
        fs::write(content.join(folder).join("x.mp4"), folder).expect("a file");
    }
    fs::write(outside.path().join("secret"), "secret").expect("a file");
    for (target, link) in [
        ("films/new/x.mp4", "file"),
        ("films/new", "folder"),
        ("file", "films/chain-of"),
        ("../file", "films/chain"),
        ("..", "films/up"),
        ("../secret", "out"),
        ("/etc/passwd", "absolute"),
        ("films/../../secret", "climbing"),
        ("nowhere", "dangling"),
        ("loop", "loop"),
        ("confidential", "hidden"),
        ("confidential/x.mp4", "hidden-file"),
        (".git/x.mp4", "dotfile"),
    ] {
        symlink(target, content.join(link)).expect("a link");
    }
    let site = Site::scan(&content, AccessRules::new([]).expect("no further folders")).expect("it opens");
    for (folder, listed) in [
        ("", "file films/ folder/"),
        ("films", "chain new/ up/"),
        ("folder", "x.mp4"),
        ("films/up/films/up/folder", "x.mp4"),
        ("hidden", "404"),
        ("out", "404"),
        ("loop", "404"),
    ] {
        assert_eq!(list(&site, folder), listed, "{folder}");
    }
    let Ok(Listing::Read(root)) = site.list(b"") else { panic!("it was scanned") };
    assert_eq!(
        root.get(b"file").map(|entry| (entry.size.0, entry.content_type())),
        Some((9, "application/octet-stream".into()))
    );
    let index = site.index();
    assert_eq!([LinkEnd::Out, LinkEnd::Nowhere].map(|end| index.count_links(&end)), [3, 3]);
    assert_eq!(index.total(|_| true).0, 1, "a file is counted where it lies");
    assert!(index.knows(b"films/new/x.mp4") && !index.knows(b"file"));
}
