//! Files with second names: a file that is confidential by one name is so by all.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::fs::{XattrFlags, setxattr};

use super::mounts::{Mounted, SlowFs, can_mount};
use super::support::*;

/// A folder with `confidential/`, `.dotfiles/`, `Säfe/`, each with `secret.txt`, and `plain.txt`
/// and `films/plain.txt`.
fn fill(folder: &Path) {
    for secret in ["confidential", ".dotfiles", "Säfe"] {
        fs::create_dir_all(folder.join(secret)).expect("a folder");
        fs::write(folder.join(secret).join("secret.txt"), "secret").expect("a file");
    }
    fs::create_dir(folder.join("films")).expect("a folder");
    for plain in ["plain.txt", "films/plain.txt"] {
        fs::write(folder.join(plain), "plain").expect("a file");
    }
}

/// Targets that must never be answered with a file, each relative to the folder.
const SECRET: [&str; 10] = [
    "confidential/secret.txt",
    "CONFID~1/secret.txt",
    "CONFIDENTIAL/secret.txt",
    "Confidential/SECRET~1.TXT",
    ".dotfiles/secret.txt",
    "DOTFIL~1/secret.txt",
    "S%C3%A4fe/secret.txt",
    "S%C3%84FE/secret.txt",
    "s%C3%A4fe/secret.txt",
    "SFE~1/secret.txt",
];

/// Requests secret and other files, twice, as the kernel caches names. Returns what is wrong.
fn wrong_answers(server: &Server, at: &str, title: &str) -> BTreeSet<String> {
    let mut wrong = BTreeSet::new();
    for target in SECRET.iter().chain(&SECRET) {
        let target = format!("{at}{target}");
        let answer = server.get(&target, "");
        if !matches!(answer.status, 403 | 404) || answer.body == b"secret" {
            wrong.insert(format!("{title}: {target} is {}", answer.status));
        }
    }
    for target in ["plain.txt", "films/plain.txt"] {
        let target = format!("{at}{target}");
        let answer = server.get(&target, "");
        if answer.status != 200 || answer.body != b"plain" {
            wrong.insert(format!("{title}: {target} is {}", answer.status));
        }
    }
    wrong
}

/// Dropped in this order.
struct Served<Mount> {
    _mount: Mount,
    server: Server,
}

const ALIASES: &str = "fold-case
alias /confidential CONFID~1
alias /confidential/secret.txt SECRET~1.TXT
alias /.dotfiles DOTFIL~1
alias /Säfe SFE~1
";

#[test]
fn a_second_name_shows_nothing_that_the_first_hides() {
    if !can_mount() {
        return;
    }
    let mut wrong = Vec::new();
    for inodes in ["", "no-inodes"] {
        for cache in ["cache-names 0", "cache-names 3600000\ncache-attributes 3600000"] {
            // As the content folder, and as a folder in it.
            for (at, flags) in [
                ("/", ["--confidential", "Säfe", "--confidential", "Säfe"]),
                ("/disk/", ["--confidential", "disk/Säfe", "--confidential", "disk/confidential"]),
            ] {
                let folder = tempfile::tempdir().expect("a temporary folder");
                fill(folder.path());
                let content = content();
                fs::create_dir(content.path().join("disk")).expect("a folder");
                let mount_point = content.path().join(&at[1..]);
                let slow = SlowFs::mount(folder.path(), &mount_point, &format!("{ALIASES}{inodes}\n{cache}"));
                let served = Served { _mount: slow, server: Server::start_on(content, &flags) };
                wrong.extend(wrong_answers(&served.server, at, &format!("{inodes:9} {cache:.19}")));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn on_ntfs_a_second_name_shows_nothing_that_the_first_hides() {
    if !can_mount() || !has_programs(&["mkntfs", "ntfs-3g", "lowntfs-3g"]) {
        return;
    }
    let mut wrong = Vec::new();
    for (program, options) in [("ntfs-3g", "ro"), ("lowntfs-3g", "ro,ignore_case")] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let image = folder.path().join("image");
        fs::File::create(&image).and_then(|image| image.set_len(16 << 20)).expect("a file");
        let image = image.display().to_string();
        super::mounts::run("mkntfs", &["-F", "-Q", "-q", &image]);
        let content = tempfile::tempdir().expect("a temporary folder");
        let at = content.path().display().to_string();
        let mut writer = Command::new("ntfs-3g")
            .args(["-o", "no_detach", &image, &at])
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let writable = Mounted::at(content.path());
        fill(content.path());
        for (name, second) in [("confidential", "CONFID~1"), (".dotfiles", "DOTFIL~1"), ("Säfe", "SFE~1")] {
            let path = content.path().join(name);
            setxattr(path, "system.ntfs_dos_name", second.as_bytes(), XattrFlags::empty()).expect("a second name");
        }
        drop(writable);
        // Only then is everything written.
        assert!(writer.wait().expect("it was started").success());
        let mounted = Mounted::by(program, &["-o", options, &image, &at], content.path());
        let has_second_name = fs::metadata(content.path().join("CONFID~1/secret.txt")).is_ok();
        assert!(has_second_name, "{program}: this test is about second names");
        let served = Served { _mount: mounted, server: Server::start_on(content, &["--confidential", "Säfe"]) };
        wrong.extend(wrong_answers(&served.server, "/", program));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
