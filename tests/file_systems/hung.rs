//! A file system that hangs blocks no request for another one.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{Advice, fadvise};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tempfile::TempDir;

use super::mounts::{Mounted, SlowFs, can_mount, run};
use super::support::*;

/// The environment variable for the full size: 1,000 clients, and a p99 of 10 ms on the main file
/// system. It takes an otherwise idle machine, and `--test-threads 1`.
const FULL_SIZE: &str = "FULL_SIZE";

/// Longer than the kernel reads ahead, 128 KiB.
const COLD: usize = 150_000;

/// A request for something on the main file system.
struct Beside {
    name: &'static str,
    target: fn(usize) -> String,
    fields: &'static str,
    status: u16,
}

const BESIDE: [Beside; 4] = [
    Beside { name: "hot file", target: |_| "/small.txt".into(), fields: "", status: 200 },
    Beside {
        name: "uncached file",
        target: |_| "/film.mp4".into(),
        fields: "Range: bytes=5000000-5065535\r\n",
        status: 206,
    },
    Beside { name: "unknown name", target: |number| format!("/unknown-{number}"), fields: "", status: 404 },
    Beside { name: "confidential", target: |_| "/confidential/x".into(), fields: "", status: 403 },
];

/// A server on the main file system, with a slow one mounted at `slow/`. The latter is dropped
/// first, as a process that hangs in it cannot be killed.
pub struct Hung {
    pub slow: SlowFs,
    pub server: Server,
    _folder: TempDir,
}

impl Hung {
    /// `slow/` has this number of files of [`COLD`] bytes, from `0.bin` on.
    pub fn start(files: usize, flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for number in 0..files {
            let path = folder.path().join(cold_name(number));
            // slowfs shows each link as a file of its own.
            match number {
                0..8 => fs::write(path, cold_bytes(number)).expect("a file"),
                _ => fs::hard_link(folder.path().join(cold_name(number % 8)), path).expect("a link"),
            }
        }
        let content = content();
        File::open(content.path().join("film.mp4")).and_then(|film| film.sync_all()).expect("a file");
        let mount_point = content.path().join("slow");
        fs::create_dir(&mount_point).expect("a folder");
        let slow = SlowFs::mount(folder.path(), &mount_point, "");
        let server = Server::start_on(content, flags);
        Hung { slow, server, _folder: folder }
    }
}

/// The name of a file in `slow/`. Without an extension its first bytes would be read for its type.
pub fn cold_name(number: usize) -> String {
    format!("{number}.bin")
}

/// The content of a file in `slow/`.
pub fn cold_bytes(number: usize) -> Vec<u8> {
    (0..COLD).map(|position| film_byte(position + (number % 8) * COLD)).collect()
}

/// The status of the response to a GET, and the time to its last byte; None if it takes too long.
pub fn try_get(address: SocketAddr, target: &str, fields: &str, time: Duration) -> Option<(u16, Duration)> {
    let begun = Instant::now();
    let mut stream = TcpStream::connect_timeout(&address, time).ok()?;
    stream.set_read_timeout(Some(time)).expect("a timeout");
    let request = format!("GET {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{fields}\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let status = std::str::from_utf8(answer.get(9..12)?).ok()?.parse().ok()?;
    Some((status, begun.elapsed()))
}

/// Requests everything on the main file system repeatedly, prints the times, and returns what is
/// wrong with them.
pub fn wrong_beside(server: &Server, title: &str) -> Vec<String> {
    let is_full = is_full_size();
    let (rounds, limit) = if is_full { (300, 10) } else { (30, 1000) };
    let limit = Duration::from_millis(limit);
    let mut wrong = Vec::new();
    for Beside { name, target, fields, status } in &BESIDE {
        let mut times = Vec::new();
        for round in 0..rounds {
            evict(&server.content.path().join("film.mp4"));
            // A request that takes longer hangs.
            match try_get(server.address, &target(round), fields, Duration::from_secs(2)) {
                Some((found, time)) if found == *status => times.push(time),
                Some((found, _)) => return vec![format!("{title}: {name}: {found} instead of {status}")],
                None => break,
            }
        }
        times.sort();
        let p99 = times.get(rounds * 99 / 100);
        let said = |time: Option<&Duration>| time.map_or("never".to_string(), |time| format!("{time:.2?}"));
        let (shown, median) = (said(p99), said(times.get(times.len() / 2)));
        println!("{title:60} {name:14} median {median:>8}  p99 {shown:>8}");
        if p99.is_none_or(|p99| *p99 > limit) {
            wrong.push(format!("{title}: {name}: p99 {shown}"));
        }
    }
    wrong
}

/// Evicts a file without dirty pages from the page cache.
fn evict(path: &Path) {
    let file = File::open(path).expect("a file");
    fadvise(&file, 0, None, Advice::DontNeed).expect("an advice");
}

fn is_full_size() -> bool {
    std::env::var_os(FULL_SIZE).is_some()
}

/// Many clients request cold files in `slow/`, which hangs. With each pool size and transfer,
/// requests for the main file system are answered meanwhile. The others are answered when `slow/`
/// works again.
fn blocks_no_other(rule: &str, before: &str) {
    if !can_mount() {
        return;
    }
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).expect("up to the maximum");
    let clients = if is_full_size() { 1000 } else { 200 };
    let mut wrong = Vec::new();
    for workers in ["2", "8", "64"] {
        for transfer in ["pread", "sendfile"] {
            let hung = Hung::start(clients, &["--workers", workers, "--transfer", transfer]);
            hung.slow.set(before);
            for number in 0..clients {
                // The kernel then caches the name, if the rules permit.
                fs::symlink_metadata(hung.server.content.path().join("slow").join(cold_name(number))).expect("a file");
            }
            hung.slow.set(&format!("{rule}\n{before}"));
            let mut waiting: Vec<Client> = (0..clients).map(|_| hung.server.connect()).collect();
            for (number, client) in waiting.iter_mut().enumerate() {
                client.get(&format!("/slow/{}", cold_name(number)), "");
            }
            hung.slow.wait_for_hung(rule.split(' ').next().expect("an operation"));
            let title = format!("{rule}, {before}, {workers} workers, {transfer}");
            wrong.extend(wrong_beside(&hung.server, &title));
            hung.slow.set("");
            for (number, client) in waiting.iter_mut().enumerate() {
                let answer = client.answer();
                assert_eq!(answer.status, 200, "{rule}: {}", answer.head);
                assert!(answer.body == cold_bytes(number), "{rule}: the bytes of file {number}");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// RESOLVE_CACHED of openat2(2) finds a name that is cached, and asks the file system to open the
/// file.
const NAMES_CACHED: &str = "cache-names 3600000";
const NOTHING_CACHED: &str = "cache-names 0";

#[test]
fn a_hung_lookup_blocks_no_other_file_system() {
    blocks_no_other("lookup * hang", NOTHING_CACHED);
}

#[test]
fn a_hung_open_blocks_no_other_file_system() {
    blocks_no_other("open * hang", NOTHING_CACHED);
}

#[test]
fn a_hung_open_of_a_cached_name_blocks_no_other_file_system() {
    blocks_no_other("open * hang", NAMES_CACHED);
}

#[test]
fn a_hung_getattr_blocks_no_other_file_system() {
    blocks_no_other("getattr * hang", NOTHING_CACHED);
}

#[test]
fn a_hung_getattr_of_a_cached_name_blocks_no_other_file_system() {
    blocks_no_other("getattr * hang", NAMES_CACHED);
}

#[test]
fn a_hung_read_blocks_no_other_file_system() {
    blocks_no_other("read * hang", NAMES_CACHED);
}

#[test]
fn a_hung_read_behind_the_first_pages_blocks_no_other_file_system() {
    blocks_no_other("read *@131072 hang", NAMES_CACHED);
}

#[test]
fn a_hung_flush_blocks_no_other_file_system() {
    blocks_no_other("flush * hang", NAMES_CACHED);
}

#[test]
fn a_hung_release_blocks_no_other_file_system() {
    blocks_no_other("release * hang", NAMES_CACHED);
}

/// Validating a cached file needs the disk when its name was evicted.
#[test]
fn a_cached_file_on_a_hung_disk_blocks_no_other_file_system() {
    if !can_mount() || !has_programs(&["mkfs.ext4", "mount", "blockdev"]) {
        return;
    }
    let disk = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| disk.path().join(name);
    for name in ["files", "backing", "slow"] {
        fs::create_dir(at(name)).expect("a folder");
    }
    fs::write(at("files/hot.txt"), "hot").expect("a file");
    let created = Instant::now();
    File::create(at("backing/image")).and_then(|image| image.set_len(4 << 20)).expect("a file");
    let files = at("files").display().to_string();
    run("mkfs.ext4", &["-q", "-O", "^has_journal", "-d", &files, &at("backing/image").display().to_string()]);
    let slow = SlowFs::mount(&at("backing"), &at("slow"), "");
    let content = content();
    fs::create_dir(content.path().join("disk")).expect("a folder");
    let image = at("slow/image");
    let device = Mounted::on_loop(&image, &content.path().join("disk"));
    let disk = Disk { slow, device, server: Server::start_on(content, &["--workers", "8"]) };
    wait_until("the file is old enough for the cache", || created.elapsed() > Duration::from_secs(4));
    for _ in 0..20 {
        assert_eq!(disk.server.get("/disk/hot.txt", "").body, b"hot");
    }
    // The names and inodes of all file systems, the blocks of the disk, and what they were read
    // from.
    for _ in 0..2 {
        fs::write("/proc/sys/vm/drop_caches", "2").expect("root may");
    }
    run("blockdev", &["--flushbufs", disk.device.source()]);
    evict(&image);
    disk.slow.set("read /image hang");
    let mut waiting: Vec<Client> = (0..16).map(|_| disk.server.connect()).collect();
    for client in &mut waiting {
        client.get("/disk/hot.txt", "");
    }
    disk.slow.wait_for_hung("read /image");
    let wrong = wrong_beside(&disk.server, "a cached file on a hung disk, 8 workers");
    disk.slow.set("");
    for client in &mut waiting {
        assert_eq!(client.answer().body, b"hot");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// In the order in which they must be dropped.
struct Disk {
    slow: SlowFs,
    device: Mounted,
    server: Server,
}
