//! What goes to standard output and standard error.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv6Addr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crossbeam_channel::{RecvTimeoutError, unbounded};
use reeld::ops::addresses::for_other_devices;
use reeld::ops::qr_code::half_blocks;
use rustix::process::{Pid, Signal, kill_process};

use super::support::*;

const NAME: &[u8] = b"\x1b]0;t\x07\nreeld: error: \xc2\x9b31m caf\xc3\xa9 \xe6\x97\xa5\xe2\x80\xae";
const SHOWN: &str = "\\u{1b}]0;t\\u{7}\\nreeld: error: \\u{9b}31m café 日\\u{202e}";

#[test]
fn names_reach_standard_error_in_one_line_without_escape_codes() {
    let content = content();
    let name = OsStr::from_bytes(NAME);
    let with = |prefix: &[u8], suffix: &[u8]| OsStr::from_bytes(&[prefix, NAME, suffix].concat()).to_os_string();
    let folder = content.path();
    for (what, command) in [
        ("folder", &mut reeld(&folder.join(name), &[])),
        ("value of a flag", reeld(folder, &["--port"]).arg(name)),
        ("flag", reeld(folder, &[]).arg(with(b"--", b""))),
        ("value of a variable", reeld(folder, &[]).env("REELD_PORT", name)),
        ("variable", reeld(folder, &[]).env(with(b"REELD_", b""), "")),
        ("confidential folder", reeld(folder, &["--confidential"]).arg(name)),
        ("log filter", reeld(folder, &["--port", "x"]).env("RUST_LOG", with(b"", b"=x=y"))),
    ] {
        let output = command.output().expect("the program starts");
        let stderr = String::from_utf8(output.stderr).expect("UTF-8");
        assert!(stderr.contains("\\u{1b}]0;t\\u{7}") && stderr.contains("café 日"), "{what}: {stderr:?}");
        let raw = stderr.chars().find(|character| *character != '\n' && character.is_control());
        assert_eq!(raw, None, "{what}: {stderr:?}");
        assert!(stderr.lines().all(|line| !line.starts_with("reeld: error: \u{9b}")), "{what}: {stderr:?}");
    }
}

#[test]
fn the_line_at_the_start_is_one_line() {
    let content = content();
    let folder = content.path().join(OsStr::from_bytes(NAME));
    fs::create_dir(&folder).expect("a folder");
    let server = Server::spawn(content, reeld(&folder, &ON_A_FREE_PORT).args(["--log", "off"]));
    assert!(server.start_line.contains(SHOWN), "{}", server.start_line);
}

/// What the program says until it is ended after its first lines, to this standard error.
fn said(flags: &[&str], standard_error: Stdio, mut reader: impl Read + Send + 'static) -> String {
    let content = content();
    let mut command = reeld(content.path(), &["--port", "0", "--log", "off"]);
    let mut child = command.args(flags).stderr(standard_error).spawn().expect("the program starts");
    // The reader sees the end when nobody else has the other side.
    drop(command);
    let (tell, pieces) = unbounded();
    std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        // The end of a terminal is an error (pty(7)).
        while let Ok(count @ 1..) = reader.read(&mut bytes) {
            let _ = tell.send(bytes[..count].to_vec());
        }
    });
    let mut text = Vec::new();
    let mut is_ended = false;
    loop {
        match pieces.recv_timeout(PATIENCE) {
            Ok(piece) => text.extend(piece),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                child.kill().expect("it is ours");
                panic!("it does not end: {:?}", String::from_utf8_lossy(&text));
            }
        }
        if !is_ended && text.windows(11).any(|window| window == b"part policy") {
            is_ended = true;
            // A second signal would end it before it has said all.
            kill_process(Pid::from_child(&child), Signal::TERM).expect("it is ours");
        }
    }
    child.wait().expect("it is ours");
    String::from_utf8(text).expect("UTF-8")
}

fn said_to_terminal(flags: &[&str]) -> String {
    let (terminal, other_side) = terminal(80);
    said(flags, other_side.into(), terminal)
}

fn said_to_pipe(flags: &[&str]) -> String {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    said(flags, writer.into(), reader)
}

#[test]
fn other_devices_are_named_and_a_terminal_shows_the_first_as_a_qr_code() {
    let everywhere = (Ipv6Addr::UNSPECIFIED, 0).into();
    let others = for_other_devices(&[everywhere]);
    if others.is_empty() {
        eprintln!("skipped: this machine has no address that other devices reach");
        return;
    }
    for (text, has_code) in
        [(said_to_pipe(&[]), false), (said_to_terminal(&[]), true), (said_to_terminal(&["--no-qr"]), false)]
    {
        let (_, rest) = text.split_once("http://localhost:").expect("the address is named");
        let port: u16 = rest.split('/').next().and_then(|port| port.parse().ok()).expect("a port");
        for other in &others {
            let url = format!("http://{}/", SocketAddr::new(other.ip(), port));
            assert!(text.lines().any(|line| line.trim_end() == format!("reeld: on other devices: {url}")), "{text}");
        }
        let code = half_blocks(&format!("http://{}/", SocketAddr::new(others[0].ip(), port))).expect("it is short");
        assert_eq!(text.replace('\r', "").contains(&code), has_code, "{text}");
        assert_eq!(text.contains('█'), has_code, "{text}");
    }
    let on_loopback = said_to_terminal(&["--host", "127.0.0.1"]);
    assert!(!on_loopback.contains("other devices") && !on_loopback.contains('█'), "{on_loopback}");
}

#[test]
fn a_program_that_is_cut_short_is_named_once() {
    let server = Server::start(&["--part-size", "1KiB"]);
    let mut client = server.connect();
    let mut ask = |fields: &str| {
        client.get("/film.mp4", fields);
        client.answer();
    };
    // None of these takes a part that it did not ask for as the whole file.
    ask("User-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n");
    ask("User-Agent: early/1\r\nRange: bytes=0-\r\n");
    ask("User-Agent: Wget/1.21.3\r\n");
    ask("User-Agent: Wget/1.21.3 (linux-gnu)\r\n");
    ask("User-Agent: odd\u{9b}31m\r\n");
    ask("");
    let notice = |product: &str| {
        format!("{product} was sent the first 1 KiB of a larger file and may take it for all of it; see --part-policy")
    };
    // Each is the next such line, so there is none between them.
    for product in ["Wget/1.21.3", "odd", "a client without a name"] {
        let line = server.wait_for_diagnostic("was sent");
        assert_eq!(line, format!("reeld: warn: {}", notice(product)));
    }
}

/// A tmpfs of 64 KiB, if this user may mount one. Unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Option<Self> {
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "reeld-test"]).arg(at).output();
        mount.is_ok_and(|output| output.status.success()).then(|| SmallDisk(at.into()))
    }

    /// Fills all but a few KiB.
    fn fill(&self) {
        let mut filler = File::create(self.0.join("filler")).expect("a file");
        while filler.write_all(&[0; 4096]).is_ok() {}
    }

    fn make_room(&self) {
        fs::remove_file(self.0.join("filler")).expect("it is there");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // If it fails, the temporary folder stays, which does no harm.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).output();
    }
}

#[test]
fn after_each_time_that_the_disk_was_full_the_access_log_goes_on_with_whole_lines() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let Some(disk) = SmallDisk::mount(folder.path()) else {
        eprintln!("skipped: this user may not mount a tmpfs");
        return;
    };
    let path = folder.path().join("access.log");
    let log = File::create(&path).expect("a file");
    let content = content();
    let mut command = reeld(content.path(), &ON_A_FREE_PORT);
    let mut server = Server::spawn(content, command.stdout(log));
    let mut client = server.connect();
    let mut asked = 0;
    let mut ask = |count: usize| {
        for number in asked..asked + count {
            client.get(&format!("/small.txt?{number}"), "");
            assert_eq!(client.answer().status, 200);
        }
        asked += count;
    };
    let has_line = |number: usize| {
        fs::read_to_string(&path).is_ok_and(|text| text.contains(&format!("?{number} HTTP/1.1\" 200 5 \"-\" \"-\"\n")))
    };
    ask(1);
    wait_until("the log has begun", || has_line(0));
    // The last page of the log has room for some lines and part of one.
    disk.fill();
    ask(100);
    server.wait_for_diagnostic("access-log: cannot write to standard output, will try again: No space left on device");
    disk.make_room();
    ask(1);
    wait_until("the log goes on", || has_line(101));
    disk.fill();
    ask(100);
    server.wait_for_diagnostic("access-log: cannot write to standard output, will try again: No space left on device");
    disk.make_room();
    server.signal(Signal::TERM);
    assert_eq!(server.wait().code(), Some(0));
    let text = fs::read_to_string(&path).expect("a text");
    let is_whole = |line: &&str| line.ends_with(" HTTP/1.1\" 200 5 \"-\" \"-\"");
    let whole: Vec<_> = text.lines().filter(is_whole).collect();
    assert_eq!(whole.len(), 202, "{text}");
    for (number, line) in whole.iter().enumerate() {
        assert!(line.starts_with("127.0.0.1 - - [") && line.contains(&format!("?{number} ")), "{number}: {line}");
        assert_eq!(line.matches("127.0.0.1").count(), 1, "{line}");
    }
    // One cut line each time, unless the cut was at a line end.
    assert!(text.lines().count() - whole.len() <= 2, "{text}");
}

#[test]
fn links_that_are_not_served_are_counted_at_the_start() {
    let content = content();
    for (target, link) in [("../a", "out-1"), ("/etc/passwd", "out-2"), ("none", "dangling"), ("small.txt", "inside")] {
        std::os::unix::fs::symlink(target, content.path().join(link)).expect("a link");
    }
    let program = Program::spawn(&mut reeld(content.path(), &ON_A_FREE_PORT)).expect("the program starts");
    for sentence in [
        "reeld: indexed 4 files, ",
        "reeld: warn: 2 links lead out of the folder and are not served",
        "reeld: warn: 1 link leads nowhere and is not served",
    ] {
        assert!(program.diagnostic_within(sentence, PATIENCE).is_some(), "{sentence}");
    }
}
