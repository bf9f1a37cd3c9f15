//! A FUSE file system for tests. Its operations sleep, hang or fail according to a file of rules.
//!
//! `slowfs <folder> <mount point> <rules>` shows the folder read-only at the mount point and prints
//! `mounted`. It unmounts and exits on SIGTERM or at the end of its standard input; operations that
//! hang fail then. `rules` describes the rules, `tree` is the file system.
#![forbid(unsafe_code)]

mod rules;
mod tree;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;
use std::thread;

use fuser::{Config, MountOption, Session, SessionACL};
use rustix::mount::{UnmountFlags, unmount};
use signal_hook::consts::SIGTERM;
use signal_hook::iterator::Signals;

use rules::RulesFile;
use tree::Tree;

fn main() -> io::Result<()> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [folder, mount_point, rules] = &*arguments else {
        eprintln!("usage: slowfs <folder> <mount point> <rules>");
        process::exit(64);
    };
    let mut signals = Signals::new([SIGTERM])?;
    let mut config = Config::default();
    config.mount_options = vec![MountOption::RO, MountOption::FSName("slowfs".into())];
    config.acl = SessionACL::All;
    let session = Session::new(Tree::new(folder.canonicalize()?, RulesFile::new(rules)), mount_point, &config)?;
    let mount_point = canonical(mount_point)?;
    let device = device_at(&mount_point);
    let end = move || {
        // Another file system may be mounted there by now.
        if device.is_some() && device == device_at(&mount_point) {
            let _ = unmount(&mount_point, UnmountFlags::FORCE | UnmountFlags::DETACH);
        }
        // When /dev/fuse is closed the kernel fails all requests that were not answered.
        process::exit(0)
    };
    let end_on_signal = end.clone();
    thread::spawn(move || signals.forever().for_each(|_| end_on_signal()));
    thread::spawn(move || {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        end()
    });
    println!("mounted");
    session.run()
}

/// The path without links. The last component is not looked up, as the file system mounted there
/// may hang.
fn canonical(mount_point: &Path) -> io::Result<PathBuf> {
    let absolute = std::path::absolute(mount_point)?;
    let (parent, name) = absolute.parent().zip(absolute.file_name()).ok_or(io::ErrorKind::InvalidInput)?;
    Ok(parent.canonicalize()?.join(name))
}

/// The device number of the file system mounted there last (proc_pid_mountinfo(5)).
fn device_at(mount_point: &Path) -> Option<String> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let mut fields = mounts.lines().rev().map(|line| line.split(' ').collect::<Vec<_>>());
    fields.find(|fields| Path::new(fields[4]) == mount_point).map(|fields| fields[2].to_string())
}
