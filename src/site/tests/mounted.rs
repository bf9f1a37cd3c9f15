//! Tests of a site with mounts inside, over and beneath it. They need root, and print a line if
//! they are skipped.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path as FsPath, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use super::watched::Watched;
use super::*;

/// A mount that is removed when it is dropped, however the test ends.
struct Mount(PathBuf);

impl Mount {
    /// Runs mount(8) or another command that mounts; None if it fails.
    fn new<S: AsRef<OsStr>>(command: &str, arguments: impl IntoIterator<Item = S>, point: &FsPath) -> Option<Self> {
        let result = Command::new(command).args(arguments).arg(point).output();
        if result.as_ref().is_ok_and(|output| output.status.success()) {
            return Some(Mount(point.to_path_buf()));
        }
        eprintln!("skipped: {command} does not work here: {result:?}");
        None
    }

    fn bind(from: &FsPath, point: &FsPath) -> Option<Self> {
        Mount::new("mount", ["--bind".as_ref(), from.as_os_str()], point)
    }

    fn tmpfs(point: &FsPath) -> Option<Self> {
        Mount::new("mount", ["-t", "tmpfs", "tmpfs"], point)
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

fn path(target: &str) -> Path {
    let Ok(Target { path, .. }) = target::parse(target.as_bytes()) else { panic!("{target} is a path") };
    path
}

fn scan(content: &FsPath) -> Site {
    Site::scan(content, AccessRules::new([]).expect("no further folders")).expect("the folder can be scanned")
}

/// The file systems for which a path needs permits, in order.
fn permits(site: &Site, target: &str) -> Vec<FileSystem> {
    let mut lookup = Lookup::CachedOnly;
    let mut permits = Vec::new();
    while let Err(NotServed::WouldBlock(WouldBlock(needed))) = site.find(&path(target), Instant::now(), lookup) {
        lookup = Lookup::MayBlock(needed);
        permits.push(needed);
        assert!(permits.len() < 5, "it goes round in circles: {permits:?}");
    }
    permits
}

#[test]
fn a_mount_is_entered_under_its_own_permit_and_by_links_under_a_shared_one() {
    let outside = tempfile::tempdir().expect("a temporary folder");
    let content = outside.path().join("content");
    for folder in ["films", "plain"] {
        fs::create_dir_all(content.join(folder)).expect("a folder");
    }
    let Some(_mount) = Mount::tmpfs(&content.join("films")) else { return };
    for file in ["films/a", "plain/b"] {
        fs::write(content.join(file), file).expect("a file");
    }
    for (target, link) in [("films/a", "into"), ("../plain/b", "films/out"), ("a", "films/within"), ("/etc", "beyond")]
    {
        symlink(target, content.join(link)).expect("a link");
    }
    let site = scan(&content);
    let root = FileSystem::of(File::open(&content).expect("a folder")).expect("it has one");
    let films = FileSystem::of(File::open(content.join("films")).expect("a folder")).expect("it has one");
    for (target, found, needed) in [
        ("/films/a", "films/a", vec![films]),
        ("/films/none", "404", vec![films]),
        ("/films", "folder", vec![films]),
        ("/films/within", "films/a", vec![films, FileSystem::BEHIND_LINK]),
        ("/films/out", "plain/b", vec![films, FileSystem::BEHIND_LINK]),
        ("/into", "films/a", vec![root, FileSystem::BEHIND_LINK]),
        ("/into/none", "404", vec![root, FileSystem::BEHIND_LINK]),
        ("/beyond/passwd", "404", vec![root]),
    ] {
        assert_eq!(find(&site, target), found, "{target}");
        assert_eq!(permits(&site, target), needed, "{target}");
    }
    // An open file counts for the file system it is on, however it was reached.
    for (target, file_system) in [("/films/a", films), ("/into", films), ("/plain/b", root)] {
        let Ok(Found::File(resource)) = find_with_permits(&site, &path(target)) else { panic!("{target} is there") };
        assert!(matches!(resource.content, Content::File(_, of) if of == file_system), "{target}");
    }
}

#[test]
fn a_bind_mount_of_the_same_file_system_is_served() {
    let outside = tempfile::tempdir().expect("a temporary folder");
    let content = outside.path().join("content");
    fs::create_dir_all(content.join("bound")).expect("a folder");
    fs::create_dir_all(outside.path().join("elsewhere")).expect("a folder");
    fs::write(outside.path().join("elsewhere/a"), "elsewhere").expect("a file");
    let Some(_mount) = Mount::bind(&outside.path().join("elsewhere"), &content.join("bound")) else { return };
    let site = scan(&content);
    assert_eq!(find(&site, "/bound/a"), "elsewhere");
    assert!(permits(&site, "/bound/a").len() <= 1);
}

#[test]
fn a_folder_that_is_not_opened_yet_is_503_and_its_secrets_403() {
    let content = tempfile::tempdir().expect("a temporary folder");
    fs::write(content.path().join("a"), "a").expect("a file");
    let site = Site::new(content.path().to_path_buf(), AccessRules::new([]).expect("no further folders"));
    assert_eq!([find(&site, "/a"), find(&site, "/confidential/a")], ["503", "403"]);
    site.open().expect("it opens");
    assert_eq!(
        (find(&site, "/a"), site.index().total(|_| true).0),
        ("a".to_string(), 0),
        "it is served before it is scanned"
    );
}

#[test]
fn the_watch_opens_and_scans() {
    let content = tempfile::tempdir().expect("a temporary folder");
    fs::write(content.path().join("a"), "a").expect("a file");
    let watched = Watched::new(content.path());
    watched.wait_for("/a", "a");
    let deadline = Instant::now() + Duration::from_secs(20);
    while watched.site.index().total(|_| true).0 != 1 {
        assert!(Instant::now() < deadline, "the scan does not end");
        thread::yield_now();
    }
}

#[test]
fn a_mount_that_comes_late_or_comes_back_is_served() {
    let outside = tempfile::tempdir().expect("a temporary folder");
    let content = outside.path().join("above/content");
    fs::create_dir_all(&content).expect("a folder");
    fs::write(content.join("a"), "beneath").expect("a file");
    let watched = Watched::new(&content);
    watched.wait_for("/a", "beneath");
    for _ in 0..2 {
        let Some(mount) = Mount::tmpfs(&content) else { return };
        fs::write(content.join("a"), "above").expect("a file");
        watched.wait_for("/a", "above");
        drop(mount);
        watched.wait_for("/a", "beneath");
    }
    let late = outside.path().join("late");
    fs::create_dir_all(late.join("content/films")).expect("a folder");
    fs::write(late.join("content/a"), "above all").expect("a file");
    let Some(_above) = Mount::bind(&late, &outside.path().join("above")) else { return };
    watched.wait_for("/a", "above all");
    let Some(_inside) = Mount::tmpfs(&content.join("films")) else { return };
    fs::write(content.join("films/b"), "inside").expect("a file");
    watched.wait_for("/films/b", "inside");
}

/// A mounted NTFS image; None without ntfs-3g.
fn ntfs(folder: &FsPath, point: &FsPath, driver: &str, options: &str) -> Option<Mount> {
    let image = folder.join("image");
    let made = File::create(&image).and_then(|file| file.set_len(8 << 20)).and_then(|()| {
        Command::new("mkntfs").args(["-Q", "-F", "-q"]).arg(&image).stdout(Stdio::null()).stderr(Stdio::null()).status()
    });
    if !made.is_ok_and(|status| status.success()) {
        eprintln!("skipped: there is no mkntfs");
        return None;
    }
    Mount::new(driver, ["-o".as_ref(), options.as_ref(), image.as_os_str()], point)
}

fn fill_ntfs(content: &FsPath) -> Option<()> {
    for folder in ["confidential", ".dotfiles", "films with a long name", "Säfe"] {
        fs::create_dir(content.join(folder)).expect("a folder");
        fs::write(content.join(folder).join("x"), folder).expect("a file");
    }
    for (folder, short) in
        [("confidential", "CONFID~1"), (".dotfiles", "DOTFIL~1"), ("films with a long name", "FILMSW~1")]
    {
        let name = content.join(folder);
        let flags = rustix::fs::XattrFlags::empty();
        if let Err(error) = rustix::fs::setxattr(&name, "system.ntfs_dos_name", short.as_bytes(), flags) {
            eprintln!("skipped: ntfs-3g gives no 8.3 names here: {error}");
            return None;
        }
    }
    Some(())
}

#[test]
fn a_second_name_of_what_is_hidden_is_refused() {
    for (root_is_ntfs, driver, options) in
        [(true, "ntfs-3g", "rw"), (false, "ntfs-3g", "rw"), (true, "lowntfs-3g", "rw,ignore_case")]
    {
        let outside = tempfile::tempdir().expect("a temporary folder");
        let content = outside.path().join("content");
        let point = if root_is_ntfs { content.clone() } else { content.join("disk") };
        fs::create_dir_all(&point).expect("a folder");
        let Some(_mount) = ntfs(outside.path(), &point, driver, options) else { return };
        let Some(()) = fill_ntfs(&point) else { return };
        let ignores_case = options.contains("ignore_case");
        assert!(point.join("CONFID~1/x").exists() && point.join("SÄFE/x").exists() == ignores_case);
        let prefix = if root_is_ntfs { "" } else { "disk/" };
        let access_rules = ["confidential", "Säfe"].map(|folder| format!("{prefix}{folder}"));
        let access_rules = AccessRules::new(access_rules.iter().map(String::as_str)).expect("these are folders");
        let new = || Site::new(content.clone(), access_rules.clone());
        let unscanned = new();
        unscanned.open().expect("it opens");
        let scanned = Site::scan(&content, access_rules.clone()).expect("it opens");
        assert_eq!(scanned.index().total(|_| true).0, 1, "nothing access_rules is indexed");
        // Case is ignored in a folder that the rules spell differently.
        let other = AccessRules::new([&*format!("{prefix}SÄFE"), &*format!("{prefix}confidential")]).expect("folders");
        let spelt_otherwise = Site::scan(&content, other).expect("it opens");
        assert!(!ignores_case || spelt_otherwise.index().total(|_| true).0 == 1);
        fs::write(point.join("films with a long name/late"), "late").expect("a file");
        for (target, found) in [
            ("confidential/x", "403"),
            ("CONFID~1/x", "403"),
            ("CONFID~1/none", "403"),
            ("confid~1/x", if ignores_case { "403" } else { "404" }),
            ("DOTFIL~1/x", "404"),
            ("DOTFIL~1", "404"),
            ("S%C3%A4fe/x", "403"),
            ("S%C3%84FE/x", if ignores_case { "403" } else { "404" }),
            ("FILMSW~1/x", "films with a long name"),
            ("films%20with%20a%20long%20name/x", "films with a long name"),
            ("films%20with%20a%20long%20name/late", "late"),
            ("films%20with%20a%20long%20name/none", "404"),
        ] {
            for (kind, site) in [("unscanned", &unscanned), ("scanned", &scanned)] {
                assert_eq!(find(site, &format!("/{prefix}{target}")), found, "{target}, {kind}, {driver} {options}");
            }
        }
        for target in ["S%C3%A4fe/x", "S%C3%84FE/x", "s%C3%A4fe/x"].into_iter().filter(|_| ignores_case) {
            assert_eq!(find(&spelt_otherwise, &format!("/{prefix}{target}")), "403", "{target}");
        }
    }
}

/// Holds a write lease on a file until an attempt to open it has waited for the time of the second
/// argument.
const HOLD_LEASE: &str = "
import fcntl, os, signal, sys, time
def release(*_):
    time.sleep(float(sys.argv[2]))
    fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    os._exit(0)
signal.signal(signal.SIGIO, release)
file = os.open(sys.argv[1], os.O_RDWR)
fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print(flush=True)
signal.pause()
";

#[test]
fn a_write_lease_is_waited_for() {
    let content = tempfile::tempdir().expect("a temporary folder");
    fs::write(content.path().join("a"), "leased").expect("a file");
    let site = scan(content.path());
    let mut python = Command::new("python3");
    python.args(["-c", HOLD_LEASE]).arg(content.path().join("a")).arg("0.3").stdout(Stdio::piped());
    let Ok(mut python) = python.stderr(Stdio::null()).spawn() else {
        eprintln!("skipped: there is no python3");
        return;
    };
    let mut line = String::new();
    BufReader::new(python.stdout.take().expect("it is piped")).read_line(&mut line).expect("it can be read");
    if line.is_empty() {
        eprintln!("skipped: there are no leases here");
        return;
    }
    let cached = site.find(&path("/a"), Instant::now(), Lookup::CachedOnly);
    assert!(matches!(cached, Err(NotServed::WouldBlock(_))), "it never waits without a permit: {cached:?}");
    assert_eq!(find(&site, "/a"), "leased");
    assert!(python.wait().expect("it ends").success());
}
