//! A content folder that hangs, is slow, or is mounted after the start.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use super::hung::try_get;
use super::mounts::{SlowFs, can_mount};
use super::support::*;

/// Listening does not wait for the disk.
const AT_ONCE: Duration = Duration::from_secs(3);

/// Dropped in this order.
struct Started {
    slow: SlowFs,
    program: Program,
    _folders: [TempDir; 2],
}

impl Started {
    /// A server of a slow content folder.
    fn new(folder: TempDir, rules: &str) -> Self {
        let mount_point = tempfile::tempdir().expect("a temporary folder");
        let slow = SlowFs::mount(folder.path(), mount_point.path(), rules);
        let mut command = reeld(mount_point.path(), &ON_A_FREE_PORT);
        let program = Program::spawn(command.args(["--log", "off"])).expect("the program starts");
        Started { slow, program, _folders: [folder, mount_point] }
    }
}

#[test]
fn a_server_of_a_hung_folder_listens_and_answers() {
    if !can_mount() {
        return;
    }
    let mut wrong = Vec::new();
    for operation in ["opendir", "readdir", "getattr", "lookup", "statfs"] {
        let started = Started::new(content(), &format!("{operation} * hang"));
        let Some((address, _)) = started.program.address_within(AT_ONCE) else {
            wrong.push(format!("{operation}: it does not listen"));
            continue;
        };
        let status = |target: &str| try_get(address, target, "", AT_ONCE).map(|(status, _)| status);
        match status("/confidential/secret.txt") {
            Some(403 | 503) => {}
            other => wrong.push(format!("{operation}: {other:?} for what is confidential")),
        }
        if operation == "opendir" && status("/small.txt") != Some(503) {
            wrong.push("opendir: a folder that could not be opened yet is not 503".into());
        }
        started.slow.set("");
        wait_until("the folder is served", || status("/small.txt") == Some(200));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_slow_scan_is_not_waited_for() {
    if !can_mount() {
        return;
    }
    let folder = content();
    for number in 0..2000 {
        fs::write(folder.path().join(format!("films/{number}")), "film").expect("a file");
    }
    let started = Started::new(folder, "lookup * sleep 10\ngetattr * sleep 10");
    let (address, _) = started.program.address_within(AT_ONCE).expect("it listens");
    let answer = try_get(address, "/small.txt", "", AT_ONCE);
    assert_eq!(answer.map(|(status, _)| status), Some(200), "while the scan goes on");
}

/// The scan reads no file, and the name of a film tells its type.
#[test]
fn only_the_type_of_a_file_without_an_extension_takes_a_read() {
    if !can_mount() {
        return;
    }
    let folder = content();
    fs::write(folder.path().join("nameless"), b"\0\0\0\x18ftypisom\0\0\0\0").expect("a file");
    let started = Started::new(folder, "read * hang");
    let (address, _) = started.program.address_within(AT_ONCE).expect("it listens");
    wait_until("a folder inside is scanned", || {
        try_get(address, "/films/?json", "", AT_ONCE).is_some_and(|(status, _)| status == 200)
    });
    let request = |target: &str| {
        let mut client = Client::new(TcpStream::connect(address).expect("it listens"));
        client.send(format!("HEAD {target} HTTP/1.1\r\nHost: h\r\n\r\n"));
        client
    };
    assert_eq!(request("/film.mp4").head().field("Content-Type"), Some("video/mp4"));
    let mut waiting = request("/nameless");
    assert_eq!(started.slow.next_hung(), "read /nameless@0");
    started.slow.set("");
    assert_eq!(waiting.head().field("Content-Type"), Some("video/mp4"));
}

#[test]
fn a_folder_that_is_mounted_late_or_comes_back_is_served() {
    if !can_mount() {
        return;
    }
    let folder = |text: &str| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("which.txt"), text).expect("a file");
        fs::create_dir(folder.path().join("confidential")).expect("a folder");
        fs::write(folder.path().join("confidential/secret.txt"), "secret").expect("a file");
        folder
    };
    let (first, second) = (folder("first"), folder("second"));
    let server = Server::start_on(tempfile::tempdir().expect("a temporary folder"), &[]);
    let mount = |folder: &TempDir| SlowFs::mount(folder.path(), server.content.path() as &Path, "");
    let is_served = |text: &str| {
        let answer = server.get("/which.txt", "");
        answer.status == 200 && answer.body == text.as_bytes()
    };
    assert_eq!(server.get("/which.txt", "").status, 404);
    let mounted = mount(&first);
    wait_until("what was mounted late is served", || is_served("first"));
    assert_eq!(server.get("/confidential/secret.txt", "").status, 403);
    mounted.detach();
    wait_until("what has gone is not", || server.get("/which.txt", "").status == 404);
    drop(mounted);
    let mounted = mount(&second);
    wait_until("what has come back is served", || is_served("second"));
    // Removed abruptly, as when its daemon dies.
    drop(mounted);
    let _mounted = mount(&first);
    wait_until("what has come back is served", || is_served("first"));
    assert_eq!(server.get("/confidential/secret.txt", "").status, 403);
}
