//! The tests of `slowfs` itself.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{StatVfs, fstatvfs};
use rustix::process::{Pid, Signal, kill_process};

use super::mounts::{SlowFs, can_mount, is_mounted};
use super::support::wait_until;

/// Takes the mount point.
type Calls = fn(&Path) -> io::Result<()>;

/// An operation, the path that it is for, and calls that lead to it.
const OPERATIONS: [(&str, &str, Calls); 9] = [
    ("lookup", "/slow", |at| fs::symlink_metadata(at.join("slow")).map(drop)),
    ("getattr", "/slow", |at| File::open(at.join("slow"))?.metadata().map(drop)),
    ("statfs", "/slow", |at| Ok(fstatvfs(File::open(at.join("slow"))?.as_fd()).map(drop::<StatVfs>)?)),
    ("open", "/slow", |at| File::open(at.join("slow")).map(drop)),
    ("read", "/slow", |at| File::open(at.join("slow"))?.read_exact_at(&mut [0; 4], 0)),
    // close(2) waits for flush, and File ignores its error.
    ("flush", "/slow", |at| File::open(at.join("slow")).map(drop)),
    ("release", "/slow", |at| File::open(at.join("slow")).map(drop)),
    ("opendir", "/folder", |at| fs::read_dir(at.join("folder")).map(drop)),
    ("readdir", "/folder", |at| fs::read_dir(at.join("folder"))?.try_for_each(|entry| entry.map(drop))),
];

#[test]
fn a_rule_can_name_a_place_in_a_file() {
    if !can_mount() {
        return;
    }
    let folder = folder();
    fs::write(folder.path().join("large"), vec![0; 1024 * 1024]).expect("a file");
    let mount_point = folder.path().join("mount");
    let slow = SlowFs::mount(folder.path(), &mount_point, "read /large@524288 fail EIO");
    let read = |offset| File::open(mount_point.join("large")).and_then(|file| file.read_at(&mut [0; 4], offset)).ok();
    assert_eq!((read(0), read(524_288), read(1_000_000)), (Some(4), None, Some(4)));
    slow.set("");
    assert_eq!(read(524_288), Some(4));
}

/// A folder with `slow`, `other`, `folder/` and `mount/`.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("slow"), "slow").expect("a file");
    fs::write(folder.path().join("other"), "other").expect("a file");
    fs::create_dir(folder.path().join("folder")).expect("a folder");
    fs::create_dir(folder.path().join("mount")).expect("a folder");
    folder
}

#[test]
fn each_operation_can_hang_and_blocks_no_other() {
    if !can_mount() {
        return;
    }
    for (operation, path, act) in OPERATIONS {
        let folder = folder();
        let mount_point = folder.path().join("mount");
        let slow = SlowFs::mount(folder.path(), &mount_point, &format!("{operation} {path} hang"));
        thread::scope(|scope| {
            let hung = scope.spawn(|| act(&mount_point));
            slow.wait_for_hung(&format!("{operation} {path}"));
            // close(2) does not wait for release.
            wait_until("it is closed", || operation != "release" || hung.is_finished());
            assert_eq!(fs::read(mount_point.join("other")).expect("it does not hang"), b"other", "beside {operation}");
            assert_eq!(fs::read_dir(&mount_point).expect("it does not hang").count(), 4, "beside {operation}");
            assert_eq!(hung.is_finished(), operation == "release", "{operation} waits");
            slow.set("");
            hung.join().expect("no panic").expect(operation);
        });
    }
}

#[test]
fn each_operation_can_sleep_and_fail() {
    if !can_mount() {
        return;
    }
    let folder = folder();
    let mount_point = folder.path().join("mount");
    let slow = SlowFs::mount(folder.path(), &mount_point, "");
    for (operation, path, act) in OPERATIONS {
        slow.set(&format!("{operation} {path} sleep 50"));
        let begun = Instant::now();
        act(&mount_point).expect(operation);
        let is_long = begun.elapsed() >= Duration::from_millis(50);
        assert_eq!(is_long, operation != "release", "{operation} takes {:?}", begun.elapsed());
        slow.set(&format!("{operation} * fail EIO"));
        let error = act(&mount_point).err().and_then(|error| error.raw_os_error());
        let expected = (!matches!(operation, "flush" | "release")).then_some(5);
        assert_eq!(error, expected, "the error of {operation}");
    }
}

#[test]
fn second_names_lead_to_the_same_file() {
    if !can_mount() {
        return;
    }
    let folder = folder();
    fs::create_dir(folder.path().join("Säfe")).expect("a folder");
    fs::write(folder.path().join("Säfe/in"), "in").expect("a file");
    for rules in ["", "no-inodes"] {
        let mount_point = folder.path().join("mount");
        let rules = format!("alias /slow SLOW~1\nalias /Säfe S~1\nfold-case\n{rules}");
        let _slow = SlowFs::mount(folder.path(), &mount_point, &rules);
        let read = |name: &str| fs::read_to_string(mount_point.join(name)).ok();
        for (name, text) in
            [("SLOW~1", "slow"), ("SLOW", "slow"), ("S~1/in", "in"), ("SÄFE/IN", "in"), ("OTHER", "other")]
        {
            assert_eq!(read(name).as_deref(), Some(text), "{name} {rules}");
        }
        assert_eq!(read("SLOW~2"), None);
        let inode = |name: &str| fs::metadata(mount_point.join(name)).expect(name).ino();
        let listed: Vec<(String, u64)> = rustix::fs::Dir::read_from(File::open(&mount_point).expect("a folder"))
            .expect("a folder")
            .map(|entry| entry.expect("an entry"))
            .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.ino()))
            .collect();
        assert!(!listed.iter().any(|(name, _)| name.contains('~')), "{listed:?}");
        let agrees = listed.contains(&("slow".into(), inode("slow")));
        assert_eq!((agrees, inode("slow") == inode("SLOW~1")), (!rules.contains("no-"), !rules.contains("no-")));
    }
}

/// A process that hangs in FUSE can be killed only in a read: fuse_simple_request() waits
/// regardless of signals (request_wait_answer() in fs/fuse/dev.c), but a read waits for the page
/// that is read ahead, which a signal can interrupt.
#[test]
fn a_process_that_hangs_can_be_killed_in_a_read_only() {
    if !can_mount() {
        return;
    }
    for (operation, can_be_killed) in
        [("lookup", false), ("open", false), ("getattr", false), ("read", true), ("flush", false)]
    {
        let folder = folder();
        let mount_point = folder.path().join("mount");
        let slow = SlowFs::mount(folder.path(), &mount_point, &format!("{operation} /slow hang"));
        let mut child = Command::new("cat").arg(mount_point.join("slow")).stdout(Stdio::null()).spawn().expect("cat");
        slow.wait_for_hung(operation);
        child.kill().expect("it is there");
        if can_be_killed {
            wait_until("it has ended", || is_dead(&child));
        } else {
            thread::sleep(Duration::from_millis(50));
            assert!(!is_dead(&child), "{operation}");
        }
        slow.set("");
        assert!(!child.wait().expect("it is there").success(), "{operation}");
    }
}

/// Whether a process is a zombie, without reaping it.
fn is_dead(child: &Child) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).expect("it was not reaped");
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z'))
}

#[test]
fn no_mount_stays_behind() {
    if !can_mount() {
        return;
    }
    let folder = folder();
    let mount_point = folder.path().join("mount");
    let begin = || SlowFs::mount(folder.path(), &mount_point, "open /slow hang");
    for end in ["stdin", "SIGTERM", "umount -l"] {
        let slow = begin();
        assert!(is_mounted(&mount_point));
        thread::scope(|scope| {
            let hung = scope.spawn(|| File::open(mount_point.join("slow")).err());
            slow.wait_for_hung("open /slow");
            match end {
                "SIGTERM" => kill_process(Pid::from_child(slow.child()), Signal::TERM).expect("it is there"),
                "umount -l" => slow.detach(),
                _ => {}
            }
            if end != "stdin" {
                wait_until("it is not mounted", || !is_mounted(&mount_point));
            }
            drop(slow);
            assert!(!is_mounted(&mount_point), "{end}");
            let error = hung.join().expect("no panic").expect("what hung fails");
            assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::CONNABORTED.raw_os_error()), "{end}");
        });
    }
    // Dropping a detached mount must not remove a later one at the same place.
    let first = begin();
    first.detach();
    let second = begin();
    drop(first);
    assert!(is_mounted(&mount_point));
    drop(second);
    assert!(!is_mounted(&mount_point));
}
